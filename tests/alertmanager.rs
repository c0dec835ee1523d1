//! Real Alertmanagers show what fires and what resolved, whatever dies in between.
//!
//! Run with `cargo test --test alertmanager -- --ignored`.
#![allow(clippy::unwrap_used, clippy::disallowed_methods, reason = "a test that cannot go on fails")]

mod common;

use std::collections::BTreeSet;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};

use common::server::{Reply, Server};
use common::{Daemon, TestFolder, append, free_port, get, lines, until};
use serde_json::Value;
use spiketail::alert::fingerprint::fingerprint;

/// An Alertmanager that may be down for a while.
struct Manager {
    folder: PathBuf,
    port: u16,
    child: Option<Child>,
}

impl Manager {
    fn start(folder: PathBuf, told: &Server) -> Manager {
        std::fs::create_dir(&folder).unwrap();
        let config = format!(
            "route: {{ receiver: hook, group_by: [alertname], group_wait: 0s, group_interval: 1s }}\n\
             receivers: [{{ name: hook, webhook_configs: [{{ url: \"{}/hook\" }}] }}]\n",
            told.url()
        );
        std::fs::write(folder.join("config.yml"), config).unwrap();
        let mut manager = Manager { folder, port: free_port(), child: None };
        manager.up();
        manager
    }

    fn up(&mut self) {
        let child = Command::new("prometheus-alertmanager")
            .arg(format!("--config.file={}", self.folder.join("config.yml").display()))
            .arg(format!("--storage.path={}", self.folder.display()))
            .arg(format!("--web.listen-address=127.0.0.1:{}", self.port))
            .arg("--cluster.listen-address=")
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        self.child = Some(child);
        until("the Alertmanager is ready", || {
            get(&self.address(), "/-/ready").ok().filter(|(status, _)| *status == 200)
        });
    }

    fn down(&mut self) {
        if let Some(mut child) = self.child.take() {
            let _ = child.kill();
            let _ = child.wait();
        }
    }

    fn address(&self) -> String {
        format!("127.0.0.1:{}", self.port)
    }

    fn alerts(&self) -> Vec<Value> {
        let (_, body) = get(&self.address(), "/api/v2/alerts").unwrap();
        serde_json::from_str(&body).unwrap()
    }

    /// Its alerts, once there are `n`.
    fn wait(&self, n: usize) -> Vec<Value> {
        until(&format!("{n} alerts"), || Some(self.alerts()).filter(|alerts| alerts.len() == n))
    }
}

impl Drop for Manager {
    fn drop(&mut self) {
        self.down();
    }
}

/// Sends `request` with `body` to `address`, and returns the answer.
fn ask(address: &str, request: &str, body: &str) -> String {
    let mut stream = TcpStream::connect(address).unwrap();
    let length = body.len();
    let headers = format!("host: {address}\r\ncontent-type: application/json\r\ncontent-length: {length}");
    write!(stream, "{request} HTTP/1.0\r\n{headers}\r\n\r\n{body}").unwrap();
    let mut text = String::new();
    stream.read_to_string(&mut text).unwrap();
    assert!(text.lines().next().unwrap().contains(" 200 "), "{text}");
    text.split_once("\r\n\r\n").unwrap().1.to_owned()
}

fn fingerprints(alerts: &[Value]) -> BTreeSet<String> {
    alerts.iter().map(|alert| alert["fingerprint"].as_str().unwrap().to_owned()).collect()
}

fn daemon(place: &TestFolder, managers: &[&Manager]) -> Daemon {
    let urls: Vec<_> = managers.iter().map(|manager| format!("http://{}", manager.address())).collect();
    let config = format!(
        "[rule.errors]\nany = [\"ERROR\"]\n\
         [alert.spike]\nover = 1\nwindow = \"20s\"\nkeep_firing_for = \"0s\"\nby = \"path\"\n\
         [output.managers]\ntype = \"alertmanager\"\nurls = {urls:?}\nlabels = {{ team = \"db\" }}\ngroup_wait = \"100ms\"\n\
         [http]\nlisten = \"0\"\nexternal_url = \"http://web1.example.org:9469/\"\n"
    );
    place.resume_with("*.log", &config)
}

#[test]
#[ignore = "needs Alertmanager"]
fn alerts_are_shown_and_resolve_whoever_dies() {
    let place = TestFolder::new();
    let told = Server::start(|_| Reply::status(200));
    let mut a = Manager::start(place.beside("a"), &told);
    let b = Manager::start(place.beside("b"), &Server::start(|_| Reply::status(200)));
    let [first, second] = ["first.log", "second \"2\".log"].map(|name| place.log(name));
    append(&first, "");
    append(&second, "");
    let running = daemon(&place, &[&a, &b]);
    append(&first, lines(0..3));
    for manager in [&a, &b] {
        let alert = manager.wait(1).remove(0);
        let labels = &alert["labels"];
        assert_eq!(
            (&labels["alertname"], &labels["severity"]),
            (&"spike".into(), &"critical".into()),
            "{alert}"
        );
        assert_eq!((&labels["watch"], &labels["rule"]), (&"logs".into(), &"errors".into()));
        assert_eq!((&labels["team"], &labels["path"]), (&"db".into(), &first.to_str().unwrap().into()));
        assert_eq!(labels.as_object().unwrap().len(), 7, "and the instance: {labels}");
        // Fired by the second line, or at a look that found all three.
        assert!(["2", "3"].contains(&alert["annotations"]["count"].as_str().unwrap()), "{alert}");
        assert!(alert["annotations"]["samples"].as_str().unwrap().contains("ERROR"));
        // The page knows the alert by its own fingerprint, not by that of the Alertmanager.
        let fingerprint = fingerprint("spike", "logs", "errors", Some(first.as_os_str().as_encoded_bytes()));
        assert_eq!(alert["generatorURL"], format!("http://web1.example.org:9469/alert/{fingerprint}"));
    }
    let before = a.alerts()[0]["fingerprint"].clone();
    // Something fires while one of the two is down, and then the daemon dies before it is up.
    a.down();
    append(&second, lines(0..3));
    b.wait(2);
    running.kill();
    let mut running = daemon(&place, &[&a, &b]);
    a.up();
    let at_a = a.wait(2);
    assert!(fingerprints(&at_a).contains(before.as_str().unwrap()), "its identity is the same");
    assert_eq!(fingerprints(&at_a), fingerprints(&b.alerts()));
    running.wait_for("both to resolve", |events| {
        let resolved = |event: &&Value| event["target"] == "spiketail::alert" && event["state"] == "resolved";
        events.iter().filter(resolved).count() == 2
    });
    // Otherwise they would end by themselves after four minutes.
    a.wait(0);
    b.wait(0);
    let ends = until("people are told of the end", || {
        let bodies = told
            .requests()
            .into_iter()
            .map(|request| serde_json::from_slice::<Value>(&request.body).unwrap());
        let alerts = bodies.flat_map(|body| body["alerts"].as_array().unwrap().clone());
        let resolved: BTreeSet<String> = alerts
            .filter(|alert| alert["status"] == "resolved")
            .map(|alert| alert["labels"]["path"].as_str().unwrap().to_owned())
            .collect();
        (resolved.len() == 2).then_some(resolved)
    });
    assert_eq!(ends, [first, second].map(|path| path.to_str().unwrap().to_owned()).into());
    running.stop();
}

#[test]
#[ignore = "needs Alertmanager"]
fn its_silences_are_shown_and_it_knows_whether_the_daemon_works() {
    let place = TestFolder::new();
    let manager = Manager::start(place.beside("a"), &Server::start(|_| Reply::status(200)));
    let log = place.log("app.log");
    append(&log, "");
    let config = format!(
        "[alert.spike]\nover = 1\nwindow = \"1h\"\n[output.manager]\ntype = \"alertmanager\"\nurl = \"http://{}\"\n\
         labels = {{ team = \"db\" }}\nresend_interval = \"1s\"\nalive = true\ngroup_wait = \"0s\"\n[http]\nlisten = \"0\"\n",
        manager.address()
    );
    let mut running = place.resume_with("*.log", &config);
    let address = running.address();
    append(&log, lines(0..3));
    let alerts = manager.wait(2);
    let alive = alerts.iter().find(|alert| alert["labels"]["alertname"] == "SpiketailAlive").unwrap();
    assert_eq!((&alive["labels"]["severity"], &alive["labels"]["team"]), (&"info".into(), &"db".into()));
    let mut silenced = |expected: Option<&str>| {
        until(&format!("silenced by {expected:?}"), || {
            let status = running.full_status();
            (status["alerts"][0]["silenced_by"].as_str() == expected).then_some(())
        });
    };
    silenced(None);
    let silence = ask(
        &manager.address(),
        "POST /api/v2/silences",
        "{\"matchers\": [{\"name\": \"alertname\", \"value\": \"spike\", \"isRegex\": false, \"isEqual\": true}], \
          \"startsAt\": \"2020-01-01T00:00:00Z\", \"endsAt\": \"2100-01-01T00:00:00Z\", \"createdBy\": \"zoe\", \"comment\": \"moving it\"}",
    );
    silenced(Some("Alertmanager, zoe: moving it"));
    let snapshot = ask(&address, "GET /api/v1/status", "");
    assert!(snapshot.contains("Alertmanager, zoe: moving it"), "{snapshot}");
    let silence: Value = serde_json::from_str(&silence).unwrap();
    ask(
        &manager.address(),
        &format!("DELETE /api/v2/silence/{}", silence["silenceID"].as_str().unwrap()),
        "",
    );
    silenced(None);
    running.kill();
    // Soon after the daemon, what said that it works ends.
    until("it is no longer said to work", || {
        manager.alerts().iter().all(|alert| alert["labels"]["alertname"] != "SpiketailAlive").then_some(())
    });
}
