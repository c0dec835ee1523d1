//! What others may see of the running engine: figures, never the means to change anything.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use crate::detect::Millis;
use crate::engine::activity::PathActivity;
use crate::engine::shared::{Shared, lock};
use crate::engine::{EngineTotals, FileReport};

/// How one alert stands.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct AlertReport {
    /// Name of the alert.
    pub alert: String,
    /// Name of its watch.
    pub watch: String,
    /// The path, for an alert by path.
    pub path: Option<PathBuf>,
    /// Its severity.
    pub severity: String,
    /// `inactive`, `pending` or `firing`.
    pub state: &'static str,
    /// Since when it is pending or firing, in milliseconds since the epoch.
    pub since_ms: Option<Millis>,
    /// Matching lines within its window.
    pub count: u64,
}

/// Upper bounds of the buckets of [`Durations`], in microseconds.
pub const BOUNDS_US: [u64; 12] =
    [100, 250, 1_000, 2_500, 10_000, 25_000, 100_000, 250_000, 1_000_000, 2_500_000, 10_000_000, 60_000_000];

/// How long something took, each time.
#[derive(Debug, Default)]
pub struct Durations {
    buckets: [AtomicU64; BOUNDS_US.len()],
    count: AtomicU64,
    sum_us: AtomicU64,
}

impl Durations {
    pub(super) fn note(&self, took: Duration) {
        let us = u64::try_from(took.as_micros()).unwrap_or(u64::MAX);
        if let Some(at) = BOUNDS_US.iter().position(|bound| us <= *bound) {
            self.buckets[at].fetch_add(1, Ordering::Relaxed);
        }
        self.sum_us.fetch_add(us, Ordering::Relaxed);
        self.count.fetch_add(1, Ordering::Relaxed);
    }

    /// How many took no longer than each of [`BOUNDS_US`], how many there were, and how long all took, in seconds.
    #[must_use]
    pub fn cumulative(&self) -> ([u64; BOUNDS_US.len()], u64, f64) {
        let mut sum = 0;
        let up_to = self.buckets.each_ref().map(|bucket| {
            sum += bucket.load(Ordering::Relaxed);
            sum
        });
        let count = self.count.load(Ordering::Relaxed).max(sum);
        (up_to, count, self.sum_us.load(Ordering::Relaxed) as f64 / 1e6)
    }
}

/// See the [module](self).
#[derive(Clone)]
pub struct Reporter(pub(super) Arc<Shared>);

impl Reporter {
    /// Every watched path, in no order.
    #[must_use]
    pub fn files(&self) -> Vec<FileReport> {
        self.0.files()
    }

    /// What happened lately at each path at which something did.
    #[must_use]
    pub fn recents(&self) -> Vec<PathActivity> {
        self.0.book().recents()
    }

    /// Every alert of which something is known, in order.
    #[must_use]
    pub fn alerts(&self) -> Vec<AlertReport> {
        let mut alerts = self.0.book().alerts();
        alerts.sort();
        alerts
    }

    /// Figures about the engine as a whole.
    #[must_use]
    pub fn health(&self) -> EngineTotals {
        let files = self.0.registry().len();
        EngineTotals { files, torn_scans: self.0.torn_scans.load(Ordering::Relaxed) }
    }

    /// The path whose turn has been running for longest, and for how long.
    #[must_use]
    pub fn longest_turn(&self) -> Option<(PathBuf, Duration)> {
        let now = self.0.clock.now();
        let registry = self.0.registry();
        let (path, began) = registry.longest_turn()?;
        Some((path.to_owned(), Duration::from_millis((now - began).max(0).unsigned_abs())))
    }

    /// Why the state cannot be kept, if it cannot.
    #[must_use]
    pub fn state_trouble(&self) -> Option<String> {
        lock(&self.0.state_trouble).clone()
    }

    /// How long turns took.
    #[must_use]
    pub fn turns(&self) -> &Durations {
        &self.0.turns
    }

    /// How long commits took.
    #[must_use]
    pub fn commits(&self) -> &Durations {
        &self.0.commit_times
    }
}
