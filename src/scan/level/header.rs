//! Where the level stands in a line of plain text.

use crate::scan::json;
use crate::scan::level::name::Level;
use crate::scan::level::{marks, places, translated, words};
use crate::scan::names;

/// How far into a line a word may be its level, in bytes.
pub(super) const HEADER_BYTES_MAX: usize = 256;
/// How far into a line a pair may be its level, in bytes.
const PAIRS_BYTES_MAX: usize = 1_024;
/// How many words of prose a header may have: names of hosts, programs, threads and loggers look like prose.
const PROSE_MAX: u32 = 2;

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
    /// Whether a time has been seen.
    has_time: bool,
    /// Whether `LEVEL:` came right before.
    is_after_key: bool,
}

/// One word, with what stands around it.
struct Word<'a> {
    text: &'a [u8],
    /// The line before it.
    head: &'a [u8],
    /// Where it begins in the line.
    start: usize,
    /// The line behind it.
    rest: &'a [u8],
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
    let mut at = marks::process_end(line);
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
            b'[' | b'(' => seen.depth += 1,
            b']' | b')' => seen.depth = seen.depth.saturating_sub(1),
            byte if !is_delimiter(byte) => return Some(at),
            _ => {}
        }
        at += 1;
    }
}

/// Which bytes are between words.
static DELIMITERS: [bool; 256] = {
    let (mut delimiters, mut byte) = ([false; 256], 0);
    while byte < 256 {
        let is_mark =
            matches!(byte as u8, b'[' | b']' | b'(' | b')' | b'<' | b'>' | b'|' | b',' | b';' | b':');
        delimiters[byte] = byte <= b' ' as usize || is_mark;
        byte += 1;
    }
    delimiters
};

#[inline]
fn is_delimiter(byte: u8) -> bool {
    DELIMITERS[usize::from(byte)]
}

#[inline]
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
    let (head, text, rest) = (&line[..at], &line[at..end], &line[end..]);
    Word { text, head, start: at, rest, before, after: byte(end), next: byte(end + 1), is_enclosed }
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
    // Heroku's router says the level `at`.
    let key = words::key(&line[at..end]).or((&line[at..end] == b"at").then_some(words::AT));
    let found = key.map(|key| {
        let length = value.iter().position(|b| matches!(b, b',' | b';' | b']' | b')')).unwrap_or(value.len());
        // A quoted letter at the end may be the beginning of a word.
        let is_cut = length == 1 && rest.len() == 2 && rest[0] == b'"';
        let value = &value[..length];
        let quoted = value.strip_prefix(b"'").and_then(|value| value.strip_suffix(b"'"));
        words::word_or_letter(&line[at..end], key, quoted.filter(|text| text.len() > 1).unwrap_or(value))
            .filter(|_| !is_cut)
    });
    (found.flatten(), end + 1 + taken)
}

fn judge(word: &Word<'_>, seen: &mut Seen) -> HeaderStep {
    if let Some(level) = word_level(word, seen) {
        return HeaderStep::Found(level);
    }
    seen.is_after_key = false;
    let (text, is_tag) = (word.text, word.after == b':' && word.next <= b' ');
    if (is_tag || word.rest.starts_with(b" :")) && translated::is_explanation(text) {
        return HeaderStep::End;
    }
    if text == b"PHP" {
        seen.is_php = true;
        return HeaderStep::Next;
    }
    let is_time = is_time(text);
    if is_time && seen.prose == 0 {
        (seen.is_at_time, seen.has_time) = (true, true);
        seen.is_redis |=
            word.after == b':' && word.before <= b' ' && matches!(word.next, b'M' | b'S' | b'C' | b'X');
        return HeaderStep::Next;
    }
    if seen.is_redis && text.len() == 1 {
        return HeaderStep::Next;
    }
    seen.is_at_time = is_time;
    if is_tag && seen.prose == 0 && !seen.is_after_tag && words::is_plain_key(text) {
        seen.is_after_key = true;
        return HeaderStep::Next;
    }
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
    if let Some(level) = mark_level(word, seen) {
        return Some(level);
    }
    let Word { text, before, after, next, .. } = *word;
    if text.len() < 2 {
        return None;
    }
    // `[Server thread/ERROR]`.
    let last = text.iter().rposition(|b| *b == b'/').map_or(text, |slash| &text[slash + 1..]);
    if seen.depth > 0 && after == b']' && last.iter().all(u8::is_ascii_uppercase) {
        let level = words::word(last);
        if level.is_some() {
            return level;
        }
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
    let is_after_time = seen.is_at_time
        && ((seen.depth == 0 && (before <= b' ' || before == b',') && after <= b' ')
            || (seen.depth > 0 && before <= b' ' && after == b','));
    let is_alone =
        word.is_enclosed || (before == b'\t' && after == b'\t') || (before == b'[' && after == b',');
    let Some(level) = words::word(text) else {
        let before_colon = (has_colon && next <= b' ').then(|| words::word_before_colon(word.text)).flatten();
        let enclosed = (before == b'[' && after == b']').then(|| words::word_in_brackets(text)).flatten();
        let is_tag = (has_colon && next <= b' ') || word.rest.starts_with(b" :");
        let is_placed = is_tag || is_alone || is_after_time;
        let is_first = is_tag && seen.prose == 0;
        return before_colon.or(enclosed).or_else(|| translation(text, is_placed, is_first));
    };
    let is_upper = text.iter().all(|b| b.is_ascii_uppercase() || b.is_ascii_digit());
    let is_in_any_case = is_alone
        || has_colon
        || is_after_time
        || seen.is_php
        || seen.is_after_key
        || is_in_angles(word, seen)
        || places::is_special(word.head, word.rest, seen.has_time);
    if text == b"ALERT" && places::is_event_of_nagios(word.head) {
        return None;
    }
    (is_upper || is_in_any_case).then_some(level)
}

/// The level of a word that is no name of a level.
fn mark_level(word: &Word<'_>, seen: &Seen) -> Option<Level> {
    let Word { text, before, after, next, rest, .. } = *word;
    let is_apart = seen.depth == 0 && before == b' ' && after == b' ';
    match text {
        [b'#'] if seen.is_redis && before == b' ' && after == b' ' => Some(Level::Warn),
        [letter] => {
            let is_lone = before == b'[' && (after == b']' || after == b' ' && next.is_ascii_digit());
            let is_column = before == b'|' && after == b'|' && seen.has_time;
            let is_after_time = seen.is_at_time && is_apart && !seen.is_redis;
            // Ray: the process comes behind the letter, in the bracket of the time.
            let is_before_process = seen.is_at_time
                && seen.depth == 1
                && before == b' '
                && after == b' '
                && next.is_ascii_digit();
            // Tarantool.
            let is_prompt = seen.has_time && before == b' ' && after == b'>' && next == b' ';
            if is_prompt || is_lone || is_column || is_after_time || is_before_process {
                return words::letter(*letter);
            }
            (word.start == 0).then(|| marks::first_letter(*letter, rest))?
        }
        [letter, b'!'] => (seen.is_at_time && is_apart).then(|| words::letter(*letter))?,
        [_, _] => (before == b'(' && after == b')').then(|| marks::doubled(text))?,
        [letter, b'/', ..] if seen.is_at_time && seen.depth < 2 && before == b' ' => words::letter(*letter),
        [b'%', ..] => marks::network_device(text),
        [b'A'..=b'Z', b'0'..=b'2', ..] if word.start == 0 || before == b' ' => marks::glog(text, rest),
        [b'a'..=b'z', ..] if (before <= b' ' && after == b' ') || after == b']' => {
            marks::facility_and_severity(text)
        }
        _ => None,
    }
}

/// The level of a translated name, which `is_placed` where names of levels stand or is followed by a full-width colon.
/// It `is_first` if a colon follows and no prose came before.
fn translation(text: &[u8], is_placed: bool, is_first: bool) -> Option<Level> {
    const FULL_WIDTH_COLON: &[u8] = "：".as_bytes();
    if is_placed && let Some(level) = translated::word(text) {
        return Some(level);
    }
    if is_first && let Some(level) = translated::word_before_colon(text) {
        return Some(level);
    }
    if text[0] < 0x80 {
        return None;
    }
    let end = text.windows(FULL_WIDTH_COLON.len()).position(|bytes| bytes == FULL_WIDTH_COLON)?;
    translated::word(&text[..end]).or_else(|| translated::word_before_colon(&text[..end]))
}

/// `<Error>` of ClickHouse and NetworkManager, but not that of XML.
fn is_in_angles(word: &Word<'_>, seen: &Seen) -> bool {
    let Word { before, after, next, start, rest, .. } = *word;
    let is_behind_time = seen.has_time && start > 1 && next <= b' ';
    // At the beginning of a line it may be an element of XML.
    let is_first = start == 1 && rest.starts_with(b"> ") && memchr::memmem::find(rest, b"</").is_none();
    before == b'<' && after == b'>' && (is_behind_time || is_first || rest.starts_with(b">  ["))
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
        b"UTC" | b"GMT" | b"CET" | b"CEST" | b"EST" | b"EDT" | b"CDT" | b"CST" | b"PST" | b"PDT" => true,
        _ => names::is_in_time(text),
    }
}

/// Whether a word looks like one of a sentence: letters only, not all of them upper-case.
fn is_prose(text: &[u8]) -> bool {
    let text = text.strip_suffix(b".").unwrap_or(text);
    let is_letter = |b: &u8| b.is_ascii_alphabetic() || *b >= 0x80;
    text.len() > 1 && text.iter().all(is_letter) && text.iter().any(|b| b.is_ascii_lowercase() || *b >= 0x80)
}
