//! Whatever stands in a log line or in the name of a file arrives as text, in every output.

use std::collections::BTreeMap;
use std::os::unix::net::UnixDatagram;
use std::process::Command;
use std::time::Duration;

use serde_json::Value;

use crate::common::server::{Reply, Server};
use crate::common::{Daemon, TestFolder, append, get, until};

const NAME: &str = "a\"} 1\nspiketail_x 2 {{ title }} \u{1b}[31m \u{61c}\u{200b}\u{e0020} <!channel>.log";
const SHOWN_NAME: &str =
    r#"a"} 1\x0aspiketail_x 2 {{ title }} \x1b[31m \u{61c}\u{200b}\u{e0020} <!channel>.log"#;

/// A line, and the text that it is to arrive as.
fn lines() -> Vec<(Vec<u8>, String)> {
    let long = [b"ERROR ".as_slice(), &vec![b'x'; 1 << 20]].concat();
    let same = ["ERROR \"quoted\" 'single' \\ ` # é", "ERROR {{ title }} {% raw %} {# x #} ${HOME} $(id) %s"];
    let injected =
        ["ERROR \",severity=\"info\"} 1 \\n# HELP x", "ERROR <!channel> <b>&amp; @everyone [x](http://y)"];
    let mut lines: Vec<_> =
        same.iter().chain(&injected).map(|text| (text.as_bytes().to_vec(), (*text).to_owned())).collect();
    lines.extend([
        (
            b"ERROR \x1b[31mred \x1b]0;title\x07 \x9b".to_vec(),
            r"ERROR \x1b[31mred \x1b]0;title\x07 \x9b".into(),
        ),
        (b"ERROR \r PASS \x00 \xff\xfe".to_vec(), r"ERROR \x0d PASS \x00 \xff\xfe".into()),
        ("ERROR \u{202e}desrever \u{2028}".into(), r"ERROR \u{202e}desrever \u{2028}".into()),
        (
            "ERROR \u{61c}\u{200b}\u{ad}\u{feff} 🔥\u{e0041}\u{e007f} \u{2066}\u{fe01} 👩\u{200d}💻".into(),
            r"ERROR \u{61c}\u{200b}\u{ad}\u{feff} 🔥\u{e0041}\u{e007f} \u{2066}\u{fe01} 👩".to_owned()
                + "\u{200d}💻",
        ),
        (long, format!("ERROR {}…", "x".repeat(494))),
    ]);
    lines
}

const WEBHOOKS: [&str; 12] = [
    "type = \"webhook\"",
    "type = \"webhook\"\npreset = \"slack\"",
    "type = \"webhook\"\npreset = \"discord\"",
    "type = \"webhook\"\npreset = \"teams\"",
    "type = \"webhook\"\npreset = \"ntfy\"",
    "type = \"webhook\"\ntemplate = '''{\"text\": {{ alerts[0].annotations.samples }}, \"path\": {{ alerts[0].labels.path }}}'''",
    "type = \"alertmanager\"",
    "type = \"webhook\"\npreset = \"google-chat\"",
    "type = \"webhook\"\npreset = \"mattermost\"",
    "type = \"pagerduty\"\nrouting_key = \"k\"",
    "type = \"opsgenie\"\napi_key = \"k\"",
    "type = \"telegram\"\ntoken = \"t\"\nchat_id = \"1\"",
];

fn text<'a>(value: &'a Value, pointer: &str) -> &'a str {
    value.pointer(pointer).and_then(Value::as_str).unwrap_or_else(|| panic!("no {pointer} in {value}"))
}

/// The sample and the path that stand in what webhook number `n` was sent.
fn from_webhook(n: usize, body: &[u8]) -> (String, String) {
    let json = || serde_json::from_slice::<Value>(body).unwrap();
    let own = |value: &Value, at: &str| text(value, at).to_owned();
    let unfenced = |text: &str| text.split("```\n").nth(1).unwrap().split("\n```").next().unwrap().to_owned();
    match n {
        0 => (own(&json(), "/alerts/0/annotations/samples"), own(&json(), "/alerts/0/labels/path")),
        1 => {
            let unescape = |text: &str| text.replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&");
            let (title, body) = (own(&json(), "/text"), own(&json(), "/attachments/0/text"));
            assert!(!title.contains('<') && !body.contains('<'), "{title} {body}");
            (unescape(&unfenced(&body)), unescape(&title))
        }
        2 => (unfenced(text(&json(), "/content")), own(&json(), "/content")),
        3 => {
            let body = json()["attachments"][0]["content"]["body"].clone();
            // A text block would be read as Markdown.
            assert!(body.as_array().unwrap().iter().all(|block| block["type"] == "RichTextBlock"), "{body}");
            (own(&body, "/1/inlines/0/text"), own(&body, "/0/inlines/0/text"))
        }
        4 => (String::from_utf8(body.to_vec()).unwrap(), SHOWN_NAME.to_owned()),
        5 => (own(&json(), "/text"), own(&json(), "/path")),
        6 => (own(&json(), "/0/annotations/samples"), own(&json(), "/0/labels/path")),
        7 => {
            let unescape = |text: &str| text.replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&");
            let (title, body) = (
                own(&json(), "/text"),
                own(&json(), "/cardsV2/0/card/sections/0/widgets/0/textParagraph/text"),
            );
            assert!(!title.contains('<') && !body.contains('<'), "{title} {body}");
            (unescape(&body), title.replace('‹', "<"))
        }
        8 => (unfenced(text(&json(), "/attachments/0/text")), own(&json(), "/attachments/0/title")),
        9 => {
            let details = json()["payload"]["custom_details"].clone();
            (own(&details, "/samples"), own(&details, "/path"))
        }
        10 => {
            let (description, path) = (own(&json(), "/description"), own(&json(), "/details/path"));
            (description.split_once('\n').unwrap().1.to_owned(), path)
        }
        _ => {
            let text = own(&json(), "/text");
            let (title, body) = text.split_once('\n').unwrap();
            (body.to_owned(), title.to_owned())
        }
    }
}

/// The fields of a datagram, as the journal would read them.
fn fields(mut bytes: &[u8]) -> BTreeMap<String, String> {
    let mut fields = BTreeMap::new();
    while let Some(end) = bytes.iter().position(|byte| *byte == b'\n') {
        let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
        let at = bytes[..end].iter().position(|byte| *byte == b'=').expect("nothing has a line feed in it");
        fields.insert(text(&bytes[..at]), text(&bytes[at + 1..end]));
        bytes = &bytes[end + 1..];
    }
    fields
}

struct Sent {
    servers: Vec<Server>,
    journal: UnixDatagram,
    daemon: Daemon,
    place: TestFolder,
}

/// A daemon with every output that there is, after it has read `line`.
fn send(line: &[u8]) -> Sent {
    let place = TestFolder::new();
    let servers: Vec<_> = WEBHOOKS.iter().map(|_| Server::start(|_| Reply::status(200))).collect();
    let mut config = "[rule.errors]\nany = [\"ERROR\"]\n[alert.spike]\nover = 0\nby = \"path\"\n\
                      [http]\nlisten = \"0\"\n[output.json]\ntype = \"json\"\n[output.journal]\ntype = \"journald\"\n"
        .to_owned();
    let (people, program) = (place.beside("people"), place.beside("program"));
    config += &format!("[output.people]\ntype = \"console\"\ncolor = \"always\"\npath = {people:?}\n");
    config += &format!(
        "[output.program]\ntype = \"command\"\ngroup_wait = \"0s\"\n\
         command = [\"/bin/sh\", \"-c\", 'env > \"$0\".env; cat > \"$0\".tmp; mv \"$0\".tmp \"$0\"', {program:?}]\n"
    );
    for (n, (server, output)) in servers.iter().zip(WEBHOOKS).enumerate() {
        let url = server.url();
        config += &format!("[output.hook{n}]\nurl = \"{url}\"\ngroup_wait = \"0s\"\n{output}\n");
    }
    let socket = place.beside("journal");
    let journal = UnixDatagram::bind(&socket).unwrap();
    let mut command = place.resuming(&place.state(), "*.log", &config);
    command.env("SPIKETAIL_JOURNAL_SOCKET", &socket);
    let daemon = Daemon::spawn(command);
    append(&place.log(NAME), [line, b"\n"].concat());
    Sent { servers, journal, daemon, place }
}

fn is_alert(event: &Value) -> bool {
    event["target"] == "spiketail::alert"
}

#[test]
fn hostile_lines_and_names_arrive_as_text_in_every_output() {
    for (line, expected) in lines() {
        let Sent { servers, journal, mut daemon, place } = send(&line);
        let says = |place: &str, sample: &str, path: &str| {
            assert_eq!(sample, expected, "{place}");
            assert!(path.contains(SHOWN_NAME), "{place}: {path}");
            assert!(!(sample.to_owned() + path).contains(|c: char| c != '\n' && c.is_control()), "{place}");
        };
        for (n, server) in servers.iter().enumerate() {
            let (sample, path) = from_webhook(n, &server.wait(1)[0].body);
            says(WEBHOOKS[n], &sample, &path);
        }
        daemon.wait_for("the alert", |events| events.iter().any(is_alert));
        let alert = daemon.events.iter().find(|event| is_alert(event)).unwrap();
        says("JSON lines", text(alert, "/samples/0"), text(alert, "/path"));

        journal.set_read_timeout(Some(Duration::from_secs(30))).unwrap();
        let mut buffer = vec![0; 1 << 18];
        let alert = loop {
            let length = journal.recv(&mut buffer).unwrap();
            let fields = fields(&buffer[..length]);
            if fields.contains_key("SPIKETAIL_ALERT") {
                break fields;
            }
        };
        says("journal", &alert["SPIKETAIL_SAMPLE"], &alert["SPIKETAIL_PATH"]);

        let status = daemon.full_status();
        says("status", &expected, text(&status, "/files/0/path"));
        let shown = Command::new(env!("CARGO_BIN_EXE_spiketail"))
            .args(["status", "--socket"])
            .arg(place.state().join("status.sock"))
            .output()
            .unwrap();
        says("status table", &expected, &String::from_utf8(shown.stdout).unwrap());

        let (_, metrics) = get(&daemon.address(), "/metrics").unwrap();
        let label = SHOWN_NAME.replace('\\', r"\\").replace('"', r#"\""#);
        let matched: Vec<_> =
            metrics.lines().filter(|line| line.starts_with("spiketail_lines_matched_total{")).collect();
        assert!(
            matched.len() == 1 && matched[0].contains(&label) && matched[0].ends_with("} 1"),
            "{matched:?}"
        );
        assert!(!metrics.lines().any(|line| line.starts_with("spiketail_x")));

        let program = place.beside("program");
        until("the program has run", || program.exists().then_some(()));
        let message: Value = serde_json::from_slice(&std::fs::read(&program).unwrap()).unwrap();
        says(
            "command",
            text(&message, "/alerts/0/annotations/samples"),
            text(&message, "/alerts/0/labels/path"),
        );
        let env = std::fs::read_to_string(place.beside("program.env")).unwrap();
        assert!(env.lines().any(|line| line.starts_with("SPIKETAIL_PATH=") && line.ends_with(SHOWN_NAME)));
        daemon.stop();

        let people = std::fs::read_to_string(place.beside("people")).unwrap();
        let plain = people.replace("\u{1b}[0m", "");
        assert!(plain.contains(&expected) && plain.contains(SHOWN_NAME), "{people}");
        // The colours are the daemon's own: none is the one that the line or the name asks for.
        assert!(!people.contains("\u{1b}[31mred") && !people.contains("\u{1b}[31m <"), "{people}");
        assert!(!people.contains(|c: char| c.is_control() && !"\n\u{1b}".contains(c)), "{people}");
    }
}
