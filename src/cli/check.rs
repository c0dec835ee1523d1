//! `spiketail check`: says whether a configuration is right, what it finds, and when it would alert.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use unicode_width::UnicodeWidthStr;

use crate::alert::AlertSpec;
use crate::app::Prepared;
use crate::app::output_files;
use crate::cli::cells::{cut_path, wrapped};
use crate::cli::exit::EXIT_USAGE;
use crate::cli::service_user::ServiceUser;
use crate::cli::terminal::{print, print_error, width};
use crate::config::reach::notified_of;
use crate::config::{self, Checked, ConfigError, Problem, Settings};
use crate::engine::settings::WatchPlan;
use crate::file::encoding::Encoding;
use crate::fmt::display_path;
use crate::source::journal::{JournalFollower, JournalSelection, JournalState, Origin};
use crate::sys::open::{OpenError, open_regular};
use crate::watch::discovery::Discovery;
use crate::watch::survey::{Findings, Survey, survey};

/// How many files of a watch are listed, unless all are asked for.
const LISTED_MAX: usize = 20;

/// What `spiketail check` takes.
#[derive(Debug, clap::Args)]
pub struct CheckArgs {
    /// Configuration to check: a file, or a directory of files that end in .toml (may be repeated)
    #[arg(short, long, value_name = "FILE", default_values = config::DEFAULT_PATHS)]
    config: Vec<PathBuf>,
    /// List every file, however many there are
    #[arg(long)]
    all: bool,
    /// Print what is wrong, and what may be, as JSON
    #[arg(long)]
    json: bool,
    /// Take what may be wrong for wrong
    #[arg(long)]
    strict: bool,
    /// Say what this user may read [default: for root, the user of spiketail.service]
    #[arg(long, value_name = "NAME")]
    user: Option<String>,
}

/// Checks a configuration. Returns the exit status of the process: 0 if it is right, else 2.
pub fn run(args: &CheckArgs) -> ExitCode {
    let user = match &args.user {
        Some(name) => ServiceUser::named(name).map(Some),
        None => Ok(ServiceUser::of_unit()),
    };
    let checked = user.map_err(Wrong::Other).and_then(|user| match user {
        Some(user) => checked_as(&user, args),
        None => checked(args, None),
    });
    let is_right = checked.as_ref().is_ok_and(|(_, warnings)| warnings.is_empty() || !args.strict);
    if args.json {
        let (problems, warnings) = match &checked {
            Ok((_, warnings)) => (Vec::new(), warnings.clone()),
            Err(wrong) => (wrong.problems(), Vec::new()),
        };
        let answer = serde_json::json!({ "right": is_right, "problems": problems, "warnings": warnings });
        print(&format!("{answer:#}\n"));
    } else {
        match &checked {
            Ok((text, warnings)) => {
                print(text);
                warnings.iter().for_each(|warning| print_error(format_args!("warning: {warning}")));
            }
            Err(Wrong::Config(error)) => print_error(error),
            Err(Wrong::Other(why)) => print_error(why),
        }
    }
    if is_right { ExitCode::SUCCESS } else { ExitCode::from(EXIT_USAGE) }
}

/// The same, done by `user`. A configuration that only root can read is looked at by root.
fn checked_as(user: &ServiceUser, args: &CheckArgs) -> Result<(String, Vec<String>), Wrong> {
    match user.does(|| checked(args, Some(user))).map_err(Wrong::Other)? {
        Err(Wrong::Config(ConfigError::Unreadable { path, reason })) => {
            let (text, mut warnings) = checked(args, None)?;
            let path = display_path(&path);
            warnings.push(format!("{path}: {} cannot read it: {reason}", user.name));
            Ok((text, warnings))
        }
        done => done,
    }
}

/// What is to be printed, and what may be wrong, as `user` sees it.
fn checked(args: &CheckArgs, user: Option<&ServiceUser>) -> Result<(String, Vec<String>), Wrong> {
    let listed_max = if args.all { usize::MAX } else { LISTED_MAX };
    let Checked { settings, mut warnings, places } = config::check(&args.config).map_err(Wrong::Config)?;
    Prepared::new(&settings, None).map_err(|error| Wrong::Other(error.to_string()))?;
    let found = survey(&settings.finds).map_err(|error| Wrong::Other(error.to_string()))?;
    for ((watch, findings), place) in settings.plan.watches.iter().zip(&found.watches).zip(&places) {
        warnings.extend(unreadable(watch, findings, place, user));
    }
    warnings.extend(found.unlisted.iter().map(|(directory, why)| {
        let directory = display_path(directory);
        format!("{directory}: cannot be listed{}: {why}; it needs r and x on it", by(user))
    }));
    let text = report(&settings, &args.config, &found, listed_max).map_err(Wrong::Other)?;
    Ok((text, warnings))
}

/// That files of a watch cannot be read, if there are any.
fn unreadable(
    watch: &WatchPlan,
    findings: &Findings,
    place: &str,
    user: Option<&ServiceUser>,
) -> Option<String> {
    if let Some(journal) = &watch.journal {
        let why = journal_trouble(journal)?;
        return Some(format!("{place}: [watch.{}] cannot read the journal{}: {why}", watch.name, by(user)));
    }
    let why_not = |path: &PathBuf| {
        let hidden = user.and_then(|user| user.hides(path)).map(str::to_owned);
        let denied = || match open_regular(path) {
            Err(error @ OpenError::Denied(_)) => Some(error.to_string()),
            _ => None,
        };
        hidden.or_else(denied).map(|why| format!("{}: {why}", display_path(path)))
    };
    let unread: Vec<String> = findings.found.iter().filter_map(why_not).collect();
    let first = unread.first()?;
    let by = by(user);
    let files = if unread.len() == 1 { "a file".to_owned() } else { format!("{} files", unread.len()) };
    let lead = if unread.len() == 1 { "" } else { "the first is " };
    Some(format!("{place}: [watch.{}] finds {files} that cannot be read{by}; {lead}{first}", watch.name))
}

fn by(user: Option<&ServiceUser>) -> String {
    user.map(|user| format!(" by {}", user.name)).unwrap_or_default()
}

/// Why a configuration cannot be used.
enum Wrong {
    Config(ConfigError),
    Other(String),
}

impl Wrong {
    /// Each with the place that is meant, as far as there is one.
    fn problems(&self) -> Vec<serde_json::Value> {
        let whole = |message: &str| serde_json::json!({ "message": message });
        match self {
            Wrong::Other(why) => vec![whole(why)],
            Wrong::Config(ConfigError::Refused { problems, .. }) => {
                let of = |problem: &Problem| {
                    serde_json::json!({
                        "file": display_path(&problem.origin),
                        "line": problem.line,
                        "column": problem.column,
                        "message": problem.message,
                    })
                };
                problems.iter().map(of).collect()
            }
            Wrong::Config(ConfigError::Unreadable { path, reason }) => {
                vec![serde_json::json!({ "file": display_path(path), "message": reason })]
            }
            Wrong::Config(error @ ConfigError::Flags { .. }) => vec![whole(&error.to_string())],
        }
    }
}

fn report(
    settings: &Settings,
    paths: &[PathBuf],
    found: &Survey,
    listed_max: usize,
) -> Result<String, String> {
    let Settings { plan, outputs, deliveries, pushes, .. } = settings;
    let counted = |n: usize, one: &str, many: &str| format!("{n} {}", if n == 1 { one } else { many });
    let mut lines = vec![format!(
        "{}: right: {}, {}, {}{}",
        paths.iter().map(|path| display_path(path)).collect::<Vec<_>>().join(" and "),
        counted(plan.watches.len(), "watch", "watches"),
        counted(plan.alerts.len(), "alert", "alerts"),
        counted(outputs.len(), "output", "outputs"),
        match deliveries.len() + pushes.len() {
            0 => String::new(),
            n => format!(", {}", counted(n, "receiver", "receivers")),
        },
    )];
    for (watch, findings) in plan.watches.iter().zip(&found.watches) {
        lines.push(String::new());
        lines.extend(of_watch(watch, findings, listed_max, width()));
    }
    if !found.missing.is_empty() || !found.unlisted.is_empty() {
        lines.push(String::new());
    }
    for missing in &found.missing {
        lines.push(format!(
            "{}: nothing is there yet; it is read when it comes",
            display_path(Path::new(missing))
        ));
    }
    for (directory, why) in &found.unlisted {
        let directory = display_path(directory);
        lines.push(format!(
            "{directory}: cannot be listed: {why}; the user that runs spiketail needs r and x on it"
        ));
    }
    lines.extend(own_output(settings)?);
    if !plan.alerts.is_empty() {
        lines.push(String::new());
    }
    for alert in &plan.alerts {
        lines.push(format!("[alert.{}] {}: {}", alert.name, alert.severity, alert.describe()));
        lines.extend(recipients(alert, settings));
    }
    Ok(lines.join("\n") + "\n")
}

/// Who is notified of an alert, if there is anybody at all.
fn recipients(alert: &AlertSpec, settings: &Settings) -> Option<String> {
    let deliveries = &settings.deliveries;
    let notified = deliveries.iter().filter_map(|output| {
        let watches = notified_of(alert, settings, &output.route);
        match watches.len() {
            0 => None,
            all if all == alert.watches.len() => Some(output.name.clone()),
            _ => Some(format!("{} ({} only)", output.name, watches.join(", "))),
        }
    });
    let notified: Vec<_> = notified.collect();
    if deliveries.is_empty() {
        return None;
    }
    Some(match notified.is_empty() {
        true => "  goes to no output that answers; only those that are written to have it".to_owned(),
        false => format!("  goes to {}", notified.join(", ")),
    })
}

/// Outputs that a watch means: the daemon must not count what it writes itself.
fn own_output(settings: &Settings) -> Result<Vec<String>, String> {
    let discovery = Discovery::new(&settings.finds).map_err(|error| error.to_string())?;
    let mut lines = Vec::new();
    for output in output_files(settings) {
        for watch in settings.plan.watches.iter().filter(|watch| discovery.means(&watch.name, &output)) {
            let (path, watch) = (display_path(&output), &watch.name);
            lines.push(format!(
                "{path}: an output writes it and [watch.{watch}] means it, so it is never counted; move the output, or add it to `exclude` of the watch"
            ));
        }
    }
    Ok(lines)
}

/// Whether the journal can be read.
fn of_journal(journal: &JournalSelection) -> String {
    match journal_trouble(journal) {
        None => format!("the systemd journal in {}", journal.places.shown()),
        Some(why) => format!("not read: {why}"),
    }
}

/// Why the journal cannot be read, if it cannot.
fn journal_trouble(journal: &JournalSelection) -> Option<String> {
    let places = journal.places.clone();
    let mut follower = JournalFollower::new(places, Origin::End, [].into(), JournalState::default());
    follower.look().err().map(|error| error.to_string())
}

fn of_watch(watch: &WatchPlan, findings: &Findings, listed_max: usize, width: Option<usize>) -> Vec<String> {
    let rules: Vec<_> = watch.rules.iter().map(|rule| rule.name.as_str()).collect();
    let mut lines = vec![format!("[watch.{}] counts {}", watch.name, rules.join(", "))];
    if let Some(journal) = &watch.journal {
        lines.push(format!("  {}", of_journal(journal)));
        return lines;
    }
    let read = findings.found.iter().map(|path| (path, why_not(path)));
    let left_out = findings.left_out.iter().map(|(path, why)| (path, Some(format!("left out: {why}"))));
    let files: Vec<_> = read.chain(left_out).collect();
    if findings.found.is_empty() {
        lines.push("  no file yet; files that come are read from their beginning".to_owned());
    }
    for (path, why_not) in files.iter().take(listed_max) {
        lines.extend(of_path(&display_path(path), why_not.as_deref(), width));
    }
    if files.len() > listed_max {
        lines.push(format!("  and {} more; --all lists them", files.len() - listed_max));
    }
    lines
}

/// A path, and why it is not read, if so: beside it, or below where there is no room.
fn of_path(path: &str, why_not: Option<&str>, width: Option<usize>) -> Vec<String> {
    let Some(width) = width else {
        return vec![format!("  {path}{}", why_not.map(|why| format!("  {why}")).unwrap_or_default())];
    };
    let whole = cut_path(path, width.saturating_sub(2));
    match why_not {
        Some(why) if 4 + whole.width() + why.width() <= width => vec![format!("  {whole}  {why}")],
        Some(why) => {
            let below = wrapped(why, width.saturating_sub(4));
            std::iter::once(format!("  {whole}"))
                .chain(below.iter().map(|line| format!("    {line}")))
                .collect()
        }
        None => vec![format!("  {whole}")],
    }
}

/// Why a file that is meant cannot be read by whoever asks, or not understood, if so.
fn why_not(path: &Path) -> Option<String> {
    if let Err(error) = open_regular(path) {
        return Some(format!("not read: {error}"));
    }
    Encoding::of_file(path).map(|encoding| encoding.advice())
}
