//! An incident as someone on call meets it: many files, three of them burst, one new line among those that are known. The alert says
//! which error it is, where it stands and on which machine, on every output.
#![allow(clippy::unwrap_used, clippy::disallowed_methods, reason = "a test that cannot go on fails")]

mod common;

use std::os::unix::net::UnixDatagram;
use std::time::Duration;

use common::server::{Reply, Server};
use common::{Daemon, TestFolder, append};
use serde_json::Value;

const FILES: usize = 300;
const NEW: &str = "[crit] no more inodes on /data";
const BURST: usize = 31;

fn host() -> String {
    rustix::system::uname().nodename().to_string_lossy().into_owned()
}

fn known(n: usize) -> String {
    format!("2026-11-26 10:41:07 ERROR upstream timed out (110: timeout) after {n} ms\n")
}

fn alerts(events: &[Value]) -> Vec<&Value> {
    events.iter().filter(|event| event["target"] == "spiketail::alert").collect()
}

fn sum_is(total: u64) -> impl Fn(&[Value]) -> bool {
    move |events| common::sum(events) == total
}

struct Scene {
    place: TestFolder,
    servers: Vec<Server>,
    journal: UnixDatagram,
    daemon: Daemon,
}

const WEBHOOKS: [&str; 3] = [
    "type = \"webhook\"\npreset = \"slack\"",
    "type = \"webhook\"\npreset = \"teams\"",
    "type = \"alertmanager\"",
];

fn begin() -> Scene {
    let place = TestFolder::new();
    for n in 0..FILES {
        append(&place.log(&format!("app-{n}.log")), "begin\n");
    }
    let servers: Vec<Server> = WEBHOOKS.iter().map(|_| Server::start(|_| Reply::status(200))).collect();
    let people = place.beside("people");
    let mut config = format!(
        "[rule.errors]\nany = [\"ERROR\", \"[crit]\"]\n[alert.error-spike]\nover = 50\nwindow = \"1m\"\n\
         [output.json]\ntype = \"json\"\n[output.journal]\ntype = \"journald\"\n\
         [output.people]\ntype = \"console\"\ncolor = \"never\"\npath = {people:?}\n"
    );
    for (n, (server, output)) in servers.iter().zip(WEBHOOKS).enumerate() {
        let url = server.url();
        config += &format!("[output.hook{n}]\nurl = \"{url}\"\ngroup_wait = \"0s\"\n{output}\n");
    }
    let socket = place.beside("journal");
    let journal = UnixDatagram::bind(&socket).unwrap();
    journal.set_read_timeout(Some(Duration::from_secs(60))).unwrap();
    let mut command = place.resuming(&place.state(), "*.log", &config);
    command.env("SPIKETAIL_JOURNAL_SOCKET", &socket);
    let daemon = Daemon::spawn(command);
    Scene { place, servers, journal, daemon }
}

/// Writes the burst to three files at once: stamps are of now, so that no file says when the alert is to fire.
fn burst(place: &TestFolder) {
    let texts: Vec<String> = (0..3)
        .map(|file| {
            let mut text: String = (0..BURST).map(|n| known(file * BURST + n).split_off(20)).collect();
            if file == 2 {
                text.push_str(NEW);
                text.push('\n');
            }
            text
        })
        .collect();
    for (file, text) in texts.iter().enumerate() {
        append(&place.log(&format!("app-{file}.log")), text);
    }
}

fn says_it_all(place: &str, text: &str) {
    for wanted in [host().as_str(), "app-0.log", "app-1.log", "app-2.log", "no more inodes on"] {
        assert!(text.contains(wanted), "{place} lacks {wanted}: {text}");
    }
}

fn journal_alert(journal: &UnixDatagram) -> String {
    let mut buffer = vec![0; 1 << 20];
    loop {
        let length = journal.recv(&mut buffer).expect("the alert is told to the journal");
        let text = String::from_utf8_lossy(&buffer[..length]).into_owned();
        if text.contains("SPIKETAIL_STATE=firing") {
            return text;
        }
    }
}

#[test]
fn the_page_says_which_error_it_is_and_where() {
    let Scene { place, servers, journal, mut daemon } = begin();
    append(&place.log("app-7.log"), known(1).split_off(20));
    daemon.wait_for("the known line", sum_is(1));
    burst(&place);
    daemon.wait_for("the alert", |events| !alerts(events).is_empty());
    let fired = alerts(&daemon.events)[0].clone();
    says_it_all("JSON", &fired.to_string());
    assert_eq!(fired["host"], host());
    let patterns = fired["patterns"].as_array().unwrap();
    let of = |text: &str| patterns.iter().find(|p| p["text"].as_str().unwrap().contains(text)).unwrap();
    let (timeouts, inodes) = (of("upstream timed out"), of("no more inodes"));
    assert_eq!((&timeouts["count"], &inodes["count"]), (&94.into(), &1.into()), "{fired:#}");
    assert_eq!((&inodes["new"], &inodes["sample"]), (&true.into(), &NEW.into()));
    assert_eq!(fired["count"], 95, "what came while the report was held is in it: {fired:#}");
    let paths: u64 =
        fired["top_paths"].as_array().unwrap().iter().map(|at| at["count"].as_u64().unwrap()).sum();
    assert_eq!(paths, 95);
    says_it_all("the journal", &journal_alert(&journal));
    for (server, name) in servers.iter().zip(WEBHOOKS) {
        let body = server.wait(1).remove(0).body;
        says_it_all(name, &String::from_utf8(body).unwrap());
    }
    daemon.stop();
    says_it_all("the console", &std::fs::read_to_string(place.beside("people")).unwrap());
}

#[test]
fn an_alert_that_is_over_says_how_much_there_was() {
    let place = TestFolder::new();
    append(&place.log("app.log"), "begin\n");
    let config = "[rule.errors]\nany = [\"ERROR\"]\n[alert.spike]\nover = 5\nwindow = \"1s\"\nkeep_firing_for = \"0s\"\n\
                  [output.json]\ntype = \"json\"\n";
    let mut daemon = place.resume_with("app.log", config);
    append(&place.log("app.log"), (0..20).map(|n| format!("ERROR {n}\n")).collect::<String>());
    daemon.wait_for("the end of the alert", |events| alerts(events).len() == 2);
    let events = daemon.stop().events;
    let resolved = alerts(&events)[1];
    assert_eq!(resolved["state"], "resolved");
    assert_eq!((&resolved["total"], &resolved["peak"]), (&20.into(), &20.into()), "{resolved:#}");
    assert!(resolved["duration_s"].is_u64());
}

#[test]
fn a_report_that_is_held_survives_a_kill() {
    let place = TestFolder::new();
    append(&place.log("app.log"), "begin\n");
    let config = "[rule.errors]\nany = [\"ERROR\"]\n[alert.spike]\nover = 5\nwindow = \"10m\"\n[output.json]\ntype = \"json\"\n";
    for run in 0..5 {
        let mut daemon = place.resume_with("app.log", config);
        append(&place.log("app.log"), (0..20).map(|n| format!("ERROR {run} {n}\n")).collect::<String>());
        daemon.wait_status_sum(20 * (run + 1));
        daemon.kill();
    }
    let daemon = place.resume_with("app.log", config);
    daemon.stop();
    let state = rusqlite::Connection::open(place.state().join("state.db")).unwrap();
    let fired: i64 =
        state.query_row("SELECT count(*) FROM outbox WHERE state = 'firing'", [], |row| row.get(0)).unwrap();
    assert_eq!(fired, 1);
}
