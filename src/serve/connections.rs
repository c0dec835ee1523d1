//! The connections of one listener. There is always room for one more: the one that has been undecided for longest makes room for
//! it, so that clients that say or read nothing never keep others out.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;

/// At most so many connections of a listener are open at once.
pub(super) const CONNECTIONS_MAX: usize = 100;

/// See the [module](self).
#[derive(Default)]
pub(super) struct Connections {
    /// By age, the oldest first.
    open: Mutex<BTreeMap<u64, Slot>>,
    next: AtomicU64,
}

struct Slot {
    stop: Arc<Notify>,
    /// Whether its request was understood.
    is_answered: bool,
}

/// A connection that has a place. Whoever serves it ends when `stop` is notified.
pub(super) struct Connection {
    all: Arc<Connections>,
    number: u64,
    pub(super) stop: Arc<Notify>,
}

impl Connections {
    /// Gives a place to a new connection. If there is none, the oldest one without a whole request ends, or else the oldest one.
    pub(super) fn admit(self: &Arc<Self>) -> Connection {
        let stop = Arc::new(Notify::new());
        let number = self.next.fetch_add(1, Ordering::Relaxed);
        let mut open = self.lock();
        if open.len() >= CONNECTIONS_MAX {
            let undecided = open.iter().find(|(_, slot)| !slot.is_answered).map(|(number, _)| *number);
            let oldest = undecided.or_else(|| open.keys().next().copied());
            if let Some(slot) = oldest.and_then(|number| open.remove(&number)) {
                slot.stop.notify_one();
            }
        }
        open.insert(number, Slot { stop: Arc::clone(&stop), is_answered: false });
        Connection { all: Arc::clone(self), number, stop }
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<u64, Slot>> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Connection {
    /// Its request is there, and is answered from now on.
    pub(super) fn is_answered(&self) {
        if let Some(slot) = self.all.lock().get_mut(&self.number) {
            slot.is_answered = true;
        }
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        self.all.lock().remove(&self.number);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn is_stopped(connection: &Connection) -> bool {
        let mut stopped = std::pin::pin!(connection.stop.notified());
        let mut context = std::task::Context::from_waker(std::task::Waker::noop());
        stopped.as_mut().poll(&mut context).is_ready()
    }

    #[test]
    fn those_without_a_request_make_room_first_and_the_oldest_before_the_others() {
        let all = Arc::new(Connections::default());
        let open: Vec<Connection> = (0..CONNECTIONS_MAX).map(|_| all.admit()).collect();
        open.iter().skip(2).for_each(Connection::is_answered);
        let new: Vec<Connection> = (0..3)
            .map(|_| {
                let new = all.admit();
                new.is_answered();
                new
            })
            .collect();
        let stopped: Vec<usize> = (0..open.len()).filter(|at| is_stopped(&open[*at])).collect();
        assert_eq!(stopped, [0, 1, 2]);
        assert!(!new.iter().any(is_stopped));
        drop((open, new));
        assert!(all.lock().is_empty());
    }
}
