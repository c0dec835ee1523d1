//! The short form of a [`FileRecord`] whose file is gone: numbers take as many bytes as they need, names are kept once.

use std::ffi::OsString;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::PathBuf;

use crate::file::checkpoint::{FileCheckpoint, TailCheckpoint};
use crate::file::identity::{Anchor, Fingerprint, Identity};
use crate::file::ownership::ReadPosition;
use crate::scan::cursor::LineCursor;
use crate::store::{FileRecord, RuleTotal, WatchedPath};

/// Names of watches and rules, by number.
#[derive(Debug, Default)]
pub(super) struct Names(Vec<String>);

impl Names {
    fn number(&mut self, name: &str) -> u64 {
        let at = self.0.iter().position(|known| known == name).unwrap_or_else(|| {
            self.0.push(name.to_owned());
            self.0.len() - 1
        });
        at as u64
    }

    fn name(&self, number: u64) -> Option<String> {
        self.0.get(usize::try_from(number).ok()?).cloned()
    }
}

/// Where the last of the ended files and the file that stood at the path last are the same, the latter is left out.
const NO_LAST: u64 = 0;
const LAST_APART: u64 = 1;
const LAST_ENDED: u64 = 2;

/// The record in short, after the time `at_s`. `None` if something is at the path or to be read.
pub(super) fn encode(record: &FileRecord, at_s: u32, names: &mut Names) -> Option<Box<[u8]>> {
    let FileRecord { id, tail, totals, bytes_read, bytes_missed } = record;
    let TailCheckpoint { generation, current, former, last, ended, since_ns, pieces } = tail;
    if current.is_some() || !former.is_empty() || !pieces.is_empty() {
        return None;
    }
    let mut out = Writer(at_s.to_le_bytes().to_vec());
    out.number(names.number(&id.watch));
    out.bytes(id.path.as_os_str().as_bytes());
    out.number(*bytes_read);
    out.number(*bytes_missed);
    out.number(totals.len() as u64);
    for total in totals {
        out.number(names.number(&total.rule));
        out.number(total.matched);
        out.number(total.matched.saturating_sub(total.reported));
    }
    out.number(*generation);
    out.signed(*since_ns);
    out.number(ended.len() as u64);
    ended.iter().for_each(|place| out.place(place));
    match (last, ended.last()) {
        (None, _) => out.number(NO_LAST),
        (Some(last), Some(ended)) if is_same_file(last, ended) => {
            out.number(LAST_ENDED);
            out.number(last.size);
            out.number(u64::from(last.is_settled));
        }
        (Some(last), _) => {
            out.number(LAST_APART);
            out.place(last);
        }
    }
    Some(out.0.into_boxed_slice())
}

/// The record that was encoded so. `None` if it was not.
pub(super) fn decode(bytes: &[u8], names: &Names) -> Option<FileRecord> {
    let mut input = Reader(bytes.get(4..)?);
    let watch = names.name(input.number()?)?;
    let path = PathBuf::from(OsString::from_vec(input.bytes()?.to_vec()));
    let (bytes_read, bytes_missed) = (input.number()?, input.number()?);
    let mut totals = Vec::new();
    for _ in 0..input.number()? {
        let (rule, matched) = (names.name(input.number()?)?, input.number()?);
        totals.push(RuleTotal { rule, matched, reported: matched - input.number()? });
    }
    let (generation, since_ns) = (input.number()?, input.signed()?);
    let mut ended = Vec::new();
    for _ in 0..input.number()? {
        ended.push(input.place()?);
    }
    let last = match input.number()? {
        LAST_APART => Some(input.place()?),
        LAST_ENDED => {
            let (size, is_settled) = (input.number()?, input.number()? != 0);
            Some(FileCheckpoint { size, is_settled, ..*ended.last()? })
        }
        _ => None,
    };
    let tail =
        TailCheckpoint { generation, last: last.map(Box::new), ended, since_ns, ..TailCheckpoint::default() };
    Some(FileRecord { id: WatchedPath { watch, path }, tail, totals, bytes_read, bytes_missed })
}

fn is_same_file(last: &FileCheckpoint, ended: &FileCheckpoint) -> bool {
    FileCheckpoint { size: last.size, is_settled: last.is_settled, ..*ended } == *last
}

struct Writer(Vec<u8>);

impl Writer {
    /// Seven bits a byte, the lowest first.
    fn number(&mut self, mut number: u64) {
        while number >= 0x80 {
            self.0.push(number as u8 | 0x80);
            number >>= 7;
        }
        self.0.push(number as u8);
    }

    /// Near zero, whatever the sign, takes few bytes.
    fn signed(&mut self, number: i64) {
        self.number(((number << 1) ^ (number >> 63)).cast_unsigned());
    }

    fn bytes(&mut self, bytes: &[u8]) {
        self.number(bytes.len() as u64);
        self.0.extend_from_slice(bytes);
    }

    fn place(&mut self, place: &FileCheckpoint) {
        let FileCheckpoint { identity, mark, size, modified_ns, changed_ns, is_settled } = place;
        self.number(identity.dev);
        self.number(identity.ino);
        self.signed(identity.born_ns);
        let ReadPosition { cursor, head, anchor } = mark;
        self.number(cursor.offset);
        self.number(cursor.searched.wrapping_sub(cursor.offset));
        self.number(u64::from(cursor.inside_long_line) | u64::from(*is_settled) << 1);
        self.number(cursor.counted);
        self.number(head.len as u64);
        self.number(head.hash);
        self.bytes(anchor.bytes());
        self.number(*size);
        self.signed(*modified_ns);
        self.signed(changed_ns.wrapping_sub(*modified_ns));
    }
}

struct Reader<'b>(&'b [u8]);

impl<'b> Reader<'b> {
    fn number(&mut self) -> Option<u64> {
        let (mut number, mut shift) = (0, 0);
        loop {
            let (byte, rest) = self.0.split_first()?;
            self.0 = rest;
            number |= u64::from(byte & 0x7f).checked_shl(shift)?;
            if *byte < 0x80 {
                return Some(number);
            }
            shift += 7;
        }
    }

    fn signed(&mut self) -> Option<i64> {
        let number = self.number()?;
        Some((number >> 1).cast_signed() ^ -(number & 1).cast_signed())
    }

    fn bytes(&mut self) -> Option<&'b [u8]> {
        let len = usize::try_from(self.number()?).ok()?;
        let (bytes, rest) = self.0.split_at_checked(len)?;
        self.0 = rest;
        Some(bytes)
    }

    fn place(&mut self) -> Option<FileCheckpoint> {
        let identity = Identity { dev: self.number()?, ino: self.number()?, born_ns: self.signed()? };
        let offset = self.number()?;
        let searched = offset.wrapping_add(self.number()?);
        let (flags, counted) = (self.number()?, self.number()?);
        let cursor = LineCursor { offset, searched, inside_long_line: flags & 1 != 0, counted };
        let head = Fingerprint { len: usize::try_from(self.number()?).ok()?, hash: self.number()? };
        let anchor = Anchor::ending(self.bytes()?);
        let (size, modified_ns) = (self.number()?, self.signed()?);
        let changed_ns = modified_ns.wrapping_add(self.signed()?);
        let mark = ReadPosition { cursor, head, anchor };
        Some(FileCheckpoint { identity, mark, size, modified_ns, changed_ns, is_settled: flags & 2 != 0 })
    }
}
