//! From a heap of certificates to a path: leaf, then each issuer that *verifiably* signed the one before.
//!
//! A server may send anything along, its own certificate chain and a pinned certificate of somebody else after it. A pin
//! counts only if the pinned key is on a path that stands up to RFC 5280 §6: signatures, CA flags, name constraints, path
//! lengths, extended key usage, validity. All of that is rustls-webpki's; this file only decides what to ask it.
//!
//! webpki with ring verifies RSA (2048 bits and more, SHA-256 and up), P-256, P-384 and Ed25519. A link made with anything
//! else (SHA-1, P-521, Ed448, ML-DSA) cannot be proven here, and the path ends before it: pins above it do not count.

use rustls::crypto::ring::default_provider;
use rustls_pki_types::{CertificateDer, TrustAnchor, UnixTime};
use spki_pinning_core::certificate::is_authority;
use std::cell::RefCell;
use webpki::{EndEntityCert, KeyUsage, VerifiedPath, anchor_from_trusted_cert};

/// The longest list of certificates that is searched. Real chains have up to five.
pub const MAX_REPORTED: usize = 16;

/// Finds a path from `leaf` over `intermediates` to one of `roots`, at `now`.
///
/// Several valid paths may exist (cross-signing); the first that `accept` takes is returned, else the first of all.
///
/// # Errors
/// What webpki found wrong, if there is no valid path.
pub fn find<'a>(
    leaf: &CertificateDer<'a>,
    intermediates: &[CertificateDer<'a>],
    roots: &[CertificateDer<'a>],
    now: UnixTime,
    accept: &dyn Fn(&[CertificateDer<'a>]) -> bool,
) -> Result<Vec<CertificateDer<'a>>, webpki::Error> {
    // Roots that webpki cannot read anchor nothing; the others may still.
    let readable: Vec<(&CertificateDer<'a>, TrustAnchor<'_>)> =
        roots.iter().filter_map(|root| Some((root, anchor_from_trusted_cert(root).ok()?))).collect();
    let anchors: Vec<_> = readable.iter().map(|(_, anchor)| anchor.clone()).collect();
    let certificates = |path: &VerifiedPath<'_>| {
        let mut chain = vec![leaf.clone()];
        for step in path.intermediate_certificates() {
            let der = step.der();
            chain.extend(intermediates.iter().find(|candidate| ***candidate == *der).cloned());
        }
        let anchor = path.anchor();
        chain.extend(
            readable.iter().find(|(_, readable)| readable == anchor).map(|(root, _)| (*root).clone()),
        );
        chain
    };

    let fallback = RefCell::new(None);
    let preferred = RefCell::new(None);
    let judge = |path: &VerifiedPath<'_>| {
        let chain = certificates(path);
        if accept(&chain) {
            *preferred.borrow_mut() = Some(chain);
            return Ok(());
        }
        fallback.borrow_mut().get_or_insert(chain);
        Err(webpki::Error::UnknownIssuer) // makes webpki look for another path
    };
    let end_entity = EndEntityCert::try_from(leaf)?;
    let result = end_entity.verify_for_usage(
        default_provider().signature_verification_algorithms.all,
        &anchors,
        intermediates,
        now,
        KeyUsage::server_auth(),
        None,
        Some(&judge),
    );
    let outcome = result.map(|_| ());
    match (preferred.take(), fallback.take(), outcome) {
        (Some(chain), ..) | (None, Some(chain), _) => Ok(chain),
        (None, None, Err(error)) => Err(error),
        (None, None, Ok(_)) => Err(webpki::Error::UnknownIssuer),
    }
}

/// The provable path in a list that a platform reports for a connection it has validated itself: leaf first, then what
/// the server sent and the root the platform added, possibly with certificates among them that are on no path.
///
/// Each certificate after the leaf is tried as the top of a path, the last one first, as platforms end the list with the
/// root they trust. Just the leaf is returned if nothing above it can be proven, or if the list is longer than
/// [`MAX_REPORTED`].
pub fn clean_reported_chain<'a>(reported: &[CertificateDer<'a>], now: UnixTime) -> Vec<CertificateDer<'a>> {
    let Some((leaf, others)) = reported.split_first() else { return Vec::new() };
    let mut best = vec![leaf.clone()];
    if reported.len() > MAX_REPORTED {
        return best;
    }
    let mut candidates: Vec<CertificateDer<'a>> = Vec::new();
    for candidate in others {
        // webpki takes an anchor at its word; that it may issue certificates at all is asked here.
        if !candidates.contains(candidate) && is_authority(candidate) {
            candidates.push(candidate.clone());
        }
    }
    for top in candidates.iter().rev() {
        let below: Vec<_> = candidates.iter().filter(|candidate| *candidate != top).cloned().collect();
        let longest = RefCell::new(Vec::new());
        let keep_longest = |chain: &[CertificateDer<'a>]| {
            if chain.len() > longest.borrow().len() {
                *longest.borrow_mut() = chain.to_vec();
            }
            false
        };
        let _ = find(leaf, &below, std::slice::from_ref(top), now, &keep_longest);
        let path = longest.into_inner();
        if path.len() > best.len() {
            best = path;
        }
    }
    best
}
