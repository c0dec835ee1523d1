//! Alerts by pattern: what was never seen before is told of, once, and what is too frequent is told of alone.
#![allow(clippy::unwrap_used, clippy::disallowed_methods, reason = "a test that cannot go on fails")]

mod common;

use common::{TestFolder, append};
use serde_json::Value;

const NEW: &str = "[rule.errors]\nany = [\"ERROR\"]\n[alert.new]\nwhen = \"new\"\nlearn = \"0s\"\n\
                   [output.json]\ntype = \"json\"\n";

fn fired(events: &[Value]) -> Vec<&Value> {
    let is_one = |event: &&Value| event["target"] == "spiketail::alert" && event["state"] == "firing";
    events.iter().filter(is_one).collect()
}

fn whys(events: &[Value]) -> Vec<String> {
    fired(events).iter().map(|event| event["why"].as_str().unwrap().to_owned()).collect()
}

#[test]
fn each_new_pattern_is_told_of_once_also_across_a_kill() {
    let place = TestFolder::new();
    let log = place.log("app.log");
    append(&log, "begin\n");
    let mut daemon = place.resume_with("app.log", NEW);
    append(&log, "ERROR disk 7 is full\nERROR disk 8 is full\n");
    daemon.wait_for("the first", |events| fired(events).len() == 1);
    append(&log, "ERROR cannot open /data/x\nERROR disk 9 is full\n");
    daemon.wait_for("the second", |events| fired(events).len() == 2);
    assert_eq!(
        whys(&daemon.events),
        ["a new pattern: ERROR disk <N> is full", "a new pattern: ERROR cannot open <PATH>"]
    );
    let second = fired(&daemon.events)[1];
    assert_eq!(second["samples"], serde_json::json!(["ERROR cannot open /data/x"]));
    assert_eq!(second["pattern"].as_str().unwrap().len(), 16);
    daemon.wait_status_sum(4);
    daemon.kill();
    let mut daemon = place.resume_with("app.log", NEW);
    append(&log, "ERROR cannot open /data/y\nERROR quota exceeded by far\n");
    daemon.wait_for("the third", |events| !fired(events).is_empty());
    daemon.wait_status_sum(6);
    let all: Vec<String> = whys(&daemon.events);
    // Of a kill before the commit, lines are read again; then the second is told of again.
    assert_eq!(all.last().unwrap(), "a new pattern: ERROR quota exceeded by far");
    daemon.stop();
}

#[test]
fn too_many_new_patterns_are_told_of_together() {
    let place = TestFolder::new();
    let log = place.log("app.log");
    append(&log, "begin\n");
    let mut daemon = place.resume_with("app.log", &NEW.replace("learn", "new_max = 3\nlearn"));
    let text: String = ["alpha", "beta", "gamma", "delta", "omega", "sigma"]
        .map(|w| format!("ERROR {w} {w}x {w}y broke\n"))
        .concat();
    append(&log, text);
    daemon.wait_for("the summary", |events| whys(events).iter().any(|why| why.starts_with("more new")));
    daemon.wait_status_sum(6);
    let fired = fired(&daemon.events);
    assert_eq!(fired.len(), 4, "{fired:#?}");
    assert_eq!(fired.iter().filter(|event| event["pattern"].is_string()).count(), 3);
    daemon.stop();
}

#[test]
fn a_watch_learns_which_patterns_there_are() {
    let place = TestFolder::new();
    let log = place.log("app.log");
    append(&log, "begin\n");
    let mut daemon = place.resume_with("app.log", &NEW.replace("0s", "1h"));
    append(&log, "ERROR disk 7 is full\nERROR cannot open /data/x\n");
    daemon.wait_for("the first of all", |events| fired(events).len() == 1);
    daemon.wait_status_sum(2);
    assert_eq!(fired(&daemon.stop().events).len(), 1);
}

#[test]
fn a_count_by_pattern_says_which_pattern_is_too_frequent() {
    let place = TestFolder::new();
    let log = place.log("app.log");
    append(&log, "begin\n");
    let config = "[rule.errors]\nany = [\"ERROR\"]\n[alert.many]\nover = 10\nby = \"pattern\"\n[output.json]\ntype = \"json\"\n\
                  [http]\nlisten = \"0\"\n";
    let mut daemon = place.resume_with("app.log", config);
    let text: String =
        (0..9).map(|n| format!("ERROR disk {n} is full\nERROR cannot open /data/{n}\n")).collect();
    append(&log, text);
    append(&log, "ERROR cannot open /data/x\nERROR cannot open /data/y\n");
    daemon.wait_for("the alert", |events| !fired(events).is_empty());
    daemon.wait_status_sum(20);
    assert_eq!(fired(&daemon.events).len(), 1);
    let alert = fired(&daemon.events)[0].clone();
    assert_eq!(
        (&alert["count"], &alert["patterns"][0]["text"]),
        (&11.into(), &"ERROR cannot open <PATH>".into())
    );
    let status = daemon.full_status();
    assert_eq!(
        (&status["alerts"][0]["pattern"], status["patterns"].as_array().unwrap().len()),
        (&alert["pattern"], 2)
    );
    let (_, metrics) = common::get(&daemon.address(), "/metrics").unwrap();
    let id = alert["pattern"].as_str().unwrap();
    let wanted =
        format!("spiketail_pattern_lines_total{{pattern=\"{id}\",rule=\"errors\",watch=\"logs\"}} 11");
    assert!(metrics.contains(&wanted), "{metrics}");
    assert!(metrics.contains(&format!(
        "spiketail_pattern_info{{pattern=\"{id}\",text=\"ERROR cannot open <PATH>\"}} 1"
    )));
    daemon.stop();
}

#[test]
fn masks_of_the_configuration_hide_more() {
    let place = TestFolder::new();
    let log = place.log("app.log");
    append(&log, "begin\n");
    let config = format!("{NEW}[pattern]\nmask = 'tenant-\\w+'\n");
    let mut daemon = place.resume_with("app.log", &config);
    append(&log, "ERROR no quota for tenant-acme left\nERROR no quota for tenant-corp left\n");
    daemon.wait_status_sum(2);
    let patterns = daemon.full_status()["patterns"].clone();
    assert_eq!(
        (&patterns[0]["text"], &patterns[0]["lines"]),
        (&"ERROR no quota for <*> left".into(), &2.into())
    );
    daemon.stop();
}
