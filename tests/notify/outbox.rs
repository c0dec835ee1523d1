//! At least once, in order, and not more than is meaningful.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use serde_json::Value;

use crate::common::server::{Reply, Request, Server};
use crate::common::{Daemon, FileCheckpoint, append, lines, pause};

/// An alert that fires at the second line and resolves soon.
const ALERT: &str = "[rule.errors]\nany = [\"ERROR\"]\n[alert.spike]\nover = 1\nwindow = \"1s\"\nkeep_firing_for = \"0s\"\ncooldown = \"0s\"\n";

fn webhook(server: &Server, more: &str) -> String {
    format!(
        "{ALERT}[output.pager]\ntype = \"webhook\"\nurl = \"{}/hook\"\ngroup_wait = \"0s\"\n{more}\n",
        server.url()
    )
}

fn json(request: &Request) -> Value {
    serde_json::from_slice(&request.body).unwrap()
}

fn statuses(requests: &[Request]) -> Vec<String> {
    requests.iter().map(|request| json(request)["status"].as_str().unwrap().to_owned()).collect()
}

fn fire(daemon: &mut Daemon, place: &FileCheckpoint, n: usize) {
    append(&place.log("app.log"), lines(0..3));
    daemon.wait_for("firing", |events| states(events, "firing") >= n);
}

fn resolve(daemon: &mut Daemon, n: usize) {
    daemon.wait_for("resolved", |events| states(events, "resolved") >= n);
}

fn states(events: &[Value], state: &str) -> usize {
    events.iter().filter(|event| event["target"] == "spiketail::alert" && event["state"] == state).count()
}

#[test]
fn an_alert_is_told_when_it_fires_and_when_it_resolves() {
    for keeps_state in [true, false] {
        let server = Server::start(|_| Reply::status(200));
        let place = FileCheckpoint::new();
        append(&place.log("app.log"), "");
        let config = webhook(&server, "");
        let mut daemon = if keeps_state {
            place.resume_with("app.log", &config)
        } else {
            place.watch_with("app.log", &config)
        };
        fire(&mut daemon, &place, 1);
        server.wait(1);
        resolve(&mut daemon, 1);
        let requests = server.wait(2);
        assert_eq!(statuses(&requests), ["firing", "resolved"]);
        let (fired, resolved) = (json(&requests[0]), json(&requests[1]));
        assert!(requests[0].line.starts_with("POST /hook "));
        assert_eq!(fired["version"], "4");
        assert_eq!(fired["groupLabels"]["alertname"], "spike");
        assert_eq!(fired["alerts"][0]["labels"]["severity"], "critical");
        assert_eq!(fired["alerts"][0]["fingerprint"], resolved["alerts"][0]["fingerprint"]);
        assert_eq!(fired["alerts"][0]["startsAt"], resolved["alerts"][0]["startsAt"]);
        assert_eq!(fired["alerts"][0]["endsAt"], "0001-01-01T00:00:00Z");
        daemon.stop();
        assert_eq!(server.requests().len(), 2);
    }
}

#[test]
fn what_fails_is_tried_again_later_and_later_and_recovers() {
    let server = Server::start(|n| match n {
        0 => Reply::status(500),
        1 => Reply::Close,
        2 => Reply::Status(429, "retry-after: 2\r\n".into(), Vec::new()),
        _ => Reply::status(200),
    });
    let place = FileCheckpoint::new();
    append(&place.log("app.log"), "");
    let mut daemon = place.resume_with("app.log", &webhook(&server, "").replace("\"1s\"", "\"1m\""));
    fire(&mut daemon, &place, 1);
    let requests = server.wait(4);
    assert_eq!(statuses(&requests), ["firing"; 4]);
    assert!(requests[3].at - requests[2].at >= Duration::from_secs(2), "it was asked to wait");
    let is = |event: &Value, name: &str| event["event"] == name;
    daemon.wait_for("recovery", |events| events.iter().any(|event| is(event, "delivery_recovered")));
    let failed: Vec<_> = daemon.events.iter().filter(|event| is(event, "delivery_failed")).collect();
    assert_eq!(failed.len(), 1, "{failed:?}");
    assert!(
        failed[0]["reason"].as_str().unwrap().contains("the output pager takes no alerts: 500"),
        "{failed:?}"
    );
    daemon.stop();
}

#[test]
fn what_is_refused_for_good_is_told_and_does_not_hold_up_the_next() {
    let server = Server::start(|n| Reply::status(if n == 0 { 400 } else { 200 }));
    let place = FileCheckpoint::new();
    append(&place.log("app.log"), "");
    let mut daemon = place.resume_with("app.log", &webhook(&server, ""));
    fire(&mut daemon, &place, 1);
    resolve(&mut daemon, 1);
    assert_eq!(statuses(&server.wait(2)), ["firing", "resolved"]);
    let refused = |event: &&Value| event["event"] == "delivery_refused";
    assert!(daemon.events.iter().any(|event| refused(&event)), "{}", daemon.shown());
    daemon.stop();
}

#[test]
fn what_came_to_nothing_while_nobody_listened_is_told_once() {
    let is_up = Arc::new(AtomicBool::new(false));
    let up = Arc::clone(&is_up);
    let server = Server::start(move |_| Reply::status(if up.load(Ordering::Relaxed) { 200 } else { 503 }));
    let place = FileCheckpoint::new();
    append(&place.log("app.log"), "");
    let mut daemon = place.resume_with("app.log", &webhook(&server, ""));
    for n in 1..=3 {
        fire(&mut daemon, &place, n);
        resolve(&mut daemon, n);
    }
    let before = server.requests().len();
    is_up.store(true, Ordering::Relaxed);
    let accepted = server.wait(before + 1);
    assert_eq!(statuses(&accepted[before..]), ["resolved"]);
    pause(Duration::from_millis(500));
    assert_eq!(server.requests().len(), before + 1, "three alerts became one message");
    daemon.stop();
}

#[test]
fn what_was_not_delivered_before_a_kill_is_after_it() {
    let is_up = Arc::new(AtomicBool::new(false));
    let up = Arc::clone(&is_up);
    let server = Server::start(move |_| Reply::status(if up.load(Ordering::Relaxed) { 200 } else { 503 }));
    let place = FileCheckpoint::new();
    append(&place.log("app.log"), "");
    let config = webhook(&server, "").replace("\"1s\"", "\"1m\"");
    let mut daemon = place.resume_with("app.log", &config);
    fire(&mut daemon, &place, 1);
    server.wait(1);
    daemon.kill();
    is_up.store(true, Ordering::Relaxed);
    let before = server.requests().len();
    let daemon = place.resume_with("app.log", &config);
    let requests = server.wait(before + 1);
    assert_eq!(statuses(&requests[before..]), ["firing"]);
    assert_eq!(
        json(&requests[before])["alerts"][0]["fingerprint"],
        json(&requests[0])["alerts"][0]["fingerprint"]
    );
    daemon.stop();
    // It is settled: another start tells nothing.
    let after = server.requests().len();
    let daemon = place.resume_with("app.log", &config);
    pause(Duration::from_millis(500));
    daemon.stop();
    assert_eq!(server.requests().len(), after);
}

#[test]
fn what_is_no_longer_defined_after_a_restart_is_over() {
    let server = Server::start(|_| Reply::status(200));
    let place = FileCheckpoint::new();
    append(&place.log("app.log"), "");
    let config = webhook(&server, "").replace("\"1s\"", "\"1m\"");
    let mut daemon = place.resume_with("app.log", &config);
    fire(&mut daemon, &place, 1);
    let fired = json(&server.wait(1)[0]);
    // Stopped before it has read the answer, it would rightly tell it again.
    pause(Duration::from_millis(500));
    daemon.stop();
    let mut daemon = place.resume_with("app.log", &config.replace("alert.spike", "alert.other"));
    resolve(&mut daemon, 1);
    let over = json(&server.wait(2)[1]);
    assert_eq!(over["status"], "resolved");
    assert_eq!(over["alerts"][0]["fingerprint"], fired["alerts"][0]["fingerprint"]);
    assert_eq!(over["alerts"][0]["labels"], fired["alerts"][0]["labels"]);
    daemon.stop();
    // It is told once.
    let daemon = place.resume_with("app.log", &config.replace("alert.spike", "alert.other"));
    assert_eq!(states(&daemon.stop().events, "resolved"), 0);
}

#[test]
fn a_storm_of_a_thousand_files_is_one_message() {
    let server = Server::start(|_| Reply::status(200));
    let place = FileCheckpoint::new();
    // All are there when it starts, so that they fire in one moment however slow the machine is.
    (0..1_000).for_each(|n| append(&place.log(&format!("{n}.log")), lines(0..3)));
    let more =
        webhook(&server, "").replace("\"1s\"", "\"1m\"").replace("over = 1", "over = 1\nby = \"path\"");
    let mut daemon = place.resume_with("*.log", &format!("start = \"beginning\"\n{more}"));
    daemon.wait_for("a thousand alerts", |events| states(events, "firing") == 1_000);
    let message = json(&server.wait(1)[0]);
    assert_eq!(
        (message["alerts"].as_array().unwrap().len(), &message["truncatedAlerts"]),
        (100, &Value::from(900))
    );
    pause(Duration::from_millis(500));
    assert_eq!(server.requests().len(), 1);
    daemon.stop();
}
