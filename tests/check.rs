//! `spiketail check` as a user sees it.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on ends")]

use std::path::Path;
use std::process::{Command, Output};

use tempfile::TempDir;

fn check(folder: &Path, config: &str, more: &[&str]) -> Output {
    let path = folder.join("conf.toml");
    std::fs::write(&path, config).unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_spiketail"));
    command.arg("check").arg("-c").arg("conf.toml").args(more).current_dir(folder).output().unwrap()
}

fn text(bytes: &[u8], folder: &Path) -> String {
    let folder = std::fs::canonicalize(folder).unwrap();
    String::from_utf8(bytes.to_vec()).unwrap().replace(folder.to_str().unwrap(), "DIR")
}

#[test]
fn it_says_what_is_read_what_is_not_and_when_it_alerts() {
    let folder = TempDir::new().unwrap();
    let path = folder.path();
    std::fs::create_dir(path.join("logs")).unwrap();
    for name in ["a.log", "a.log.1", "b.log.gz"] {
        std::fs::write(path.join("logs").join(name), "").unwrap();
    }
    std::os::unix::fs::symlink("/nothing/there", path.join("logs/c.log")).unwrap();
    let socket = std::os::unix::net::UnixListener::bind(path.join("logs/d.log")).unwrap();
    let config = r#"
[watch.app]
paths = ["logs/*.log*", "later.log"]
[watch.dir]
paths = ["logs"]
[rule.errors]
any = ["ERROR"]
match = ["an ERROR"]
no_match = ["an error"]
[alert.spike]
when = "spike"
over = 4
watches = ["app"]
"#;
    let output = check(path, config, &[]);
    assert_eq!(
        text(&output.stdout, path),
        "conf.toml: right: 2 watches, 1 alert, 1 output

[watch.app] counts errors
  DIR/logs/a.log
  DIR/logs/a.log.1
  DIR/logs/c.log  not read: no such file
  DIR/logs/b.log.gz  left out: `exclude` holds \"*.gz\"
  DIR/logs/d.log  left out: it is no regular file

[watch.dir] counts errors
  DIR/logs/a.log
  DIR/logs/c.log  not read: no such file
  DIR/logs/a.log.1  left out: its name looks like what rotation left; name it, or a glob, to have it read
  DIR/logs/b.log.gz  left out: `exclude` holds \"*.gz\"
  DIR/logs/d.log  left out: it is no regular file

DIR/later.log: nothing is there yet; it is read when it comes

[alert.spike] critical: fires when errors in app exceed 4 × the usual rate and at least 20 in 1m, after 1h of learning, or more than ever in 5m, 1h or 6h; resolves 1m after that is over
"
    );
    assert_eq!(output.status.code(), Some(0));
    drop(socket);
}

#[test]
fn a_long_list_is_cut_unless_all_is_asked_for() {
    let folder = TempDir::new().unwrap();
    (0..30).for_each(|n| std::fs::write(folder.path().join(format!("{n:02}.log")), "").unwrap());
    let config = "[watch.app]\npaths = ['*.log']\n";
    let output = check(folder.path(), config, &[]);
    let shown = text(&output.stdout, folder.path());
    assert!(shown.contains("  DIR/19.log\n  and 10 more; --all lists them\n"), "{shown}");
    let output = check(folder.path(), config, &["--all"]);
    assert!(text(&output.stdout, folder.path()).contains("  DIR/29.log\n"));
}

#[test]
fn samples_that_are_judged_wrongly_are_told_with_the_reason() {
    let folder = TempDir::new().unwrap();
    let config = r#"[watch.app]
paths = ["*.log"]
[rule.errors]
any = ["ERROR"]
not = ["retry"]
level = "error"
match = ["x ERROR y", "ERROR retry", "INFO nothing", "INFO got ERROR", "who knows what ERROR"]
no_match = ["ERROR x", "INFO"]
"#;
    let output = check(folder.path(), config, &[]);
    let told = text(&output.stderr, folder.path());
    let problems: Vec<_> = told.lines().filter(|line| line.contains("conf.toml:")).collect();
    assert_eq!(
        problems,
        [
            "spiketail: conf.toml:7:23: `errors` must match this line, but `not` excludes it by `retry`",
            "conf.toml:7:38: `errors` must match this line, but none of what it looks for is in it",
            "conf.toml:7:54: `errors` must match this line, but its level is info",
            "conf.toml:7:72: `errors` must match this line, but no level can be read from it",
            "conf.toml:8:13: `errors` must not match this line, but does",
        ]
    );
    assert_eq!(output.status.code(), Some(2));
}

#[test]
fn what_is_wrong_with_the_configuration_comes_first() {
    let folder = TempDir::new().unwrap();
    let output = check(folder.path(), "[watch.app]\npath = 'x'\n", &[]);
    assert!(
        text(&output.stderr, folder.path())
            .contains("unknown key `path` in [watch.app]; did you mean `paths`?")
    );
    assert_eq!(output.status.code(), Some(2));
}

#[test]
fn it_says_who_is_told_of_each_alert() {
    let folder = TempDir::new().unwrap();
    let config = r#"[watch.app]
paths = ["*.log"]
[watch.db]
paths = ["*.db"]
[rule.errors]
any = ["ERROR"]
[alert.page]
over = 9
[alert.quiet]
over = 1
severity = "info"
outputs = []
[output.pager]
type = "webhook"
url = "http://localhost"
severity = "critical"
[output.dba]
type = "command"
command = ["/bin/sh", "dba"]
watches = ["db"]
"#;
    let output = check(folder.path(), config, &[]);
    let shown = text(&output.stdout, folder.path());
    let told: Vec<_> = shown.lines().filter(|line| line.starts_with("  goes to")).collect();
    assert_eq!(
        told,
        [
            "  goes to pager, dba (db only)",
            "  goes to no output that answers; only those that are written to have it"
        ]
    );
}

/// The lines of problems that `config` has.
fn problems(folder: &Path, config: &str) -> Vec<String> {
    let output = check(folder, config, &[]);
    assert_eq!(output.status.code(), Some(2), "{config}");
    let said = text(&output.stderr, folder).replace("spiketail: ", "");
    said.lines().filter(|line| line.starts_with("conf.toml:")).map(str::to_owned).collect()
}

const RIGHT: &str = "[watch.app]\npaths = ['*.log']\n[alert.a]\nover = 1\n";

/// What is added to a configuration that is right, and what is said of it.
fn wrongs(script: &str) -> Vec<(String, &'static str)> {
    let mut all = wrong_files(script);
    all.extend(wrong_texts());
    all
}

fn wrong_files(script: &str) -> Vec<(String, &'static str)> {
    vec![
        (
            "[output.x]\ntype = 'webhook'\nurl_file = './no'".to_owned(),
            "conf.toml:7:12: `url_file` in [output.x] cannot be read: DIR/./no: No such file or directory (os error 2); create it",
        ),
        (
            "[output.x]\ntype = 'webhook'\nurl = 'https://h'\nca_file = 'no.pem'".to_owned(),
            "conf.toml:8:11: `ca_file` in [output.x] cannot be read: DIR/no.pem: No such file",
        ),
        (
            "[output.x]\ntype = 'pagerduty'\nrouting_key_file = '/no/key'".to_owned(),
            "conf.toml:7:20: `routing_key_file` in [output.x] cannot be read: /no/key: No such file",
        ),
        (
            "[output.x]\ntype = 'command'\ncommand = ['no-such-program', 'x']".to_owned(),
            "conf.toml:7:12: `command` in [output.x] names `no-such-program`, which is no program that can be run",
        ),
        (
            format!("[output.x]\ntype = 'command'\ncommand = ['{script}']"),
            "which is no program that can be run; name one by its absolute path",
        ),
        (
            "[output.x]\ntype = 'webhook'\nurl = 'https://h'\nheader_files = { Authorization = '/no/token' }"
                .to_owned(),
            "conf.toml:8:16: `header_files` in [output.x] cannot be read: /no/token: No such file",
        ),
        (
            "[heartbeat]\nurl_file = '/no/url'".to_owned(),
            "conf.toml:6:12: `url_file` in [heartbeat] cannot be read: /no/url: No such file",
        ),
        (
            "[output.x]\ntype = 'webhook'\nurl_file = '$HOME/url'".to_owned(),
            "No such file or directory (os error 2); a variable is written `${NAME}`",
        ),
        (
            "[watch.b]\npaths = ['/srv/x']\nexclude = ['/srv/`date`.log']".to_owned(),
            "conf.toml:7:12: `exclude` in [watch.b] holds `/srv/`date`.log`, which is taken as it stands: no shell runs commands here",
        ),
    ]
}

fn wrong_texts() -> Vec<(String, &'static str)> {
    vec![
        (
            "[output.x]\ntype = 'webhook'\nurl = 'http://h'\ntemplate = '{{ no.such }}'".to_owned(),
            "conf.toml:8:12: `template` in [output.x] fails for a test alert: undefined value",
        ),
        (
            "[output.x]\ntype = 'webhook'\nurl = 'http://h'\ntemplate = '{\"a\": {{ title }}'".to_owned(),
            "conf.toml:8:12: `template` in [output.x] fails for a test alert: what it makes begins like JSON, but is none",
        ),
        (
            "[watch.b]\npaths = ['/srv/$HOME/x']".to_owned(),
            "conf.toml:6:10: `paths` in [watch.b] holds `/srv/$HOME/x`, which is taken as it stands: a variable is written `${NAME}`",
        ),
        (
            "[watch.b]\npaths = ['/srv/$(hostname).log']".to_owned(),
            "conf.toml:6:10: `paths` in [watch.b] holds `/srv/$(hostname).log`, which is taken as it stands",
        ),
        (
            "[rule.r]\nregex = \"\\bfoo\\b\"".to_owned(),
            "conf.toml:6:9: `regex` in [rule.r] holds what TOML made of `\\b` in double quotes, not a regular expression; write it in single quotes",
        ),
        (
            "[rule.r]\nany = 'x'\nnot = [\"ok\", \"\\fx\"]".to_owned(),
            "conf.toml:7:14: `not` in [rule.r] holds what TOML made of `\\f` in double quotes",
        ),
        (
            "[output.x]\ntype = 'json'\npath = '/srv/$HOSTNAME.json'".to_owned(),
            "conf.toml:7:8: `path` in [output.x] holds `/srv/$HOSTNAME.json`, which is taken as it stands: a variable",
        ),
        (
            "[watch.b]\npaths = ['~/app.log']".to_owned(),
            "conf.toml:6:10: `paths` in [watch.b] holds `~/app.log`: `~` is a matter of the shell; write the absolute path",
        ),
        (
            "[output.x]\ntype = 'alertmanager'\nurl = 'http://h'\nlabels = { 'a-b' = 'x' }".to_owned(),
            "conf.toml:8:10: `labels` in [output.x] holds `a-b`, which is no name of a label; write letters, digits and `_`",
        ),
    ]
}

#[test]
fn what_can_be_read_but_cannot_work_is_found() {
    let folder = TempDir::new().unwrap();
    std::fs::write(folder.path().join("script"), "").unwrap();
    let script = folder.path().join("script");
    let script = script.to_str().unwrap();
    for (more, expected) in wrongs(script) {
        let found = problems(folder.path(), &format!("{RIGHT}{more}\n"));
        assert!(found.len() == 1 && found[0].contains(expected), "{more}: {found:#?}");
    }
}

#[test]
fn what_is_hardly_meant_is_a_warning_and_wrong_if_that_is_asked_for() {
    let folder = TempDir::new().unwrap();
    let no_alert = "[watch.app]\npaths = ['*.log']\n";
    let unreached = "[watch.app]\npaths = ['*.log']\n[alert.a]\nover = 1\nlabels = { team = 'db' }\n[output.x]\ntype = 'webhook'\n\
        url = 'http://h'\nlabels = { team = 'dba' }\n".to_owned();
    for (config, expected) in [
        (no_alert, "conf.toml:1:1: there is no alert, so lines are only counted"),
        (RIGHT, "conf.toml:1:1: no output answers, so nobody is notified of alerts"),
        (&unreached, "conf.toml:3:8: no output takes [alert.a], so nobody is notified of it"),
        (&unreached, "conf.toml:9:10: [output.x] takes no alert that there is"),
    ] {
        let output = check(folder.path(), config, &[]);
        assert_eq!(output.status.code(), Some(0));
        assert!(text(&output.stderr, folder.path()).contains(expected), "{expected}");
        assert_eq!(check(folder.path(), config, &["--strict"]).status.code(), Some(2));
    }
    let whole = format!("{RIGHT}[output.x]\ntype = 'webhook'\nurl = 'http://h'\n");
    let whole =
        format!("{whole}template = '{{{{ commonLabels.env }}}}'\n[engine]\nlabels = {{ env = 'prod' }}\n");
    let output = check(folder.path(), &whole, &["--strict"]);
    assert_eq!((output.status.code(), output.stderr.as_slice()), (Some(0), &b""[..]));
}

#[test]
fn programs_get_problems_as_json() {
    let folder = TempDir::new().unwrap();
    let json = |config: &str, more: &[&str]| {
        let output = check(folder.path(), config, more);
        (output.status.code(), serde_json::from_slice::<serde_json::Value>(&output.stdout).unwrap())
    };
    let (status, answer) = json("[watch.app]\npaths = ['*.log']\nstart = 'x'\n", &["--json"]);
    assert_eq!((status, &answer["right"]), (Some(2), &false.into()));
    let problem = &answer["problems"][0];
    assert_eq!(
        (&problem["file"], &problem["line"], &problem["column"]),
        (&"conf.toml".into(), &3.into(), &9.into())
    );
    assert!(problem["message"].as_str().unwrap().starts_with("`start` in [watch.app] cannot be `x`"));
    let (status, answer) = json(RIGHT, &["--json"]);
    assert_eq!(
        (status, &answer["right"], answer["warnings"].as_array().unwrap().len()),
        (Some(0), &true.into(), 1)
    );
    assert_eq!(json(RIGHT, &["--json", "--strict"]).0, Some(2));
}

/// A machine on which the unit says `properties`: the variable `PATH` with a `systemctl` that prints them.
fn path_with_unit(folder: &Path, properties: &str) -> String {
    use std::os::unix::fs::PermissionsExt;
    let bin = folder.join("bin");
    std::fs::create_dir_all(&bin).unwrap();
    std::fs::write(bin.join("systemctl"), format!("#!/bin/sh\ncat <<'END'\n{properties}\nEND\n")).unwrap();
    std::fs::set_permissions(bin.join("systemctl"), std::fs::Permissions::from_mode(0o755)).unwrap();
    format!("{}:{}", bin.display(), std::env::var("PATH").unwrap())
}

#[test]
fn root_is_told_what_the_user_of_the_service_cannot_read() {
    use std::os::unix::fs::{PermissionsExt, chown};
    if !rustix::process::geteuid().is_root() {
        eprintln!("skipped: needs root");
        return;
    }
    let folder = TempDir::new().unwrap();
    let at = |name: &str| folder.path().join(name);
    let mode = |name: &str, mode: u32| {
        std::fs::set_permissions(at(name), std::fs::Permissions::from_mode(mode)).unwrap();
    };
    mode(".", 0o755);
    for (name, bits) in [("open.log", 0o644), ("adm.log", 0o640), ("root.log", 0o600), ("url", 0o600)] {
        std::fs::write(at(name), "").unwrap();
        mode(name, bits);
    }
    // Debian's group adm.
    chown(at("adm.log"), None, Some(4)).unwrap();
    let run = |config: &str, unit: &str, args: &[&str]| {
        std::fs::write(at("conf.toml"), config).unwrap();
        let mut command = Command::new(env!("CARGO_BIN_EXE_spiketail"));
        command.args(["check", "-c", "conf.toml"]).args(args).current_dir(&folder);
        let output = command.env("PATH", path_with_unit(folder.path(), unit)).output().unwrap();
        (output.status.code(), text(&output.stderr, folder.path()))
    };
    let config = "[watch.app]\npaths = ['*.log']\n[alert.a]\nover = 1\n[output.x]\ntype = 'webhook'\nurl = 'http://h'\n";
    let dynamic = "LoadState=loaded\nDynamicUser=yes\nSupplementaryGroups=4\n";
    let (status, said) = run(config, dynamic, &["--strict"]);
    let expected = "warning: conf.toml:2:9: [watch.app] finds a file that cannot be read by the user of spiketail.service (dynamic, in the group 4); \
         DIR/root.log: permission denied (mode 0600, group root); let a group read it, or grant CAP_DAC_READ_SEARCH";
    assert!(status == Some(2) && said.contains(expected), "{said}");
    // Without the group it is one more; with the capability, or without the unit, none.
    let (_, said) = run(config, "LoadState=loaded\nDynamicUser=yes\n", &[]);
    assert!(said.contains("finds 2 files that cannot be read") && said.contains("adm.log"), "{said}");
    let reader = format!("{dynamic}AmbientCapabilities=cap_dac_read_search\n");
    for unit in [reader.as_str(), "LoadState=not-found\n"] {
        assert_eq!(run(config, unit, &["--strict"]), (Some(0), String::new()), "{unit}");
    }
    let (_, said) = run(config, &format!("{reader}PrivateTmp=yes\n"), &[]);
    assert!(
        !folder.path().starts_with("/tmp") || said.contains("`PrivateTmp=` of the unit hides it"),
        "{said}"
    );
    // Secrets, programs and the configuration itself are looked at in the same way.
    let secret = config.replace("url = 'http://h'", "url_file = './url'");
    let (status, said) = run(&secret, dynamic, &[]);
    let expected = "conf.toml:7:12: `url_file` in [output.x] cannot be read: DIR/./url: Permission denied (os error 13); let the user that runs spiketail read it";
    assert!(status == Some(2) && said.contains(expected), "{said}");
    let (_, said) = run(config, "LoadState=not-found\n", &["--user", "nobody"]);
    assert!(said.contains("finds 2 files that cannot be read by the user nobody"), "{said}");
    let (status, said) = run(config, "", &["--user", "no-such-user"]);
    assert_eq!((status, said.trim_end()), (Some(2), "spiketail: --user no-such-user: there is no such user"));
    std::fs::create_dir(at("closed")).unwrap();
    mode("closed", 0o700);
    let (_, said) = run(&config.replace("*.log", "closed/*.log"), dynamic, &[]);
    assert!(said.contains("DIR/closed: cannot be listed by the user of spiketail.service"), "{said}");
    std::fs::write(at("conf.toml"), config).unwrap();
    mode("conf.toml", 0o600);
    let (_, said) = run(config, dynamic, &[]);
    assert!(
        said.contains("conf.toml: the user of spiketail.service") && said.contains("cannot read it"),
        "{said}"
    );
}
