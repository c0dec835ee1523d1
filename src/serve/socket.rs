//! A socket in a folder, for people on this machine who may write to it.

use std::fs;
use std::io;
use std::os::unix::fs::{FileTypeExt, PermissionsExt};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};

/// The name of the socket in its folder.
pub const NAME: &str = "status.sock";

/// A socket that is removed when this is dropped.
pub struct Socket {
    path: PathBuf,
}

impl Socket {
    /// Listens at `path`. One that a dead process left there is replaced.
    ///
    /// # Errors
    /// What the system says, or that somebody else listens there.
    pub fn listen(path: &Path) -> io::Result<(Socket, UnixListener)> {
        Socket::listen_for(path, 0o660)
    }

    /// The same, for nobody but the user of this process and root.
    ///
    /// # Errors
    /// As [`Socket::listen`].
    pub fn listen_alone(path: &Path) -> io::Result<(Socket, UnixListener)> {
        Socket::listen_for(path, 0o600)
    }

    /// Whoever may write to it, by its `mode`, may ask.
    fn listen_for(path: &Path, mode: u32) -> io::Result<(Socket, UnixListener)> {
        let found = fs::symlink_metadata(path);
        if found.as_ref().is_ok_and(|meta| !meta.file_type().is_socket()) {
            return Err(io::Error::new(
                io::ErrorKind::AlreadyExists,
                "something stands there that is no socket",
            ));
        }
        if found.is_ok() {
            if UnixStream::connect(path).is_ok() {
                return Err(io::Error::new(io::ErrorKind::AddrInUse, "another daemon listens there"));
            }
            fs::remove_file(path)?;
        }
        let listener = UnixListener::bind(path)?;
        listener.set_nonblocking(true)?;
        fs::set_permissions(path, fs::Permissions::from_mode(mode))?;
        Ok((Socket { path: path.to_owned() }, listener))
    }
}

impl Drop for Socket {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.path);
    }
}
