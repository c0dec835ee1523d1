//! Alerts and the pace of counts.

use std::time::{Duration, Instant};

use serde_json::Value;

use crate::common::{Daemon, TestFolder, append, lines, pause};

const ALERT: &str = r#"
[rule.errors]
any = ["ERROR"]
[alert.spike]
over = 5
window = "1s"
keep_firing_for = "0s"
cooldown = "0s"
samples = 3
severity = "warning"
"#;

fn alert_in(state: &str) -> impl Fn(&Value) -> bool {
    move |event| event["target"] == "spiketail::alert" && event["state"] == state
}

fn wait_alert(daemon: &mut Daemon, state: &str, skip: usize) -> Value {
    let is_it = alert_in(state);
    daemon.wait_for(state, |events| events.iter().skip(skip).any(&is_it));
    daemon.events.iter().skip(skip).find(|event| is_it(event)).unwrap().clone()
}

#[test]
fn an_alert_fires_with_samples_and_resolves() {
    let place = TestFolder::new();
    let log = place.log("app.log");
    append(&log, "");
    let mut daemon = place.watch_with("app.log", ALERT);
    append(&log, lines(0..5));
    daemon.wait_total(&log, 5);
    assert!(!daemon.events.iter().any(alert_in("firing")), "five are still fine");
    pause(Duration::from_millis(1_300));
    append(&log, lines(5..12));
    let fired = wait_alert(&mut daemon, "firing", 0);
    assert_eq!(fired["alert"], "spike");
    assert_eq!(fired["severity"], "warning");
    assert_eq!(fired["level"], "WARN");
    assert_eq!(fired["rule"], "errors");
    assert_eq!(fired["watch"], "logs");
    assert_eq!(fired["threshold"], 5);
    assert_eq!(fired["window_s"], 1);
    assert!(fired.get("path").is_none(), "{fired}");
    assert!(fired["count"].as_u64().unwrap() > 5, "{fired}");
    let samples: Vec<&str> = fired["samples"].as_array().unwrap().iter().filter_map(Value::as_str).collect();
    let numbers: Vec<u64> = samples.iter().map(|s| s.split(' ').nth(1).unwrap().parse().unwrap()).collect();
    assert_eq!(numbers.len(), 3, "{samples:?}");
    assert!(numbers.windows(2).all(|pair| pair[0] + 1 == pair[1]), "{numbers:?}");
    let resolved = wait_alert(&mut daemon, "resolved", 0);
    assert_eq!(resolved["fingerprint"], fired["fingerprint"]);
    // And once more: it is the same alert.
    let seen = daemon.events.len();
    append(&log, lines(20..30));
    let again = wait_alert(&mut daemon, "firing", seen);
    assert_eq!(again["fingerprint"], fired["fingerprint"]);
}

#[test]
fn an_alert_by_path_fires_for_the_path_that_is_too_much() {
    let place = TestFolder::new();
    let (a, b) = (place.log("a.log"), place.log("b.log"));
    let mut daemon = place.watch_with("*.log", &format!("{ALERT}by = \"path\"\n"));
    append(&a, lines(0..4));
    append(&b, lines(0..10));
    let fired = wait_alert(&mut daemon, "firing", 0);
    assert_eq!(fired["path"], b.to_str().unwrap());
    let resolved = wait_alert(&mut daemon, "resolved", 0);
    assert_eq!(resolved["path"], b.to_str().unwrap());
    let seen = daemon.events.len();
    append(&a, lines(0..10));
    let other = wait_alert(&mut daemon, "firing", seen);
    assert_eq!(other["path"], a.to_str().unwrap());
    assert_ne!(other["fingerprint"], fired["fingerprint"]);
}

#[test]
fn the_command_line_alone_makes_an_alert() {
    let place = TestFolder::new();
    let log = place.log("app.log");
    append(&log, "");
    let args = [log.to_str().unwrap(), "--alert-over", "5/10s"];
    let mut daemon = Daemon::run(args);
    append(&log, lines(0..6));
    let fired = wait_alert(&mut daemon, "firing", 0);
    assert_eq!((&fired["severity"], &fired["level"]), (&"critical".into(), &"ERROR".into()));
    assert_eq!(fired["count"], 6);
    assert_eq!(fired["window_s"], 10);
    daemon.wait_total(&log, 6);
    daemon.stop_with_sum(6);
}

#[test]
fn counts_are_reported_no_more_often_than_the_interval() {
    let place = TestFolder::new();
    let log = place.log("app.log");
    append(&log, "");
    let mut daemon = Daemon::run([&log]);
    let begun = Instant::now();
    for n in 0..100 {
        append(&log, lines(n..n + 1));
        pause(Duration::from_millis(25));
    }
    daemon.wait_total(&log, 100);
    let took = begun.elapsed();
    let reports: Vec<&Value> =
        daemon.events.iter().filter(|event| event["target"] == "spiketail::count").collect();
    // The interval is a second, and the first line is reported at once.
    assert!(reports.len() as u64 <= took.as_secs() + 2, "{} reports in {took:?}", reports.len());
    assert_eq!(reports[0]["delta"], reports[0]["total"]);
    let deltas: u64 = reports.iter().map(|event| event["delta"].as_u64().unwrap()).sum();
    assert_eq!(deltas, 100);
}
