//! The scoring of the Numenta Anomaly Benchmark, from its paper: A. Lavin and S. Ahmad, "Evaluating Real-time Anomaly
//! Detection Algorithms – the Numenta Anomaly Benchmark", ICMLA 2015, <https://arxiv.org/abs/1510.03336>, section III.
//!
//! A labelled window is worth one detection, the earlier the more; every other detection costs, the more the farther it lies
//! behind the last window. Detections are the points whose score reaches one threshold over all series, the best one.

/// The share of a series, and of 5,000 points at most, in which nothing is scored: detectors learn there.
const PROBATION: f64 = 0.15;
/// The longest series whose probation grows with its length.
const PROBATION_POINTS_MAX: f64 = 5_000.0;

/// The weights of right and wrong detections.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Profile {
    /// A window that was detected at its begin.
    pub(crate) true_positive: f64,
    /// A detection far from any window.
    pub(crate) false_positive: f64,
    /// A window that was missed.
    pub(crate) false_negative: f64,
}

/// The profile that the benchmark calls standard.
pub(crate) const STANDARD: Profile =
    Profile { true_positive: 1.0, false_positive: 0.11, false_negative: 1.0 };
/// The profile that the benchmark calls "reward low FP rate".
pub(crate) const LOW_FALSE_POSITIVES: Profile =
    Profile { true_positive: 1.0, false_positive: 0.22, false_negative: 1.0 };

/// A series as a detector scored it, with its labels.
#[derive(Debug, Clone)]
pub(crate) struct Scored {
    /// A score in [0, 1] for each point.
    pub(crate) scores: Vec<f64>,
    /// First and last point of each labelled window, in order and apart.
    pub(crate) windows: Vec<(usize, usize)>,
}

/// The result with the best threshold.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Outcome {
    /// 100 for the perfect detector, 0 for one that detects nothing.
    pub(crate) normalised: f64,
    /// Points with at least this score are detections.
    pub(crate) threshold: f64,
    /// Windows with a detection.
    pub(crate) windows_hit: usize,
    /// All windows.
    pub(crate) windows: usize,
    /// Detections outside of windows.
    pub(crate) false_positives: usize,
}

/// A point that is scored.
struct Point {
    score: f64,
    /// What detecting it adds, or gives its window at least.
    worth: f64,
    /// Its window, numbered over all series.
    window: Option<usize>,
}

/// Scores `series` with the threshold that suits them best.
#[must_use]
pub(crate) fn best(series: &[Scored], profile: Profile) -> Outcome {
    let (points, windows) = points(series, profile);
    let mut order: Vec<&Point> = points.iter().collect();
    order.sort_by(|a, b| b.score.total_cmp(&a.score));
    let mut tally = Tally::new(windows, profile);
    let mut best = tally.outcome(f64::INFINITY, profile);
    for (at, point) in order.iter().enumerate() {
        tally.detect(point);
        let is_last_of_its_score = order.get(at + 1).is_none_or(|next| next.score < point.score);
        if is_last_of_its_score {
            let outcome = tally.outcome(point.score, profile);
            if outcome.normalised > best.normalised {
                best = outcome;
            }
        }
    }
    best
}

/// Scores `series` with a given threshold.
#[must_use]
pub(crate) fn at_threshold(series: &[Scored], profile: Profile, threshold: f64) -> Outcome {
    let (points, windows) = points(series, profile);
    let mut tally = Tally::new(windows, profile);
    points.iter().filter(|point| point.score >= threshold).for_each(|point| tally.detect(point));
    tally.outcome(threshold, profile)
}

/// How many points at the begin of a series of `len` are not scored.
#[must_use]
pub(crate) fn probation(len: usize) -> usize {
    (PROBATION * len as f64).floor().min(PROBATION * PROBATION_POINTS_MAX) as usize
}

/// The score of each window so far, and the cost of detections outside.
struct Tally {
    windows: Vec<f64>,
    windows_hit: usize,
    outside: f64,
    false_positives: usize,
}

impl Tally {
    fn new(windows: usize, profile: Profile) -> Tally {
        let missed = -profile.false_negative;
        Tally { windows: vec![missed; windows], windows_hit: 0, outside: 0.0, false_positives: 0 }
    }

    fn detect(&mut self, point: &Point) {
        match point.window {
            Some(window) => {
                let worth = &mut self.windows[window];
                self.windows_hit += usize::from(*worth < 0.0);
                *worth = worth.max(point.worth);
            }
            None => {
                self.outside += point.worth;
                self.false_positives += 1;
            }
        }
    }

    fn outcome(&self, threshold: f64, profile: Profile) -> Outcome {
        let windows = self.windows.len();
        let null = -profile.false_negative * windows as f64;
        let perfect = profile.true_positive * windows as f64;
        let raw = self.windows.iter().sum::<f64>() + self.outside;
        Outcome {
            normalised: 100.0 * (raw - null) / (perfect - null),
            threshold,
            windows_hit: self.windows_hit,
            windows,
            false_positives: self.false_positives,
        }
    }
}

/// The points of all series after their probation, and how many windows can be detected in them.
fn points(series: &[Scored], profile: Profile) -> (Vec<Point>, usize) {
    let mut points = Vec::new();
    let mut windows = 0;
    for one in series {
        let probation = probation(one.scores.len());
        let scored: Vec<_> = one.windows.iter().filter(|(_, last)| *last >= probation).collect();
        for (at, &score) in one.scores.iter().enumerate().skip(probation) {
            let inside = scored.iter().position(|(first, last)| (*first..=*last).contains(&at));
            let worth = match inside {
                Some(window) => profile.true_positive * worth_inside(*scored[window], at),
                None => profile.false_positive * worth_outside(&one.windows, at),
            };
            points.push(Point { score, worth, window: inside.map(|window| windows + window) });
        }
        windows += scored.len();
    }
    (points, windows)
}

/// The weight of a detection at `at` inside a window: 1 at its first point, nearly 0 at its last.
fn worth_inside((first, last): (usize, usize), at: usize) -> f64 {
    let length = (last - first + 1) as f64;
    scaled_sigmoid(-((last - at + 1) as f64) / length) / scaled_sigmoid(-1.0)
}

/// The weight of a detection at `at` outside all windows: 0 directly after a window, -1 long after it or before all.
fn worth_outside(windows: &[(usize, usize)], at: usize) -> f64 {
    match windows.iter().rfind(|(_, last)| *last < at) {
        Some((first, last)) => scaled_sigmoid((at - last) as f64 / (last - first) as f64),
        None => -1.0,
    }
}

/// The paper's equation 2, `2 σ(-5 y) - 1`, where `y` is -1 at a window's begin and 0 at its end.
fn scaled_sigmoid(y: f64) -> f64 {
    if y >= 3.0 { -1.0 } else { 2.0 / (1.0 + (5.0 * y).exp()) - 1.0 }
}
