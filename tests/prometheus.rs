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
    let config =
        format!("[rule.errors]\nany = [\"ERROR\"]\n[alert.spike]\nover = 3\n[http]\nlisten = \"{port}\"\n");
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
    assert!(answered >= 12);
}

#[test]
#[ignore = "needs Prometheus"]
fn the_rules_that_we_ship_are_right() {
    let place = TestFolder::new();
    let cases = format!(
        r#"
rule_files: [{RULES:?}]
tests:
  - interval: 1m
    input_series:
      - series: 'spiketail_alert_state{{alert="spike",watch="app",severity="critical",path="",instance="a"}}'
        values: '0 0 2 2 2 2 2 2 2 2 2'
      - series: 'up{{job="spiketail",instance="b"}}'
        values: '1 0 0 0 0 0 0 0 0 0 0'
      - series: 'spiketail_bytes_missed_total{{watch="app",path="/x",instance="a"}}'
        values: '0 0 0 0 0 0 0 0 0 0 4096'
      - series: 'spiketail_output_waiting{{output="pager",instance="a"}}'
        values: '0x4 3x16'
      - series: 'spiketail_files_unreadable{{instance="a"}}'
        values: '0 0 2x18'
      - series: 'spiketail_config_last_reload_successful{{instance="a"}}'
        values: '1 1 0 0 1'
      - series: 'spiketail_state_writable{{instance="a"}}'
        values: '1 0 0 0 0 1'
      - series: 'spiketail_deliveries_total{{instance="a",output="pager",result="refused"}}'
        values: '0 0 0 1 1 1'
    alert_rule_test:
      - {{ eval_time: 1m, alertname: SpiketailAlertFiring }}
      - eval_time: 3m
        alertname: SpiketailAlertFiring
        exp_alerts:
          - exp_labels: {{ alert: spike, watch: app, severity: critical, instance: a }}
            exp_annotations:
              summary: spike fires on a
              description: "The alert spike of the watch app  fires."
      - eval_time: 4m
        alertname: SpiketailDown
        exp_alerts:
          - exp_labels: {{ job: spiketail, instance: b, severity: warning }}
            exp_annotations:
              summary: spiketail on b does not answer
              description: "Lines are not lost: they are counted, late, once it runs again, unless their files are removed before."
      - {{ eval_time: 9m, alertname: SpiketailBytesMissed }}
      - {{ eval_time: 8m, alertname: SpiketailDeliveryStuck }}
      - eval_time: 11m
        alertname: SpiketailDeliveryStuck
        exp_alerts:
          - exp_labels: {{ output: pager, instance: a, severity: warning }}
            exp_annotations:
              summary: alerts of a do not get through to pager
              description: "3 alerts wait. `spiketail test-alert pager` on that machine says what the receiver answers."
      - {{ eval_time: 6m, alertname: SpiketailUnreadable }}
      - eval_time: 8m
        alertname: SpiketailUnreadable
        exp_alerts:
          - exp_labels: {{ instance: a, severity: warning }}
            exp_annotations:
              summary: spiketail on a cannot read 2 files
              description: "Their lines are not counted. `spiketail status` on that machine says why."
      - {{ eval_time: 1m, alertname: SpiketailReloadRefused }}
      - eval_time: 2m
        alertname: SpiketailReloadRefused
        exp_alerts:
          - exp_labels: {{ instance: a, severity: warning }}
            exp_annotations:
              summary: spiketail on a refused its new configuration
              description: "The old one stays in use. `spiketail check` on that machine says what is wrong."
      - {{ eval_time: 4m, alertname: SpiketailReloadRefused }}
      - eval_time: 4m
        alertname: SpiketailStateUnwritable
        exp_alerts:
          - exp_labels: {{ instance: a, severity: warning }}
            exp_annotations:
              summary: spiketail on a cannot save its state
              description: "Counting goes on, but a restart would count again from the last state. `spiketail status` on that machine says why."
      - {{ eval_time: 2m, alertname: SpiketailDeliveryRefused }}
      - eval_time: 4m
        alertname: SpiketailDeliveryRefused
        exp_alerts:
          - exp_labels: {{ instance: a, output: pager, result: refused, severity: warning }}
            exp_annotations:
              summary: pager did not take alerts of a
              description: "They are lost to it. `spiketail test-alert pager` on that machine says what the receiver answers."
"#
    );
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
