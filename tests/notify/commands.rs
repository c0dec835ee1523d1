//! Programs as receivers: the exit of the program decides, whatever it does with its pipes.

use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use crate::common::{TestFolder, append, lines, until};

/// Runs `script` as a daemon does for an alert, and gives how often it was started once the alert waits no longer.
fn starts(script: &str) -> usize {
    let place = TestFolder::new();
    append(&place.log("app.log"), "");
    let out = place.beside("out");
    std::fs::create_dir(&out).unwrap();
    let script = format!("echo start >> \"$0\"/starts\n{script}");
    let mut daemon =
        place.resume_with("app.log", &output(&["/bin/sh", "-c", &script, out.to_str().unwrap()]));
    append(&place.log("app.log"), lines(0..1));
    daemon.wait_for("the alert", |events| events.iter().any(|event| event["state"] == "firing"));
    until("the program was started and nothing waits", || {
        let is_started = out.join("starts").exists();
        let status = daemon.full_status();
        (is_started && status["outputs"][0]["waiting"] == 0).then_some(())
    });
    assert!(!daemon.shown().contains("delivery_failed"), "{}", daemon.shown());
    daemon.stop();
    std::fs::read_to_string(out.join("starts")).unwrap().lines().count()
}

fn output(command: &[&str]) -> String {
    format!(
        "[rule.errors]\nany = [\"ERROR\"]\n[alert.spike]\nover = 0\nwindow = \"1h\"\n\
         [output.page]\ntype = \"command\"\ncommand = {command:?}\ntimeout = \"20s\"\ngroup_wait = \"0s\"\n"
    )
}

#[test]
fn a_program_that_ends_well_is_started_once_whatever_it_does_with_its_pipes() {
    let scripts = [
        "head -c 1000000 /dev/zero | tr '\\0' x >&2 || exit 1",
        "head -c 10000000 /dev/zero || exit 1",
        "exec <&-; exit 0",
        "exec <&- >&- 2>&-; exit 0",
        "true",
        // In the background, with every pipe of the program.
        "sleep 45 & exit 0",
        "(trap '' PIPE; sleep 45 <&3) 3<&0 & cat > /dev/null; exit 0",
        "setsid sleep 45 & exit 0",
    ];
    for script in scripts {
        assert_eq!(starts(script), 1, "{script}");
    }
}

/// What `spiketail test-alert` says of a program.
fn said_of(place: &TestFolder, command: &[&str], timeout: &str) -> String {
    let config = place.config(&format!(
        "[watch.logs]\npaths = [\"/nowhere\"]\n{}",
        output(command).replace("\"20s\"", &format!("{timeout:?}"))
    ));
    let mut spiketail = std::process::Command::new(env!("CARGO_BIN_EXE_spiketail"));
    let output = spiketail.args(["test-alert", "page", "-c"]).arg(config).output().unwrap();
    String::from_utf8([output.stdout, output.stderr].concat()).unwrap()
}

fn said_of_script(place: &TestFolder, script: &str) -> String {
    said_of(place, &["/bin/sh", "-c", script, place.beside("").to_str().unwrap()], "20s")
}

#[test]
fn what_is_left_in_the_background_may_write_after_the_program_has_ended() {
    let place = TestFolder::new();
    append(&place.log("app.log"), "");
    // Without a reader, the first echo would kill the shell that writes it.
    let script = "(until [ -e \"$0\"/go ]; do sleep 0.05; done; echo late >&2; touch \"$0\"/wrote) & exit 0";
    let folder = place.beside("");
    let command = output(&["/bin/sh", "-c", script, folder.to_str().unwrap()]);
    let mut daemon = place.resume_with("app.log", &command);
    append(&place.log("app.log"), lines(0..1));
    daemon.wait_for("the alert", |events| events.iter().any(|event| event["state"] == "firing"));
    until("the alert is delivered", || {
        let status = daemon.full_status();
        (status["outputs"][0]["waiting"] == 0).then_some(())
    });
    std::fs::write(place.beside("go"), "").unwrap();
    until("the background has written", || place.beside("wrote").exists().then_some(()));
    daemon.stop();
}

#[test]
fn how_a_program_failed_is_told() {
    let place = TestFolder::new();
    let said = said_of_script(&place, "kill -TERM $$");
    assert!(said.contains("page: firing NOT taken: it was killed by signal: 15 (SIGTERM)"), "{said}");
    let said = said_of_script(&place, "echo >&2; echo out of paper >&2; exit 7");
    assert!(said.contains("page: firing NOT taken: exit status: 7: out of paper"), "{said}");
    let said = said_of_script(&place, "head -c 300000 /dev/zero | tr '\\0' x >&2; exit 7");
    assert!(said.contains("page: firing NOT taken: exit status: 7: xxx"), "{said}");
    // What it left in the background does not hide its status, nor what it wrote.
    let said = said_of_script(&place, "sleep 45 & echo busy >&2; exit 7");
    assert!(said.contains("page: firing NOT taken: exit status: 7: busy"), "{said}");
}

#[test]
fn a_program_that_cannot_be_run_is_told_with_the_way_to_fix_it() {
    let place = TestFolder::new();
    let [plain, orphan] = ["plain", "orphan"].map(|name| place.beside(name));
    std::fs::write(&plain, "#!/bin/sh\n").unwrap();
    std::fs::write(&orphan, "#!/no/such/interpreter\n").unwrap();
    std::fs::set_permissions(&orphan, std::fs::Permissions::from_mode(0o755)).unwrap();
    let said = |program: &Path| said_of(&place, &[program.to_str().unwrap()], "20s");
    for (program, mend) in [
        (plain.as_path(), "let the user that runs spiketail execute it"),
        (orphan.as_path(), "the interpreter that its first line names is missing"),
        (Path::new("/no/such/program"), "no such program is there; correct `command`"),
        (Path::new("bin/no-such-program"), "write an absolute one in `command`"),
        (Path::new("no-such-program-anywhere"), "no such program is in PATH"),
    ] {
        let said = said(program);
        assert!(said.contains("firing NOT taken: cannot run ") && said.contains(mend), "{program:?}: {said}");
    }
}

#[test]
fn all_that_a_program_started_is_killed_with_it_after_the_timeout() {
    let place = TestFolder::new();
    let folder = place.beside("");
    let script = "sleep 45 & echo $! >> \"$0\"/pids; echo $$ >> \"$0\"/pids; wait";
    let said = said_of(&place, &["/bin/sh", "-c", script, folder.to_str().unwrap()], "500ms");
    assert!(said.contains("firing NOT taken: it ran for longer than 0.5 s and was killed"), "{said}");
    let pids = std::fs::read_to_string(place.beside("pids")).unwrap();
    assert!(pids.lines().count() >= 2, "{pids}");
    for pid in pids.lines() {
        until("it has ended", || {
            let state = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok();
            // A zombie waits for its parent only.
            state.is_none_or(|state| state.rsplit(") ").next().unwrap().starts_with('Z')).then_some(())
        });
    }
}
