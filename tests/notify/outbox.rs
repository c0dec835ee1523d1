//! At least once, in order, and not more than is meaningful.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use rusqlite::Connection;
use rustix::process::Signal;
use serde_json::Value;

use crate::common::server::{Reply, Request, Server};
use crate::common::{Daemon, TestFolder, append, lines, until};

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

fn fire(daemon: &mut Daemon, place: &TestFolder, n: usize) {
    append(&place.log("app.log"), lines(0..3));
    daemon.wait_for("firing", |events| states(events, "firing") >= n);
}

fn resolve(daemon: &mut Daemon, n: usize) {
    daemon.wait_for("resolved", |events| states(events, "resolved") >= n);
}

fn states(events: &[Value], state: &str) -> usize {
    events.iter().filter(|event| event["target"] == "spiketail::alert" && event["state"] == state).count()
}

/// A receiver that takes nothing until it is opened.
struct Gate {
    server: Server,
    first_taken: Arc<AtomicUsize>,
}

impl Gate {
    fn closed() -> Gate {
        let first_taken = Arc::new(AtomicUsize::new(usize::MAX));
        let first = Arc::clone(&first_taken);
        let server =
            Server::start(move |n| Reply::status(if n < first.load(Ordering::SeqCst) { 503 } else { 200 }));
        Gate { server, first_taken }
    }

    /// Takes what is sent from now on, but nothing that is on its way. Returns the number of the first request that it takes.
    fn open(&self) -> usize {
        let first = self.server.requests().len() + 1;
        self.first_taken.store(first, Ordering::SeqCst);
        first
    }
}

/// Waits until `n` alerts wait for the output.
fn wait_waiting(daemon: &mut Daemon, n: u64) {
    until(&format!("{n} alerts wait"), || {
        let status = daemon.full_status();
        (status["outputs"][0]["waiting"] == n).then_some(())
    });
}

/// Waits until `sql`, which counts rows of the state, says `n`.
fn wait_rows(place: &TestFolder, sql: &str, n: i64) {
    until(&format!("{n} by {sql}"), || {
        let state = Connection::open(place.state().join("state.db")).unwrap();
        state.query_row(sql, [], |row| row.get::<_, i64>(0)).ok().filter(|rows| *rows == n)
    });
}

#[test]
fn an_alert_is_told_when_it_fires_and_when_it_resolves() {
    for keeps_state in [true, false] {
        let server = Server::start(|_| Reply::status(200));
        let place = TestFolder::new();
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
    let place = TestFolder::new();
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
        failed[0]["reason"].as_str().unwrap().contains("the output pager does not take the alert spike: 500"),
        "{failed:?}"
    );
    daemon.stop();
}

#[test]
fn a_final_answer_is_not_believed_at_once() {
    for status in [400, 404, 407, 421, 423, 425] {
        let server = Server::start(move |n| Reply::status(if n < 2 { status } else { 200 }));
        let place = TestFolder::new();
        append(&place.log("app.log"), "");
        let mut daemon = place.resume_with("app.log", &webhook(&server, "").replace("\"1s\"", "\"1m\""));
        fire(&mut daemon, &place, 1);
        assert_eq!(statuses(&server.wait(3)), ["firing"; 3], "{status}");
        let failed = daemon.wait_event("delivery_failed");
        assert!(failed["reason"].as_str().unwrap().contains(&status.to_string()), "{failed}");
        wait_rows(&place, "SELECT count(*) FROM outbox WHERE delivered_ms IS NOT NULL", 1);
        daemon.stop();
    }
}

#[test]
fn an_alert_that_is_rejected_does_not_hold_up_the_others() {
    let server = Server::start_judging(|body| {
        let is_bad = String::from_utf8_lossy(body).contains("\"alertname\":\"bad\"");
        Reply::status(if is_bad { 500 } else { 200 })
    });
    let place = TestFolder::new();
    append(&place.log("app.log"), "");
    let config = webhook(&server, "")
        + &ALERT.replace("[rule.errors]\nany = [\"ERROR\"]\n", "").replace("spike", "bad");
    let mut daemon = place.resume_with("app.log", &config);
    for n in 1..=3 {
        append(&place.log("app.log"), lines(0..3));
        daemon.wait_for("firing", |events| states(events, "firing") >= 2 * n);
        daemon.wait_for("resolved", |events| states(events, "resolved") >= 2 * n);
        until("the good one is delivered", || {
            let good = server
                .requests()
                .iter()
                .map(json)
                .filter(|m| m["groupLabels"]["alertname"] == "spike")
                .count();
            (good >= 2 * n).then_some(())
        });
    }
    wait_waiting(&mut daemon, 1);
    daemon.stop();
}

#[test]
fn what_waits_is_tried_at_once_after_a_reload() {
    let asked = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&asked);
    let server = Server::start(move |_| match count.fetch_add(1, Ordering::SeqCst) {
        0 => Reply::Status(503, "retry-after: 3600\r\n".into(), Vec::new()),
        _ => Reply::status(200),
    });
    let place = TestFolder::new();
    append(&place.log("app.log"), "");
    let mut daemon = place.resume_with("app.log", &webhook(&server, "").replace("\"1s\"", "\"1m\""));
    fire(&mut daemon, &place, 1);
    server.wait(1);
    daemon.wait_event("delivery_failed");
    daemon.signal(Signal::HUP);
    assert_eq!(statuses(&server.wait(2)), ["firing"; 2]);
    daemon.stop();
}

#[test]
fn a_group_is_over_when_none_of_its_paths_fires() {
    let server = Server::start(|_| Reply::status(200));
    let place = TestFolder::new();
    ["a.log", "b.log"].iter().for_each(|name| append(&place.log(name), ""));
    let config = webhook(&server, "").replace("over = 1", "over = 1\nby = \"path\"");
    let mut daemon = place.resume_with("*.log", &config.replace("\"1s\"", "\"2s\""));
    append(&place.log("a.log"), lines(0..3));
    daemon.wait_for("firing", |events| states(events, "firing") >= 1);
    server.wait(1);
    // The other path goes on as long as the first one has not ended.
    while states(&daemon.events, "resolved") == 0 {
        append(&place.log("b.log"), lines(0..3));
        daemon.listen(Duration::from_millis(200));
    }
    resolve(&mut daemon, 2);
    let messages: Vec<Value> = until("both are told to be over", || {
        let messages: Vec<Value> = server.requests().iter().map(json).collect();
        messages.last().is_some_and(|last| last["status"] == "resolved").then_some(messages)
    });
    let half = messages.iter().find(|message| {
        message["alerts"].as_array().unwrap().iter().any(|alert| alert["status"] == "resolved")
    });
    let half = half.unwrap();
    assert_eq!(half["status"], "firing", "{half}");
    assert_eq!(half["alerts"].as_array().unwrap().len(), 2, "{half}");
    for label in ["alertname", "instance", "watch"] {
        let value = half["groupLabels"][label].as_str().unwrap();
        assert!(half["groupKey"].as_str().unwrap().contains(&format!("{label}=\"{value}\"")), "{half}");
    }
    daemon.stop();
}

#[test]
fn what_came_to_nothing_while_nobody_listened_is_told_once() {
    let gate = Gate::closed();
    let place = TestFolder::new();
    append(&place.log("app.log"), "");
    let mut daemon = place.resume_with("app.log", &webhook(&gate.server, ""));
    for n in 1..=3 {
        fire(&mut daemon, &place, n);
        resolve(&mut daemon, n);
    }
    // All six are in the outbox; with the next commit all but the last two are known to be superseded.
    wait_rows(&place, "SELECT count(*) FROM outbox", 6);
    append(&place.log("app.log"), "nothing\n");
    wait_rows(&place, "SELECT count(*) FROM pending", 2);
    let first = gate.open();
    let taken = gate.server.wait(first + 2);
    assert_eq!(statuses(&taken[first..]), ["firing", "resolved"]);
    let fired = json(&taken[first]);
    assert!(fired["title"].as_str().unwrap().contains("; it had fired 2 times since 20"), "{fired}");
    wait_waiting(&mut daemon, 0);
    assert_eq!(gate.server.requests().len(), first + 2, "three alerts became one");
    daemon.stop();
}

#[test]
fn people_are_told_with_one_message_what_fired_and_ended_while_nobody_listened() {
    let gate = Gate::closed();
    let place = TestFolder::new();
    append(&place.log("app.log"), "");
    let mut daemon = place.resume_with("app.log", &webhook(&gate.server, "preset = \"slack\""));
    fire(&mut daemon, &place, 1);
    resolve(&mut daemon, 1);
    wait_rows(&place, "SELECT count(*) FROM outbox", 2);
    let first = gate.open();
    let told = json(&gate.server.wait(first + 1)[first]);
    let text = told["text"].as_str().unwrap();
    assert!(text.starts_with("[RESOLVED] critical spike on "), "{text}");
    for part in [": 3 errors in 1s in watch logs (threshold 1); it is over, from 20", " UTC"] {
        assert!(text.contains(part), "{text}");
    }
    assert!(told["attachments"][0]["text"].as_str().unwrap().contains("ERROR"), "{told}");
    wait_waiting(&mut daemon, 0);
    assert_eq!(gate.server.requests().len(), first + 1);
    wait_rows(&place, "SELECT count(*) FROM outbox WHERE delivered_ms IS NOT NULL", 2);
    daemon.stop();
}

#[test]
fn what_was_not_delivered_before_a_kill_is_after_it() {
    let gate = Gate::closed();
    let place = TestFolder::new();
    append(&place.log("app.log"), "");
    let config = webhook(&gate.server, "").replace("\"1s\"", "\"1m\"");
    let mut daemon = place.resume_with("app.log", &config);
    fire(&mut daemon, &place, 1);
    let unheard = json(&gate.server.wait(1)[0]);
    daemon.kill();
    let first = gate.open();
    let mut daemon = place.resume_with("app.log", &config);
    let requests = gate.server.wait(first + 1);
    let taken = json(&requests[first]);
    assert_eq!(taken["status"], "firing");
    assert_eq!(taken["alerts"][0]["fingerprint"], unheard["alerts"][0]["fingerprint"]);
    wait_waiting(&mut daemon, 0);
    daemon.stop();
    // It is delivered: another start sends nothing.
    let after = gate.server.requests().len();
    let mut daemon = place.resume_with("app.log", &config);
    wait_waiting(&mut daemon, 0);
    daemon.stop();
    assert_eq!(gate.server.requests().len(), after);
}

#[test]
fn what_is_no_longer_defined_after_a_restart_is_over() {
    let server = Server::start(|_| Reply::status(200));
    let place = TestFolder::new();
    append(&place.log("app.log"), "");
    let config = webhook(&server, "").replace("\"1s\"", "\"1m\"");
    let mut daemon = place.resume_with("app.log", &config);
    fire(&mut daemon, &place, 1);
    let fired = json(&server.wait(1)[0]);
    // Stopped before it has read the answer, it would rightly send it again.
    wait_waiting(&mut daemon, 0);
    daemon.stop();
    let mut daemon = place.resume_with("app.log", &config.replace("alert.spike", "alert.other"));
    resolve(&mut daemon, 1);
    let over = json(&server.wait(2)[1]);
    assert_eq!(over["status"], "resolved");
    assert_eq!(over["alerts"][0]["fingerprint"], fired["alerts"][0]["fingerprint"]);
    assert_eq!(over["alerts"][0]["labels"], fired["alerts"][0]["labels"]);
    daemon.stop();
    // It is reported once.
    let daemon = place.resume_with("app.log", &config.replace("alert.spike", "alert.other"));
    assert_eq!(states(&daemon.stop().events, "resolved"), 0);
}

/// Alerts by path of `files` files, each with lines enough to fire, that begin to wait for a closed gate. `output` is the receiver.
fn storm(gate: &Gate, files: usize, alerts: usize, output: &str) -> (TestFolder, Daemon) {
    let place = TestFolder::new();
    (0..files).for_each(|n| append(&place.log(&format!("{n}.log")), lines(0..3)));
    let mut config = "start = \"beginning\"\n[rule.errors]\nany = [\"ERROR\"]\n".to_owned();
    for n in 0..alerts {
        config += &format!("[alert.spike-{n}]\nover = 1\nby = \"path\"\nwindow = \"1h\"\n");
    }
    config += &format!("[output.pager]\nurl = \"{}\"\ngroup_wait = \"0s\"\n{output}\n", gate.server.url());
    let daemon = place.resume_with("*.log", &config);
    wait_rows(&place, "SELECT max(id) FROM outbox", (files * alerts) as i64);
    (place, daemon)
}

/// Fingerprints of the alerts that the state says were delivered.
fn delivered(place: &TestFolder) -> BTreeSet<String> {
    let state = Connection::open(place.state().join("state.db")).unwrap();
    let mut rows = state.prepare("SELECT fingerprint FROM outbox WHERE delivered_ms IS NOT NULL").unwrap();
    rows.query_map([], |row| row.get(0)).unwrap().map(Result::unwrap).collect()
}

#[test]
fn a_storm_of_a_thousand_files_is_a_few_messages_that_hold_all_alerts() {
    for output in ["type = \"webhook\"", "type = \"alertmanager\""] {
        let gate = Gate::closed();
        let (place, mut daemon) = storm(&gate, 1_000, 1, output);
        wait_waiting(&mut daemon, 1_000);
        let first = gate.open();
        wait_waiting(&mut daemon, 0);
        // An Alertmanager is also asked what it silences.
        let requests = gate.server.requests();
        let sent = requests[first..].iter().filter(|request| !request.line.starts_with("GET "));
        let messages: Vec<Value> = sent.map(json).collect();
        let is_webhook = output.contains("webhook");
        // An Alertmanager may be sent again what fires.
        assert!(if is_webhook { messages.len() == 10 } else { messages.len() >= 4 }, "{}", messages.len());
        let mut names = BTreeSet::new();
        for (n, message) in messages.iter().enumerate() {
            let alerts = if is_webhook { &message["alerts"] } else { message };
            let paths = alerts.as_array().unwrap().iter().map(|alert| alert["labels"]["path"].to_string());
            names.extend(paths);
            if is_webhook {
                assert_eq!(alerts.as_array().unwrap().len(), 100);
                assert_eq!(message["truncatedAlerts"], 900 - 100 * n);
            }
        }
        assert_eq!(names.len(), 1_000);
        daemon.stop();
        assert_eq!(delivered(&place).len(), 1_000);
    }
}

#[test]
fn a_storm_is_one_message_for_people_that_says_what_it_leaves_out() {
    let gate = Gate::closed();
    let (_place, mut daemon) = storm(&gate, 300, 1, "type = \"webhook\"\npreset = \"slack\"");
    wait_waiting(&mut daemon, 300);
    let first = gate.open();
    let message = json(&gate.server.wait(first + 1)[first]);
    assert!(message["text"].as_str().unwrap().contains("300 firing, 0 resolved"), "{message}");
    let text = message["attachments"][0]["text"].as_str().unwrap();
    assert!(text.contains("and 290 more; `spiketail status` on "), "{text}");
    wait_waiting(&mut daemon, 0);
    assert_eq!(gate.server.requests().len(), first + 1);
    daemon.stop();
}

#[test]
fn what_is_too_large_for_a_receiver_is_sent_in_smaller_messages() {
    let place = TestFolder::new();
    let server = Server::start_judging(|body| {
        let message: Value = serde_json::from_slice(body).unwrap();
        let alerts = message["alerts"].as_array().unwrap().len();
        Reply::status(if alerts > 10 { 413 } else { 200 })
    });
    (0..40).for_each(|n| append(&place.log(&format!("{n}.log")), lines(0..3)));
    let config =
        webhook(&server, "").replace("\"1s\"", "\"1h\"").replace("over = 1", "over = 1\nby = \"path\"");
    let mut daemon = place.resume_with("*.log", &format!("start = \"beginning\"\n{config}"));
    wait_rows(&place, "SELECT count(*) FROM outbox", 40);
    wait_waiting(&mut daemon, 0);
    daemon.stop();
    assert_eq!(delivered(&place).len(), 40);
}

#[test]
fn what_is_given_up_is_reported_together_and_not_delivered() {
    let gate = Gate::closed();
    let (place, mut daemon) = storm(&gate, 500, 21, "type = \"webhook\"");
    wait_waiting(&mut daemon, 10_000);
    let ended = daemon.stop();
    let given_up = ended.events.iter().filter(|event| event["event"] == "delivery_given_up");
    let counts: Vec<u64> = given_up.map(|event| event["count"].as_u64().unwrap()).collect();
    assert!(counts.len() <= 2 && counts.iter().sum::<u64>() == 500, "{counts:?}");
    // Another start need not wait for the next attempt, and nothing that waited is lost with the first.
    let first = gate.open();
    let mut daemon = place.start_configured();
    wait_waiting(&mut daemon, 0);
    daemon.stop();
    let messages = gate.server.requests().split_off(first);
    let in_messages: BTreeSet<String> = messages
        .iter()
        .flat_map(|message| json(message)["alerts"].as_array().unwrap().clone())
        .map(|alert| alert["fingerprint"].as_str().unwrap().to_owned())
        .collect();
    assert_eq!(in_messages.len(), 10_000);
    let delivered = delivered(&place);
    assert!(delivered.is_subset(&in_messages) && delivered.len() >= 9_000, "{}", delivered.len());
}
