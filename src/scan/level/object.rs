//! The level in a JSON object: which members hold it, and on which scale a number is.

use crate::scan::json::{Members, Value};
use crate::scan::level::keys::TAILS;
use crate::scan::level::name::Level;
use crate::scan::level::words::{self, Key};

/// What the members of an object say about the scale of its numbers.
#[derive(Debug, Clone, Copy, Default)]
struct Origin {
    /// GELF or syslog, whose numbers descend from 0, an emergency, to 7.
    is_syslog: bool,
    /// Nextcloud or ownCloud, whose numbers ascend from 0, debug, to 4.
    is_cloud: bool,
    /// A Windows event: 1 is critical, 2 an error, 3 a warning, 4 information, 5 verbose.
    is_windows: bool,
    /// Monolog, whose numbers ascend from 100 to 600.
    is_monolog: bool,
    /// Python's `logging`, whose 40 is an error and whose 30 is a warning.
    is_python: bool,
}

impl Origin {
    fn note(&mut self, key: &[u8]) {
        match key {
            b"short_message" | b"full_message" | b"facility" | b"MESSAGE" | b"SYSLOG_IDENTIFIER"
            | b"syslogtag" | b"procid" | b"msgid" | b"_PID" => self.is_syslog = true,
            b"reqId" | b"remoteAddr" => self.is_cloud = true,
            b"EventID" | b"EventId" | b"ProviderName" | b"ProviderGuid" | b"LogName" => {
                self.is_windows = true;
            }
            b"channel" => self.is_monolog = true,
            b"lineno" | b"funcName" | b"pathname" | b"asctime" | b"threadName" => self.is_python = true,
            _ => {}
        }
    }
}

/// What the members of an object say of its level.
pub(super) enum Stated<'a> {
    Level(Level),
    /// No level; the text in which a whole line or a message may stand, and whether it is a line.
    Inner(Option<(&'a [u8], bool)>),
}

/// The level of the object that `json` begins with.
/// Numbers as texts count only in a `line` of its own.
pub(super) fn level(json: &[u8], is_line: bool) -> Stated<'_> {
    let (mut origin, mut number, mut inner) = (Origin::default(), None, None);
    let is_mongo = json.starts_with(b"{\"t\":");
    for (name, value) in Members::new(json) {
        origin.note(name);
        if let Some(key) = words::key(name) {
            match value {
                Value::Text(text) | Value::Other(text) => {
                    let digits = digits(json, name, value, is_line);
                    match stated(json, key, value, text).or_else(|| certain(key, digits?)) {
                        Some(level) => return Stated::Level(level),
                        None => number = number.or_else(|| digits.map(|number| (key, number))),
                    }
                }
                Value::Object(object) => {
                    if let Some(level) = of_members(object, &[b"name", b"levelStr", b"standardLevel"]) {
                        return Stated::Level(level);
                    }
                }
            }
            continue;
        }
        let level = match value {
            Value::Text(text @ ([_] | [b'D', _])) if is_mongo && name == b"s" && is_whole(json, text) => {
                words::letter(text[0])
            }
            Value::Object(object) if name == b"log" => of_log(object, is_line),
            Value::Text(text) => {
                let is_line = name == b"log";
                if is_line || matches!(name, b"message" | b"msg") {
                    inner = inner.or(Some((text, is_line)));
                }
                None
            }
            _ => None,
        };
        if let Some(level) = level {
            return Stated::Level(level);
        }
    }
    match number.and_then(|(key, number)| scaled(key, number, origin)) {
        Some(level) => Stated::Level(level),
        None => Stated::Inner(inner),
    }
}

/// The level that is a text in a member of one of these `names`.
fn of_members(object: &[u8], names: &[&[u8]]) -> Option<Level> {
    Members::new(object).find_map(|(name, value)| match value {
        Value::Text(text) if names.contains(&name) => words::word(text),
        _ => None,
    })
}

fn of_log(object: &[u8], is_line: bool) -> Option<Level> {
    Members::new(object).find_map(|(name, value)| match value {
        Value::Text(text) | Value::Other(text) => {
            let key = words::key(name)?;
            stated(object, key, value, text).or_else(|| certain(key, digits(object, name, value, is_line)?))
        }
        Value::Object(_) => None,
    })
}

/// The level of a word or, quoted, of a letter.
fn stated(json: &[u8], key: Key, value: Value<'_>, text: &[u8]) -> Option<Level> {
    match (value, text) {
        (Value::Text(_), [letter]) if !key.is_for_words && is_whole(json, text) => {
            words::letter(letter.to_ascii_uppercase())
        }
        _ => words::value(text),
    }
}

/// Whether a text is not cut at the end of `json`.
fn is_whole(json: &[u8], text: &[u8]) -> bool {
    text.as_ptr_range().end < json.as_ptr_range().end
}

/// A number as a value, if it is written so that the search for candidates finds it.
fn digits(json: &[u8], name: &[u8], value: Value<'_>, is_line: bool) -> Option<u16> {
    match value {
        Value::Text(text) => {
            let number = number(text).filter(|_| is_line && is_whole(json, text))?;
            let is_round =
                matches!(number, 0..=24 | 30 | 40 | 50 | 60) || number <= 800 && number.is_multiple_of(100);
            is_round.then_some(number)
        }
        Value::Other(text) => {
            let from = name.as_ptr().addr() + name.len() - json.as_ptr().addr();
            let between = json.get(from..text.as_ptr().addr() - json.as_ptr().addr())?;
            let is_usual = matches!(between, b"\":" | b"\": " | b"\" : ");
            let may_be_number = TAILS.iter().any(|tail| name.ends_with(tail));
            (is_usual && may_be_number).then(|| number(text))?
        }
        Value::Object(_) => None,
    }
}

fn number(text: &[u8]) -> Option<u16> {
    if text.is_empty() || text.len() > 5 || (text[0] == b'0' && text.len() > 1) {
        return None;
    }
    // By value: in a mapping a byte may change between two looks.
    text.iter().copied().try_fold(0_u16, |number, digit| {
        let digit = digit.is_ascii_digit().then(|| u16::from(digit.wrapping_sub(b'0')))?;
        number.checked_mul(10)?.checked_add(digit)
    })
}

/// The level of a number whose key or size leaves one scale only.
fn certain(key: Key, number: u16) -> Option<Level> {
    if key.is_for_words {
        return None;
    }
    match (key.name, number) {
        ("priority" | "syslogseverity" | "syslogpriority", 0..=7) => Some(words::severity(number)),
        ("severitynumber", 1..=24) => Some(open_telemetry(number)),
        ("levelno" | "levelnumber", _) => python(number),
        ("severity" | "logseverity", 100..=800) if number.is_multiple_of(100) => Some(google_cloud(number)),
        // Logback and Log4j 1.
        (_, 5_000) => Some(Level::Trace),
        (_, 10_000) => Some(Level::Debug),
        (_, 20_000) => Some(Level::Info),
        (_, 30_000) => Some(Level::Warn),
        (_, 40_000) => Some(Level::Error),
        (_, 50_000) => Some(Level::Critical),
        _ => None,
    }
}

/// The level of a number whose scale the other members tell.
fn scaled(key: Key, number: u16, origin: Origin) -> Option<Level> {
    if key.is_for_words || !matches!(key.name, "level" | "severity" | "loglevel" | "lvl" | "@level") {
        return None;
    }
    match number {
        0..=4 if origin.is_cloud => [Level::Debug, Level::Info, Level::Warn, Level::Error, Level::Critical]
            .get(usize::from(number))
            .copied(),
        1..=5 if origin.is_windows => [Level::Critical, Level::Error, Level::Warn, Level::Info, Level::Debug]
            .get(usize::from(number) - 1)
            .copied(),
        0..=7 if origin.is_syslog => Some(words::severity(number)),
        10..=59 if origin.is_python => python(number),
        // pino and bunyan; levels of one's own lie between theirs.
        10..=19 => Some(Level::Trace),
        20..=29 => Some(Level::Debug),
        30..=39 => Some(Level::Info),
        40..=49 => Some(Level::Warn),
        50..=59 => Some(Level::Error),
        60..=69 => Some(Level::Critical),
        100..=600 if origin.is_monolog => Some(monolog(number)),
        _ => None,
    }
}

fn python(number: u16) -> Option<Level> {
    Some(match number {
        1..=9 => Level::Trace,
        10..=19 => Level::Debug,
        20..=29 => Level::Info,
        30..=39 => Level::Warn,
        40..=49 => Level::Error,
        50..=59 => Level::Critical,
        _ => return None,
    })
}

fn monolog(number: u16) -> Level {
    match number {
        ..=199 => Level::Debug,
        200..=249 => Level::Info,
        250..=299 => Level::Notice,
        300..=399 => Level::Warn,
        400..=499 => Level::Error,
        _ => Level::Critical,
    }
}

fn open_telemetry(number: u16) -> Level {
    match number {
        ..=4 => Level::Trace,
        5..=8 => Level::Debug,
        9..=12 => Level::Info,
        13..=16 => Level::Warn,
        17..=20 => Level::Error,
        _ => Level::Critical,
    }
}

fn google_cloud(number: u16) -> Level {
    match number {
        ..=100 => Level::Debug,
        200 => Level::Info,
        300 => Level::Notice,
        400 => Level::Warn,
        500 => Level::Error,
        _ => Level::Critical,
    }
}
