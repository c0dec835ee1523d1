//! What one turn of a file found.

use std::collections::VecDeque;
use std::ops::Range;

use smallvec::{SmallVec, smallvec};

use crate::file::signatures::{self, SignatureRun};
use crate::scan::timestamp::{EventTime, TimeOrigin};

/// Longest part of a line that is kept as a sample, in bytes.
pub const SAMPLE_BYTES_MAX: usize = 2048;

/// Of so many minutes lines are kept.
pub const SAMPLE_MINUTES_MAX: usize = 16;
const MINUTE_MS: i64 = 60_000;

/// Something for each rule. A turn that finds nothing asks for no memory, unless there are more rules than most watches have.
pub type PerRule<T> = SmallVec<[T; 2]>;

/// A matching line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sample {
    /// Index of the rule.
    pub rule: usize,
    /// Where the line begins in its file, in bytes.
    pub offset: u64,
    /// When it was written, in milliseconds since the epoch.
    pub at_ms: i64,
    /// The line without its line feed, cut to [`SAMPLE_BYTES_MAX`].
    pub line: Vec<u8>,
}

/// Matching lines per rule, and the newest of them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tally {
    /// Matching lines, one number per rule.
    pub matched: PerRule<u64>,
    /// The newest matching lines of each rule, oldest first, at most `samples_max` per minute in which they were written, of
    /// [`SAMPLE_MINUTES_MAX`] minutes: what is read at once may have been written over hours.
    pub samples: PerRule<VecDeque<Sample>>,
    /// When the matching lines of each rule were written, in milliseconds since the epoch, and how many; in the order of the
    /// file. Lines that are too old to be judged are not among them.
    pub times: PerRule<Vec<(i64, u64)>>,
    /// The signatures of the matching lines of each rule in the order of the file, if they are asked for.
    pub signatures: PerRule<Vec<SignatureRun>>,
    /// The same for all lines, if they are counted.
    pub lines: Vec<(i64, u64)>,
    /// Matching lines whose stamp is older than [`TimeSettings::late_ms_min`](crate::scan::timestamp::TimeSettings).
    pub late: u64,
    /// Matching lines whose stamp is further ahead than [`TimeSettings::future_ms_max`](crate::scan::timestamp::TimeSettings).
    pub future: u64,
    samples_max: usize,
}

impl Tally {
    /// An empty tally over `rules` rules.
    #[must_use]
    pub fn new(rules: usize, samples_max: usize) -> Tally {
        Tally {
            matched: smallvec![0; rules],
            samples: smallvec![VecDeque::new(); rules],
            times: smallvec![Vec::new(); rules],
            signatures: smallvec![Vec::new(); rules],
            lines: Vec::new(),
            late: 0,
            future: 0,
            samples_max,
        }
    }

    /// How many samples are kept per rule.
    #[must_use]
    pub fn samples_max(&self) -> usize {
        self.samples_max
    }

    /// Whether nothing matched.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.matched.iter().all(|n| *n == 0) && self.lines.is_empty()
    }

    /// Counts one entry for `rule`.
    pub(super) fn hit(
        &mut self,
        rule: usize,
        line: &[u8],
        offset: u64,
        (time, signature): (EventTime, Option<u64>),
    ) {
        let mut hits = Hits::new(self.matched.len(), self.samples_max);
        hits.hit(rule, 0..line.len(), time, signature);
        self.add(hits, line, &|_| offset);
    }

    /// Adds what was found in one window. `offset_of` tells for a line in `bytes` where it begins in its file.
    pub(super) fn add(&mut self, hits: Hits, bytes: &[u8], offset_of: &dyn Fn(usize) -> u64) {
        self.late += hits.late;
        self.future += hits.future;
        self.lines.extend(hits.lines);
        for (times, new) in self.times.iter_mut().zip(hits.times) {
            times.extend(new);
        }
        for (runs, new) in self.signatures.iter_mut().zip(hits.signatures) {
            runs.extend(new);
        }
        for (rule, places) in hits.places.iter().enumerate() {
            self.matched[rule] += hits.matched[rule];
            for place in places {
                let (place, at_ms) = place;
                let line = &bytes[place.clone()];
                let line = line[..line.len().min(SAMPLE_BYTES_MAX)].to_vec();
                let sample = Sample { rule, offset: offset_of(place.start), at_ms: *at_ms, line };
                keep_newest(&mut self.samples[rule], sample, self.samples_max, |sample| sample.at_ms);
            }
        }
    }

    /// Adds all of `other`, which is newer.
    pub(super) fn merge(&mut self, other: Tally) {
        self.late += other.late;
        self.future += other.future;
        self.lines.extend(other.lines);
        for (times, new) in self.times.iter_mut().zip(other.times) {
            times.extend(new);
        }
        for (runs, new) in self.signatures.iter_mut().zip(other.signatures) {
            runs.extend(new);
        }
        for (rule, samples) in other.samples.into_iter().enumerate() {
            self.matched[rule] += other.matched[rule];
            for sample in samples {
                keep_newest(&mut self.samples[rule], sample, self.samples_max, |sample| sample.at_ms);
            }
        }
    }
}

/// Adds `new` to `kept`, of which the newest stay: at most `max` of a minute, and of [`SAMPLE_MINUTES_MAX`] minutes.
fn keep_newest<T>(kept: &mut VecDeque<T>, new: T, max: usize, at_ms: impl Fn(&T) -> i64) {
    if max == 0 {
        return;
    }
    let minute = |at_ms: i64| at_ms.div_euclid(MINUTE_MS);
    // The lines of a minute are mostly together.
    let oldest = kept.len().checked_sub(max);
    if let Some(oldest) = oldest.filter(|at| minute(at_ms(&kept[*at])) == minute(at_ms(&new))) {
        kept.remove(oldest);
    } else if kept.len() >= max.saturating_mul(SAMPLE_MINUTES_MAX) {
        kept.pop_front();
    }
    kept.push_back(new);
}

/// Places of matching lines within one window: how many, and where the newest are. Lines are copied only once it is
/// known which are the newest.
#[derive(Debug)]
pub(super) struct Hits {
    matched: PerRule<u64>,
    /// And when those lines were written.
    places: PerRule<VecDeque<(Range<usize>, i64)>>,
    times: PerRule<Vec<(i64, u64)>>,
    signatures: PerRule<Vec<SignatureRun>>,
    /// When all lines were written, if they are counted.
    pub(super) lines: Vec<(i64, u64)>,
    late: u64,
    future: u64,
    samples_max: usize,
}

impl Hits {
    pub(super) fn new(rules: usize, samples_max: usize) -> Hits {
        Hits {
            matched: smallvec![0; rules],
            places: smallvec![VecDeque::new(); rules],
            times: smallvec![Vec::new(); rules],
            signatures: smallvec![Vec::new(); rules],
            lines: Vec::new(),
            late: 0,
            future: 0,
            samples_max,
        }
    }

    pub(super) fn hit(&mut self, rule: usize, place: Range<usize>, time: EventTime, signature: Option<u64>) {
        self.matched[rule] += 1;
        if let Some(hash) = signature {
            let is_late = time.source == TimeOrigin::Late;
            let run = SignatureRun { hash, at_ms: time.at_ms, lines: 1, is_late };
            signatures::push(&mut self.signatures[rule], run);
        }
        match time.source {
            TimeOrigin::Late => self.late += 1,
            TimeOrigin::Future => self.future += 1,
            TimeOrigin::Stamped | TimeOrigin::Arrived => {}
        }
        if time.source != TimeOrigin::Late {
            match self.times[rule].last_mut() {
                Some((at_ms, count)) if *at_ms == time.at_ms => *count += 1,
                _ => self.times[rule].push((time.at_ms, 1)),
            }
        }
        keep_newest(&mut self.places[rule], (place, time.at_ms), self.samples_max, |(_, at_ms)| *at_ms);
    }
}
