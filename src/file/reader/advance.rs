//! Reading on: show a window, scan it, check that the file is still the one that was scanned, accept.

use std::io;
use std::sync::Arc;

use smallvec::SmallVec;
use xxhash_rust::xxh3::xxh3_64;

use super::data_end::DataEnd;
use super::{FileReader, ReadProgress};
use crate::file::checkpoint::FileCheckpoint;
use crate::file::identity::{ANCHOR_BYTES, Anchor, Fingerprint, HEAD_BYTES};
use crate::file::line_counter::LineCounter;
use crate::file::line_time::UnwatchedSpan;
use crate::file::settings::ReadMethod;
use crate::file::tally::Tally;
use crate::file::vfs::{Source, WindowState};
use crate::scan::cursor::{Follows, LineCursor, Step};
use crate::scan::feed::{Feed, Look};
use crate::scan::wrapping::{Pieces, raw_bytes_max};
use crate::sys::open::Stat;

/// How much is shown at once while a backlog is read, in bytes. Measured: below 1 MiB the system calls show, above 4 MiB
/// the memory does.
const BACKLOG_WINDOW_BYTES: u64 = 4 << 20;

/// Windows up to this size are always scanned with care: comparing them twice costs next to nothing.
const CARE_BYTES: u64 = 64 << 10;

/// So many scans in a row that were disturbed end the use of a mapping.
const DISTURBED_MAX: u8 = 4;

/// What a scan of one window found, before it is known whether to believe it.
struct WindowScan {
    look: Look,
    tally: Tally,
    /// The beginnings of lines after it.
    pieces: Pieces,
    bytes: WindowBytes,
    /// Whether the bytes were seen to be the same before and after the scan.
    is_careful: bool,
}

/// What is remembered of the bytes of a window, to compare them with the file.
struct WindowBytes {
    /// The bytes before the new offset.
    anchor: Anchor,
    /// The last bytes.
    tail: Anchor,
    /// The bytes around the old offset.
    lead: SmallVec<[u8; 2 * ANCHOR_BYTES]>,
    /// Whether the byte that is next is NUL.
    is_nul_next: bool,
    /// Whether the last byte is NUL.
    ends_in_nul: bool,
}

impl FileReader {
    /// Judges complete lines up to the size in `stat`, at most about `budget` bytes of them.
    ///
    /// # Errors
    /// If the file cannot be read. What was accepted before stays.
    pub(in crate::file) fn read(
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
        self.begin_reading(stat, counter);
        counter.wrapping = self.wrapping(&counter.path, false)?;
        let mut data = DataEnd::of_size(stat.size);
        let mut feed = Feed::growing(data.end, self.step_bytes());
        let (mut changed_ns, mut care) = (stat.changed_ns, false);
        while self.place.mark.cursor.searched < data.end {
            let to = feed.range(&self.place.mark.cursor).end;
            let careful = care || to - self.offset() <= CARE_BYTES;
            let scan = match self.try_window(&feed, counter, tally, careful) {
                Ok(Some(scan)) => scan,
                Ok(None) if self.stops_mapping(stat)? => continue,
                Ok(None) => return Ok(ReadProgress::Disturbed),
                Err(error) => {
                    data = self.readable_end(error, stat)?;
                    feed = Feed::growing(data.end, self.step_bytes());
                    continue;
                }
            };
            if scan.look.step == Step::Widen {
                feed.accept(&scan.look);
                continue;
            }
            if scan.bytes.ends_in_nul && !data.is_exact {
                // NULs at the end of a file may still be overwritten: only what precedes them is read.
                data = DataEnd { end: self.data_end(self.offset(), data.end)?, is_exact: true, ..data };
                feed = Feed::growing(data.end, self.step_bytes());
                continue;
            }
            let cursor = scan.look.cursor;
            let moved = cursor.offset - self.offset();
            if moved > 0 {
                let now_changed_ns = self.file.stat()?.changed_ns;
                care = now_changed_ns != changed_ns;
                changed_ns = now_changed_ns;
                if care && !scan.is_careful {
                    // Someone wrote during the scan. Most likely behind the window, but not certainly: once more.
                    continue;
                }
            }
            if !self.revalidate(&scan, to)? {
                if self.stops_mapping(stat)? {
                    continue;
                }
                self.doubt = true;
                return Ok(ReadProgress::Disturbed);
            }
            self.accept(&scan, to)?;
            tally.merge(scan.tally);
            counter.pieces = scan.pieces;
            let is_moved = (scan.bytes.is_nul_next && self.skip_hole(data.end)?) || moved > 0;
            if !is_moved && to == data.end {
                break;
            }
            counter.spend(moved);
            if counter.budget == 0 && self.offset() < data.end {
                return Ok(ReadProgress::More);
            }
            feed = Feed::growing(data.end, self.step_bytes());
        }
        if data.is_before_unreadable {
            return self.pass_unreadable(data.end, stat);
        }
        Ok(ReadProgress::Done)
    }

    /// Notes what the last look saw.
    fn begin_reading(&mut self, stat: &Stat, counter: &mut LineCounter<'_>) {
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
    }

    /// Moves past the lines that a scan judged in a window that ends at `to`.
    fn accept(&mut self, scan: &WindowScan, to: u64) -> io::Result<()> {
        self.disturbed = 0;
        self.place.mark.cursor = scan.look.cursor;
        if self.offset() == 0 {
            // Nothing is judged yet: what was seen of the first line tells whether it is the same file later.
            self.place.mark.head = Fingerprint::of(&self.head_bytes(to)?);
        }
        Ok(())
    }

    /// Judges the last line, which has no line feed, because the file has come to its end.
    ///
    /// # Errors
    /// If the file cannot be read.
    pub(in crate::file) fn finish(
        &mut self,
        counter: &mut LineCounter<'_>,
        tally: &mut Tally,
    ) -> io::Result<()> {
        counter.wrapping = self.wrapping(&counter.path, true)?;
        let line_bytes_max = counter.scanner.line_bytes_max();
        let longest = counter.wrapping.map_or(line_bytes_max, |_| raw_bytes_max(line_bytes_max)) as u64;
        let to = self.file.stat()?.size.min(self.offset() + longest + 1);
        if to <= self.offset() {
            return Ok(());
        }
        let (mut cursor, from) = (self.place.mark.cursor, self.offset());
        let pieces = counter.pieces.clone();
        let mut found = Tally::new(tally.matched.len(), tally.samples_max());
        let sight = self.source().show(from..to, &mut |bytes| {
            counter.advance(&mut cursor, bytes, Follows::Nothing, &mut found);
        })?;
        if sight == WindowState::Whole {
            self.place.mark.cursor = cursor;
            self.place.mark.anchor = self.anchor_at(cursor.offset)?;
            tally.merge(found);
        } else {
            counter.pieces = pieces;
        }
        Ok(())
    }

    pub(super) fn source(&mut self) -> &mut dyn Source {
        let file = &self.file;
        let is_mapping_wrong = self.is_mapping_wrong || self.is_copied_up;
        let reader = if is_mapping_wrong { ReadMethod::Pread } else { self.reader };
        let open = || Arc::clone(file).source(reader, self.window_bytes as usize);
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
        let pieces = counter.pieces.clone();
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
                seen = Some(WindowBytes {
                    anchor: Anchor::ending(&bytes[..judged]),
                    tail: Anchor::ending(bytes),
                    lead,
                    is_nul_next: bytes.get(judged.min(bytes.len() - 1)) == Some(&0),
                    ends_in_nul: bytes.last() == Some(&0),
                });
            })?;
            if sight != WindowState::Whole {
                seen = None;
            }
            io::Result::Ok(())
        });
        // They count once the window is accepted.
        let pieces = std::mem::replace(&mut counter.pieces, pieces);
        let look = look?;
        Ok(seen.map(|bytes| WindowScan { look, tally, pieces, bytes, is_careful: careful }))
    }

    /// Whether the file is still the one that was scanned in a window that ends at `to`. If so, anchor and head move on to
    /// the new offset.
    fn revalidate(&mut self, scan: &WindowScan, to: u64) -> io::Result<bool> {
        let offset = scan.look.cursor.offset;
        if offset == self.offset() {
            // What a stale mapping shows in place of lines looks like an unfinished line.
            return Ok(self.anchor_at(to)? == scan.bytes.tail);
        }
        if self.file.stat()?.size < to {
            return Ok(false);
        }
        let has_rest = scan.look.cursor.searched > offset;
        if has_rest && self.anchor_at(to)? != scan.bytes.tail {
            return Ok(false);
        }
        let from = self.offset() - self.place.mark.anchor.len() as u64;
        let mut same = false;
        let lead = from..from + scan.bytes.lead.len() as u64;
        let sight = self.source().show(lead, &mut |bytes| same = *bytes == *scan.bytes.lead)?;
        if !same || sight == WindowState::Torn {
            return Ok(false);
        }
        // The anchor after the head: if that is as it was, the head is of the same generation.
        let head = self.head_bytes(offset)?;
        if self.anchor_at(offset)? != scan.bytes.anchor {
            return Ok(false);
        }
        let is_whole = head.len() as u64 == offset.min(HEAD_BYTES as u64);
        if !is_whole || !self.place.mark.head.matches(&head) {
            return Ok(false);
        }
        self.place.mark.head = Fingerprint::of(&head);
        self.place.mark.anchor = scan.bytes.anchor;
        Ok(true)
    }

    /// After a scan that was disturbed: whether the file is read with `pread` from now on, because it did not change since
    /// `stat`, or because it happens again and again. A mapping shows other bytes than the file on overlayfs after a
    /// copy-up, and NULs in place of a page that cannot be read.
    pub(super) fn stops_mapping(&mut self, stat: &Stat) -> io::Result<bool> {
        if self.is_mapping_wrong || self.is_copied_up || self.reader == ReadMethod::Pread {
            return Ok(false);
        }
        self.disturbed += 1;
        let now = self.file.stat()?;
        let is_unchanged = (now.size, now.changed_ns) == (stat.size, stat.changed_ns);
        self.is_mapping_wrong = is_unchanged || self.disturbed >= DISTURBED_MAX;
        if self.is_mapping_wrong {
            self.source = None;
        }
        Ok(self.is_mapping_wrong)
    }

    /// Moves over a hole without reading it, if data follows below `to`. Returns whether the offset moved.
    fn skip_hole(&mut self, to: u64) -> io::Result<bool> {
        let Some(data) = self.file.data_after(self.offset()) else { return Ok(false) };
        let (data, offset) = (data.start.min(to), self.offset());
        if data > offset {
            let cursor = self.place.mark.cursor;
            // No line ends within a hole.
            self.place.mark.cursor = LineCursor { offset: data, searched: data, ..cursor };
            self.place.mark.anchor = self.anchor_at(data)?;
        }
        Ok(data > offset)
    }
}
