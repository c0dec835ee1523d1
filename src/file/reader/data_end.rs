//! Where the data of a file ends: before the NULs that a writer may still overwrite, and before a page that cannot be read.
//!
//! A preallocated log ends in NULs, which its writer replaces by lines. A log that was truncated under a writer without
//! `O_APPEND` *begins* with NULs, which stay. So NULs up to the end of a file are not read, and all others are skipped.

use std::io;

use super::FileReader;
use crate::file::identity::Anchor;
use crate::file::reader::ReadProgress;
use crate::file::turn::{MissReason, MissedBytes};
use crate::scan::cursor::LineCursor;
use crate::sys::open::Stat;

/// How much is read at once in the search for the end of NULs, in bytes.
const STEP_BYTES: u64 = 64 << 10;

/// How far back from the end of a file the end of its data is searched, in bytes. If there are more NULs than that, the data ends at the
/// first [`RUN_BYTES`] of them: what follows is read once those are overwritten.
const TAIL_BYTES: u64 = 64 << 20;

/// See [`TAIL_BYTES`].
const RUN_BYTES: u64 = 1 << 20;

/// Devices fail in units of at least so many bytes.
const BLOCK_BYTES: u64 = 4096;

/// At most this many blocks that cannot be read are passed over in one turn.
const BAD_BLOCKS_MAX: u64 = 1024;

/// Up to where a file is read.
#[derive(Debug, Clone, Copy)]
pub(super) struct DataEnd {
    pub(super) end: u64,
    /// Whether it is known that the byte before `end` is not NUL.
    pub(super) is_exact: bool,
    /// Whether bytes that cannot be read begin at `end`.
    pub(super) is_before_unreadable: bool,
}

impl DataEnd {
    pub(super) fn of_size(size: u64) -> DataEnd {
        DataEnd { end: size, is_exact: false, is_before_unreadable: false }
    }
}

impl FileReader {
    /// The end of the data below `to`, at or after the offset.
    pub(super) fn data_end(&self, from: u64, to: u64) -> io::Result<u64> {
        let segments = self.segments(from, to);
        let mut budget = TAIL_BYTES;
        for (start, end) in segments.iter().rev() {
            let mut at = *end;
            while at > *start {
                if budget == 0 {
                    return self.first_run(from, to);
                }
                let step_from = at.saturating_sub(STEP_BYTES).max(*start);
                if let Some(last) = self.last_data(step_from, at)? {
                    return Ok(last + 1);
                }
                budget = budget.saturating_sub(at - step_from);
                at = step_from;
            }
        }
        Ok(from)
    }

    /// The parts of `from..to` that are no holes.
    fn segments(&self, from: u64, to: u64) -> Vec<(u64, u64)> {
        let mut segments = Vec::new();
        let mut at = from;
        while at < to
            && let Some(data) = self.file.data_after(at)
            && data.start < to
        {
            segments.push((data.start, data.end.min(to)));
            at = data.end.max(at + 1);
        }
        segments
    }

    /// The beginning of the first [`RUN_BYTES`] of NULs.
    fn first_run(&self, from: u64, to: u64) -> io::Result<u64> {
        let (mut end, mut at) = (from, from);
        while at < to && at - end < RUN_BYTES {
            let step_to = (at + STEP_BYTES).min(to);
            if let Some(last) = self.last_data(at, step_to)? {
                end = last + 1;
            }
            at = step_to;
        }
        Ok(end)
    }

    /// The last byte of `from..to` that is not NUL.
    fn last_data(&self, from: u64, to: u64) -> io::Result<Option<u64>> {
        let mut buffer = vec![0; (to - from) as usize];
        let got = self.file.read_at(&mut buffer, from)?;
        Ok(buffer[..got].iter().rposition(|byte| *byte != 0).map(|at| from + at as u64))
    }

    /// The offset of the first byte that cannot be read, after a read at the offset failed with `error`.
    pub(super) fn readable_end(&self, error: io::Error, stat: &Stat) -> io::Result<DataEnd> {
        if !is_medium_error(&error) {
            return Err(error);
        }
        let first = (self.offset() - self.place.mark.anchor.len() as u64) / BLOCK_BYTES * BLOCK_BYTES;
        let bad = (first..stat.size).step_by(BLOCK_BYTES as usize).find(|block| !self.is_readable(*block));
        // It can be read now: the next turn reads it.
        let end = bad.ok_or(error)?.max(self.offset());
        Ok(DataEnd { end, is_exact: true, is_before_unreadable: true })
    }

    /// Passes over blocks that cannot be read, from the one at `from` on. What a line loses by that is missed.
    pub(super) fn pass_unreadable(&mut self, from: u64, stat: &Stat) -> io::Result<ReadProgress> {
        let mut to = from / BLOCK_BYTES * BLOCK_BYTES;
        let limit = (to + BAD_BLOCKS_MAX * BLOCK_BYTES).min(stat.size);
        while to < limit && !self.is_readable(to) {
            to += BLOCK_BYTES;
        }
        let to = to.min(stat.size).max(self.offset());
        // A device that can read nothing more may be away for a moment only: the next turn decides.
        if to == stat.size && self.unreadable_at != Some(from) {
            self.unreadable_at = Some(from);
            return Err(io::Error::from_raw_os_error(libc::EIO));
        }
        let (offset, counted) = (self.offset(), self.place.mark.cursor.counted);
        let bytes = to - offset;
        if bytes > 0 {
            let none = MissedBytes { bytes: 0, from: offset, reason: MissReason::BadBlocks };
            self.skipped.get_or_insert_with(|| Box::new(none)).bytes += bytes;
            self.place.mark.cursor = LineCursor { inside_long_line: true, counted, ..LineCursor::at(to) };
        }
        self.place.mark.anchor = Anchor::default();
        Ok(ReadProgress::More)
    }

    fn is_readable(&self, block: u64) -> bool {
        let mut bytes = [0; BLOCK_BYTES as usize];
        !self.file.read_at(&mut bytes, block).is_err_and(|error| is_medium_error(&error))
    }

    /// What could not be read since this was last asked.
    pub fn take_skipped(&mut self) -> Option<MissedBytes> {
        self.skipped.take().map(|skipped| *skipped)
    }
}

/// Whether the device, or the checksum of a filesystem, says that the bytes are damaged.
fn is_medium_error(error: &io::Error) -> bool {
    matches!(
        error.raw_os_error(),
        Some(libc::EIO | libc::EUCLEAN | libc::EBADMSG | libc::ENODATA | libc::EILSEQ)
    )
}
