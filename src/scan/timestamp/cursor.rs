//! Reads fixed layouts byte by byte.

use crate::scan::names;

/// Where in the text of a stamp its seconds stand.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct SecondsPlace {
    /// Where the two digits of the seconds begin, counted as the cursor counts.
    pub(super) at: usize,
    /// Where their fraction ends; behind the seconds if there is none.
    pub(super) end: usize,
}

/// A place in a line.
#[derive(Debug, Clone, Copy)]
pub(super) struct Cursor<'a> {
    bytes: &'a [u8],
    at: usize,
    /// Where the seconds of a time of day were taken.
    seconds: Option<SecondsPlace>,
}

impl<'a> Cursor<'a> {
    pub(super) fn new(bytes: &'a [u8], at: usize) -> Cursor<'a> {
        Cursor { bytes, at, seconds: None }
    }

    /// How far it is.
    pub(super) fn at(&self) -> usize {
        self.at
    }

    /// Where the seconds of a time of day were taken, if they were two digits.
    pub(super) fn seconds(&self) -> Option<SecondsPlace> {
        self.seconds
    }

    /// Notes that the seconds of a time of day were taken from `at` to here.
    pub(super) fn note_seconds(&mut self, at: usize) {
        self.seconds = Some(SecondsPlace { at, end: self.at });
    }

    pub(super) fn peek(&self) -> Option<u8> {
        self.bytes.get(self.at).copied()
    }

    /// What is left of the line.
    pub(super) fn rest(&self) -> &'a [u8] {
        self.bytes.get(self.at..).unwrap_or_default()
    }

    pub(super) fn skip(&mut self, bytes: usize) {
        self.at += bytes;
    }

    /// Takes `byte` if it is next.
    pub(super) fn take(&mut self, byte: u8) -> bool {
        let is_next = self.peek() == Some(byte);
        self.at += usize::from(is_next);
        is_next
    }

    /// Takes `text` if it is next.
    pub(super) fn take_text(&mut self, text: &[u8]) -> bool {
        let is_next = self.rest().starts_with(text);
        self.at += if is_next { text.len() } else { 0 };
        is_next
    }

    /// Whether `byte` stands directly before this place.
    pub(super) fn is_behind(&self, byte: u8) -> bool {
        self.at.checked_sub(1).is_some_and(|before| self.bytes.get(before) == Some(&byte))
    }

    /// Takes one byte of `set` if one is next.
    pub(super) fn one_of(&mut self, set: &[u8]) -> Option<u8> {
        let byte = self.peek().filter(|byte| set.contains(byte))?;
        self.at += 1;
        Some(byte)
    }

    /// Takes all spaces that are next, and says how many.
    pub(super) fn spaces(&mut self) -> usize {
        let spaces = self.rest().iter().take_while(|b| matches!(b, b' ' | b'\t')).count();
        self.at += spaces;
        spaces
    }

    /// Takes exactly `n` digits.
    pub(super) fn digits(&mut self, n: usize) -> Option<u32> {
        let digits = self.bytes.get(self.at..self.at + n)?;
        let mut number = 0;
        for digit in digits {
            let digit = digit.wrapping_sub(b'0');
            if digit > 9 {
                return None;
            }
            number = number * 10 + u32::from(digit);
        }
        self.at += n;
        Some(number)
    }

    /// Takes one or two digits.
    pub(super) fn one_or_two(&mut self) -> Option<u32> {
        self.digits(2).or_else(|| self.digits(1))
    }

    /// How many digits are next.
    pub(super) fn count_digits(&self) -> usize {
        self.rest().iter().take_while(|b| b.is_ascii_digit()).count()
    }

    /// Takes one to any number of digits of a fraction, and gives it in milliseconds.
    pub(super) fn fraction_ms(&mut self) -> Option<u32> {
        let count = self.count_digits();
        if count == 0 {
            return None;
        }
        let mut read = Cursor::new(self.bytes, self.at);
        let ms = read.digits(count.min(3))? * [100, 10, 1][count.min(3) - 1];
        self.at += count;
        Some(ms)
    }

    /// Takes the name of a month, whole or abbreviated, with a dot or not. See [`names`].
    pub(super) fn month(&mut self) -> Option<u32> {
        let (month, length) = names::month(self.rest())?;
        self.at += length;
        self.take(b'.');
        Some(month)
    }

    /// Takes the name of a weekday, whole or abbreviated, if one is next.
    pub(super) fn weekday(&mut self) -> Option<()> {
        self.at += names::weekday(self.rest())?;
        Some(())
    }

    /// Whether no letter or digit is next, so that what was taken is not part of something longer.
    pub(super) fn is_at_end_of_word(&self) -> bool {
        self.peek().is_none_or(|byte| !byte.is_ascii_alphanumeric())
    }
}
