//! What is known of the entries of a folder as a whole: which numbers were read, and which entries are there twice.

use serde::{Deserialize, Serialize};

use crate::source::journal::entry::JournalEntry;
use crate::source::journal::format::Id128;

/// Which sequence numbers of a folder were read. All files of a folder share one counter, so numbers that are in no file are
/// entries that were removed before they could be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub(super) struct Sequence {
    /// All before and with this one are done.
    base: u64,
    newest: u64,
    /// How many after `base` were read, or reported as missed.
    read: u64,
    /// The newest one that was read of a sequence that began again.
    #[serde(default)]
    restarted: u64,
}

impl Sequence {
    /// A folder of which everything up to `seqnum` is done.
    pub(super) fn from(seqnum: u64) -> Sequence {
        Sequence { base: seqnum, newest: seqnum, ..Sequence::default() }
    }

    /// Whether it goes further than `other`.
    pub(super) fn is_after(&self, other: &Sequence) -> bool {
        self.newest > other.newest
    }

    pub(super) fn note(&mut self, seqnum: u64) {
        if seqnum <= self.base {
            self.restarted = self.restarted.max(seqnum);
            return;
        }
        self.newest = self.newest.max(seqnum);
        self.read += 1;
    }

    /// How many entries are in no file, when everything is read. The files are not read at one moment: entries that came
    /// meanwhile may seem to be missing until the next time.
    pub(super) fn gap(&mut self) -> u64 {
        let restarted = std::mem::take(&mut self.restarted);
        if restarted > 0 && self.newest == self.base {
            *self = Sequence::from(restarted);
        }
        (self.newest - self.base).saturating_sub(self.read)
    }

    /// Takes `missed` entries for done.
    pub(super) fn give_up(&mut self, missed: u64) {
        self.read += missed;
        if self.newest - self.base == self.read {
            *self = Sequence::from(self.newest);
        }
    }
}

/// The entries of one boot that were read from a volatile folder. The journal copies them when it moves to a persistent one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct CopiedSpan {
    boot_id: Id128,
    first_us: u64,
    last_us: u64,
}

impl CopiedSpan {
    /// Adds an entry of a volatile folder to what was read of its boot.
    pub(super) fn extend(span: &mut Option<CopiedSpan>, entry: &JournalEntry) {
        let at = entry.monotonic_us;
        match span {
            Some(known) if known.boot_id == entry.boot_id => {
                known.first_us = known.first_us.min(at);
                known.last_us = known.last_us.max(at);
            }
            _ => *span = Some(CopiedSpan { boot_id: entry.boot_id, first_us: at, last_us: at }),
        }
    }

    /// Everything of the boot up to `entry`.
    pub(super) fn up_to(entry: &JournalEntry) -> CopiedSpan {
        CopiedSpan { boot_id: entry.boot_id, first_us: 0, last_us: entry.monotonic_us }
    }

    /// Whether an entry of a persistent folder is a copy of one that was read.
    pub(super) fn holds(&self, entry: &JournalEntry) -> bool {
        self.boot_id == entry.boot_id && (self.first_us..=self.last_us).contains(&entry.monotonic_us)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_that_are_in_no_file_are_missed_entries() {
        let mut sequence = Sequence::from(10);
        for seqnum in [11, 12, 15, 14] {
            sequence.note(seqnum);
        }
        assert_eq!(sequence.gap(), 1);
        // It was in the other file.
        sequence.note(13);
        assert_eq!(sequence.gap(), 0);
        sequence.note(20);
        assert_eq!(sequence.gap(), 4);
        sequence.give_up(4);
        assert_eq!(sequence, Sequence::from(20));
    }

    #[test]
    fn a_sequence_that_begins_again_misses_nothing() {
        let mut sequence = Sequence::from(1_000);
        sequence.note(1);
        sequence.note(2);
        assert_eq!(sequence.gap(), 0);
        sequence.note(3);
        sequence.note(5);
        assert_eq!(sequence.gap(), 1);
    }
}
