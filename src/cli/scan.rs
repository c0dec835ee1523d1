//! `spiketail scan`: counts the matching lines of existing files by rule, as `grep -c` does.

mod count;
mod groups;
mod input;
mod journal;
mod report;

use std::io::{self, Write};
use std::path::PathBuf;
use std::process::ExitCode;

use crate::cli::terminal::{print_error, width};
pub use count::{FileCount, ScanOptions, ScanReport, count};

use crate::cli::journal::JournalArg;
use crate::cli::progress::{Progress, ProgressArg};
use crate::cli::selection::Selection;
use crate::config::flags::Flags;
use crate::config::{self, ConfigError};
use crate::file::settings::ReadMethod;
use crate::scan::bulk::BulkTally;
use crate::scan::rules::{RuleSet, RuleSpec};
use groups::{ScanGroup, groups};

/// Exit status when nothing matched.
const NOTHING_MATCHED: u8 = 1;
/// Exit status when something cannot be read, or the usage is wrong.
const FAILED: u8 = 2;

/// Count matching lines in existing files.
///
/// Files may be plain or compressed (gzip, zstd, bzip2, xz; recognised by content). Exits with 0 if a line matched,
/// with 1 if none did, and with 2 if a file could not be read.
#[derive(Debug, clap::Args)]
pub struct ScanArgs {
    /// Files to scan; `-` is standard input
    #[arg(value_name = "PATH", required_unless_present = "journal")]
    pub paths: Vec<PathBuf>,

    /// Look for this regular expression instead of errors (level error, or the form of one); may be repeated, any of them counts
    #[arg(short = 'e', long = "regexp", value_name = "PATTERN", allow_hyphen_values = true)]
    pub patterns: Vec<String>,

    /// Take every -e as a text, not as a regular expression
    #[arg(short = 'F', long)]
    pub fixed_strings: bool,

    /// Ignore case in all patterns
    #[arg(short = 'i', long)]
    pub ignore_case: bool,

    /// Leave out lines in which this regular expression matches; may be repeated
    #[arg(long, value_name = "PATTERN", allow_hyphen_values = true)]
    pub not: Vec<String>,

    #[command(flatten)]
    journal: JournalArg,

    #[command(flatten)]
    selection: Selection,

    /// Count by the rules of this configuration
    #[arg(short = 'c', long, value_name = "FILE",
          conflicts_with_all = ["patterns", "fixed_strings", "ignore_case", "not", "level", "record_start", "multiline"])]
    pub config: Option<PathBuf>,

    /// Print one JSON object
    #[arg(long)]
    pub json: bool,

    /// How many threads scan [default: one for each processor]
    #[arg(long, value_name = "N")]
    pub threads: Option<std::num::NonZeroUsize>,

    /// How plain files are read; auto is pread
    #[arg(long, value_enum, default_value_t = ReaderArg::Auto)]
    pub reader: ReaderArg,

    #[command(flatten)]
    progress: ProgressArg,
}

/// How plain files are read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum ReaderArg {
    /// The fastest way, as measured.
    Auto,
    /// Through mapped windows.
    Mmap,
    /// Into buffers.
    Pread,
}

/// Runs the command. Problems are written to standard error.
#[must_use]
pub fn run(args: &ScanArgs) -> ExitCode {
    match try_run(args) {
        Ok(code) => code,
        Err(error) => {
            print_error(format_args!("{error:#}"));
            ExitCode::from(FAILED)
        }
    }
}

fn try_run(args: &ScanArgs) -> anyhow::Result<ExitCode> {
    let specs = rule_specs(args)?;
    let names = &specs.iter().map(|spec| spec.name.clone()).collect::<Vec<_>>();
    let (files, problems) = if args.journal.is_given() {
        journal::count(&args.journal, &RuleSet::compile(&specs)?, args.progress)?
    } else {
        let paths = args.selection.kept(&args.paths)?;
        let groups = groups(&specs, args.config.as_slice(), &paths)?;
        (count_with_progress(args, &paths, &groups, names.len()), Vec::new())
    };
    problems.iter().for_each(print_error);
    let mut out = io::BufWriter::new(io::stdout().lock());
    let written = if args.json {
        report::write_json(&mut out, names, &files)
    } else {
        report::write_table(&mut out, names, &files, width())
    };
    match written.and_then(|()| out.flush()) {
        // The reader of the output has seen enough.
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => {}
        written => written.map_err(|e| anyhow::anyhow!("cannot write to standard output: {e}"))?,
    }
    let matched = files.iter().flat_map(|file| &file.tally.lines_matched).any(|lines| *lines > 0);
    Ok(if !problems.is_empty() || files.iter().any(|file| file.failed) {
        ExitCode::from(FAILED)
    } else if matched {
        ExitCode::SUCCESS
    } else {
        ExitCode::from(NOTHING_MATCHED)
    })
}

fn rule_specs(args: &ScanArgs) -> Result<Vec<RuleSpec>, ConfigError> {
    let flags = Flags {
        patterns: args.patterns.clone(),
        fixed_strings: args.fixed_strings,
        ignore_case: args.ignore_case,
        not: args.not.clone(),
        ..Flags::default()
    };
    config::rules(args.config.as_slice(), &args.selection.onto(flags))
}

/// Counts the paths of all groups, in the order of the command line.
fn count_with_progress(
    args: &ScanArgs,
    paths: &[PathBuf],
    groups: &[ScanGroup],
    rules: usize,
) -> Vec<FileCount> {
    let reader = match args.reader {
        ReaderArg::Auto | ReaderArg::Pread => ReadMethod::Pread,
        ReaderArg::Mmap => ReadMethod::Mmap,
    };
    let mut options = ScanOptions::for_reader(reader);
    if let Some(threads) = args.threads {
        options.threads = threads.get();
    }
    let progress = Progress::of_files(args.progress, paths);
    let (mut files, mut bytes_before) = (Vec::with_capacity(paths.len()), 0);
    for group in groups {
        let line_bytes_max = group.line_bytes_max.unwrap_or(options.line_bytes_max);
        let options = ScanOptions { line_bytes_max, format: group.format, ..options.clone() };
        let mut bytes_of_group = 0;
        let counted = count(&group.paths, &group.rules, &options, &mut |report| match report {
            ScanReport::Problem(text) => progress.suspend(|| print_error(&text)),
            ScanReport::Bytes(bytes) => {
                bytes_of_group = bytes;
                progress.set(bytes_before + bytes);
            }
        });
        bytes_before += bytes_of_group;
        files.extend(
            group.places.iter().zip(counted).map(|(place, count)| (*place, in_columns(count, group, rules))),
        );
    }
    progress.clear();
    files.sort_by_key(|(place, _)| *place);
    files.into_iter().map(|(_, count)| count).collect()
}

/// `count` with a number for each of all rules.
fn in_columns(mut count: FileCount, group: &ScanGroup, rules: usize) -> FileCount {
    let mut tally = BulkTally { bytes: count.tally.bytes, ..BulkTally::new(rules) };
    for (column, lines) in group.columns.iter().zip(&count.tally.lines_matched) {
        tally.lines_matched[*column] = *lines;
    }
    count.tally = tally;
    count
}
