//! Asks the running daemon to do something, and waits for what comes of it.

use std::io;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

use crate::cli::exit::EXIT_USAGE;
use crate::cli::socket::{SocketArgs, candidates, first_there};
use crate::cli::terminal::{print, print_error};
use crate::serve::control::{self, ControlAnswer, ControlRequest};

/// How long the daemon may take. A reload may wait for the first look at files that are new, and for a slow disk.
const LIMIT: Duration = Duration::from_secs(120);

/// Asks, and prints the answer. Returns the exit status of the process: 0 if it is done, 2 if it was refused, 1 if no daemon answers.
pub(super) fn run(socket: &SocketArgs, request: &ControlRequest) -> ExitCode {
    match ask(socket.path(), request) {
        Ok(ControlAnswer::Done(what)) => {
            print(&format!("{what}\n"));
            ExitCode::SUCCESS
        }
        Ok(ControlAnswer::Refused(why)) => {
            print_error(why);
            ExitCode::from(EXIT_USAGE)
        }
        Err(error) => {
            print_error(error);
            ExitCode::FAILURE
        }
    }
}

/// What the daemon answers to `request`; the error says where it was looked for, and what to do.
pub(super) fn ask(socket: Option<&Path>, request: &ControlRequest) -> Result<ControlAnswer, String> {
    // Beside the socket at which it says how it stands.
    let candidates: Vec<PathBuf> = candidates(socket)
        .into_iter()
        .map(|path| if path.ends_with(control::NAME) { path } else { path.with_file_name(control::NAME) })
        .collect();
    let path = &first_there(&candidates)?;
    control::call(path, request, LIMIT).map_err(|error| {
        let mend = match error.kind() {
            io::ErrorKind::PermissionDenied => "ask as root, or as the user that runs the daemon",
            io::ErrorKind::ConnectionRefused => "the daemon that left it there has ended; start it again",
            io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut => "it takes too long; see its log",
            _ => "see whether the daemon runs",
        };
        format!("cannot ask the daemon at {}: {error}; {mend}", path.display())
    })
}
