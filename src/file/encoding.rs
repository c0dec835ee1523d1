//! Texts in UTF-16: how they are recognised, and how commands decode them that read a file from front to back.
//!
//! The daemon counts bytes as they are in the file, and reports such a file instead.

use std::io::{self, Read};
use std::path::Path;

use crate::file::source::read_at;
use crate::sys::open::open_regular;

/// How many bytes [`Encoding::of`] wants to see.
pub const ENCODING_BYTES: usize = 256;

/// Fewer characters than this prove nothing without a byte order mark.
const CHARACTERS_MIN: usize = 8;

/// How much is decoded at once, in bytes.
const INPUT_BYTES: usize = 16 << 10;

/// How the characters of a text are written, other than in UTF-8.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Encoding {
    /// UTF-16, the low byte first, as Windows writes it.
    Utf16Le,
    /// UTF-16, the high byte first.
    Utf16Be,
}

impl Encoding {
    /// Recognises UTF-16 by its byte order mark, or by a zero in every other byte, which no log in UTF-8 has.
    #[must_use]
    pub fn of(head: &[u8]) -> Option<Encoding> {
        match head {
            // UTF-32.
            [0xFF, 0xFE, 0, 0, ..] => None,
            [0xFF, 0xFE, ..] => Some(Encoding::Utf16Le),
            [0xFE, 0xFF, ..] => Some(Encoding::Utf16Be),
            _ => without_mark(head),
        }
    }

    /// The encoding of the file at `path`, if it is not UTF-8 and can be read.
    #[must_use]
    pub fn of_file(path: &Path) -> Option<Encoding> {
        let (file, _) = open_regular(path).ok()?;
        let mut head = [0; ENCODING_BYTES];
        let got = read_at(&file, &mut head, 0).ok()?;
        Encoding::of(&head[..got])
    }

    /// What a daemon does with such a file, and how to fix it.
    #[must_use]
    pub fn advice(self) -> String {
        let name = self.name();
        format!(
            "its text is {name}, which the daemon does not decode, so that its lines do not match; have it written as UTF-8, \
             or count it with `spiketail scan`"
        )
    }

    /// Its name, for people.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Encoding::Utf16Le => "UTF-16LE",
            Encoding::Utf16Be => "UTF-16BE",
        }
    }
}

fn without_mark(head: &[u8]) -> Option<Encoding> {
    let is_text = |byte: u8| matches!(byte, b'\t' | b'\r' | b'\n' | b' '..=b'~');
    let characters = head.len() / 2;
    let count = |is_it: &dyn Fn(&[u8]) -> bool| head.chunks_exact(2).filter(|pair| is_it(pair)).count();
    let most = |count: usize| characters >= CHARACTERS_MIN && count * 5 >= characters * 4;
    if most(count(&|pair| pair[1] == 0 && is_text(pair[0]))) {
        return Some(Encoding::Utf16Le);
    }
    most(count(&|pair| pair[0] == 0 && is_text(pair[1]))).then_some(Encoding::Utf16Be)
}

/// Reads UTF-16 as UTF-8. What is no UTF-16 becomes U+FFFD.
pub(super) struct Utf16Reader<R> {
    inner: R,
    encoding: Encoding,
    /// Bytes of a character that is not complete yet.
    pending: Vec<u8>,
    /// Text that is decoded, of which `taken` bytes were read.
    text: Vec<u8>,
    taken: usize,
    is_begun: bool,
    is_ended: bool,
}

impl<R: Read> Utf16Reader<R> {
    pub(super) fn new(inner: R, encoding: Encoding) -> Utf16Reader<R> {
        let (pending, text) = (Vec::new(), Vec::new());
        Utf16Reader { inner, encoding, pending, text, taken: 0, is_begun: false, is_ended: false }
    }

    fn decode(&mut self) -> io::Result<()> {
        let mut bytes = std::mem::take(&mut self.pending);
        let before = bytes.len();
        bytes.resize(before + INPUT_BYTES, 0);
        let got = match self.inner.read(&mut bytes[before..]) {
            Ok(got) => got,
            Err(error) => {
                bytes.truncate(before);
                self.pending = bytes;
                return Err(error);
            }
        };
        bytes.truncate(before + got);
        self.is_ended = got == 0;
        let mut whole = bytes.len() / 2 * 2;
        if !self.is_ended && whole > 0 && (0xD800..0xDC00).contains(&self.unit(&bytes[whole - 2..])) {
            // The other half of the character is still to come.
            whole -= 2;
        }
        let units: Vec<u16> = bytes[..whole].chunks_exact(2).map(|pair| self.unit(pair)).collect();
        (self.text, self.taken) = (Vec::with_capacity(whole), 0);
        let mut buffer = [0; 4];
        for letter in char::decode_utf16(units) {
            let letter = letter.unwrap_or(char::REPLACEMENT_CHARACTER);
            if self.is_begun || letter != '\u{feff}' {
                self.text.extend_from_slice(letter.encode_utf8(&mut buffer).as_bytes());
            }
            self.is_begun = true;
        }
        if self.is_ended && whole < bytes.len() {
            self.text.extend_from_slice("\u{fffd}".as_bytes());
        }
        self.pending = bytes[whole..].to_vec();
        Ok(())
    }

    fn unit(&self, pair: &[u8]) -> u16 {
        let pair = [pair[0], pair[1]];
        match self.encoding {
            Encoding::Utf16Le => u16::from_le_bytes(pair),
            Encoding::Utf16Be => u16::from_be_bytes(pair),
        }
    }
}

impl<R: Read> Read for Utf16Reader<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        while self.taken == self.text.len() && !self.is_ended {
            self.decode()?;
        }
        let rest = &self.text[self.taken..];
        let taken = rest.len().min(buffer.len());
        buffer[..taken].copy_from_slice(&rest[..taken]);
        self.taken += taken;
        Ok(taken)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn encoded(text: &str, encoding: Encoding, has_mark: bool) -> Vec<u8> {
        let mark = if has_mark { "\u{feff}" } else { "" };
        let units = mark.encode_utf16().chain(text.encode_utf16());
        match encoding {
            Encoding::Utf16Le => units.flat_map(u16::to_le_bytes).collect(),
            Encoding::Utf16Be => units.flat_map(u16::to_be_bytes).collect(),
        }
    }

    /// Gives a few bytes at a time.
    struct Slow<'a>(&'a [u8], usize);

    impl Read for Slow<'_> {
        fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
            let most = buffer.len().min(self.1);
            self.0.read(&mut buffer[..most])
        }
    }

    fn decoded(bytes: &[u8], encoding: Encoding, step: usize) -> String {
        let mut text = String::new();
        Utf16Reader::new(Slow(bytes, step), encoding).read_to_string(&mut text).unwrap();
        text
    }

    #[test]
    fn it_is_recognised_with_and_without_a_mark() {
        let line = "2026-11-22 10:00:00 ERROR größer\r\n";
        for encoding in [Encoding::Utf16Le, Encoding::Utf16Be] {
            for has_mark in [true, false] {
                assert_eq!(Encoding::of(&encoded(line, encoding, has_mark)), Some(encoding));
            }
        }
        for other in
            [line.as_bytes(), b"", b"a\0", &[0; 256], b"\xEF\xBB\xBF2026", &[0xFF, 0xFE, 0, 0, 65, 0, 0, 0]]
        {
            assert_eq!(Encoding::of(other), None, "{other:?}");
        }
        // A log that begins behind a hole, and one with a few NULs.
        assert_eq!(Encoding::of(&[&[0; 100][..], &line.as_bytes().repeat(9)[..]].concat()), None);
        assert_eq!(Encoding::of(b"a\0b\0c\0 is how this line of text begins, and it goes on"), None);
    }

    #[test]
    fn what_is_cut_or_no_utf_16_is_replaced() {
        assert_eq!(decoded(b"a\0b", Encoding::Utf16Le, 9), "a\u{fffd}");
        assert_eq!(decoded(&[0x00, 0xD8, b'a', 0], Encoding::Utf16Le, 1), "\u{fffd}a");
    }

    proptest! {
        #[test]
        fn what_was_encoded_is_decoded(text in "[\\PC\n]{0,60}", step in 1usize..9, big in any::<bool>(), mark in any::<bool>()) {
            prop_assume!(!text.starts_with('\u{feff}'));
            let encoding = if big { Encoding::Utf16Be } else { Encoding::Utf16Le };
            prop_assert_eq!(decoded(&encoded(&text, encoding, mark), encoding, step), text);
        }
    }
}
