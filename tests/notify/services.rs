//! Services with an API of their own, each by a double that takes only what the service documents.

use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use rustix::process::Signal;
use serde_json::{Value, json};

use crate::common::server::{Reply, Request, Server};
use crate::common::{TestFolder, append};

const KEY: &str = "0123456789abcdef0123456789abcdef";

fn answer(status: u16, body: &str) -> Reply {
    Reply::Status(status, String::new(), body.as_bytes().to_vec())
}

/// What is wrong with a text of an object, if it is not one of 1 to `chars_max` characters.
fn text(value: &Value, key: &str, chars_max: usize) -> Result<(), String> {
    let text = value[key].as_str().ok_or_else(|| format!("{key} is no text: {value}"))?;
    let is_right = (1..=chars_max).contains(&text.chars().count());
    if is_right { Ok(()) } else { Err(format!("{key} has {} characters", text.chars().count())) }
}

fn known_keys(value: &Value, known: &[&str]) -> Result<(), String> {
    let unknown = value.as_object().ok_or("no object")?.keys().find(|key| !known.contains(&key.as_str()));
    unknown.map_or(Ok(()), |key| Err(format!("unknown key {key}")))
}

fn json_of(request: &Request, line: &str) -> Result<Value, String> {
    if request.line != line {
        return Err(format!("{} is not {line}", request.line));
    }
    if !request.headers.to_lowercase().contains("content-type: application/json") {
        return Err("it is not JSON".to_owned());
    }
    serde_json::from_slice(&request.body).map_err(|error| error.to_string())
}

/// An event of PagerDuty: <https://developer.pagerduty.com/docs/send-alert-event>
fn pagerduty_event(request: &Request) -> Result<Value, String> {
    let event = json_of(request, "POST /v2/enqueue HTTP/1.1")?;
    if request.body.len() > 512 << 10 {
        return Err("it is too large".to_owned());
    }
    let keys =
        ["routing_key", "event_action", "dedup_key", "payload", "client", "client_url", "links", "images"];
    known_keys(&event, &keys)?;
    if event["routing_key"] != KEY {
        return Err("routing_key is unknown".to_owned());
    }
    text(&event, "dedup_key", 255)?;
    if event["event_action"] == "resolve" {
        return Ok(event);
    }
    if event["event_action"] != "trigger" {
        return Err(format!("event_action is {}", event["event_action"]));
    }
    let payload = &event["payload"];
    let keys =
        ["summary", "source", "severity", "timestamp", "component", "group", "class", "custom_details"];
    known_keys(payload, &keys)?;
    text(payload, "summary", 1_024)?;
    text(payload, "source", 255)?;
    if !["critical", "error", "warning", "info"].contains(&payload["severity"].as_str().unwrap_or_default()) {
        return Err("severity is unknown".to_owned());
    }
    let time = payload["timestamp"].as_str().unwrap_or_default();
    time.parse::<jiff::Timestamp>().map_err(|error| error.to_string())?;
    for link in event["links"].as_array().into_iter().flatten() {
        known_keys(link, &["href", "text"])?;
        if !link["href"]
            .as_str()
            .is_some_and(|href| href.starts_with("https://") || href.starts_with("http://"))
        {
            return Err("a link leads nowhere".to_owned());
        }
    }
    Ok(event)
}

/// A double that takes what `judge` takes, refuses what it does not, and is busy every third time.
fn double(
    judge: impl Fn(&Request) -> Result<Value, String> + Send + Sync + 'static,
) -> (Server, &'static Mutex<Vec<Value>>) {
    let taken: &'static Mutex<Vec<Value>> = Box::leak(Box::default());
    let count = AtomicUsize::new(0);
    let server = Server::start_checking(move |request| match judge(request) {
        Err(why) => answer(400, &json!({ "status": "invalid event", "errors": [why] }).to_string()),
        Ok(_) if count.fetch_add(1, Ordering::Relaxed) % 3 == 1 => {
            let wait = json!({ "parameters": { "retry_after": 1 } }).to_string();
            answer(429, &wait)
        }
        Ok(event) => {
            taken.lock().unwrap().push(event);
            answer(202, "{\"status\": \"success\"}")
        }
    });
    (server, taken)
}

/// A watch with the alerts that are named, each of which fires at the first line with its name and goes on, and the output
/// `more`.
fn config(place: &TestFolder, alerts: &[&str], more: &str) {
    let mut text = format!(
        "[watch.logs]\npaths = [{:?}]\n[rule.page]\nany = [\"page\"]\n[rule.mail]\nany = [\"mail\"]\n",
        place.log("a.log")
    );
    for alert in alerts {
        text += &format!(
            "[alert.{alert}]\nrule = \"{alert}\"\nover = 0\nwindow = \"1h\"\nrunbook = \"https://wiki.example.org/x\"\n\
             labels = {{ team = \"db\" }}\nsamples = 50\n"
        );
    }
    place.config(&format!("{text}[output.x]\ngroup_wait = \"0s\"\n{more}\n"));
}

/// Has two alerts fire and resolve at different times, also through a `kill -9`, and returns what was done to each incident,
/// without repetitions.
fn live(
    place: &TestFolder,
    more: &str,
    changes: impl Fn() -> Vec<(String, &'static str)>,
) -> Vec<Vec<&'static str>> {
    let reached = |what: &str, wanted: usize| {
        crate::common::until(what, || (changes().len() >= wanted).then_some(()));
    };
    let log = place.log("a.log");
    append(&log, "");
    config(place, &["page", "mail"], more);
    let daemon = place.start_configured();
    append(&log, "page\n");
    reached("the first incident", 1);
    append(&log, "mail\n");
    reached("the second incident", 2);
    // The alert ends with its definition.
    config(place, &["mail"], more);
    daemon.signal(Signal::HUP);
    reached("the end of the first", 3);
    daemon.kill();
    config(place, &["page", "mail"], more);
    let daemon = place.start_configured();
    append(&log, "page\n");
    let opened = |changes: &[(String, &str)]| changes.iter().filter(|change| change == &&changes[0]).count();
    crate::common::until("the first once more", || (opened(&changes()) >= 2).then_some(()));
    let before = changes().len();
    config(place, &[], more);
    daemon.signal(Signal::HUP);
    reached("the end of both", before + 2);
    daemon.stop();
    let mut of_each = std::collections::BTreeMap::<String, Vec<&'static str>>::new();
    for (key, change) in changes() {
        let all = of_each.entry(key).or_default();
        if all.last() != Some(&change) {
            all.push(change);
        }
    }
    let mut all: Vec<_> = of_each.into_values().collect();
    all.sort_by_key(Vec::len);
    all
}

#[test]
fn each_alert_is_an_incident_of_its_own_at_pagerduty() {
    let (server, taken) = double(pagerduty_event);
    let place = TestFolder::new();
    std::fs::write(place.beside("key"), format!("{KEY}\n")).unwrap();
    let more = format!(
        "type = \"pagerduty\"\nurl = \"{}/v2/enqueue\"\nrouting_key_file = \"key\"\n[http]\nexternal_url = \"https://web1.example.org\"\n",
        server.url()
    );
    let changes = || {
        let change = |event: &Value| match event["event_action"].as_str() {
            Some("resolve") => "close",
            _ => "open",
        };
        let taken = taken.lock().unwrap();
        taken.iter().map(|event| (event["dedup_key"].as_str().unwrap().to_owned(), change(event))).collect()
    };
    let incidents = live(&place, &more, changes);
    assert_eq!(incidents, [vec!["open", "close"], vec!["open", "close", "open", "close"]]);
    let taken = taken.lock().unwrap();
    let first = &taken[0];
    assert_eq!(first["payload"]["severity"], "critical");
    assert_eq!(first["payload"]["custom_details"]["team"], "db");
    assert!(first["payload"]["custom_details"]["samples"].as_str().unwrap().contains("page"));
    assert_eq!(first["links"][0]["href"], "https://wiki.example.org/x");
    let link = first["links"][1]["href"].as_str().unwrap();
    assert!(link.starts_with("https://web1.example.org/alert/"), "{link}");
    assert_eq!(first["client_url"], "https://web1.example.org");
    assert!(server.requests().iter().all(|request| pagerduty_event(request).is_ok()));
}

/// A request to Opsgenie: <https://docs.opsgenie.com/docs/alert-api>
fn opsgenie_request(request: &Request) -> Result<Value, String> {
    if !request.headers.to_lowercase().contains(&format!("authorization: geniekey {KEY}")) {
        return Err("the key is unknown".to_owned());
    }
    if let Some(rest) = request.line.strip_prefix("POST /v2/alerts/") {
        let alias = rest.strip_suffix("/close?identifierType=alias HTTP/1.1").ok_or("it closes nothing")?;
        let body: Value = serde_json::from_slice(&request.body).map_err(|error| error.to_string())?;
        known_keys(&body, &["user", "source", "note"])?;
        text(&body, "source", 100)?;
        text(&body, "note", 25_000)?;
        return Ok(json!({ "alias": alias.replace("%40", "@"), "close": true }));
    }
    let alert = json_of(request, "POST /v2/alerts HTTP/1.1")?;
    let keys = ["message", "alias", "description", "tags", "details", "entity", "source", "priority"];
    known_keys(&alert, &keys)?;
    for (key, max) in
        [("message", 130), ("alias", 512), ("description", 15_000), ("entity", 512), ("source", 100)]
    {
        text(&alert, key, max)?;
    }
    let tags = alert["tags"].as_array().ok_or("no tags")?;
    if tags.len() > 20 || tags.iter().any(|tag| tag.as_str().is_none_or(|tag| tag.chars().count() > 50)) {
        return Err("tags are too many or too long".to_owned());
    }
    let details = alert["details"].as_object().ok_or("no details")?;
    let size: usize =
        details.iter().map(|(key, value)| key.len() + value.as_str().map_or(9_999, str::len)).sum();
    if size > 8_000 {
        return Err("details are too long".to_owned());
    }
    if !["P1", "P2", "P3", "P4", "P5"].contains(&alert["priority"].as_str().unwrap_or_default()) {
        return Err("priority is unknown".to_owned());
    }
    Ok(alert)
}

#[test]
fn each_alert_is_one_of_its_own_at_opsgenie() {
    let (server, taken) = double(opsgenie_request);
    let place = TestFolder::new();
    let more = format!("type = \"opsgenie\"\nurl = \"{}\"\napi_key = \"{KEY}\"\n", server.url());
    let changes = || {
        let change = |alert: &Value| if alert["close"] == true { "close" } else { "open" };
        let taken = taken.lock().unwrap();
        taken.iter().map(|alert| (alert["alias"].as_str().unwrap().to_owned(), change(alert))).collect()
    };
    let alerts = live(&place, &more, changes);
    assert_eq!(alerts, [vec!["open", "close"], vec!["open", "close", "open", "close"]]);
    let taken = taken.lock().unwrap();
    assert_eq!(taken[0]["priority"], "P1");
    assert!(taken[0]["tags"].as_array().unwrap().contains(&json!("team:db")));
    assert_eq!(taken[0]["details"]["runbook_url"], "https://wiki.example.org/x");
    assert!(taken[0]["description"].as_str().unwrap().contains("page"));
    assert!(server.requests().iter().all(|request| opsgenie_request(request).is_ok()));
}

/// A message of a bot of Telegram: <https://core.telegram.org/bots/api#sendmessage>
fn telegram_message(request: &Request) -> Result<Value, String> {
    let message = json_of(request, &format!("POST /bot123:{KEY}/sendMessage HTTP/1.1"))?;
    if message["chat_id"] != "-1001234" {
        return Err("chat not found".to_owned());
    }
    let text = message["text"].as_str().ok_or("no text")?;
    let units = text.encode_utf16().count();
    if units == 0 || units > 4_096 {
        return Err(format!("message is too long: {units}"));
    }
    for entity in message["entities"].as_array().ok_or("no entities")? {
        let number = |key: &str| entity[key].as_u64().unwrap_or(9_999) as usize;
        if number("offset") + number("length") > units || number("length") == 0 {
            return Err("an entity leads out of the text".to_owned());
        }
    }
    Ok(message)
}

#[test]
fn a_message_of_telegram_has_the_length_that_it_takes_and_waits_for_as_long_as_it_says() {
    let (server, taken) = double(telegram_message);
    let place = TestFolder::new();
    let more = format!(
        "type = \"telegram\"\nurl = \"{}\"\ntoken = \"123:{KEY}\"\nchat_id = \"-1001234\"\n",
        server.url()
    );
    append(&place.log("a.log"), "");
    config(&place, &["page"], &more);
    let mut daemon = place.start_configured();
    append(&place.log("a.log"), format!("page {}\n", "🔥 <b>& _*`".repeat(60)).repeat(40));
    server.wait(1);
    config(&place, &[], &more);
    daemon.signal(Signal::HUP);
    let requests = server.wait(3);
    daemon.wait_event("delivery_recovered");
    assert!(requests[2].at - requests[1].at >= std::time::Duration::from_secs(1));
    assert!(!daemon.shown().contains(KEY), "{}", daemon.shown());
    daemon.stop();
    let taken = taken.lock().unwrap();
    assert!(taken[0]["text"].as_str().unwrap().encode_utf16().count() > 3_000);
    assert!(taken[1]["text"].as_str().unwrap().starts_with("[RESOLVED] critical page"));
}

#[test]
fn an_answer_that_says_never_is_doubted_at_first() {
    let server = Server::start(|n| match n {
        0 => answer(400, "{\"status\":\"invalid event\"}"),
        _ => answer(202, "{\"status\":\"success\"}"),
    });
    let place = TestFolder::new();
    let more = format!("type = \"pagerduty\"\nurl = \"{}\"\nrouting_key = \"x\"\n", server.url());
    append(&place.log("a.log"), "");
    config(&place, &["page"], &more);
    let mut daemon = place.start_configured();
    append(&place.log("a.log"), "page\n");
    daemon.wait_event("delivery_failed");
    assert!(daemon.shown().contains("invalid event"));
    daemon.wait_event("delivery_recovered");
    daemon.stop();
    assert_eq!(server.requests().len(), 2);
}

#[test]
fn what_a_service_needs_is_asked_for() {
    let place = TestFolder::new();
    let told = |output: &str| {
        let config = place.config(&format!("[watch.a]\npaths = [\"/x\"]\n[output.x]\n{output}\n"));
        let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_spiketail"));
        let output = command.args(["check", "-c"]).arg(config).output().unwrap();
        String::from_utf8(output.stderr).unwrap()
    };
    for (output, expected) in [
        ("type = \"pagerduty\"", "[output.x] lacks `routing_key`, the integration key of a service"),
        (
            "type = \"pagerduty\"\nrouting_key = \"a\"\nrouting_key_file = \"b\"",
            "means nothing beside `routing_key`",
        ),
        ("type = \"opsgenie\"\napi_key = \"\"", "[output.x] lacks `api_key`"),
        ("type = \"telegram\"\ntoken = \"a\"", "[output.x] lacks `chat_id`"),
        ("type = \"telegram\"\nchat_id = \"1\"", "[output.x] lacks `token`"),
        ("type = \"telegram\"\ntoken = \"secret\"\nchat_id = 5", "`chat_id` in [output.x] is an integer"),
        ("type = \"pagerduty\"\nrouting_key = [\"secret\"]", "`routing_key` in [output.x] is an array"),
        (
            "type = \"webhook\"\nurl = \"http://h\"\ntoken = \"secret\"",
            "`token` in [output.x] means nothing to an output of this type",
        ),
    ] {
        let said = told(output);
        assert!(said.contains(expected), "{output}: {said}");
        assert!(!said.contains("secret\""), "{said}");
    }
}
