//! The places of connections, in queues of their own for each listener (those whose request is awaited) and for each page (those that
//! get it). A full queue lets go of the one that has been in it for longest. So there is always room for one more, and clients that
//! say nothing, half a request or read nothing keep no one out, least of all from another page.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use tokio::sync::Notify;

/// Of at most so many connections of a listener the request is awaited at once.
const AWAITED_MAX: usize = 64;
/// At most so many connections get the same page at once.
const ANSWERED_MAX: usize = 100;

/// Connections by age, and how to end them.
pub(super) struct Places {
    max: usize,
    taken: Mutex<BTreeMap<u64, Arc<Notify>>>,
}

/// A connection that has a place. Whoever serves it ends when `stop` is notified.
pub(super) struct Connection {
    number: u64,
    awaited: Arc<Places>,
    answered: OnceLock<Arc<Places>>,
    pub(super) stop: Arc<Notify>,
    /// Whether its answer goes on for as long as the client reads.
    pub(super) is_stream: AtomicBool,
}

impl Places {
    /// For the connections of a listener.
    pub(super) fn of_listener() -> Arc<Places> {
        Arc::new(Places { max: AWAITED_MAX, taken: Mutex::default() })
    }

    /// For the connections that get a page.
    pub(super) fn of_page() -> Arc<Places> {
        Arc::new(Places { max: ANSWERED_MAX, taken: Mutex::default() })
    }

    fn put(&self, number: u64, stop: &Arc<Notify>) {
        let mut taken = self.taken.lock().unwrap_or_else(PoisonError::into_inner);
        if taken.len() >= self.max
            && let Some((_, oldest)) = taken.pop_first()
        {
            oldest.notify_one();
        }
        taken.insert(number, Arc::clone(stop));
    }

    fn take(&self, number: u64) {
        self.taken.lock().unwrap_or_else(PoisonError::into_inner).remove(&number);
    }
}

impl Connection {
    /// A new connection of a listener with these places.
    pub(super) fn new(awaited: &Arc<Places>) -> Connection {
        // By age over all listeners, since they share pages.
        static NEXT: AtomicU64 = AtomicU64::new(0);
        let (number, stop) = (NEXT.fetch_add(1, Ordering::Relaxed), Arc::new(Notify::new()));
        awaited.put(number, &stop);
        let (answered, is_stream) = (OnceLock::new(), AtomicBool::new(false));
        Connection { number, awaited: Arc::clone(awaited), answered, stop, is_stream }
    }

    /// Its request is there, and its answer goes on for as long as the client reads. The stream bounds how many there are.
    pub(super) fn streams(&self) {
        self.awaited.take(self.number);
        self.is_stream.store(true, Ordering::Relaxed);
    }

    /// Its request is there, and it gets a page with these places.
    pub(super) fn gets(&self, page: &Arc<Places>) {
        self.awaited.take(self.number);
        if self.answered.set(Arc::clone(page)).is_ok() {
            page.put(self.number, &self.stop);
        }
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        self.awaited.take(self.number);
        if let Some(page) = self.answered.get() {
            page.take(self.number);
        }
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

    fn stopped(connections: &[Connection]) -> Vec<usize> {
        (0..connections.len()).filter(|at| is_stopped(&connections[*at])).collect()
    }

    #[test]
    fn the_oldest_in_a_full_queue_makes_room_and_no_queue_costs_another_a_place() {
        let (listener, page, other) = (Places::of_listener(), Places::of_page(), Places::of_page());
        let answered: Vec<Connection> = (0..ANSWERED_MAX + 2)
            .map(|_| {
                let new = Connection::new(&listener);
                new.gets(&page);
                new
            })
            .collect();
        let awaited: Vec<Connection> = (0..AWAITED_MAX + 3).map(|_| Connection::new(&listener)).collect();
        assert_eq!((stopped(&answered), stopped(&awaited)), (vec![0, 1], vec![0, 1, 2]));
        awaited[3].gets(&other);
        assert_eq!((stopped(&answered), stopped(&awaited)), (vec![], vec![]));
        awaited[4].gets(&page);
        assert_eq!((stopped(&answered), stopped(&awaited)), (vec![2], vec![]));
        drop((answered, awaited));
        assert!([listener, page, other].iter().all(|places| places.taken.lock().unwrap().is_empty()));
    }
}
