//! `spiketail explain`: whether a path is watched, by what, or why not, and what happened to it recently.

use std::cmp::Reverse;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use crate::cli::exit::EXIT_USAGE;
use crate::cli::socket::SocketArgs;
use crate::cli::status::{ask, changes_of, figures_of, is_path};
use crate::cli::terminal::{print, print_error};
use crate::config::{self, Settings};
use crate::fmt::{display_path, printable};
use crate::serve::status::Status;
use crate::sys::open::open_regular;
use crate::watch::discovery::Discovery;
use crate::watch::spec::WatchSpec;
use crate::watch::survey::left_out;

/// So many patterns of a watch are shown.
const PATTERNS_MAX: usize = 5;

/// What `spiketail explain` takes.
#[derive(Debug, clap::Args)]
pub struct ExplainArgs {
    /// The path of a log
    #[arg(value_name = "PATH")]
    path: PathBuf,
    /// Configuration of the daemon [default: that of the service; none with --socket]
    #[arg(short, long, value_name = "FILE")]
    config: Vec<PathBuf>,
    #[command(flatten)]
    socket: SocketArgs,
}

/// Runs the command. Returns the exit status of the process: 0 if the path is watched, 1 if not, 2 if the configuration cannot be
/// used.
#[must_use]
pub fn run(args: &ExplainArgs) -> ExitCode {
    match try_run(args) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            print_error(format_args!("{error:#}"));
            ExitCode::from(EXIT_USAGE)
        }
    }
}

fn try_run(args: &ExplainArgs) -> anyhow::Result<bool> {
    // A name in a directory, whatever that directory is called otherwise; the file itself may be gone.
    let path = std::path::absolute(&args.path)?;
    print(&format!("{}\n", display_path(&path)));
    let (is_meant, reasons) = match configuration(args)? {
        Some(settings) => by_configuration(&settings, &path)?,
        None => (false, Vec::new()),
    };
    reasons.iter().for_each(|reason| print(&format!("  {reason}\n")));
    if !path.try_exists().unwrap_or(true) {
        print("  nothing is there now\n");
    } else if is_meant && let Err(error) = open_regular(&path) {
        print(&format!("  this user cannot read it: {error}\n"));
    }
    let mut is_watched = is_meant;
    match ask(args.socket.socket.as_deref()) {
        Ok(answer) => {
            let mut is_known = false;
            for file in answer.status.files.iter().filter(|file| is_path(file, &path)) {
                (is_known, is_watched) = (true, true);
                print(&format!("  the daemon, for [watch.{}]:\n", file.watch));
                figures_of(file)
                    .iter()
                    .chain(&changes_of(file))
                    .for_each(|line| print(&format!("    {line}\n")));
            }
            patterns_of(&answer.status, &path).iter().for_each(|line| print(&format!("  {line}\n")));
            if !is_known {
                print(&format!("  the daemon does not know it{}\n", if is_meant { " (yet)" } else { "" }));
            }
        }
        Err(error) => print(&format!("  {error}\n")),
    }
    Ok(is_watched)
}

/// What the daemon is configured by. One that is named by its socket says itself what it watches.
fn configuration(args: &ExplainArgs) -> anyhow::Result<Option<Settings>> {
    match (args.config.as_slice(), &args.socket.socket) {
        ([], Some(_)) => Ok(None),
        ([], None) => Ok(Some(config::load(&config::DEFAULT_PATHS.map(PathBuf::from))?)),
        (paths, _) => Ok(Some(config::load(paths)?)),
    }
}

/// The most frequent patterns of the watches to which `path` belongs, as lines.
fn patterns_of(status: &Status, path: &Path) -> Vec<String> {
    let mut lines = Vec::new();
    let mut watches: Vec<&str> =
        status.files.iter().filter(|file| is_path(file, path)).map(|file| file.watch.as_str()).collect();
    watches.dedup();
    for watch in watches {
        let mut patterns: Vec<_> = status.patterns.iter().filter(|pattern| pattern.watch == watch).collect();
        if patterns.is_empty() {
            continue;
        }
        patterns.sort_by_key(|pattern| Reverse(pattern.lines));
        lines.push(format!("what matches in all files of [watch.{watch}]:"));
        for pattern in patterns.iter().take(PATTERNS_MAX) {
            let text = if pattern.text.is_empty() { &pattern.pattern } else { &pattern.text };
            lines.push(format!("  {:>9}  {}: {}", pattern.lines, printable(&pattern.rule), printable(text)));
        }
    }
    lines
}

/// Whether any watch means `path`, and a sentence from each.
fn by_configuration(settings: &Settings, path: &Path) -> anyhow::Result<(bool, Vec<String>)> {
    let all = Discovery::new(&settings.finds)?;
    let mut is_meant = false;
    let mut reasons = Vec::new();
    for (watch, spec) in settings.plan.watches.iter().zip(&settings.finds) {
        let name = &watch.name;
        if all.means(&watch.name, path) {
            is_meant = true;
            let by: Vec<_> = matching(spec, path).iter().map(|pattern| display_path(pattern)).collect();
            reasons.push(format!("watched: [watch.{name}] means it, by {}", by.join(" and ")));
        } else if let Some(why) = left_out(spec, path)? {
            reasons.push(format!("not watched: [watch.{name}] leaves it out: {why}"));
        } else {
            let paths: Vec<_> = spec.paths.iter().map(|path| display_path(path)).collect();
            reasons.push(format!("not watched: [watch.{name}] means {}", paths.join(", ")));
        }
    }
    Ok((is_meant, reasons))
}

/// Which paths of `spec` mean `path`.
fn matching(spec: &WatchSpec, path: &Path) -> Vec<PathBuf> {
    let means = |pattern: &&PathBuf| {
        let alone = WatchSpec { paths: vec![(*pattern).clone()], ..spec.clone() };
        Discovery::new(&[alone]).is_ok_and(|discovery| discovery.means(&spec.name, path))
    };
    spec.paths.iter().filter(means).cloned().collect()
}
