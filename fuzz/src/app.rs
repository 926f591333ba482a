//! An app's folder, and a platform that trusts nobody.

use rustls::Error;
use rustls_pki_types::CertificateDer;
use spki_pinning_net::validate::{ChainValidator, Presented, ValidatedChain};
use std::{path::Path, sync::LazyLock};
use tempfile::TempDir;

/// One for all inputs.
pub static FOLDER: LazyLock<TempDir> = LazyLock::new(|| {
    let memory = Path::new("/dev/shm"); // where there is one, a write that reaches the disk costs nothing
    let folder = if memory.is_dir() { TempDir::new_in(memory) } else { TempDir::new() };
    folder.expect("a folder can be made")
});

#[derive(Debug)]
pub struct NoTrust;

impl ChainValidator for NoTrust {
    fn validate(
        &self,
        _: &Presented<'_>,
        _: &dyn Fn(&[CertificateDer<'_>]) -> bool,
    ) -> Result<ValidatedChain, Error> {
        Err(Error::NoCertificatesPresented)
    }
}
