//! Settings from the command line, alone and over a configuration.

use std::path::{Path, PathBuf};

use spiketail::config::{self, ConfigError, Flags};
use spiketail::detect::condition::Condition;
use spiketail::file::settings::Start;
use spiketail::output::{Color, Destination, Format};
use spiketail::scan::rules::{RuleSpec, check_pattern};

use super::MINIMAL;

fn flags(paths: &[&str]) -> Flags {
    Flags { paths: paths.iter().map(PathBuf::from).collect(), ..Flags::default() }
}

fn resolve(flags: &Flags) -> Result<config::Settings, ConfigError> {
    config::resolve(&[], flags, Path::new("/home/me"))
}

#[test]
fn paths_alone_make_a_complete_configuration() {
    let settings = resolve(&flags(&["app.log", "/var/log", "app.log"])).unwrap();
    assert_eq!(settings.finds[0].paths, [Path::new("/home/me/app.log"), Path::new("/var/log")]);
    assert_eq!(settings.plan.watches[0].name, "logs");
    assert_eq!(settings.plan.watches[0].rules[0].name, "errors");
    assert_eq!(settings.plan.watches[0].rules[0], RuleSpec::errors());
    let alert = &settings.plan.alerts[0];
    assert_eq!((alert.name.as_str(), alert.watches.as_slice()), ("error-spike", &["logs".to_owned()][..]));
    assert_eq!(alert.condition, Condition::Count { over: 50, window_ms: 60_000 });
    assert_eq!((alert.keep_firing_for_ms, alert.cooldown_ms), (60_000, 60_000));
    assert_eq!(settings.outputs[0].format, Format::Auto);
}

#[test]
fn every_flag_arrives() {
    let settings = resolve(&Flags {
        patterns: vec!["a.b".into(), "c".into()],
        fixed_strings: true,
        ignore_case: true,
        not: vec!["d+".into()],
        alert_over: Some("7/10s".into()),
        from_start: true,
        format: Some(Format::Json),
        color: Some(Color::Never),
        log: Some("debug".into()),
        ..flags(&["x"])
    })
    .unwrap();
    let watch = &settings.plan.watches[0];
    assert_eq!(watch.rules[0].any, ["a.b", "c"]);
    assert_eq!(watch.rules[0].not, ["d+"]);
    assert!(watch.rules[0].regex.is_empty() && watch.rules[0].ignore_case);
    assert_eq!(watch.file.start, Start::Beginning);
    assert_eq!(settings.plan.alerts[0].condition, Condition::Count { over: 7, window_ms: 10_000 });
    assert_eq!((settings.outputs[0].format, settings.outputs[0].color), (Format::Json, Color::Never));
    assert_eq!(settings.log, "debug");
    let rule = config::rule_from_flags(&Flags { patterns: vec!["a.b".into()], ..Flags::default() }).unwrap();
    assert_eq!((rule.regex.as_slice(), rule.any.len()), (&["a.b".to_owned()][..], 0));
}

#[test]
fn flags_that_are_not_right_are_refused() {
    let right = "write COUNT/TIME, such as `50/1m`: alert when more than 50 lines match within a minute";
    let over = |text: &str| Flags { alert_over: Some(text.into()), ..flags(&["x"]) };
    let pattern = |text: &str| Flags { patterns: vec![text.into()], ..flags(&["x"]) };
    let caret = check_pattern("a[", false).unwrap_err();
    for (flags, message) in [
        (flags(&[]), "nothing to watch; name files, folders or globs, such as `spiketail run '/var/log/*.log'`, the systemd journal with `--journal`, or a configuration with `-c FILE`".to_owned()),
        (flags(&[""]), "a path is empty; name a file, folder or glob".to_owned()),
        (flags(&["-", "x"]), "standard input is watched alone and without a configuration, as in `spiketail run -`; write `./-` for a file".to_owned()),
        (over("50"), format!("--alert-over `50`: {right}")),
        (over("x/1m"), format!("--alert-over `x/1m`: {right}")),
        (over("50/60"), format!("--alert-over `50/60`: {right}")),
        (over("50/2d"), "--alert-over `50/2d`: the time must be from \"1s\" to \"24h\"".to_owned()),
        (pattern("a["), format!("-e `a[`: it does not compile\n{caret}")),
        (pattern(""), "-e ``: an empty pattern matches every line; write `^` if that is meant".to_owned()),
        (Flags { fixed_strings: true, ..pattern("") }, "-e ``: an empty text is in every line; write what to look for".to_owned()),
        (Flags { not: vec!["a[".into()], ..flags(&["x"]) }, format!("--not `a[`: it does not compile\n{caret}")),
        (Flags { log: Some("ware".into()), ..flags(&["x"]) }, "--log `ware`: `ware` is no level; did you mean `warn`?".to_owned()),
    ] {
        assert_eq!(resolve(&flags).unwrap_err().to_string(), message);
    }
}

#[test]
fn paths_join_a_configuration() {
    let dir = tempfile::tempdir().unwrap();
    let write = |text: &str| std::fs::write(dir.path().join("conf.toml"), text).unwrap();
    write(&format!(
        "{MINIMAL}[rule.a]\nany = 'A'\n[alert.all]\nover = 1\n[alert.one]\nover = 1\nwatches = ['app']\n"
    ));
    let config = dir.path().join("conf.toml");
    let resolve = |flags: &Flags| config::resolve(std::slice::from_ref(&config), flags, Path::new("/cwd"));

    let settings = resolve(&Flags { from_start: true, ..flags(&["x.log"]) }).unwrap();
    let names: Vec<&str> = settings.plan.watches.iter().map(|w| w.name.as_str()).collect();
    assert_eq!(names, ["app", "cli"]);
    assert!(settings.plan.watches.iter().all(|w| w.file.start == Start::Beginning && w.rules.len() == 1));
    assert_eq!(settings.finds[0].paths, [dir.path().join("app.log")]);
    assert_eq!(settings.finds[1].paths, [Path::new("/cwd/x.log")]);
    assert_eq!(settings.plan.alerts[0].watches, ["app", "cli"]);
    assert_eq!(settings.plan.alerts[1].watches, ["app"]);
    assert_eq!(resolve(&flags(&[])).unwrap(), config::load(std::slice::from_ref(&config)).unwrap());

    let contradicting = Flags {
        patterns: vec!["x".into()],
        fixed_strings: true,
        ignore_case: true,
        not: vec!["x".into()],
        alert_over: Some("1/1m".into()),
        ..Flags::default()
    };
    let told = resolve(&contradicting).unwrap_err().to_string();
    let starts: Vec<&str> = told.split("\n\n").map(|p| p.split(' ').next().unwrap()).collect();
    assert_eq!(starts, ["-e", "-F", "-i", "--not", "--alert-over"]);
    assert!(told.starts_with(
        "-e contradicts the configuration, whose [rule.…] tables say what to look for; \
         leave it out, or run without a configuration\n\n"
    ));

    write("[rule.a]\nany = 'A'\n");
    assert_eq!(resolve(&flags(&["x.log"])).unwrap().plan.watches[0].name, "cli");
    write("[watch.cli]\npaths = ['x']\n[output.f]\npath = 'f'\n");
    let told = resolve(&flags(&["x.log"])).unwrap_err().to_string();
    assert!(
        told.contains(
            ":1:8: [watch.cli] has the name of the watch that paths on the command line add; rename it\n"
        ),
        "{told}"
    );
    let told = resolve(&Flags { color: Some(Color::Never), ..Flags::default() }).unwrap_err().to_string();
    assert!(told.starts_with("--color is about standard output"), "{told}");
    // Whoever asks for a form gets to see it.
    let settings = resolve(&Flags { format: Some(Format::Json), ..Flags::default() }).unwrap();
    let stdout = settings.outputs.iter().find(|output| output.destination == Destination::Stdout).unwrap();
    assert_eq!((stdout.format, settings.outputs.len()), (Format::Json, 2));
}
