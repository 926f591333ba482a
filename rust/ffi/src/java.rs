//! JNI: the natives of one Java class, and its events. On Android, and on any JVM for tests.
//!
//! ```kotlin
//! package com.spkipinning
//!
//! object NativeCheck {
//!     @JvmStatic external fun check(host: String?, chain: Array<ByteArray>, validated: Boolean, stack: String): String?
//!     @JvmStatic external fun evaluate(host: String?, chain: Array<ByteArray>, validated: Boolean, stack: String): String?
//!     @JvmStatic external fun verdict(host: String?, chain: Array<ByteArray>, validated: Boolean): String
//!     @JvmStatic external fun isPinned(host: String?): Boolean
//!     @JvmStatic external fun generation(): Long
//!     @JvmStatic external fun start(surroundings: String): Boolean
//!     @JvmStatic external fun initialize(document: String, embedded: Boolean): String
//!     @JvmStatic external fun disable()
//!     @JvmStatic external fun status(): String
//!     @JvmStatic external fun report(notice: String, host: String?, message: String, stack: String)
//!     @JvmStatic external fun setListening(listening: Boolean)
//!     @JvmStatic external fun update(): String
//!     @JvmStatic external fun cameToForeground()
//!     @JvmStatic external fun verify(host: String, port: Int): String
//!     @JvmStatic external fun watch(host: String)
//!     @JvmStatic external fun watched(): String
//!     @JvmStatic external fun tellStack(stack: String, hooked: Boolean)
//!     @JvmStatic fun onEvent(event: String)
//!     @JvmStatic fun validatedPath(host: String, sent: Array<ByteArray>): Array<ByteArray>?
//!     @JvmStatic fun onPinsChanged()
//! }
//! ```
//!
//! They answer as [`crate::api::PinningEngine`] does. A native that throws could not even make its answer: the connection
//! must not go ahead then.

use crate::{
    bridge::{self, Connection, Listener},
    platform::Platform,
};
use arguments::{certificates, text};
use jni::{
    Env, JValue, JavaVM, NativeMethod,
    errors::{Error, Result},
    jni_sig, jni_str, native_method,
    objects::{JByteArray, JClass, JObjectArray, JString},
    refs::{Global, IntoAuto as _},
    strings::JNIStr,
    sys::{self, JNI_ERR, JNI_VERSION_1_6, jboolean, jint, jlong},
};
use spki_pinning_core::{Notice, Source};
use std::{
    ffi::c_void,
    panic::catch_unwind,
    sync::{Arc, OnceLock},
};

mod arguments;

/// The class whose natives these are, all of them static. An app's shrinker has to keep its name and its members.
const CLASS: &JNIStr = jni_str!("com/spkipinning/NativeCheck");

/// Its method that takes events: `static void onEvent(String)`.
const ON_EVENT: &JNIStr = jni_str!("onEvent");

/// `static byte[][] validatedPath(String, byte[][])`: see [`Platform::validated_path`]. A throw is no path.
const VALIDATED_PATH: &JNIStr = jni_str!("validatedPath");

/// `static void onPinsChanged()`: see [`Platform::pins_changed`].
const ON_PINS_CHANGED: &JNIStr = jni_str!("onPinsChanged");

fn natives() -> [NativeMethod<'static>; 17] {
    [
        native_method! {
            static fn check(host: JString, chain: jbyte[][], validated: jboolean, stack: JString) -> JString
        },
        native_method! {
            static fn evaluate(host: JString, chain: jbyte[][], validated: jboolean, stack: JString) -> JString
        },
        native_method! { static fn verdict(host: JString, chain: jbyte[][], validated: jboolean) -> JString },
        native_method! { static fn is_pinned(host: JString) -> jboolean },
        native_method! { static fn generation() -> jlong },
        native_method! { static fn start(surroundings: JString) -> jboolean },
        native_method! { static fn initialize(document: JString, embedded: jboolean) -> JString },
        native_method! { static fn disable() },
        native_method! { static fn status() -> JString },
        native_method! { static fn report(notice: JString, host: JString, message: JString, stack: JString) },
        native_method! { static fn set_listening(listening: jboolean) },
        native_method! { static fn update() -> JString },
        native_method! { static fn came_to_foreground() },
        native_method! { static fn verify(host: JString, port: jint) -> JString },
        native_method! { static fn watch(host: JString) },
        native_method! { static fn watched() -> JString },
        native_method! { static fn tell_stack(stack: JString, hooked: jboolean) },
    ]
}

/// [`CLASS`], from when the library was loaded.
static LOADED: OnceLock<Global<JClass<'static>>> = OnceLock::new();

/// Called by `System.loadLibrary`. A process that has no [`CLASS`] uses uniffi, and gets no natives; one that has the
/// class, but without one of its members, gets no library: a shrinker took them away.
#[unsafe(no_mangle)]
#[allow(unsafe_code, reason = "the name is the one that a Java VM looks for")]
extern "system" fn JNI_OnLoad(vm: *mut sys::JavaVM, _: *mut c_void) -> jint {
    #[cfg(target_os = "android")]
    crate::logging::install();
    let load = || {
        // SAFETY: it is what the VM, which calls this function, says of itself: valid as long as the process lives.
        let vm = unsafe { JavaVM::from_raw(vm) };
        vm.attach_current_thread(|env| match env.find_class(CLASS) {
            Ok(class) => register(env, class),
            Err(Error::NoClassDefFound { .. }) => Ok(()),
            Err(error) => Err(error),
        })
    };
    match catch_unwind(load) {
        Ok(Ok(())) => JNI_VERSION_1_6,
        Ok(Err(error)) => {
            log::error!(
                "the natives of NativeCheck cannot be registered, so the library is not loaded: {error}"
            );
            JNI_ERR
        }
        Err(_) => JNI_ERR,
    }
}

fn register(env: &mut Env<'_>, class: JClass<'_>) -> Result<()> {
    env.get_static_method_id(&class, ON_EVENT, jni_sig!((event: JString) -> void))?;
    env.get_static_method_id(
        &class,
        VALIDATED_PATH,
        jni_sig!((host: JString, sent: jbyte[][]) -> jbyte[][]),
    )?;
    env.get_static_method_id(&class, ON_PINS_CHANGED, jni_sig!(() -> void))?;
    // SAFETY: `native_method!` has checked that the functions have the signatures that they are registered by, and all
    // of them are written for a static method.
    #[allow(unsafe_code, reason = "a function is called by what Java declares it to be")]
    unsafe {
        env.register_native_methods(&class, &natives())?;
    }
    let _ = LOADED.set(env.new_global_ref(&class)?);
    #[cfg(feature = "testing")]
    testing::register(env)?;
    Ok(())
}

fn check<'local>(
    env: &mut Env<'local>,
    _class: JClass<'local>,
    host: JString<'local>,
    chain: JObjectArray<'local, JByteArray<'local>>,
    validated: jboolean,
    stack: JString<'local>,
) -> Result<JString<'local>> {
    let (host, chain) = (text(env, &host), certificates(env, &chain));
    let stack = text(env, &stack).unwrap_or_default();
    let connection = Connection { host: host.as_deref(), chain: &chain, validated };
    or_null(env, bridge::shared().check(connection, &stack))
}

fn evaluate<'local>(
    env: &mut Env<'local>,
    _class: JClass<'local>,
    host: JString<'local>,
    chain: JObjectArray<'local, JByteArray<'local>>,
    validated: jboolean,
    _stack: JString<'local>,
) -> Result<JString<'local>> {
    let (host, chain) = (text(env, &host), certificates(env, &chain));
    let connection = Connection { host: host.as_deref(), chain: &chain, validated };
    or_null(env, bridge::shared().evaluate(connection))
}

fn verdict<'local>(
    env: &mut Env<'local>,
    _class: JClass<'local>,
    host: JString<'local>,
    chain: JObjectArray<'local, JByteArray<'local>>,
    validated: jboolean,
) -> Result<JString<'local>> {
    let (host, chain) = (text(env, &host), certificates(env, &chain));
    let connection = Connection { host: host.as_deref(), chain: &chain, validated };
    JString::from_str(env, bridge::shared().verdict(connection))
}

fn is_pinned<'local>(
    env: &mut Env<'local>,
    _class: JClass<'local>,
    host: JString<'local>,
) -> Result<jboolean> {
    Ok(bridge::shared().is_pinned(text(env, &host).as_deref()))
}

/// Negative if it cannot be had: then everything has to be judged again.
fn generation<'local>(_env: &mut Env<'local>, _class: JClass<'local>) -> Result<jlong> {
    let generation = bridge::shared().generation();
    Ok(generation.and_then(|generation| generation.try_into().ok()).unwrap_or(-1))
}

fn initialize<'local>(
    env: &mut Env<'local>,
    _class: JClass<'local>,
    document: JString<'local>,
    embedded: jboolean,
) -> Result<JString<'local>> {
    // Nothing is no JSON document, and the answer says so.
    let document = text(env, &document).unwrap_or_default();
    let source = if embedded { Source::Embedded } else { Source::Code };
    JString::from_str(env, bridge::shared().initialize(&document, source))
}

fn start<'local>(
    env: &mut Env<'local>,
    _class: JClass<'local>,
    surroundings: JString<'local>,
) -> Result<jboolean> {
    let surroundings = text(env, &surroundings).unwrap_or_default();
    Ok(bridge::shared().start(&surroundings, Arc::new(Java)))
}

fn update<'local>(env: &mut Env<'local>, _class: JClass<'local>) -> Result<JString<'local>> {
    JString::from_str(env, bridge::shared().update())
}

fn came_to_foreground<'local>(_env: &mut Env<'local>, _class: JClass<'local>) -> Result<()> {
    bridge::shared().came_to_foreground();
    Ok(())
}

fn verify<'local>(
    env: &mut Env<'local>,
    _class: JClass<'local>,
    host: JString<'local>,
    port: jint,
) -> Result<JString<'local>> {
    let host = text(env, &host).unwrap_or_default();
    let port = u16::try_from(port).unwrap_or_default(); // nobody listens on 0, and the answer says so
    JString::from_str(env, bridge::shared().verify(&host, port))
}

fn watch<'local>(env: &mut Env<'local>, _class: JClass<'local>, host: JString<'local>) -> Result<()> {
    bridge::shared().watch(&text(env, &host).unwrap_or_default());
    Ok(())
}

fn watched<'local>(env: &mut Env<'local>, _class: JClass<'local>) -> Result<JString<'local>> {
    JString::from_str(env, bridge::shared().watched())
}

fn tell_stack<'local>(
    env: &mut Env<'local>,
    _class: JClass<'local>,
    stack: JString<'local>,
    hooked: jboolean,
) -> Result<()> {
    bridge::shared().tell_stack(&text(env, &stack).unwrap_or_default(), hooked);
    Ok(())
}

fn disable<'local>(_env: &mut Env<'local>, _class: JClass<'local>) -> Result<()> {
    bridge::shared().disable();
    Ok(())
}

fn status<'local>(env: &mut Env<'local>, _class: JClass<'local>) -> Result<JString<'local>> {
    JString::from_str(env, bridge::shared().status())
}

/// Throws if there is no such notice.
fn report<'local>(
    env: &mut Env<'local>,
    _class: JClass<'local>,
    notice: JString<'local>,
    host: JString<'local>,
    message: JString<'local>,
    stack: JString<'local>,
) -> Result<()> {
    let name = text(env, &notice).unwrap_or_default();
    let notice = Notice::named(&name).ok_or(Error::ParseFailed(name))?;
    let (host, message) = (text(env, &host), text(env, &message).unwrap_or_default());
    let stack = text(env, &stack).unwrap_or_default();
    bridge::shared().report(notice, host.as_deref(), &message, &stack);
    Ok(())
}

fn set_listening<'local>(_env: &mut Env<'local>, _class: JClass<'local>, listening: jboolean) -> Result<()> {
    bridge::shared().set_listener(listening.then(|| Box::new(OnEvent) as Box<dyn Listener>));
    Ok(())
}

/// Hands events to the class.
struct OnEvent;

impl Listener for OnEvent {
    fn event(&self, event: String) {
        let deliver = |env: &mut Env<'_>| {
            let class = LOADED.get().ok_or(Error::UninitializedJavaVM)?;
            let event = JString::from_str(env, event)?;
            let event = [JValue::Object(&event)];
            env.call_static_method(class, ON_EVENT, jni_sig!((event: JString) -> void), &event)?;
            Ok(())
        };
        // The thread is most often one of Java's, in a call of `check`. What it throws is not the connection's business.
        let delivered = JavaVM::singleton().and_then(|vm| vm.attach_current_thread(deliver));
        if let Err(error) = delivered {
            log::error!("NativeCheck.onEvent failed: {error}");
        }
    }
}

/// The platform behind the class.
struct Java;

impl Platform for Java {
    fn validated_path(&self, host: &str, sent: Vec<Vec<u8>>) -> Option<Vec<Vec<u8>>> {
        let ask = |env: &mut Env<'_>| -> Result<Vec<Vec<u8>>> {
            let class = LOADED.get().ok_or(Error::UninitializedJavaVM)?;
            let host = JString::from_str(env, host)?;
            let array = JObjectArray::<JByteArray<'_>>::new(env, sent.len(), JByteArray::null())?;
            for (index, certificate) in sent.iter().enumerate() {
                let certificate = env.byte_array_from_slice(certificate)?.auto();
                array.set_element(env, index, &certificate)?;
            }
            let arguments = [JValue::Object(&host), JValue::Object(&array)];
            let signature = jni_sig!((host: JString, sent: jbyte[][]) -> jbyte[][]);
            let path = env.call_static_method(class, VALIDATED_PATH, signature, &arguments)?.l()?;
            if path.is_null() {
                return Ok(Vec::new());
            }
            let path = env.cast_local::<JObjectArray<'_, JByteArray<'_>>>(path)?;
            Ok(certificates(env, &path))
        };
        let path = JavaVM::singleton().and_then(|vm| vm.attach_current_thread(ask));
        path.inspect_err(|error| log::error!("NativeCheck.validatedPath failed: {error}")).ok()
    }

    fn pins_changed(&self) {
        let tell = |env: &mut Env<'_>| -> Result<()> {
            let class = LOADED.get().ok_or(Error::UninitializedJavaVM)?;
            env.call_static_method(class, ON_PINS_CHANGED, jni_sig!(() -> void), &[])?;
            Ok(())
        };
        if let Err(error) = JavaVM::singleton().and_then(|vm| vm.attach_current_thread(tell)) {
            log::error!("NativeCheck.onPinsChanged failed: {error}");
        }
    }
}

fn or_null<'local>(env: &mut Env<'local>, text: Option<String>) -> Result<JString<'local>> {
    text.map_or_else(|| Ok(JString::null()), |text| JString::from_str(env, text))
}

/// Natives of a class that only tests have.
#[cfg(feature = "testing")]
mod testing {
    use super::{Env, JClass, Result, bridge, jlong, jni_str, native_method};

    /// A process without it can do without.
    pub(super) fn register(env: &mut Env<'_>) -> Result<()> {
        let Ok(class) = env.find_class(jni_str!("com/spkipinning/NativeTesting")) else { return Ok(()) };
        let natives = [
            native_method! { static fn set_now(now: jlong) },
            native_method! { static fn use_real_clock() },
            native_method! { static fn panic_in_next_call() },
        ];
        // SAFETY: as for NativeCheck.
        #[allow(unsafe_code, reason = "a function is called by what Java declares it to be")]
        unsafe {
            env.register_native_methods(&class, &natives)
        }
    }

    fn set_now<'local>(_env: &mut Env<'local>, _class: JClass<'local>, now: jlong) -> Result<()> {
        bridge::shared().hooks.set_now_ms(Some(now));
        Ok(())
    }

    fn use_real_clock<'local>(_env: &mut Env<'local>, _class: JClass<'local>) -> Result<()> {
        bridge::shared().hooks.set_now_ms(None);
        Ok(())
    }

    fn panic_in_next_call<'local>(_env: &mut Env<'local>, _class: JClass<'local>) -> Result<()> {
        bridge::shared().hooks.panic_in_next_call();
        Ok(())
    }
}
