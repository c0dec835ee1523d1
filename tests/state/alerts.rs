//! Alerts go on after a restart: neither silent while there are too many, nor said twice.

use std::time::Duration;

use serde_json::Value;

use crate::common::{Daemon, TestFolder, append, lines, pause};
use crate::{ENDS, End, Log, committed, each, wait_committed};

/// The window is long enough for a restart on a slow machine.
const ALERT: &str = r#"
[rule.errors]
any = ["ERROR"]
[alert.spike]
over = 5
window = "4s"
keep_firing_for = "0s"
cooldown = "0s"
"#;

fn alerts(events: &[Value], state: &str) -> Vec<Value> {
    let is_it = |event: &&Value| event["target"] == "spiketail::alert" && event["state"] == state;
    events.iter().filter(is_it).cloned().collect()
}

#[track_caller]
fn wait_alert(daemon: &mut Daemon, state: &str) -> Value {
    daemon.wait_for(state, |events| !alerts(events, state).is_empty());
    alerts(&daemon.events, state).remove(0)
}

const TRANSITIONS: &str = "SELECT count(*) FROM alert_history";

#[test]
fn an_alert_that_fires_is_not_said_again_and_resolves_after_the_restart() {
    each(["watch", "path"], |by| {
        let alert = format!("{ALERT}by = \"{by}\"\n");
        let place = TestFolder::new();
        let mut log = Log::new(&place, "app.log");
        let mut daemon = place.resume_with("app.log", &alert);
        log.write(12);
        let fired = wait_alert(&mut daemon, "firing");
        End::Sigterm.end(daemon);
        log.write(12);
        let mut daemon = place.resume_with("app.log", &alert);
        log.write(12);
        daemon.wait_total(&log.path, 36);
        let resolved = wait_alert(&mut daemon, "resolved");
        assert_eq!(alerts(&daemon.events, "firing"), Vec::<Value>::new());
        assert_eq!(resolved["fingerprint"], fired["fingerprint"]);
        assert_eq!(resolved["since"], fired["since"]);
        log.write(6);
        let again = wait_alert(&mut daemon, "firing");
        assert_eq!(again["fingerprint"], fired["fingerprint"]);
        daemon.stop();
        assert_eq!(committed(&place, TRANSITIONS), 3);
    });
}

#[test]
fn an_alert_whose_rate_fell_while_the_daemon_was_down_resolves() {
    let place = TestFolder::new();
    let alert = ALERT.replace("4s", "1s");
    let mut log = Log::new(&place, "app.log");
    let mut daemon = place.resume_with("app.log", &alert);
    log.write(12);
    let fired = wait_alert(&mut daemon, "firing");
    End::Sigterm.end(daemon);
    pause(Duration::from_millis(1_500));
    let mut daemon = place.resume_with("app.log", &alert);
    let resolved = wait_alert(&mut daemon, "resolved");
    assert_eq!(resolved["fingerprint"], fired["fingerprint"]);
    daemon.listen(Duration::from_millis(300));
    let ended = daemon.stop();
    assert_eq!((alerts(&ended.events, "firing").len(), alerts(&ended.events, "resolved").len()), (0, 1));
    // It is over, and stays so.
    let mut daemon = place.resume_with("app.log", &alert);
    daemon.listen(Duration::from_millis(300));
    let ended = daemon.stop();
    assert_eq!((alerts(&ended.events, "firing").len(), alerts(&ended.events, "resolved").len()), (0, 0));
}

#[test]
fn a_committed_alert_is_not_said_again_after_a_kill() {
    each(0..3, |_| {
        let place = TestFolder::new();
        let mut log = Log::new(&place, "app.log");
        let mut daemon = place.resume_with("app.log", ALERT);
        log.write(12);
        let fired = wait_alert(&mut daemon, "firing");
        wait_committed(&place, "the alert", TRANSITIONS, 1);
        daemon.kill();
        let mut daemon = place.resume_with("app.log", ALERT);
        daemon.wait_status_sum(12);
        log.write(6);
        daemon.wait_status_sum(18);
        let resolved = wait_alert(&mut daemon, "resolved");
        assert_eq!(alerts(&daemon.events, "firing"), Vec::<Value>::new());
        assert_eq!(resolved["fingerprint"], fired["fingerprint"]);
        daemon.stop();
    });
}

#[test]
fn an_alert_that_was_said_just_before_a_kill_fires_again_only_if_it_was_not_committed() {
    each(0..10, |_| {
        let place = TestFolder::new();
        let mut log = Log::new(&place, "app.log");
        let mut daemon = place.resume_with("app.log", ALERT);
        log.write(12);
        wait_alert(&mut daemon, "firing");
        daemon.kill();
        let before = usize::try_from(committed(&place, TRANSITIONS)).unwrap();
        let mut daemon = place.resume_with("app.log", ALERT);
        daemon.wait_status_sum(12);
        // With nothing committed, the lines are counted again, and they are too many still.
        let again = alerts(&daemon.events, "firing").len();
        assert_eq!(before + again, 1, "the last events:\n{}", daemon.shown());
        daemon.stop();
        assert_eq!(committed(&place, TRANSITIONS), 1);
    });
}

#[test]
fn lines_from_before_the_restart_count_in_the_window() {
    each(ENDS, |end| {
        let place = TestFolder::new();
        let log = place.log("app.log");
        append(&log, "");
        let alert = ALERT.replace("4s", "1m");
        let mut daemon = place.resume_with("app.log", &alert);
        append(&log, lines(0..4));
        daemon.wait_total(&log, 4);
        end.end(daemon);
        let mut daemon = place.resume_with("app.log", &alert);
        append(&log, lines(4..5));
        daemon.wait_status_sum(5);
        assert_eq!(alerts(&daemon.events, "firing"), Vec::<Value>::new(), "{end:?}: five are still fine");
        append(&log, lines(5..6));
        let fired = wait_alert(&mut daemon, "firing");
        assert_eq!(fired["count"], 6);
        assert_eq!(fired["samples"].as_array().unwrap().len(), 5, "{fired}");
        daemon.stop();
    });
}
