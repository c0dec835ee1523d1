//! A former file that was compressed meanwhile: read once, from where reading stopped to its end.

use std::io::{self, Read};
use std::sync::Arc;

use crate::file::checkpoint::FileCheckpoint;
use crate::file::decompress::DecompressSource;
use crate::file::identity::{ANCHOR_BYTES, Anchor, Fingerprint, HEAD_BYTES, Identity};
use crate::file::line_counter::LineCounter;
use crate::file::line_time::UnwatchedSpan;
use crate::file::ownership::ReadPosition;
use crate::file::reader::ReadProgress;
use crate::file::tally::Tally;
use crate::file::vfs::FileHandle;
use crate::file::vfs::Source;
use crate::scan::cursor::LineCursor;
use crate::scan::feed::{Fed, Feed};
use crate::sys::open::Stat;

// A stream is never torn, so what `show` says of that is not looked at.

/// How much is decompressed at once, in bytes.
const WINDOW_BYTES: u64 = 256 << 10;

/// A compressed file that is being read. Offsets are those of the bytes that were compressed.
pub struct Archive {
    source: DecompressSource,
    stat: Stat,
    mark: ReadPosition,
}

impl Archive {
    /// Begins at the first byte.
    ///
    /// # Errors
    /// If the file cannot be read or decompressed.
    pub fn begin(file: Arc<dyn FileHandle>, stat: &Stat) -> io::Result<Archive> {
        let mut source = DecompressSource::new(HandleBytes { file, offset: 0 })?;
        let mut head = Fingerprint::default();
        let _ = source.show(0..HEAD_BYTES as u64, &mut |bytes| head = Fingerprint::of(bytes))?;
        let mark = ReadPosition { cursor: LineCursor::default(), head, anchor: Anchor::default() };
        Ok(Archive { source, stat: *stat, mark })
    }

    /// Goes on from `mark`, which was made while the file was not compressed yet. `None` if other contents are in it.
    ///
    /// # Errors
    /// If the file cannot be read or decompressed.
    pub fn resume(file: Arc<dyn FileHandle>, stat: &Stat, mark: ReadPosition) -> io::Result<Option<Archive>> {
        let mut source = DecompressSource::new(HandleBytes { file, offset: 0 })?;
        let mut is_same = false;
        let _ = source.show(0..mark.head.len as u64, &mut |bytes| is_same = mark.head.matches(bytes))?;
        if !is_same {
            return Ok(None);
        }
        let before = mark.cursor.offset - mark.anchor.len() as u64..mark.cursor.offset;
        let _ = source.show(before, &mut |bytes| is_same = bytes == mark.anchor.bytes())?;
        let cursor = LineCursor { searched: mark.cursor.offset, ..mark.cursor };
        Ok(is_same.then_some(Archive { source, stat: *stat, mark: ReadPosition { cursor, ..mark } }))
    }

    /// Whether the bytes that were compressed are `size`, and no more. Nothing can be read any more after this.
    #[must_use]
    pub fn ends_at(&mut self, size: u64) -> bool {
        let mut len = 0;
        let before = size.saturating_sub(1).max(self.mark.cursor.offset - self.mark.anchor.len() as u64);
        let sight = self.source.show(before..size + 1, &mut |bytes| len = bytes.len() as u64);
        sight.is_ok() && before + len == size
    }

    /// Which file it is.
    #[must_use]
    pub fn identity(&self) -> Identity {
        Identity::from(&self.stat)
    }

    /// How far it was read.
    #[must_use]
    pub fn mark(&self) -> ReadPosition {
        self.mark
    }

    /// What is remembered of it.
    #[must_use]
    pub fn place(&self) -> FileCheckpoint {
        FileCheckpoint::of(&self.stat, self.mark)
    }

    /// Judges lines up to the end of the file, at most about `budget` bytes of them. A last line without a line feed
    /// counts: no one will end it.
    ///
    /// # Errors
    /// If the file cannot be read or decompressed. What was judged before stays.
    pub(super) fn read(
        &mut self,
        counter: &mut LineCounter<'_>,
        tally: &mut Tally,
    ) -> io::Result<ReadProgress> {
        // A compressor keeps the time of the last change.
        let (offset, at_ms) = (self.mark.cursor.offset, self.stat.modified_ns / 1_000_000);
        let unwatched = UnwatchedSpan { from: offset, since_ms: at_ms, to: offset, until_ms: at_ms };
        counter.clock.set_unwatched(Some(unwatched));
        let mut feed = Feed::to_end(WINDOW_BYTES);
        loop {
            let (from, known) = (self.mark.cursor.offset, self.mark.anchor.len());
            let ReadPosition { cursor, anchor, .. } = &mut self.mark;
            let mut judge = |cursor: &mut LineCursor, bytes: &[u8], follows| {
                counter.advance(cursor, bytes, follows, tally)
            };
            let fed = feed.step(cursor, &mut judge, &mut |range, look| {
                let shown = self.source.show(range.start - known as u64..range.end, &mut |bytes| {
                    let judged = known + look(&bytes[known.min(bytes.len())..]);
                    *anchor = Anchor::ending(&bytes[judged.saturating_sub(ANCHOR_BYTES)..judged]);
                });
                shown.map(drop)
            })?;
            counter.budget = counter.budget.saturating_sub(self.mark.cursor.offset - from);
            match fed {
                Fed::Done => return Ok(ReadProgress::Done),
                Fed::More if counter.budget == 0 => return Ok(ReadProgress::More),
                Fed::More | Fed::Widen => {}
            }
        }
    }
}

/// The bytes of a file, one after the other.
struct HandleBytes {
    file: Arc<dyn FileHandle>,
    offset: u64,
}

impl Read for HandleBytes {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let got = self.file.read_at(buffer, self.offset)?;
        self.offset += got as u64;
        Ok(got)
    }
}
