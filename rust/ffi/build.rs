//! Link options that belong to the library rather than to whoever builds it.

use std::env;

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    if env::var("CARGO_CFG_TARGET_OS").is_ok_and(|os| os == "android") {
        // Google Play asks for it (64-bit, Android 15); the NDK does it by itself from r28 on.
        println!("cargo::rustc-link-arg-cdylib=-Wl,-z,max-page-size=16384");
        // Functions that compile to the same code are kept once.
        println!("cargo::rustc-link-arg-cdylib=-Wl,--icf=safe");
    }
}
