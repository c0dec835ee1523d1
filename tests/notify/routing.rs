//! Alerts go to the outputs that are meant, and to no others.

use serde_json::Value;

use crate::common::server::{Reply, Request, Server};
use crate::common::{TestFolder, append, lines};
use crate::email::{MailServer, Mode};

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

#[test]
fn the_shipped_example_pages_writes_to_a_channel_and_mails_a_team() {
    let (page, slack) = (Server::start(|_| Reply::status(202)), Server::start(|_| Reply::status(200)));
    let mail = MailServer::start(Mode::Open, None, |_| None);
    let place = TestFolder::new();
    let log = place.log("app.log");
    append(&log, "");
    std::fs::write(place.beside("key"), "0123456789abcdef0123456789abcdef\n").unwrap();
    std::fs::write(place.beside("slack"), slack.url()).unwrap();
    let example = include_str!("../../config/examples/routing.toml");
    let length = example.lines().filter(|line| !line.trim().is_empty() && !line.starts_with('#')).count();
    assert!(length <= 30, "{length}");
    let mut config = example.to_owned();
    for (shipped, tried) in [
        ("\"/var/log/app/*.log\"", format!("{log:?}")),
        ("when = \"spike\"", "over = 30".to_owned()),
        ("type = \"pagerduty\"", format!("type = \"pagerduty\"\nurl = \"{}\"", page.url())),
        ("/etc/spiketail/pagerduty-key", "key".to_owned()),
        ("/etc/spiketail/slack-url", "slack".to_owned()),
        ("\"smtp.example.org\"", format!("\"localhost:{}\"\ntls = \"none\"", mail.port)),
    ] {
        assert_eq!(config.matches(shipped).count(), 1, "{shipped}");
        config = config.replace(shipped, &tried);
    }
    place.config(&config);
    let daemon = place.start_configured();
    append(&log, lines(0..600));
    let (paged, written, mailed) = (page.wait(1), slack.wait(1), mail.mails(1));
    daemon.stop();
    let body = |request: &Request| serde_json::from_slice::<Value>(&request.body).unwrap().to_string();
    for (said, own) in [
        (body(&paged[0]), "down on "),
        (body(&written[0]), "spike on "),
        (mailed[0].1.clone(), "slow-queries on "),
    ] {
        let named = ["down on ", "spike on ", "slow-queries on "].map(|name| said.contains(name));
        assert!(said.contains(own) && named.iter().filter(|named| **named).count() == 1, "{own}: {said}");
    }
    assert_eq!((page.requests().len(), slack.requests().len()), (1, 1));
}
