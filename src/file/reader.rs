//! One file, read from where reading began to its end: validate, scan, revalidate, accept.

mod advance;
mod data_end;

use std::io;
use std::path::Path;
use std::sync::Arc;

use smallvec::SmallVec;

use crate::file::change::ContentCheck;
use crate::file::checkpoint::{FileCheckpoint, KnownEnd};
use crate::file::identity::{ANCHOR_BYTES, Anchor, Fingerprint, HEAD_BYTES, Identity};
use crate::file::ownership::ReadPosition;
use crate::file::settings::{FileSettings, ReadMethod};
use crate::file::turn::MissedBytes;
use crate::file::vfs::FileHandle;
use crate::file::vfs::{Source, WindowState};
use crate::scan::cursor::LineCursor;
use crate::scan::wrapping::{FirstLine, LineFormat, Wrapping};
use crate::sys::open::Stat;

/// The kernel stamps files by a clock that runs up to one of its ticks behind: more than that, in nanoseconds.
pub(super) const STAMP_LAG_NS: i64 = 50_000_000;

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
    format: LineFormat,
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
    /// What is around its lines, once that is known.
    wrapping: Option<Option<Wrapping>>,
    /// Whether a mapping showed other bytes than the file has.
    is_mapping_wrong: bool,
    /// Whether it was copied up in an overlay since it was opened: any mapping of it shows the lower file, for ever.
    is_copied_up: bool,
    /// How many scans in a row were disturbed.
    disturbed: u8,
    /// Where the device could not read in the last turn.
    unreadable_at: Option<u64>,
    /// What was passed over because the device could not read it.
    skipped: Option<Box<MissedBytes>>,
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
            format: settings.format,
            window_bytes: settings.window_bytes as u64,
            place: FileCheckpoint { size: 0, ..FileCheckpoint::of(stat, ReadPosition::default()) },
            doubt: false,
            is_racy: true,
            unwatched_since: Some((0, if stat.born_ns > 0 { stat.born_ns } else { stat.modified_ns })),
            wrapping: None,
            is_mapping_wrong: false,
            is_copied_up: false,
            disturbed: 0,
            unreadable_at: None,
            skipped: None,
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
        let data_end = reading.data_end(0, size)?;
        reading.place.mark.cursor = last_line_start(&*reading.file, data_end, settings.line_bytes_max)?;
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
    pub fn end_now(&self) -> Option<KnownEnd> {
        let stat = self.file.stat().ok()?;
        let head = Fingerprint::of(&self.head_bytes(stat.size).ok()?);
        let anchor = self.anchor_at(stat.size).ok()?;
        let end = ReadPosition { cursor: LineCursor::at(stat.size), head, anchor };
        Some(KnownEnd { end: FileCheckpoint::of(&stat, end), judged: self.place.mark })
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
        // Before its contents are looked at: a mapping of the lower file shows what was judged even after a truncation.
        self.set_identity(Identity::from(&stat));
        if stat.size < self.offset() {
            return Ok((stat, ContentCheck::Same));
        }
        // While a file grows, its head is compared after the scan; here only when nothing else would.
        self.doubt |= stat.size <= self.size() || self.offset() == 0;
        let content = self.content(&stat)?;
        Ok((stat, content))
    }

    /// Continues after `mark`: what precedes it was judged in another file with the same bytes.
    pub fn continue_from(&mut self, mark: ReadPosition) {
        let cursor = LineCursor { searched: mark.cursor.offset, ..mark.cursor };
        self.place.mark = ReadPosition { cursor, ..mark };
        self.unwatched_since = None;
    }

    /// The open file.
    #[must_use]
    pub fn file(&self) -> &dyn FileHandle {
        &*self.file
    }

    /// Whether the open file has `identity` now. Its numbers change when overlayfs copies it up.
    #[must_use]
    pub fn is_now(&self, identity: Identity) -> bool {
        self.file.stat().is_ok_and(|stat| Identity::from(&stat) == identity)
    }

    /// Says under which numbers the file is known from now on: others than before if an overlay copied it up.
    pub fn set_identity(&mut self, identity: Identity) {
        if self.place.identity != identity {
            (self.place.identity, self.is_copied_up) = (identity, true);
            self.release();
        }
    }

    /// Starts over at the first byte: the file was truncated or rewritten.
    pub fn restart(&mut self) {
        (self.place.mark, self.place.size) = (ReadPosition::default(), 0);
        (self.doubt, self.is_mapping_wrong, self.disturbed) = (false, false, 0);
        self.wrapping = None;
        self.release();
    }

    fn content(&mut self, stat: &Stat) -> io::Result<ContentCheck> {
        let (anchor, offset) = (self.place.mark.anchor, self.offset());
        let mut same = true;
        if !anchor.is_empty() {
            let range = offset - anchor.len() as u64..offset;
            let state = self.source().show(range, &mut |bytes| same = bytes == anchor.bytes())?;
            same &= state == WindowState::Whole;
            same |= !same && self.anchor_at(offset)? == anchor && self.stops_mapping(stat)?;
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

    /// What a container runtime wrote around its lines, if one did. `is_ended` if nothing is appended any longer.
    pub(in crate::file) fn wrapping(&mut self, path: &Path, is_ended: bool) -> io::Result<Option<Wrapping>> {
        if let Some(known) = self.wrapping {
            return Ok(known);
        }
        let mut buffer = Vec::new();
        let found = self.format.find::<io::Error>(path, is_ended, &mut |bytes, look| {
            buffer.resize(bytes, 0);
            let got = self.file.read_at(&mut buffer, 0)?;
            look(&buffer[..got]);
            Ok(())
        })?;
        if let FirstLine::Known(known) = found {
            self.wrapping = Some(known);
        }
        Ok(found.wrapping())
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
