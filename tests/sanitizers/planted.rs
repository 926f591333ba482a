//! A mistake on purpose, loaded by Node or a JVM: what the address sanitizer has to find before its silence means
//! anything.

use std::hint::black_box;

#[used]
#[unsafe(link_section = ".init_array")]
static WHEN_LOADED: extern "C" fn() = read_what_was_given_back;

extern "C" fn read_what_was_given_back() {
    let bytes = black_box(vec![1_u8; 64]);
    let first = bytes.as_ptr();
    drop(bytes);
    // SAFETY: none; this is the mistake.
    black_box(unsafe { first.read_volatile() });
}
