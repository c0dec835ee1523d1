//! Nobody is told of what is silenced, and of what still fires at the end everybody is.
#![allow(clippy::unwrap_used, clippy::disallowed_methods, reason = "a test that cannot go on fails")]

mod common;

use std::process::Command;

use common::server::{Reply, Request, Server};
use common::{TestFolder, append, until};
use rustix::process::Signal;
use serde_json::Value;

/// The alerts `noisy` and `other`, each of which fires at the first line with its name and goes on, or only `other`.
fn config(place: &TestFolder, server: &Server, alerts: &[&str], more: &str) {
    let mut text = format!(
        "[watch.logs]\npaths = [{:?}]\n[rule.noisy]\nany = [\"noisy\"]\n[rule.other]\nany = [\"other\"]\n\
         [output.pager]\ntype = \"webhook\"\nurl = \"{}\"\ngroup_wait = \"0s\"\n{more}\n",
        place.log("app.log"),
        server.url()
    );
    for alert in alerts {
        text += &format!("[alert.{alert}]\nrule = \"{alert}\"\nover = 0\nwindow = \"1h\"\n");
    }
    place.config(&text);
}

/// Status, standard output and standard error of `spiketail` with `args`.
fn ask(place: &TestFolder, args: &[&str]) -> (i32, String) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_spiketail"));
    let output = command.args(args).arg("--socket").arg(place.state().join("control.sock")).output().unwrap();
    let text = String::from_utf8([output.stdout, output.stderr].concat()).unwrap();
    (output.status.code().unwrap(), text)
}

fn told(requests: &[Request]) -> Vec<String> {
    let of = |request: &Request| {
        let body: Value = serde_json::from_slice(&request.body).unwrap();
        let alert = &body["alerts"][0];
        format!("{} {}", alert["labels"]["alertname"].as_str().unwrap(), alert["status"].as_str().unwrap())
    };
    requests.iter().map(of).collect()
}

const SILENCE: [&str; 6] = ["silence", "noi*", "--for", "1h", "--reason", "moving the database"];

#[test]
fn what_is_silenced_waits_through_a_restart_and_is_sent_when_the_silence_is_ended() {
    let server = Server::start(|_| Reply::status(200));
    let place = TestFolder::new();
    append(&place.log("app.log"), "");
    config(&place, &server, &["noisy", "other"], "");
    let daemon = place.start_configured();
    until("it listens", || place.state().join("control.sock").exists().then_some(()));
    let (status, said) = ask(&place, &SILENCE);
    assert!(status == 0 && said.starts_with("silence 1: noi* until "), "{said}");
    assert!(said.ends_with(": moving the database\n"), "{said}");
    append(&place.log("app.log"), "noisy\nother\n");
    assert_eq!(told(&server.wait(1)), ["other firing"]);
    daemon.kill();

    let mut daemon = place.start_configured();
    let status = daemon.full_status();
    let noisy = status["alerts"].as_array().unwrap().iter().find(|alert| alert["alert"] == "noisy").unwrap();
    assert_eq!(
        (&noisy["state"], &noisy["silenced_by"]),
        (&"firing".into(), &"silence 1: moving the database".into())
    );
    assert_eq!(status["outputs"][0]["waiting"], 0);
    assert!(ask(&place, &["silences"]).1.starts_with("silence 1: noi* until "));
    assert_eq!(ask(&place, &["unsilence", "1"]).0, 0);
    // A commit may have been lost with the first daemon, so that `other` may be told again.
    until("it is told", || told(&server.requests()).contains(&"noisy firing".to_owned()).then_some(()));
    assert_eq!(ask(&place, &["silences"]).1, "no alert is silenced\n");
    assert!(daemon.events.iter().all(|event| event["event"] != "delivery_given_up"));
    daemon.stop();
}

#[test]
fn a_silence_ends_by_itself_also_after_a_restart_and_what_fires_is_sent() {
    let server = Server::start(|_| Reply::status(200));
    let place = TestFolder::new();
    append(&place.log("app.log"), "");
    config(&place, &server, &["noisy", "other"], "");
    let mut daemon = place.start_configured();
    until("it listens", || place.state().join("control.sock").exists().then_some(()));
    assert_eq!(ask(&place, &["silence", "noisy", "--for", "5s", "--reason", "a test"]).0, 0);
    append(&place.log("app.log"), "noisy\n");
    daemon.wait_for("the alert", |events| events.iter().any(|event| event["alert"] == "noisy"));
    daemon.kill();
    let daemon = place.start_configured();
    assert_eq!(told(&server.wait(1)), ["noisy firing"]);
    assert_eq!(ask(&place, &["silences"]).1, "no alert is silenced\n");
    daemon.stop();
}

#[test]
fn nobody_hears_of_what_begins_and_ends_in_a_silence_but_the_end_of_what_was_told_is_told() {
    let server = Server::start(|_| Reply::status(200));
    let place = TestFolder::new();
    append(&place.log("app.log"), "");
    config(&place, &server, &["noisy", "other"], "");
    let mut daemon = place.start_configured();
    append(&place.log("app.log"), "other\n");
    server.wait(1);
    assert_eq!(ask(&place, &["silence", "*", "--for", "1h", "--reason", "a test"]).0, 0);
    append(&place.log("app.log"), "noisy\n");
    daemon.wait_for("the alert", |events| events.iter().any(|event| event["alert"] == "noisy"));
    // Each alert ends with its definition.
    config(&place, &server, &[], "");
    assert_eq!(ask(&place, &["reload"]).0, 0);
    assert_eq!(told(&server.wait(2)), ["other firing", "other resolved"]);
    assert_eq!(ask(&place, &["unsilence", "1"]).0, 0);
    config(&place, &server, &["other"], "");
    assert_eq!(ask(&place, &["reload"]).0, 0);
    append(&place.log("app.log"), "other\n");
    let all = told(&server.wait(3));
    assert!(all.iter().all(|told| !told.starts_with("noisy")), "{all:?}");
    daemon.stop();
}

#[test]
fn a_time_of_the_week_silences_and_its_end_sends() {
    let server = Server::start(|_| Reply::status(200));
    let place = TestFolder::new();
    append(&place.log("app.log"), "");
    let always = "[mute.always]\nalerts = [\"noisy\"]\nfrom = \"00:00\"\nto = \"24:00\"\nzone = \"UTC\"";
    config(&place, &server, &["noisy", "other"], always);
    let daemon = place.start_configured();
    append(&place.log("app.log"), "noisy\nother\n");
    assert_eq!(told(&server.wait(1)), ["other firing"]);
    config(&place, &server, &["noisy", "other"], "");
    daemon.signal(Signal::HUP);
    assert_eq!(told(&server.wait(2)), ["other firing", "noisy firing"]);
    daemon.stop();
}

#[test]
fn what_cannot_be_meant_is_refused() {
    let server = Server::start(|_| Reply::status(200));
    let place = TestFolder::new();
    config(&place, &server, &["noisy"], "");
    let daemon = place.start_configured();
    until("it listens", || place.state().join("control.sock").exists().then_some(()));
    for (args, expected) in [
        (
            ["silence", "nosy", "--for", "1h", "--reason", "x"],
            "no alert is called nosy; the alerts are: noisy",
        ),
        (["silence", "noisy", "--for", "1h", "--reason", " "], "a silence needs a reason"),
        (["silence", "noisy", "--for", "10", "--reason", "x"], "it has no unit"),
        (["silence", "noisy", "--for", "0s", "--reason", "x"], "from \"1s\" to \"366d\""),
        (["silence", "[", "--for", "1h", "--reason", "x"], "is no name or glob"),
        (["silence", "noisy", "--path=/x*", "--for=1h", "--reason=x", "--"], "has no `by = \"path\"`"),
        (
            ["silence", "noisy", "--pattern=4c19e0b7", "--for=1h", "--reason=x", "--"],
            "has no `by = \"pattern\"`",
        ),
    ] {
        let args: Vec<&str> = args.into_iter().filter(|arg| *arg != "--").collect();
        let (status, said) = ask(&place, &args);
        assert!(status == 2 && said.contains(expected), "{args:?}: {said}");
    }
    let (status, said) = ask(&place, &["unsilence", "7"]);
    assert!(status == 2 && said.contains("no silence 7 is in force"), "{said}");
    daemon.stop();
}

#[test]
fn the_snapshot_shows_what_is_silenced_by_what_and_which_outputs_were_notified() {
    let server = Server::start(|_| Reply::status(200));
    let place = TestFolder::new();
    append(&place.log("app.log"), "");
    config(&place, &server, &["noisy", "other"], "");
    let daemon = place.start_configured();
    let snapshot = || -> Option<Value> {
        let stream = std::os::unix::net::UnixStream::connect(place.state().join("status.sock")).ok()?;
        let (_, body) = common::request(stream, "/api/v1/status").ok()?;
        serde_json::from_str(&body).ok()
    };
    until("it listens", || place.state().join("control.sock").exists().then_some(()));
    assert_eq!(ask(&place, &SILENCE).0, 0);
    append(&place.log("app.log"), "noisy\nother\n");
    server.wait(1);
    let now = until("the output is among those that were notified", || {
        snapshot().filter(|now| now["alerts"][0]["notified"][0]["output"] == "pager")
    });
    let alerts = now["alerts"].as_array().unwrap();
    assert_eq!(
        (alerts.len(), &alerts[0]["name"], now["groups"].as_array().unwrap().len()),
        (1, &"other".into(), 1)
    );
    let at = alerts[0]["notified"][0]["at"].as_f64().unwrap();
    assert!(at >= now["started"].as_f64().unwrap() && at <= now["now"].as_f64().unwrap());
    assert_eq!(now["silences"][0]["alert"], "noi*");
    assert_eq!((&now["silences"][0]["holds"], &now["silenced_more"]), (&1.into(), &0.into()));
    let silenced = &now["silenced"][0];
    assert_eq!((&silenced["name"], &silenced["silence"]), (&"noisy".into(), &1.into()), "{now}");
    assert_eq!(silenced["by"], "silence 1: moving the database");
    // After a restart it is known that the output was notified, and not when.
    daemon.stop();
    let daemon = place.start_configured();
    let now = until("the alert goes on", || snapshot().filter(|now| now["alerts"][0]["name"] == "other"));
    let notified = &now["alerts"][0]["notified"][0];
    assert_eq!((&notified["output"], &notified["at"]), (&"pager".into(), &Value::Null));
    assert_eq!(now["silenced"][0]["name"], "noisy");
    assert_eq!(ask(&place, &["unsilence", "1"]).0, 0);
    server.wait(2);
    let now = until("both fire and nothing is silenced", || {
        snapshot().filter(|now| now["alerts"].as_array().is_some_and(|alerts| alerts.len() == 2))
    });
    assert_eq!((&now["silences"], &now["silenced"]), (&Value::Array(vec![]), &Value::Array(vec![])));
    daemon.stop();
}
