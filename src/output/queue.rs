//! A bounded writer for one destination: an emitting thread never waits for a reader.
//!
//! The right to write is one flag, held either by an emitting thread, which then writes its line with no hop to
//! another thread, or by the writer thread, which writes whole batches. A thread that does not get it queues its line,
//! so the order in which lines came is the order in which they leave.

use std::io;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use super::bounded_lines::{BoundedLines, LinePriority, QueueLimits, QueuedLine};
use super::sink::{Sink, WriteOutcome};

/// How long dropping a queue waits for its lines to be written.
const CLOSE_WAIT: Duration = Duration::from_secs(1);
/// How long the writer waits before it tries a destination again that refused or was full.
const RETRY_WAIT: Duration = Duration::from_secs(1);

/// Called from the writer thread, once, when the reader of the destination is gone.
pub type OnClosed = Arc<dyn Fn() + Send + Sync>;
/// Makes the line that says how many lines were dropped.
pub type DropReport = Arc<dyn Fn(u64) -> Vec<u8> + Send + Sync>;

/// A bounded queue of lines and the thread that writes them.
pub struct LineQueue {
    shared: Arc<QueueShared>,
}

struct QueueShared {
    name: String,
    state: Mutex<QueueState>,
    /// Locked by the holder of [`QueueState::writing`], and to replace it.
    sink: Mutex<Box<dyn Sink>>,
    batch_bytes: usize,
    report: Mutex<DropReport>,
    /// Lines dropped by every queue that shares the counter.
    dropped_total: Arc<AtomicU64>,
    /// There may be something to do for the writer thread.
    work: Condvar,
    /// Everything was written, or the writer thread ended.
    drained: Condvar,
}

#[derive(Default)]
struct QueueState {
    backlog: BoundedLines,
    /// Dropped since the last report.
    dropped: u64,
    /// Someone holds the right to write.
    writing: bool,
    /// The writer thread waits on [`QueueShared::work`].
    idle: bool,
    /// The reader is gone: everything is discarded.
    closed: bool,
    /// No more lines come: write the remaining ones and end.
    ending: bool,
    ended: bool,
}

impl QueueState {
    fn is_drained(&self) -> bool {
        self.ended || self.closed || (self.backlog.is_empty() && !self.writing && self.dropped == 0)
    }

    fn discard(&mut self) -> u64 {
        std::mem::take(&mut self.backlog).len() + std::mem::take(&mut self.dropped)
    }
}

impl LineQueue {
    /// Starts the writer thread for `sink`.
    ///
    /// `name` says in messages which destination it is. `dropped_total` grows with every line that is dropped.
    ///
    /// # Errors
    /// Fails if the system starts no more threads.
    pub fn start(
        name: &str,
        sink: Box<dyn Sink>,
        limits: QueueLimits,
        report: DropReport,
        on_closed: OnClosed,
        dropped_total: Arc<AtomicU64>,
    ) -> io::Result<LineQueue> {
        let shared = Arc::new(QueueShared {
            name: name.to_owned(),
            state: Mutex::new(QueueState { backlog: BoundedLines::new(limits), ..QueueState::default() }),
            batch_bytes: sink.batch_bytes(),
            sink: Mutex::new(sink),
            report: Mutex::new(report),
            dropped_total,
            work: Condvar::new(),
            drained: Condvar::new(),
        });
        let writer = Arc::clone(&shared);
        let thread = std::thread::Builder::new().name("spiketail-out".to_owned());
        // Not joined: a reader that never reads would block the shutdown.
        thread.spawn(move || writer.run(&on_closed))?;
        Ok(LineQueue { shared })
    }

    /// Writes `bytes` (whole lines, or a datagram) at once if nothing stands before it and the destination takes it without waiting;
    /// queues it otherwise. Drops and counts it when its class has no room.
    pub fn push(&self, class: LinePriority, bytes: Vec<u8>) {
        let shared = &*self.shared;
        let line = QueuedLine { class, bytes };
        let mut state = shared.lock();
        if state.closed {
            return;
        }
        if state.is_drained() {
            state.writing = true;
            drop(state);
            return shared.write_directly(line);
        }
        if state.backlog.admit(line).is_err() {
            state.dropped += 1;
            shared.dropped_total.fetch_add(1, Ordering::Relaxed);
        }
        shared.wake(&state);
    }

    /// Waits up to `timeout` until everything queued is written; returns whether it is.
    pub fn flush(&self, timeout: Duration) -> bool {
        self.shared.wait_until(timeout, QueueState::is_drained)
    }

    /// Whether `path` leads to the file that is open.
    pub fn stands_at(&self, path: &std::path::Path) -> bool {
        lock(&self.shared.sink).stands_at(path)
    }

    /// Writes to `sink` from now on, also what is queued.
    pub fn replace_sink(&self, sink: Box<dyn Sink>) {
        *lock(&self.shared.sink) = sink;
    }

    /// Makes reports about dropped lines with `report` from now on.
    pub fn replace_report(&self, report: DropReport) {
        *lock(&self.shared.report) = report;
    }
}

impl Drop for LineQueue {
    /// Waits up to a second for the queued lines. What is not written by then is still written as the destination
    /// takes it, for as long as the process lives; a destination that refuses is given up.
    fn drop(&mut self) {
        self.shared.lock().ending = true;
        self.shared.work.notify_all();
        self.shared.wait_until(CLOSE_WAIT, |state| state.ended);
    }
}

impl QueueShared {
    fn lock(&self) -> MutexGuard<'_, QueueState> {
        lock(&self.state)
    }

    fn wake(&self, state: &QueueState) {
        // A writing thread checks again when it is done; only an idle writer needs the system call.
        if state.idle && !state.writing {
            self.work.notify_one();
        }
    }

    fn wait_until(&self, timeout: Duration, done: impl Fn(&QueueState) -> bool) -> bool {
        let guard = self.drained.wait_timeout_while(self.lock(), timeout, |state| !done(state));
        let (guard, _) = guard.unwrap_or_else(PoisonError::into_inner);
        done(&guard)
    }

    /// Releases the right to write. The unwritten rest of a line stays the first.
    fn release(&self, rest: Option<QueuedLine>) {
        let mut state = self.lock();
        state.writing = false;
        if let Some(line) = rest {
            state.backlog.put_first(line);
        }
        if state.is_drained() && !state.closed {
            self.drained.notify_all();
        } else {
            self.wake(&state);
        }
    }

    /// The emitting thread writes `line` itself, as far as that goes without waiting. It holds the right to write.
    fn write_directly(&self, mut line: QueuedLine) {
        let mut sink = lock(&self.sink);
        let progress = sink.takes_at_once(line.bytes.len()).then(|| sink.write(&line.bytes));
        drop(sink);
        match progress {
            Some(progress) if progress.outcome == WriteOutcome::Done => self.release(None),
            // The writer thread fails the same way, and it may log and call back.
            Some(progress) => {
                line.bytes.drain(..progress.written);
                self.release(Some(line));
            }
            None => self.release(Some(line)),
        }
    }

    fn run(&self, on_closed: &OnClosed) {
        let mut batch = Vec::new();
        while let Some(lines) = self.next_batch(&mut batch) {
            match self.write_batch(&batch) {
                End::Written => self.release(None),
                End::TooLarge => {
                    self.lock().dropped += lines;
                    self.dropped_total.fetch_add(lines, Ordering::Relaxed);
                    self.release(None);
                }
                End::Closed => self.lock().closed = true,
                End::GivenUp => {
                    let mut state = self.lock();
                    let undelivered = lines + state.discard();
                    self.dropped_total.fetch_add(undelivered, Ordering::Relaxed);
                    drop(state);
                    tracing::warn!(
                        output = self.name,
                        lines = undelivered,
                        "gave up an output with lines unwritten"
                    );
                    break;
                }
            }
        }
        let mut state = self.lock();
        state.ended = true;
        if state.closed {
            state.discard();
        }
        let closed = state.closed;
        drop(state);
        self.drained.notify_all();
        if closed {
            on_closed();
        }
    }

    /// Waits for lines, takes the right to write and fills `batch`. `None` at the end.
    fn next_batch(&self, batch: &mut Vec<u8>) -> Option<u64> {
        batch.clear();
        batch.shrink_to(self.batch_bytes * 2);
        let mut state = self.lock();
        loop {
            if state.closed {
                return None;
            }
            if !state.writing {
                if state.dropped > 0 && state.backlog.has_room_again() {
                    state = self.queue_report(state);
                }
                if !state.backlog.is_empty() {
                    state.writing = true;
                    return Some(state.backlog.take_batch(batch, self.batch_bytes));
                }
                if state.ending {
                    return None;
                }
            }
            state.idle = true;
            state = self.work.wait(state).unwrap_or_else(PoisonError::into_inner);
            state.idle = false;
        }
    }

    /// Queues the line that says how many were dropped. There is always room for it.
    fn queue_report<'a>(&'a self, mut state: MutexGuard<'a, QueueState>) -> MutexGuard<'a, QueueState> {
        let count = std::mem::take(&mut state.dropped);
        // Holding the right to write keeps others behind while the line is made without the lock.
        state.writing = true;
        drop(state);
        let report = Arc::clone(&lock(&self.report));
        let bytes = report(count);
        let mut state = self.lock();
        state.writing = false;
        state.backlog.put_last(QueuedLine { class: LinePriority::Ordinary, bytes });
        state
    }

    /// Writes all of `batch`, however long the destination takes.
    fn write_batch(&self, batch: &[u8]) -> End {
        let mut at = 0;
        let mut failing_since: Option<Instant> = None;
        loop {
            let mut sink = lock(&self.sink);
            let progress = sink.write(&batch[at..]);
            at += progress.written;
            match progress.outcome {
                WriteOutcome::Done => {
                    drop(sink);
                    if let Some(began) = failing_since {
                        let seconds = began.elapsed().as_secs();
                        tracing::info!(output = self.name, seconds, "an output can be written again");
                    }
                    return End::Written;
                }
                WriteOutcome::Full => {
                    sink.wait_room(RETRY_WAIT);
                }
                WriteOutcome::TooLarge => return End::TooLarge,
                WriteOutcome::Closed => return End::Closed,
                WriteOutcome::Failed(errno) => {
                    let hint = sink.hint(errno);
                    drop(sink);
                    if failing_since.is_none() {
                        let error = io::Error::from(errno);
                        tracing::warn!(output = self.name, %error, "cannot write an output; its lines wait and are tried again every second; {hint}");
                    }
                    failing_since.get_or_insert_with(Instant::now);
                    if !self.pause() {
                        return End::GivenUp;
                    }
                }
            }
        }
    }

    /// Waits before another try. `false` if the queue is ending and there is to be none.
    fn pause(&self) -> bool {
        let state = self.lock();
        if state.ending {
            return false;
        }
        drop(self.work.wait_timeout_while(state, RETRY_WAIT, |state| !state.ending));
        true
    }
}

/// How the writing of a batch ended.
enum End {
    Written,
    TooLarge,
    Closed,
    GivenUp,
}

/// What the locks guard is whole between any two statements, so a panic elsewhere does not spoil it.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
