//! Where the level stands in a line of plain text.

use crate::scan::json;
use crate::scan::level::{Level, words};

/// How far into a line a word may be its level, in bytes.
const HEADER_BYTES_MAX: usize = 256;
/// How far into a line a pair may be its level, in bytes.
const PAIRS_BYTES_MAX: usize = 1_024;
/// How many words of prose a header may have: names of hosts, programs, threads and loggers look like prose.
const PROSE_MAX: u32 = 2;

/// The level of a line whose very first letters say it.
pub(super) fn initials(line: &[u8]) -> Option<Level> {
    match line {
        [b'<', rest @ ..] => {
            let end = rest.iter().take(4).position(|b| *b == b'>')?;
            let number = std::str::from_utf8(&rest[..end]).ok()?.parse::<u16>().ok()?;
            (number <= 191 && rest[0].is_ascii_digit()).then(|| words::severity(number))
        }
        // glog and klog: month and day follow, and perhaps the year before them.
        [initial @ (b'I' | b'W' | b'E' | b'F' | b'D'), rest @ ..]
            if rest.first().is_some_and(|b| (b'0'..=b'2').contains(b)) =>
        {
            let digits = rest.iter().take(9).take_while(|b| b.is_ascii_digit()).count();
            (matches!(digits, 4 | 8) && rest.get(digits) == Some(&b' ')).then(|| words::letter(*initial))?
        }
        // Android, brief.
        [initial @ (b'V' | b'D' | b'I' | b'W' | b'E' | b'F'), b'/', tag, ..] if tag.is_ascii_alphabetic() => {
            let end = line.iter().take(HEADER_BYTES_MAX).position(|b| matches!(b, b'(' | b':' | b' '))?;
            (line[end] != b' ' || line.get(end + 1) == Some(&b'(')).then(|| words::letter(*initial))?
        }
        _ => None,
    }
}

/// What has been seen of a header.
#[derive(Debug, Clone, Copy, Default)]
struct Seen {
    /// Words of prose.
    prose: u32,
    /// Whether the last word was (part of) a time, and nothing else came before.
    is_at_time: bool,
    /// Whether a tag with a colon has been seen, after which prose is the message.
    is_after_tag: bool,
    /// How many brackets are open.
    depth: u32,
    /// Where Redis puts its mark: after a process with its role.
    is_redis: bool,
    /// Whether `PHP` came right before.
    is_php: bool,
}

/// One word, with what stands around it.
struct Word<'a> {
    text: &'a [u8],
    before: u8,
    after: u8,
    /// The byte behind `after`.
    next: u8,
    /// Whether it is alone between brackets or bars, padding aside.
    is_enclosed: bool,
}

enum HeaderStep {
    Found(Level),
    Next,
    End,
}

/// Tells the level of a JSON object.
pub(super) type OfJson<'a> = &'a dyn Fn(&[u8]) -> Option<Level>;

/// The level in the header of `line`, which is the message only if it `is_message`. `of_json` is asked for that of an object
/// in it.
pub(super) fn level(line: &[u8], is_message: bool, of_json: Option<OfJson<'_>>) -> Option<Level> {
    let mut seen = Seen { is_after_tag: is_message, ..Seen::default() };
    let is_cut = line.len() > PAIRS_BYTES_MAX;
    let line = &line[..line.len().min(PAIRS_BYTES_MAX)];
    let mut at = 0;
    loop {
        at = skip(line, at, &mut seen)?;
        match line[at] {
            b'{' if line.get(at + 1) == Some(&b'"') && of_json.is_some() => {
                return of_json.and_then(|f| f(&line[at..]));
            }
            b'"' => {
                // The first column of a table may be quoted; else it is a message or a request.
                let (_, taken) = json::text(&line[at..]);
                at += taken;
                if line.get(at) != Some(&b',') {
                    return None;
                }
                continue;
            }
            _ => {}
        }
        let end = at + line[at..].iter().position(|b| ends_word(*b)).unwrap_or(line.len() - at);
        if end == at {
            at += 1;
            continue;
        }
        if line.get(end) == Some(&b'=') && end > at {
            let (found, next) = pair(line, at, end);
            if found.is_some() {
                return found.filter(|_| !is_cut || next < line.len());
            }
            seen.is_at_time = false;
            at = next;
            continue;
        }
        if at > HEADER_BYTES_MAX {
            // Only pairs count from here on, and a line without any has none.
            memchr::memchr(b'=', &line[..at])?;
            at = end;
            continue;
        }
        match judge(&word(line, at, end), &mut seen) {
            HeaderStep::Found(level) => return Some(level),
            HeaderStep::Next => at = end,
            HeaderStep::End => return None,
        }
    }
}

/// The beginning of the next word at or after `at`.
fn skip(line: &[u8], mut at: usize, seen: &mut Seen) -> Option<usize> {
    loop {
        match *line.get(at)? {
            b'\x1B' if line.get(at + 1) == Some(&b'[') => {
                // A colour.
                at += 2 + line[at + 2..].iter().position(u8::is_ascii_alphabetic)?;
            }
            b'[' | b'(' => seen.depth += 1,
            b']' | b')' => seen.depth = seen.depth.saturating_sub(1),
            byte if !is_delimiter(byte) => return Some(at),
            _ => {}
        }
        at += 1;
    }
}

fn is_delimiter(byte: u8) -> bool {
    byte <= b' ' || matches!(byte, b'[' | b']' | b'(' | b')' | b'<' | b'>' | b'|' | b',' | b';' | b':')
}

fn ends_word(byte: u8) -> bool {
    is_delimiter(byte) || matches!(byte, b'=' | b'"')
}

fn is_bracket(byte: u8) -> bool {
    matches!(byte, b'[' | b']' | b'(' | b')' | b'|')
}

fn word(line: &[u8], at: usize, end: usize) -> Word<'_> {
    // Outside of the line is white space, but not the space that stands around a lone letter.
    let byte = |at: usize| line.get(at).copied().unwrap_or(b'\n');
    let before = at.checked_sub(1).map_or(b'\n', byte);
    let is_space = |at: &usize| byte(*at) == b' ';
    let opened = (0..at).rev().find(|at| !is_space(at));
    let closed = (end..line.len()).find(|at| !is_space(at));
    let is_enclosed = match (opened.map(byte), closed.map(byte)) {
        // `[core:error]`: the colon must belong to the bracket.
        (Some(b':'), Some(b']')) => {
            let start = line[..at - 1].iter().rposition(|b| is_delimiter(*b));
            before == b':' && start.is_some_and(|start| line[start] == b'[')
        }
        (Some(opened), Some(closed)) => is_bracket(opened) && is_bracket(closed),
        _ => false,
    };
    Word { text: &line[at..end], before, after: byte(end), next: byte(end + 1), is_enclosed }
}

/// The level in the pair whose key is `line[at..end]`, and where the next word may begin.
fn pair(line: &[u8], at: usize, end: usize) -> (Option<Level>, usize) {
    let rest = &line[end + 1..];
    let (value, taken) = if rest.first() == Some(&b'"') {
        json::text(rest)
    } else {
        let length = rest.iter().position(|b| *b == b' ' || *b == b'\t').unwrap_or(rest.len());
        (&rest[..length], length)
    };
    let found = words::is_key(&line[at..end]).then(|| {
        let length = value.iter().position(|b| matches!(b, b',' | b';' | b']' | b')')).unwrap_or(value.len());
        words::value(&value[..length])
    });
    (found.flatten(), end + 1 + taken)
}

fn judge(word: &Word<'_>, seen: &mut Seen) -> HeaderStep {
    if let Some(level) = word_level(word, seen) {
        return HeaderStep::Found(level);
    }
    let (text, is_tag) = (word.text, word.after == b':' && word.next <= b' ');
    if is_tag && matches!(text, b"STATEMENT" | b"DETAIL" | b"HINT" | b"CONTEXT" | b"QUERY" | b"LOCATION") {
        // PostgreSQL explains the line before.
        return HeaderStep::End;
    }
    if text == b"PHP" {
        seen.is_php = true;
        return HeaderStep::Next;
    }
    let is_time = is_time(text);
    if is_time && seen.prose == 0 {
        seen.is_at_time = true;
        seen.is_redis |=
            word.after == b':' && word.before <= b' ' && matches!(word.next, b'M' | b'S' | b'C' | b'X');
        return HeaderStep::Next;
    }
    if seen.is_redis && text.len() == 1 {
        return HeaderStep::Next;
    }
    seen.is_at_time = is_time;
    if is_tag && text.iter().any(u8::is_ascii_alphabetic) {
        seen.is_after_tag = true;
        return HeaderStep::Next;
    }
    if seen.depth == 0 && is_prose(text) && word.after <= b' ' {
        seen.prose += 1;
        if seen.is_after_tag || seen.prose > PROSE_MAX {
            return HeaderStep::End;
        }
    }
    HeaderStep::Next
}

fn word_level(word: &Word<'_>, seen: &Seen) -> Option<Level> {
    let Word { text, before, after, next, is_enclosed } = *word;
    if let [letter] = text {
        if *letter == b'#' && seen.is_redis && before == b' ' && after == b' ' {
            return Some(Level::Warn);
        }
        let is_lone = before == b'[' && (after == b']' || after == b' ' && next.is_ascii_digit());
        let is_after_time = seen.is_at_time && seen.depth == 0 && before == b' ' && after == b' ';
        return (is_lone || is_after_time && !seen.is_redis).then(|| words::letter(*letter))?;
    }
    if seen.is_at_time && seen.depth == 0 && before == b' ' && text.get(1) == Some(&b'/') {
        return words::letter(text[0]);
    }
    // `ERROR/worker`, `production.ERROR:`, `*ERROR*`.
    let text = text.split(|b| *b == b'/').next().unwrap_or_default();
    let text = match text.iter().rposition(|b| *b == b'.') {
        Some(dot) if after == b':' => &text[dot + 1..],
        _ => text,
    };
    let text = trimmed(text);
    if text.is_empty() {
        return None;
    }
    let has_colon = after == b':' && (next <= b' ' || !next.is_ascii_digit() || text[0].is_ascii_uppercase());
    let Some(level) = words::word(text) else {
        return (has_colon && next <= b' ').then(|| words::word_before_colon(word.text)).flatten();
    };
    let is_upper = text.iter().all(|b| b.is_ascii_uppercase() || b.is_ascii_digit());
    let is_in_any_case = is_enclosed
        || has_colon
        || seen.is_php
        || (before == b'\t' && after == b'\t')
        || (seen.is_at_time && seen.depth == 0 && (before <= b' ' || before == b',') && after <= b' ');
    (is_upper || is_in_any_case).then_some(level)
}

fn trimmed(mut text: &[u8]) -> &[u8] {
    let is_ornament = |b: &u8| matches!(b, b'*' | b'=' | b'-' | b'!' | b'#' | b'%' | b'\'');
    while let Some(rest) = text.split_first().and_then(|(first, rest)| is_ornament(first).then_some(rest)) {
        text = rest;
    }
    while let Some(rest) = text.split_last().and_then(|(last, rest)| is_ornament(last).then_some(rest)) {
        text = rest;
    }
    text
}

/// Whether a word may be part of a time: it begins with a digit, or names a month, a weekday or a zone.
fn is_time(text: &[u8]) -> bool {
    match text {
        [first, ..] if first.is_ascii_digit() => true,
        [b'-' | b'+', second, ..] => second.is_ascii_digit(),
        [b'-'] => true,
        [_, _] => matches!(text, b"AM" | b"PM" | b"am" | b"pm"),
        [_, _, _] => matches!(
            text,
            b"Jan"
                | b"Feb"
                | b"Mar"
                | b"Apr"
                | b"May"
                | b"Jun"
                | b"Jul"
                | b"Aug"
                | b"Sep"
                | b"Oct"
                | b"Nov"
                | b"Dec"
                | b"Mon"
                | b"Tue"
                | b"Wed"
                | b"Thu"
                | b"Fri"
                | b"Sat"
                | b"Sun"
                | b"UTC"
                | b"GMT"
                | b"CET"
                | b"EST"
                | b"EDT"
                | b"CDT"
                | b"CST"
                | b"PST"
                | b"PDT"
        ),
        _ => text == b"CEST",
    }
}

/// Whether a word looks like one of a sentence: letters only, not all of them upper-case.
fn is_prose(text: &[u8]) -> bool {
    let text = text.strip_suffix(b".").unwrap_or(text);
    text.len() > 1 && text.iter().all(u8::is_ascii_alphabetic) && text.iter().any(u8::is_ascii_lowercase)
}
