//! A reload is a transaction: whatever refuses it, receivers, queued alerts, outputs, rules and paths are the old ones.
#![allow(clippy::unwrap_used, clippy::disallowed_methods, reason = "a test that cannot go on fails")]

mod common;

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use common::server::{Reply, Server};
use common::{TestFolder, append, lines};
use rustix::process::Signal;
use serde_json::Value;

/// A configuration with one alert, one receiver at `url`, an output on standard output and one in a file.
fn config(place: &TestFolder, log: &str, rule: &str, url: &str, output: &Path, more: &str) {
    let (paths, output) = (place.log(log), output.to_str().unwrap());
    place.config(&format!(
        "[watch.logs]\npaths = [{paths:?}]\n[rule.errors]\nany = \"{rule}\"\n\
         [alert.spike]\nrule = \"errors\"\nover = 1\nwindow = \"1h\"\n\
         [output.{rule}]\ntype = \"webhook\"\nurl = \"{url}\"\ngroup_wait = \"0s\"\n\
         [output.stdout]\ntype = \"json\"\n[output.file]\ntype = \"json\"\npath = {output:?}\n{more}\n"
    ));
}

fn counts(path: &Path) -> u64 {
    let text = std::fs::read_to_string(path).unwrap_or_default();
    common::sum(&text.lines().map(|line| serde_json::from_str(line).unwrap()).collect::<Vec<Value>>())
}

#[test]
fn whatever_refuses_a_reload_everything_stays_as_it_was() {
    let is_up = Arc::new(AtomicBool::new(false));
    let up = Arc::clone(&is_up);
    let old = Server::start(move |_| Reply::status(if up.load(Ordering::Relaxed) { 200 } else { 503 }));
    let new = Server::start(|_| Reply::status(200));
    let place = TestFolder::new();
    let (a, b) = (place.log("a.log"), place.log("b.log"));
    let (old_output, new_output) = (place.beside("old.json"), place.beside("new.json"));
    append(&a, "");
    append(&b, "");
    config(&place, "a.log", "ERROR", &old.url(), &old_output, "");
    let mut daemon = place.start_configured();
    append(&a, lines(0..3));
    daemon.wait_event("delivery_failed");
    let mut total = 3;
    let ca_file = "[output.other]\ntype = \"webhook\"\nurl = \"https://127.0.0.1:1/\"\nca_file = \"/no.pem\"";
    let lost = format!("[output.lost]\ntype = \"json\"\npath = \"{}/no/x\"", place.beside("").display());
    let too_large = common::rules_too_large();
    for (more, reason) in [
        ("[log]\nfilter = \"info,verbose\"", "log filter"),
        (lost.as_str(), "output lost"),
        (ca_file, "the output other"),
        (too_large.as_str(), "too large"),
        ("[watch.bad]\npaths = [\"/x/[a\"]", "/x/[a"),
    ] {
        let seen = daemon.events.len();
        config(&place, "b.log", "WARN", &new.url(), &new_output, more);
        daemon.signal(Signal::HUP);
        let refused = daemon.wait_event_after(seen, "reload_refused");
        assert!(refused["reason"].as_str().unwrap().contains(reason), "{refused}");
        append(&b, lines(0..1));
        append(&a, "WARN\n");
        append(&a, lines(0..2));
        total += 2;
        daemon.wait_total(&a, total);
    }
    is_up.store(true, Ordering::Relaxed);
    daemon.wait_event("delivery_recovered");
    assert_eq!(counts(&old_output), total);
    assert_eq!((counts(&new_output), new.requests().len()), (0, 0), "nothing went to what was refused");
    // What was refused is taken once it is right.
    let seen = daemon.events.len();
    config(&place, "b.log", "WARN", &new.url(), &new_output, "");
    daemon.signal(Signal::HUP);
    daemon.wait_event_after(seen, "reloaded");
    append(&b, "WARN\n");
    daemon.wait_total(&b, 1);
    new.wait(1);
    daemon.stop();
    assert_eq!(counts(&new_output), 1);
}
