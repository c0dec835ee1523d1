//! A former file that was compressed meanwhile: read once, from where reading stopped to its end.

use std::io::{self, Read};
use std::sync::Arc;

use crate::file::checkpoint::FileCheckpoint;
use crate::file::decompress::{DecoderPermit, DecompressSource, one_at_a_time};
use crate::file::identity::{ANCHOR_BYTES, Anchor, Fingerprint, HEAD_BYTES, Identity};
use crate::file::line_counter::LineCounter;
use crate::file::line_time::UnwatchedSpan;
use crate::file::ownership::ReadPosition;
use crate::file::tally::Tally;
use crate::file::vfs::FileHandle;
use crate::file::vfs::Source;
use crate::scan::cursor::LineCursor;
use crate::scan::feed::{Fed, Feed};
use crate::scan::wrapping::Wrapping;
use crate::sys::open::Stat;

// A stream is never torn, so what `show` says of that is not looked at.

/// How much is decompressed at once, in bytes.
const WINDOW_BYTES: u64 = 256 << 10;

/// Data without a line feed beyond this many bytes is no log, but made to keep its readers busy.
const LINE_BYTES_MAX: u64 = 1 << 30;

/// A compressed file that is being read. Offsets are those of the bytes that were compressed.
///
/// Its decoder is made by the first turn that may have one, and what lies before the lines to be judged is decompressed
/// within the budget of turns as well.
pub struct Archive {
    file: Arc<dyn FileHandle>,
    stat: Stat,
    mark: ReadPosition,
    decoder: Option<Decoder>,
    /// Where it is to hold what was judged of a file that was not compressed yet, in the order of offsets.
    checks: Vec<ContentMark>,
    /// Whether it is only to be found out whether it is known.
    is_doubtful: bool,
    /// How many bytes were judged since the last line feed.
    endless_bytes: u64,
    /// What is around its lines.
    wrapping: Option<Wrapping>,
}

/// Contents of a file that may be in an archive.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ContentMark {
    /// The head of the file, and the bytes before an offset.
    pub mark: ReadPosition,
    /// Whether the file ended there.
    pub is_end: bool,
    /// How far the file was judged, which may be less: after a crash the archive may be all that is left of it.
    pub judged: ReadPosition,
}

impl ContentMark {
    /// What was judged up to `mark`.
    #[must_use]
    pub fn judged(mark: ReadPosition, is_end: bool) -> ContentMark {
        ContentMark { mark, is_end, judged: mark }
    }
}

/// What a turn of an archive came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum ArchiveProgress {
    /// Everything is judged.
    Done,
    /// The budget is used up.
    More,
    /// All decoders are in use.
    Waiting,
    /// It holds what is known already.
    Known,
    /// It has other contents than what was looked for.
    Other,
}

impl Archive {
    /// Begins at the first byte.
    ///
    /// # Errors
    /// If the file cannot be read or decompressed.
    pub fn begin(file: Arc<dyn FileHandle>, stat: &Stat) -> io::Result<Archive> {
        let mark = ReadPosition { head: Fingerprint::of(&first_bytes(&file)?), ..ReadPosition::default() };
        Ok(Archive::new(file, stat, mark))
    }

    /// Goes on from `mark`, which was made while the file was not compressed yet. `None` if it begins otherwise; whether it holds
    /// what was judged is found out when it is read.
    ///
    /// # Errors
    /// If the file cannot be read or decompressed.
    pub fn resume(file: Arc<dyn FileHandle>, stat: &Stat, mark: ReadPosition) -> io::Result<Option<Archive>> {
        if !mark.head.matches(&first_bytes(&file)?) {
            return Ok(None);
        }
        let cursor = LineCursor { searched: mark.cursor.offset, ..mark.cursor };
        let mut archive = Archive::new(file, stat, ReadPosition { cursor, ..mark });
        archive.checks.push(ContentMark::judged(mark, false));
        Ok(Some(archive))
    }

    /// Finds out whether it holds one of `known`, of which it has the head.
    #[must_use]
    pub fn identify(file: Arc<dyn FileHandle>, stat: &Stat, mut known: Vec<ContentMark>) -> Archive {
        known.sort_by_key(|content| content.mark.cursor.offset);
        let mark = known.last().map(|content| content.judged).unwrap_or_default();
        Archive { checks: known, is_doubtful: true, ..Archive::new(file, stat, mark) }
    }

    fn new(file: Arc<dyn FileHandle>, stat: &Stat, mark: ReadPosition) -> Archive {
        let (decoder, checks) = (None, Vec::new());
        Archive {
            file,
            stat: *stat,
            mark,
            decoder,
            checks,
            is_doubtful: false,
            endless_bytes: 0,
            wrapping: None,
        }
    }

    /// The file, and its stat when it was opened.
    #[must_use]
    pub fn into_file(self) -> (Arc<dyn FileHandle>, Stat) {
        (self.file, self.stat)
    }

    /// Whether it has a decoder.
    #[must_use]
    pub fn is_open(&self) -> bool {
        self.decoder.is_some()
    }

    /// Whether it is only to be found out whether it is known.
    #[must_use]
    pub fn is_doubtful(&self) -> bool {
        self.is_doubtful
    }

    /// Whether it is only to be found out whether it is a copy of a file that is still read.
    #[must_use]
    pub fn may_be_of_current(&self) -> bool {
        self.is_doubtful && !self.checks.iter().any(|content| content.is_end)
    }

    /// Which file it is.
    #[must_use]
    pub fn identity(&self) -> Identity {
        Identity::from(&self.stat)
    }

    /// What is remembered of it.
    #[must_use]
    pub fn place(&self) -> FileCheckpoint {
        FileCheckpoint::of(&self.stat, self.mark)
    }

    /// Judges lines up to the end of the file, at most about as many bytes as the budget has. A last line without a line
    /// feed counts: no one will end it.
    ///
    /// # Errors
    /// If the file cannot be read or decompressed. What was judged before stays.
    pub(super) fn read(
        &mut self,
        counter: &mut LineCounter<'_>,
        tally: &mut Tally,
    ) -> io::Result<ArchiveProgress> {
        if self.decoder.is_none() {
            self.decoder = Decoder::open(&self.file)?;
            if let Some(decoder) = &mut self.decoder {
                let format = counter.format;
                let first = format.find::<io::Error>(&counter.path, true, &mut |bytes, look| {
                    decoder.source.show(0..bytes as u64, look).map(drop)
                })?;
                self.wrapping = first.wrapping();
            }
        }
        let Some(decoder) = &mut self.decoder else { return Ok(ArchiveProgress::Waiting) };
        while let Some(check) = self.checks.first() {
            match decoder.holds(check, counter)? {
                None => return Ok(ArchiveProgress::More),
                Some(true) if self.is_doubtful => {
                    self.mark = check.judged;
                    return Ok(ArchiveProgress::Known);
                }
                Some(true) => self.checks.clear(),
                Some(false) => {
                    self.checks.remove(0);
                    if self.checks.is_empty() {
                        return Ok(ArchiveProgress::Other);
                    }
                }
            }
        }
        self.judge(counter, tally)
    }

    fn judge(&mut self, counter: &mut LineCounter<'_>, tally: &mut Tally) -> io::Result<ArchiveProgress> {
        let Some(Decoder { source, .. }) = &mut self.decoder else { return Ok(ArchiveProgress::Waiting) };
        counter.wrapping = self.wrapping;
        // A compressor keeps the time of the last change.
        let (offset, at_ms) = (self.mark.cursor.offset, self.stat.modified_ns / 1_000_000);
        let unwatched = UnwatchedSpan { from: offset, since_ms: at_ms, to: offset, until_ms: at_ms };
        counter.clock.set_unwatched(Some(unwatched));
        let mut feed = Feed::to_end(WINDOW_BYTES);
        loop {
            let (from, known) = (self.mark.cursor.offset, self.mark.anchor.len());
            let mut line_feed = None;
            let ReadPosition { cursor, anchor, .. } = &mut self.mark;
            let mut judge = |cursor: &mut LineCursor, bytes: &[u8], follows| {
                counter.advance(cursor, bytes, follows, tally)
            };
            let fed = feed.step(cursor, &mut judge, &mut |range, look| {
                let shown = source.show(range.start - known as u64..range.end, &mut |bytes| {
                    let judged = known + look(&bytes[known.min(bytes.len())..]);
                    line_feed = memchr::memrchr(b'\n', &bytes[known.min(judged)..judged]);
                    *anchor = Anchor::ending(&bytes[judged.saturating_sub(ANCHOR_BYTES)..judged]);
                });
                shown.map(drop)
            })?;
            let judged = self.mark.cursor.offset - from;
            counter.spend(judged);
            self.endless_bytes = match line_feed {
                Some(at) => judged - (at as u64 + 1).min(judged),
                None => self.endless_bytes + judged,
            };
            if self.endless_bytes > LINE_BYTES_MAX {
                return Err(io::Error::new(
                    io::ErrorKind::OutOfMemory,
                    "it decompresses to more than 1 GiB without a line feed",
                ));
            }
            match fed {
                Fed::Done => return Ok(ArchiveProgress::Done),
                Fed::More if counter.budget == 0 => return Ok(ArchiveProgress::More),
                Fed::More | Fed::Widen => {}
            }
        }
    }
}

/// Whether `file` begins as a file whose head is `head` did before it was compressed.
///
/// # Errors
/// If the file cannot be read or decompressed.
pub fn begins_as(file: &Arc<dyn FileHandle>, head: &Fingerprint) -> io::Result<bool> {
    Ok(head.matches(&first_bytes(file)?))
}

/// As many of the first bytes as make a head.
pub fn first_bytes(file: &Arc<dyn FileHandle>) -> io::Result<Vec<u8>> {
    let _only = one_at_a_time();
    let mut source = DecompressSource::new(HandleBytes { file: Arc::clone(file), offset: 0 })?;
    let mut head = Vec::new();
    let _ = source.show(0..HEAD_BYTES as u64, &mut |bytes| head.extend_from_slice(bytes))?;
    Ok(head)
}

/// A decoder that is kept from turn to turn.
struct Decoder {
    source: DecompressSource,
    _permit: DecoderPermit,
}

impl Decoder {
    /// `None` if as many as may be are in use.
    fn open(file: &Arc<dyn FileHandle>) -> io::Result<Option<Decoder>> {
        let Some(permit) = DecoderPermit::try_new() else { return Ok(None) };
        let source = DecompressSource::new(HandleBytes { file: Arc::clone(file), offset: 0 })?;
        Ok(Some(Decoder { source, _permit: permit }))
    }

    /// Whether the stream holds some contents. `None` if the budget ends before their offset.
    fn holds(&mut self, content: &ContentMark, counter: &mut LineCounter<'_>) -> io::Result<Option<bool>> {
        let anchor = content.mark.anchor.bytes();
        let from = content.mark.cursor.offset - anchor.len() as u64;
        while self.source.position() < from {
            if counter.budget == 0 {
                return Ok(None);
            }
            let at = self.source.position();
            let to = from.min(at + WINDOW_BYTES);
            let _ = self.source.show(to..to, &mut |_| {})?;
            if self.source.position() < to {
                return Ok(Some(false));
            }
            counter.skip(to - at);
        }
        let mut is_held = false;
        let _ = self.source.show(from..content.mark.cursor.offset + 1, &mut |bytes| {
            is_held = bytes.starts_with(anchor) && (!content.is_end || bytes.len() == anchor.len());
        })?;
        Ok(Some(is_held))
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
