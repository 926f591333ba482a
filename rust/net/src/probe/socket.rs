//! A socket whose every operation ends by a deadline, and which remembers how the peer began.

use std::{
    io::{self, Read, Write},
    net::TcpStream,
    time::{Duration, Instant},
};

/// Enough to tell a protocol by.
const REMEMBERED: usize = 24;

/// The first bytes that TLS records start with: change cipher spec, alert, handshake, application data (RFC 8446 §5.1).
const RECORD_TYPES: std::ops::RangeInclusive<u8> = 20..=23;

pub(super) struct Socket {
    stream: TcpStream,
    deadline: Instant,
    beginning: Vec<u8>,
}

impl Socket {
    pub(super) fn new(stream: TcpStream, deadline: Instant) -> Self {
        Self { stream, deadline, beginning: Vec::new() }
    }

    /// How the peer's answer starts, if that is not as TLS does.
    pub(super) fn not_tls(&self) -> Option<String> {
        let first = self.beginning.first()?;
        if RECORD_TYPES.contains(first) {
            return None;
        }
        let line = self.beginning.split(|byte| matches!(byte, b'\r' | b'\n')).next().unwrap_or_default();
        Some(line.escape_ascii().to_string())
    }

    fn left(&self) -> io::Result<Option<Duration>> {
        let left = self.deadline.saturating_duration_since(Instant::now());
        if left.is_zero() { Err(io::ErrorKind::TimedOut.into()) } else { Ok(Some(left)) }
    }
}

impl Read for Socket {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.stream.set_read_timeout(self.left()?)?;
        let amount = self.stream.read(buffer)?;
        let missing = REMEMBERED - self.beginning.len();
        self.beginning.extend(buffer.iter().take(amount.min(missing)));
        Ok(amount)
    }
}

impl Write for Socket {
    fn write(&mut self, buffer: &[u8]) -> io::Result<usize> {
        self.stream.set_write_timeout(self.left()?)?;
        self.stream.write(buffer)
    }
    fn flush(&mut self) -> io::Result<()> {
        self.stream.flush()
    }
}
