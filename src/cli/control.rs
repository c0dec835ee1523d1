//! Asks the running daemon to do something, and waits for what comes of it.

use std::io;
use std::path::PathBuf;
use std::time::Duration;

use crate::cli::socket::{SocketArgs, candidates};

use crate::serve::control::{self, ControlAnswer, ControlRequest};

/// How long the daemon may take. A reload may wait for the first look at files that are new, and for a slow disk.
const LIMIT: Duration = Duration::from_secs(120);

/// What the daemon answers to `request`; the error says where it was looked for, and what to do.
pub(super) fn ask(socket: &SocketArgs, request: &ControlRequest) -> Result<ControlAnswer, String> {
    // Beside the socket at which it says how it stands.
    let candidates: Vec<PathBuf> = candidates(socket.path())
        .into_iter()
        .map(|path| if path.ends_with(control::NAME) { path } else { path.with_file_name(control::NAME) })
        .collect();
    let there = candidates.iter().find(|path| path.symlink_metadata().is_ok());
    let Some(path) = there else {
        let shown: Vec<_> = candidates.iter().map(|path| path.display().to_string()).collect();
        return Err(format!(
            "no daemon answers: there is no {}; see whether it runs, or name its socket with --socket",
            shown.join(" and no ")
        ));
    };
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
