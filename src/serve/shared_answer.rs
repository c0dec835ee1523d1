//! One answer for all who ask at the same time, and few answers in memory at once, however slowly clients read them.
//!
//! An answer is never older than the question, with one exception: while [`ALIVE_MAX`] answers are still being read by slow clients,
//! others share the newest. None of them keeps its place for longer than [`READ_MIN`] if others ask; its readers are cut off then.

use std::sync::{Arc, Weak};
use std::time::{Duration, Instant};

use tokio::sync::{Mutex, Notify};

use super::connections::Places;

/// At most so many answers to the same question are in memory at once.
const ALIVE_MAX: usize = 3;
/// For so long an answer can be read undisturbed. So old may an answer be while as many are being read as may be.
const READ_MIN: Duration = Duration::from_secs(2);

/// What is answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HttpResponse {
    /// The status, such as 200.
    pub status: u16,
    /// The media type.
    pub content_type: String,
    /// The body.
    pub body: Vec<u8>,
}

/// Makes an answer. May take a while.
pub type Render = Arc<dyn Fn() -> HttpResponse + Send + Sync>;

/// See the [module](self).
pub(super) struct SharedAnswer {
    render: Render,
    /// Those that are being read, the oldest first. Locked while a new one is made, so that there is one at a time.
    alive: Arc<Mutex<Vec<Alive>>>,
    pub(super) places: Arc<Places>,
}

struct Alive {
    begun: Instant,
    answer: Weak<HttpResponse>,
    readers: Vec<Weak<Notify>>,
}

impl SharedAnswer {
    pub(super) fn new(render: Render) -> SharedAnswer {
        SharedAnswer { render, alive: Arc::default(), places: Places::of_page() }
    }

    /// An answer for a client that is cut off when `reader` is notified. `None` if making it panicked.
    pub(super) async fn get(&self, reader: &Arc<Notify>) -> Option<Arc<HttpResponse>> {
        let asked = Instant::now();
        let mut alive = Arc::clone(&self.alive).lock_owned().await;
        alive.retain(|answer| answer.answer.strong_count() > 0);
        if let Some(shared) =
            alive.last_mut().filter(|newest| newest.begun >= asked).and_then(|a| a.share(reader))
        {
            return Some(shared);
        }
        if alive.len() >= ALIVE_MAX {
            if alive.first().is_some_and(|oldest| oldest.begun.elapsed() < READ_MIN)
                && let Some(shared) = alive.last_mut().and_then(|newest| newest.share(reader))
            {
                return Some(shared);
            }
            alive.remove(0).cut_off();
        }
        let (render, reader) = (Arc::clone(&self.render), Arc::downgrade(reader));
        // Gathering figures waits for locks. Whoever asked may be gone by then, but the next one still waits for its turn.
        let made = tokio::task::spawn_blocking(move || {
            let begun = Instant::now();
            let answer = Arc::new(render());
            alive.push(Alive { begun, answer: Arc::downgrade(&answer), readers: vec![reader] });
            answer
        });
        made.await.ok()
    }
}

impl Alive {
    /// The answer for one more `reader`, if anybody still has it.
    fn share(&mut self, reader: &Arc<Notify>) -> Option<Arc<HttpResponse>> {
        let answer = self.answer.upgrade()?;
        self.readers.retain(|reader| reader.strong_count() > 0);
        self.readers.push(Arc::downgrade(reader));
        Some(answer)
    }

    /// Ends the connections of those who have not read it yet.
    fn cut_off(self) {
        self.readers.iter().filter_map(Weak::upgrade).for_each(|reader| reader.notify_one());
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU64, Ordering};

    use tokio::runtime::Builder;

    use super::*;

    fn counting() -> (SharedAnswer, Arc<AtomicU64>) {
        let made = Arc::new(AtomicU64::new(0));
        let number = Arc::clone(&made);
        let render = move || {
            let body = number.fetch_add(1, Ordering::SeqCst).to_string().into_bytes();
            HttpResponse { status: 200, content_type: String::new(), body }
        };
        (SharedAnswer::new(Arc::new(render)), made)
    }

    #[test]
    fn an_answer_is_new_as_long_as_few_are_being_read() {
        let (shared, made) = counting();
        let reader = Arc::new(Notify::new());
        Builder::new_current_thread().enable_all().build().unwrap().block_on(async {
            for n in 0..10 {
                let answer = shared.get(&reader).await.unwrap();
                assert_eq!(answer.body, n.to_string().as_bytes());
            }
        });
        assert_eq!(made.load(Ordering::SeqCst), 10);
    }

    #[test]
    fn slow_readers_share_and_those_of_the_oldest_are_cut_off_in_time() {
        let (shared, _) = counting();
        let readers: Vec<_> = (0..20).map(|_| Arc::new(Notify::new())).collect();
        Builder::new_current_thread().enable_all().build().unwrap().block_on(async {
            let mut kept = Vec::new();
            for reader in &readers {
                kept.push(shared.get(reader).await.unwrap());
            }
            let bodies: Vec<_> = kept.iter().map(|answer| answer.body.clone()).collect();
            assert_eq!(bodies[..4], [b"0", b"1", b"2", b"2"]);
            assert!(bodies[3..].iter().all(|body| body == b"2"));
            shared.alive.lock().await[0].begun -= READ_MIN;
            assert_eq!(shared.get(&readers[0]).await.unwrap().body, b"3");
            readers[0].notified().await;
        });
    }

    #[test]
    fn those_who_ask_while_one_is_made_share_the_next() {
        let (shared, made) = counting();
        let shared = Arc::new(shared);
        let runtime = Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
        runtime.block_on(async {
            let busy = Arc::clone(&shared.alive).lock_owned().await;
            let ask = || {
                let shared = Arc::clone(&shared);
                tokio::spawn(async move { shared.get(&Arc::new(Notify::new())).await.unwrap() })
            };
            let asked: Vec<_> = (0..50).map(|_| ask()).collect();
            // All of them wait now.
            while Arc::strong_count(&shared.alive) < 52 {
                tokio::task::yield_now().await;
            }
            drop(busy);
            let mut kept = Vec::new();
            for one in asked {
                kept.push(one.await.unwrap());
            }
        });
        assert!(made.load(Ordering::SeqCst) <= ALIVE_MAX as u64);
    }
}
