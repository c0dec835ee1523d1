//! How programs spell a level: as a word, as a number, as a letter.

use crate::scan::level::name::Level;
use crate::scan::level::{colours, translated};

/// The longest word in the table, in bytes.
const WORD_BYTES_MAX: usize = 13;

impl Level {
    /// The level of a name in a configuration, such as `error`, `Warning` or `fatal`.
    #[must_use]
    pub fn parse(name: &str) -> Option<Level> {
        word(name.trim().as_bytes())
    }
}

/// Whether a word is in lower case, in upper case, or has a capital letter.
fn has_usual_case(word: &[u8]) -> bool {
    let rest = word.get(1..).unwrap_or_default();
    let is_upper = word.first().is_some_and(u8::is_ascii_uppercase);
    !rest.iter().any(u8::is_ascii_uppercase) || (is_upper && !rest.iter().any(u8::is_ascii_lowercase))
}

/// The level that `word` names, in lower case, in upper case or with a capital letter.
pub(super) fn word(word: &[u8]) -> Option<Level> {
    // Of these, only the spellings that programs write are known, so that few texts need to be searched for.
    match word {
        b"FTL" | b"PANI" => return Some(Level::Critical),
        b"eror" | b"EROR" | b"ERRS" => return Some(Level::Error),
        b"SUCCESS" => return Some(Level::Info),
        b"Severe" | b"Emerg" | b"Emergency" => return None,
        _ => {}
    }
    if word.len() < 3 || word.len() > WORD_BYTES_MAX || !has_usual_case(word) {
        return None;
    }
    let mut lower = [0; WORD_BYTES_MAX];
    let lower = &mut lower[..word.len()];
    lower.copy_from_slice(word);
    lower.make_ascii_lowercase();
    Some(match &*lower {
        b"trace" | b"trac" | b"trce" | b"trc" | b"verbose" | b"vrb" | b"finest" | b"finer" | b"silly" => {
            Level::Trace
        }
        b"debug" | b"debu" | b"dbug" | b"dbg" | b"deb" | b"fine" | b"debug1" | b"debug2" | b"debug3"
        | b"debug4" | b"debug5" => Level::Debug,
        b"info" | b"inf" | b"information" | b"informational" | b"config" => Level::Info,
        b"notice" | b"noti" | b"ntc" => Level::Notice,
        b"warn" | b"warning" | b"wrn" | b"warni" => Level::Warn,
        b"error" | b"err" | b"erro" | b"severe" => Level::Error,
        b"critical" | b"crit" | b"fatal" | b"fata" | b"panic" | b"dpanic" | b"alert" | b"emerg"
        | b"emergency" => Level::Critical,
        _ => return None,
    })
}

/// Levels that are too common as words to be taken for a level where no colon follows.
pub(super) fn word_before_colon(word: &[u8]) -> Option<Level> {
    match word {
        b"LOG" | b"STATUS" => Some(Level::Info),
        // .NET's console logger.
        b"fail" => Some(Level::Error),
        _ => None,
    }
}

/// The level that a lone letter stands for: glog, Android, MongoDB.
pub(super) fn letter(letter: u8) -> Option<Level> {
    Some(match letter {
        b'T' | b'V' => Level::Trace,
        b'D' => Level::Debug,
        b'I' => Level::Info,
        b'N' => Level::Notice,
        b'W' => Level::Warn,
        b'E' => Level::Error,
        b'F' => Level::Critical,
        _ => return None,
    })
}

/// The level of a syslog severity, of which the last three bits count.
pub(super) fn severity(number: u16) -> Level {
    match number & 7 {
        0..=2 => Level::Critical,
        3 => Level::Error,
        4 => Level::Warn,
        5 => Level::Notice,
        6 => Level::Info,
        _ => Level::Debug,
    }
}

/// Levels that MySQL and MariaDB write in brackets.
pub(super) fn word_in_brackets(word: &[u8]) -> Option<Level> {
    matches!(word, b"Note" | b"System" | b"NOTE").then_some(Level::Info)
}

/// Whether a word before a colon in plain text says that a level follows.
pub(super) fn is_plain_key(word: &[u8]) -> bool {
    ["level", "severity", "lvl"]
        .iter()
        .any(|key| word.eq_ignore_ascii_case(key.as_bytes()) && has_usual_case(word))
}

/// Names of members and keys that hold a level, in lower case without separators.
const KEYS: [&str; 23] = [
    "level",
    "severity",
    "lvl",
    "sev",
    "loglevel",
    "levelname",
    "levelno",
    "levelnumber",
    "leveldisplayname",
    "levelstr",
    "levelvalue",
    "severitytext",
    "severitynumber",
    "severitylabel",
    "severityname",
    "errorseverity",
    "logseverity",
    "syslogseverity",
    "priority",
    "@l",
    "@level",
    "syslogpriority",
    "loggerlevel",
];
/// What the name of a member must hold for a letter or a number in it to be a level.
const DISTINCT_PARTS: [&str; 7] = ["level", "Level", "LEVEL", "severity", "SEVERITY", "PRIORITY", "Severity"];
/// The longest name of a key with its separators, in bytes.
const KEY_BYTES_MAX: usize = 20;

/// A member or key that holds a level.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Key {
    /// Its name in lower case without separators.
    pub(super) name: &'static str,
    /// Whether only a word in it is a level, as its name may also be that of something else.
    pub(super) is_for_words: bool,
}

/// The key `at` of logfmt, which may also hold a time or a place.
pub(super) const AT: Key = Key { name: "at", is_for_words: true };

/// The key that `name` is, such as `level`, `LEVEL`, `log.level`, `logLevel` or `log_level`.
pub(super) fn key(name: &[u8]) -> Option<Key> {
    if name == b"L" {
        return Some(Key { name: "level", is_for_words: true });
    }
    if !(2..=KEY_BYTES_MAX).contains(&name.len()) {
        return None;
    }
    let is_separator = |b: &u8| matches!(b, b'.' | b'_' | b'-');
    let (mut plain, mut length) = ([0; KEY_BYTES_MAX], 0);
    for byte in name.iter().filter(|b| !is_separator(b)) {
        plain[length] = byte.to_ascii_lowercase();
        length += 1;
    }
    let known = KEYS.iter().find(|key| key.as_bytes() == &plain[..length])?;
    let is_distinct = DISTINCT_PARTS.iter().any(|part| memchr::memmem::find(name, part.as_bytes()).is_some());
    Some(Key { name: known, is_for_words: !is_distinct || name.last().is_some_and(is_separator) })
}

/// The level of a word, or of a letter under a distinct key, as the value of the pair with the key `name`.
pub(super) fn word_or_letter(name: &[u8], key: Key, value: &[u8]) -> Option<Level> {
    match value {
        [one] if !key.is_for_words && matches!(name.last(), Some(b'l' | b'L' | b'y' | b'Y')) => {
            letter(one.to_ascii_uppercase())
        }
        _ => word(value),
    }
}

/// The level of a word as the value of a member in JSON, which may be in colour or translated.
pub(super) fn value(text: &[u8]) -> Option<Level> {
    let text = text.trim_ascii();
    let plain;
    let text = if text.starts_with(b"\\") && colours::are_in(text) {
        plain = colours::without(text);
        plain.trim_ascii()
    } else {
        text
    };
    let end = text.iter().position(|b| *b == b'\\').unwrap_or(text.len());
    let text = text[..end].trim_ascii();
    if text == b"LOG" {
        return Some(Level::Info);
    }
    word(text).or_else(|| translated::word(text))
}
