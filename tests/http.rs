//! Figures over HTTP: right, bounded, and there whatever clients do.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

#[path = "common/mod.rs"]
mod common;

use std::io::{Read, Write};
use std::net::TcpStream;
use std::os::unix::net::UnixStream;
use std::time::Duration;

use common::{Daemon, TestFolder, append, lines};
use serde_json::Value;

fn start(place: &TestFolder, more: &str) -> (Daemon, String) {
    let mut daemon = place.resume_with("*.log", &format!("{more}\n[http]\nlisten = \"127.0.0.1:0\""));
    let address = daemon.address();
    (daemon, address)
}

fn get(address: &str, path: &str) -> (u16, String) {
    common::get(address, path).unwrap()
}

fn value(metrics: &str, series: &str) -> Option<f64> {
    let line =
        metrics.lines().find(|line| line.strip_prefix(series).is_some_and(|rest| rest.starts_with(' ')))?;
    line.rsplit(' ').next()?.parse().ok()
}

#[test]
fn figures_begin_at_nought_and_go_on_after_a_restart() {
    let place = TestFolder::new();
    let log = place.log("app.log");
    append(&log, "");
    let (daemon, address) = start(&place, "[alert.spike]\nover = 3\n");
    let shown = log.to_str().unwrap().to_owned();
    let series = |name: &str| format!("{name}{{path=\"{shown}\",watch=\"logs\"}}");
    let matched = format!("spiketail_lines_matched_total{{path=\"{shown}\",rule=\"errors\",watch=\"logs\"}}");
    let (status, metrics) = get(&address, "/metrics");
    assert_eq!(status, 200);
    assert_eq!(value(&metrics, &matched), Some(0.0), "{metrics}");
    let state = "spiketail_alert_state{alert=\"spike\",path=\"\",severity=\"critical\",watch=\"logs\"}";
    assert_eq!(value(&metrics, state), Some(0.0), "{metrics}");
    append(&log, lines(0..5));
    let mut daemon = daemon;
    daemon.wait_total(&log, 5);
    let (_, metrics) = get(&address, "/metrics");
    assert_eq!(value(&metrics, &matched), Some(5.0), "{metrics}");
    assert_eq!(value(&metrics, state), Some(2.0));
    assert_eq!(value(&metrics, &series("spiketail_bytes_missed_total")), Some(0.0));
    assert_eq!(value(&metrics, &series("spiketail_lag_bytes")), Some(0.0));
    assert_eq!(value(&metrics, &series("spiketail_file_generations_total")), Some(1.0));
    assert!(value(&metrics, "spiketail_turn_duration_seconds_count").unwrap() > 0.0);
    for name in ["torn_scans", "watch_overflows", "output_dropped"] {
        assert_eq!(value(&metrics, &format!("spiketail_{name}_total")), Some(0.0), "{name}");
    }
    let status: Value = serde_json::from_str(&get(&address, "/status").1).unwrap();
    assert_eq!(status["files"][0]["lines_matched"]["errors"], 5);
    assert_eq!(status["alerts"][0]["state"], "firing");
    assert_eq!(get(&address, "/healthz"), (200, "ok\n".to_owned()));
    assert_eq!(get(&address, "/x").0, 404);
    daemon.stop();
    let (daemon, address) = start(&place, "[alert.spike]\nover = 3\n");
    assert_eq!(value(&get(&address, "/metrics").1, &matched), Some(5.0));
    daemon.stop();
}

#[test]
fn hostile_names_stay_within_their_label() {
    let place = TestFolder::new();
    let (mut daemon, address) = start(&place, "");
    let log = place.log("a\"} 1\nspiketail_x 2 \\.log");
    append(&log, lines(0..2));
    daemon.wait_for("two lines", |events| events.iter().any(|event| event["total"] == 2));
    let (_, metrics) = get(&address, "/metrics");
    assert!(metrics.contains(r#"a\"} 1\\x0aspiketail_x 2 \\.log"#), "{metrics}");
    assert!(!metrics.lines().any(|line| line.starts_with("spiketail_x")));
    daemon.stop();
}

#[test]
fn too_many_paths_share_a_label_and_nothing_is_lost() {
    let place = TestFolder::new();
    let (mut daemon, address) = start(&place, "");
    (0..2_010).for_each(|n| append(&place.log(&format!("{n}.log")), lines(0..1)));
    daemon.wait_status_sum(2_010);
    let (_, metrics) = get(&address, "/metrics");
    let matched: Vec<f64> = metrics
        .lines()
        .filter(|line| line.starts_with("spiketail_lines_matched_total"))
        .map(|line| line.rsplit(' ').next().unwrap().parse().unwrap())
        .collect();
    assert_eq!((matched.len(), matched.iter().sum::<f64>()), (2_001, 2_010.0));
    assert_eq!(value(&metrics, "spiketail_bytes_missed_total{path=\"overflow\",watch=\"logs\"}"), Some(0.0));
    daemon.stop();
}

/// Files that were removed long before do not keep a label from one that is there, and what they had still counts.
#[test]
fn removed_files_give_their_labels_to_present_ones() {
    let place = TestFolder::new();
    let (mut daemon, address) = start(&place, "");
    let log = |n: usize| place.log(&format!("{n}.log"));
    (0..2_010).for_each(|n| append(&log(n), lines(0..1)));
    daemon.wait_status_sum(2_010);
    get(&address, "/metrics");
    (0..2_010).for_each(|n| std::fs::remove_file(log(n)).unwrap());
    daemon.wait_for("the end of all files", |events| {
        events.iter().filter(|event| event["event"] == "removed").count() == 2_010
    });
    append(&log(5_000), lines(0..3));
    let own = format!("spiketail_lines_matched_total{{path=\"{}\",", log(5_000).display());
    let metrics = common::until("a label", || {
        Some(get(&address, "/metrics").1).filter(|metrics| metrics.contains(&own))
    });
    let series = || metrics.lines().filter(|line| line.starts_with("spiketail_lines_matched_total{"));
    assert!(series().any(|line| line.starts_with(&own)), "no label for the file that is there");
    let sum: f64 = series().map(|line| line.rsplit(' ').next().unwrap().parse::<f64>().unwrap()).sum();
    assert_eq!(sum, 2_013.0);
    daemon.stop();
}

#[test]
fn clients_that_misbehave_are_endured() {
    let place = TestFolder::new();
    let (daemon, address) = start(&place, "");
    let mut idle: Vec<TcpStream> = (0..1_000).filter_map(|_| TcpStream::connect(&address).ok()).collect();
    idle.iter_mut().take(50).for_each(|stream| drop(stream.write_all(b"GET /metrics HTTP/1.1\r\nx: ")));
    let mut huge = TcpStream::connect(&address).unwrap();
    let _ = huge.write_all(b"GET / HTTP/1.1\r\nx: ");
    let _ = (0..100).try_for_each(|_| huge.write_all(&[b'x'; 65_536]));
    assert!(daemon.rss_kb() < 150_000, "{} KB", daemon.rss_kb());
    // Those who say nothing are released within seconds, and others are answered.
    let begun = std::time::Instant::now();
    loop {
        let answer = common::get(&address, "/healthz");
        if answer.is_ok_and(|(status, _)| status == 200) {
            break;
        }
        assert!(begun.elapsed() < Duration::from_secs(20));
    }
    let mut post = TcpStream::connect(&address).unwrap();
    write!(post, "POST /metrics HTTP/1.1\r\nhost: x\r\nconnection: close\r\ncontent-length: 0\r\n\r\n")
        .unwrap();
    let mut answer = String::new();
    post.read_to_string(&mut answer).unwrap();
    assert!(answer.starts_with("HTTP/1.1 405"), "{answer}");
    daemon.stop();
}

/// Asks for `path` and reads no answer.
fn ask_only(mut stream: impl Write, path: &str) {
    write!(stream, "GET {path} HTTP/1.1\r\nhost: x\r\n\r\n").unwrap();
}

#[test]
fn clients_that_do_not_read_share_a_few_answers() {
    let place = TestFolder::new();
    let (mut daemon, address) = start(&place, "");
    let name = |n: usize| place.log(&format!("{n:04}{}.log", "x".repeat(200)));
    (0..3_000).for_each(|n| append(&name(n), lines(0..1)));
    daemon.wait_status_sum(3_000);
    let size = get(&address, "/status").1.len() as u64;
    assert!(size > 3_000_000, "{size}");
    let before = daemon.rss_kb();
    let network: Vec<TcpStream> = (0..45).map(|_| TcpStream::connect(&address).unwrap()).collect();
    let socket = place.state().join("status.sock");
    let local: Vec<UnixStream> = (0..45).map(|_| UnixStream::connect(&socket).unwrap()).collect();
    network.iter().for_each(|stream| ask_only(stream, "/status"));
    local.iter().for_each(|stream| ask_only(stream, "/status"));
    // Each of them has the beginning of an answer, so that all are answered.
    network.iter().for_each(|mut stream| stream.read_exact(&mut [0]).unwrap());
    local.iter().for_each(|mut stream| stream.read_exact(&mut [0]).unwrap());
    let grown = daemon.rss_kb().saturating_sub(before);
    assert!(grown * 1_024 < 15 * size, "{grown} KB more for answers of {size} bytes");
    // Whoever reads is answered, and with what holds now.
    append(&name(0), lines(1..3));
    daemon.wait_total(&name(0), 3);
    assert_eq!(get(&address, "/healthz"), (200, "ok\n".to_owned()));
    let (status, metrics) = get(&address, "/metrics");
    assert!(status == 200 && metrics.contains("spiketail_files 3000"), "{status}");
    assert_eq!(get(&address, "/status").0, 200);
    drop((network, local));
    daemon.wait_status_sum(3_002);
    daemon.stop();
}

#[test]
fn clients_with_half_a_request_or_that_do_not_read_keep_no_one_out() {
    let place = TestFolder::new();
    append(&place.log("app.log"), "");
    let (mut daemon, address) = start(&place, "");
    let socket = place.state().join("status.sock");
    let half = b"GET /healthz HTTP/1.1\r\nx: ";
    let mut kept: Vec<Box<dyn Write>> = Vec::new();
    for round in 0..3 {
        for n in 0..150 {
            let stream = TcpStream::connect(&address).unwrap();
            let local = UnixStream::connect(&socket).unwrap();
            if n % 3 == 0 {
                ask_only(&stream, "/metrics");
                ask_only(&local, "/metrics");
            }
            kept.extend([Box::new(stream) as Box<dyn Write>, Box::new(local)]);
        }
        // Those that were cut off already cannot be written to.
        kept.iter_mut().for_each(|stream| drop(stream.write_all(half)));
        for path in ["/healthz", "/metrics", "/status"] {
            assert_eq!(get(&address, path).0, 200, "{path} in round {round}");
        }
        assert!(daemon.full_status()["files"].is_array());
    }
    daemon.stop();
}

/// What `path` answers to a client that sends `header`: the head and the body.
fn get_with(address: &str, path: &str, header: &str) -> (String, String) {
    let mut stream = TcpStream::connect(address).unwrap();
    write!(stream, "GET {path} HTTP/1.0\r\nhost: x\r\n{header}\r\n\r\n").unwrap();
    let mut text = String::new();
    stream.read_to_string(&mut text).unwrap();
    let (head, body) = text.split_once("\r\n\r\n").unwrap();
    (head.to_lowercase(), body.to_owned())
}

#[test]
fn who_takes_open_metrics_gets_the_same_samples() {
    let place = TestFolder::new();
    append(&place.log("app.log"), "");
    let (daemon, address) = start(&place, "");
    let (head, open) =
        get_with(&address, "/metrics", "Accept: application/openmetrics-text;version=1.0.0;q=0.5,text/plain");
    assert!(head.contains("content-type: application/openmetrics-text; version=1.0.0"), "{head}");
    assert!(open.ends_with("# EOF\n") && open.contains("# TYPE spiketail_bytes_read counter\n"), "{open}");
    let (head, plain) = get_with(&address, "/metrics", "Accept: text/plain");
    assert!(head.contains("content-type: text/plain; version=0.0.4"), "{head}");
    assert!(plain.contains("# TYPE spiketail_bytes_read_total counter\n"), "{plain}");
    let names = |text: &str| -> Vec<String> {
        // The order within a histogram is free, and so is how a bound is written.
        let samples =
            text.lines().filter(|line| !line.starts_with('#')).map(|line| line.replace(".0\"}", "\"}"));
        let mut names: Vec<String> =
            samples.map(|line| line.rsplit_once(' ').unwrap().0.to_owned()).collect();
        names.sort();
        names
    };
    assert_eq!(names(&open), names(&plain));
    daemon.stop();
}

#[test]
fn a_host_and_labels_are_in_metrics_events_and_alerts_and_are_read_again() {
    let place = TestFolder::new();
    let log = place.log("app.log");
    append(&log, "");
    let config = |host: &str, dc: &str| {
        place.config(&format!(
            "host = \"{host}\"\nlabels = {{ dc = \"{dc}\", team = \"all\" }}\n[http]\nlisten = \"0\"\n\
             [watch.logs]\npaths = [{log:?}]\n[alert.spike]\nover = 1\nlabels = {{ team = \"db\" }}\n"
        ));
    };
    config("web1", "fra");
    let mut daemon = place.start_configured();
    let address = daemon.address();
    let started = daemon.wait_event("started");
    assert_eq!((&started["host"], &started["labels"]["dc"]), (&"web1".into(), &"fra".into()));
    let shown = get(&address, "/metrics").1;
    let samples: Vec<&str> = shown.lines().filter(|line| !line.starts_with('#')).collect();
    let is_signed =
        |line: &&&str| line.contains("dc=\"fra\",host=\"web1\",team=\"all\"") && !line.contains("{,");
    assert_eq!(samples.iter().filter(is_signed).count(), samples.len(), "{shown}");
    config("web2", "ams");
    let seen = daemon.events.len();
    daemon.signal(rustix::process::Signal::HUP);
    let reloaded = daemon.wait_event_after(seen, "reloaded");
    assert_eq!((&reloaded["host"], &reloaded["labels"]["dc"]), (&"web2".into(), &"ams".into()));
    append(&log, lines(0..5));
    daemon.wait_for("an alert", |events| events.iter().any(|event| event["target"] == "spiketail::alert"));
    let alert = daemon.events.iter().find(|event| event["target"] == "spiketail::alert").unwrap();
    assert_eq!(alert["host"], "web2");
    assert_eq!(alert["labels"], serde_json::json!({ "dc": "ams", "team": "db" }));
    assert!(
        get(&address, "/metrics").1.contains("spiketail_files{dc=\"ams\",host=\"web2\",team=\"all\"} 1\n")
    );
    daemon.stop();
}

#[test]
fn a_daemon_that_can_read_nothing_is_not_healthy_but_ready() {
    let place = TestFolder::new();
    let log = place.log("app.log");
    std::os::unix::fs::symlink(&log, &log).unwrap();
    let (daemon, address) = start(&place, "");
    let (status, why) = common::until("it is not healthy", || {
        Some(get(&address, "/healthz")).filter(|(status, _)| *status == 503)
    });
    assert!(status == 503 && why.starts_with("no file can be read; ") && why.contains("app.log"), "{why}");
    assert_eq!(get(&address, "/-/ready"), (200, "ok\n".to_owned()));
    assert_eq!(value(&get(&address, "/metrics").1, "spiketail_files_unreadable"), Some(1.0));
    // One that can be read is enough.
    append(&place.log("other.log"), "");
    common::until("it is healthy", || Some(get(&address, "/healthz")).filter(|(status, _)| *status == 200));
    daemon.stop();
}
