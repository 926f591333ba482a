//! Link settings that Node add-ons need on macOS and Windows.

fn main() {
    napi_build::setup();
}
