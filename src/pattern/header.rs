//! Where the message of a line begins: behind stamp, host, level, thread and program.
//!
//! The header is cut for the key only; the line stays whole. What is cut too little varies and is mostly masked anyway, and
//! what is cut too much is lost, so that only what surely is a header goes. A line without a stamp has none.

use std::ops::Range;

use crate::pattern::bytes::{self, BLANK, class_at, end_of, next_of};
use crate::pattern::stamp::{StampKind, stamp};
use crate::scan::level::Level;

/// How far into a line a stamp may begin.
const STAMP_BYTES_MAX: usize = 110;
/// How many words that are no stamps may stand before or between stamps.
const SKIPPED_WORDS_MAX: usize = 5;
/// How far behind a stamp a level is looked for, in words.
const LEVEL_WORDS_MAX: usize = 6;
/// How many parts of a header may follow the stamp.
const PARTS_MAX: usize = 8;
const BRACKETS_MAX: u32 = 2;
const BRACKET_BYTES_MAX: usize = 400;

/// A line without its header.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Cut {
    /// Where the message begins.
    pub(super) message: usize,
    /// The program, logger or class that wrote it.
    pub(super) program: Option<Range<usize>>,
}

/// Finds the header of `line`.
pub(super) fn cut(line: &[u8]) -> Cut {
    let Some((end, kind)) = last_stamp(line) else {
        return Cut { message: 0, program: None };
    };
    let mut header =
        Header { line, at: end, kind, has_level: false, brackets: 0, has_pid: false, program: None };
    header.bars();
    header.level_ahead();
    for _ in 0..PARTS_MAX {
        if !header.part() {
            break;
        }
    }
    Cut { message: end_of(line, header.at, BLANK), program: header.program }
}

/// Where the last stamp of the header ends.
fn last_stamp(line: &[u8]) -> Option<(usize, StampKind)> {
    let mut at = end_of(line, 0, BLANK);
    let (mut found, mut skipped) = (None, 0);
    while at < line.len().min(STAMP_BYTES_MAX) {
        if let Some(stamp) = stamp(line, at) {
            found = Some(stamp);
            at = end_of(line, stamp.0, BLANK);
            continue;
        }
        let end = next_of(line, at, BLANK);
        let next = end_of(line, end, BLANK);
        if let Some((stamp_end, _)) = found {
            let word = &line[at..end];
            let may_go_on = line.get(stamp_end) != Some(&b'|')
                && (word.iter().any(u8::is_ascii_digit) || bytes::is_all_caps(word))
                && !is_level(word)
                && !word.ends_with(b":")
                && !word.contains(&b'[');
            let another_follows = next < line.len() && stamp(line, next).is_some();
            if !may_go_on && !another_follows {
                break;
            }
        }
        skipped += 1;
        if skipped > SKIPPED_WORDS_MAX || found.is_none() && is_prose(&line[at..end]) {
            break;
        }
        at = next;
    }
    found
}

struct Header<'a> {
    line: &'a [u8],
    at: usize,
    kind: StampKind,
    has_level: bool,
    brackets: u32,
    has_pid: bool,
    program: Option<Range<usize>>,
}

impl Header<'_> {
    /// `stamp|word|word|message`.
    fn bars(&mut self) {
        if self.line.get(self.at) != Some(&b'|') {
            return;
        }
        self.at += 1;
        for _ in 0..4 {
            let end = self.at + self.line[self.at..].iter().take_while(|b| **b > b' ' && **b != b'|').count();
            if self.line.get(end) != Some(&b'|') {
                return;
            }
            self.at = end + 1;
        }
    }

    /// Goes behind the level if only words that are no prose stand before it.
    fn level_ahead(&mut self) {
        let (mut at, mut has_pid) = (self.at, false);
        for index in 0..LEVEL_WORDS_MAX {
            at = end_of(self.line, at, BLANK);
            let end = self.word_end(at);
            let word = &self.line[at..end];
            let Some(first) = word.first() else { return };
            let is_bracketed = *first == b'[' && word.ends_with(b"]");
            let inner = if is_bracketed { &word[1..word.len() - 1] } else { word };
            let is_upper = inner.iter().all(u8::is_ascii_uppercase);
            if is_level(inner) && (is_upper || is_bracketed || index == 0) {
                self.at = end;
                self.has_level = true;
                self.has_pid = has_pid;
                return;
            }
            let may_go_on = bytes::is_all_caps(word)
                || word.iter().any(u8::is_ascii_digit)
                || is_separator(word)
                || is_bracketed;
            if !may_go_on || word.ends_with(b":") {
                return;
            }
            has_pid |= word.iter().all(u8::is_ascii_digit);
            at = end;
        }
    }

    /// Moves behind the next part of the header. False if there is none.
    fn part(&mut self) -> bool {
        let at = end_of(self.line, self.at, BLANK);
        let end = self.word_end(at);
        let word = &self.line[at..end];
        let Some(first) = word.first() else { return false };
        if is_separator(word) {
            self.at = end;
            let next = end_of(self.line, end, BLANK);
            let ends = word == b"-"
                && (self.has_level || self.brackets > 0)
                && self.line.get(next) != Some(&b'[')
                && !is_class(&self.line[next..self.word_end(next)]);
            return !ends;
        }
        if is_file_and_line(word) {
            self.at = end;
            return false;
        }
        if word.iter().all(u8::is_ascii_digit) {
            let next = end_of(self.line, end, BLANK);
            let following = &self.line[next..self.word_end(next)];
            let may = self.program.is_none()
                && (!self.has_level || is_name_and_colon(following) || following == b"---");
            self.has_pid |= may;
            self.at = if may { end } else { self.at };
            return may;
        }
        if is_level(word) && !self.has_level && self.program.is_none() {
            self.has_level = true;
            self.at = end;
            return true;
        }
        if *first == b'['
            && self.brackets < BRACKETS_MAX
            && let Some(end) = self.bracket(at)
        {
            self.at = end;
            self.brackets += 1;
            return true;
        }
        self.program.is_none() && self.component(at)
    }

    /// Where the balanced bracket at `at` ends, if it is a part of its own.
    fn bracket(&self, at: usize) -> Option<usize> {
        let mut depth = 0_u32;
        for (length, byte) in self.line[at..].iter().take(BRACKET_BYTES_MAX).enumerate() {
            match byte {
                b'[' => depth += 1,
                b']' => depth -= 1,
                _ => {}
            }
            if depth == 0 {
                let end = at + length + 1;
                let stands_alone = matches!(self.line.get(end), None | Some(b':' | b'-' | b'|'))
                    || class_at(self.line, end) & BLANK != 0;
                return stands_alone.then_some(end);
            }
        }
        None
    }

    /// Takes the name of a host and of a program.
    fn component(&mut self, at: usize) -> bool {
        if let Some(end) = self.program_at(at) {
            return self.take(at, end);
        }
        if self.has_level {
            return false;
        }
        let host_end = self.word_end(at);
        let next = end_of(self.line, host_end, BLANK);
        match self.kind {
            StampKind::Syslog => {
                if let Some(end) = self.program_at(next) {
                    return self.take(next, end);
                }
                // A program of several words.
                let mut end = next;
                for _ in 0..3 {
                    end = self.word_end(end_of(self.line, end, BLANK));
                    if has_pid_and_colon(&self.line[next..end]) {
                        return self.take(next, end);
                    }
                }
                false
            }
            StampKind::Iso => {
                let end = self.word_end(next);
                has_pid_and_colon(&self.line[next..end]) && self.take(next, end)
            }
            StampKind::Other => false,
        }
    }

    fn take(&mut self, at: usize, end: usize) -> bool {
        let length = self.line[at..end].iter().take_while(|b| !matches!(b, b'[' | b':')).count();
        self.program = Some(at..at + length);
        self.at = end;
        true
    }

    /// Where the program ends that begins at `at`, with its colon or dash.
    fn program_at(&self, at: usize) -> Option<usize> {
        let end = self.word_end(at);
        let word = &self.line[at..end];
        if has_pid_and_colon(word) {
            return Some(end);
        }
        if is_name_and_colon(word) {
            let name = &word[..word.len() - 1];
            let may = self.kind == StampKind::Syslog
                || self.has_level && self.has_pid
                || (self.has_level || self.brackets > 0) && looks_like_class(name);
            return may.then_some(end);
        }
        if has_pid(word) {
            // `prog[123] (x):`
            let next = end_of(self.line, end, BLANK);
            let second = self.word_end(next);
            let second_word = &self.line[next..second];
            return (second_word.starts_with(b"(") && second_word.ends_with(b"):")).then_some(second);
        }
        if is_class(word) {
            let next = end_of(self.line, end, BLANK);
            let mark = &self.line[next..self.word_end(next)];
            if mark == b"-" || mark == b":" {
                return Some(next + 1);
            }
            return self.has_level.then_some(end);
        }
        None
    }

    fn word_end(&self, at: usize) -> usize {
        next_of(self.line, at, BLANK)
    }
}

fn is_level(word: &[u8]) -> bool {
    match word {
        [letter] => matches!(letter, b'D' | b'I' | b'W' | b'E' | b'F' | b'V' | b'T'),
        _ if word.len() > 13 => false,
        _ => std::str::from_utf8(word).is_ok_and(|word| Level::parse(word).is_some()),
    }
}

/// A date behind a word of a sentence is part of the sentence.
fn is_prose(word: &[u8]) -> bool {
    word.iter().all(u8::is_ascii_alphabetic) && word.iter().any(u8::is_ascii_lowercase)
}

fn is_separator(word: &[u8]) -> bool {
    matches!(word, b"-" | b"|" | b":" | b"--" | b"---" | b"*")
}

/// `Some.java:123]`.
fn is_file_and_line(word: &[u8]) -> bool {
    let Some(colon) = word.iter().rposition(|b| *b == b':') else { return false };
    let number = &word[colon + 1..];
    let is_number = number.len() > 1
        && number.ends_with(b"]")
        && number[..number.len() - 1].iter().all(u8::is_ascii_digit);
    is_number && word[..colon].contains(&b'.')
}

fn is_name_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'.' | b'$' | b'-' | b'/' | b'(' | b')' | b'@')
}

/// `kernel:`.
fn is_name_and_colon(word: &[u8]) -> bool {
    let Some(name) = word.strip_suffix(b":") else { return false };
    name.first().is_some_and(u8::is_ascii_alphabetic) && name.iter().all(|b| is_name_byte(*b))
}

/// `sshd(pam_unix)[123]:`.
fn has_pid_and_colon(word: &[u8]) -> bool {
    word.strip_suffix(b":").is_some_and(has_pid)
}

fn has_pid(word: &[u8]) -> bool {
    let Some(rest) = word.strip_suffix(b"]") else { return false };
    let Some(open) = rest.iter().rposition(|b| *b == b'[') else { return false };
    let name_is_one = rest.first().is_some_and(|b| b.is_ascii_alphabetic() || *b == b'/' || *b == b'_');
    name_is_one && open > 0 && open + 1 < rest.len() && rest[open + 1..].iter().all(u8::is_ascii_digit)
}

/// `a.b.C`.
fn is_class(word: &[u8]) -> bool {
    let word = word.strip_suffix(b":").unwrap_or(word);
    word.first().is_some_and(u8::is_ascii_alphabetic)
        && word.contains(&b'.')
        && !word.ends_with(b".")
        && !word.windows(2).any(|pair| pair == b"..")
        && word.iter().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'_' | b'$'))
}

/// Whether a name has the marks of a class or a logger rather than of a word.
fn looks_like_class(name: &[u8]) -> bool {
    name.iter().any(|b| matches!(b, b'.' | b'$' | b'[' | b'('))
        || name.windows(2).any(|pair| pair[0].is_ascii_lowercase() && pair[1].is_ascii_uppercase())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(line: &str, program: Option<&str>, message: &str) {
        let cut = cut(line.as_bytes());
        assert_eq!(&line[cut.message..], message, "{line}");
        assert_eq!(cut.program.map(|range| &line[range]), program, "{line}");
    }

    #[test]
    fn what_precedes_the_message_is_cut() {
        check(
            "Jun 14 15:16:01 combo sshd(pam_unix)[19939]: check pass; user unknown",
            Some("sshd(pam_unix)"),
            "check pass; user unknown",
        );
        check("Jul  9 12:16:51 combo kernel: Linux version 2.6", Some("kernel"), "Linux version 2.6");
        check("[Sun Dec 04 04:47:44 2005] [notice] jk2_init() Found child", None, "jk2_init() Found child");
        check(
            "- 1117838570 2005.06.03 R02-M1-N0-C:J12-U11 2005-06-03-15.42.50.675872 R02-M1-N0-C:J12-U11 RAS KERNEL INFO ciod: error",
            None,
            "ciod: error",
        );
        check(
            "081109 203615 148 INFO dfs.DataNode$PacketResponder: Packet 1",
            Some("dfs.DataNode$PacketResponder"),
            "Packet 1",
        );
        check(
            "2015-10-18 18:01:47,978 INFO [main] org.apache.v2.App: Created X",
            Some("org.apache.v2.App"),
            "Created X",
        );
        check(
            "17/06/09 20:10:40 INFO spark.SecurityManager: Changing view",
            Some("spark.SecurityManager"),
            "Changing view",
        );
        check(
            "03-17 16:13:38.811  1702  2395 D WindowManager: printFreezing",
            Some("WindowManager"),
            "printFreezing",
        );
        check(
            "20171223-22:15:29:606|Step_LSC|30002312|onStandStepChanged 3579",
            None,
            "onStandStepChanged 3579",
        );
        check("2024-05-01T10:00:00Z ERROR Timeout: 3", None, "Timeout: 3");
        check("no stamp: nothing", None, "no stamp: nothing");
    }
}
