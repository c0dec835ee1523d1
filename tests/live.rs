//! The snapshot and the stream of changes: they agree with the figures, lose nothing in between, and are refused to other sites.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

#[path = "common/mod.rs"]
mod common;

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::os::unix::net::UnixStream;
use std::time::Duration;

use common::{Daemon, TestFolder, append, lines, until};
use serde_json::Value;

const ALERT: &str = "[alert.many]\nover = 3\nwindow = \"1m\"\n[http]\nlisten = \"127.0.0.1:0\"\n";

fn start(place: &TestFolder) -> (Daemon, String) {
    let mut daemon = place.resume_with("*.log", ALERT);
    let address = daemon.address();
    (daemon, address)
}

/// Asks with these headers. Returns the status, the headers and the body.
fn ask(address: &str, path: &str, headers: &str) -> (u16, String, String) {
    let mut stream = TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
    write!(stream, "GET {path} HTTP/1.1\r\n{headers}connection: close\r\n\r\n").unwrap();
    let mut text = String::new();
    stream.read_to_string(&mut text).unwrap();
    let (head, body) = text.split_once("\r\n\r\n").unwrap();
    let status = head.split(' ').nth(1).unwrap().parse().unwrap();
    (status, head.to_lowercase(), body.to_owned())
}

fn json(address: &str, path: &str) -> Value {
    let (status, head, body) = ask(address, path, &format!("host: {address}\r\n"));
    assert_eq!(status, 200, "{path}: {body}");
    assert!(head.contains("cache-control: no-store"), "{head}");
    serde_json::from_str(&body).unwrap()
}

/// The stream of changes.
struct Events<S>(BufReader<S>);

impl<S: Read + Write> Events<S> {
    fn open(mut stream: S, after: Option<u64>) -> Events<S> {
        let query = after.map(|after| format!("?after={after}")).unwrap_or_default();
        write!(stream, "GET /api/v1/events{query} HTTP/1.0\r\nhost: localhost\r\n\r\n").unwrap();
        Events(BufReader::new(stream))
    }

    /// The next event: its number, its name and its data.
    fn next(&mut self) -> (u64, String, Value) {
        let (mut id, mut name) = (0, String::new());
        loop {
            let mut line = String::new();
            assert!(self.0.read_line(&mut line).unwrap() > 0, "the stream has ended");
            match line.trim_end().split_once(": ") {
                Some(("id", value)) => id = value.parse().unwrap(),
                Some(("event", value)) => value.clone_into(&mut name),
                Some(("data", value)) => return (id, name, serde_json::from_str(value).unwrap()),
                _ => {}
            }
        }
    }

    fn until(&mut self, name: &str, is_it: impl Fn(&Value) -> bool) -> (u64, Value) {
        loop {
            let (id, found, data) = self.next();
            if found == name && is_it(&data) {
                return (id, data);
            }
        }
    }
}

fn connect(address: &str) -> TcpStream {
    let stream = TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
    stream
}

#[test]
fn the_snapshot_agrees_with_the_figures_and_the_stream_goes_on_from_it() {
    let place = TestFolder::new();
    let log = place.log("app.log");
    append(&log, "");
    let (mut daemon, address) = start(&place);
    append(&log, "ERROR disk <N> full: 12\nERROR disk <N> full: 13\n");
    daemon.wait_total(&log, 2);
    let before = json(&address, "/api/v1/status");
    assert_eq!((&before["v"], &before["agent"]["files"]), (&1.into(), &1.into()), "{before}");
    assert_eq!(before["alerts"], Value::Array(Vec::new()));
    assert_eq!(before["rules"][0]["per_min"], 2);
    assert_eq!(before["files"][0]["matched"], 2);
    // What is written between the snapshot and the stream is in the stream.
    append(&log, lines(0..3));
    daemon.wait_total(&log, 5);
    let mut events = Events::open(connect(&address), before["seq"].as_u64());
    let (_, found) = events.until("lines", |_| true);
    assert_eq!(found["lines"].as_array().unwrap().len() as u64 + found["skipped"].as_u64().unwrap(), 3);
    let (_, now) = events.until("alerts", |now| now["alerts"].as_array().is_some_and(|all| !all.is_empty()));
    assert_eq!(now["alerts"][0]["name"], "many");
    assert_eq!(now["alerts"][0]["count"], 5);
    assert_eq!(now["groups"][0]["alerts"], 1);
    let (_, pattern) = events.until("pattern", |_| true);
    assert_eq!(pattern["now"], 3, "the pattern is new since the snapshot: {pattern}");
    let (last, tick) = events.until("tick", |tick| tick["rules"][0]["per_min"] == 5);
    assert_eq!(tick["agent"]["files"], 1);
    // A client that comes back gets what came meanwhile, and no event twice.
    append(&log, lines(3..4));
    daemon.wait_total(&log, 6);
    events.until("lines", |_| true);
    let mut again = Events::open(connect(&address), Some(last));
    let (next, ..) = again.next();
    assert_eq!(next, last + 1);
    let after = json(&address, "/api/v1/status");
    let (_, metrics) = common::get(&address, "/metrics").unwrap();
    assert!(metrics.lines().any(|line| {
        line.starts_with("spiketail_lines_matched_total")
            && line.ends_with(&format!(" {}", after["files"][0]["matched"]))
    }));
    let patterns: u64 = after["patterns"].as_array().unwrap().iter().filter_map(|p| p["now"].as_u64()).sum();
    assert_eq!(patterns + after["rules"][0]["other"].as_u64().unwrap(), 6, "{after}");
    let series = json(&address, "/api/v1/series?range=1h&rule=errors");
    let sum: f64 = series["mean"].as_array().unwrap().iter().filter_map(Value::as_f64).sum();
    assert!((sum - 6.0).abs() < 1e-9, "{series}");
    let files = json(&address, "/api/v1/files?q=app");
    assert_eq!((files["files"].as_array().unwrap().len(), &files["more"]), (1, &0.into()));
    daemon.stop();
}

#[test]
fn the_socket_answers_the_same_and_another_process_is_another_stream() {
    let place = TestFolder::new();
    append(&place.log("app.log"), "");
    let (daemon, address) = start(&place);
    let seq = json(&address, "/api/v1/status")["seq"].as_u64();
    let socket = || UnixStream::connect(place.state().join("status.sock")).unwrap();
    let mut events = Events::open(socket(), seq);
    let (first, _) = events.until("tick", |_| true);
    assert!(first > seq.unwrap());
    daemon.stop();
    let (daemon, _) = start(&place);
    let (id, name, _) = Events::open(socket(), Some(first)).next();
    assert_eq!(name, "reset");
    assert!(id > first);
    daemon.stop();
}

#[test]
fn other_sites_are_refused_and_links_lead_into_the_page() {
    let place = TestFolder::new();
    append(&place.log("app.log"), "");
    let (daemon, address) = start(&place);
    let host = format!("host: {address}\r\n");
    for (path, headers, status) in [
        ("/api/v1/status", "host: evil.example\r\n", 421),
        ("/api/v1/status", "", 421),
        ("/alert/c41f0a9be77d2031", "host: evil.example:80\r\n", 421),
        ("/api/v1/status", &format!("{host}sec-fetch-site: cross-site\r\n"), 421),
        ("/api/v1/series?range=2h", &host, 400),
        ("/api/v1/series?path=%2Fetc%2Fpasswd", &host, 400),
        ("/metrics", "host: evil.example\r\n", 200),
        ("/nothing", &host, 404),
    ] {
        let (found, head, _) = ask(&address, path, headers);
        assert_eq!(found, status, "{path} {headers}");
        for guard in ["content-security-policy: default-src 'self';", "x-content-type-options: nosniff"] {
            assert!(head.contains(guard), "{path}: {head}");
        }
    }
    for (path, link) in [
        ("/alert/c41f0a9be77d2031", "/#/alert/c41f0a9be77d2031"),
        ("/pattern/9a3f61c8", "/#/pattern/9a3f61c8"),
        ("/file?path=%2Fvar%2Flog%2Fa.log", "/#/file?path=%2fvar%2flog%2fa.log"),
    ] {
        let (status, head, _) = ask(&address, path, &host);
        assert_eq!(status, 302);
        assert!(head.contains(&format!("location: {link}\r\n")), "{head}");
    }
    daemon.stop();
}

#[test]
fn clients_that_do_not_read_cost_the_others_nothing() {
    let place = TestFolder::new();
    let log = place.log("app.log");
    append(&log, "");
    let (mut daemon, address) = start(&place);
    let seq = json(&address, "/api/v1/status")["seq"].as_u64();
    // More than there may be at once, and none of them reads.
    let stuck: Vec<_> = (0..110).map(|_| Events::open(connect(&address), seq)).collect();
    let mut reader = Events::open(connect(&address), seq);
    reader.until("tick", |_| true);
    append(&log, lines(0..50));
    daemon.wait_total(&log, 50);
    reader.until("tick", |tick| tick["rules"][0]["per_min"] == 50);
    let cut = until("some are cut off", || {
        let is_cut = |client: &&Events<TcpStream>| {
            client.0.get_ref().set_read_timeout(Some(Duration::from_millis(1))).unwrap();
            let (mut stream, mut buffer) = (client.0.get_ref(), [0; 65_536]);
            loop {
                match stream.read(&mut buffer) {
                    Ok(0) => return true,
                    Ok(_) => {}
                    Err(error) => return error.kind() == std::io::ErrorKind::ConnectionReset,
                }
            }
        };
        let cut = stuck.iter().filter(is_cut).count();
        (cut >= 11).then_some(cut)
    });
    assert!(cut < 20, "{cut}");
    daemon.stop();
}
