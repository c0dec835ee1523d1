//! The configuration file as text: read once, within a bound, and never from something that can block.

use std::fs::OpenOptions;
use std::io::{ErrorKind, Read};
use std::os::unix::fs::{FileTypeExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use super::error::ConfigError;
use super::sources::Sources;
use super::values::show_bytes;

/// The largest configuration file that is read, in bytes.
pub const CONFIG_BYTES_MAX: u64 = 1 << 20;

/// How many files a configuration may have.
const FILES_MAX: usize = 1_000;

/// The files at `paths` in this order, for a directory those in it whose names end in `.toml`, by name. They are found from `cwd`.
pub(super) fn read_all(paths: &[PathBuf], cwd: &Path) -> Result<Sources, ConfigError> {
    let mut sources = Sources::default();
    for path in paths {
        // A folder for further files need not be there.
        let is_folder = path.file_name().is_some_and(|name| name.as_encoded_bytes().ends_with(b".d"));
        if is_folder && !cwd.join(path).exists() {
            continue;
        }
        if !cwd.join(path).is_dir() {
            sources.add(&read_text(&cwd.join(path)).map_err(|error| named(error, path))?, path.clone());
            continue;
        }
        for path in files_in(path, cwd)? {
            sources.add(&read_text(&cwd.join(&path)).map_err(|error| named(error, &path))?, path);
        }
    }
    if sources.files().is_empty() {
        sources.add("", paths.first().cloned().unwrap_or_default());
    }
    if sources.files().len() > FILES_MAX {
        let reason =
            format!("a configuration has at most {FILES_MAX} files, and this one {}", sources.files().len());
        let path = paths.first().cloned().unwrap_or_default();
        return Err(ConfigError::Unreadable { path, reason });
    }
    Ok(sources)
}

/// The error under the name that the user knows.
fn named(error: ConfigError, path: &Path) -> ConfigError {
    match error {
        ConfigError::Unreadable { reason, .. } => ConfigError::Unreadable { path: path.to_owned(), reason },
        other => other,
    }
}

fn files_in(directory: &Path, cwd: &Path) -> Result<Vec<PathBuf>, ConfigError> {
    let refuse = |error: std::io::Error| ConfigError::Unreadable {
        path: directory.to_owned(),
        reason: format!("{error}; let the user that runs spiketail list it"),
    };
    let mut files = Vec::new();
    for entry in std::fs::read_dir(cwd.join(directory)).map_err(refuse)? {
        let name = entry.map_err(refuse)?.file_name();
        let is_meant = Path::new(&name).extension().is_some_and(|end| end == "toml");
        if is_meant && !name.as_encoded_bytes().starts_with(b".") {
            files.push(directory.join(name));
        }
    }
    files.sort();
    Ok(files)
}

/// Reads the whole file.
fn read_text(path: &Path) -> Result<String, ConfigError> {
    let refuse = |reason: String| ConfigError::Unreadable { path: path.to_owned(), reason };
    // Opening a FIFO waits for its other end unless asked not to.
    let file = OpenOptions::new()
        .read(true)
        .custom_flags(libc::O_NONBLOCK | libc::O_NOCTTY)
        .open(path)
        .map_err(|error| refuse(why_not_open(&error)))?;
    let metadata = file.metadata().map_err(|error| refuse(error.to_string()))?;
    let kind = metadata.file_type();
    if kind.is_dir() {
        return Err(refuse("it is a directory; name the file in it".to_owned()));
    }
    if !kind.is_file() {
        let what = if kind.is_fifo() { "a FIFO (named pipe)" } else { "a device or socket" };
        return Err(refuse(format!("it is {what}; copy its contents to a regular file and name that")));
    }
    let mut bytes = Vec::new();
    file.take(CONFIG_BYTES_MAX + 1).read_to_end(&mut bytes).map_err(|error| refuse(error.to_string()))?;
    if bytes.len() as u64 > CONFIG_BYTES_MAX {
        let limit = show_bytes(CONFIG_BYTES_MAX);
        return Err(refuse(format!("it is larger than {limit}; is it the right file, perhaps a log?")));
    }
    String::from_utf8(bytes).map_err(|error| {
        let valid = &error.as_bytes()[..error.utf8_error().valid_up_to()];
        let line = valid.iter().filter(|b| **b == b'\n').count() + 1;
        refuse(format!("line {line} is not UTF-8; save the file as UTF-8"))
    })
}

fn why_not_open(error: &std::io::Error) -> String {
    match error.kind() {
        ErrorKind::NotFound => "there is no such file; check the name, or create it".to_owned(),
        ErrorKind::PermissionDenied => {
            "permission denied; let the user that runs spiketail read it and enter the folders above it"
                .to_owned()
        }
        ErrorKind::NotADirectory => "a part of the path is a file, not a folder; check the name".to_owned(),
        _ => error.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refusal(path: &Path) -> String {
        let shown = read_text(path).unwrap_err().to_string();
        shown.replace(&format!("cannot read {}: ", path.display()), "")
    }

    fn write(name: &str, bytes: &[u8]) -> (tempfile::TempDir, PathBuf) {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join(name);
        std::fs::write(&path, bytes).unwrap();
        (dir, path)
    }

    #[test]
    fn a_file_is_read_up_to_the_bound() {
        let (_dir, path) = write("a.toml", &vec![b'#'; 1 << 20]);
        assert_eq!(read_text(&path).unwrap().len(), 1 << 20);
        let (_dir, path) = write("a.toml", &vec![b'#'; (1 << 20) + 1]);
        assert_eq!(refusal(&path), "it is larger than 1MiB; is it the right file, perhaps a log?");
    }

    #[test]
    fn what_cannot_be_read_says_how_to_mend_it() {
        let (dir, path) = write("a.toml", b"ok\nbad \xff\n");
        assert_eq!(refusal(&path), "line 2 is not UTF-8; save the file as UTF-8");
        assert_eq!(refusal(dir.path()), "it is a directory; name the file in it");
        assert_eq!(
            refusal(&dir.path().join("b.toml")),
            "there is no such file; check the name, or create it"
        );
        assert_eq!(
            refusal(&path.join("c.toml")),
            "a part of the path is a file, not a folder; check the name"
        );
        let device = refusal(Path::new("/dev/null"));
        assert_eq!(device, "it is a device or socket; copy its contents to a regular file and name that");
    }

    #[test]
    fn a_fifo_is_refused_at_once() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("fifo");
        rustix::fs::mknodat(rustix::fs::CWD, &path, rustix::fs::FileType::Fifo, 0o600.into(), 0).unwrap();
        let shown = refusal(&path);
        assert_eq!(shown, "it is a FIFO (named pipe); copy its contents to a regular file and name that");
    }
}
