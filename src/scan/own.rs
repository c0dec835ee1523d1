//! Lines that spiketail wrote itself: they quote what matched, and would match again, whatever way they took into a log.
//!
//! | way | what tells it |
//! |---|---|
//! | journal or stdout, to syslog | the identifier before the message: `Nov 26 10:00:00 web1 spiketail[12]: …` |
//! | the same, in the form of RFC 5424 | the name of the program: `<14>1 2026-11-26T10:00:00Z web1 spiketail 12 - - …` |
//! | the journal as JSON | identifier, program or unit: `"SYSLOG_IDENTIFIER":"spiketail"` |
//! | events as JSON, also quoted in JSON | their target: `"target":"spiketail::alert"` |

use std::sync::LazyLock;

use memchr::memmem::Finder;

const NAME: &[u8] = b"spiketail";
/// The header of a line of syslog is no longer than this, in bytes.
const HEADER_BYTES_MAX: usize = 256;
/// Members of JSON that name the program that wrote a line.
const PROGRAM_KEYS: [&[u8]; 9] = [
    b"SYSLOG_IDENTIFIER",
    b"_COMM",
    b"_SYSTEMD_UNIT",
    b"appname",
    b"app_name",
    b"ident",
    b"identifier",
    b"program",
    b"programname",
];

static FINDER: LazyLock<Finder<'static>> = LazyLock::new(|| Finder::new(NAME));

/// Whether spiketail wrote `line`.
#[must_use]
pub fn is_own(line: &[u8]) -> bool {
    FINDER.find_iter(line).any(|at| {
        let (before, after) = (&line[..at], &line[at + NAME.len()..]);
        is_tag(before, after) || is_program(before, after) || is_member(before, after)
    })
}

/// `… spiketail[12]: ` or `… spiketail: `, where nothing that looks like the tag of another program comes before.
fn is_tag(before: &[u8], after: &[u8]) -> bool {
    let is_word = before.last().is_none_or(|byte| *byte == b' ' || *byte == b'\t' || *byte == b'>');
    if !is_word || before.len() > HEADER_BYTES_MAX || before.windows(2).any(|two| two == b": ") {
        return false;
    }
    let rest = match after.strip_prefix(b"[") {
        Some(id) => {
            let digits = id.iter().take_while(|byte| byte.is_ascii_digit()).count();
            match id[digits..].strip_prefix(b"]") {
                Some(rest) if digits > 0 => rest,
                _ => return false,
            }
        }
        None => after,
    };
    // Without a header, a name and a colon may be anything.
    rest.starts_with(b":") && (after.starts_with(b"[") || has_header(before))
}

/// Whether `before` has more than one word, as a time and a host are.
fn has_header(before: &[u8]) -> bool {
    before.split(|byte| *byte == b' ').filter(|word| !word.is_empty()).count() >= 2
}

/// `<14>1 TIME HOST spiketail 12 …`, by RFC 5424.
fn is_program(before: &[u8], after: &[u8]) -> bool {
    let words = before.split(|byte| *byte == b' ').count();
    let id = after.strip_prefix(b" ").and_then(|rest| rest.split(|byte| *byte == b' ').next());
    let is_id = id.is_some_and(|id| id == b"-" || (!id.is_empty() && id.iter().all(u8::is_ascii_digit)));
    // The last of the words before is empty.
    before.starts_with(b"<") && words == 4 && before.ends_with(b" ") && is_id
}

/// A member of an object of JSON, perhaps within a text of JSON.
fn is_member(before: &[u8], after: &[u8]) -> bool {
    let Some(before) = before.strip_suffix(b"\"") else { return false };
    let trim = |mut text: &[u8], bytes: &[u8]| {
        while let Some((last, rest)) = text.split_last().filter(|(last, _)| bytes.contains(last)) {
            let _ = last;
            text = rest;
        }
        text.len()
    };
    let before = &before[..trim(before, b"\\ ")];
    let Some(before) = before.strip_suffix(b":") else { return false };
    let before = &before[..trim(before, b" ")];
    let Some(before) = before.strip_suffix(b"\"") else { return false };
    let before = &before[..trim(before, b"\\")];
    let is_key = |key: &[u8]| {
        before.strip_suffix(key).is_some_and(|rest| rest.last().is_some_and(|byte| *byte == b'"'))
    };
    if after.starts_with(b"::") {
        return is_key(b"target");
    }
    let is_whole = [&b"\""[..], b"\\", b".service\"", b".service\\"].iter().any(|end| after.starts_with(end));
    is_whole && PROGRAM_KEYS.iter().any(|key| is_key(key))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn own_lines_are_known_whatever_way_they_came() {
        for line in [
            "Nov 26 10:00:00 web1 spiketail[812]: ERROR error-spike on web1: 57 errors in 60s",
            "2026-11-26T10:00:00.123456+01:00 web1 spiketail[812]: error spike",
            "<11>Nov 26 10:00:00 web1 spiketail[812]: error spike",
            "Nov 26 10:00:00 web1 spiketail: error spike",
            "spiketail[812]: error spike",
            "syslog:Nov 26 10:00:00 web1 spiketail[812]: {\"level\":\"ERROR\",\"target\":\"spiketail::alert\"}",
            "<14>1 2026-11-26T10:00:00Z web1 spiketail 812 - - ERROR",
            "<14>1 2026-11-26T10:00:00Z web1 spiketail - - - ERROR",
            r#"{"SYSLOG_IDENTIFIER":"spiketail","MESSAGE":"ERROR"}"#,
            r#"{"MESSAGE":"ERROR", "_SYSTEMD_UNIT" : "spiketail.service"}"#,
            r#"{"timestamp":"2026-11-26T10:00:00Z","level":"ERROR","target":"spiketail::alert","fields":{}}"#,
            r#"2026-11-26T10:00:00Z stdout F {"level":"ERROR","target":"spiketail::health"}"#,
            r#"{"log":"{\"level\":\"ERROR\",\"target\":\"spiketail::alert\"}\n","stream":"stdout"}"#,
            r#"{"ident":"spiketail","message":"ERROR"}"#,
        ] {
            assert!(is_own(line.as_bytes()), "{line}");
        }
    }

    #[test]
    fn what_others_say_of_it_counts() {
        for line in [
            "Nov 26 10:00:00 web1 systemd[1]: spiketail.service: Failed with result 'exit-code'.",
            "Nov 26 10:00:00 web1 systemd[1]: spiketail[812]: ERROR",
            "Nov 26 10:00:00 web1 sudo[1]: root : COMMAND=/usr/bin/spiketail status",
            "2026-11-26 10:00:00 ERROR spiketail is not running",
            "ERROR spiketail: not found",
            "sh: spiketail: command not found",
            "2026-11-26 10:00:00 ERROR spiketail 12 times",
            "Nov 26 10:00:00 web1 myspiketail[812]: ERROR",
            "Nov 26 10:00:00 web1 spiketail-test[812]: ERROR",
            r#"{"SYSLOG_IDENTIFIER":"cron","MESSAGE":"ERROR spiketail"}"#,
            r#"{"level":"ERROR","service":"spiketail","target":"app"}"#,
            r#"{"level":"ERROR","my_target":"spiketail::alert"}"#,
            "spiketail",
            "",
        ] {
            assert!(!is_own(line.as_bytes()), "{line}");
        }
    }
}
