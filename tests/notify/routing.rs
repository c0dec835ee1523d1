//! Alerts go to the outputs that are meant, and to no others.

use serde_json::Value;

use crate::common::server::{Reply, Request, Server};
use crate::common::{TestFolder, append, lines};

/// The name and the state of each alert that was sent.
fn told(requests: &[Request]) -> Vec<(String, String)> {
    let alerts = requests.iter().flat_map(|request| {
        let body: Value = serde_json::from_slice(&request.body).unwrap();
        body["alerts"].as_array().unwrap().clone()
    });
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let mut told: Vec<_> =
        alerts.map(|alert| (text(&alert["labels"]["alertname"]), text(&alert["status"]))).collect();
    told.sort();
    told
}

fn both(names: &[&str]) -> Vec<(String, String)> {
    let mut all = Vec::new();
    for name in names {
        all.extend(["firing", "resolved"].map(|state| ((*name).to_owned(), state.to_owned())));
    }
    all
}

fn webhook(name: &str, server: &Server, more: &str) -> String {
    format!("[output.{name}]\ntype = \"webhook\"\nurl = \"{}\"\ngroup_wait = \"0s\"\n{more}\n", server.url())
}

const ALERTS: &str = "[rule.errors]
any = [\"ERROR\"]
[alert.page]
over = 1
window = \"1s\"
keep_firing_for = \"0s\"
[alert.team]
over = 1
window = \"1s\"
keep_firing_for = \"0s\"
severity = \"warning\"
labels = { team = \"db\" }
annotations = { description = \"what it means\" }
runbook = \"https://wiki.example.org/team\"
[alert.quiet]
over = 1
window = \"1s\"
keep_firing_for = \"0s\"
severity = \"info\"
outputs = [\"third\"]
";

#[test]
fn each_output_is_told_of_the_alerts_that_it_takes() {
    let servers: Vec<Server> = (0..4).map(|_| Server::start(|_| Reply::status(200))).collect();
    let place = TestFolder::new();
    append(&place.log("app.log"), "");
    let config = [
        ALERTS.to_owned(),
        webhook("first", &servers[0], "severity = \"critical\""),
        webhook("second", &servers[1], "labels = { team = \"db\" }\nseverity = [\"info\", \"warning\"]"),
        webhook("third", &servers[2], "watches = [\"logs\"]"),
        webhook("fourth", &servers[3], "alerts = [\"quiet\", \"page\"]"),
    ]
    .concat();
    let daemon = place.resume_with("app.log", &config);
    append(&place.log("app.log"), lines(0..3));
    // The third is told of everything, and each alert is over before the daemon ends.
    let all = servers[2].wait(6);
    assert_eq!(told(&all), both(&["page", "quiet", "team"]));
    let (first, second, fourth) = (servers[0].wait(2), servers[1].wait(2), servers[3].wait(2));
    daemon.stop();
    assert_eq!(told(&first), both(&["page"]));
    assert_eq!(told(&second), both(&["team"]));
    assert_eq!(told(&fourth), both(&["page"]));
    for (server, count) in servers.iter().zip([2, 2, 6, 2]) {
        assert_eq!(server.requests().len(), count, "nothing else came later");
    }
    let sent: Value = serde_json::from_slice(&second[0].body).unwrap();
    assert_eq!(sent["alerts"][0]["labels"]["team"], "db");
    assert_eq!(sent["alerts"][0]["annotations"]["description"], "what it means");
    assert_eq!(sent["alerts"][0]["annotations"]["runbook_url"], "https://wiki.example.org/team");
    let text = sent["text"].as_str().unwrap();
    assert!(text.ends_with("description: what it means\nrunbook: https://wiki.example.org/team"), "{text}");
}

#[test]
fn after_a_kill_only_those_that_were_to_be_told_are_told() {
    let (down, other) = (Server::start(|_| Reply::status(503)), Server::start(|_| Reply::status(200)));
    let place = TestFolder::new();
    append(&place.log("app.log"), "");
    let hour = ALERTS.replace("window = \"1s\"", "window = \"1h\"");
    let config = |server: &Server| {
        [
            hour.clone(),
            webhook("first", server, "severity = \"critical\""),
            webhook("third", &other, "severity = \"info\""),
        ]
        .concat()
    };
    let daemon = place.resume_with("app.log", &config(&down));
    append(&place.log("app.log"), lines(0..3));
    down.wait(1);
    other.wait(1);
    daemon.kill();
    let up = Server::start(|_| Reply::status(200));
    let daemon = place.resume_with("app.log", &config(&up));
    let first = up.wait(1);
    daemon.stop();
    assert_eq!(told(&first), [("page".to_owned(), "firing".to_owned())]);
    let told_again = told(&other.requests());
    assert!(told_again.iter().all(|(alert, _)| alert == "quiet"), "{told_again:?}");
}
