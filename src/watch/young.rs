//! Files that were made just now: one that is written and removed before anyone looks would go unnoticed.

use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};

use lru::LruCache;
use notify::event::{EventKind, ModifyKind, RenameMode};
use xxhash_rust::xxh3::xxh3_64;

/// So many are remembered; the oldest were looked at long ago.
const YOUNG_MAX: NonZeroUsize = NonZeroUsize::new(4_096).expect("it is not 0");

/// Whether each of the newest files was written, by the hash of its path.
pub(super) struct YoungFiles(LruCache<u64, bool>);

impl Default for YoungFiles {
    fn default() -> YoungFiles {
        YoungFiles(LruCache::new(YOUNG_MAX))
    }
}

impl YoungFiles {
    /// Notes an event. Returns the path of a file that was made, written and removed.
    pub(super) fn take_removed(&mut self, event: &notify::Event) -> Option<PathBuf> {
        let path = event.paths.first()?;
        let key = key(path);
        match event.kind {
            EventKind::Create(_) => {
                self.0.put(key, false);
                None
            }
            EventKind::Modify(ModifyKind::Data(_)) => {
                if let Some(is_written) = self.0.peek_mut(&key) {
                    *is_written = true;
                }
                None
            }
            // It is searched for under its new name.
            EventKind::Modify(ModifyKind::Name(RenameMode::From)) => {
                self.0.pop(&key);
                None
            }
            EventKind::Remove(_) => self.0.pop(&key).filter(|is_written| *is_written).map(|_| path.clone()),
            _ => None,
        }
    }
}

fn key(path: &Path) -> u64 {
    xxh3_64(path.as_os_str().as_encoded_bytes())
}

#[cfg(test)]
mod tests {
    use notify::event::{CreateKind, DataChange, RemoveKind};

    use super::*;

    #[test]
    fn only_what_was_made_and_written_is_reported_when_it_is_removed() {
        const MADE: EventKind = EventKind::Create(CreateKind::File);
        const WRITTEN: EventKind = EventKind::Modify(ModifyKind::Data(DataChange::Any));
        const RENAMED: EventKind = EventKind::Modify(ModifyKind::Name(RenameMode::From));
        const REMOVED: EventKind = EventKind::Remove(RemoveKind::File);
        for (kinds, is_reported) in [
            (vec![MADE, WRITTEN, WRITTEN, REMOVED], true),
            (vec![MADE, REMOVED], false),
            (vec![WRITTEN, REMOVED], false),
            (vec![MADE, WRITTEN, RENAMED, REMOVED], false),
            (vec![MADE, WRITTEN, REMOVED, REMOVED], false),
        ] {
            let mut young = YoungFiles::default();
            let event = |kind| notify::Event::new(kind).add_path("/logs/app.log".into());
            let last = kinds.into_iter().map(|kind| young.take_removed(&event(kind))).last().flatten();
            assert_eq!(last.is_some(), is_reported);
        }
    }
}
