//! An HTTP server in memory, whose answers are the input's. In them `$` stands before what no fuzzer can make up:
//!
//! `$T3` the manifest with version 3, `$B3` one by a key that the app does not have, `$L3` the length of `$T3`, `$E3` its entity
//! tag, `$Q204` a whole answer with this status, `$R` what follows comes again without end, `$S` nothing comes any more, `$X` the
//! connection is reset, `$C` it ends without the goodbye of TLS, `$K` at the end it stays open, `$$` the sign itself.

use crate::{NOW, OTHER_PIN, PIN, Signer};
use serde_json::json;
use spki_pinning_net::client::in_memory::{Connection, Server};
use std::{
    collections::VecDeque,
    io,
    sync::{
        Arc, LazyLock, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
};

/// The manifest that a good server has, and the last that an input has.
pub const GOOD: u8 = 9;
/// What is added to the versions of manifests that nobody has signed whom the app knows.
pub const FOREIGN: u64 = 100;

/// By version, of the app's key and of another one.
static TOKENS: LazyLock<[Vec<String>; 2]> = LazyLock::new(|| {
    [(1, 0), (2, FOREIGN)].map(|(key, more)| {
        let signer = Signer::new(key);
        let token = |version: u64| {
            let claims = json!({
                "iat": NOW / 1000 - 86_400, "exp": NOW as u64 / 1000 + (version + 1) * 10 * 86_400, "version": version + more,
                "domains": {"own.test": {"publicKeyHashes": [PIN, OTHER_PIN], "includeSubdomains": true}},
            });
            signer.sign(claims.to_string().as_bytes())
        };
        (0..=u64::from(GOOD)).map(token).collect()
    })
});

/// Bytes that come in pieces.
const MAX_IN_PIECES: usize = 512;

/// How an answer ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum End {
    Goodbye,
    Cut,
    Reset,
    Silence,
}

/// An answer with all signs replaced.
#[derive(Debug, Clone)]
pub struct Answer {
    bytes: Vec<u8>,
    /// From here on it comes again.
    again: Option<usize>,
    end: End,
    /// Bytes that one read gets.
    piece: usize,
    /// The status, if this is a whole and plain answer.
    pub plain: Option<u16>,
}

impl Answer {
    pub fn new(script: &[u8], piece: usize) -> Self {
        let mut answer = Self { bytes: Vec::new(), again: None, end: End::Goodbye, piece, plain: None };
        let mut rest = script;
        while let Some((&byte, after)) = rest.split_first() {
            rest = after;
            if byte != b'$' {
                answer.bytes.push(byte);
                continue;
            }
            let Some((&sign, after)) = rest.split_first() else { break };
            rest = after;
            match sign {
                b'T' | b'B' | b'L' | b'E' => {
                    let Some((&digit, after)) = rest.split_first() else { break };
                    rest = after;
                    answer.add(sign, digit.wrapping_sub(b'0').min(GOOD));
                }
                b'Q' => {
                    let (digits, after) = rest.split_at(rest.len().min(3));
                    let Some(status) =
                        std::str::from_utf8(digits).ok().and_then(|digits| digits.parse().ok())
                    else {
                        continue;
                    };
                    if answer.bytes.is_empty() && after.is_empty() && (100..=999).contains(&status) {
                        answer.plain = Some(status);
                    }
                    rest = after;
                    let plain = format!("HTTP/1.1 {status:03} Q\r\ncontent-length: 0\r\n\r\n");
                    answer.bytes.extend(plain.into_bytes());
                }
                b'R' => answer.again = Some(answer.bytes.len()),
                b'S' | b'K' => answer.end = End::Silence,
                b'X' => answer.end = End::Reset,
                b'C' => answer.end = End::Cut,
                other => answer.bytes.push(other),
            }
            if matches!(sign, b'S' | b'X' | b'C') {
                break;
            }
        }
        answer.again = answer.again.filter(|from| *from < answer.bytes.len());
        answer
    }

    fn add(&mut self, sign: u8, version: u8) {
        let token = &TOKENS[usize::from(sign == b'B')][usize::from(version)];
        match sign {
            b'L' => self.bytes.extend(token.len().to_string().bytes()),
            b'E' => self.bytes.extend(tag(version).bytes()),
            _ => self.bytes.extend(token.bytes()),
        }
    }

    /// What a good server answers.
    fn good(request: &str) -> Self {
        let tag = tag(GOOD);
        let script = match request.contains(&format!("\r\nif-none-match: {tag}\r\n")) {
            true => format!("HTTP/1.1 304 Not Modified\r\netag: {tag}\r\n\r\n$K"),
            false => format!("HTTP/1.1 200 OK\r\netag: {tag}\r\ncontent-length: $L{GOOD}\r\n\r\n$T{GOOD}$K"),
        };
        Self::new(script.as_bytes(), usize::MAX)
    }

    pub fn contains(&self, text: &str) -> bool {
        self.bytes.windows(text.len()).any(|window| window == text.as_bytes())
    }

    /// The bytes at a place, which are fewer than asked for at the end only, or where pieces are asked for.
    fn read(&self, at: usize, into: &mut [u8]) -> io::Result<usize> {
        // A parser that begins anew with each piece needs a while for many: what is to be seen is seen with fewer.
        let piece = if at < MAX_IN_PIECES { self.piece } else { usize::MAX };
        let length = into.len().min(piece);
        let mut amount = 0;
        while amount < length {
            let from = match ((at + amount).checked_sub(self.bytes.len()), self.again) {
                (Some(more), Some(again)) => again + more % (self.bytes.len() - again),
                _ => at + amount,
            };
            let rest = self.bytes.get(from..).unwrap_or_default();
            let more = rest.len().min(length - amount);
            if more == 0 {
                break;
            }
            into[amount..amount + more].copy_from_slice(&rest[..more]);
            amount += more;
        }
        match (amount, self.end) {
            (0, End::Cut) => Err(io::ErrorKind::UnexpectedEof.into()),
            (0, End::Reset) => Err(io::ErrorKind::ConnectionReset.into()),
            (0, End::Silence) => Err(io::ErrorKind::TimedOut.into()),
            _ => Ok(amount),
        }
    }

    fn is_over(&self, at: usize) -> bool {
        self.again.is_none() && at >= self.bytes.len()
    }
}

/// The entity tag of a version.
pub fn tag(version: u8) -> String {
    format!("\"v{version}\"")
}

/// What was asked for.
#[derive(Debug, Clone)]
pub struct Asked {
    /// That the connection was opened for.
    pub url: String,
    pub head: String,
    /// None: there was none left.
    pub answer: Option<Answer>,
    pub read: Arc<AtomicUsize>,
}

#[derive(Debug, Default)]
pub struct Script {
    pub answers: VecDeque<Answer>,
    pub asked: Vec<Asked>,
    /// What connections were to be opened for, whether there was anybody to answer or not.
    pub opened: Vec<String>,
    /// Whether a good server answers in the place of the input.
    pub is_good: bool,
}

/// The answers of one input, one for each request.
#[derive(Debug, Clone, Default)]
pub struct Scripted(Arc<Mutex<Script>>);

impl Scripted {
    pub fn script(&self) -> MutexGuard<'_, Script> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Server for Scripted {
    fn open(&self, url: &str) -> io::Result<Box<dyn Connection>> {
        let mut script = self.script();
        script.opened.push(url.to_owned());
        if script.answers.is_empty() && !script.is_good {
            return Err(io::ErrorKind::ConnectionRefused.into());
        }
        drop(script);
        let (url, server) = (url.to_owned(), self.clone());
        Ok(Box::new(Open { url, server, request: Vec::new(), current: None, at: 0, ended: false }))
    }
}

struct Open {
    url: String,
    server: Scripted,
    request: Vec<u8>,
    current: Option<Asked>,
    /// How much of its answer was read.
    at: usize,
    ended: bool,
}

impl Open {
    /// Whether nothing of an answer is left.
    fn is_read(&self) -> bool {
        let answer = self.current.as_ref().and_then(|asked| asked.answer.as_ref());
        answer.is_none_or(|answer| answer.is_over(self.at))
    }
}

impl io::Write for Open {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.request.extend(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl io::Read for Open {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        // The rest of the last answer comes before the next one, as on any connection.
        if !self.request.is_empty() && self.is_read() {
            let head = String::from_utf8_lossy(&std::mem::take(&mut self.request)).into_owned();
            let mut script = self.server.script();
            let answer = if script.is_good { Some(Answer::good(&head)) } else { script.answers.pop_front() };
            let asked = Asked { url: self.url.clone(), head, answer, read: Arc::default() };
            script.asked.push(asked.clone());
            (self.current, self.at) = (Some(asked), 0);
        }
        let Some(Asked { answer: Some(answer), read, .. }) = &self.current else {
            self.ended = true;
            return Err(io::ErrorKind::UnexpectedEof.into());
        };
        let result = answer.read(self.at, into);
        self.ended |= matches!(result, Ok(0) | Err(_));
        let amount = result?;
        self.at += amount;
        read.fetch_add(amount, Ordering::Relaxed);
        Ok(amount)
    }
}

impl Connection for Open {
    /// As ureq looks at TCP: bytes that nobody has asked for are the end of a connection.
    fn is_open(&self) -> bool {
        !self.ended && self.is_read()
    }
}
