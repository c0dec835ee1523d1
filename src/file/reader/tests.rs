//! Files that change between a scan and its confirmation, without a trace in their stamps.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use std::ops::Range;

use super::*;
use crate::file::identity::HEAD_BYTES;
use crate::file::line_counter::LineCounter;
use crate::file::line_time::LineTimer;
use crate::file::source::PreadSource;
use crate::file::tally::Tally;
use crate::scan::rules::{RuleSet, RuleSpec};
use crate::scan::scanner::Scanner;
use crate::scan::wrapping::{LineFormat, Pieces};

/// Has the second contents from the first stat after its end was read, with the same stamps.
struct Rewritten {
    contents: [Vec<u8>; 2],
    was_read: AtomicBool,
    is_second: AtomicBool,
}

impl FileHandle for Rewritten {
    fn stat(&self) -> io::Result<Stat> {
        self.is_second.fetch_or(self.was_read.load(Ordering::Relaxed), Ordering::Relaxed);
        let size = self.contents[0].len() as u64;
        Ok(Stat { size, ..stat() })
    }

    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
        let bytes = &self.contents[usize::from(self.is_second.load(Ordering::Relaxed))];
        let from = bytes.len().min(offset as usize);
        let got = buffer.len().min(bytes.len() - from);
        buffer[..got].copy_from_slice(&bytes[from..from + got]);
        self.was_read.fetch_or(from + got == bytes.len(), Ordering::Relaxed);
        Ok(got)
    }

    fn data_after(&self, offset: u64) -> Option<Range<u64>> {
        Some(offset..u64::MAX)
    }

    fn is_remote(&self) -> bool {
        false
    }

    fn source(self: Arc<Self>, _reader: ReadMethod, _window_bytes: usize) -> Box<dyn Source> {
        Box::new(PreadSource::new(self))
    }
}

fn stat() -> Stat {
    Stat {
        dev: 1,
        ino: 1,
        born_ns: 1,
        size: 0,
        modified_ns: 1,
        changed_ns: 1,
        links: 1,
        mode: 0o100_644,
        gid: 0,
    }
}

fn read(second: &[u8]) -> (ReadProgress, u64) {
    let first = contents(b"ERROR\n");
    assert_eq!(first.len(), second.len());
    let file = Arc::new(Rewritten {
        contents: [first, second.to_vec()],
        was_read: AtomicBool::new(false),
        is_second: AtomicBool::new(false),
    });
    let stat = file.stat().unwrap();
    let mut scanner = Scanner::new(RuleSet::compile(&[RuleSpec::containing("ERROR")]).unwrap(), 1 << 20);
    let mut counter = counter(&mut scanner);
    let mut tally = Tally::new(1, 1);
    let settings = FileSettings { reader: ReadMethod::Pread, ..FileSettings::default() };
    let mut reader = FileReader::begin(file, &stat, &settings);
    let progress = reader.read(&stat, &mut counter, &mut tally).unwrap();
    (progress, tally.matched[0])
}

/// Begins as any other, beyond what the fingerprint and the bytes around the old offset cover.
fn contents(last: &[u8]) -> Vec<u8> {
    [b"quiet\n".repeat(2 * HEAD_BYTES), last.repeat(2 * ANCHOR_BYTES)].concat()
}

/// Counts by `scanner`, without a bound.
fn counter(scanner: &mut Scanner) -> LineCounter<'_> {
    LineCounter {
        scanner,
        clock: LineTimer::new(&Arc::default(), false, None, 0),
        budget: u64::MAX,
        judged: 0,
        signatures: None,
        format: LineFormat::Auto,
        path: Path::new("/x").into(),
        wrapping: None,
        pieces: Pieces::default(),
    }
}

#[test]
fn what_stays_as_it_was_scanned_counts() {
    assert_eq!(read(&contents(b"ERROR\n")), (ReadProgress::Done, 2 * ANCHOR_BYTES as u64));
}

#[test]
fn a_scan_counts_nothing_if_the_bytes_before_its_end_changed() {
    assert_eq!(read(&contents(b"quiet\n")), (ReadProgress::Disturbed, 0));
}

/// A file with a block that the device cannot read.
struct Damaged {
    bytes: Vec<u8>,
    bad: Range<u64>,
}

impl FileHandle for Damaged {
    fn stat(&self) -> io::Result<Stat> {
        let size = self.bytes.len() as u64;
        Ok(Stat { size, ..stat() })
    }

    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
        let from = self.bytes.len().min(offset as usize);
        let got = buffer.len().min(self.bytes.len() - from);
        let to = offset + got as u64;
        if offset < self.bad.end && self.bad.start < to {
            return Err(io::Error::from_raw_os_error(libc::EIO));
        }
        buffer[..got].copy_from_slice(&self.bytes[from..from + got]);
        Ok(got)
    }

    fn data_after(&self, offset: u64) -> Option<Range<u64>> {
        Some(offset..u64::MAX)
    }

    fn is_remote(&self) -> bool {
        false
    }

    fn source(self: Arc<Self>, _reader: ReadMethod, _window_bytes: usize) -> Box<dyn Source> {
        Box::new(PreadSource::new(self))
    }
}

#[test]
fn a_block_that_cannot_be_read_is_passed_over_and_missed() {
    // 16 bytes each, so that lines end at the borders of blocks.
    let bytes = b"ERROR number 123".map(|b| if b == b'3' { b'\n' } else { b }).repeat(1024);
    let file = Arc::new(Damaged { bytes, bad: 4096..8192 });
    let stat = file.stat().unwrap();
    let mut scanner = Scanner::new(RuleSet::compile(&[RuleSpec::containing("ERROR")]).unwrap(), 1 << 20);
    let mut counter = counter(&mut scanner);
    let mut tally = Tally::new(1, 1);
    let mut reader = FileReader::begin(file, &stat, &FileSettings::default());
    while reader.read(&stat, &mut counter, &mut tally).unwrap() == ReadProgress::More {}
    assert_eq!(reader.take_skipped().map(|missed| (missed.from, missed.bytes)), Some((4096, 4096)));
    // Where a line begins behind the damage, no one knows: the first one there is not judged.
    assert_eq!((reader.offset(), tally.matched[0]), (stat.size, 256 + 512 - 1));
}
