//! The arguments of `spiketail replay`, and what they mean for its output.

use std::path::PathBuf;

use crate::alert::{AlertNotes, AlertSpec, Scope};
use crate::cli::complete;
use crate::cli::journal::JournalArg;
use crate::cli::progress::ProgressArg;
use crate::cli::replay::report::Style;
use crate::cli::selection::Selection;
use crate::cli::terminal::width;
use crate::detect::condition::Condition;
use crate::detect::spike::SpikeSettings;
use crate::event::Severity;
use crate::scan::timestamp;

/// Arguments of `spiketail replay`.
#[derive(Debug, clap::Args)]
pub struct ReplayArgs {
    /// Logs, plain or compressed, or directories of them; what rotation made of a log is put into order. `-` is standard input.
    /// With a configuration the default is what its watches match.
    #[arg(value_name = "PATH")]
    pub(super) paths: Vec<PathBuf>,
    /// Configuration whose rules and alerts are used [default: errors, by level or by form; more than 50 a minute, or a spike]
    #[arg(short, long, value_name = "FILE", conflicts_with_all = ["level", "record_start", "multiline"])]
    pub(super) config: Option<PathBuf>,
    /// The watch that paths belong to which no watch of the configuration matches
    #[arg(long, value_name = "NAME", requires = "config", add = complete::watches())]
    pub(super) watch: Option<String>,
    /// Count lines that match this regular expression (may be repeated) [default: errors, by level or by form]
    #[arg(short = 'e', long = "regexp", value_name = "PATTERN", conflicts_with = "config")]
    pub(super) patterns: Vec<String>,
    /// Ignore case
    #[arg(short, long, conflicts_with = "config")]
    pub(super) ignore_case: bool,
    /// Do not count lines that match this regular expression (may be repeated)
    #[arg(long = "not", value_name = "PATTERN", conflicts_with = "config")]
    pub(super) not: Vec<String>,
    #[command(flatten)]
    pub(super) journal: JournalArg,
    #[command(flatten)]
    pub(super) selection: Selection,
    /// Alert when more than COUNT lines match within TIME [default: 50/1m]
    #[arg(long, value_name = "COUNT/TIME", conflicts_with = "config")]
    pub(super) alert_over: Option<String>,
    /// Judge the rows `timestamp,value` of this file instead of logs, one row a bucket
    #[arg(long, value_name = "CSV", conflicts_with_all = ["paths", "journal", "patterns", "not", "alert_over", "watch"])]
    pub(super) counts: Option<PathBuf>,
    /// Print `timestamp,value,expected,score,state` for each row of --counts, and nothing else
    #[arg(long, requires = "counts", conflicts_with = "json")]
    pub(super) scores: bool,
    /// Print one JSON object for each alert that fires or resolves, and one for the whole
    #[arg(long)]
    pub(super) json: bool,
    /// Also write a page to this file: rates with what was usual, alerts and patterns, to look at in a browser
    #[arg(long, value_name = "FILE", conflicts_with = "counts")]
    pub(super) html: Option<PathBuf>,
    #[command(flatten)]
    pub(super) progress: ProgressArg,
    /// Show no plot
    #[arg(long)]
    pub(super) no_plot: bool,
    /// The zone of the times that are printed, such as `Europe/Berlin` or `local`
    #[arg(long, value_name = "ZONE", default_value = "UTC")]
    pub(super) zone: String,
}

impl ReplayArgs {
    /// How the result is printed.
    pub(super) fn style(&self) -> anyhow::Result<Style> {
        let zone = timestamp::zone(&self.zone).map_err(|error| anyhow::anyhow!("--zone: {error}"))?;
        Ok(Style { zone, terminal: width(), plots: !self.no_plot })
    }
}

/// The default alert for spikes.
pub(super) fn unusual(watch: &str) -> AlertSpec {
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
        notes: AlertNotes::default(),
    }
}
