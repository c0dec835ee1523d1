//! Which files are closed when too many are open: those that were not used for the longest time, as far as the CLOCK
//! algorithm tells (F. J. Corbató, "A Paging Experiment with the Multics System", 1968), which takes a word per file.

use std::collections::{HashMap, VecDeque};

use crate::engine::entry::{FileEntry, OpenState};
use crate::units::PathId;

/// So many files are closed when the system has no descriptor left for another.
const CLOSED_AT_ONCE: usize = 64;

/// All open files.
#[derive(Debug, Default)]
pub(super) struct OpenFiles {
    /// Paths with open files, in the order in which the hand comes by.
    ring: VecDeque<PathId>,
    count: usize,
}

impl OpenFiles {
    /// Notes that a path holds so many `files` open after a turn.
    pub(super) fn note(&mut self, key: PathId, entry: &mut OpenState, files: usize) {
        self.count = self.count + files - entry.files as usize;
        (entry.files, entry.is_used) = (files as u32, true);
        if files > 0 && !entry.is_in_ring {
            entry.is_in_ring = true;
            self.ring.push_back(key);
        }
    }

    /// Closes files until at most `files_max` are open, but none that a worker has. Returns how many.
    pub(super) fn close_surplus(
        &mut self,
        entries: &mut HashMap<PathId, Box<FileEntry>>,
        files_max: usize,
    ) -> usize {
        let before = self.count;
        // The first time around, every one of them may have been used.
        for _ in 0..self.ring.len() * 2 {
            if self.count <= files_max {
                break;
            }
            let Some(key) = self.ring.pop_front() else { break };
            let Some(entry) = entries.get_mut(&key) else { continue };
            entry.open.is_in_ring = false;
            let mut files = entry.open.files as usize;
            if let Some(tail) = entry.tail.as_mut().filter(|_| !entry.open.is_used) {
                tail.park();
                files = tail.open_files();
            }
            self.note(key, &mut entry.open, files);
            entry.open.is_used = false;
        }
        before - self.count
    }

    /// Closes some files, because the system has no descriptor left. Returns how many.
    pub(super) fn close_some(&mut self, entries: &mut HashMap<PathId, Box<FileEntry>>) -> usize {
        self.close_surplus(entries, self.count.saturating_sub(CLOSED_AT_ONCE))
    }
}
