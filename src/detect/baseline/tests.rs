use fastrand::Rng;

use super::*;

const MINUTE_MS: Millis = 60_000;

fn by_the_minute() -> Baseline {
    Baseline::new(BaselineSettings::new(MINUTE_MS, MINUTE_MS))
}

/// Feeds `minutes` of `count` from `start` (in minutes) on, and returns the last verdict.
fn feed(baseline: &mut Baseline, start: Millis, minutes: Millis, count: u64) -> Verdict {
    let verdicts = (start..start + minutes).map(|minute| baseline.observe(minute * MINUTE_MS, count));
    verdicts.last().expect("some minutes")
}

#[test]
fn too_little_known_judges_nothing() {
    let mut baseline = by_the_minute();
    feed(&mut baseline, 0, 30, 5);
    let verdict = baseline.judge(30 * MINUTE_MS, 1_000);
    assert_eq!(verdict.state, BaselineState::Learning);
    feed(&mut baseline, 30, 30, 5);
    assert_eq!(baseline.judge(60 * MINUTE_MS, 1_000).state, BaselineState::Spike);
}

#[test]
fn a_verdict_has_what_led_to_it() {
    let mut baseline = by_the_minute();
    feed(&mut baseline, 0, 600, 4);
    let verdict = baseline.judge(600 * MINUTE_MS, 57);
    assert_eq!(verdict.state, BaselineState::Spike);
    assert!((verdict.expected - 4.0).abs() < 0.1 && (verdict.ratio - 14.2).abs() < 0.5, "{verdict:?}");
}

#[test]
fn nothing_to_nothing_and_nothing_to_one_are_normal() {
    let mut baseline = by_the_minute();
    let verdict = feed(&mut baseline, 0, 3_000, 0);
    assert_eq!((verdict.state, verdict.unlikely), (BaselineState::Normal, 0.0));
    let one = baseline.judge(3_000 * MINUTE_MS, 1);
    assert_eq!((one.state, one.ratio), (BaselineState::Normal, 1.0));
    assert_eq!(baseline.judge(3_000 * MINUTE_MS, 20).state, BaselineState::Spike);
}

#[test]
fn a_spike_is_not_learned_while_it_lasts_but_in_the_end() {
    let mut baseline = by_the_minute();
    feed(&mut baseline, 0, 600, 100);
    let day = feed(&mut baseline, 600, 1_440, 400);
    assert_eq!(day.state, BaselineState::Spike);
    assert!(day.expected < 130.0, "{day:?}");
    let third = feed(&mut baseline, 600 + 1_440, 2 * 1_440, 400);
    assert_eq!(third.state, BaselineState::Spike);
    let fourth = feed(&mut baseline, 600 + 3 * 1_440, 1_440, 400);
    assert_eq!(fourth.state, BaselineState::Normal, "{fourth:?}");
}

#[test]
fn a_lull_in_a_spike_teaches_nothing() {
    let mut baseline = by_the_minute();
    feed(&mut baseline, 0, 600, 100);
    for hour in 0..12 {
        feed(&mut baseline, 600 + hour * 60, 58, 400);
        feed(&mut baseline, 600 + hour * 60 + 58, 2, 150);
    }
    assert!(baseline.judge(0, 400).expected < 120.0);
}

#[test]
fn a_ramp_is_followed() {
    let mut baseline = by_the_minute();
    for minute in 0..10 * 1_440 {
        // Twice as much every two hours, and back at each half day.
        let count = (50.0 * ((minute % 720) as f64 / 120.0).exp2()) as u64;
        let count = if minute / 720 % 2 == 0 { count } else { 3_200 };
        let verdict = baseline.observe(minute * MINUTE_MS, count);
        assert_ne!(verdict.state, BaselineState::Spike, "{minute}: {verdict:?}");
    }
}

#[test]
fn a_count_in_a_widely_spread_series_is_not_unlikely() {
    let mut rng = Rng::with_seed(1);
    let (mut steady, mut clumped) = (by_the_minute(), by_the_minute());
    for minute in 0..5_000 {
        steady.observe(minute * MINUTE_MS, 8 + rng.u64(0..5));
        clumped.observe(minute * MINUTE_MS, if rng.u8(0..10) == 0 { 100 } else { 0 });
    }
    let (steady, clumped) = (steady.judge(0, 60), clumped.judge(0, 60));
    assert!(steady.unlikely > 10.0 && clumped.unlikely < 3.0, "{steady:?} {clumped:?}");
}

#[test]
fn empty_buckets_at_once_are_as_many_in_turn() {
    let mut at_once = Baseline::new(BaselineSettings::new(10_000, MINUTE_MS));
    for bucket in 0..9_000 {
        at_once.observe(bucket * 10_000, 5);
    }
    let mut in_turn = at_once.clone();
    at_once.observe_empty(90_000_000, 10_000);
    for bucket in 0..10_000 {
        in_turn.observe(90_000_000 + bucket * 10_000, 0);
    }
    let (at_once, in_turn) = (at_once.judge(190_000_000, 30), in_turn.judge(190_000_000, 30));
    assert!((at_once.expected - in_turn.expected).abs() < 0.01, "{at_once:?} {in_turn:?}");
    assert!((at_once.unlikely - in_turn.unlikely).abs() < 0.5, "{at_once:?} {in_turn:?}");
}

#[test]
fn a_long_silence_costs_little_and_any_time_is_fine() {
    let mut baseline = Baseline::new(BaselineSettings::new(1, 6));
    baseline.observe_empty(Millis::MIN, u64::MAX);
    baseline.observe_empty(Millis::MAX, u64::MAX);
    baseline.observe(Millis::MAX, u64::MAX);
    let verdict = baseline.observe(Millis::MIN, u64::MAX);
    assert!(verdict.expected.is_finite() && verdict.ratio.is_finite(), "{verdict:?}");
}

#[test]
fn it_is_small_and_survives_being_written() {
    let mut baseline = Baseline::new(BaselineSettings::new(10_000, MINUTE_MS));
    for bucket in 0..60_000 {
        baseline.observe(bucket * 10_000, (bucket as u64).wrapping_mul(7_919) % 13);
    }
    let written = serde_json::to_string(&baseline).expect("numbers");
    let memory = size_of::<Baseline>() + 96 * 2 + baseline.recent.capacity() * 8;
    assert!(written.len() < 2_048 && memory < 1_024, "{} {memory}", written.len());
    let read: Baseline = serde_json::from_str(&written).expect("valid JSON");
    assert_eq!(read.judge(0, 100), baseline.judge(0, 100));
    let settings = BaselineSettings { factor: 9.0, ..baseline.settings };
    assert_eq!(read.clone().resume(settings).judge(0, 100).expected, baseline.judge(0, 100).expected);
    assert_eq!(read.resume(BaselineSettings::new(1_000, 6_000)).judge(0, 100).state, BaselineState::Learning);
}
