//! The stream of changes: events with numbers, of which the newest are kept, so that a client goes on where it left off. Each client has
//! a bounded queue; one that does not read is cut off and costs the others nothing.

use std::collections::VecDeque;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use hyper::body::{Body, Bytes, Frame};
use tokio::sync::{Notify, mpsc};

use super::api::Change;

/// So many events are kept for clients that come back.
const KEPT_MAX: usize = 1_024;
/// And so many bytes of them.
const KEPT_BYTES_MAX: usize = 2 << 20;
/// So many events wait for one client.
const WAITING_MAX: usize = 256;
/// So many clients there are at once; one more takes the place of the oldest.
const CLIENTS_MAX: usize = 100;
/// Someone looks on as long as it is no longer than this since a snapshot was asked for.
const WANTED: Duration = Duration::from_secs(30);

/// See the [module](self).
pub struct EventHub {
    inner: Mutex<Inner>,
    /// Someone began to look on.
    pub(super) wanted: Notify,
    /// Something happened that those who look on are to see at once.
    pub urgent: Notify,
}

struct Inner {
    seq: u64,
    kept: VecDeque<(u64, Bytes)>,
    kept_bytes: usize,
    clients: VecDeque<Client>,
    asked: Option<Instant>,
}

struct Client {
    queue: mpsc::Sender<Bytes>,
    stop: Arc<Notify>,
}

impl EventHub {
    /// A hub whose events are numbered from `seq` on. A later process begins with a greater number, so that no client takes up the
    /// stream of another process.
    #[must_use]
    pub fn new(seq: u64) -> EventHub {
        let inner =
            Inner { seq, kept: VecDeque::new(), kept_bytes: 0, clients: VecDeque::new(), asked: None };
        EventHub { inner: Mutex::new(inner), wanted: Notify::new(), urgent: Notify::new() }
    }

    /// The number of the newest event. Someone is about to make a snapshot.
    pub fn ask(&self) -> u64 {
        let mut inner = self.lock();
        inner.asked = Some(Instant::now());
        self.wanted.notify_one();
        inner.seq
    }

    /// Whether anybody looks on.
    #[must_use]
    pub fn is_wanted(&self) -> bool {
        let mut inner = self.lock();
        inner.clients.retain(|client| !client.queue.is_closed());
        !inner.clients.is_empty() || inner.asked.is_some_and(|asked| asked.elapsed() < WANTED)
    }

    /// Waits until somebody looks on.
    pub async fn until_wanted(&self) {
        while !self.is_wanted() {
            self.wanted.notified().await;
        }
    }

    /// Sends a change to all clients.
    pub fn publish(&self, change: &Change) {
        let mut inner = self.lock();
        inner.seq += 1;
        let event = encode(inner.seq, change);
        inner.kept_bytes += event.len();
        let numbered = (inner.seq, event.clone());
        inner.kept.push_back(numbered);
        while inner.kept.len() > KEPT_MAX || inner.kept_bytes > KEPT_BYTES_MAX {
            let Some((_, oldest)) = inner.kept.pop_front() else { break };
            inner.kept_bytes -= oldest.len();
        }
        inner.clients.retain(|client| match client.queue.try_send(event.clone()) {
            Ok(()) => true,
            Err(mpsc::error::TrySendError::Closed(_)) => false,
            Err(mpsc::error::TrySendError::Full(_)) => {
                client.stop.notify_one();
                false
            }
        });
    }

    /// A client that has seen everything up to the event `after`; without one, that wants what comes from now on. It is cut off by
    /// `stop`.
    pub(super) fn subscribe(&self, after: Option<u64>, stop: &Arc<Notify>) -> EventBody {
        let (queue, events) = mpsc::channel(WAITING_MAX);
        let mut inner = self.lock();
        let after = after.unwrap_or(inner.seq);
        let oldest = inner.kept.front().map_or(inner.seq + 1, |(seq, _)| *seq);
        let is_known = after <= inner.seq && after + 1 >= oldest;
        let mut first = VecDeque::new();
        if is_known {
            first.extend(inner.kept.iter().filter(|(seq, _)| *seq > after).map(|(_, event)| event.clone()));
        } else {
            first.push_back(encode(inner.seq, &Change::Reset {}));
        }
        // A first byte at once, so that the client knows that it is connected.
        first.push_front(Bytes::from_static(b": spiketail\n\n"));
        if inner.clients.len() >= CLIENTS_MAX
            && let Some(oldest) = inner.clients.pop_front()
        {
            oldest.stop.notify_one();
        }
        inner.clients.push_back(Client { queue, stop: Arc::clone(stop) });
        self.wanted.notify_one();
        EventBody { first, events }
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn encode(seq: u64, change: &Change) -> Bytes {
    let (name, data) = change.encode();
    Bytes::from(format!("id: {seq}\nevent: {name}\ndata: {data}\n\n"))
}

/// The body of an answer that goes on as long as the client reads.
pub(super) struct EventBody {
    first: VecDeque<Bytes>,
    events: mpsc::Receiver<Bytes>,
}

impl Body for EventBody {
    type Data = Bytes;
    type Error = std::convert::Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Self::Error>>> {
        if let Some(event) = self.first.pop_front() {
            return Poll::Ready(Some(Ok(Frame::data(event))));
        }
        self.events.poll_recv(context).map(|event| event.map(|event| Ok(Frame::data(event))))
    }
}

#[cfg(test)]
mod tests {
    use super::super::api::NewLines;
    use super::*;

    fn lines(skipped: u64) -> Change {
        Change::Lines(NewLines { skipped, ..NewLines::default() })
    }

    fn read(body: &mut EventBody) -> Vec<String> {
        let mut context = Context::from_waker(std::task::Waker::noop());
        let mut all = Vec::new();
        while let Poll::Ready(Some(Ok(frame))) = Pin::new(&mut *body).poll_frame(&mut context) {
            all.push(String::from_utf8(frame.into_data().unwrap().to_vec()).unwrap());
        }
        all.remove(0);
        all
    }

    #[test]
    fn a_client_goes_on_after_the_event_that_it_names() {
        let (hub, stop) = (EventHub::new(100), Arc::new(Notify::new()));
        (0..3).for_each(|n| hub.publish(&lines(n)));
        assert_eq!(hub.ask(), 103);
        let mut client = hub.subscribe(Some(101), &stop);
        let mut new = hub.subscribe(None, &stop);
        hub.publish(&lines(3));
        let data =
            |n: u64| format!("id: {}\nevent: lines\ndata: {{\"lines\":[],\"skipped\":{n}}}\n\n", 101 + n);
        assert_eq!(read(&mut client), [data(1), data(2), data(3)]);
        assert_eq!(read(&mut new), [data(3)]);
    }

    #[test]
    fn who_missed_too_much_or_comes_from_elsewhere_is_to_begin_anew() {
        let (hub, stop) = (EventHub::new(100), Arc::new(Notify::new()));
        (0..KEPT_MAX as u64 + 2).for_each(|n| hub.publish(&lines(n)));
        let reset = |seq| vec![format!("id: {seq}\nevent: reset\ndata: {{}}\n\n")];
        let newest = 100 + KEPT_MAX as u64 + 2;
        for after in [100, 5, newest + 1] {
            assert_eq!(read(&mut hub.subscribe(Some(after), &stop)), reset(newest), "{after}");
        }
        assert_eq!(read(&mut hub.subscribe(Some(102), &stop)).len(), KEPT_MAX);
    }

    #[test]
    fn one_that_does_not_read_is_cut_off_and_the_others_go_on() {
        let (hub, stop, other) = (EventHub::new(0), Arc::new(Notify::new()), Arc::new(Notify::new()));
        let _stuck = hub.subscribe(None, &stop);
        let mut reader = hub.subscribe(None, &other);
        for n in 0..=WAITING_MAX as u64 {
            hub.publish(&lines(n));
            // The first time, there is the greeting as well.
            assert_eq!(drain(&mut reader).len(), if n == 0 { 2 } else { 1 });
        }
        let mut stopped = std::pin::pin!(stop.notified());
        assert!(stopped.as_mut().poll(&mut Context::from_waker(std::task::Waker::noop())).is_ready());
        assert_eq!(hub.lock().clients.len(), 1);
        assert!(hub.is_wanted());
        drop(reader);
        assert!(!hub.is_wanted());
    }

    fn drain(body: &mut EventBody) -> Vec<Bytes> {
        let mut context = Context::from_waker(std::task::Waker::noop());
        let mut all = Vec::new();
        while let Poll::Ready(Some(Ok(frame))) = Pin::new(&mut *body).poll_frame(&mut context) {
            all.push(frame.into_data().unwrap());
        }
        all
    }
}
