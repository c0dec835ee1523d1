//! What users of other alerting tools complain of, tried here.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on ends")]

use spiketail::alert::instance::{AlertChange, AlertInstance};
use spiketail::alert::lifecycle::Transition;
use spiketail::alert::{AlertNotes, AlertSpec, Scope};
use spiketail::detect::condition::Condition;
use spiketail::detect::spike::SpikeSettings;
use spiketail::event::Severity;

const SECOND: i64 = 1_000;
const MINUTE: i64 = 60 * SECOND;
const HOUR: i64 = 60 * MINUTE;
const DAY: i64 = 24 * HOUR;

fn spec(condition: Condition) -> AlertSpec {
    AlertSpec {
        name: "a".into(),
        rule: "errors".into(),
        watches: vec!["w".into()],
        scope: Scope::Watch,
        condition,
        severity: Severity::Critical,
        for_ms: 0,
        keep_firing_for_ms: MINUTE,
        cooldown_ms: MINUTE,
        samples_max: 1,
        notes: AlertNotes::default(),
    }
}

fn spike() -> AlertSpec {
    spec(Condition::Spike(SpikeSettings::default()))
}

fn count(over: u64) -> AlertSpec {
    spec(Condition::Count { over, window_ms: MINUTE })
}

/// What is reported when `events` says how many lines are written in each second, until `to_ms`.
fn run(spec: &AlertSpec, to_ms: i64, events: impl Fn(i64) -> u64) -> Vec<AlertChange> {
    let mut alarm = AlertInstance::new(spec, Some(0));
    let mut changes = Vec::new();
    for second in 0..to_ms / SECOND {
        let n = events(second);
        if n > 0 {
            alarm.add(spec, second * SECOND, n, n, &mut |change| changes.push(change));
        }
    }
    alarm.advance(spec, to_ms, &mut |change| changes.push(change));
    changes
}

fn fired(changes: &[AlertChange]) -> Vec<i64> {
    let is_firing = |change: &&AlertChange| matches!(change.transition, Transition::Fired { .. });
    changes.iter().filter(is_firing).map(|change| change.at_ms).collect()
}

/// elastalert#455: nothing is infinitely more than nothing.
#[test]
fn nothing_after_nothing_is_no_spike() {
    for spec in [spike(), count(0), spec(Condition::Rate { over: 0.0, at_least: 1, window_ms: MINUTE })] {
        assert_eq!(run(&spec, 7 * DAY, |_| 0), []);
    }
    // Nor is one after nothing.
    assert_eq!(run(&spike(), 7 * DAY, |second| u64::from(second == 500_000)), []);
}

/// elastalert#1208: an alert goes on for as long as its reason does.
#[test]
fn it_is_not_silent_while_the_rate_stays_high() {
    let calm = 2 * DAY / SECOND;
    let high = |second: i64| if second < calm { u64::from(second % 10 == 0) } else { 2 };
    let changes = run(&spike(), 3 * DAY, high);
    assert_eq!(changes.len(), 1, "{changes:?}");
    assert!(changes[0].at_ms - 2 * DAY < MINUTE, "{changes:?}");
    let changes = run(&count(50), 5 * DAY, high);
    assert_eq!(changes.len(), 1, "{changes:?}");
}

#[test]
fn the_first_error_ever_can_alert() {
    let changes = run(&spec(Condition::New { quiet_ms: None }), DAY, |second| u64::from(second >= 3_600));
    assert_eq!(fired(&changes), [HOUR]);
    assert_eq!(changes.len(), 2, "{changes:?}");
    let daily = spec(Condition::New { quiet_ms: Some(DAY) });
    let weekly = |second: i64| u64::from(second % (2 * DAY / SECOND) < 100);
    assert_eq!(fired(&run(&daily, 6 * DAY, weekly)), [0, 2 * DAY, 4 * DAY]);
}

#[test]
fn a_spike_of_a_quarter_of_an_hour_is_not_missed() {
    let begin = 3 * DAY + 5 * HOUR + 7 * MINUTE;
    let quarter = |second: i64| {
        let is_spike = (begin..begin + 15 * MINUTE).contains(&(second * SECOND));
        if is_spike { 3 } else { u64::from(second % 3 == 0) }
    };
    let changes = run(&spike(), 4 * DAY, quarter);
    assert_eq!(changes.len(), 2, "{changes:?}");
    assert!((begin..begin + MINUTE).contains(&changes[0].at_ms), "{changes:?}");
    let end = begin + 15 * MINUTE;
    assert!((end..end + 2 * MINUTE).contains(&changes[1].at_ms), "{changes:?}");
}

#[test]
fn it_does_not_flap_at_the_threshold() {
    let mut rng = fastrand::Rng::with_seed(1);
    let wobbling: Vec<u64> = (0..DAY / SECOND).map(|_| u64::from(rng.u32(..60) < 50)).collect();
    let events = |second: i64| wobbling[usize::try_from(second).unwrap()];
    // It is about 50 in each minute.
    let without = AlertSpec { keep_firing_for_ms: 0, cooldown_ms: 0, ..count(50) };
    let flapping = run(&without, DAY, events).len();
    let changes = run(&count(50), DAY, events).len();
    assert!(flapping > 2_000, "{flapping}");
    assert!(changes < flapping / 20, "{changes} of {flapping}");
    // A spike ends only well below where it began, so that it wobbles less still.
    let calm = DAY / 2 / SECOND;
    let step = |second: i64| if second < calm { u64::from(second % 3 == 0) } else { events(second) };
    let changes = run(&spike(), DAY, step).len();
    assert!(changes < 10, "{changes}");
}
