//! Whatever stands in a log line arrives as text, in every form.

use serde_json::Value;

use crate::common::server::{Reply, Server};
use crate::common::{TestFolder, append};

const HOSTILE: &[u8] =
    b"ERROR \x1b[31m \"quoted\" \\ ' <!channel> @everyone {{ title }} {% raw %} ``` &amp; severity=\"info\" \xff\xfe \r end\n";

fn deliver(output: &str) -> (Vec<u8>, String) {
    let server = Server::start(|_| Reply::status(200));
    let place = TestFolder::new();
    append(&place.log("app.log"), "");
    let config = format!(
        "[rule.errors]\nany = [\"ERROR\"]\n[alert.spike]\nover = 0\n[output.x]\nurl = \"{}\"\ngroup_wait = \"0s\"\n{output}\n",
        server.url()
    );
    let daemon = place.resume_with("app.log", &config);
    let mut bytes = HOSTILE.to_vec();
    bytes.extend_from_slice(b"ERROR ");
    bytes.extend(std::iter::repeat_n(b'x', 1 << 20));
    bytes.push(b'\n');
    append(&place.log("app.log"), bytes);
    let request = server.wait(1).remove(0);
    daemon.stop();
    (request.body, request.headers)
}

fn json(output: &str) -> Value {
    serde_json::from_slice(&deliver(output).0).unwrap()
}

fn has_no_controls(text: &str) -> bool {
    text.chars().all(|c| c == '\n' || !c.is_control())
}

#[test]
fn hostile_lines_arrive_as_text_in_every_form() {
    let own = json("type = \"webhook\"");
    let samples = own["alerts"][0]["annotations"]["samples"].as_str().unwrap();
    assert!(samples.contains(r#"\x1b[31m "quoted" \ ' <!channel> @everyone {{ title }}"#), "{samples}");
    assert!(samples.contains(r"\xff\xfe") && has_no_controls(samples) && samples.len() < 2_000);
    assert_eq!(own["alerts"][0]["labels"]["severity"], "critical");

    let slack = json("type = \"webhook\"\npreset = \"slack\"");
    let text = slack["attachments"][0]["text"].as_str().unwrap();
    assert!(
        text.contains("&lt;!channel&gt;") && !text.contains("<!channel>") && has_no_controls(text),
        "{text}"
    );
    assert_eq!(text.matches("```").count(), 2, "{text}");

    let discord = json("type = \"webhook\"\npreset = \"discord\"");
    let content = discord["content"].as_str().unwrap();
    assert!(content.chars().count() <= 2_000 && content.matches("```").count() == 2, "{content}");
    assert_eq!(discord["allowed_mentions"]["parse"].as_array().unwrap().len(), 0);

    let teams = json("type = \"webhook\"\npreset = \"teams\"");
    assert_eq!(teams["attachments"][0]["content"]["type"], "AdaptiveCard");

    let (body, headers) = deliver("type = \"webhook\"\npreset = \"ntfy\"");
    assert!(body.len() <= 4_096 && has_no_controls(std::str::from_utf8(&body).unwrap()));
    assert!(headers.to_lowercase().contains("priority: 5"), "{headers}");

    let template = r#"type = "webhook"
template = '''{"text": {{ title }}, "lines": {{ alerts[0].annotations.samples }}, "fixed": "a"}'''"#;
    let own = json(template);
    assert_eq!(own["fixed"], "a");
    assert!(own["lines"].as_str().unwrap().contains("{{ title }}"), "{own}");

    let alertmanager = json("type = \"alertmanager\"\nlabels = { team = \"db\" }");
    assert_eq!(alertmanager[0]["labels"]["team"], "db");
    assert_eq!(alertmanager[0]["labels"]["severity"], "critical");
    assert!(has_no_controls(alertmanager[0]["annotations"]["samples"].as_str().unwrap()));
}

#[test]
fn a_program_gets_the_alert_and_is_killed_if_it_hangs() {
    let place = TestFolder::new();
    append(&place.log("app.log"), "");
    let out = place.beside("out");
    std::fs::create_dir(&out).unwrap();
    // The first time it hangs, with a child that would hold on to its output.
    let script = "cat > $0/$$.json; echo $SPIKETAIL_STATUS $SPIKETAIL_ALERT > $0/$$.env; \
                  if [ ! -e $0/hung ]; then touch $0/hung; sleep 1000; fi";
    let config = format!(
        "[rule.errors]\nany = [\"ERROR\"]\n[alert.spike]\nover = 0\n[output.x]\ntype = \"command\"\n\
         command = [\"/bin/sh\", \"-c\", {script:?}, {:?}]\ntimeout = \"1s\"\ngroup_wait = \"0s\"\n",
        out.to_str().unwrap()
    );
    let mut daemon = place.resume_with("app.log", &config);
    append(&place.log("app.log"), HOSTILE);
    daemon.wait_for("the program to be killed", |events| {
        events.iter().any(|event| event["event"] == "delivery_failed")
    });
    let said = daemon.shown();
    assert!(said.contains("it ran for longer than 1 s and was killed"), "{said}");
    daemon.wait_for("the next attempt", |events| {
        events.iter().any(|event| event["event"] == "delivery_recovered")
    });
    let files: Vec<_> = std::fs::read_dir(&out).unwrap().map(|entry| entry.unwrap().path()).collect();
    let json = files.iter().find(|path| path.extension().is_some_and(|end| end == "json")).unwrap();
    let message: Value = serde_json::from_slice(&std::fs::read(json).unwrap()).unwrap();
    assert_eq!(message["alerts"][0]["labels"]["alertname"], "spike");
    let env = json.with_extension("env");
    assert_eq!(std::fs::read_to_string(env).unwrap(), "firing spike\n");
    daemon.stop();
}
