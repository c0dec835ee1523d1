//! What is wrong with watching, reported once while it lasts, and again if it comes back.

use std::collections::HashSet;
use std::path::{Path, PathBuf};

use notify::ErrorKind;

/// What a trouble is about: the same concern is the same trouble, however it is worded.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) enum IncidentKey {
    /// The kernel gives no inotify instance.
    Instance,
    /// The kernel gives no more watches.
    WatchLimit,
    /// This directory cannot be watched.
    Unwatched(PathBuf),
    /// This directory cannot be listed.
    Unlisted(PathBuf),
    /// The `**` of this pattern ends before the directories do.
    Depth(String),
}

/// The troubles that last. Whoever meets one says so in each pass; what is not met again has ended.
#[derive(Debug, Default)]
pub(super) struct Incidents {
    reported: HashSet<IncidentKey>,
    met: HashSet<IncidentKey>,
}

impl Incidents {
    /// Notes a trouble. True if it is new, and so to be reported.
    pub(super) fn meet(&mut self, concern: IncidentKey) -> bool {
        self.met.insert(concern.clone());
        self.reported.insert(concern)
    }

    /// Whether it was met in this pass.
    pub(super) fn is_met(&self, concern: &IncidentKey) -> bool {
        self.met.contains(concern)
    }

    /// A pass begins.
    pub(super) fn begin_pass(&mut self) {
        self.met.clear();
    }

    /// A pass ends. Returns the troubles that it did not meet.
    pub(super) fn end_pass(&mut self) -> Vec<IncidentKey> {
        let ended: Vec<IncidentKey> = self.reported.difference(&self.met).cloned().collect();
        self.reported.retain(|concern| self.met.contains(concern));
        ended
    }
}

/// Why a directory gets no watch, and how to fix it.
pub(super) fn refused(dir: &Path, error: notify::Error) -> (IncidentKey, String) {
    let at = dir.display();
    match error.kind {
        // One text for all directories: they will be many.
        ErrorKind::MaxFilesWatch => (
            IncidentKey::WatchLimit,
            "the kernel's watches are used up; raise fs.inotify.max_user_watches (sysctl); directories without a watch are polled".to_owned(),
        ),
        ErrorKind::Io(error) if error.kind() == std::io::ErrorKind::PermissionDenied => (
            IncidentKey::Unwatched(dir.to_owned()),
            format!("cannot watch {at}: {error}; the user that runs spiketail needs r on it; it is polled"),
        ),
        ErrorKind::Io(error) => {
            (IncidentKey::Unwatched(dir.to_owned()), format!("cannot watch {at}: {error}; it is polled"))
        }
        _ => (IncidentKey::Unwatched(dir.to_owned()), format!("cannot watch {at}: {error}; it is polled")),
    }
}

/// What to say when a trouble has ended. Nothing if it went with its directory.
pub(super) fn mended(concern: &IncidentKey) -> Option<String> {
    Some(match concern {
        IncidentKey::Instance => {
            "the kernel gave an inotify instance; directories are watched instead of polled".to_owned()
        }
        IncidentKey::WatchLimit => {
            "the kernel's watches suffice; no directory is polled for want of one".to_owned()
        }
        IncidentKey::Unwatched(dir) if dir.is_dir() => format!("{} is watched", dir.display()),
        IncidentKey::Unlisted(dir) if dir.is_dir() => format!("{} can be listed", dir.display()),
        IncidentKey::Depth(pattern) => format!("{pattern}: no directory is too deep any longer"),
        IncidentKey::Unwatched(_) | IncidentKey::Unlisted(_) => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_trouble_is_told_once_while_it_lasts_and_again_when_it_comes_back() {
        let mut troubles = Incidents::default();
        assert!(troubles.meet(IncidentKey::Instance));
        for _ in 0..2 {
            troubles.begin_pass();
            assert!(!troubles.meet(IncidentKey::Instance));
            assert_eq!(troubles.end_pass(), []);
        }
        troubles.begin_pass();
        assert_eq!(troubles.end_pass(), [IncidentKey::Instance]);
        troubles.begin_pass();
        assert_eq!(troubles.end_pass(), []);
        assert!(troubles.meet(IncidentKey::Instance));
    }
}
