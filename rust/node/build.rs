//! Link settings that Node add-ons need on macOS and Windows.

fn main() {
    napi_build::setup();
    // Its linker would name the library by the place where it was made.
    if std::env::var("CARGO_CFG_TARGET_OS").is_ok_and(|system| system == "macos") {
        println!("cargo:rustc-cdylib-link-arg=-Wl,-install_name,@rpath/spki-pinning.node");
    }
}
