//! The real Prometheus scrapes the daemon, and its tools find nothing wrong with what we expose and ship.
//!
//! Run with `cargo test --test prometheus -- --ignored`.
#![allow(clippy::unwrap_used, clippy::disallowed_methods, reason = "a test that cannot go on fails")]

mod common;

use std::io::Write;
use std::path::Path;
use std::process::{Child, Command, Stdio};

use common::{Daemon, TestFolder, append, free_port, get, lines, until};
use serde_json::Value;

const RULES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/config/prometheus/spiketail.rules.yml");
const SCRAPING: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/config/prometheus/prometheus.yml");
const DASHBOARD: &str = include_str!("../config/grafana/spiketail.json");

/// A running program that is killed when dropped.
struct Program(Child);

impl Drop for Program {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn prometheus(folder: &Path, daemon: u16) -> (Program, String) {
    let port = free_port();
    let config = std::fs::read_to_string(SCRAPING).unwrap();
    let config = config
        .replace("127.0.0.1:9469", &format!("127.0.0.1:{daemon}"))
        .replace("spiketail.rules.yml", RULES)
        .replace("- job_name", "- scrape_interval: 200ms\n    scrape_timeout: 200ms\n    job_name");
    let file = folder.join("prometheus.yml");
    std::fs::write(&file, config).unwrap();
    let child = Command::new("prometheus")
        .arg(format!("--config.file={}", file.display()))
        .arg(format!("--storage.tsdb.path={}", folder.join("tsdb").display()))
        .arg(format!("--web.listen-address=127.0.0.1:{port}"))
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    (Program(child), format!("127.0.0.1:{port}"))
}

fn encoded(text: &str) -> String {
    text.bytes().map(|byte| format!("%{byte:02x}")).collect()
}

/// The answer to an instant query, as Prometheus gives it.
fn query(address: &str, expr: &str) -> Option<Value> {
    let (_, body) = get(address, &format!("/api/v1/query?query={}", encoded(expr))).ok()?;
    serde_json::from_str(&body).ok()
}

fn first_value(answer: &Value) -> Option<f64> {
    answer["data"]["result"][0]["value"][1].as_str()?.parse().ok()
}

fn wait_value(address: &str, expr: &str, value: f64) {
    until(&format!("{expr} = {value}"), || {
        query(address, expr).and_then(|answer| first_value(&answer)).filter(|found| *found == value)
    });
}

fn daemon(place: &TestFolder, port: u16) -> Daemon {
    let config = format!(
        "[rule.errors]\nany = [\"ERROR\"]\n[alert.spike]\nover = 3\n[http]\nlisten = \"{port}\"\n[output.pager]\ntype = \"command\"\ncommand = [\"true\"]\n"
    );
    place.resume_with("*.log", &config)
}

#[test]
#[ignore = "needs Prometheus"]
fn prometheus_answers_with_the_right_counts_also_after_a_kill() {
    let place = TestFolder::new();
    let port = free_port();
    let log = place.log("app \"1\".log");
    append(&log, "");
    let mut running = daemon(&place, port);
    let (_prometheus, address) = prometheus(&place.beside("."), port);
    wait_value(&address, "sum(spiketail_lines_matched_total)", 0.0);
    append(&log, lines(0..7));
    wait_value(&address, "sum(spiketail_lines_matched_total{rule=\"errors\"})", 7.0);
    wait_value(&address, "spiketail_alert_state{alert=\"spike\"}", 2.0);
    running.wait_total(&log, 7);
    running.kill();
    append(&log, lines(7..12));
    let mut running = daemon(&place, port);
    wait_value(&address, "sum(spiketail_lines_matched_total{rule=\"errors\"})", 12.0);
    // For Prometheus no counter went back.
    wait_value(&address, "sum(resets(spiketail_lines_matched_total[1h]))", 0.0);
    wait_value(&address, "sum(spiketail_bytes_missed_total)", 0.0);

    let mut command = Command::new("promtool");
    let promtool = command
        .args(["check", "metrics"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    let mut promtool = promtool.spawn().unwrap();
    let (_, metrics) = get(&running.address(), "/metrics").unwrap();
    promtool.stdin.take().unwrap().write_all(metrics.as_bytes()).unwrap();
    let verdict = promtool.wait_with_output().unwrap();
    let said = String::from_utf8([verdict.stdout, verdict.stderr].concat()).unwrap();
    assert!(verdict.status.success() && said.is_empty(), "{said}");

    every_query_of_the_dashboard_works(&address);
    running.stop();
}

fn every_query_of_the_dashboard_works(address: &str) {
    let dashboard: Value = serde_json::from_str(DASHBOARD).unwrap();
    let targets =
        dashboard["panels"].as_array().unwrap().iter().flat_map(|panel| panel["targets"].as_array().unwrap());
    let mut answered = 0;
    for target in targets {
        let expr = target["expr"].as_str().unwrap();
        let concrete = expr
            .replace("$__rate_interval", "1m")
            .replace("$__range", "1h")
            .replace("$instance", ".*")
            .replace("$watch", ".*");
        let answer = query(address, &concrete).unwrap();
        assert_eq!(answer["status"], "success", "{expr}: {answer}");
        assert!(answer["data"]["result"][0].is_object(), "{expr} gives nothing");
        answered += 1;
    }
    assert!(answered >= 18);
}

#[test]
#[ignore = "needs Prometheus"]
fn the_rules_that_we_ship_are_right() {
    let place = TestFolder::new();
    let cases = include_str!("fixtures/prometheus-cases.yml").replace("RULES", RULES);
    let file = place.beside("rules.test.yml");
    std::fs::write(&file, cases).unwrap();
    for args in
        [["check", "rules", RULES], ["check", "config", SCRAPING], ["test", "rules", file.to_str().unwrap()]]
    {
        let verdict = Command::new("promtool").args(args).output().unwrap();
        let said = String::from_utf8([verdict.stdout, verdict.stderr].concat()).unwrap();
        assert!(verdict.status.success() && !said.contains("FAILED"), "{args:?}: {said}");
    }
}
