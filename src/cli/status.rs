//! `spiketail status`: asks the running daemon how everything stands.

pub(in crate::cli) mod ask;
mod table;

use std::io::{IsTerminal, Write};
use std::path::Path;
use std::process::ExitCode;

use crate::cli::socket::SocketArgs;
use crate::cli::terminal::{print_error, width};
use crate::cli::top;
use crate::fmt::display_path;
use crate::serve::status::{Status, StatusAlert, StatusFile};
pub(super) use ask::{Answer, ask};
pub(super) use table::{changes_of, figures_of};

/// How many files are listed, unless all are asked for.
const LISTED_MAX: usize = 30;

/// What `spiketail status` takes.
#[derive(Debug, clap::Args)]
pub struct StatusArgs {
    /// Print the answer as JSON
    #[arg(long)]
    json: bool,
    /// Show it as it changes, as `spiketail top` does
    #[arg(short, long, conflicts_with = "json")]
    watch: bool,
    /// List every file, however many there are
    #[arg(long)]
    all: bool,
    #[command(flatten)]
    socket: SocketArgs,
}

/// Runs the command. Returns the exit status of the process: 0 if the daemon answered and no alert fires, 1 if one does, 2 if
/// no one answered.
#[must_use]
pub fn run(args: &StatusArgs) -> ExitCode {
    if args.watch { top::of_socket(&args.socket) } else { once(args) }
}

fn once(args: &StatusArgs) -> ExitCode {
    let Answer { json, status } = match ask(args.socket.socket.as_deref()) {
        Ok(answer) => answer,
        Err(error) => {
            print_error(error);
            return ExitCode::from(crate::cli::exit::EXIT_USAGE);
        }
    };
    let text = if args.json { json } else { shown(&status, args, LISTED_MAX) };
    // Whoever reads this may have read enough.
    let _ = std::io::stdout().write_all(text.as_bytes());
    let is_firing = status.alerts.iter().any(StatusAlert::is_firing);
    if is_firing { ExitCode::FAILURE } else { ExitCode::SUCCESS }
}

fn shown(status: &Status, args: &StatusArgs, listed_max: usize) -> String {
    let is_coloured = std::io::stdout().is_terminal() && std::env::var_os("NO_COLOR").is_none();
    table::table(status, if args.all { usize::MAX } else { listed_max }, width(), is_coloured)
}

/// How a path is written by the daemon.
pub(super) fn is_path(file: &StatusFile, path: &Path) -> bool {
    file.path == display_path(path)
}
