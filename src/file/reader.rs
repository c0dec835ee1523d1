//! One file, read from where reading began to its end: validate, scan, revalidate, accept.

use std::io;
use std::sync::Arc;

use smallvec::SmallVec;
use xxhash_rust::xxh3::xxh3_64;

use crate::file::change::ContentCheck;
use crate::file::checkpoint::FileCheckpoint;
use crate::file::identity::{ANCHOR_BYTES, Anchor, Fingerprint, HEAD_BYTES, Identity};
use crate::file::line_counter::LineCounter;
use crate::file::line_time::UnwatchedSpan;
use crate::file::ownership::ReadPosition;
use crate::file::settings::{FileSettings, ReadMethod};
use crate::file::tally::Tally;
use crate::file::vfs::FileHandle;
use crate::file::vfs::{Source, WindowState};
use crate::scan::cursor::{Follows, LineCursor, Step};
use crate::scan::feed::{Feed, Look};
use crate::sys::open::Stat;

/// How much is shown at once while a backlog is read, in bytes. Measured: below 1 MiB the system calls show, above 4 MiB
/// the memory does.
const BACKLOG_WINDOW_BYTES: u64 = 4 << 20;

/// The kernel stamps files by a clock that runs up to one of its ticks behind: more than that, in nanoseconds.
pub(super) const STAMP_LAG_NS: i64 = 50_000_000;

/// Windows up to this size are always scanned with care: comparing them twice costs next to nothing.
const CARE_BYTES: u64 = 64 << 10;

/// What became of an attempt to read on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ReadProgress {
    /// Every complete line below the size that was seen is judged.
    Done,
    /// The budget is used up.
    More,
    /// The file changed under the scan, and what it found was thrown away: look again.
    Disturbed,
}

/// A file that is being read.
pub struct FileReader {
    file: Arc<dyn FileHandle>,
    /// Its bytes, once any were asked for.
    source: Option<Box<dyn Source>>,
    reader: ReadMethod,
    window_bytes: u64,
    /// How far it was judged, and what the last look saw.
    place: FileCheckpoint,
    /// Whether the next look compares the head even if the file grew.
    doubt: bool,
    /// Whether a change right after the last look may have left the stamps as that look saw them.
    is_racy: bool,
    /// Where that begins of which no one saw when it was written, and since when it can have been, in nanoseconds since the
    /// epoch.
    unwatched_since: Option<(u64, i64)>,
    /// Whether it lies on a network, so that each look at it may wait for that.
    is_remote: bool,
}

/// What a scan of one window found, before it is known whether to believe it.
struct WindowScan {
    look: Look,
    tally: Tally,
    anchor: Anchor,
    /// The bytes around the old offset, as the scan saw them.
    lead: SmallVec<[u8; 2 * ANCHOR_BYTES]>,
    /// Whether the byte that is next is NUL.
    is_nul_next: bool,
    /// Whether the bytes were seen to be the same before and after the scan.
    careful: bool,
}

impl FileReader {
    /// Begins at the first byte.
    #[must_use]
    pub fn begin(file: Arc<dyn FileHandle>, stat: &Stat, settings: &FileSettings) -> FileReader {
        FileReader {
            is_remote: file.is_remote(),
            file,
            source: None,
            reader: settings.reader,
            window_bytes: settings.window_bytes as u64,
            place: FileCheckpoint { size: 0, ..FileCheckpoint::of(stat, ReadPosition::default()) },
            doubt: false,
            is_racy: true,
            unwatched_since: Some((0, if stat.born_ns > 0 { stat.born_ns } else { stat.modified_ns })),
        }
    }

    /// Goes on from `mark`. The next look tells whether what was marked still stands.
    #[must_use]
    pub fn resume(
        file: Arc<dyn FileHandle>,
        stat: &Stat,
        settings: &FileSettings,
        mark: ReadPosition,
    ) -> FileReader {
        let mut reading = FileReader::begin(file, stat, settings);
        reading.place.size = mark.cursor.offset;
        // What was searched of an unfinished line may have been written anew.
        reading.place.mark =
            ReadPosition { cursor: LineCursor { searched: mark.cursor.offset, ..mark.cursor }, ..mark };
        reading.unwatched_since = Some((mark.cursor.offset, stat.modified_ns));
        reading.doubt = true;
        reading
    }

    /// Begins after the last line that is complete within the first `size` bytes.
    ///
    /// # Errors
    /// If the file cannot be read.
    pub fn at_end(
        file: Arc<dyn FileHandle>,
        stat: &Stat,
        size: u64,
        settings: &FileSettings,
    ) -> io::Result<FileReader> {
        let mut reading = FileReader::begin(file, stat, settings);
        reading.place.mark.cursor = last_line_start(&*reading.file, size, settings.line_bytes_max)?;
        reading.place.size = size;
        let offset = reading.place.mark.cursor.offset;
        reading.place.mark.anchor = reading.anchor_at(offset)?;
        reading.place.mark.head = Fingerprint::of(&reading.head_bytes(offset)?);
        reading.unwatched_since = None;
        Ok(reading)
    }

    /// Whether nothing was ever seen in it.
    #[must_use]
    pub fn is_blank(&self) -> bool {
        self.place.mark.head.len == 0
    }

    /// Whether it lies on a network, so that each look at it may wait for that.
    #[must_use]
    pub fn is_remote(&self) -> bool {
        self.is_remote
    }

    /// Whether it may have changed since the last look without a trace in its stamps: the kernel's clock stands still for
    /// some milliseconds at a time.
    #[must_use]
    pub fn is_racy(&self) -> bool {
        self.is_racy
    }

    /// When its contents last changed, in nanoseconds since the epoch, whatever the last look saw.
    #[must_use]
    pub fn modified_now(&self) -> Option<i64> {
        Some(self.file.stat().ok()?.modified_ns)
    }

    /// A place at the end of the file as it is now, whatever was read of it.
    #[must_use]
    pub fn end_now(&self) -> Option<FileCheckpoint> {
        let stat = self.file.stat().ok()?;
        let head = Fingerprint::of(&self.head_bytes(stat.size).ok()?);
        let anchor = self.anchor_at(stat.size).ok()?;
        Some(FileCheckpoint::of(&stat, ReadPosition { cursor: LineCursor::at(stat.size), head, anchor }))
    }

    /// Says how the file was when it was last looked at, before it was opened again.
    pub fn remember(&mut self, place: &FileCheckpoint) {
        self.place.size = place.size;
        (self.place.modified_ns, self.place.changed_ns) = (place.modified_ns, place.changed_ns);
        self.unwatched_since = Some((self.offset(), place.modified_ns));
    }

    /// Says that it was watched all the time: what is new was written just now.
    pub fn was_watched(&mut self) {
        self.unwatched_since = None;
    }

    /// Says when the file had last changed while it still stood at its path.
    pub fn remember_modified(&mut self, modified_ns: i64) {
        self.place.modified_ns = self.place.modified_ns.min(modified_ns);
    }

    /// Says whether any later change will show in its stat.
    pub fn set_settled(&mut self, is_settled: bool) {
        self.place.is_settled = is_settled;
    }

    /// Which file it is.
    #[must_use]
    pub fn identity(&self) -> Identity {
        self.place.identity
    }

    /// What is remembered of it.
    #[must_use]
    pub fn place(&self) -> FileCheckpoint {
        self.place
    }

    /// How far it was read, and how to recognise it.
    #[must_use]
    pub fn mark(&self) -> ReadPosition {
        self.place.mark
    }

    /// How far it was judged, in bytes.
    #[must_use]
    pub fn offset(&self) -> u64 {
        self.place.mark.cursor.offset
    }

    /// Its size at the last look, in bytes.
    #[must_use]
    pub fn size(&self) -> u64 {
        self.place.size
    }

    /// Whether a window is mapped onto it.
    #[must_use]
    pub fn holds_window(&self) -> bool {
        self.source.as_ref().is_some_and(|source| source.holds_window())
    }

    /// Returns up window and buffers until there is something to read.
    pub fn release(&mut self) {
        self.source = None;
    }

    /// Looks at the open file: its stat, and whether what was judged still stands. `now_ns` is the time on the clock that
    /// stamps files.
    ///
    /// # Errors
    /// If the file cannot be read.
    pub fn look(&mut self, now_ns: i64) -> io::Result<(Stat, ContentCheck)> {
        let stat = self.file.stat()?;
        self.is_racy = now_ns - stat.modified_ns < STAMP_LAG_NS;
        if stat.size < self.offset() {
            return Ok((stat, ContentCheck::Same));
        }
        // While a file grows, its head is compared after the scan; here only when nothing else would.
        self.doubt |= stat.size <= self.size() || self.offset() == 0;
        Ok((stat, self.content()?))
    }

    /// Starts over at the first byte: the file was truncated or rewritten.
    pub fn restart(&mut self) {
        (self.place.mark, self.place.size) = (ReadPosition::default(), 0);
        self.doubt = false;
        self.release();
    }

    /// Judges complete lines up to the size in `stat`, at most about `budget` bytes of them.
    ///
    /// # Errors
    /// If the file cannot be read. What was accepted before stays.
    pub(super) fn read(
        &mut self,
        stat: &Stat,
        counter: &mut LineCounter<'_>,
        tally: &mut Tally,
    ) -> io::Result<ReadProgress> {
        let progress = self.read_on(stat, counter, tally)?;
        if progress == ReadProgress::Done {
            self.unwatched_since = None;
        }
        Ok(progress)
    }

    fn read_on(
        &mut self,
        stat: &Stat,
        counter: &mut LineCounter<'_>,
        tally: &mut Tally,
    ) -> io::Result<ReadProgress> {
        if stat.size < self.size() {
            // An unfinished line was cut off; what was searched of it may be written anew.
            self.place.mark.cursor.searched = self.offset();
        }
        self.place = FileCheckpoint::of(stat, self.place.mark);
        let (to, until_ms) = (stat.size, stat.modified_ns / 1_000_000);
        counter.clock.set_unwatched(self.unwatched_since.map(|(from, since_ns)| UnwatchedSpan {
            from,
            since_ms: since_ns / 1_000_000,
            to,
            until_ms,
        }));
        let mut feed = Feed::growing(stat.size, self.step_bytes());
        let (mut changed_ns, mut care) = (stat.changed_ns, false);
        while self.place.mark.cursor.searched < stat.size {
            let to = feed.range(&self.place.mark.cursor).end;
            let careful = care || to - self.offset() <= CARE_BYTES;
            let Some(trial) = self.try_window(&feed, counter, tally, careful)? else {
                return Ok(ReadProgress::Disturbed);
            };
            if trial.look.step == Step::Widen {
                feed.accept(&trial.look);
                continue;
            }
            let cursor = trial.look.cursor;
            let moved = cursor.offset - self.offset();
            let in_hole = trial.is_nul_next && !cursor.inside_long_line;
            if moved > 0 {
                let now_changed_ns = self.file.stat()?.changed_ns;
                care = now_changed_ns != changed_ns;
                changed_ns = now_changed_ns;
                if care && !trial.careful {
                    // Someone wrote during the scan. Most likely behind the window, but not certainly: once more.
                    continue;
                }
                if !self.revalidate(&trial, to)? {
                    self.doubt = true;
                    return Ok(ReadProgress::Disturbed);
                }
            }
            self.place.mark.cursor = cursor;
            if self.offset() == 0 {
                // Nothing is judged yet: what was seen of the first line tells whether it is the same file later.
                self.place.mark.head = Fingerprint::of(&self.head_bytes(to)?);
            }
            tally.merge(trial.tally);
            if in_hole && !self.skip_hole()? && moved == 0 {
                return Ok(ReadProgress::Done);
            }
            if moved == 0 && to == stat.size {
                break;
            }
            counter.budget = counter.budget.saturating_sub(moved);
            if counter.budget == 0 && self.offset() < stat.size {
                return Ok(ReadProgress::More);
            }
            feed = Feed::growing(stat.size, self.step_bytes());
        }
        Ok(ReadProgress::Done)
    }

    /// Judges the last line, which has no line feed, because the file has come to its end.
    ///
    /// # Errors
    /// If the file cannot be read.
    pub(super) fn finish(&mut self, counter: &mut LineCounter<'_>, tally: &mut Tally) -> io::Result<()> {
        let to = self.file.stat()?.size.min(self.offset() + counter.scanner.line_bytes_max() as u64 + 1);
        if to <= self.offset() {
            return Ok(());
        }
        let (mut cursor, from) = (self.place.mark.cursor, self.offset());
        let mut found = Tally::new(tally.matched.len(), tally.samples_max());
        let sight = self.source().show(from..to, &mut |bytes| {
            counter.advance(&mut cursor, bytes, Follows::Nothing, &mut found);
        })?;
        if sight == WindowState::Whole {
            self.place.mark.cursor = cursor;
            self.place.mark.anchor = self.anchor_at(cursor.offset)?;
            tally.merge(found);
        }
        Ok(())
    }

    fn source(&mut self) -> &mut dyn Source {
        let file = &self.file;
        let open = || Arc::clone(file).source(self.reader, self.window_bytes as usize);
        &mut **self.source.get_or_insert_with(open)
    }

    fn step_bytes(&self) -> u64 {
        let backlog = self.size() - self.offset().min(self.size());
        // Small windows are asked for by tests and by people who know why.
        if backlog > BACKLOG_WINDOW_BYTES && self.window_bytes >= 1 << 20 {
            self.window_bytes.max(BACKLOG_WINDOW_BYTES)
        } else {
            self.window_bytes
        }
    }

    /// Scans the next window. `None` if the window was torn.
    fn try_window(
        &mut self,
        feed: &Feed,
        counter: &mut LineCounter<'_>,
        found: &Tally,
        careful: bool,
    ) -> io::Result<Option<WindowScan>> {
        let (rules, samples_max) = (found.matched.len(), found.samples_max());
        let known = self.place.mark.anchor;
        let before = known.len();
        let cursor = self.place.mark.cursor;
        let mut tally = Tally::new(rules, samples_max);
        let mut judge = |cursor: &mut LineCursor, bytes: &[u8], follows| {
            counter.advance(cursor, bytes, follows, &mut tally)
        };
        let mut seen = None;
        let look = feed.look(cursor, &mut judge, &mut |range, look| {
            let (from, to) = (range.start - before as u64, range.end);
            let sight = self.source().show(from..to, &mut |bytes| {
                if (bytes.len() as u64) < to - from || bytes[..before] != *known.bytes() {
                    return;
                }
                let hash = careful.then(|| xxh3_64(bytes));
                let lead = SmallVec::from_slice(&bytes[..bytes.len().min(before + ANCHOR_BYTES)]);
                let judged = before + look(&bytes[before..]);
                if hash.is_some_and(|hash| hash != xxh3_64(bytes)) {
                    return;
                }
                let is_nul_next = bytes.get(judged.min(bytes.len() - 1)) == Some(&0);
                seen = Some((Anchor::ending(&bytes[..judged]), lead, is_nul_next));
            })?;
            if sight != WindowState::Whole {
                seen = None;
            }
            io::Result::Ok(())
        })?;
        Ok(seen.map(|(anchor, lead, is_nul_next)| WindowScan {
            look,
            tally,
            anchor,
            lead,
            is_nul_next,
            careful,
        }))
    }

    /// Whether the file is still the one that was scanned. If so, anchor and head move on to the new offset.
    fn revalidate(&mut self, trial: &WindowScan, to: u64) -> io::Result<bool> {
        if self.file.stat()?.size < to {
            return Ok(false);
        }
        let from = self.offset() - self.place.mark.anchor.len() as u64;
        let mut same = false;
        let lead = from..from + trial.lead.len() as u64;
        let sight = self.source().show(lead, &mut |bytes| same = *bytes == *trial.lead)?;
        if !same || sight == WindowState::Torn {
            return Ok(false);
        }
        // The anchor after the head: if that is as it was, the head is of the same generation.
        let head = self.head_bytes(trial.look.cursor.offset)?;
        if self.anchor_at(trial.look.cursor.offset)? != trial.anchor {
            return Ok(false);
        }
        let is_whole = head.len() as u64 == trial.look.cursor.offset.min(HEAD_BYTES as u64);
        if !is_whole || !self.place.mark.head.matches(&head) {
            return Ok(false);
        }
        self.place.mark.head = Fingerprint::of(&head);
        self.place.mark.anchor = trial.anchor;
        Ok(true)
    }

    fn content(&mut self) -> io::Result<ContentCheck> {
        let (anchor, offset) = (self.place.mark.anchor, self.offset());
        let mut same = true;
        if !anchor.is_empty() {
            let range = offset - anchor.len() as u64..offset;
            let sight = self.source().show(range, &mut |bytes| same = bytes == anchor.bytes())?;
            same &= sight == WindowState::Whole;
        }
        if !same {
            return Ok(ContentCheck::AnchorDiffers);
        }
        if self.doubt {
            if !self.place.mark.head.matches(&self.head_bytes(self.place.mark.head.len as u64)?) {
                return Ok(ContentCheck::HeadDiffers);
            }
            self.doubt = false;
        }
        Ok(ContentCheck::Same)
    }

    /// Moves over a hole without reading it. False if nothing but the hole is there.
    fn skip_hole(&mut self) -> io::Result<bool> {
        let Some(data) = self.file.next_data(self.offset()) else { return Ok(false) };
        let data = data.min(self.size());
        if data > self.offset() {
            self.place.mark.cursor.move_to(data);
            self.place.mark.anchor = self.anchor_at(data)?;
        }
        Ok(true)
    }

    fn anchor_at(&self, offset: u64) -> io::Result<Anchor> {
        let mut bytes = [0; ANCHOR_BYTES];
        let len = ANCHOR_BYTES.min(offset.try_into().unwrap_or(ANCHOR_BYTES));
        let got = self.file.read_at(&mut bytes[..len], offset - len as u64)?;
        Ok(Anchor::ending(&bytes[..got]))
    }

    /// The first bytes of the file, of those that lie below `offset`.
    fn head_bytes(&self, offset: u64) -> io::Result<SmallVec<[u8; HEAD_BYTES]>> {
        let mut bytes = SmallVec::from([0; HEAD_BYTES]);
        bytes.truncate(offset.try_into().unwrap_or(HEAD_BYTES));
        let got = self.file.read_at(&mut bytes, 0)?;
        bytes.truncate(got);
        Ok(bytes)
    }
}

/// Where the line begins that a file of `size` bytes ends with: behind the last line feed.
fn last_line_start(file: &dyn FileHandle, size: u64, line_bytes_max: usize) -> io::Result<LineCursor> {
    let floor = size.saturating_sub(line_bytes_max as u64 + 1);
    let mut buffer = vec![0; 4096];
    let mut to = size;
    while to > floor {
        let from = floor.max(to.saturating_sub(buffer.len() as u64));
        let chunk = &mut buffer[..(to - from) as usize];
        let got = file.read_at(chunk, from)?;
        if let Some(lf) = memchr::memrchr(b'\n', &chunk[..got]) {
            return Ok(LineCursor::at(from + lf as u64 + 1));
        }
        to = from;
    }
    let inside_long_line = floor > 0;
    let offset = if inside_long_line { size } else { 0 };
    Ok(LineCursor { inside_long_line, ..LineCursor::at(offset) })
}

#[cfg(test)]
mod tests;
