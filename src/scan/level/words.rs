//! How programs spell a level: as a word, as a number, as a letter.

use crate::scan::level::Level;

/// The longest word in the table, in bytes.
const WORD_BYTES_MAX: usize = 13;

/// Whether a word is in lower case, in upper case, or has a capital letter.
fn has_usual_case(word: &[u8]) -> bool {
    let rest = word.get(1..).unwrap_or_default();
    let is_upper = word.first().is_some_and(u8::is_ascii_uppercase);
    !rest.iter().any(u8::is_ascii_uppercase) || (is_upper && !rest.iter().any(u8::is_ascii_lowercase))
}

/// The level that `word` names, in lower case, in upper case or with a capital letter.
pub(super) fn word(word: &[u8]) -> Option<Level> {
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
        b"error" | b"err" | b"eror" | b"erro" | b"severe" => Level::Error,
        b"critical" | b"crit" | b"fatal" | b"fata" | b"ftl" | b"panic" | b"pani" | b"dpanic" | b"alert"
        | b"emerg" | b"emergency" => Level::Critical,
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

/// The level of a number under a level's key: 0–7 are syslog's severities (GELF, journald), 10–69 those of bunyan and
/// pino, 100–600 those of Monolog.
pub(super) fn number(digits: &[u8]) -> Option<Level> {
    if digits.is_empty() || digits.len() > 3 || (digits[0] == b'0' && digits.len() > 1) {
        return None;
    }
    // By value: in a mapping a byte may change between two looks.
    let number = digits.iter().copied().try_fold(0_u16, |number, digit| {
        digit.is_ascii_digit().then(|| number * 10 + u16::from(digit.wrapping_sub(b'0')))
    })?;
    Some(match number {
        0..=7 => severity(number),
        10..=19 => Level::Trace,
        20..=29 | 100..=199 => Level::Debug,
        30..=39 | 200..=249 => Level::Info,
        250..=299 => Level::Notice,
        40..=49 | 300..=399 => Level::Warn,
        50..=59 | 400..=499 => Level::Error,
        60..=69 | 500..=600 => Level::Critical,
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

/// Names of levels: what comes before the word that is looked for, this word, and what comes behind it.
const KEYS: [(&str, &str, &str); 14] = [
    ("", "level", ""),
    ("", "severity", ""),
    ("", "lvl", ""),
    ("log.", "level", ""),
    ("log", "level", ""),
    ("log_", "level", ""),
    ("", "level", "name"),
    ("", "level", "_name"),
    ("", "severity", "text"),
    ("", "severity", "_text"),
    ("syslog_", "severity", ""),
    ("", "priority", ""),
    ("", "@l", ""),
    ("", "@level", ""),
];

/// Whether a member or a key of this name holds a level, such as `level`, `LEVEL` or `logLevel`. The short ones are in lower
/// case only.
pub(super) fn is_key(key: &[u8]) -> bool {
    (2..=15).contains(&key.len())
        && KEYS.iter().any(|(before, word, after)| {
            let (start, end) = (before.len(), before.len() + word.len());
            key.len() == end + after.len()
                && key[start..end].eq_ignore_ascii_case(word.as_bytes())
                && key[..start].eq_ignore_ascii_case(before.as_bytes())
                && key[end..].eq_ignore_ascii_case(after.as_bytes())
                && has_usual_case(&key[start..end])
                && (word.len() > 3 || &key[start..end] == word.as_bytes())
        })
}

/// The level that stands as the value of such a key: a word, a number, or a letter.
pub(super) fn value(value: &[u8]) -> Option<Level> {
    match value {
        [one] if !one.is_ascii_digit() => letter(one.to_ascii_uppercase()),
        _ => word(value).or_else(|| number(value)),
    }
}
