//! Escape sequences of terminals within lines: colours, mostly.

/// The escape character.
pub(super) const ESCAPE: u8 = b'\x1B';
/// How it is written where it may not stand itself: by rsyslog, and in JSON.
const WRITTEN: [&[u8]; 3] = [b"#033", b"\\u001b", b"\\u001B"];

/// Whether there is an escape sequence in `text`.
pub(super) fn are_in(text: &[u8]) -> bool {
    next(text, 0).is_some()
}

/// `line` without its escape sequences.
pub(super) fn without(line: &[u8]) -> Vec<u8> {
    let mut plain = Vec::with_capacity(line.len());
    let mut at = 0;
    while let Some((start, end)) = next(line, at) {
        // In JSON within JSON, the backslash is escaped as well.
        let text = &line[at..start];
        let end_of_text = text.iter().rposition(|b| *b != b'\\').map_or(0, |last| last + 1);
        plain.extend_from_slice(&text[..end_of_text]);
        at = end + sequence(&line[end..]);
    }
    plain.extend_from_slice(&line[at..]);
    plain
}

/// Where the next escape character at or after `from` begins and ends.
fn next(line: &[u8], from: usize) -> Option<(usize, usize)> {
    let mut at = from;
    loop {
        at += memchr::memchr3(ESCAPE, b'#', b'\\', &line[at..])?;
        if line[at] == ESCAPE {
            return Some((at, at + 1));
        }
        let is_here = |written: &&&[u8]| line[at..].starts_with(written);
        if let Some(written) = WRITTEN.iter().find(is_here)
            && line.get(at + written.len()) == Some(&b'[')
        {
            return Some((at, at + written.len()));
        }
        at += 1;
    }
}

/// The length of the sequence that `rest` begins with, behind its escape character; 0 if it is none.
fn sequence(rest: &[u8]) -> usize {
    let Some(parameters) = rest.strip_prefix(b"[") else { return 0 };
    let length = parameters.iter().take_while(|b| matches!(b, b'0'..=b'9' | b';' | b':' | b'?')).count();
    match parameters.get(length) {
        Some(end) if end.is_ascii_alphabetic() => length + 2,
        _ => 0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sequences_are_removed_however_they_are_written() {
        let plain = |line: &str| String::from_utf8(without(line.as_bytes())).unwrap();
        assert_eq!(plain("a \x1b[1;31mERROR\x1b[0m b"), "a ERROR b");
        assert_eq!(plain("#033[31mERROR#033[0m #0331"), "ERROR #0331");
        assert_eq!(plain(r"\u001b[31mERROR\u001B[0m \u001bx"), r"ERROR \u001bx");
        assert_eq!(plain(r"\\u001b[31mERROR"), "ERROR");
        assert_eq!(plain("\x1b[31\x1bx\x1b["), "[31x[");
        assert!(are_in(b"\x1b") && !are_in(br"a # \u001c [31m"));
    }
}
