//! A line as rules see it.

use std::ops::Range;

/// The line in `bytes` around the byte at `at`, without its line feed. No line begins before `from`.
pub(super) fn line_around(bytes: &[u8], from: usize, at: usize) -> Range<usize> {
    let start = memchr::memrchr(b'\n', &bytes[from..at]).map_or(from, |lf| from + lf + 1);
    let end = memchr::memchr(b'\n', &bytes[at..]).map_or(bytes.len(), |lf| at + lf);
    start..end
}

/// The part of a line that rules see: no NULs before it (a hole in the file), no CR after it, no more than `max` bytes.
pub(super) fn content(line: &[u8], max: usize) -> &[u8] {
    let line = &line[leading_nuls(line)..];
    match line.get(..max) {
        Some(cut) if line.len() > max => cut,
        _ => line.strip_suffix(b"\r").unwrap_or(line),
    }
}

/// The number of NULs at the beginning of `bytes`.
#[must_use]
pub fn leading_nuls(bytes: &[u8]) -> usize {
    if bytes.first() != Some(&0) {
        return 0;
    }
    // Eight at a time: a hole can be gigabytes long.
    let words = bytes.chunks_exact(8).take_while(|word| **word == [0; 8]).count() * 8;
    words + bytes[words..].iter().take_while(|byte| **byte == 0).count()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nuls_are_counted_to_the_first_other_byte() {
        assert_eq!(leading_nuls(&[0; 21]), 21);
        assert_eq!(leading_nuls(b"\0\0\0\0\0\0\0\0\0a\0"), 9);
        assert_eq!(leading_nuls(b"a\0"), 0);
    }
}
