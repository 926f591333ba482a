//! A network that does what it likes: a proxy between client and server which knows TLS records, and does something to one
//! of them.
#![allow(dead_code, reason = "each test file uses a part")]

mod background;
mod handshakes;
mod requests;

use socket2::SockRef;
use std::{
    io::{self, Read, Write},
    net::{Shutdown, SocketAddr, TcpListener, TcpStream},
    sync::{
        Arc, Mutex, Weak,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Direction {
    ToServer,
    ToClient,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Action {
    /// FIN both ways.
    Cut,
    /// RST both ways.
    Reset,
    /// Nothing more, and nothing ends.
    Stall,
    /// A byte now and then.
    Drip,
    /// The record is missing, or its second half is; what follows is not.
    Lose,
    /// The record comes twice, or its first half does.
    Repeat,
    /// One bit of its header, or of its content.
    Flip,
    /// One bit of this byte of its content, counted round and round.
    FlipAt(usize),
}

impl Action {
    pub(crate) const ALL: [Self; 7] =
        [Self::Cut, Self::Reset, Self::Stall, Self::Drip, Self::Lose, Self::Repeat, Self::Flip];

    /// Whether a client may have to wait for its timeout.
    pub(crate) fn may_stall(self) -> bool {
        matches!(self, Self::Stall | Self::Drip | Self::Lose | Self::Repeat | Self::FlipAt(_))
    }
}

#[derive(Debug, Clone, Copy)]
pub(crate) struct Fault {
    pub(crate) direction: Direction,
    /// Of its direction and connection, from 0.
    pub(crate) record: usize,
    /// In the middle of the record, and not before it.
    pub(crate) middle: bool,
    pub(crate) action: Action,
}

impl Fault {
    /// Every one of these actions at every place of a connection with so many records.
    pub(crate) fn all((to_server, to_client): (usize, usize), actions: &[Action]) -> Vec<Self> {
        let places = (0..to_server)
            .map(|record| (Direction::ToServer, record))
            .chain((0..to_client).map(|record| (Direction::ToClient, record)));
        let mut all = Vec::new();
        for (direction, record) in places {
            for action in actions {
                all.extend([false, true].map(|middle| Self { direction, record, middle, action: *action }));
            }
        }
        all
    }
}

/// Ends when it is dropped, and everything that it holds open with it.
pub(crate) struct Proxy {
    address: SocketAddr,
    shared: Arc<Shared>,
}

struct Shared {
    server: SocketAddr,
    fault: Mutex<Option<Fault>>,
    struck: AtomicBool,
    pairs: Mutex<Vec<Weak<Pair>>>,
    /// Of the newest connection.
    records: Mutex<Arc<[AtomicUsize; 2]>>,
    has_ended: AtomicBool,
}

impl Proxy {
    pub(crate) fn start(server: SocketAddr) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
        let address = listener.local_addr().unwrap();
        let shared = Arc::new(Shared {
            server,
            fault: Mutex::default(),
            struck: AtomicBool::default(),
            pairs: Mutex::default(),
            records: Mutex::default(),
            has_ended: AtomicBool::default(),
        });
        let of_thread = shared.clone();
        thread::spawn(move || {
            while let Ok((client, _)) = listener.accept() {
                if of_thread.has_ended.load(Ordering::SeqCst) {
                    break;
                }
                let _ = of_thread.connect(client); // a server that is gone: so is the client's connection
            }
        });
        Self { address, shared }
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    /// Happens once.
    pub(crate) fn arm(&self, fault: Fault) {
        self.shared.struck.store(false, Ordering::SeqCst);
        *self.shared.fault.lock().unwrap() = Some(fault);
    }

    /// From now on the network is as it should be. Whether it was not.
    pub(crate) fn disarm(&self) -> bool {
        *self.shared.fault.lock().unwrap() = None;
        self.shared.struck.load(Ordering::SeqCst)
    }

    /// Of the newest connection until now: to the server, to the client.
    pub(crate) fn records(&self) -> (usize, usize) {
        let records = self.shared.records.lock().unwrap();
        (records[0].load(Ordering::SeqCst), records[1].load(Ordering::SeqCst))
    }

    /// Ends what is open.
    pub(crate) fn sever(&self) {
        for pair in self.shared.pairs.lock().unwrap().drain(..).filter_map(|pair| pair.upgrade()) {
            pair.cut();
        }
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.shared.has_ended.store(true, Ordering::SeqCst);
        self.sever();
        let _ = TcpStream::connect(self.address); // wakes the listener
    }
}

impl Shared {
    fn connect(self: &Arc<Self>, client: TcpStream) -> io::Result<()> {
        let server = TcpStream::connect(self.server)?;
        client.set_nodelay(true)?;
        server.set_nodelay(true)?;
        let records: Arc<[AtomicUsize; 2]> = Arc::default();
        *self.records.lock().unwrap() = records.clone();
        let pair = Arc::new(Pair { client, server, records, is_reset: AtomicBool::default() });
        self.pairs.lock().unwrap().push(Arc::downgrade(&pair));
        for direction in [Direction::ToServer, Direction::ToClient] {
            let (shared, pair) = (self.clone(), pair.clone());
            thread::spawn(move || {
                let _ = shared.pump(&pair, direction); // whoever breaks off, the other is told
                pair.pass_end(direction);
            });
        }
        Ok(())
    }

    fn pump(&self, pair: &Pair, direction: Direction) -> io::Result<()> {
        let (mut from, mut to) = pair.ends(direction);
        for number in 0.. {
            let mut record = vec![0; HEADER];
            from.read_exact(&mut record)?;
            let length = usize::from(u16::from_be_bytes([record[3], record[4]]));
            record.resize(HEADER + length, 0);
            from.read_exact(&mut record[HEADER..])?;
            pair.records[direction as usize].fetch_add(1, Ordering::SeqCst);
            if pair.is_reset.load(Ordering::SeqCst) {
                break; // what had come before can be read still
            }
            match self.fault_at(direction, number) {
                Some(fault) => self.strike(fault, pair, record)?,
                None => to.write_all(&record)?,
            }
        }
        Ok(())
    }

    fn fault_at(&self, direction: Direction, record: usize) -> Option<Fault> {
        let is_here = |fault: &mut Fault| (fault.direction, fault.record) == (direction, record);
        let fault = self.fault.lock().unwrap().take_if(is_here)?;
        self.struck.store(true, Ordering::SeqCst);
        Some(fault)
    }

    fn strike(&self, fault: Fault, pair: &Pair, mut record: Vec<u8>) -> io::Result<()> {
        let (_, mut to) = pair.ends(fault.direction);
        let half = record.len() / 2;
        let first = if fault.middle { &record[..half] } else { &[] };
        match fault.action {
            Action::Cut => {
                to.write_all(first)?;
                pair.cut();
                return Err(io::ErrorKind::ConnectionAborted.into());
            }
            Action::Reset => {
                to.write_all(first)?;
                pair.reset();
                return Err(io::ErrorKind::ConnectionReset.into());
            }
            Action::Stall => {
                to.write_all(first)?;
                self.wait_for_the_end(Duration::MAX);
            }
            Action::Drip => {
                for byte in record {
                    to.write_all(&[byte])?;
                    self.wait_for_the_end(BETWEEN_DROPS);
                }
            }
            Action::Lose => to.write_all(first)?,
            Action::Repeat => {
                let again = if fault.middle { &record[..half] } else { &record[..] };
                to.write_all(&[again, &record].concat())?;
            }
            Action::Flip => {
                let place = if fault.middle { HEADER + (record.len() - HEADER) / 2 } else { 0 };
                record[place] ^= 1;
                to.write_all(&record)?;
            }
            Action::FlipAt(byte) => {
                let content = &mut record[HEADER..];
                let place = byte % content.len();
                content[place] ^= 1 << (byte % 8);
                to.write_all(&record)?;
            }
        }
        Ok(())
    }

    /// Of the test, or so long.
    fn wait_for_the_end(&self, at_most: Duration) {
        let start = Instant::now();
        while start.elapsed() < at_most && !self.has_ended.load(Ordering::SeqCst) {
            thread::sleep(at_most.min(Duration::from_millis(10)));
        }
    }
}

/// Of a TLS record: type, version, length.
const HEADER: usize = 5;

/// So long that a record of usual size outlasts any timeout of these tests.
const BETWEEN_DROPS: Duration = Duration::from_millis(40);

/// Both ends of a connection. Its threads alone keep it, so that its descriptors close with them.
struct Pair {
    client: TcpStream,
    server: TcpStream,
    records: Arc<[AtomicUsize; 2]>,
    is_reset: AtomicBool,
}

impl Pair {
    fn ends(&self, direction: Direction) -> (&TcpStream, &TcpStream) {
        match direction {
            Direction::ToServer => (&self.client, &self.server),
            Direction::ToClient => (&self.server, &self.client),
        }
    }

    fn pass_end(&self, direction: Direction) {
        if !self.is_reset.load(Ordering::SeqCst) {
            let (from, to) = self.ends(direction);
            let _ = to.shutdown(Shutdown::Write);
            let _ = from.shutdown(Shutdown::Read);
        }
    }

    fn cut(&self) {
        let _ = self.client.shutdown(Shutdown::Both);
        let _ = self.server.shutdown(Shutdown::Both);
    }

    /// With nothing to linger for, closing sends RST. The other thread has to let go too: it wakes from its reading.
    fn reset(&self) {
        self.is_reset.store(true, Ordering::SeqCst);
        for stream in [&self.client, &self.server] {
            let _ = SockRef::from(stream).set_linger(Some(Duration::ZERO));
            let _ = stream.shutdown(Shutdown::Read);
        }
    }
}
