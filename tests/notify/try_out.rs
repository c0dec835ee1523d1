//! `spiketail test-alert` says what the other side answered.

use std::os::unix::net::UnixDatagram;
use std::process::{Command, Output};

use crate::common::TestFolder;
use crate::common::server::{Reply, Server};

fn test_alert(place: &TestFolder, outputs: &str, output: Option<&str>) -> (Option<i32>, String, String) {
    let config = place.config(&format!("[watch.logs]\npaths = [\"/nowhere\"]\n{outputs}"));
    let mut command = Command::new(env!("CARGO_BIN_EXE_spiketail"));
    command.arg("test-alert").args(output).arg("-c").arg(config);
    command.env("SPIKETAIL_JOURNAL_SOCKET", place.beside("journal"));
    let Output { status, stdout, stderr } = command.output().unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    (status.code(), text(stdout), text(stderr))
}

#[test]
fn each_output_gets_a_marked_alert_and_its_answer_is_shown() {
    let place = TestFolder::new();
    let journal = UnixDatagram::bind(place.beside("journal")).unwrap();
    let [good, bad] = [200, 404].map(|status| Server::start(move |_| Reply::status(status)));
    let written = place.beside("events.json");
    let outputs = format!(
        "[output.journal]\ntype = \"journald\"\n[output.file]\ntype = \"json\"\npath = {written:?}\n\
         [output.counts]\ntype = \"json\"\nevents = [\"count\"]\n\
         [output.pager]\ntype = \"webhook\"\nurl = \"{}\"\n[output.old]\ntype = \"webhook\"\nurl = \"{}\"\n\
         [output.script]\ntype = \"command\"\ncommand = [\"/bin/sh\", \"-c\", \"echo no >&2; exit 3\"]\n\
         [output.managers]\ntype = \"alertmanager\"\nurls = [\"{}\", \"http://127.0.0.1:1\"]\n",
        good.url(),
        bad.url(),
        good.url()
    );
    let (status, stdout, stderr) = test_alert(&place, &outputs, None);
    assert_eq!((status, stderr.as_str()), (Some(1), ""), "{stdout}");
    let managers = format!("managers 127.0.0.1:{}: ", good.port);
    for expected in [
        "journal: firing taken: written to the journal".to_owned(),
        format!("file: resolved taken: written to {}", written.display()),
        "pager: firing taken: 200 OK said".to_owned(),
        "pager: resolved taken: 200 OK said".to_owned(),
        "old: firing NOT taken: 404 Not Found said".to_owned(),
        "script: firing NOT taken: exit status: 3: no".to_owned(),
        format!("{managers}firing taken: 200 OK said"),
        "managers 127.0.0.1:1: firing NOT taken: cannot connect".to_owned(),
    ] {
        assert!(stdout.lines().any(|line| line.starts_with(&expected)), "{expected} is not in\n{stdout}");
    }
    assert!(!stdout.contains("counts: "), "it carries no alerts");
    assert_eq!(std::fs::read_to_string(&written).unwrap().lines().count(), 2);
    let body = String::from_utf8(good.wait(1).remove(0).body).unwrap();
    assert!(body.contains("this is a test of spiketail; nothing is wrong"), "{body}");
    drop(journal);
}

#[test]
fn one_output_alone_can_be_tried_and_one_that_is_not_there_is_refused() {
    let place = TestFolder::new();
    let server = Server::start(|_| Reply::status(200));
    let outputs = format!(
        "[output.a]\ntype = \"webhook\"\nurl = \"{}\"\n[output.b]\ntype = \"webhook\"\nurl = \"http://127.0.0.1:1\"\n",
        server.url()
    );
    let (status, stdout, _) = test_alert(&place, &outputs, Some("a"));
    assert_eq!((status, stdout.lines().count()), (Some(0), 2), "{stdout}");
    let (status, _, stderr) = test_alert(&place, &outputs, Some("c"));
    assert_eq!(status, Some(2));
    assert_eq!(stderr, "spiketail: no output c carries alerts; the outputs are: stdout, a, b\n");
}
