//! Figures and alerts that are sent where nobody can ask for them, through `kill -9`.
//!
//! `cargo test --test push -- --ignored` sends them to a real Prometheus, and decodes OTLP with the Python package `opentelemetry-proto`, for
//! which `OTLP_PYTHON` may name a Python that has it.
#![allow(clippy::unwrap_used, clippy::disallowed_methods, reason = "a test that cannot go on fails")]

mod common;

use std::collections::BTreeMap;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use common::server::{Reply, Request, Server};
use common::{Daemon, TestFolder, append, free_port, get, lines, until};
use serde_json::Value;

/// A program that is killed when dropped.
struct Program(Child);

impl Drop for Program {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// A Prometheus that takes remote write and asks nobody.
fn prometheus(folder: &Path) -> (Program, String) {
    let port = free_port();
    std::fs::write(folder.join("prometheus.yml"), "scrape_configs: []\n").unwrap();
    let child = Command::new("prometheus")
        .arg(format!("--config.file={}", folder.join("prometheus.yml").display()))
        .arg(format!("--storage.tsdb.path={}", folder.join("tsdb").display()))
        .arg(format!("--web.listen-address=127.0.0.1:{port}"))
        .arg("--web.enable-remote-write-receiver")
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let address = format!("127.0.0.1:{port}");
    until("Prometheus is ready", || {
        get(&address, "/-/ready").ok().filter(|(status, _)| *status == 200).map(drop)
    });
    (Program(child), address)
}

fn encoded(text: &str) -> String {
    text.bytes().map(|byte| format!("%{byte:02x}")).collect()
}

fn value(address: &str, expr: &str) -> Option<f64> {
    let (_, body) = get(address, &format!("/api/v1/query?query={}", encoded(expr))).ok()?;
    let answer: Value = serde_json::from_str(&body).ok()?;
    answer["data"]["result"][0]["value"][1].as_str()?.parse().ok()
}

fn wait_value(address: &str, expr: &str, wanted: f64) {
    until(&format!("{expr} = {wanted}"), || value(address, expr).filter(|found| *found == wanted));
}

/// Appends lines and kills the daemon that has `output`, `kills` times, and returns the daemon that runs then, and how many lines there are.
fn through_kills(kills: u64, place: &TestFolder, output: &str, mut is_sent: impl FnMut()) -> (Daemon, u64) {
    let log = place.log("app.log");
    append(&log, "");
    // The first keys are those of [engine].
    place.config(&format!(
        "host = \"web1\"\nlabels = {{ dc = \"fra\" }}\n[watch.logs]\npaths = [{log:?}]\n{output}\ninterval = \"1s\"\n"
    ));
    let mut total = 0;
    for kill in 0..kills {
        let daemon = place.start_configured();
        append(&log, lines(total..total + 7));
        total += 7;
        // Sometimes it is killed before anything is sent.
        if kill % 4 == 0 {
            is_sent();
        }
        daemon.kill();
    }
    (place.start_configured(), total)
}

#[test]
#[ignore = "needs Prometheus"]
fn prometheus_is_sent_the_right_sums_through_kills() {
    let place = TestFolder::new();
    let (_prometheus, address) = prometheus(&place.beside("."));
    let config =
        format!("[output.central]\ntype = \"remote-write\"\nurl = \"http://{address}/api/v1/write\"");
    let sum = "sum(spiketail_lines_matched_total{job=\"spiketail\",instance=\"web1\",dc=\"fra\"})";
    let (daemon, total) = through_kills(20, &place, &config, || {
        until("something was sent", || value(&address, sum).map(drop));
    });
    wait_value(&address, sum, total as f64);
    wait_value(&address, "sum(resets(spiketail_lines_matched_total[1h]))", 0.0);
    wait_value(&address, "spiketail_turn_duration_seconds_bucket{le=\"+Inf\"} > bool 0", 1.0);
    daemon.stop();
}

/// What another implementation reads in a request.
fn decoded(place: &TestFolder, kind: &str, request: &Request) -> Value {
    let file = place.beside("request");
    std::fs::write(&file, &request.body).unwrap();
    let python = std::env::var("OTLP_PYTHON").unwrap_or_else(|_| "python3".to_owned());
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/decode_otlp.py");
    let output = Command::new(python).args([script, kind]).arg(&file).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).unwrap()
}

fn attributes(of: &Value) -> BTreeMap<String, Value> {
    let entries = of["attributes"].as_array().unwrap().iter();
    let entry = |entry: &Value| {
        let value = entry["value"].as_object().unwrap().values().next().unwrap().clone();
        (entry["key"].as_str().unwrap().to_owned(), value)
    };
    entries.map(entry).collect()
}

fn to<'r>(requests: &'r [Request], path: &str) -> Vec<&'r Request> {
    requests.iter().filter(|request| request.line.starts_with(&format!("POST {path} "))).collect()
}

#[test]
#[ignore = "needs Python's opentelemetry-proto"]
fn another_implementation_reads_sums_with_their_beginning_and_alerts_through_kills() {
    let place = TestFolder::new();
    let server = Server::start_checking(|request| {
        let is_right = request.headers.to_lowercase().contains("content-type: application/x-protobuf");
        Reply::status(if is_right { 200 } else { 415 })
    });
    let config = format!(
        "[alert.spike]\nover = 20\nwindow = \"1h\"\n\
         [output.collector]\ntype = \"otlp\"\nurl = \"{}\"\ngroup_wait = \"0s\"",
        server.url()
    );
    let (daemon, total) = through_kills(20, &place, &config, || {
        server.wait(server.requests().len() + 1);
    });
    let matched = |request: &Request| {
        let message = decoded(&place, "metrics", request);
        let resource = &message["resourceMetrics"][0];
        let metrics = resource["scopeMetrics"][0]["metrics"].as_array().unwrap().clone();
        let found = metrics.into_iter().find(|metric| metric["name"] == "spiketail_lines_matched")?;
        Some((attributes(&resource["resource"]), found["sum"].clone()))
    };
    let sum_of = |sum: &Value| -> u64 {
        let points = sum["dataPoints"].as_array().unwrap().iter();
        points.map(|point| point["asInt"].as_str().unwrap().parse::<u64>().unwrap()).sum()
    };
    let (resource, sum) = until("the sum", || {
        let requests = server.requests();
        let newest = to(&requests, "/v1/metrics");
        matched(newest.last()?).filter(|(_, sum)| sum_of(sum) == total)
    });
    assert_eq!((&resource["host.name"], &resource["dc"]), (&"web1".into(), &"fra".into()));
    assert_eq!(
        (&sum["aggregationTemporality"], &sum["isMonotonic"]),
        (&"AGGREGATION_TEMPORALITY_CUMULATIVE".into(), &true.into())
    );
    // Through all restarts it is one sum with one beginning, which never goes back.
    let requests = server.requests();
    let sums: Vec<Value> =
        to(&requests, "/v1/metrics").into_iter().filter_map(matched).map(|(_, sum)| sum).collect();
    let beginning = |sum: &Value| sum["dataPoints"][0]["startTimeUnixNano"].clone();
    assert!(sums.iter().all(|sum| beginning(sum) == beginning(&sums[0])), "{sums:?}");
    assert!(sums.windows(2).all(|pair| sum_of(&pair[0]) <= sum_of(&pair[1])), "{sums:?}");

    let logs = to(&requests, "/v1/logs");
    let message = decoded(&place, "logs", logs.first().unwrap());
    let record = &message["resourceLogs"][0]["scopeLogs"][0]["logRecords"][0];
    assert_eq!((&record["severityText"], &record["eventName"]), (&"ERROR".into(), &"spiketail.alert".into()));
    assert!(record["body"]["stringValue"].as_str().unwrap().starts_with("spike on web1: "), "{record}");
    let of = attributes(record);
    assert_eq!(
        (&of["state"], &of["alertname"], &of["dc"]),
        (&"firing".into(), &"spike".into(), &"fra".into())
    );
    daemon.stop();
}

#[test]
fn what_is_not_taken_is_reported_once_and_alerts_wait_for_the_receiver() {
    let is_open = Arc::new(AtomicBool::new(false));
    let open = Arc::clone(&is_open);
    let server = Server::start(move |_| Reply::status(if open.load(Ordering::SeqCst) { 200 } else { 503 }));
    let place = TestFolder::new();
    append(&place.log("app.log"), "");
    let config = format!(
        "[alert.spike]\nover = 1\nwindow = \"1h\"\n[output.collector]\ntype = \"otlp\"\nurl = \"{}\"\ninterval = \"1s\"\ngroup_wait = \"0s\"\n[http]\nlisten = \"0\"\n",
        server.url()
    );
    let daemon = place.resume_with("*.log", &config);
    append(&place.log("app.log"), lines(0..3));
    until("both are tried", || {
        let requests = server.requests();
        let count = |path: &str| to(&requests, path).len();
        (count("/v1/metrics") >= 3 && count("/v1/logs") >= 1).then_some(())
    });
    daemon.kill();
    let mut daemon = place.resume_with("*.log", &config);
    daemon.wait_for("that figures are not taken", |events| {
        let told = events.iter().filter(|event| event["event"] == "delivery_failed");
        told.filter(|event| event["reason"].as_str().unwrap().contains("metrics for the output")).count() == 1
    });
    is_open.store(true, Ordering::SeqCst);
    let before = server.requests().len();
    daemon.wait_for("both recover", |events| {
        events.iter().filter(|event| event["event"] == "delivery_recovered").count() == 2
    });
    let requests = server.requests();
    assert!(!to(&requests[before.saturating_sub(1)..], "/v1/logs").is_empty());
    let (_, metrics) = get(&daemon.address(), "/metrics").unwrap();
    let pushes = |result: &str| -> u64 {
        let series = format!("spiketail_pushes_total{{output=\"collector\",result=\"{result}\"}} ");
        metrics.lines().find_map(|line| line.strip_prefix(&series)?.parse().ok()).unwrap()
    };
    assert!(pushes("failed") >= 1 && pushes("accepted") >= 1, "{metrics}");
    daemon.stop();
}
