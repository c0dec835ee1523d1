use super::*;

const SECOND_MS: Millis = 1_000;
const HOUR: Millis = 3_600;
const DAY: Millis = 24 * HOUR;

/// A spike and the seconds at which it began to hold and ceased to.
struct Watched {
    spike: Spike,
    holds: bool,
    changes: Vec<(Millis, bool)>,
}

impl Watched {
    fn new() -> Watched {
        Watched { spike: Spike::new(SpikeSettings::default()), holds: false, changes: Vec::new() }
    }

    /// From `from` to `to` (in seconds), with `count` events a second.
    fn go(&mut self, from: Millis, to: Millis, mut count: impl FnMut(Millis) -> u64) {
        for second in from..to {
            self.spike.add(second * SECOND_MS, count(second));
            let holds = self.spike.observe(second * SECOND_MS).holds;
            if holds != self.holds {
                self.changes.push((second, holds));
                self.holds = holds;
            }
        }
    }
}

impl Watched {
    /// The same with `count` events every 10 seconds, for long times.
    fn by_tens(&mut self, from: Millis, to: Millis, mut count: impl FnMut() -> u64) {
        for second in (from..to).step_by(10) {
            let n = count();
            self.go(second, second + 1, |_| n);
        }
    }
}

/// A Poisson count of `mean` < 30.
fn poisson(rng: &mut fastrand::Rng, mean: f64) -> u64 {
    let (limit, mut product, mut n) = ((-mean).exp(), rng.f64(), 0);
    while product > limit {
        product *= rng.f64();
        n += 1;
    }
    n
}

#[test]
fn a_rise_to_four_times_holds_within_a_window_and_ceases_within_one() {
    let mut watched = Watched::new();
    let mut rng = fastrand::Rng::with_seed(1);
    let (rise, end) = (DAY, DAY + 4 * HOUR);
    watched.go(0, rise, |_| poisson(&mut rng, 1.0));
    assert_eq!(watched.changes, []);
    watched.go(rise, end, |_| poisson(&mut rng, 4.0));
    assert_eq!(watched.changes.len(), 1, "{:?}", watched.changes);
    assert!(watched.changes[0].0 < rise + 60);
    watched.go(end, end + HOUR, |_| poisson(&mut rng, 1.0));
    assert_eq!(watched.changes.len(), 2, "{:?}", watched.changes);
    assert!(watched.changes[1].0 <= end + 61);
}

/// 1.9 times is too little for the window, but not for hours. Each time it is an alert, which is over soon after the rise.
#[test]
fn a_rise_for_hours_is_found_again_and_again_and_ends_soon() {
    let mut watched = Watched::new();
    let mut rng = fastrand::Rng::with_seed(9);
    watched.by_tens(0, 14 * DAY, || 15 + rng.u64(..4));
    assert_eq!(watched.changes, []);
    for incident in 0..3 {
        let (begin, end) = ((14 + 5 * incident) * DAY, (14 + 5 * incident) * DAY + 6 * HOUR);
        watched.by_tens(begin, end, || 30 + rng.u64(..4));
        watched.by_tens(end, begin + 5 * DAY, || 15 + rng.u64(..4));
        let [(fired, true), (ended, false)] = watched.changes[..] else { panic!("{:?}", watched.changes) };
        assert!((begin..begin + 2 * HOUR).contains(&fired), "{}", fired - begin);
        assert!((end..end + 660).contains(&ended), "{}", ended - end);
        watched.changes.clear();
    }
}

#[test]
fn the_reason_says_which_window_it_was() {
    let mut watched = Watched::new();
    let mut rng = fastrand::Rng::with_seed(10);
    watched.by_tens(0, 9 * DAY, || 15 + rng.u64(..4));
    let mut seen = None;
    for second in (9 * DAY..9 * DAY + 2 * HOUR).step_by(10) {
        watched.spike.add(second * SECOND_MS, 32);
        seen = seen.or(watched.spike.observe(second * SECOND_MS).reason);
    }
    let reason = seen.expect("a spike");
    assert!(reason.window_ms > 60_000 && reason.times > 1.5 && reason.days >= 9, "{reason:?}");
}

#[test]
fn nothing_to_nothing_holds_never_and_nothing_to_twenty_at_once() {
    let mut watched = Watched::new();
    watched.go(0, 2 * HOUR, |_| 0);
    watched.go(2 * HOUR, 2 * HOUR + 1, |_| 1);
    assert_eq!(watched.changes, []);
    watched.go(2 * HOUR + 1, 2 * HOUR + 2, |_| 19);
    assert_eq!(watched.changes, [(2 * HOUR + 1, true)]);
}

#[test]
fn a_spike_of_fifteen_minutes_is_not_missed_and_leaves_nothing() {
    let mut watched = Watched::new();
    watched.go(0, DAY, |second| u64::from(second % 5 == 0));
    let before = watched.spike.observe(DAY * SECOND_MS).expected;
    watched.go(DAY, DAY + 900, |_| 2);
    watched.go(DAY + 900, DAY + 2 * HOUR, |second| u64::from(second % 5 == 0));
    let [(began, true), (ended, false)] = watched.changes[..] else { panic!("{:?}", watched.changes) };
    assert!(began < DAY + 60 && (DAY + 900..DAY + 961).contains(&ended));
    let after = watched.spike.observe((DAY + 2 * HOUR) * SECOND_MS).expected;
    assert!(after < before * 1.1, "{before} {after}");
}

#[test]
fn a_rate_about_the_threshold_does_not_flap() {
    let mut watched = Watched::new();
    let mut rng = fastrand::Rng::with_seed(2);
    watched.go(0, DAY, |_| poisson(&mut rng, 1.0));
    watched.go(DAY, DAY + 2 * HOUR, |_| poisson(&mut rng, 2.5));
    assert_eq!(watched.changes.len(), 1, "{:?}", watched.changes);
}

#[test]
fn chance_and_the_time_of_day_are_no_spikes() {
    for (seed, mean) in [0.001, 0.1, 1.0, 10.0].into_iter().enumerate() {
        let mut watched = Watched::new();
        let mut rng = fastrand::Rng::with_seed(seed as u64);
        watched.go(0, 5 * DAY, |second| {
            let days = second as f64 / DAY as f64;
            let bucket_rate = mean * (1.0 + 0.7 * (days * std::f64::consts::TAU).sin());
            if second % 5 == 0 { poisson(&mut rng, bucket_rate) } else { 0 }
        });
        assert_eq!(watched.changes, [], "{mean}");
    }
}

/// The log stops, or nearly so, or the daemon does.
#[test]
fn the_usual_rate_after_a_pause_is_no_spike() {
    for (seed, (mean, pause)) in [
        (0.5, 45 * 60),
        (0.5, 8 * HOUR),
        (0.5, 62 * HOUR),
        (3.0, 62 * HOUR),
        (20.0, 45 * 60),
        (20.0, 62 * HOUR),
    ]
    .into_iter()
    .enumerate()
    {
        for kept in [None, Some(0.0), Some(0.02)] {
            let mut watched = Watched::new();
            let mut rng = fastrand::Rng::with_seed(seed as u64);
            let (stop, end) = (DAY, DAY + pause);
            watched.go(0, stop, |_| poisson(&mut rng, mean));
            if let Some(share) = kept {
                watched.go(stop, end, |_| poisson(&mut rng, mean * share));
            }
            watched.go(end, end + 6 * HOUR, |_| poisson(&mut rng, mean));
            assert_eq!(watched.changes, [], "{mean} {pause} {kept:?}");
            watched.go(end + 6 * HOUR, end + 7 * HOUR, |_| poisson(&mut rng, 4.0 * mean.min(7.0)));
            assert_eq!(watched.changes.len(), usize::from(mean < 7.0), "{mean} {pause} {kept:?}");
        }
    }
}

#[test]
fn what_is_usually_silent_is_no_pause() {
    let mut watched = Watched::new();
    // A batch of 300 lines each quarter of an hour.
    let batch = |second: Millis| u64::from(second % 900 < 60) * 5;
    watched.go(0, 2 * DAY, batch);
    let seen = watched.spike.observe(2 * DAY * SECOND_MS);
    assert!((5.0..60.0).contains(&seen.expected), "{seen:?}");
}

#[test]
fn silence_of_years_is_closed_at_once() {
    let mut watched = Watched::new();
    watched.go(0, 2 * HOUR, |_| 1);
    let later = 10 * 365 * DAY * SECOND_MS;
    let seen = watched.spike.observe(later);
    assert!(!seen.holds && seen.expected < 0.1, "{seen:?}");
}

#[test]
fn late_counts_are_those_of_their_time() {
    let mut watched = Watched::new();
    watched.go(0, 2 * HOUR, |second| u64::from(second % 10 == 0));
    let now = 2 * HOUR * SECOND_MS;
    watched.spike.add(now - 30 * 60 * SECOND_MS, 40);
    assert_eq!(watched.spike.observe(now).count, 6);
    watched.spike.add(now - 30 * SECOND_MS, 40);
    assert!(watched.spike.observe(now).holds);
    assert_eq!(watched.spike.observe(now + 31 * SECOND_MS).count, 2);
}

#[test]
fn clocks_may_do_anything() {
    let mut rng = fastrand::Rng::with_seed(4);
    let mut spike = Spike::new(SpikeSettings::default());
    for _ in 0..2_000 {
        let now = match rng.u8(0..4) {
            0 => rng.i64(..),
            1 => [Millis::MIN, -1, 0, Millis::MAX][rng.usize(0..4)],
            _ => 1_700_000_000_000 + rng.i64(-100_000..100_000),
        };
        spike.add(now, rng.u64(0..1_000));
        let seen = spike.observe(now);
        assert!(seen.expected.is_finite() && seen.unlikely.is_finite(), "{seen:?}");
    }
}

#[test]
fn a_clock_set_back_for_good_does_not_stop_it() {
    let mut watched = Watched::new();
    watched.go(400 * DAY, 400 * DAY + 2 * HOUR, |_| 1);
    watched.go(0, 2 * HOUR, |_| 1);
    assert_eq!(watched.changes, []);
    watched.go(2 * HOUR, 2 * HOUR + 60, |_| 5);
    assert_eq!(watched.changes.len(), 1);
}

#[test]
fn it_survives_a_restart_and_stays_small() {
    let mut watched = Watched::new();
    watched.go(0, DAY, |second| second as u64 * 7 % 5);
    watched.go(DAY, DAY + 120, |_| 9);
    let written = serde_json::to_string(&watched.spike).expect("numbers");
    assert!(written.len() < 4_096, "{}", written.len());
    let read: Spike = serde_json::from_str(&written).expect("valid JSON");
    let mut read = read.resume(SpikeSettings::default());
    let now = (DAY + 120) * SECOND_MS;
    let (before, after) = (watched.spike.observe(now), read.observe(now));
    assert!(before.holds && before == after, "{before:?} {after:?}");
}
