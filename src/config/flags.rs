//! Settings from the command line: alone, so that one command starts a useful daemon, or over a configuration.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::alerts::DEFAULT_SAMPLES;
use super::engine::{Basics, check_filter, parse_listen};
use super::error::{ConfigError, quoted};
use super::link::ADDED_WATCH;
use super::rules::{check_literal, check_regex};
use super::settings::Settings;
use super::values::{DAY_MS, MINUTE_MS, parse_duration_ms, show_duration};
use super::watches::{check_exclude, check_path, default_exclude, literal_if_there};
use super::{hash, outputs, parse_with, source};
use crate::alert::{AlertNotes, AlertSpec, Scope};
use crate::detect::Millis;
use crate::detect::condition::Condition;
use crate::engine::settings::{Plan, WatchPlan};
use crate::event::Severity;
use crate::file::settings::{FileSettings, Start};
use crate::output::{Color, Destination, Format, OutputSpec};
use crate::scan::level::Level;
use crate::scan::multiline::Multiline;
use crate::scan::rules::{BUILT_IN, RuleSpec};
use crate::source::journal::JournalSelection;
use crate::watch::spec::WatchSpec;

/// The watch that paths without a configuration make.
const LONE_WATCH: &str = "logs";
/// The watch that `--journal` makes.
const JOURNAL_WATCH: &str = "journal";
/// The watch that standard input makes, and the path that means it.
const STDIN_WATCH: &str = "stdin";
const STDIN: &str = "-";
/// The alert that there is without a configuration.
const LONE_ALERT: &str = "error-spike";
/// How many matching lines within [`MINUTE_MS`] are still fine where nothing else is said.
const DEFAULT_OVER: u64 = 50;

/// What the command line says about settings. The default is a command line that says nothing.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Flags {
    /// Files, directories or globs.
    pub paths: Vec<PathBuf>,
    /// `-e`: regular expressions to look for, or literal texts with `fixed_strings`.
    pub patterns: Vec<String>,
    /// `-F`: `patterns` are literal texts.
    pub fixed_strings: bool,
    /// `-i`: case is ignored.
    pub ignore_case: bool,
    /// `--not`: regular expressions that exclude a line.
    pub not: Vec<String>,
    /// `--level`: how severe a line must be.
    pub level: Option<String>,
    /// `--record-start`: how a record begins, in each of which one line counts.
    pub record_start: Option<String>,
    /// `--multiline`: in which language's form records continue.
    pub multiline: Option<Multiline>,
    /// `--exclude`: globs of files that are left out.
    pub exclude: Vec<String>,
    /// `--journal`: the systemd journal is read instead of files.
    pub journal: Option<JournalSelection>,
    /// `--alert-over`: how many matching lines within which time are still fine, such as `50/1m`.
    pub alert_over: Option<String>,
    /// `--from-start`: files are read from their first byte.
    pub from_start: bool,
    /// `--format`: the form of what is written to standard output.
    pub format: Option<Format>,
    /// `--color`: when standard output is coloured.
    pub color: Option<Color>,
    /// `--listen`: where figures are given out over HTTP.
    pub listen: Option<String>,
    /// `--log`: the filter of the daemon's own log.
    pub log: Option<String>,
}

/// Settings from the configuration in the files `config`, if there are any, and from `flags`. Relative paths of
/// the command line are resolved against `cwd`, which is absolute.
///
/// # Errors
/// There is nothing to watch, something is not right, or a flag contradicts the configuration.
pub fn resolve(config: &[PathBuf], flags: &Flags, cwd: &Path) -> Result<Settings, ConfigError> {
    let mut settings = match config.is_empty() {
        false => with_config(config, flags, cwd)?,
        true => without_config(flags, cwd)?,
    };
    apply_overrides(&mut settings, flags)?;
    Ok(settings)
}

/// The rule that `flags` describe: the built-in one unless there are patterns or a level.
///
/// # Errors
/// A pattern does not compile or could not mean anything.
pub fn rule_from_flags(flags: &Flags) -> Result<RuleSpec, ConfigError> {
    let mut problems = Vec::new();
    let mut check = |flag: &str, text: &str, checked: Result<(), String>| {
        if let Err(why_not) = checked {
            problems.push(format!("{flag} {}: {why_not}", quoted(text)));
        }
    };
    for pattern in &flags.patterns {
        let checked = match flags.fixed_strings {
            true => check_literal(pattern),
            false => check_regex(pattern, flags.ignore_case),
        };
        check("-e", pattern, checked);
    }
    for pattern in &flags.not {
        check("--not", pattern, check_regex(pattern, flags.ignore_case));
    }
    if let Some(start) = &flags.record_start {
        check("--record-start", start, check_regex(start, false));
    }
    let level = flags.level.as_deref().and_then(Level::parse);
    if let Some(text) = flags.level.as_deref().filter(|_| level.is_none()) {
        let known = Level::ALL.map(Level::name).join(", ");
        check("--level", text, Err(format!("it is no level; the levels are {known}")));
    }
    if flags.ignore_case && flags.patterns.is_empty() && flags.not.is_empty() {
        let why_not = "-i ignores the case of the patterns of -e and --not, and there are none; without patterns, lines of level \
                       error count, in whatever case programs write it";
        problems.push(why_not.to_owned());
    }
    refuse_if_any(problems)?;
    let (any, regex) = match flags.fixed_strings {
        true => (flags.patterns.clone(), Vec::new()),
        false => (Vec::new(), flags.patterns.clone()),
    };
    let chosen = match (flags.patterns.is_empty(), level) {
        (true, None) => RuleSpec::errors(),
        _ => RuleSpec { name: BUILT_IN.to_owned(), any, regex, level, ..RuleSpec::default() },
    };
    let (not, ignore_case) = (flags.not.clone(), flags.ignore_case);
    let record_start = flags.record_start.clone();
    Ok(RuleSpec { not, ignore_case, record_start, multiline: flags.multiline, ..chosen })
}

fn with_config(config: &[PathBuf], flags: &Flags, cwd: &Path) -> Result<Settings, ConfigError> {
    let (look_for, alert) = ("[rule.…] tables say what to look for", "[alert.…] tables say when to alert");
    let contradicting = [
        ("-e", !flags.patterns.is_empty(), look_for),
        ("-F", flags.fixed_strings, look_for),
        ("-i", flags.ignore_case, look_for),
        ("--not", !flags.not.is_empty(), look_for),
        ("--level", flags.level.is_some(), look_for),
        ("--record-start", flags.record_start.is_some(), look_for),
        ("--multiline", flags.multiline.is_some(), look_for),
        ("--alert-over", flags.alert_over.is_some(), alert),
        (
            "--journal",
            flags.journal.is_some(),
            "[watch.…] tables say what to watch, such as `journal = true`",
        ),
    ];
    let given = contradicting.iter().filter(|(_, is_given, _)| *is_given);
    let problem = |(flag, _, instead): &(&str, bool, &str)| {
        format!(
            "{flag} contradicts the configuration, whose {instead}; \
             leave it out, or run without a configuration"
        )
    };
    refuse_if_any(given.map(problem).collect())?;
    let further = match flags.paths.is_empty() {
        true => None,
        false => Some(find(ADDED_WATCH, flags, cwd)?),
    };
    parse_with(&source::read_all(config, cwd)?, cwd, further.as_ref())
}

fn without_config(flags: &Flags, cwd: &Path) -> Result<Settings, ConfigError> {
    if flags.paths.is_empty() && flags.journal.is_none() {
        return refuse(
            "nothing to watch; name files, folders or globs, such as `spiketail run '/var/log/*.log'`, \
             the systemd journal with `--journal`, or a configuration with `-c FILE`",
        );
    }
    let reads_stdin = matches!(&flags.paths[..], [path] if path.as_os_str() == STDIN);
    let name = match flags.journal {
        Some(_) => JOURNAL_WATCH,
        None if reads_stdin => STDIN_WATCH,
        None => LONE_WATCH,
    };
    let find = match reads_stdin {
        true => {
            WatchSpec { name: name.to_owned(), paths: Vec::new(), exclude: Vec::new(), is_recursive: false }
        }
        false => find(name, flags, cwd)?,
    };
    let rule = rule_from_flags(flags)?;
    let (over, window_ms) = match &flags.alert_over {
        Some(text) => parse_alert_over(text)?,
        None => (DEFAULT_OVER, MINUTE_MS),
    };
    let alert = AlertSpec {
        name: LONE_ALERT.to_owned(),
        rule: rule.name.clone(),
        watches: vec![name.to_owned()],
        scope: Scope::Watch,
        condition: Condition::Count { over, window_ms },
        severity: Severity::Critical,
        for_ms: 0,
        keep_firing_for_ms: MINUTE_MS,
        cooldown_ms: MINUTE_MS,
        samples_max: DEFAULT_SAMPLES,
        notes: AlertNotes::default(),
    };
    let file = FileSettings::default();
    let watch = WatchPlan {
        name: name.to_owned(),
        rules: vec![rule],
        file,
        time: Arc::default(),
        paths: find.paths_text(),
        journal: flags.journal.clone().map(Arc::new),
    };
    let Basics { engine, timing, origin, log, .. } = Basics::default();
    Ok(Settings {
        engine,
        timing,
        plan: Plan { watches: vec![watch], alerts: vec![alert] },
        finds: vec![find],
        reads_stdin,
        outputs: vec![default_output(reads_stdin)],
        deliveries: Vec::new(),
        pushes: Vec::new(),
        mutes: Vec::new(),
        heartbeat: None,
        listen: None,
        external_url: String::new(),
        hash: hash(&format!("{flags:?}")),
        origin: Arc::new(origin),
        log,
    })
}

/// Whoever pipes a log in wants to read what comes of it.
fn default_output(reads_stdin: bool) -> OutputSpec {
    let output = outputs::default_output();
    OutputSpec { format: if reads_stdin { Format::Console } else { output.format }, ..output }
}

fn find(name: &str, flags: &Flags, cwd: &Path) -> Result<WatchSpec, ConfigError> {
    let mut paths: Vec<PathBuf> = Vec::with_capacity(flags.paths.len());
    for path in &flags.paths {
        if path.as_os_str().is_empty() {
            return refuse("a path is empty; name a file, folder or glob");
        }
        if path.as_os_str() == "-" {
            return refuse(
                "standard input is watched alone and without a configuration, as in `spiketail run -`; write `./-` for a file",
            );
        }
        // The same file named twice is still one file.
        let path = literal_if_there(cwd.join(path));
        if let Err(why_not) = check_path(&path) {
            return refuse(&format!("{}: {why_not}", quoted(&path.to_string_lossy())));
        }
        if !paths.contains(&path) {
            paths.push(path);
        }
    }
    for glob in &flags.exclude {
        if let Err(why_not) = check_exclude(glob) {
            return refuse(&format!("--exclude {}: {why_not}", quoted(glob)));
        }
    }
    let exclude = default_exclude().into_iter().chain(flags.exclude.iter().cloned()).collect();
    Ok(WatchSpec { name: name.to_owned(), paths, exclude, is_recursive: true })
}

/// Count and window of a text such as `50/1m`.
fn parse_alert_over(text: &str) -> Result<(u64, Millis), ConfigError> {
    let bad = |why_not: &str| refuse(&format!("--alert-over {}: {why_not}", quoted(text)));
    let right = "write COUNT/TIME, such as `50/1m`: alert when more than 50 lines match within a minute";
    let Some((count, window)) = text.split_once('/') else { return bad(right) };
    let Ok(over) = count.trim().parse::<u64>() else { return bad(right) };
    match parse_duration_ms(window.trim()) {
        Ok(window_ms) if (1_000..=DAY_MS).contains(&window_ms) => Ok((over, window_ms)),
        Ok(_) => {
            let (least, most) = (show_duration(1_000), show_duration(DAY_MS));
            bad(&format!("the time must be from {least} to {most}"))
        }
        Err(_) => bad(right),
    }
}

fn apply_overrides(settings: &mut Settings, flags: &Flags) -> Result<(), ConfigError> {
    if flags.from_start {
        for watch in &mut settings.plan.watches {
            watch.file.start = Start::Beginning;
        }
    }
    if let Some(listen) = &flags.listen {
        match parse_listen(listen) {
            Ok(address) => settings.listen = Some(address),
            Err(why_not) => return refuse(&format!("--listen {}: {why_not}", quoted(listen))),
        }
    }
    if let Some(log) = &flags.log {
        if let Err(why_not) = check_filter(log) {
            return refuse(&format!("--log {}: {why_not}", quoted(log)));
        }
        settings.log.clone_from(log);
    }
    let is_stdout = |output: &OutputSpec| output.destination == Destination::Stdout;
    if flags.format.is_some() && !settings.outputs.iter().any(is_stdout) {
        // Whoever asks for a form wants to see it.
        settings
            .outputs
            .push(OutputSpec { origin: Arc::clone(&settings.origin), ..outputs::default_output() });
    }
    let Some(output) = settings.outputs.iter_mut().find(|output| is_stdout(output)) else {
        if flags.color.is_some() {
            return refuse(
                "--color is about standard output, to which no output of the configuration writes; leave it out, or say \
                 --format, too",
            );
        }
        return Ok(());
    };
    output.format = flags.format.unwrap_or(output.format);
    output.color = flags.color.unwrap_or(output.color);
    Ok(())
}

fn refuse<T>(problem: &str) -> Result<T, ConfigError> {
    Err(ConfigError::Flags { problems: vec![problem.to_owned()] })
}

fn refuse_if_any(problems: Vec<String>) -> Result<(), ConfigError> {
    if problems.is_empty() { Ok(()) } else { Err(ConfigError::Flags { problems }) }
}
