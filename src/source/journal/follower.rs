//! Follows all files of the journal: each entry once, through rotation, vacuum and the move from `/run` to `/var`.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::io;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::source::journal::entry::JournalEntry;
use crate::source::journal::file::{FilePosition, JournalFile};
use crate::source::journal::folders::{Folder, FolderError, JournalPlaces, files_in};
use crate::source::journal::format::{Id128, JournalError};
use crate::source::journal::reader::{EntryReader, Next};
use crate::source::journal::sequence::{CopiedSpan, Sequence};
use crate::sys::open::{Stat, stat_path};

/// How many entries are read before others have their turn.
const ENTRIES_AT_ONCE: u64 = 4_096;
/// How long a gap must last until its entries are taken for lost, in milliseconds: entries may still be found in another file.
const GAP_MS: u64 = 2_000;

/// Where reading begins when nothing is remembered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Origin {
    /// With the oldest entry.
    Beginning,
    /// With what comes from now on.
    End,
}

/// What is remembered of a journal, besides the positions in its files.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct JournalState {
    sequences: BTreeMap<PathBuf, Sequence>,
    copied: Option<CopiedSpan>,
}

/// What one call of [`JournalFollower::read`] found, besides the entries.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ReadEntries {
    /// Whether there is more to read now.
    pub more: bool,
    /// How many entries were read, with those that are copies.
    pub entries: u64,
    /// How many entries were removed before they were read, or are in files that are damaged.
    pub missed: u64,
    /// How many entries could not be read, in whole or in part.
    pub damaged: u64,
    /// Where files were read to.
    pub positions: Vec<(Id128, FilePosition)>,
    /// Files that are gone.
    pub gone: Vec<Id128>,
    /// Whether a file came to its end for good, so that there may be a new one.
    pub is_rotated: bool,
}

/// See the [module](self).
pub struct JournalFollower {
    places: JournalPlaces,
    reader: EntryReader,
    state: JournalState,
    origin: Option<Origin>,
    /// Files whose position is known, whether they are there or not.
    positions: HashMap<Id128, FilePosition>,
    /// Files with entries to be read, now or later, in the order in which they are read.
    open: Vec<OpenFile>,
    /// By device, inode and birth.
    known: HashMap<(u64, u64, i64), Id128>,
    /// Files that cannot be read, and why.
    refused: BTreeMap<PathBuf, String>,
    gone: Vec<Id128>,
    /// Positions that were found by a look.
    found: Vec<(Id128, FilePosition)>,
    /// Whether everything from the beginning is being read, of which no one can tell what is missing.
    is_first_pass: bool,
    /// The smallest gap of each folder, and since when.
    gaps: HashMap<PathBuf, (u64, u64)>,
    entry: JournalEntry,
}

struct OpenFile {
    folder: Folder,
    file: JournalFile,
    position: FilePosition,
    /// Whether nothing more will be written to it.
    is_ended: bool,
}

impl JournalFollower {
    /// A follower that goes on from `positions` and `state`. Where nothing is remembered, it begins at `origin`.
    #[must_use]
    pub fn new(
        places: JournalPlaces,
        origin: Origin,
        positions: HashMap<Id128, FilePosition>,
        state: JournalState,
    ) -> JournalFollower {
        let is_new = positions.is_empty() && state == JournalState::default();
        JournalFollower {
            places,
            reader: EntryReader::default(),
            state,
            origin: is_new.then_some(origin),
            positions,
            open: Vec::new(),
            known: HashMap::new(),
            refused: BTreeMap::new(),
            gone: Vec::new(),
            found: Vec::new(),
            is_first_pass: false,
            gaps: HashMap::new(),
            entry: JournalEntry::default(),
        }
    }

    /// What is to be remembered besides the positions.
    #[must_use]
    pub fn state(&self) -> &JournalState {
        &self.state
    }

    /// Files that cannot be read, and why.
    #[must_use]
    pub fn refused(&self) -> &BTreeMap<PathBuf, String> {
        &self.refused
    }

    /// Looks which files there are.
    ///
    /// # Errors
    /// No folder, or no file of it can be read.
    pub fn look(&mut self) -> Result<(), FolderError> {
        let folders = self.places.folders();
        if matches!(folders, Err(FolderError::Missing(_))) {
            // Whatever comes is new.
            self.origin = self.origin.map(|_| Origin::Beginning);
        }
        let folders = folders?;
        let (mut present, mut denied, mut all_listed) = (HashSet::new(), None, true);
        self.refused.clear();
        for folder in &folders {
            let files = match files_in(&folder.path) {
                Ok(files) => files,
                Err(error) => {
                    all_listed = false;
                    denied = Some(self.places.error(&error));
                    continue;
                }
            };
            for path in files {
                let Ok(stat) = stat_path(&path) else { continue };
                if let Err(error) = self.note(folder, &path, &stat, &mut present) {
                    denied = Some(self.places.error(&error));
                    self.refused.insert(path, error.to_string());
                }
            }
        }
        if present.is_empty()
            && let Some(error) = denied
        {
            return Err(error);
        }
        if all_listed && !present.is_empty() && self.refused.is_empty() {
            self.forget_gone(&present);
        }
        // Volatile files first: what is copied from them is known then.
        self.open.sort_by_key(|open| (open.folder.is_persistent, open.file.header().head_realtime_us));
        self.begin();
        Ok(())
    }

    /// Opens the file at `path`, unless it is known and at its end.
    fn note(
        &mut self,
        folder: &Folder,
        path: &Path,
        stat: &Stat,
        present: &mut HashSet<Id128>,
    ) -> io::Result<()> {
        let key = (stat.dev, stat.ino, stat.born_ns);
        let is_final = path.as_os_str().as_encoded_bytes().ends_with(b"~");
        if let Some(id) = self.known.get(&key) {
            present.insert(*id);
            let open = self.open.iter_mut().find(|open| open.file.id() == *id);
            open.into_iter().for_each(|open| open.is_ended |= is_final);
            return Ok(());
        }
        let file = match self.reader.open(path) {
            Ok(file) => file,
            // It has no header yet, or none any more.
            Err(JournalError::Unwritten | JournalError::Vacuumed) => return Ok(()),
            Err(JournalError::Io(error)) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
            Err(JournalError::Io(error)) => return Err(error),
            Err(other) => return Err(io::Error::other(other.to_string())),
        };
        let id = file.id();
        if !present.insert(id) && self.open.iter().any(|open| open.file.id() == id) {
            return Ok(());
        }
        self.known.insert(key, id);
        let mut position = self.positions.get(&id).copied().unwrap_or_default();
        if !self.reader.is_valid(&file, &position) {
            position = self.search(&file, position.seqnum);
        }
        let is_ended = is_final || !file.header().is_online;
        self.open.push(OpenFile { folder: folder.clone(), file, position, is_ended });
        Ok(())
    }

    /// The position behind the entry with `seqnum`, in a file whose contents have changed.
    fn search(&mut self, file: &JournalFile, seqnum: u64) -> FilePosition {
        let mut position = FilePosition::default();
        loop {
            let before = position;
            match self.reader.next(file, &mut position, &mut self.entry) {
                Next::Entry if self.entry.seqnum > seqnum => return before,
                Next::Entry | Next::Damaged => {}
                Next::End | Next::Lost(_) => return position,
            }
        }
    }

    /// Begins where it was asked to, if this is the first look of all.
    fn begin(&mut self) {
        if self.open.is_empty() {
            return;
        }
        match self.origin.take() {
            None => return,
            Some(Origin::Beginning) => {
                self.is_first_pass = true;
                return;
            }
            Some(Origin::End) => {}
        }
        for open in &mut self.open {
            self.reader.skip_to_end(&open.file, &mut open.position);
            self.positions.insert(open.file.id(), open.position);
            self.found.push((open.file.id(), open.position));
            let sequence = self.state.sequences.entry(open.folder.path.clone()).or_default();
            let done = Sequence::from(open.position.seqnum);
            if done.is_after(sequence) {
                *sequence = done;
            }
            // What is copied later was there before the beginning, too.
            let has_last = self.reader.last(&open.file, &open.position, &mut self.entry).is_ok();
            if has_last && !open.folder.is_persistent {
                self.state.copied = Some(CopiedSpan::up_to(&self.entry));
            }
        }
    }

    fn forget_gone(&mut self, present: &HashSet<Id128>) {
        // What is deleted can be read as long as it is open.
        for open in &mut self.open {
            open.is_ended |= !present.contains(&open.file.id());
        }
        self.known.retain(|_, id| present.contains(id));
        let gone: Vec<Id128> = self.positions.keys().filter(|id| !present.contains(*id)).copied().collect();
        self.positions.retain(|id, _| present.contains(id));
        self.gone.extend(gone);
    }

    /// Reads what is new, or a part of it, and calls `see` with each entry. `now_ms` only has to grow with time.
    pub fn read(&mut self, now_ms: u64, see: &mut dyn FnMut(&JournalEntry)) -> ReadEntries {
        let (gone, positions) = (std::mem::take(&mut self.gone), std::mem::take(&mut self.found));
        let mut out = ReadEntries { gone, positions, ..ReadEntries::default() };
        let mut budget = ENTRIES_AT_ONCE;
        let mut open = std::mem::take(&mut self.open);
        open.retain_mut(|open| {
            if budget == 0 {
                out.more = true;
                return true;
            }
            match open.file.refresh() {
                Ok(true) => self.reader.forget(&open.file),
                Ok(false) => {}
                // What is missed shows in the sequence.
                Err(JournalError::Vacuumed) => {
                    out.is_rotated = true;
                    return false;
                }
                Err(_) => return true,
            }
            open.is_ended |= !open.file.header().is_online;
            let before = open.position;
            self.read_file(open, &mut budget, &mut out, see);
            if open.position != before {
                self.positions.insert(open.file.id(), open.position);
                out.positions.push((open.file.id(), open.position));
            }
            // An archived file keeps no descriptor.
            let is_kept = !open.is_ended || open.position.entries < open.file.header().entries;
            out.is_rotated |= !is_kept;
            is_kept
        });
        self.open = open;
        if !out.more {
            out.missed += self.settle(now_ms);
        }
        out
    }

    fn read_file(
        &mut self,
        open: &mut OpenFile,
        budget: &mut u64,
        out: &mut ReadEntries,
        see: &mut dyn FnMut(&JournalEntry),
    ) {
        while *budget > 0 {
            let before = open.position;
            match self.reader.next(&open.file, &mut open.position, &mut self.entry) {
                Next::End => return,
                Next::Entry => {}
                Next::Damaged => {
                    out.damaged += 1;
                    continue;
                }
                Next::Lost(lost) => {
                    if open.is_ended {
                        out.damaged += lost;
                    } else {
                        // It may be that it can be found at the next look.
                        open.position = before;
                    }
                    return;
                }
            }
            *budget -= 1;
            out.entries += 1;
            out.damaged += u64::from(self.entry.damaged > 0);
            if let Some(sequence) = self.state.sequences.get_mut(&open.folder.path) {
                sequence.note(self.entry.seqnum);
            } else {
                // Which entries there were before the oldest one, no one can tell.
                let first = Sequence::from(self.entry.seqnum);
                self.state.sequences.insert(open.folder.path.clone(), first);
            }
            if !open.folder.is_persistent {
                CopiedSpan::extend(&mut self.state.copied, &self.entry);
            } else if self.state.copied.is_some_and(|span| span.holds(&self.entry)) {
                continue;
            }
            see(&self.entry);
        }
        out.more = true;
    }

    /// How many entries were removed before they were read, now that everything is read.
    fn settle(&mut self, now_ms: u64) -> u64 {
        let mut missed = 0;
        let is_first_pass = std::mem::take(&mut self.is_first_pass);
        for (folder, sequence) in &mut self.state.sequences {
            let gap = sequence.gap();
            let (least, since) = self.gaps.get(folder).copied().unwrap_or((u64::MAX, now_ms));
            let least = least.min(gap);
            if gap == 0 || is_first_pass {
                sequence.give_up(gap);
                self.gaps.remove(folder);
            } else if now_ms.saturating_sub(since) >= GAP_MS {
                missed += least;
                sequence.give_up(least);
                self.gaps.remove(folder);
            } else {
                self.gaps.insert(folder.clone(), (least, since));
            }
        }
        missed
    }
}
