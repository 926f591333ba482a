//! Android's log. Quiet on success, and without a word about hosts, pins or configurations.

use log::LevelFilter;
use std::{panic, sync::Once};

/// From now on warnings and errors are in Android's log, panics among them.
pub(crate) fn install() {
    static INSTALLED: Once = Once::new();
    INSTALLED.call_once(|| {
        android_logger::init_once(
            android_logger::Config::default().with_max_level(LevelFilter::Warn).with_tag("SpkiPinning"),
        );
        // Only where it was: a panic's text may quote what an app's user did.
        panic::set_hook(Box::new(|panic| match panic.location() {
            Some(location) => log::error!("panic at {}:{}", location.file(), location.line()),
            None => log::error!("panic"),
        }));
    });
}
