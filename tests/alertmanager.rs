//! Real Alertmanagers show what fires and what resolved, whatever dies in between.
//!
//! Run with `cargo test --test alertmanager -- --ignored`.
#![allow(clippy::unwrap_used, clippy::disallowed_methods, reason = "a test that cannot go on fails")]

mod common;

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};

use common::server::{Reply, Server};
use common::{Daemon, TestFolder, append, free_port, get, lines, until};
use serde_json::Value;

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
        assert_eq!(alert["generatorURL"], "http://web1.example.org:9469/status");
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
