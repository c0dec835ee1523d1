//! Where the daemon keeps its state.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use crate::serve::socket;

/// The folder for the state, and who chose it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Folder {
    /// A person or the service manager named it.
    Named(PathBuf),
    /// Where programs of this user keep theirs.
    Default(PathBuf),
    /// Nobody said where.
    Unknown,
}

impl Folder {
    /// The folder, if it is known.
    pub(super) fn path(&self) -> Option<&Path> {
        match self {
            Folder::Named(folder) | Folder::Default(folder) => Some(folder),
            Folder::Unknown => None,
        }
    }
}

/// `flag` is what the command line says; `env` gives environment variables.
pub(super) fn folder(flag: Option<PathBuf>, env: impl Fn(&str) -> Option<OsString>) -> Folder {
    if let Some(folder) = flag {
        return Folder::Named(folder);
    }
    let absolute = |name: &str| env(name).map(PathBuf::from).filter(|path| path.is_absolute());
    // systemd lists several if the unit has several.
    let of_service = env("STATE_DIRECTORY").and_then(|list| std::env::split_paths(&list).next());
    if let Some(folder) = of_service.filter(|path| path.is_absolute()) {
        return Folder::Named(folder);
    }
    let of_user = absolute("XDG_STATE_HOME").or_else(|| Some(absolute("HOME")?.join(".local/state")));
    of_user.map_or(Folder::Unknown, |folder| Folder::Default(folder.join("spiketail")))
}

/// Where the daemon with its state in `folder` answers: in the folder that systemd gives it, else beside its state.
pub(super) fn socket(folder: Option<&Folder>, env: impl Fn(&str) -> Option<OsString>) -> Option<PathBuf> {
    let of_service = env("RUNTIME_DIRECTORY").and_then(|list| std::env::split_paths(&list).next());
    let folder = of_service.filter(|path| path.is_absolute()).or_else(|| match folder? {
        Folder::Named(folder) | Folder::Default(folder) => Some(folder.clone()),
        Folder::Unknown => None,
    })?;
    Some(folder.join(socket::NAME))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_nearest_word_counts() {
        let all = [("STATE_DIRECTORY", "/var/lib/a:/var/lib/b"), ("XDG_STATE_HOME", "/x"), ("HOME", "/h")];
        let of = |flag: Option<&str>, from: usize| {
            let env = |name: &str| {
                all[from..].iter().find(|(key, _)| *key == name).map(|(_, value)| (*value).into())
            };
            folder(flag.map(PathBuf::from), env)
        };
        assert_eq!(of(Some("/s"), 0), Folder::Named("/s".into()));
        assert_eq!(of(None, 0), Folder::Named("/var/lib/a".into()));
        assert_eq!(of(None, 1), Folder::Default("/x/spiketail".into()));
        assert_eq!(of(None, 2), Folder::Default("/h/.local/state/spiketail".into()));
        assert_eq!(of(None, 3), Folder::Unknown);
    }
}
