//! Servers that are programs of others: each a process, which ends with the test, however that ends.

use std::{
    io::{self, Read, Write as _},
    process::{Child, ChildStdin, Command, Stdio},
    sync::{Arc, Condvar, Mutex, OnceLock},
    thread,
    time::{Duration, Instant},
};

/// Milliseconds are usual. A machine that is busy with other things gets this long.
pub(crate) const PATIENCE: Duration = Duration::from_secs(30);

pub(crate) struct Process {
    child: Child,
    output: Arc<Output>,
}

/// What it has written to both its outputs, in that order.
#[derive(Default)]
pub(crate) struct Output {
    text: Mutex<String>,
    more: Condvar,
}

impl Process {
    pub(crate) fn start(command: &mut Command) -> Self {
        let (reader, writer) = io::pipe().unwrap();
        command.stdin(Stdio::piped()).stdout(writer.try_clone().unwrap()).stderr(writer);
        let child = command.spawn().unwrap_or_else(|error| panic!("{command:?}: {error}"));
        guard('+', child.id());
        let output = Arc::new(Output::default());
        output.collect(reader);
        Self { child, output }
    }

    pub(crate) fn input(&mut self) -> ChildStdin {
        self.child.stdin.take().unwrap()
    }

    pub(crate) fn output(&self) -> Arc<Output> {
        self.output.clone()
    }

    /// What `find` has found in the output, as soon as it is there.
    pub(crate) fn wait_for<T>(&self, what: &str, find: impl Fn(&str) -> Option<T>) -> T {
        let found = self.output.wait_until(Instant::now() + PATIENCE, find);
        found.unwrap_or_else(|| panic!("no {what} in:\n{}", self.output.text()))
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        guard('-', self.child.id());
    }
}

impl Output {
    fn collect(self: &Arc<Self>, mut from: impl Read + Send + 'static) {
        let output = self.clone();
        thread::spawn(move || {
            let mut buffer = [0; 16 * 1024];
            while let Ok(amount @ 1..) = from.read(&mut buffer) {
                output.text.lock().unwrap().push_str(&String::from_utf8_lossy(&buffer[..amount]));
                output.more.notify_all();
            }
        });
    }

    pub(crate) fn text(&self) -> String {
        self.text.lock().unwrap().clone()
    }

    pub(crate) fn wait_until<T>(&self, deadline: Instant, find: impl Fn(&str) -> Option<T>) -> Option<T> {
        let mut text = self.text.lock().unwrap();
        loop {
            if let Some(found) = find(&text) {
                return Some(found);
            }
            let left = deadline.checked_duration_since(Instant::now())?;
            text = self.more.wait_timeout(text, left).unwrap().0;
        }
    }
}

/// A test that is killed cleans nothing up. This shell notices by the end of its input, and ends what is left.
const GUARD: &str = r#"
trap '' INT
live=' '
while read -r sign pid; do
  case $sign in
    +) live="$live$pid " ;;
    -) live="${live%% "$pid" *} ${live#* "$pid" }" ;;
  esac
done
kill -9 $live
"#;

fn guard(sign: char, pid: u32) {
    static INPUT: OnceLock<Mutex<ChildStdin>> = OnceLock::new();
    let input = INPUT.get_or_init(|| {
        let mut shell = Command::new("sh");
        shell.args(["-c", GUARD]).stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null());
        Mutex::new(shell.spawn().unwrap().stdin.take().unwrap())
    });
    writeln!(input.lock().unwrap(), "{sign} {pid}").unwrap();
}
