//! Where records go in the end, and what may be asked of it without waiting: a descriptor or the journal's socket.

use std::path::Path;
use std::time::Duration;

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::fd::AsFd;
use rustix::io::Errno;

/// A destination of bytes.
pub trait Sink: Send {
    /// Records are joined for a write until they have this many bytes. With 1, each record is written by itself.
    fn batch_bytes(&self) -> usize;

    /// Whether `bytes` bytes can be written now without waiting.
    fn takes_at_once(&self, bytes: usize) -> bool;

    /// Waits up to `timeout` until something can be written; returns whether it can.
    fn wait_room(&self, timeout: Duration) -> bool;

    /// Writes `bytes` with a single call that took any, and returns how far it came.
    fn write(&mut self, bytes: &[u8]) -> WriteProgress;

    /// Whether `path` still leads to what is open. `false` if that is unknown.
    fn stands_at(&self, path: &Path) -> bool;

    /// How to fix a write that failed.
    fn hint(&self, errno: Errno) -> &'static str;
}

/// How a write ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WriteOutcome {
    /// Everything was written.
    Done,
    /// The destination takes no more just now.
    Full,
    /// The destination never takes a record of this size.
    TooLarge,
    /// The reader is gone for good.
    Closed,
    /// The system refused.
    Failed(Errno),
}

/// How far a write came.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct WriteProgress {
    /// Bytes written.
    pub written: usize,
    /// Why it ended there.
    pub outcome: WriteOutcome,
}

/// Waits up to `timeout` until `fd` can be written; returns whether it can.
pub(super) fn wait_writable(fd: &impl AsFd, timeout: Duration) -> bool {
    let timeout = Timespec {
        tv_sec: i64::try_from(timeout.as_secs()).unwrap_or(i64::MAX),
        tv_nsec: timeout.subsec_nanos().into(),
    };
    let mut fds = [PollFd::new(fd, PollFlags::OUT)];
    // Interrupted by a signal: the caller comes again anyway.
    poll(&mut fds, Some(&timeout)).is_ok_and(|ready| ready > 0) && fds[0].revents().contains(PollFlags::OUT)
}
