//! Made-up counts fed to a spike as the daemon feeds it: looked at every second, alerts kept for a minute.

use fastrand::Rng;
use spiketail::detect::spike::{Spike, SpikeSettings};

use crate::series::Counts;

const DAY_MS: i64 = 86_400_000;
const BUCKET_MS: i64 = 10_000;
const WINDOW_MS: i64 = 60_000;
/// An alert goes on for so long after its condition held last.
const KEEP_FIRING_FOR_MS: i64 = 60_000;
/// So long goes before a rise.
const BEFORE_DAYS: i64 = 7;
/// The rise that is to be seen.
const RISE: f64 = 4.0;

/// The results of rises to 4 times.
pub(crate) struct Rises {
    /// Those in which at least 20 events fell into the window after the rise.
    pub(crate) with_enough: u64,
    /// Those of them that were seen before the window was over.
    pub(crate) seen: u64,
}

/// The results of rises that stay for a day.
pub(crate) struct Stay {
    /// The share of the day, after the first window, in which the alert fired.
    pub(crate) firing: f64,
    /// The longest time from the return to the end of the alert.
    pub(crate) resolved_ms: i64,
}

/// A spike and its alert's life.
#[derive(Clone)]
struct Watched {
    spike: Spike,
    held_ms: Option<i64>,
    fired: u64,
}

impl Watched {
    fn new() -> Watched {
        Watched { spike: Spike::new(SpikeSettings::default()), held_ms: None, fired: 0 }
    }

    /// Ten seconds of counts about `mean`, in `parts`.
    fn go(&mut self, at_ms: i64, counts: &Counts, mean: f64, parts: u32, rng: &mut Rng) {
        for (part, n) in (0..).zip(counts.draw(mean, parts, rng)) {
            let now_ms = at_ms + part * BUCKET_MS / i64::from(parts);
            if n > 0 {
                self.spike.add(now_ms, n);
            }
            self.look(now_ms);
        }
    }

    fn look(&mut self, now_ms: i64) {
        if self.spike.observe(now_ms).holds {
            self.fired += u64::from(self.held_ms.is_none());
            self.held_ms = Some(now_ms);
        } else if self.held_ms.is_some_and(|held_ms| now_ms - held_ms >= KEEP_FIRING_FOR_MS) {
            self.held_ms = None;
        }
    }

    fn is_firing(&self) -> bool {
        self.held_ms.is_some()
    }
}

/// How many alerts fired in `days` in which nothing happened.
pub(crate) fn false_alerts(counts: &Counts, days: i64, seed: u64) -> u64 {
    let mut rng = Rng::with_seed(seed);
    let mut watched = Watched::new();
    for at_ms in (0..days * DAY_MS).step_by(BUCKET_MS as usize) {
        watched.go(at_ms, counts, counts.mean(at_ms), 10, &mut rng);
    }
    watched.fired
}

/// Rises to 4 times at as many times of a day after days without.
pub(crate) fn rises(counts: &Counts, trials: u64) -> Rises {
    let mut rng = Rng::with_seed(7);
    let mut watched = Watched::new();
    let mut rises = Rises { with_enough: 0, seen: 0 };
    let every = (8_640 / trials).max(1) as i64;
    for bucket in 0..(BEFORE_DAYS + 1) * 8_640 {
        let at_ms = bucket * BUCKET_MS;
        if bucket >= BEFORE_DAYS * 8_640 && bucket % every == 0 && !watched.is_firing() {
            let (events, seen) = rise(counts, watched.clone(), at_ms, &mut rng);
            let is_enough = events >= SpikeSettings::default().at_least;
            rises.with_enough += u64::from(is_enough);
            rises.seen += u64::from(is_enough && seen);
        }
        watched.go(at_ms, counts, counts.mean(at_ms), 1, &mut rng);
    }
    rises
}

/// One rise: how many events its window had, and whether it was seen before that was over.
fn rise(counts: &Counts, mut watched: Watched, begin_ms: i64, rng: &mut Rng) -> (u64, bool) {
    let mut events = 0;
    for at_ms in (begin_ms..begin_ms + WINDOW_MS).step_by(BUCKET_MS as usize) {
        for (part, n) in (0..).zip(counts.draw(RISE * counts.mean(at_ms), 20, rng)) {
            let now_ms = at_ms + part * BUCKET_MS / 20;
            watched.spike.add(now_ms, n);
            events += n;
            watched.look(now_ms);
            if watched.is_firing() {
                // What else the window holds does not matter: it was seen with enough in it.
                return (events.max(SpikeSettings::default().at_least), true);
            }
        }
    }
    (events, false)
}

/// Rises to 4 times that stay for a day, where that makes at least 20 events a window at all times.
pub(crate) fn stay(counts: &Counts, seeds: u64) -> Option<Stay> {
    let per_window = WINDOW_MS as f64 / BUCKET_MS as f64;
    let least = (0..24)
        .map(|hour| counts.mean(BEFORE_DAYS * DAY_MS + hour * DAY_MS / 24))
        .fold(f64::INFINITY, f64::min);
    if RISE * least * per_window < 30.0 {
        return None;
    }
    let mut stay = Stay { firing: 0.0, resolved_ms: 0 };
    for seed in 0..seeds {
        let one = stay_once(counts, seed);
        stay.firing += one.firing / seeds as f64;
        stay.resolved_ms = stay.resolved_ms.max(one.resolved_ms);
    }
    Some(stay)
}

fn stay_once(counts: &Counts, seed: u64) -> Stay {
    let mut rng = Rng::with_seed(seed);
    let mut watched = Watched::new();
    let (rise_ms, end_ms) = (BEFORE_DAYS * DAY_MS, (BEFORE_DAYS + 1) * DAY_MS);
    let (mut firing, mut looks, mut resolved_ms) = (0, 0, DAY_MS);
    for at_ms in (0..end_ms + DAY_MS / 4).step_by(BUCKET_MS as usize) {
        let rise = if (rise_ms..end_ms).contains(&at_ms) { RISE } else { 1.0 };
        watched.go(at_ms, counts, rise * counts.mean(at_ms), 10, &mut rng);
        if (rise_ms + WINDOW_MS..end_ms).contains(&at_ms) {
            firing += u64::from(watched.is_firing());
            looks += 1;
        }
        if at_ms >= end_ms && !watched.is_firing() {
            resolved_ms = at_ms + BUCKET_MS - end_ms;
            break;
        }
    }
    Stay { firing: firing as f64 / looks as f64, resolved_ms }
}
