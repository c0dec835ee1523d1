//! Events for the systemd journal: one datagram each in the journal's native protocol, with fields of our own.
//!
//! The protocol is that of <https://systemd.io/JOURNAL_NATIVE_PROTOCOL/>: a field is `KEY=value` and a line feed, or, where the value
//! holds a line feed, `KEY`, a line feed, the length as 64 bits (least first), the value and a line feed.
//!
//! Events wait for a thread that writes them, alerts apart from the others: what does not fit is dropped and counted, and nobody who
//! emits waits for the journal.

use std::collections::VecDeque;
use std::io;
use std::os::unix::net::UnixDatagram;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use jiff::Timestamp;
use serde_json::Value;
use tracing::Level;

use super::console::Console;
use super::line_format::LineFormat;
use crate::event::{Event, HealthEvent, HealthKind, Severity};
use crate::fmt::display_path;

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

/// At most so many alerts, and so many other events, wait for the journal.
const WAITING_MAX: usize = 10_000;
/// How long trouble with the journal is waited out before the next attempt.
const RETRY_WAIT: Duration = Duration::from_secs(1);
/// How often trouble that lasts is told.
const TROUBLE_INTERVAL: Duration = Duration::from_secs(60);

/// A bounded way to the journal. Dropping it waits up to a second for what is queued.
pub struct Journal {
    socket: PathBuf,
    shared: Arc<JournalShared>,
    console: Console,
    dropped: Arc<AtomicU64>,
}

#[derive(Default)]
struct JournalShared {
    state: Mutex<JournalState>,
    /// There is something to do for the thread.
    work: Condvar,
    /// Everything was written.
    settled: Condvar,
}

#[derive(Default)]
struct JournalState {
    alerts: VecDeque<Vec<u8>>,
    others: VecDeque<Vec<u8>>,
    /// Dropped since the last report.
    dropped: u64,
    writing: bool,
    ending: bool,
}

impl JournalState {
    fn is_settled(&self) -> bool {
        self.alerts.is_empty() && self.others.is_empty() && !self.writing
    }
}

impl JournalShared {
    fn lock(&self) -> MutexGuard<'_, JournalState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits for the next event, and takes how many were dropped; `None` once the end has come and nothing is left.
    fn next(&self) -> Option<(Vec<u8>, u64)> {
        let is_idle = |s: &mut JournalState| s.alerts.is_empty() && s.others.is_empty() && !s.ending;
        let state = self.work.wait_while(self.lock(), is_idle);
        let mut state = state.unwrap_or_else(PoisonError::into_inner);
        let next = state.alerts.pop_front().or_else(|| state.others.pop_front())?;
        state.writing = true;
        Some((next, std::mem::take(&mut state.dropped)))
    }

    /// What [`JournalShared::next`] gave is dealt with.
    fn settle(&self) {
        let mut state = self.lock();
        state.writing = false;
        if state.is_settled() {
            self.settled.notify_all();
        }
    }

    /// Waits for `time`, or less if the end comes; gives whether it has come.
    fn has_ended_within(&self, time: Duration) -> bool {
        let state = self.work.wait_timeout_while(self.lock(), time, |state| !state.ending);
        state.unwrap_or_else(PoisonError::into_inner).0.ending
    }
}

impl Journal {
    /// Starts the thread that writes to `socket`. `dropped` grows with every event that is dropped.
    ///
    /// # Errors
    /// If the system starts no more threads.
    pub fn start(socket: &Path, dropped: Arc<AtomicU64>) -> io::Result<Journal> {
        let shared = Arc::new(JournalShared::default());
        let (path, writer, lost) = (socket.to_owned(), Arc::clone(&shared), Arc::clone(&dropped));
        std::thread::Builder::new()
            .name("spiketail-journal".to_owned())
            .spawn(move || run(&path, &writer, &lost))?;
        Ok(Journal { socket: socket.to_owned(), shared, console: Console::new(false), dropped })
    }

    /// Where it writes.
    #[must_use]
    pub fn socket(&self) -> &Path {
        &self.socket
    }

    /// Queues an event.
    pub fn push(&self, record: &Event, level: Level) {
        let datagram = datagram(&self.console, record, level);
        let mut state = self.shared.lock();
        let is_alert = matches!(record, Event::Alert(_));
        let queue = if is_alert { &mut state.alerts } else { &mut state.others };
        if queue.len() < WAITING_MAX {
            queue.push_back(datagram);
        } else {
            state.dropped += 1;
            self.dropped.fetch_add(1, Ordering::Relaxed);
        }
        self.shared.work.notify_one();
    }

    /// Waits up to `timeout` until everything queued is written; returns whether it is.
    pub fn flush(&self, timeout: Duration) -> bool {
        let state = self.shared.settled.wait_timeout_while(self.shared.lock(), timeout, |s| !s.is_settled());
        state.unwrap_or_else(PoisonError::into_inner).0.is_settled()
    }
}

impl Drop for Journal {
    fn drop(&mut self) {
        self.flush(Duration::from_secs(1));
        self.shared.lock().ending = true;
        self.shared.work.notify_all();
    }
}

/// Writes what comes, alerts first.
fn run(path: &Path, shared: &JournalShared, all_dropped: &AtomicU64) {
    let mut writer = Writer { path, socket: None, told: None };
    while let Some((datagram, dropped)) = shared.next() {
        if dropped > 0 {
            writer.write(&drop_report(dropped), shared);
        }
        if !writer.write(&datagram, shared) {
            all_dropped.fetch_add(1, Ordering::Relaxed);
        }
        shared.settle();
    }
}

/// The thread's side of the socket.
struct Writer<'a> {
    path: &'a Path,
    socket: Option<UnixDatagram>,
    /// When trouble was told last.
    told: Option<Instant>,
}

impl Writer<'_> {
    /// Tries until the journal takes the datagram; once the end has begun, only once. Gives whether it did.
    fn write(&mut self, datagram: &[u8], shared: &JournalShared) -> bool {
        loop {
            let Err(error) = send(&mut self.socket, self.path, datagram) else {
                self.told = None;
                return true;
            };
            self.tell(&error);
            let is_hopeless = error.raw_os_error() == Some(libc::EMSGSIZE);
            if is_hopeless || shared.has_ended_within(RETRY_WAIT) {
                return false;
            }
        }
    }

    fn tell(&mut self, error: &io::Error) {
        if self.told.is_none_or(|at| at.elapsed() > TROUBLE_INTERVAL) {
            let path = display_path(self.path);
            // This goes to the log, not back here.
            tracing::warn!(
                "cannot write to the journal at {path}: {error}; see whether systemd-journald runs"
            );
            self.told = Some(Instant::now());
        }
    }
}

fn send(socket: &mut Option<UnixDatagram>, path: &Path, datagram: &[u8]) -> io::Result<()> {
    let open = match socket.take() {
        Some(open) => open,
        None => {
            let new = UnixDatagram::unbound()?;
            new.connect(path)?;
            new
        }
    };
    // The journal may have been started anew, which the first write after it shows.
    open.send(datagram)?;
    *socket = Some(open);
    Ok(())
}

fn drop_report(count: u64) -> Vec<u8> {
    let message = format!("{count} events were dropped because the journal could not take them fast enough");
    let event = HealthEvent::warning(HealthKind::OutputDropped, message).counting(count);
    datagram(&Console::new(false), &Event::Health(event), Level::WARN)
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
            Value::String(text) => self.put(&key, text),
            Value::Array(values) => {
                values.iter().for_each(|value| self.put_own(name.trim_end_matches('S'), value));
            }
            Value::Object(_) => self.put(&key, value.to_string()),
        }
    }
}

/// The datagram for an event.
fn datagram(console: &Console, record: &Event, level: Level) -> Vec<u8> {
    let mut fields = JournalFields(Vec::with_capacity(512));
    // The time of day in front of it is the journal's to say, as is the colour.
    let text = console.text(record, level, Timestamp::UNIX_EPOCH);
    let sentence = text.lines().next().and_then(|line| line.split_once(' ')).map_or("", |(_, rest)| rest);
    fields.put("MESSAGE", sentence);
    fields.put("SYSLOG_IDENTIFIER", "spiketail");
    fields.put("PRIORITY", priority(record, level));
    fields.put("MESSAGE_ID", message_id_of(record));
    if let Ok(Value::Object(own)) = serde_json::to_value(record) {
        own.iter().for_each(|(name, value)| fields.put_own(&name.to_uppercase(), value));
    }
    fields.0
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

    use super::*;
    use crate::event::AlertEvent;

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

    #[test]
    fn an_alert_has_fields_of_its_own() {
        let fields = parsed(&datagram(&Console::new(false), &alert(&["a=b", "two\nlines"]), Level::ERROR));
        let one = |key: &str| fields[key].join("|");
        assert_eq!(one("MESSAGE"), "FIRING critical error-spike: 57 errors in 60s (threshold 50)  watch app");
        assert_eq!((one("PRIORITY"), one("MESSAGE_ID")), ("2".into(), message_id::FIRING.into()));
        assert_eq!((one("SPIKETAIL_COUNT"), one("SPIKETAIL_ALERT")), ("57".into(), "error-spike".into()));
        assert_eq!(fields["SPIKETAIL_SAMPLE"], ["a=b", "two\nlines"]);
        assert_eq!(one("SYSLOG_IDENTIFIER"), "spiketail");
    }

    #[test]
    fn a_journal_that_takes_nothing_holds_up_nobody_and_loses_no_alert() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("socket");
        let receiver = UnixDatagram::bind(&path).unwrap();
        let dropped = Arc::new(AtomicU64::new(0));
        let journal = Journal::start(&path, Arc::clone(&dropped)).unwrap();
        let count = Event::Count(crate::event::CountEvent::default());
        // Nobody receives yet, so that waiting for the journal here would last forever.
        (0..WAITING_MAX * 2).for_each(|_| journal.push(&count, Level::INFO));
        journal.push(&alert(&[]), Level::ERROR);
        assert!(dropped.load(Ordering::Relaxed) > 0);
        let mut buffer = vec![0; 65_536];
        let mut seen = BTreeMap::new();
        receiver.set_read_timeout(Some(Duration::from_secs(5))).unwrap();
        while let Ok(length) = receiver.recv(&mut buffer) {
            *seen.entry(parsed(&buffer[..length])["MESSAGE_ID"][0].clone()).or_insert(0u64) += 1;
            if journal.flush(Duration::ZERO) && seen.contains_key(message_id::HEALTH) {
                break;
            }
        }
        assert_eq!(seen[message_id::FIRING], 1);
        assert_eq!(seen[message_id::HEALTH], 1, "what was dropped is told");
    }

    #[test]
    fn a_journal_that_comes_back_gets_what_waited() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("socket");
        let journal = Journal::start(&path, Arc::default()).unwrap();
        journal.push(&alert(&[]), Level::ERROR);
        assert!(!journal.flush(Duration::from_millis(50)), "nobody listens");
        for _ in 0..2 {
            let receiver = UnixDatagram::bind(&path).unwrap();
            receiver.set_read_timeout(Some(Duration::from_secs(30))).unwrap();
            let mut buffer = vec![0; 65_536];
            let length = receiver.recv(&mut buffer).unwrap();
            assert_eq!(parsed(&buffer[..length])["SPIKETAIL_ALERT"], ["error-spike"]);
            drop(receiver);
            std::fs::remove_file(&path).unwrap();
            journal.push(&alert(&[]), Level::ERROR);
        }
    }
}
