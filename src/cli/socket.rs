//! Where the daemon of this machine is asked.

use std::io;
use std::path::{Path, PathBuf};

use crate::cli::state;
use crate::serve::socket;

/// Where the socket of the service is.
const OF_SERVICE: &str = "/run/spiketail";

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

/// The socket, or the one that is found.
///
/// The error says where it was looked for, and what to do.
pub(super) fn find(socket: Option<&Path>) -> Result<PathBuf, String> {
    first_there(&candidates(socket))
}

/// The first of `candidates` that is there.
///
/// The error says where it was looked for, and what to do.
pub(super) fn first_there(candidates: &[PathBuf]) -> Result<PathBuf, String> {
    let is_there = |path: &&PathBuf| match path.symlink_metadata() {
        Ok(_) => true,
        // It may be there: connecting says what is in the way.
        Err(error) => error.kind() == io::ErrorKind::PermissionDenied,
    };
    let there = candidates.iter().find(is_there);
    there.cloned().ok_or_else(|| {
        let shown: Vec<_> = candidates.iter().map(|path| path.display().to_string()).collect();
        format!(
            "no daemon answers: there is no {}; see whether it runs, or name its socket with --socket",
            shown.join(" and no ")
        )
    })
}

/// Where the socket may be.
pub(super) fn candidates(socket: Option<&Path>) -> Vec<PathBuf> {
    if let Some(path) = socket {
        return vec![path.to_owned()];
    }
    let env = |name: &str| std::env::var_os(name);
    let of_user = state::socket(Some(&state::folder(None, env)), env);
    [Some(Path::new(OF_SERVICE).join(socket::NAME)), of_user].into_iter().flatten().collect()
}
