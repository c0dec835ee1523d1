//! `spiketail status`: asks the running daemon how everything stands.

mod ask;
mod table;

use std::io::{IsTerminal, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::time::Duration;

use crate::cli::terminal::print_error;
use crate::fmt::{display_path, printable_lines};
use crate::serve::status::{Status, StatusAlert, StatusFile};
pub(super) use ask::{Answer, ask, candidates};
pub(super) use table::{changes_of, figures_of};

/// How often `--watch` asks.
const WATCH_INTERVAL: Duration = Duration::from_secs(2);
/// A terminal that says it is narrower than this does not say how wide it is.
const WIDTH_MIN: usize = 20;
/// How many files are listed, unless all are asked for.
const LISTED_MAX: usize = 30;

/// What `spiketail status` takes.
#[derive(Debug, clap::Args)]
pub struct StatusArgs {
    /// Print the answer as JSON
    #[arg(long)]
    json: bool,
    /// Show it again every two seconds, in place
    #[arg(short, long, conflicts_with = "json")]
    watch: bool,
    /// List every file, however many there are
    #[arg(long)]
    all: bool,
    #[command(flatten)]
    socket: SocketArgs,
}

/// Where the daemon is asked.
#[derive(Debug, clap::Args)]
pub struct SocketArgs {
    /// Socket of the daemon [default: /run/spiketail/status.sock, else status.sock beside the state of this user]
    #[arg(long, value_name = "PATH")]
    pub(super) socket: Option<PathBuf>,
}

impl SocketArgs {
    /// The socket that was named.
    pub(super) fn path(&self) -> Option<&Path> {
        self.socket.as_deref()
    }
}

/// Runs the command. Returns the exit status of the process: 0 if the daemon answered and no alert fires, 1 if one does, 2 if
/// no one answered.
#[must_use]
pub fn run(args: &StatusArgs) -> ExitCode {
    if args.watch { watch(args) } else { once(args) }
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
    // What is not shown on a terminal is read by programs, which want whole lines.
    let size = std::io::stdout()
        .is_terminal()
        .then(|| rustix::termios::tcgetwinsize(std::io::stdout()).ok())
        .flatten();
    let width = size.map_or(usize::MAX, |size| usize::from(size.ws_col).max(WIDTH_MIN));
    table::table(status, if args.all { usize::MAX } else { listed_max }, width, is_coloured)
}

/// Until it is interrupted, or whoever reads has gone.
fn watch(args: &StatusArgs) -> ExitCode {
    // Nobody sends; the channel is a way to wait.
    let (_sender, never) = channel::<()>();
    loop {
        let rows =
            rustix::termios::tcgetwinsize(std::io::stdout()).map_or(40, |size| usize::from(size.ws_row));
        let text = match ask(args.socket.socket.as_deref()) {
            // The head, its captions and the prompt need some rows.
            Ok(answer) => shown(&answer.status, args, rows.saturating_sub(12).max(3)),
            Err(error) => format!("{}\n", printable_lines(&error)),
        };
        // Home, the text with each line cleared to its end, and nothing below.
        let text = format!("\x1b[H{}\x1b[J", text.replace('\n', "\x1b[K\n"));
        let mut stdout = std::io::stdout();
        if stdout.write_all(text.as_bytes()).and_then(|()| stdout.flush()).is_err() {
            return ExitCode::SUCCESS;
        }
        if never.recv_timeout(WATCH_INTERVAL) == Err(RecvTimeoutError::Disconnected) {
            return ExitCode::SUCCESS;
        }
    }
}

/// How a path is written by the daemon.
pub(super) fn is_path(file: &StatusFile, path: &Path) -> bool {
    file.path == display_path(path)
}
