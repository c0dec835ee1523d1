//! `spiketail patterns`: which errors there are in existing logs. [`group`] reads the lines, [`report`] prints the result.

mod group;
mod report;

use std::io::{self, IsTerminal, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use crate::cli::exit::EXIT_USAGE;
use crate::cli::journal::JournalArg;
use crate::cli::progress::{Progress, ProgressArg};
use crate::cli::replay::inputs::LogFinder;
use crate::cli::selection::Selection;
use crate::cli::terminal::{print_error, width};
use crate::config;
use crate::config::flags::Flags;
use crate::pattern::PatternSettings;
use crate::scan::rules::{RuleSet, RuleSpec};
use group::{Assign, Grouped, LINE_BYTES_MAX};
use report::Sort;

/// Exit status when no line was grouped.
const NOTHING_MATCHED: u8 = 1;

/// Group the matching lines of existing files into patterns.
///
/// A pattern is the text of a message with what varies replaced by placeholders. Files may be plain or compressed (gzip, zstd,
/// bzip2, xz; recognised by content). Exits with 0 if a line matched, with 1 if none did, and with 2 if a file could not be read.
#[derive(Debug, clap::Args)]
pub struct PatternsArgs {
    /// Files to read; `-` is standard input
    #[arg(value_name = "PATH", required_unless_present = "journal")]
    paths: Vec<PathBuf>,
    /// Group the lines that match the rules of this configuration
    #[arg(short = 'c', long, value_name = "FILE",
          conflicts_with_all = ["patterns", "fixed_strings", "ignore_case", "not", "all", "level", "record_start", "multiline"])]
    config: Option<PathBuf>,
    /// Group lines that match this regular expression instead of errors (level error, or the form of one); may be repeated
    #[arg(
        short = 'e',
        long = "regexp",
        value_name = "PATTERN",
        allow_hyphen_values = true,
        conflicts_with = "all"
    )]
    patterns: Vec<String>,
    /// Take every -e as a text, not as a regular expression
    #[arg(short = 'F', long)]
    fixed_strings: bool,
    /// Ignore case in all patterns
    #[arg(short = 'i', long)]
    ignore_case: bool,
    /// Leave out lines in which this regular expression matches; may be repeated
    #[arg(long, value_name = "PATTERN", allow_hyphen_values = true, conflicts_with = "all")]
    not: Vec<String>,
    #[command(flatten)]
    journal: JournalArg,

    #[command(flatten)]
    selection: Selection,
    /// Group all lines
    #[arg(long, conflicts_with_all = ["level", "record_start", "multiline"])]
    all: bool,
    #[command(flatten)]
    progress: ProgressArg,
    /// The order of the patterns
    #[arg(long, value_enum, default_value_t = Sort::Count)]
    sort: Sort,
    /// Print one JSON object
    #[arg(long)]
    json: bool,
    /// Print for each line the id of its pattern when it was read, or with `final` after all merges; an empty line if it has none
    #[arg(long, value_enum, value_name = "WHEN", num_args = 0..=1, require_equals = true,
          default_missing_value = "read", conflicts_with = "json")]
    assign: Option<Assign>,
}

/// Runs the command. Problems are reported on standard error.
#[must_use]
pub fn run(args: &PatternsArgs) -> ExitCode {
    match try_run(args) {
        Ok(code) => code,
        Err(error) => {
            print_error(format_args!("{error:#}"));
            ExitCode::from(EXIT_USAGE)
        }
    }
}

fn try_run(args: &PatternsArgs) -> anyhow::Result<ExitCode> {
    let specs = specs(args)?;
    let rules = if args.all { None } else { Some(RuleSet::compile(&specs)?) };
    // A configuration need not watch anything; then lines are read as they are by default.
    let settings = args.config.as_ref().and_then(|_| config::load(args.config.as_slice()).ok());
    let finder = settings.as_ref().map(|settings| LogFinder::new(settings, None)).transpose()?;
    let lines_of = |path: &Path| finder.as_ref().and_then(|finder| finder.lines_of(path)).unwrap_or_default();
    let mut out = io::BufWriter::new(io::stdout().lock());
    let paths = args.selection.kept(&args.paths)?;
    // Ids that are written line by line would mix with the bar.
    let is_quiet = args.assign.is_some() && io::stdout().is_terminal();
    let progress = if is_quiet { Progress::default() } else { Progress::of_files(args.progress, &paths) };
    let mut grouped = Grouped::new(rules.clone(), &patterns_of(&specs)?, args.assign, progress.clone())?;
    let mut failed = false;
    let (problems, written) = grouped.read_journal(&args.journal, args.progress, &mut out)?;
    failed |= !problems.is_empty();
    problems.iter().for_each(print_error);
    let written = written.and_then(|()| {
        for path in &paths {
            if let Some(rules) = &rules {
                let watch = finder.as_ref().and_then(|finder| finder.watch(path));
                let compiled = watch.and_then(|watch| RuleSet::compile(&watch.rules).ok());
                let bytes_max = watch.map_or(LINE_BYTES_MAX, |watch| watch.file.line_bytes_max);
                grouped.set_rules(compiled.as_ref().unwrap_or(rules), bytes_max);
            }
            if let Err(error) = grouped.read(path, lines_of(path), &mut out) {
                if error.is_output() {
                    return Err(error.into_io());
                }
                failed = true;
                progress.suspend(|| print_error(error));
            }
        }
        progress.clear();
        match args.assign {
            Some(_) => grouped.write_final(&mut out)?,
            None if args.json => report::write_json(&mut out, grouped.registry(), args.sort)?,
            None => report::write_table(&mut out, grouped.registry(), args.sort, width())?,
        }
        out.flush()
    });
    match written {
        // The reader of the output has closed it.
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => {}
        written => written.map_err(|error| anyhow::anyhow!("cannot write to standard output: {error}"))?,
    }
    Ok(match grouped.registry().lines() {
        _ if failed => ExitCode::from(EXIT_USAGE),
        0 => ExitCode::from(NOTHING_MATCHED),
        _ => ExitCode::SUCCESS,
    })
}

/// The masks of the rules, which are those of all of them.
fn patterns_of(rules: &[RuleSpec]) -> anyhow::Result<PatternSettings> {
    let masks = rules.first().map(|rule| &rule.masks[..]).unwrap_or_default();
    Ok(masks.iter().try_fold(PatternSettings::default(), |settings, mask| settings.with_mask(mask))?)
}

fn specs(args: &PatternsArgs) -> anyhow::Result<Vec<RuleSpec>> {
    let flags = Flags {
        patterns: args.patterns.clone(),
        fixed_strings: args.fixed_strings,
        ignore_case: args.ignore_case,
        not: args.not.clone(),
        ..Flags::default()
    };
    Ok(config::rules(args.config.as_slice(), &args.selection.onto(flags))?)
}
