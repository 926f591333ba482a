//! Link options that belong to the library rather than to whoever builds it.

use std::env;

/// For lld, the linker of every NDK that there still is.
const ANDROID: [&str; 3] = [
    // Google Play asks for it (64-bit, Android 15); the NDK does it by itself from r28 on.
    "-Wl,-z,max-page-size=16384",
    // Functions that compile to the same code are kept once, also where their addresses are taken: Rust does not promise
    // that those differ.
    "-Wl,--icf=all",
    // A fifth of the size of plain relocations. Android 6 (API 23) reads them, React Native asks for API 24.
    "-Wl,--pack-dyn-relocs=android",
];

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    if env::var("CARGO_CFG_TARGET_OS").is_ok_and(|os| os == "android") {
        for option in ANDROID {
            println!("cargo::rustc-link-arg-cdylib={option}");
        }
    }
}
