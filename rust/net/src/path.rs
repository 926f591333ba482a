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

/// The longest list of reported certificates that is searched; the engine reads no longer chain either.
pub const MAX_REPORTED: usize = 32;

/// How many links [`clean_reported_chain`] has verified at most. A real list takes one for each certificate above the leaf;
/// more are needed only where keys are certified several times over. Bounds the time a hostile list can take.
const MAX_LINKS: usize = 64;

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
        let root = readable.iter().find(|(_, readable)| readable == anchor).map(|(root, _)| *root);
        // A server may send its root along, and a trusted self-signed leaf is its own root.
        chain.extend(root.filter(|root| chain.last() != Some(*root)).cloned());
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
/// Every certificate above the leaf may be the top of the path: which of them the platform trusts it does not say, and a
/// pinned key counts wherever it stands, as long as it signed, over certificates that may sign, for this leaf. Of several
/// paths, one over the last certificate of the list is preferred, as platforms end it with the root they trust, and then
/// the longest. As of any trust anchor, the top's own validity period and path length are not asked.
///
/// Just the leaf is returned if nothing above it can be proven, or if the list is longer than
/// [`MAX_REPORTED`].
pub fn clean_reported_chain<'a>(reported: &[CertificateDer<'a>], now: UnixTime) -> Vec<CertificateDer<'a>> {
    let Some((leaf, others)) = reported.split_first() else { return Vec::new() };
    let just_leaf = || vec![leaf.clone()];
    let Ok(parsed) = EndEntityCert::try_from(leaf) else { return just_leaf() };
    if reported.len() > MAX_REPORTED {
        return just_leaf();
    }
    let mut candidates: Vec<Candidate<'_, 'a>> = Vec::new();
    for der in others {
        // webpki takes an anchor at its word; that it may issue certificates at all is asked here.
        if candidates.iter().all(|candidate| candidate.der != der) && is_authority(der) {
            candidates.extend(Candidate::read(der));
        }
    }
    let named_last = candidates.iter().position(|candidate| Some(candidate.der) == others.last());
    let mut search =
        Search { leaf: &parsed, candidates: &candidates, named_last, now, left: MAX_LINKS, best: Vec::new() };
    search.extend(&mut Vec::new());
    let above = search.best.iter().filter_map(|index| candidates.get(*index));
    std::iter::once(leaf.clone()).chain(above.map(|candidate| candidate.der.clone())).collect()
}

/// A certificate that says it may issue others.
struct Candidate<'c, 'a> {
    der: &'c CertificateDer<'a>,
    /// webpki's reading of any certificate; the type's name promises more than it asks of one.
    parsed: EndEntityCert<'c>,
    anchor: TrustAnchor<'c>,
}

impl<'c, 'a> Candidate<'c, 'a> {
    fn read(der: &'c CertificateDer<'a>) -> Option<Self> {
        let parsed = EndEntityCert::try_from(der).ok()?;
        Some(Self { der, parsed, anchor: anchor_from_trusted_cert(der).ok()? })
    }

    fn is_same_authority(&self, other: &Self) -> bool {
        self.anchor.subject == other.anchor.subject
            && self.anchor.subject_public_key_info == other.anchor.subject_public_key_info
    }
}

/// A walk from the leaf upwards along verified links only. Handing webpki the whole heap instead would have it try every
/// order of certificates with fitting names before it verifies one signature.
struct Search<'s, 'c, 'a> {
    leaf: &'s EndEntityCert<'c>,
    candidates: &'s [Candidate<'c, 'a>],
    named_last: Option<usize>,
    now: UnixTime,
    left: usize,
    /// Indices into the candidates, lowest first.
    best: Vec<usize>,
}

impl Search<'_, '_, '_> {
    /// `path`: proven already. Tries every candidate as its next certificate.
    fn extend(&mut self, path: &mut Vec<usize>) {
        let candidates = self.candidates;
        let head = path.last().and_then(|index| candidates.get(*index));
        let issuer = head.map_or(self.leaf.issuer(), |head| head.parsed.issuer());
        for (index, candidate) in candidates.iter().enumerate() {
            let is_below = |below: &usize| candidates[*below].is_same_authority(candidate);
            if candidate.parsed.subject() != issuer || path.iter().any(is_below) {
                continue;
            }
            let Some(left) = self.left.checked_sub(1) else { return };
            self.left = left;
            if self.is_proven(path, candidate) {
                path.push(index);
                if self.rank(path) > self.rank(&self.best) {
                    self.best.clone_from(path);
                }
                self.extend(path);
                path.pop();
            }
        }
    }

    fn rank(&self, path: &[usize]) -> (bool, usize) {
        (self.named_last.is_some_and(|last| path.contains(&last)), path.len())
    }

    /// Whether webpki finds exactly the way over `path` from the leaf to `top` valid.
    fn is_proven(&self, path: &[usize], top: &Candidate<'_, '_>) -> bool {
        let below: Vec<_> =
            path.iter().map(|index| CertificateDer::from(self.candidates[*index].der.as_ref())).collect();
        let is_whole = |found: &VerifiedPath<'_>| {
            let whole = found.intermediate_certificates().map(|step| step.der()).eq(below.iter().cloned());
            if whole { Ok(()) } else { Err(webpki::Error::UnknownIssuer) }
        };
        let anchors = std::slice::from_ref(&top.anchor);
        let algorithms = default_provider().signature_verification_algorithms.all;
        let usage = KeyUsage::server_auth();
        self.leaf
            .verify_for_usage(algorithms, anchors, &below, self.now, usage, None, Some(&is_whole))
            .is_ok()
    }
}

#[cfg(test)]
mod tests;
