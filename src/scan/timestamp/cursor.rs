//! Reads fixed layouts byte by byte.

/// A place in a line.
#[derive(Debug, Clone, Copy)]
pub(super) struct Cursor<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl<'a> Cursor<'a> {
    pub(super) fn new(bytes: &'a [u8], at: usize) -> Cursor<'a> {
        Cursor { bytes, at }
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

    /// Takes the English name of a month, in any case, whole or of three letters.
    pub(super) fn month(&mut self) -> Option<u32> {
        const MONTHS: [&[u8]; 12] = [
            b"january",
            b"february",
            b"march",
            b"april",
            b"may",
            b"june",
            b"july",
            b"august",
            b"september",
            b"october",
            b"november",
            b"december",
        ];
        self.name(&MONTHS).map(|month| month as u32 + 1)
    }

    /// Takes the English name of a weekday, in any case, whole or of three letters.
    pub(super) fn weekday(&mut self) -> Option<usize> {
        const DAYS: [&[u8]; 7] =
            [b"monday", b"tuesday", b"wednesday", b"thursday", b"friday", b"saturday", b"sunday"];
        self.name(&DAYS)
    }

    fn name(&mut self, names: &[&[u8]]) -> Option<usize> {
        let rest = self.rest();
        let start = rest.get(..3)?;
        let found = names.iter().position(|name| name[..3].eq_ignore_ascii_case(start))?;
        let letters = rest.iter().take_while(|b| b.is_ascii_alphabetic()).count();
        if letters != 3 && !names[found].eq_ignore_ascii_case(&rest[..letters]) {
            return None;
        }
        self.at += letters;
        Some(found)
    }

    /// Whether no letter or digit is next, so that what was taken is not part of something longer.
    pub(super) fn is_at_end_of_word(&self) -> bool {
        self.peek().is_none_or(|byte| !byte.is_ascii_alphanumeric())
    }
}
