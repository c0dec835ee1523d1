//! Where the files of the journal are.

use std::ffi::OsStr;
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use crate::fmt::display_path;

/// Where the journal is until `/var` can be written, and where it stays without a folder there.
const VOLATILE: &str = "/run/log/journal";
const PERSISTENT: &str = "/var/log/journal";
const MACHINE_ID: &str = "/etc/machine-id";

/// Which folders are read.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default)]
pub struct JournalPlaces {
    /// This folder with those in it, instead of the folders of the system.
    pub directory: Option<PathBuf>,
    /// The journals of these namespaces, too.
    pub namespaces: Vec<String>,
    /// The journals of all machines.
    pub all_machines: bool,
}

/// Why no journal can be read.
#[derive(Debug, thiserror::Error)]
pub enum FolderError {
    /// There is none.
    #[error(
        "there is no journal in {0}; see whether systemd-journald runs, or name the folder of the journal (in a container, mount it)"
    )]
    Missing(String),
    /// It may not be read.
    #[error(
        "cannot read the journal in {0}: permission denied; add the user that runs spiketail to the group systemd-journal \
         (`usermod -aG systemd-journal USER`)"
    )]
    Denied(String),
    /// What the system says.
    #[error("cannot read the journal in {0}: {1}")]
    Io(String, String),
}

/// A folder with journal files.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Folder {
    /// Whether its entries may be moved to a persistent folder. Such folders come first.
    pub(super) is_persistent: bool,
    pub(super) path: PathBuf,
}

impl JournalPlaces {
    /// Names of the places for people.
    #[must_use]
    pub fn shown(&self) -> String {
        self.directory.as_deref().map_or_else(|| format!("{PERSISTENT} and {VOLATILE}"), display_path)
    }

    /// The folders that there are now.
    pub(super) fn folders(&self) -> Result<Vec<Folder>, FolderError> {
        let mut folders = Vec::new();
        let mut trouble = None;
        let volatile = Path::new(VOLATILE);
        let roots = match &self.directory {
            Some(directory) => vec![directory.clone()],
            None => vec![volatile.to_owned(), PathBuf::from(PERSISTENT)],
        };
        for root in roots {
            let is_persistent = !root.starts_with("/run");
            match subfolders(&root) {
                Ok(names) => {
                    let wanted: Vec<PathBuf> = self.wanted(names);
                    folders.extend(
                        wanted.into_iter().map(|name| Folder { is_persistent, path: root.join(name) }),
                    );
                    if self.directory.is_some() {
                        folders.push(Folder { is_persistent, path: root });
                    }
                }
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                Err(error) => trouble = Some(error),
            }
        }
        folders.sort();
        match trouble {
            Some(error) if folders.is_empty() => Err(self.error(&error)),
            _ if folders.is_empty() => Err(FolderError::Missing(self.shown())),
            _ => Ok(folders),
        }
    }

    pub(super) fn error(&self, error: &io::Error) -> FolderError {
        match error.kind() {
            io::ErrorKind::PermissionDenied => FolderError::Denied(self.shown()),
            _ => FolderError::Io(self.shown(), error.to_string()),
        }
    }

    /// Which of the folders with these `names` are read. In a container the machine is known by the folder: if there is one only,
    /// it is that of the host.
    fn wanted(&self, names: Vec<PathBuf>) -> Vec<PathBuf> {
        if self.directory.is_some() || self.all_machines {
            return names;
        }
        let machine = machine_id();
        let own = |name: &&PathBuf| {
            let (id, namespace) = split(name);
            let is_own = Some(id) == machine.as_deref().map(OsStr::new);
            is_own
                && namespace
                    .is_none_or(|namespace| self.namespaces.iter().any(|known| known.as_str() == namespace))
        };
        let found: Vec<PathBuf> = names.iter().filter(own).cloned().collect();
        let hosts: Vec<&PathBuf> =
            names.iter().filter(|name| split(name).1.is_none() && is_machine(name)).collect();
        match (found.is_empty(), &hosts[..]) {
            (true, [host]) => vec![(*host).clone()],
            _ => found,
        }
    }
}

/// The id of a machine and the namespace in the name of a folder.
fn split(name: &Path) -> (&OsStr, Option<&OsStr>) {
    let bytes = name.as_os_str().as_bytes();
    match memchr::memchr(b'.', bytes) {
        Some(dot) => (OsStr::from_bytes(&bytes[..dot]), Some(OsStr::from_bytes(&bytes[dot + 1..]))),
        None => (name.as_os_str(), None),
    }
}

fn is_machine(name: &Path) -> bool {
    let name = name.as_os_str().as_bytes();
    name.len() == 32 && name.iter().all(u8::is_ascii_hexdigit)
}

fn machine_id() -> Option<String> {
    // Written by the system alone.
    let text = std::fs::read(MACHINE_ID).ok()?;
    Some(String::from_utf8_lossy(&text).trim().to_owned())
}

fn subfolders(root: &Path) -> io::Result<Vec<PathBuf>> {
    let entries = std::fs::read_dir(root)?.flatten();
    Ok(entries
        .map(|entry| entry.path())
        .filter(|path| path.is_dir())
        .filter_map(|path| Some(path.file_name()?.into()))
        .collect())
}

/// The journal files in `folder`.
pub(super) fn files_in(folder: &Path) -> io::Result<Vec<PathBuf>> {
    let is_journal = |path: &PathBuf| {
        let name = path.file_name().unwrap_or_default().as_bytes();
        name.ends_with(b".journal") || name.ends_with(b".journal~")
    };
    Ok(std::fs::read_dir(folder)?.flatten().map(|entry| entry.path()).filter(is_journal).collect())
}
