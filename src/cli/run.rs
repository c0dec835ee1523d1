//! `spiketail run`: the daemon.

use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use clap::ValueEnum;
use tokio::sync::Notify;

use crate::app::{self, App, AppContext, AppError, Prepared, Start};
use crate::cli::exit::EXIT_USAGE;
use crate::cli::journal::JournalArg;
use crate::cli::selection::Selection;
use crate::cli::state::{self, Folder};
use crate::cli::summary;
use crate::cli::terminal::print_error;
use crate::config::{self, Flags};
use crate::event::{HealthEvent, HealthKind};
use crate::notify::Delivery;
use crate::output::{Color, Format, subscriber};
use crate::serve::signals;
use crate::store::sqlite::SqliteStore;
use crate::store::{CheckpointStore, Limits};
use crate::sys::memory::share_heaps;

/// How long the end waits for outputs to take what is queued.
const FLUSH_LIMIT: Duration = Duration::from_millis(500);

/// What `spiketail run` takes.
#[derive(Debug, clap::Args)]
pub struct RunArgs {
    /// Files, globs, or directories with all logs below them, up to 32 levels deep, to watch; they need not exist yet; `-` alone is
    /// standard input, until its end
    #[arg(value_name = "PATH")]
    paths: Vec<PathBuf>,
    /// Configuration file, or a directory of files that end in .toml (may be repeated: later ones add and override)
    #[arg(short, long, value_name = "FILE")]
    config: Vec<PathBuf>,
    /// Count lines that match this regular expression (may be repeated) [default: errors, by level or by form]
    #[arg(short = 'e', long = "regexp", value_name = "PATTERN")]
    patterns: Vec<String>,
    /// Take the patterns of -e as plain text
    #[arg(short = 'F', long)]
    fixed_strings: bool,
    /// Ignore case
    #[arg(short, long)]
    ignore_case: bool,
    /// Do not count lines that match this regular expression (may be repeated)
    #[arg(long = "not", value_name = "PATTERN")]
    not: Vec<String>,
    #[command(flatten)]
    journal: JournalArg,
    #[command(flatten)]
    selection: Selection,
    /// Alert when more than COUNT lines match within TIME [default: 50/1m]
    #[arg(long, value_name = "COUNT/TIME")]
    alert_over: Option<String>,
    /// Read files that are there already from their beginning
    #[arg(long)]
    from_start: bool,
    /// Folder for the state, so that counting goes on where it stopped [default: $STATE_DIRECTORY, or spiketail in the
    /// user's folder for state]
    #[arg(long, value_name = "DIR")]
    state: Option<PathBuf>,
    /// Keep no state: each start begins anew
    #[arg(long, conflicts_with = "state")]
    no_state: bool,
    /// How events are printed [default: console on a terminal, else json]
    #[arg(long, value_name = "FORMAT")]
    format: Option<FormatArg>,
    /// When colour is used [default: auto]
    #[arg(long, value_name = "WHEN")]
    color: Option<ColorArg>,
    /// Give out figures for Prometheus, health and status over HTTP at this address, or at this port of this machine
    #[arg(long, value_name = "ADDRESS")]
    listen: Option<String>,
    /// Filter of the daemon's own log on stderr, such as `info` or `spiketail=debug` [default: warn]
    #[arg(long, value_name = "FILTER", env = "SPIKETAIL_LOG")]
    log: Option<String>,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum FormatArg {
    Auto,
    Console,
    Json,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum ColorArg {
    Auto,
    Always,
    Never,
}

impl RunArgs {
    fn flags(self) -> (Vec<PathBuf>, Flags) {
        let flags = Flags {
            paths: self.paths,
            patterns: self.patterns,
            fixed_strings: self.fixed_strings,
            ignore_case: self.ignore_case,
            not: self.not,
            alert_over: self.alert_over,
            from_start: self.from_start,
            format: self.format.map(|format| match format {
                FormatArg::Auto => Format::Auto,
                FormatArg::Console => Format::Console,
                FormatArg::Json => Format::Json,
            }),
            color: self.color.map(|color| match color {
                ColorArg::Auto => Color::Auto,
                ColorArg::Always => Color::Always,
                ColorArg::Never => Color::Never,
            }),
            journal: self.journal.selection(),
            listen: self.listen,
            log: self.log,
            ..Flags::default()
        };
        (self.config, self.selection.onto(flags))
    }
}

/// Runs the daemon. Returns the exit status of the process: 0 after an orderly end, 2 for bad usage or configuration, 1 if it
/// cannot start.
pub fn run(mut args: RunArgs) -> ExitCode {
    share_heaps();
    let env = |name: &str| std::env::var_os(name);
    let state = (!args.no_state).then(|| state::folder(args.state.take(), env));
    let socket = state::socket(state.as_ref(), env);
    let (config, flags) = args.flags();
    let cwd = std::env::current_dir().unwrap_or_else(|_| PathBuf::from("/"));
    let load = || config::resolve(&config, &flags, &cwd);
    let settings = match load() {
        Ok(settings) => settings,
        Err(error) => {
            print_error(error);
            return ExitCode::from(EXIT_USAGE);
        }
    };
    // Of standard input there is nothing to come back to.
    let state = state.filter(|_| !settings.reads_stdin);
    match daemon(settings, state, socket, load) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            print_error(format_args!("{error:#}"));
            let is_configuration = error.downcast_ref().is_some_and(AppError::is_configuration);
            if is_configuration { ExitCode::from(EXIT_USAGE) } else { ExitCode::FAILURE }
        }
    }
}

/// Prepares whatever can be refused, so that nothing is committed by a daemon that cannot start, and runs the rest.
fn daemon(
    settings: config::Settings,
    state: Option<Folder>,
    socket: Option<PathBuf>,
    load: impl Fn() -> Result<config::Settings, config::ConfigError>,
) -> anyhow::Result<()> {
    let prepared = Prepared::new(&settings, None)?;
    let listener = app::listen(&settings)?;
    let requests = signals::requests().context("cannot install the signal handlers")?;
    let closed = Arc::new(Notify::new());
    let on_closed = Arc::clone(&closed);
    let ended = Arc::clone(&closed);
    let telemetry =
        subscriber::start(&settings.outputs, &settings.log, Arc::new(move || on_closed.notify_one()))
            .map_err(AppError::Output)?;
    let runtime =
        tokio::runtime::Builder::new_current_thread().enable_all().build().context("cannot start tokio")?;
    let state_folder = state.as_ref().and_then(Folder::path).map(PathBuf::from);
    let mut store = open_store(state)?;
    if store.is_none() && !settings.deliveries.is_empty() {
        // What is to be delivered waits there, as long as the daemon lives.
        store = Some(Box::new(SqliteStore::in_memory(Limits::in_memory())));
    }
    let delivery = Delivery::new()
        .context("cannot start the thread for deliveries; raise the limit of tasks (TasksMax=)")?;
    // Whoever read our output has gone: as for any filter in a pipe, the work is done.
    let shutdown = async { closed.notified().await };
    let (reads_stdin, is_for_people) = (settings.reads_stdin, summary::is_for_people(&settings.outputs));
    let app = App::start(Start { settings, prepared, listener, store, state_folder, delivery });
    let reporter = app.reporter();
    app.read_stdin(move || ended.notify_one());
    runtime.block_on(app.run(load, AppContext { telemetry: &telemetry, requests, socket }, shutdown));
    telemetry.flush(FLUSH_LIMIT);
    if reads_stdin {
        summary::print(&reporter, is_for_people)?;
    }
    Ok(())
}

/// The store in `folder`, if there is to be one. Only a folder that someone named must be free.
fn open_store(folder: Option<Folder>) -> anyhow::Result<Option<Box<dyn CheckpointStore>>> {
    let (folder, is_named) = match folder {
        None => return Ok(None),
        Some(Folder::Named(folder)) => (folder, true),
        Some(Folder::Default(folder)) => (folder, false),
        Some(Folder::Unknown) => {
            without_state("nobody said where to keep it");
            return Ok(None);
        }
    };
    match SqliteStore::open(&folder, Limits::default()) {
        Ok(store) => Ok(Some(Box::new(store))),
        Err(error) if is_named => Err(error.into()),
        Err(error) => {
            without_state(&error.to_string());
            Ok(None)
        }
    }
}

fn without_state(why: &str) {
    let message =
        format!("counts begin anew at each start: {why}; name a folder with --state, or say --no-state");
    HealthEvent::warning(HealthKind::NoState, message).emit();
}
