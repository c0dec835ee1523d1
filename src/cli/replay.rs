//! `spiketail replay`: which alerts would have fired on the logs that are there, by the times in their lines.
//!
//! [`inputs`] puts the files of each log into order, [`stream`] reads a log, [`merge`] merges the logs by time and runs the
//! alerts, [`report`] and [`plot`] print the result. [`counts`] does the same for series that are counted already.

mod args;
mod counts;
mod histogram;
mod html;
pub(in crate::cli) mod inputs;
mod journal;
pub(in crate::cli) mod log_file;
mod merge;
mod plot;
mod recommend;
mod recorder;
mod report;
mod span;
pub(in crate::cli) mod stream;

use std::io::{self, Write};
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;

pub use args::ReplayArgs;

use crate::cli::exit::EXIT_USAGE;
use crate::cli::progress::Progress;
use crate::cli::replay::merge::Record;
use crate::cli::terminal::print_error;
use crate::config::{self, Flags, Settings};
use crate::engine::plan::CompiledPlan;

/// Runs the command. Returns the exit status of the process: 0, alerts or not; 2 if something cannot be read.
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
        // The reader of the output has seen enough.
        Err(error) if is_broken_pipe(&error) => ExitCode::SUCCESS,
        Err(error) => {
            print_error(format_args!("{error:#}"));
            ExitCode::from(EXIT_USAGE)
        }
    }
}

fn is_broken_pipe(error: &anyhow::Error) -> bool {
    error.downcast_ref::<io::Error>().is_some_and(|error| error.kind() == io::ErrorKind::BrokenPipe)
}

/// Returns whether everything could be read.
fn replay(args: &ReplayArgs, out: &mut impl Write) -> anyhow::Result<bool> {
    if args.paths.is_empty() && args.config.is_none() && !args.journal.is_given() {
        anyhow::bail!(
            "there is nothing to replay; name logs, such as `spiketail replay /var/log/syslog*`, `-` for standard input, \
             or a configuration whose watches match some, with `-c FILE`"
        );
    }
    let settings = settings(args)?;
    let compiled = Arc::new(CompiledPlan::new(&settings.plan)?);
    let (logs, read, mut problems) = if args.journal.is_given() {
        let number = inputs::named_watch(&settings, args.watch.as_deref())?.ok_or_else(|| {
            anyhow::anyhow!(
                "the configuration has several watches; say which one the journal is for with --watch NAME"
            )
        })?;
        let (read, problems) =
            journal::read(&args.journal, (number, &compiled.watches[number]), args.progress)?;
        (Vec::new(), read, problems)
    } else {
        let (logs, problems) = inputs::find(&settings, &args.paths, args.watch.as_deref(), &args.selection)?;
        (logs, Vec::new(), problems)
    };
    if logs.is_empty() && read.is_empty() && problems.is_empty() {
        anyhow::bail!("there is nothing to replay; name logs, or a configuration whose watches match some");
    }
    let record = if args.html.is_some() { Record::ForPage } else { Record::Nothing };
    let files = logs.iter().flat_map(|log| &log.files).map(|file| file.path.clone());
    let progress = Progress::of_files(args.progress, &files.collect::<Vec<_>>());
    let (replayed, recording) = merge::replay(&compiled, logs, read, (record, &progress), &mut problems);
    progress.clear();
    for problem in &problems {
        print_error(problem);
    }
    if let (Some(path), Some(recording)) = (&args.html, &recording) {
        html::write(path, &compiled, &replayed, recording)?;
    }
    let style = args.style()?;
    if args.json {
        report::write_json(out, &replayed)?;
    } else {
        report::write_text(out, &compiled, &replayed, &style)?;
    }
    Ok(problems.is_empty())
}

fn settings(args: &ReplayArgs) -> anyhow::Result<Settings> {
    if let Some(path) = &args.config {
        return Ok(config::load(std::slice::from_ref(path))?);
    }
    let flags = Flags {
        // Any path: those on the command line are read, whatever the settings watch.
        paths: vec![PathBuf::from("/")],
        patterns: args.patterns.clone(),
        ignore_case: args.ignore_case,
        not: args.not.clone(),
        alert_over: args.alert_over.clone(),
        ..Flags::default()
    };
    let flags = args.selection.onto(flags);
    let cwd = std::env::current_dir().unwrap_or_else(|_| PathBuf::from("/"));
    let mut settings = config::resolve(&[], &flags, &cwd)?;
    if args.alert_over.is_none() {
        settings.plan.alerts.extend(settings.plan.watches.first().map(|watch| args::unusual(&watch.name)));
    }
    Ok(settings)
}
