//! An Alertmanager forgets what it is not sent again, so it is sent again.

use jiff::Timestamp;
use serde_json::Value;

use crate::common::server::{Reply, Request, Server};
use crate::common::{Daemon, TestFolder, append, lines};

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
    let sent: Vec<Value> = server.wait(3).iter().map(alert).collect();
    for (earlier, later) in sent.iter().zip(&sent[1..]) {
        assert_eq!(earlier["labels"], later["labels"]);
        assert_eq!(earlier["startsAt"], later["startsAt"]);
        assert!(time(earlier, "endsAt") < time(later, "endsAt"), "{earlier} {later}");
        // An interval or two may be missed before it ends by itself.
        assert!(time(earlier, "endsAt") > time(later, "startsAt"));
    }
    daemon.stop();
    let before = server.requests().len();
    let daemon = start(&place, &server);
    let again = alert(&server.wait(before + 1)[before]);
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
    server.wait(2);
    append(&place.log("app.log"), lines(3..10));
    daemon.wait_status_sum(10);
    let count = |request: &Request| alert(request)["annotations"]["count"].as_str().unwrap().to_owned();
    let mut seen = 0;
    while count(server.wait(seen + 1).last().unwrap()) != "10" {
        seen = server.requests().len();
    }
    daemon.stop();
}
