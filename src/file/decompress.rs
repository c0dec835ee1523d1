//! Streams as a [`Source`]: compressed files, and pipes that are read once from front to back.
//!
//! Only what lies at and after the last range that was shown is kept, so memory is bounded by the window and by the
//! decoder, whatever the stream claims to hold.

use std::io::{self, BufReader, Read};
use std::ops::Range;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::file::encoding::{ENCODING_BYTES, Encoding, Utf16Reader};
use crate::file::vfs::{Source, WindowState};

/// How many bytes [`Compression::of`] wants to see.
pub const MAGIC_BYTES: usize = 10;

/// How much memory a decoder may take for the history that a stream refers to, in bytes: what `zstd` itself allows
/// without being asked, and more than `xz -9` needs.
const DECODER_BYTES_MAX: u64 = 128 << 20;

/// How much is read from the compressed side at once, in bytes.
const INPUT_BYTES: usize = 64 << 10;

/// How a stream is compressed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Compression {
    /// gzip, of one or many members.
    Gzip,
    /// Zstandard, of one or many frames.
    Zstd,
    /// bzip2, of one or many streams.
    Bzip2,
    /// xz, of one or many streams.
    Xz,
}

impl Compression {
    /// Recognises a compressed stream by its first [`MAGIC_BYTES`] bytes. A name says nothing: a rotated `app.log.gz` may be
    /// plain, and a plain name may hold gzip.
    #[must_use]
    pub fn of(head: &[u8]) -> Option<Compression> {
        match head {
            [0x1f, 0x8b, 8, ..] => Some(Compression::Gzip),
            [0x28, 0xb5, 0x2f, 0xfd, ..] | [0x50..=0x5f, 0x2a, 0x4d, 0x18, ..] => Some(Compression::Zstd),
            // A block or the end follows at once; "BZh" alone may begin a line of text.
            [b'B', b'Z', b'h', b'1'..=b'9', 0x31, 0x41, 0x59, 0x26, 0x53, 0x59, ..]
            | [b'B', b'Z', b'h', b'1'..=b'9', 0x17, 0x72, 0x45, 0x38, 0x50, 0x90, ..] => {
                Some(Compression::Bzip2)
            }
            [0xfd, b'7', b'z', b'X', b'Z', 0, ..] => Some(Compression::Xz),
            _ => None,
        }
    }

    /// Its name, for people.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Compression::Gzip => "gzip",
            Compression::Zstd => "zstd",
            Compression::Bzip2 => "bzip2",
            Compression::Xz => "xz",
        }
    }
}

/// How many decoders are kept at once by the files that are being read.
const DECODERS_MAX: usize = 2;

/// How many there are.
static DECODERS: AtomicUsize = AtomicUsize::new(0);

/// Held by whoever has one of the [`DECODERS_MAX`] decoders. They are counted by process, because memory is.
#[derive(Debug)]
pub struct DecoderPermit(());

impl DecoderPermit {
    /// `None` if there are as many as may be.
    #[must_use]
    pub fn try_new() -> Option<DecoderPermit> {
        let more = |decoders| (decoders < DECODERS_MAX).then_some(decoders + 1);
        DECODERS.fetch_update(Ordering::Relaxed, Ordering::Relaxed, more).is_ok().then(|| DecoderPermit(()))
    }
}

impl Drop for DecoderPermit {
    fn drop(&mut self) {
        DECODERS.fetch_sub(1, Ordering::Relaxed);
    }
}

/// Held by whoever has a decoder for a moment, to see how a file begins: one more than [`DECODERS_MAX`].
pub fn one_at_a_time() -> MutexGuard<'static, ()> {
    static ONE: Mutex<()> = Mutex::new(());
    ONE.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Reads a stream from front to back, through a decoder if it is compressed. Ranges may overlap what was shown last,
/// but never begin before it; bytes that are skipped are read and forgotten.
pub struct DecompressSource {
    stream: Box<dyn Read + Send>,
    compression: Option<Compression>,
    /// The bytes `start..start + filled` of the stream are the first of `buffer`.
    buffer: Vec<u8>,
    start: u64,
    filled: usize,
    ended: bool,
}

impl DecompressSource {
    /// A source over what `compressed` decompresses to, or over its own bytes if it is not compressed.
    ///
    /// # Errors
    /// If `compressed` cannot be read or the decoder has no memory.
    pub fn new(mut compressed: impl Read + Send + 'static) -> io::Result<DecompressSource> {
        let mut head = [0; MAGIC_BYTES];
        let got = fill(&mut compressed, &mut head)?;
        let compression = Compression::of(&head[..got]);
        let input = io::Cursor::new(head).take(got as u64).chain(compressed);
        Ok(DecompressSource {
            stream: decoder(input, compression)?,
            compression,
            buffer: Vec::new(),
            start: 0,
            filled: 0,
            ended: false,
        })
    }

    /// The same, and a text in UTF-16 is shown in UTF-8.
    ///
    /// # Errors
    /// As [`DecompressSource::new`].
    pub fn decoding(compressed: impl Read + Send + 'static) -> io::Result<DecompressSource> {
        let mut source = DecompressSource::new(compressed)?;
        let mut stream = source.stream;
        let mut head = Vec::with_capacity(ENCODING_BYTES);
        // What was read before an error is shown before it.
        let failed = stream.by_ref().take(ENCODING_BYTES as u64).read_to_end(&mut head).err();
        let encoding = Encoding::of(&head);
        let whole = io::Cursor::new(head).chain(FailedRead(failed)).chain(stream);
        source.stream = match encoding {
            Some(encoding) => Box::new(Utf16Reader::new(whole, encoding)),
            None => Box::new(whole),
        };
        Ok(source)
    }

    /// Where the bytes begin that can be shown, from the beginning of the stream.
    #[must_use]
    pub fn position(&self) -> u64 {
        self.start
    }

    /// How the stream is compressed, if it is.
    #[must_use]
    pub fn compression(&self) -> Option<Compression> {
        self.compression
    }

    /// Shows what of `range` was read before [`Source::show`] failed, and reads no more.
    pub fn show_what_was_read(&self, range: Range<u64>, look: &mut dyn FnMut(&[u8])) {
        let skip = range.start.saturating_sub(self.start).min(self.filled as u64) as usize;
        let wanted = range.end.saturating_sub(range.start).min((self.filled - skip) as u64) as usize;
        look(&self.buffer[skip..skip + wanted]);
    }

    /// Forgets what lies before `offset`, reading up to it if it was not reached yet.
    fn forget_before(&mut self, offset: u64) -> io::Result<()> {
        let mut skip = offset
            .checked_sub(self.start)
            .ok_or_else(|| io::Error::new(io::ErrorKind::Unsupported, "a stream cannot be read backwards"))?;
        while skip > self.filled as u64 {
            skip -= self.filled as u64;
            self.start += self.filled as u64;
            self.filled = 0;
            if self.ended {
                return Ok(());
            }
            self.fill_to((skip as usize).clamp(1, INPUT_BYTES))?;
        }
        self.buffer.copy_within(skip as usize..self.filled, 0);
        self.filled -= skip as usize;
        self.start += skip;
        Ok(())
    }

    /// Reads until `wanted` bytes are there, or all that there are.
    fn fill_to(&mut self, wanted: usize) -> io::Result<()> {
        if self.buffer.len() < wanted {
            self.buffer.resize(wanted, 0);
        }
        while self.filled < wanted && !self.ended {
            match self.stream.read(&mut self.buffer[self.filled..wanted]) {
                Ok(0) => self.ended = true,
                Ok(got) => self.filled += got,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(self.explained(error)),
            }
        }
        Ok(())
    }

    fn explained(&self, error: io::Error) -> io::Error {
        let Some(compression) = self.compression else { return error };
        let name = compression.name();
        match error.kind() {
            io::ErrorKind::UnexpectedEof => {
                io::Error::new(error.kind(), format!("the {name} data ends early; it may still be written"))
            }
            // Only their texts tell that the memory was not enough.
            _ if error.to_string().to_lowercase().contains("memory") => {
                let text = format!("the {name} data takes more than 128 MiB to decompress: {error}");
                io::Error::new(io::ErrorKind::OutOfMemory, text)
            }
            kind => io::Error::new(kind, format!("the {name} data cannot be read: {error}")),
        }
    }
}

/// Fails once with the error of an earlier read, if there was one.
struct FailedRead(Option<io::Error>);

impl Read for FailedRead {
    fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
        self.0.take().map_or(Ok(0), Err)
    }
}

impl Source for DecompressSource {
    fn show(&mut self, range: Range<u64>, look: &mut dyn FnMut(&[u8])) -> io::Result<WindowState> {
        self.forget_before(range.start)?;
        let wanted = (range.end.saturating_sub(range.start)) as usize;
        // A range beyond the end has nothing to show.
        if self.start == range.start {
            self.fill_to(wanted)?;
        }
        look(&self.buffer[..self.filled.min(wanted)]);
        Ok(WindowState::Whole)
    }

    /// Keeps what was read: it cannot be obtained again.
    fn release(&mut self) {
        self.buffer.truncate(self.filled);
        self.buffer.shrink_to_fit();
    }

    fn holds_window(&self) -> bool {
        false
    }
}

fn decoder(input: impl Read + Send + 'static, how: Option<Compression>) -> io::Result<Box<dyn Read + Send>> {
    let Some(how) = how else { return Ok(Box::new(input)) };
    let input = BufReader::with_capacity(INPUT_BYTES, input);
    Ok(match how {
        Compression::Gzip => Box::new(flate2::bufread::MultiGzDecoder::new(input)),
        Compression::Zstd => {
            let mut decoder = zstd::stream::read::Decoder::with_buffer(input)?;
            decoder.window_log_max(DECODER_BYTES_MAX.ilog2())?;
            Box::new(decoder)
        }
        Compression::Bzip2 => Box::new(bzip2::bufread::MultiBzDecoder::new(input)),
        Compression::Xz => {
            let stream = liblzma::stream::Stream::new_stream_decoder(
                DECODER_BYTES_MAX,
                liblzma::stream::CONCATENATED,
            )?;
            Box::new(liblzma::bufread::XzDecoder::new_stream(input, stream))
        }
    })
}

fn fill(reader: &mut impl Read, buffer: &mut [u8]) -> io::Result<usize> {
    let mut got = 0;
    while got < buffer.len() {
        match reader.read(&mut buffer[got..]) {
            Ok(0) => break,
            Ok(n) => got += n,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(got)
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    fn gzip(bytes: &[u8]) -> Vec<u8> {
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        encoder.write_all(bytes).unwrap();
        encoder.finish().unwrap()
    }

    fn shown(source: &mut DecompressSource, range: Range<u64>) -> Vec<u8> {
        let mut seen = Vec::new();
        assert_eq!(source.show(range, &mut |bytes| seen = bytes.to_vec()).unwrap(), WindowState::Whole);
        seen
    }

    #[test]
    fn no_more_permits_are_given_than_there_may_be_decoders() {
        let permits: Vec<_> = std::iter::from_fn(DecoderPermit::try_new).take(100).collect();
        assert!(permits.len() <= DECODERS_MAX);
        // Asking in vain changes nothing.
        assert!((0..10).all(|_| DecoderPermit::try_new().is_none()));
        drop(permits);
        assert!(DecoderPermit::try_new().is_some());
    }

    #[test]
    fn ranges_go_forward_overlap_and_skip() {
        let mut two = gzip(b"0123456789");
        two.extend(gzip(b"abcdefghij"));
        let mut source = DecompressSource::new(io::Cursor::new(two)).unwrap();
        assert_eq!(source.compression(), Some(Compression::Gzip));
        assert_eq!(shown(&mut source, 0..4), b"0123");
        assert_eq!(shown(&mut source, 2..12), b"23456789ab");
        source.release();
        assert_eq!(shown(&mut source, 2..4), b"23");
        assert_eq!(shown(&mut source, 15..30), b"fghij");
        assert_eq!(shown(&mut source, 40..50), b"");
        let error = source.show(0..1, &mut |_| {}).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::Unsupported);
    }

    #[test]
    fn magic_decides_and_text_that_looks_alike_is_text() {
        assert_eq!(Compression::of(b"BZh9 is how this line begins"), None);
        assert_eq!(Compression::of(b"\x1f\x8b"), None);
        let mut source = DecompressSource::new(io::Cursor::new(b"BZh9\n".to_vec())).unwrap();
        assert_eq!(shown(&mut source, 0..99), b"BZh9\n");
        let mut empty = DecompressSource::new(io::empty()).unwrap();
        assert_eq!(shown(&mut empty, 0..99), b"");
    }

    #[test]
    fn broken_data_is_an_error_that_says_so() {
        let bytes = gzip(&[b'x'; 1000]);
        let mut source = DecompressSource::new(io::Cursor::new(bytes[..bytes.len() - 9].to_vec())).unwrap();
        let error = source.show(0..2000, &mut |_| {}).unwrap_err();
        assert!(error.to_string().contains("ends early"), "{error}");
        let mut seen = Vec::new();
        source.show_what_was_read(0..2000, &mut |bytes| seen = bytes.to_vec());
        // How much of a broken stream comes out depends on how the decoder takes it in.
        assert!((1..=1000).contains(&seen.len()) && seen.iter().all(|b| *b == b'x'), "{}", seen.len());
        let mut trailing = gzip(b"x");
        trailing.extend(b"garbage and more of it");
        let mut source = DecompressSource::new(io::Cursor::new(trailing)).unwrap();
        let error = source.show(0..2000, &mut |_| {}).unwrap_err();
        assert!(error.to_string().contains("the gzip data cannot be read"), "{error}");
    }

    proptest::proptest! {
        /// Whatever follows the magic bytes, and wherever a valid stream is damaged: an error at most, and no larger buffer than what
        /// was asked for.
        #[test]
        fn arbitrary_bytes_neither_panic_nor_take_memory(
            magic in proptest::sample::select(vec![
                &b""[..], b"\x1f\x8b\x08", b"\x28\xb5\x2f\xfd", b"BZh9\x31\x41\x59\x26\x53\x59", b"\xfd7zXZ\0",
            ]),
            bytes in proptest::collection::vec(proptest::num::u8::ANY, 0..2_000),
            damage in 0usize..4_000,
        ) {
            let mut valid = gzip(&bytes.repeat(20));
            let at = damage % valid.len();
            valid[at] ^= 0x55;
            for input in [[magic, &bytes[..]].concat(), valid] {
                let Ok(mut source) = DecompressSource::new(io::Cursor::new(input)) else { continue };
                for n in 0..32 {
                    let range = n * 4_096..(n + 1) * 4_096;
                    let shown = source.show(range.clone(), &mut |bytes| assert!(bytes.len() <= 4_096));
                    assert!(source.buffer.len() <= INPUT_BYTES);
                    if shown.is_err() {
                        source.show_what_was_read(range, &mut |bytes| assert!(bytes.len() <= 4_096));
                        break;
                    }
                }
            }
        }
    }
}
