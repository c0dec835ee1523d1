//! `spiketail replay`: which alerts would have fired on the logs that are there, by the times in their lines.
//!
//! [`inputs`] puts the files of each log into order, [`stream`] reads a log, [`merge`] brings the logs together by time and
//! runs the alerts, [`report`] and [`plot`] say what came of it. [`counts`] does the same for series that are counted already.

mod counts;
mod histogram;
mod inputs;
mod merge;
mod plot;
mod report;
mod stream;

use std::io::{self, IsTerminal, Write};
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;

use jiff::tz::TimeZone;

use crate::alert::{AlertSpec, Scope};
use crate::cli::EXIT_USAGE;
use crate::config::{self, Flags, Settings};
use crate::detect::condition::Condition;
use crate::detect::spike::SpikeSettings;
use crate::engine::plan::CompiledPlan;
use crate::event::Severity;
use crate::scan::timestamp;

/// What `spiketail replay` takes.
#[derive(Debug, clap::Args)]
pub struct ReplayArgs {
    /// Logs, plain or compressed, or directories of them; what rotation made of a log is put into order. `-` is standard input.
    /// With a configuration the default is what its watches match.
    #[arg(value_name = "PATH")]
    paths: Vec<PathBuf>,
    /// Configuration whose rules and alerts are used [default: lines with ERROR; more than 50 a minute, or a spike]
    #[arg(short, long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// The watch that paths belong to which no watch of the configuration matches
    #[arg(long, value_name = "NAME", requires = "config")]
    watch: Option<String>,
    /// Count lines that match this regular expression (may be repeated) [default: ERROR]
    #[arg(short = 'e', long = "regexp", value_name = "PATTERN", conflicts_with = "config")]
    patterns: Vec<String>,
    /// Ignore case
    #[arg(short, long, conflicts_with = "config")]
    ignore_case: bool,
    /// Do not count lines that match this regular expression (may be repeated)
    #[arg(long = "not", value_name = "PATTERN", conflicts_with = "config")]
    not: Vec<String>,
    /// Alert when more than COUNT lines match within TIME [default: 50/1m]
    #[arg(long, value_name = "COUNT/TIME", conflicts_with = "config")]
    alert_over: Option<String>,
    /// Judge the rows `timestamp,value` of this file instead of logs, one row a bucket
    #[arg(long, value_name = "CSV", conflicts_with_all = ["paths", "patterns", "not", "alert_over", "watch"])]
    counts: Option<PathBuf>,
    /// Print `timestamp,value,expected,score,state` for each row of --counts, and nothing else
    #[arg(long, requires = "counts", conflicts_with = "json")]
    scores: bool,
    /// Print one JSON object for each alert that fires or resolves, and one for the whole
    #[arg(long)]
    json: bool,
    /// Show no plot
    #[arg(long)]
    no_plot: bool,
    /// The zone of the times that are printed, such as `Europe/Berlin` or `local`
    #[arg(long, value_name = "ZONE", default_value = "UTC")]
    zone: String,
}

/// Runs the command. Gives the exit status of the process: 0, alerts or not; 2 if something could not be read.
#[must_use]
pub fn run(args: &ReplayArgs) -> ExitCode {
    let mut out = io::BufWriter::new(io::stdout().lock());
    let outcome = match &args.counts {
        Some(path) => counts::run(args, path, &mut out).map(|()| true),
        None => replay(args, &mut out),
    };
    let flushed = outcome.and_then(|is_whole| Ok(out.flush().map(|()| is_whole)?));
    match flushed {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::from(EXIT_USAGE),
        // Whoever read the output has seen enough.
        Err(error) if is_broken_pipe(&error) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("spiketail: {error:#}");
            ExitCode::from(EXIT_USAGE)
        }
    }
}

fn is_broken_pipe(error: &anyhow::Error) -> bool {
    error.downcast_ref::<io::Error>().is_some_and(|error| error.kind() == io::ErrorKind::BrokenPipe)
}

/// True if everything could be read.
fn replay(args: &ReplayArgs, out: &mut impl Write) -> anyhow::Result<bool> {
    let settings = settings(args)?;
    let compiled = Arc::new(CompiledPlan::new(&settings.plan)?);
    let (logs, mut problems) = inputs::find(&settings, &args.paths, args.watch.as_deref())?;
    if logs.is_empty() && problems.is_empty() {
        anyhow::bail!("there is nothing to replay; name logs, or a configuration whose watches match some");
    }
    let replayed = merge::replay(&compiled, logs, &mut problems);
    for problem in &problems {
        eprintln!("spiketail: {problem}");
    }
    let style = report::Style::new(zone(args)?, width(), !args.no_plot);
    if args.json {
        report::write_json(out, &replayed)?;
    } else {
        report::write_text(out, &compiled, &replayed, &style)?;
    }
    Ok(problems.is_empty())
}

fn zone(args: &ReplayArgs) -> anyhow::Result<TimeZone> {
    timestamp::zone(&args.zone).map_err(|error| anyhow::anyhow!("--zone: {error}"))
}

fn width() -> usize {
    const WIDTH: usize = 80;
    let is_terminal = io::stdout().is_terminal();
    let columns = is_terminal.then(|| rustix::termios::tcgetwinsize(io::stdout()).ok()).flatten();
    columns.map_or(WIDTH, |size| usize::from(size.ws_col)).clamp(40, 200)
}

fn settings(args: &ReplayArgs) -> anyhow::Result<Settings> {
    if let Some(path) = &args.config {
        return Ok(config::load(path)?);
    }
    let flags = Flags {
        // Where the logs are found is no matter of the settings.
        paths: vec![PathBuf::from("/")],
        patterns: args.patterns.clone(),
        ignore_case: args.ignore_case,
        not: args.not.clone(),
        alert_over: args.alert_over.clone(),
        ..Flags::default()
    };
    let cwd = std::env::current_dir().unwrap_or_else(|_| PathBuf::from("/"));
    let mut settings = config::resolve(None, &flags, &cwd)?;
    if args.alert_over.is_none() {
        settings.plan.alerts.extend(settings.plan.watches.first().map(|watch| unusual(&watch.name)));
    }
    Ok(settings)
}

/// The alert that looks for spikes where nothing else is said.
fn unusual(watch: &str) -> AlertSpec {
    AlertSpec {
        name: "unusual".to_owned(),
        rule: "errors".to_owned(),
        watches: vec![watch.to_owned()],
        scope: Scope::Watch,
        condition: Condition::Spike(SpikeSettings::default()),
        severity: Severity::Warning,
        for_ms: 0,
        keep_firing_for_ms: 60_000,
        cooldown_ms: 60_000,
        samples_max: 5,
    }
}
