use std::path::PathBuf;

use super::*;
use crate::alert::{AlertNotes, Severity};
use crate::detect::condition::Condition;
use crate::event::AlertState;
use crate::units::NameIds;

fn spec(scope: Scope) -> AlertSpec {
    AlertSpec {
        name: "spike".into(),
        rule: "errors".into(),
        watches: vec!["app".into()],
        scope,
        condition: Condition::Count { over: 1, window_ms: 60_000 },
        severity: Severity::Critical,
        for_ms: 0,
        keep_firing_for_ms: 0,
        cooldown_ms: 0,
        samples_max: 2,
        notes: AlertNotes::default(),
    }
}

fn watch(spec: AlertSpec) -> Arc<WatchAlerts> {
    let mut ids = NameIds::default();
    let by_rule = vec![vec![(ids.alert(&spec.name), Arc::new(spec))]];
    Arc::new(WatchAlerts { id: ids.watch("app"), name: "app".into(), by_rule })
}

fn now(at: i64) -> WallTime {
    WallTime(at)
}

fn count(manager: &mut AlertManager, watch: &Arc<WatchAlerts>, path: u64, at: i64, n: u64) {
    let name = PathBuf::from(format!("/logs/{path}.log"));
    let at_path = CountedPath { id: PathId(path), path: &name, since: WallTime(0), watch_since: WallTime(0) };
    let times = [(WallTime(at), n, 0)];
    let samples = [(WallTime(at), format!("ERROR at {at}"))];
    let lines = CountedLines { times: &times, samples: &samples, patterns: &[] };
    manager.count(watch, &watch.by_rule[0][0], at_path, lines, now(at));
}

fn states(manager: &mut AlertManager) -> Vec<(AlertState, Option<PathBuf>)> {
    manager.take_transitions().into_iter().map(|t| (t.event.state, t.event.path)).collect()
}

#[test]
fn an_alert_fires_and_resolves_over_the_sum_of_a_watch() {
    let watch = watch(spec(Scope::Watch));
    let mut manager = AlertManager::new(vec![Arc::clone(&watch)]);
    manager.add_watch_series(Some(WallTime(0)));
    count(&mut manager, &watch, 1, 1_000, 1);
    assert_eq!(states(&mut manager), []);
    count(&mut manager, &watch, 2, 2_000, 1);
    assert_eq!(states(&mut manager), [(AlertState::Firing, None)]);
    manager.tick(now(70_000));
    assert_eq!(states(&mut manager), [(AlertState::Resolved, None)]);
}

#[test]
fn series_by_path_are_bounded_and_the_overflow_is_reported() {
    let watch = watch(spec(Scope::Path));
    let mut manager = AlertManager::new(vec![Arc::clone(&watch)]);
    for path in 0..SERIES_MAX as u64 + 1 {
        count(&mut manager, &watch, path, 1_000, 1);
    }
    assert!(manager.statuses().len() <= SERIES_MAX);
    let overflows = manager.take_overflows();
    let (alert, fate) = ("spike".into(), SeriesFate::Dropped);
    assert_eq!(overflows, [SeriesOverflow { alert, fate, count: SERIES_MAX / 10 }]);
    assert_eq!(manager.take_changes().ended.len(), SERIES_MAX / 10);
}

#[test]
fn series_by_path_are_bounded_while_all_of_them_fire_and_the_refused_are_reported_once() {
    let watch = watch(spec(Scope::Path));
    let mut manager = AlertManager::new(vec![Arc::clone(&watch)]);
    for path in 0..SERIES_MAX as u64 + 500 {
        // Each path has lines more than once.
        count(&mut manager, &watch, path, 1_000, 1);
        count(&mut manager, &watch, path, 1_001, 1);
    }
    assert_eq!(manager.take_transitions().len(), SERIES_MAX);
    assert_eq!(manager.statuses().len(), SERIES_MAX);
    manager.tick(now(2_000));
    assert_eq!(manager.take_overflows(), [], "they are gathered");
    manager.tick(now(3_500));
    let refused = |count| SeriesOverflow { alert: "spike".into(), fate: SeriesFate::Refused, count };
    assert_eq!(manager.take_overflows(), [refused(500)]);
    count(&mut manager, &watch, 1_000_000, 4_000, 1);
    manager.tick(now(10_000));
    assert_eq!(manager.take_overflows(), []);
    manager.report_all_refused();
    assert_eq!(manager.take_overflows(), [refused(1)]);
    // Once they are at rest, there is room again.
    manager.tick(now(70_000));
    assert_eq!(states(&mut manager).len(), SERIES_MAX, "they resolve");
    count(&mut manager, &watch, 1_000_000, 80_000, 9);
    assert_eq!(states(&mut manager), [(AlertState::Firing, Some("/logs/1000000.log".into()))]);
}

#[test]
fn a_series_that_waits_for_silence_is_not_dropped_for_another() {
    let watch = watch(AlertSpec { condition: Condition::Silence { window_ms: 60_000 }, ..spec(Scope::Path) });
    let mut manager = AlertManager::new(vec![Arc::clone(&watch)]);
    for path in 0..SERIES_MAX as u64 + 3 {
        manager.watch_path(&watch, PathId(path), Path::new("/logs/app.log"), now(1_000));
    }
    assert_eq!(manager.statuses().len(), SERIES_MAX);
    manager.report_all_refused();
    assert_eq!(manager.take_overflows()[0].count, 3);
    manager.forget_path(PathId(0), now(2_000));
    manager.watch_path(&watch, PathId(7_000_000), Path::new("/logs/app.log"), now(2_000));
    assert_eq!(manager.statuses().len(), SERIES_MAX);
}

#[test]
fn lines_that_settle_are_evaluated_by_time() {
    let watch = watch(spec(Scope::Watch));
    let mut manager = AlertManager::new(vec![Arc::clone(&watch)]).settling_from(WallTime(0));
    manager.add_watch_series(Some(WallTime(-1_000_000)));
    count(&mut manager, &watch, 1, -100_000, 1);
    count(&mut manager, &watch, 1, -300_000, 1);
    count(&mut manager, &watch, 1, -299_000, 1);
    assert_eq!(states(&mut manager), []);
    manager.all_is_read(now(10));
    manager.tick(now(11));
    let transitions = manager.take_transitions();
    let times: Vec<_> = transitions.iter().map(|t| (t.event.state, t.at.0, t.event.late)).collect();
    assert_eq!(times[0], (AlertState::Firing, -299_000, true));
    assert_eq!(times[1].0, AlertState::Resolved);
}

#[test]
fn a_reload_keeps_what_counts_the_same_and_resolves_the_rest() {
    let old = watch(spec(Scope::Path));
    let mut manager = AlertManager::new(vec![Arc::clone(&old)]);
    count(&mut manager, &old, 1, 1_000, 5);
    count(&mut manager, &old, 2, 1_000, 5);
    assert_eq!(states(&mut manager).len(), 2);
    let severe = watch(AlertSpec { severity: Severity::Info, ..spec(Scope::Path) });
    manager.reload(vec![severe], &HashSet::from([PathId(2)]), now(2_000));
    assert_eq!(states(&mut manager), [(AlertState::Resolved, Some("/logs/2.log".into()))]);
    let other = AlertSpec { condition: Condition::Count { over: 9, window_ms: 1 }, ..spec(Scope::Path) };
    manager.reload(vec![watch(other)], &HashSet::new(), now(3_000));
    assert_eq!(states(&mut manager), [(AlertState::Resolved, Some("/logs/1.log".into()))]);
    assert_eq!(manager.statuses(), []);
}

#[test]
fn what_was_announced_and_is_no_longer_defined_is_resolved() {
    let known = watch(spec(Scope::Watch));
    let mut manager = AlertManager::new(vec![Arc::clone(&known)]);
    manager.add_watch_series(Some(WallTime(0)));
    count(&mut manager, &known, 1, 1_000, 5);
    let announced = manager.take_transitions().remove(0).event;
    let saved = manager.take_changes().saved;
    let mut after = AlertManager::new(Vec::new()).settling_from(WallTime(2_000));
    after.restore(saved, vec![announced.clone()], now(2_000));
    after.all_is_read(now(3_000));
    let transitions = after.take_transitions();
    assert_eq!(transitions.len(), 1);
    assert_eq!(transitions[0].event.state, AlertState::Resolved);
    assert_eq!(transitions[0].event.fingerprint, announced.fingerprint);
    assert_eq!(after.take_changes().ended.len(), 1);
}

#[test]
fn the_time_for_which_the_machine_was_off_is_no_silence() {
    let silent =
        watch(AlertSpec { condition: Condition::Silence { window_ms: 60_000 }, ..spec(Scope::Watch) });
    let mut before = AlertManager::new(vec![Arc::clone(&silent)]);
    before.add_watch_series(Some(WallTime(0)));
    count(&mut before, &silent, 1, 1_000, 1);
    before.bring_up_to(now(21_000));
    let saved = before.take_changes().saved;
    let fired_at = |booted: Option<i64>| {
        let mut after = AlertManager::new(vec![Arc::clone(&silent)])
            .settling_from(now(1_000_000))
            .booted_at(booted.map(WallTime));
        after.restore(saved.clone(), Vec::new(), now(1_000_000));
        after.all_is_read(now(1_000_000));
        let mut at = 1_000_000;
        while states(&mut after).is_empty() && at < 2_000_000 {
            at += 1_000;
            after.tick(now(at));
        }
        at
    };
    // It was silent for 20 seconds before the machine was turned off at 21 s, and boots at 990 s.
    assert_eq!(fired_at(Some(990_000)), 1_030_000);
    assert_eq!(fired_at(None), 1_001_000, "the machine was on");
    assert_eq!(fired_at(Some(-5_000)), 1_001_000, "it was on, too");
}

#[test]
fn each_burst_has_its_own_lines_whether_it_is_read_late_or_at_once() {
    let watch = watch(spec(Scope::Watch));
    for is_late in [false, true] {
        let mut manager = AlertManager::new(vec![Arc::clone(&watch)]);
        if is_late {
            manager = manager.settling_from(now(1_000_000));
        }
        manager.add_watch_series(Some(WallTime(0)));
        for at in [1_000, 2_000, 400_000, 401_000, 402_000] {
            count(&mut manager, &watch, 1, at, 1);
        }
        manager.all_is_read(now(1_000_000));
        manager.tick(now(1_000_001));
        let events = manager.take_transitions().into_iter().map(|t| t.event);
        let sent: Vec<_> = events.map(|event| (event.state, event.samples)).collect();
        let lines = |times: &[i64]| times.iter().map(|at| format!("ERROR at {at}")).collect::<Vec<_>>();
        assert_eq!(sent[0], (AlertState::Firing, lines(&[1_000, 2_000])), "{is_late}");
        assert_eq!(sent[1], (AlertState::Resolved, lines(&[1_000, 2_000])), "{is_late}");
        // It fires still when all of it has been read.
        let newest = if is_late { [401_000, 402_000] } else { [400_000, 401_000] };
        assert_eq!(sent[2], (AlertState::Firing, lines(&newest)), "{is_late}");
        assert_eq!(sent[3], (AlertState::Resolved, lines(&[401_000, 402_000])), "{is_late}");
    }
}

#[test]
fn silence_of_a_path_ends_with_the_path() {
    let silent =
        watch(AlertSpec { condition: Condition::Silence { window_ms: 60_000 }, ..spec(Scope::Path) });
    let mut manager = AlertManager::new(vec![Arc::clone(&silent)]);
    for path in [1, 2] {
        manager.watch_path(&silent, PathId(path), Path::new("/logs/app.log"), now(1_000));
    }
    manager.tick(now(1_001));
    manager.end_silence(PathId(2), now(2_000));
    count(&mut manager, &silent, 1, 3_000, 1);
    manager.tick(now(100_000));
    assert_eq!(states(&mut manager).len(), 1, "the other one is silent");
    manager.end_silence(PathId(1), now(101_000));
    assert_eq!(states(&mut manager)[0].0, AlertState::Resolved);
    assert_eq!(manager.statuses(), []);
}
