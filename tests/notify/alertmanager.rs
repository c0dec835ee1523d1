//! An Alertmanager forgets what it is not sent again, so it is sent again.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use jiff::Timestamp;
use serde_json::Value;

use crate::common::server::{Reply, Request, Server};
use crate::common::{Daemon, TestFolder, append, lines, until};

/// An alert that fires for longer than the test lasts.
fn config(server: &Server) -> String {
    format!(
        "[rule.errors]\nany = [\"ERROR\"]\n[alert.spike]\nover = 1\nwindow = \"1h\"\n\
         [output.managers]\ntype = \"alertmanager\"\nurl = \"{}\"\nresend_interval = \"1s\"\ngroup_wait = \"0s\"\n",
        server.url()
    )
}

fn start(place: &TestFolder, server: &Server) -> Daemon {
    place.resume_with("app.log", &config(server))
}

/// The alerts that were sent; it is also asked what it silences.
fn posted(server: &Server) -> Vec<Request> {
    server.requests().into_iter().filter(|request| !request.line.starts_with("GET ")).collect()
}

fn wait(server: &Server, count: usize) -> Vec<Request> {
    until(&format!("{count} posts"), || Some(posted(server)).filter(|posted| posted.len() >= count))
}

/// The one alert of a request to the API of an Alertmanager.
fn alert(request: &Request) -> Value {
    assert!(request.line.starts_with("POST /api/v2/alerts "), "{}", request.line);
    let alerts: Vec<Value> = serde_json::from_slice(&request.body).unwrap();
    assert_eq!(alerts.len(), 1, "{alerts:?}");
    alerts[0].clone()
}

fn time(alert: &Value, key: &str) -> Timestamp {
    alert[key].as_str().unwrap().parse().unwrap()
}

#[test]
fn what_is_firing_is_sent_again_with_a_later_end_also_after_a_restart() {
    let server = Server::start(|_| Reply::status(200));
    let place = TestFolder::new();
    append(&place.log("app.log"), "");
    let daemon = start(&place, &server);
    append(&place.log("app.log"), lines(0..3));
    let sent: Vec<Value> = wait(&server, 3).iter().map(alert).collect();
    for (earlier, later) in sent.iter().zip(&sent[1..]) {
        assert_eq!(earlier["labels"], later["labels"]);
        assert_eq!(earlier["startsAt"], later["startsAt"]);
        assert!(time(earlier, "endsAt") < time(later, "endsAt"), "{earlier} {later}");
        // An interval or two may be missed before it ends by itself.
        assert!(time(earlier, "endsAt") > time(later, "startsAt"));
    }
    daemon.stop();
    let before = posted(&server).len();
    let daemon = start(&place, &server);
    let again = alert(&wait(&server, before + 1)[before]);
    assert_eq!((&again["labels"], &again["startsAt"]), (&sent[0]["labels"], &sent[0]["startsAt"]));
    daemon.stop();
}

#[test]
fn what_is_sent_again_has_the_present_numbers() {
    let server = Server::start(|_| Reply::status(200));
    let place = TestFolder::new();
    append(&place.log("app.log"), "");
    let mut daemon = start(&place, &server);
    append(&place.log("app.log"), lines(0..3));
    wait(&server, 2);
    append(&place.log("app.log"), lines(3..10));
    daemon.wait_status_sum(10);
    let count = |request: &Request| alert(request)["annotations"]["count"].as_str().unwrap().to_owned();
    let mut seen = 0;
    while count(wait(&server, seen + 1).last().unwrap()) != "10" {
        seen = posted(&server).len();
    }
    daemon.stop();
}

#[test]
fn what_ended_before_it_was_told_fires_first() {
    let is_open = Arc::new(AtomicBool::new(false));
    let open = Arc::clone(&is_open);
    let server = Server::start(move |_| Reply::status(if open.load(Ordering::SeqCst) { 200 } else { 503 }));
    let place = TestFolder::new();
    append(&place.log("app.log"), "");
    let config = config(&server).replace("\"1h\"", "\"1s\"\nkeep_firing_for = \"0s\"");
    let mut daemon = place.resume_with("app.log", &config.replace("resend_interval = \"1s\"", ""));
    append(&place.log("app.log"), lines(0..3));
    let is = |event: &Value, state: &str| event["target"] == "spiketail::alert" && event["state"] == state;
    daemon.wait_for("the end", |events| events.iter().any(|event| is(event, "resolved")));
    wait(&server, 1);
    is_open.store(true, Ordering::SeqCst);
    let is_over = |request: &Request| time(&alert(request), "endsAt") < Timestamp::now();
    let sent = until("the end is told", || {
        let sent = posted(&server);
        sent.last().is_some_and(is_over).then_some(sent)
    });
    let (ended, fired) = (alert(&sent[sent.len() - 1]), &sent[..sent.len() - 1]);
    assert!(!fired.is_empty() && !fired.iter().any(is_over));
    assert_eq!(alert(&fired[0])["labels"], ended["labels"]);
    assert!(time(&ended, "startsAt") <= time(&ended, "endsAt"));
    daemon.stop();
}
