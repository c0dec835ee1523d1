//! What a byte may be part of, by one table.

/// A letter, an underscore, or part of a letter outside of ASCII.
pub(super) const LETTER: u8 = 1;
pub(super) const DIGIT: u8 = 2;
/// Joins the parts of a word: `. $ ' -`.
pub(super) const JOINT: u8 = 4;
/// Is part of a word that has a digit, and separates words otherwise: `@ % + ~ # * / \`.
pub(super) const LOOSE: u8 = 8;
pub(super) const SLASH: u8 = 16;
pub(super) const DOT: u8 = 32;
/// A blank or a control character.
pub(super) const BLANK: u8 = 64;
/// Ends a path.
pub(super) const PATH_END: u8 = 128;

/// Whatever a run of a word, a number or a path may hold.
pub(super) const RUN: u8 = LETTER | DIGIT | JOINT | LOOSE;

const CLASSES: [u8; 256] = {
    let mut classes = [0; 256];
    let mut at = 0;
    while at < 256 {
        let byte = at as u8;
        classes[at] = match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'_' | 0x80.. => LETTER,
            b'0'..=b'9' => DIGIT,
            b'.' => JOINT | DOT,
            b'$' | b'-' => JOINT,
            b'\'' => JOINT | PATH_END,
            b'@' | b'%' | b'+' | b'~' | b'#' | b'*' => LOOSE,
            b'/' | b'\\' => LOOSE | SLASH,
            0..=b' ' | 0x7f => BLANK | PATH_END,
            b',' | b';' | b':' | b'(' | b')' | b'[' | b']' | b'{' | b'}' | b'"' | b'=' | b'<' | b'>'
            | b'|' => PATH_END,
            _ => 0,
        };
        at += 1;
    }
    classes
};

pub(super) fn class(byte: u8) -> u8 {
    CLASSES[usize::from(byte)]
}

pub(super) fn is(byte: u8, classes: u8) -> bool {
    class(byte) & classes != 0
}

/// The class of the byte at `at`; behind the end is a blank.
pub(super) fn class_at(bytes: &[u8], at: usize) -> u8 {
    bytes.get(at).map_or(BLANK | PATH_END, |byte| class(*byte))
}

/// Where the bytes from `at` on stop to be of `classes`.
pub(super) fn end_of(bytes: &[u8], at: usize, classes: u8) -> usize {
    bytes[at..].iter().position(|byte| !is(*byte, classes)).map_or(bytes.len(), |length| at + length)
}

/// Where the first byte of `classes` from `at` on is.
pub(super) fn next_of(bytes: &[u8], at: usize, classes: u8) -> usize {
    bytes[at..].iter().position(|byte| is(*byte, classes)).map_or(bytes.len(), |length| at + length)
}

pub(super) fn is_all_caps(word: &[u8]) -> bool {
    word.iter().any(u8::is_ascii_uppercase)
        && word.iter().all(|b| !b.is_ascii_lowercase() && is(*b, LETTER | DIGIT | JOINT))
}
