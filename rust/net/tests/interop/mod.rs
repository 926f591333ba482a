//! What the tests against other people's TLS share: their servers, certificates for those, and who visits them.
#![allow(dead_code, reason = "each test file uses a part")]

pub(crate) mod node;
pub(crate) mod openssl;
pub(crate) mod pki;
pub(crate) mod process;
pub(crate) mod visitor;
