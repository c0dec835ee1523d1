//! Events for the systemd journal: one datagram each in the journal's native protocol, with fields of our own.
//!
//! The protocol is that of <https://systemd.io/JOURNAL_NATIVE_PROTOCOL/>: a field is `KEY=value` and a line feed, or, where the value
//! holds a line feed, `KEY`, a line feed, the length as 64 bits (least first), the value and a line feed.

use std::io;
use std::os::unix::net::UnixDatagram;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use rustix::io::Errno;
use serde_json::Value;
use tracing::Level;

use super::console::{Console, is_told_together};
use super::line_format::LineFormat;
use super::sink::{Sink, WriteOutcome, WriteProgress, wait_writable};
use crate::event::{Event, EventKind, EventOrigin, Severity};
use crate::fmt::printable_lines;

/// Where the journal listens.
pub const SOCKET: &str = "/run/systemd/journal/socket";

/// The messages of each kind have one id, so that `journalctl MESSAGE_ID=…` finds them.
pub mod message_id {
    /// Matching lines were counted.
    pub const COUNT: &str = "a1ba984d619341fdb3cdb77b49f8b094";
    /// An alert fired.
    pub const FIRING: &str = "0c3198f402634a3e85b6bb89cb4210e2";
    /// An alert resolved.
    pub const RESOLVED: &str = "66bc6024c9524970908149142a3b8e6a";
    /// Something happened to a file.
    pub const FILE: &str = "693ab53b6b534a568c96b1b383c5215d";
    /// Something about the daemon itself.
    pub const HEALTH: &str = "f769178a42614e2f814ac6f98790f862";
}

/// The journal's socket. Connected when it is first needed, and again after the journal was restarted.
#[derive(Debug)]
pub struct JournalSocket {
    path: PathBuf,
    socket: Option<UnixDatagram>,
}

impl JournalSocket {
    /// The socket at `path`.
    #[must_use]
    pub fn new(path: &Path) -> JournalSocket {
        JournalSocket { path: path.to_owned(), socket: None }
    }

    fn send(&mut self, datagram: &[u8]) -> Result<(), Errno> {
        let socket = match self.socket.take() {
            Some(open) => open,
            None => connect(&self.path).map_err(|error| errno_of(&error))?,
        };
        let sent = socket.send(datagram).map(drop).map_err(|error| errno_of(&error));
        if matches!(sent, Ok(()) | Err(Errno::AGAIN | Errno::MSGSIZE)) {
            self.socket = Some(socket);
        }
        sent
    }
}

impl Sink for JournalSocket {
    fn batch_bytes(&self) -> usize {
        1
    }

    fn takes_at_once(&self, _bytes: usize) -> bool {
        // The socket never blocks.
        self.socket.is_some()
    }

    fn wait_room(&self, timeout: Duration) -> bool {
        self.socket.as_ref().is_none_or(|socket| wait_writable(socket, timeout))
    }

    fn write(&mut self, bytes: &[u8]) -> WriteProgress {
        let was_open = self.socket.is_some();
        let mut sent = self.send(bytes);
        if was_open && self.socket.is_none() {
            // The journal may have been restarted.
            sent = self.send(bytes);
        }
        let outcome = match sent {
            Ok(()) => return WriteProgress { written: bytes.len(), outcome: WriteOutcome::Done },
            Err(Errno::AGAIN | Errno::INTR) => WriteOutcome::Full,
            Err(Errno::MSGSIZE) => WriteOutcome::TooLarge,
            Err(errno) => WriteOutcome::Failed(errno),
        };
        WriteProgress { written: 0, outcome }
    }

    fn stands_at(&self, path: &Path) -> bool {
        self.path == path
    }

    fn hint(&self, _errno: Errno) -> &'static str {
        "see whether systemd-journald runs"
    }
}

fn connect(path: &Path) -> io::Result<UnixDatagram> {
    let socket = UnixDatagram::unbound()?;
    socket.connect(path)?;
    socket.set_nonblocking(true)?;
    Ok(socket)
}

fn errno_of(error: &io::Error) -> Errno {
    Errno::from_io_error(error).unwrap_or(Errno::IO)
}

/// The journal's native protocol.
#[derive(Debug, Clone)]
pub struct JournalFormat {
    console: Console,
    origin: Arc<EventOrigin>,
}

impl JournalFormat {
    /// Messages are as an output for people has them, without colour, and come from `origin`.
    #[must_use]
    pub fn new(origin: Arc<EventOrigin>) -> JournalFormat {
        JournalFormat { console: Console::new(false), origin }
    }
}

impl LineFormat for JournalFormat {
    fn encode(&self, event: &Event, level: Level, _now: Timestamp) -> Vec<u8> {
        if is_told_together(event) {
            return Vec::new();
        }
        let mut fields = JournalFields(Vec::with_capacity(512));
        let sentence = self.console.sentence(event, Timestamp::UNIX_EPOCH);
        // The lines of an alert are in fields of their own.
        let is_health = matches!(event, Event::Health(_));
        let message = if is_health { Some(sentence.trim_end()) } else { sentence.lines().next() };
        fields.put("MESSAGE", message.unwrap_or_default());
        fields.put("SYSLOG_IDENTIFIER", "spiketail");
        fields.put("PRIORITY", priority(event, level));
        fields.put("MESSAGE_ID", message_id_of(event));
        if let Ok(Value::Object(own)) = serde_json::to_value(event) {
            own.iter().for_each(|(name, value)| fields.put_own(&name.to_uppercase(), value));
        }
        // An alert has both by itself.
        if event.kind() != EventKind::Alert {
            self.origin.named_host().into_iter().for_each(|host| fields.put("SPIKETAIL_HOST", host));
            if !self.origin.labels.is_empty() {
                fields.put_own("LABELS", &serde_json::json!(self.origin.labels));
            }
        }
        fields.0
    }
}

/// A datagram that is being made.
struct JournalFields(Vec<u8>);

impl JournalFields {
    fn put(&mut self, key: &str, value: impl AsRef<str>) {
        let value = value.as_ref().as_bytes();
        self.0.extend_from_slice(key.as_bytes());
        if value.contains(&b'\n') {
            self.0.push(b'\n');
            self.0.extend_from_slice(&(value.len() as u64).to_le_bytes());
        } else {
            self.0.push(b'=');
        }
        self.0.extend_from_slice(value);
        self.0.push(b'\n');
    }

    /// Puts a field of ours: a flag as 1, a list as a field each, by the name of one.
    fn put_own(&mut self, name: &str, value: &Value) {
        let key = format!("SPIKETAIL_{name}");
        match value {
            Value::Null => {}
            Value::Bool(flag) => self.put(&key, if *flag { "1" } else { "0" }),
            Value::Number(number) => self.put(&key, number.to_string()),
            Value::String(text) => self.put(&key, printable_lines(text).as_ref()),
            Value::Array(values) => {
                values.iter().for_each(|value| self.put_own(name.trim_end_matches('S'), value));
            }
            Value::Object(_) => self.put(&key, printable_lines(&value.to_string())),
        }
    }
}

fn message_id_of(record: &Event) -> &'static str {
    match record {
        Event::Count(_) => message_id::COUNT,
        Event::Alert(event) if event.is_firing() => message_id::FIRING,
        Event::Alert(_) => message_id::RESOLVED,
        Event::File(_) => message_id::FILE,
        Event::Health(_) => message_id::HEALTH,
    }
}

/// As syslog has it: 2 is critical, 3 an error, 4 a warning, 6 for information.
fn priority(record: &Event, level: Level) -> &'static str {
    match (record, level) {
        (Event::Alert(event), _) if event.is_firing() => match event.severity {
            Severity::Critical => "2",
            Severity::Warning => "4",
            Severity::Info => "6",
        },
        (_, Level::ERROR) => "3",
        (_, Level::WARN) => "4",
        _ => "6",
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::sync::atomic::{AtomicU64, Ordering};

    use super::*;
    use crate::event::{AlertEvent, CountEvent, HealthEvent, HealthKind};
    use crate::output::bounded_lines::{Bound, LinePriority, QueueLimits};
    use crate::output::queue::LineQueue;

    /// The fields of a datagram, as the journal would read them.
    fn parsed(mut bytes: &[u8]) -> BTreeMap<String, Vec<String>> {
        let mut fields: BTreeMap<String, Vec<String>> = BTreeMap::new();
        while !bytes.is_empty() {
            let end = bytes.iter().position(|b| *b == b'\n').unwrap();
            let (key, value, rest) = match bytes[..end].iter().position(|b| *b == b'=') {
                Some(at) => (&bytes[..at], &bytes[at + 1..end], &bytes[end + 1..]),
                None => {
                    let length = u64::from_le_bytes(bytes[end + 1..end + 9].try_into().unwrap()) as usize;
                    let value = &bytes[end + 9..end + 9 + length];
                    (&bytes[..end], value, &bytes[end + 10 + length..])
                }
            };
            let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
            fields.entry(text(key)).or_default().push(text(value));
            bytes = rest;
        }
        fields
    }

    fn alert(samples: &[&str]) -> Event {
        Event::Alert(AlertEvent {
            alert: "error-spike".into(),
            severity: Severity::Critical,
            watch: "app".into(),
            rule: "errors".into(),
            condition: "count".into(),
            count: 57,
            window_s: 60.0,
            threshold: 50.0,
            why: "threshold 50".into(),
            samples: samples.iter().map(|sample| (*sample).to_owned()).collect(),
            ..AlertEvent::default()
        })
    }

    fn datagram(event: &Event, level: Level) -> Vec<u8> {
        JournalFormat::new(Arc::default()).encode(event, level, Timestamp::UNIX_EPOCH)
    }

    #[test]
    fn an_alert_has_fields_of_its_own() {
        let fields = parsed(&datagram(&alert(&["a=b", "two\nlines"]), Level::ERROR));
        let one = |key: &str| fields[key].join("|");
        assert_eq!(one("MESSAGE"), "FIRING critical error-spike: 57 errors in 60s (threshold 50)  watch app");
        assert_eq!((one("PRIORITY"), one("MESSAGE_ID")), ("2".into(), message_id::FIRING.into()));
        assert_eq!((one("SPIKETAIL_COUNT"), one("SPIKETAIL_ALERT")), ("57".into(), "error-spike".into()));
        assert_eq!(one("SPIKETAIL_WINDOW_S"), "60");
        assert_eq!(fields["SPIKETAIL_SAMPLE"], ["a=b", "two\nlines"]);
        assert_eq!(one("SYSLOG_IDENTIFIER"), "spiketail");
    }

    /// A queue before the socket at `path` that holds ten counts.
    fn queue(path: &Path, dropped: &Arc<AtomicU64>) -> LineQueue {
        let report = |count: u64| {
            let event = HealthEvent::warning(HealthKind::OutputDropped, "slow").counting(count);
            datagram(&Event::Health(event), Level::WARN)
        };
        let limits = QueueLimits {
            ordinary: Bound { lines_max: 10, ..QueueLimits::default().ordinary },
            ..QueueLimits::default()
        };
        let sink = Box::new(JournalSocket::new(path));
        let closed = Arc::new(|| panic!("a journal does not close"));
        LineQueue::start("the journal", sink, limits, Arc::new(report), closed, Arc::clone(dropped)).unwrap()
    }

    #[test]
    fn a_journal_that_takes_nothing_holds_up_nobody_and_loses_no_alert() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("socket");
        let receiver = UnixDatagram::bind(&path).unwrap();
        let dropped = Arc::new(AtomicU64::new(0));
        let queue = queue(&path, &dropped);
        let count = datagram(&Event::Count(CountEvent::default()), Level::INFO);
        // Nobody receives yet, so that waiting for the journal here would last forever.
        let mut pushed = 0;
        while dropped.load(Ordering::Relaxed) < 10 {
            queue.push(LinePriority::Ordinary, count.clone());
            pushed += 1;
        }
        queue.push(LinePriority::Alert, datagram(&alert(&[]), Level::ERROR));
        let mut buffer = vec![0; 65_536];
        let mut seen = BTreeMap::new();
        receiver.set_read_timeout(Some(Duration::from_secs(60))).unwrap();
        while !seen.contains_key(message_id::HEALTH) {
            let length = receiver.recv(&mut buffer).unwrap();
            *seen.entry(parsed(&buffer[..length])["MESSAGE_ID"][0].clone()).or_insert(0u64) += 1;
        }
        assert_eq!(seen[message_id::FIRING], 1);
        assert_eq!(seen[message_id::COUNT], pushed - 10);
    }

    #[test]
    fn a_journal_that_comes_back_gets_what_waited() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("socket");
        let queue = queue(&path, &Arc::default());
        let push = || queue.push(LinePriority::Alert, datagram(&alert(&[]), Level::ERROR));
        push();
        for _ in 0..2 {
            assert!(!queue.flush(Duration::ZERO), "nobody listens");
            let receiver = UnixDatagram::bind(&path).unwrap();
            receiver.set_read_timeout(Some(Duration::from_secs(60))).unwrap();
            let mut buffer = vec![0; 65_536];
            let length = receiver.recv(&mut buffer).unwrap();
            assert_eq!(parsed(&buffer[..length])["SPIKETAIL_ALERT"], ["error-spike"]);
            drop(receiver);
            std::fs::remove_file(&path).unwrap();
            push();
        }
    }

    #[test]
    fn a_datagram_that_is_too_large_is_dropped_and_the_next_arrives() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("socket");
        let receiver = UnixDatagram::bind(&path).unwrap();
        let dropped = Arc::new(AtomicU64::new(0));
        let queue = queue(&path, &dropped);
        queue.push(LinePriority::Alert, vec![b'x'; 16 << 20]);
        queue.push(LinePriority::Alert, datagram(&alert(&[]), Level::ERROR));
        assert!(queue.flush(Duration::from_secs(60)));
        assert_eq!(dropped.load(Ordering::Relaxed), 1);
        let mut buffer = vec![0; 65_536];
        let mut ids = Vec::new();
        for _ in 0..2 {
            let length = receiver.recv(&mut buffer).unwrap();
            ids.push(parsed(&buffer[..length])["MESSAGE_ID"][0].clone());
        }
        ids.sort();
        assert_eq!(ids, [message_id::FIRING, message_id::HEALTH]);
    }
}
