//! What crosses into the library of an app: the C function, the buffers of uniffi, the texts that JNI passes on. Whatever way a
//! connection comes, its verdict is that of the core, and bytes that are no argument are an error and nothing worse.
//!
//! The engine is the one of the process, as in an app, so every input leaves it as it found it.
#![no_main]
#![allow(unsafe_code, reason = "that is how the other languages call")]

use arbitrary::Arbitrary;
use base64::{Engine as _, engine::general_purpose::STANDARD};
use libfuzzer_sys::fuzz_target;
use serde_json::Value;
use spki_pinning::api::{PinningEngine, Platform};
use spki_pinning_core::{Engine, Notice};
use spki_pinning_fuzz::{PIN, lowered_chain, lowered_option};
use std::{
    ffi::{CStr, c_char},
    ptr::null,
    sync::{Arc, LazyLock},
    time::{SystemTime, UNIX_EPOCH},
};
use uniffi::{RustBuffer, RustCallStatus, RustCallStatusCode};

#[derive(Debug, Arbitrary)]
enum Certificate<'a> {
    /// No bytes at all.
    Null,
    /// One of the vectors, a byte of it changed perhaps.
    Known {
        which: u8,
        changed: Option<(u16, u8)>,
    },
    Bytes(&'a [u8]),
    /// So many bytes more than any has.
    TooLarge(u16),
}

/// The host of a connection.
#[derive(Debug, Arbitrary)]
enum Host<'a> {
    None,
    Known(u8),
    Text(&'a str),
    /// No text perhaps.
    Bytes(&'a [u8]),
}

const HOSTS: [&str; 6] = ["a.test", "x.a.test", "soft.test", "b.test", "A.TEST.", ""];

impl Host<'_> {
    fn bytes(&self) -> Option<&[u8]> {
        match self {
            Self::None => None,
            Self::Known(which) => Some(HOSTS[usize::from(*which) % HOSTS.len()].as_bytes()),
            Self::Text(text) => Some(text.as_bytes()),
            Self::Bytes(bytes) => Some(bytes),
        }
    }
}

#[derive(Debug, Arbitrary)]
struct Check<'a> {
    host: Host<'a>,
    chain: Option<Vec<Certificate<'a>>>,
    /// The last certificate this many times more.
    more: u8,
    validated: bool,
    stack: &'a str,
}

#[derive(Debug, Arbitrary)]
enum Call<'a> {
    Check(Check<'a>),
    /// The buffers that uniffi lifts a host and a chain from.
    Buffers {
        host: &'a [u8],
        chain: &'a [u8],
        notice: &'a [u8],
    },
    Configure {
        document: &'a str,
        embedded: bool,
    },
    Start(&'a str),
    Notice {
        notice: u8,
        host: Option<&'a str>,
        message: &'a str,
        stack: &'a str,
    },
    Stack {
        stack: &'a str,
        hooked: bool,
    },
    Watch(&'a str),
}

#[repr(C)]
#[derive(Clone, Copy)]
struct Bytes {
    data: *const u8,
    length: usize,
}

impl Bytes {
    fn of(bytes: Option<&[u8]>) -> Self {
        bytes.map_or(Self { data: null(), length: 0 }, |bytes| Self {
            data: bytes.as_ptr(),
            length: bytes.len(),
        })
    }
}

// As spki_pinning_check.h and uniffi's bindings declare them.
unsafe extern "C" {
    fn spki_pinning_check(
        host: Bytes,
        chain: *const Bytes,
        count: usize,
        validated: bool,
        stack: Bytes,
    ) -> *mut c_char;
    fn spki_pinning_free(refusal: *mut c_char);
    fn uniffi_spki_pinning_fn_constructor_pinningengine_shared(status: &mut RustCallStatus) -> u64;
    fn uniffi_spki_pinning_fn_clone_pinningengine(handle: u64, status: &mut RustCallStatus) -> u64;
    fn uniffi_spki_pinning_fn_method_pinningengine_check(
        handle: u64,
        host: RustBuffer,
        chain: RustBuffer,
        validated: i8,
        stack: RustBuffer,
        status: &mut RustCallStatus,
    ) -> RustBuffer;
    fn uniffi_spki_pinning_fn_method_pinningengine_report(
        handle: u64,
        notice: RustBuffer,
        host: RustBuffer,
        message: RustBuffer,
        stack: RustBuffer,
        status: &mut RustCallStatus,
    );
}

static KNOWN: LazyLock<Vec<Vec<u8>>> = LazyLock::new(|| {
    let vectors: Value =
        serde_json::from_str(include_str!("../../tests/vectors/certificates.json")).expect("it is JSON");
    let of = |kind: &str| {
        vectors[kind].as_object().expect("it is an object").values().cloned().collect::<Vec<_>>()
    };
    let all = of("certificates").into_iter().chain(of("broken"));
    all.map(|one| STANDARD.decode(one["der"].as_str().expect("each has DER")).expect("it is base64"))
        .collect()
});
/// Pins the first of the vectors' certificates.
static DOCUMENT: LazyLock<String> = LazyLock::new(|| {
    let pin = spki_pinning_core::spki::pin_of_certificate(&KNOWN[0]).expect("the first is a good one");
    serde_json::json!({
        "a.test": {"publicKeyHashes": [pin, PIN], "includeSubdomains": true},
        "soft.test": {"publicKeyHashes": [PIN, pin], "reportOnly": true},
    })
    .to_string()
});
static CORE: LazyLock<Engine> = LazyLock::new(Engine::new);
static HANDLE: LazyLock<u64> = LazyLock::new(|| {
    // SAFETY: it takes nothing.
    ended_well(|status| unsafe { uniffi_spki_pinning_fn_constructor_pinningengine_shared(status) })
        .expect("there is one")
});
static SHARED: LazyLock<Arc<PinningEngine>> = LazyLock::new(PinningEngine::shared);

struct Nobody;

impl Platform for Nobody {
    fn validated_path(&self, _: String, _: Vec<Vec<u8>>) -> Option<Vec<Vec<u8>>> {
        None
    }
    fn pins_changed(&self) {}
}

fn now() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
}

fn configure() {
    CORE.initialize(&DOCUMENT, now()).expect("that is a configuration");
    assert!(SHARED.initialize(&DOCUMENT).contains(r#""ok":true"#));
}

fuzz_target!(
    init: {
        // The first start counts: what an input starts with is read, and nothing is fetched for it.
        assert!(SHARED.start("{}", Box::new(Nobody)));
        configure();
    },
    |calls: Vec<Call<'_>>| {
        for call in calls.into_iter().take(16) {
            make(call);
        }
        let _: Value = serde_json::from_str(&SHARED.status()).expect("a status is JSON");
    }
);

fn make(call: Call<'_>) {
    match call {
        Call::Check(check) => by_every_way(&check),
        Call::Buffers { host, chain, notice } => by_buffers(host, chain, notice),
        Call::Configure { document, embedded } => {
            // No request is to leave here. `configuration` has these settings.
            if ["updates", "reportUris", "\\"].iter().any(|word| document.contains(word)) {
                return;
            }
            let answer =
                if embedded { SHARED.initialize_embedded(document) } else { SHARED.initialize(document) };
            let answer: Value = serde_json::from_str(&answer).expect("an answer is JSON");
            let taken = CORE.initialize(document, now());
            assert_eq!(answer["ok"], Value::Bool(taken.is_ok()));
            if taken.is_ok() {
                configure();
            }
        }
        Call::Start(surroundings) => {
            let read = serde_json::from_str::<Value>(surroundings);
            assert!(
                !SHARED.start(surroundings, Box::new(Nobody))
                    || read.is_ok_and(|read| read.is_object() || read.is_array())
            );
        }
        Call::Notice { notice, host, message, stack } => {
            let notice = match notice % 4 {
                0 => Notice::HookReplaced,
                1 => Notice::UnverifiedResponse,
                2 => Notice::ConfigurationNotInForce,
                _ => Notice::InternalError,
            };
            SHARED.report(notice, host.map(str::to_owned), message, stack);
        }
        Call::Stack { stack, hooked } => SHARED.tell_stack(stack, hooked),
        Call::Watch(host) => {
            SHARED.watch(host);
            SHARED.check(Some(host.to_owned()), Vec::new(), true, "fuzz");
            let _: Vec<Value> = serde_json::from_str(&SHARED.watched()).expect("an answer is JSON");
        }
    }
}

fn by_every_way(check: &Check<'_>) {
    let Check { host, chain, more, validated, stack } = check;
    let mut certificates: Vec<Option<Vec<u8>>> = chain.iter().flatten().map(bytes_of).collect();
    if let Some(last) =
        certificates.last().filter(|last| last.as_ref().is_none_or(|last| last.len() < 4096)).cloned()
    {
        certificates.extend(vec![last; usize::from(*more)]);
    }
    let host_bytes = host.bytes();
    let host = host_bytes.and_then(|bytes| str::from_utf8(bytes).ok());

    let copied: Vec<Vec<u8>> = certificates.iter().map(|der| der.clone().unwrap_or_default()).collect();
    let verdict = match validated {
        true => CORE.check(host, &copied, stack, now()),
        false => CORE.check_unvalidated(host, &copied, stack, now()),
    };
    let by_c = by_c(host_bytes, chain.as_ref().map(|_| certificates.as_slice()), *validated, stack);
    assert_eq!(by_c.is_some(), verdict.is_blocked(), "{verdict:?}, and C is answered {by_c:?}");
    if let Some(refusal) = &by_c {
        let refusal: Value = serde_json::from_str(refusal).expect("a refusal is JSON");
        assert_eq!(refusal["reason"], verdict.reason().as_str());
    }
    assert_eq!(by_uniffi(host, &copied, *validated, stack), by_c);
    let host = host.map(str::to_owned);
    assert_eq!(SHARED.evaluate(host.clone(), copied.clone(), *validated).is_some(), verdict.is_blocked());
    assert!(SHARED.is_pinned(host.clone()) || !verdict.is_blocked());
    let _: Value =
        serde_json::from_str(&SHARED.verdict(host, copied, *validated)).expect("a verdict is JSON");
}

fn bytes_of(certificate: &Certificate<'_>) -> Option<Vec<u8>> {
    Some(match certificate {
        Certificate::Null => return None,
        Certificate::Known { which, changed } => {
            let mut der = KNOWN[usize::from(*which) % KNOWN.len()].clone();
            if let Some((at, byte)) = changed {
                let at = usize::from(*at) % der.len().max(1);
                der.get_mut(at).into_iter().for_each(|old| *old = *byte);
            }
            der
        }
        Certificate::Bytes(bytes) => bytes.to_vec(),
        Certificate::TooLarge(more) => {
            vec![0x30; spki_pinning_core::verdict::MAX_CERTIFICATE_BYTES + usize::from(*more)]
        }
    })
}

fn by_c(
    host: Option<&[u8]>,
    chain: Option<&[Option<Vec<u8>>]>,
    validated: bool,
    stack: &str,
) -> Option<String> {
    // Each in memory of its own, without a byte to spare: the sanitizer sees who reads further.
    let alone = |bytes: &[u8]| -> Box<[u8]> { bytes.into() };
    let (host, stack) = (host.map(alone), alone(stack.as_bytes()));
    let chain: Option<Vec<_>> =
        chain.map(|chain| chain.iter().map(|der| der.as_deref().map(alone)).collect());
    let pieces: Box<[Bytes]> = chain.iter().flatten().map(|der| Bytes::of(der.as_deref())).collect();
    let pointer = if chain.is_some() { pieces.as_ptr() } else { null() };
    // SAFETY: all of it lives until the call returns, and is as long as it says.
    let refusal = unsafe {
        spki_pinning_check(
            Bytes::of(host.as_deref()),
            pointer,
            pieces.len(),
            validated,
            Bytes::of(Some(&stack)),
        )
    };
    // SAFETY: it was not given back yet, and ends with a NUL.
    let text = (!refusal.is_null())
        .then(|| unsafe { CStr::from_ptr(refusal) }.to_str().expect("it is text").to_owned());
    // SAFETY: as above.
    unsafe { spki_pinning_free(refusal) };
    text
}

/// `None`: the call has failed, and said so.
fn ended_well<T>(call: impl FnOnce(&mut RustCallStatus) -> T) -> Option<T> {
    let mut status = RustCallStatus::default();
    let answer = call(&mut status);
    let error = std::mem::ManuallyDrop::into_inner(status.error_buf).destroy_into_vec();
    match status.code {
        RustCallStatusCode::Success => Some(answer),
        _ => {
            assert!(!error.is_empty(), "an error that says nothing");
            None
        }
    }
}

/// A method is given a reference of its own.
fn handle() -> u64 {
    // SAFETY: the handle is one of the constructor's, and never given back.
    ended_well(|status| unsafe { uniffi_spki_pinning_fn_clone_pinningengine(*HANDLE, status) })
        .expect("it can be cloned")
}

fn by_uniffi(host: Option<&str>, chain: &[Vec<u8>], validated: bool, stack: &str) -> Option<String> {
    let answer = lifted_check(lowered_option(host), lowered_chain(chain), validated, stack);
    let answer = answer.expect("those are arguments");
    match answer.split_first() {
        Some((0, [])) => None,
        Some((1, [_, _, _, _, text @ ..])) => Some(String::from_utf8(text.to_vec()).expect("it is text")),
        other => panic!("no optional text: {other:?}"),
    }
}

fn lifted_check(host: Vec<u8>, chain: Vec<u8>, validated: bool, stack: &str) -> Option<Vec<u8>> {
    let (host, chain) = (RustBuffer::from_vec(host), RustBuffer::from_vec(chain));
    let stack = RustBuffer::from_vec(stack.as_bytes().to_vec());
    // SAFETY: the buffers are made here and given away; the handle is a clone.
    let answer = ended_well(|status| unsafe {
        uniffi_spki_pinning_fn_method_pinningengine_check(
            handle(),
            host,
            chain,
            validated.into(),
            stack,
            status,
        )
    });
    answer.map(RustBuffer::destroy_into_vec)
}

fn by_buffers(host: &[u8], chain: &[u8], notice: &[u8]) {
    // uniffi makes room for as many elements as a buffer announces before it looks for them. Who calls it are its own
    // bindings, which announce what there is.
    if chain.first_chunk().is_some_and(|count| u32::from_be_bytes(*count) > 100_000) {
        return;
    }
    // One at a time, and nothing in those after it: what follows an argument that cannot be lifted, uniffi does not free.
    if let Some(answer) = lifted_check(host.to_vec(), Vec::new(), true, "") {
        panic!("there was no chain to lift: {answer:?}");
    }
    if let Some(answer) = lifted_check(lowered_option(Some("a.test")), chain.to_vec(), true, "") {
        let is_refused = answer.first() == Some(&1);
        let is_readable = chain.windows(KNOWN[0].len()).any(|window| window == KNOWN[0]);
        assert!(is_refused || is_readable, "a pinned host is let through with {chain:?}");
    }
    let message = RustBuffer::new;
    for (notice, host) in [(notice, [].as_slice()), (&[0, 0, 0, 1], host)] {
        let [notice, host] = [notice, host].map(|bytes| RustBuffer::from_vec(bytes.to_vec()));
        let report = uniffi_spki_pinning_fn_method_pinningengine_report;
        // SAFETY: as above.
        let _ = ended_well(|status| unsafe { report(handle(), notice, host, message(), message(), status) });
    }
}
