//! Levels that programs write as letters, digits and marks instead of words.

use crate::scan::level::name::Level;
use crate::scan::level::words;

/// The level of a line whose first bytes say it: a syslog priority, or Android's brief format.
pub(super) fn initials(line: &[u8]) -> Option<Level> {
    match line {
        [b'<', ..] => priority(line),
        [initial @ (b'V' | b'D' | b'I' | b'W' | b'E' | b'F'), b'/', tag, ..] if tag.is_ascii_alphabetic() => {
            let end = line.iter().take(256).position(|b| matches!(b, b'(' | b':' | b' '))?;
            (line[end] != b' ' || line.get(end + 1) == Some(&b'(')).then(|| words::letter(*initial))?
        }
        _ => None,
    }
}

/// The level in a priority of syslog, such as `<11>`.
pub(super) fn priority(line: &[u8]) -> Option<Level> {
    let rest = line.strip_prefix(b"<")?;
    let end = rest.iter().take(4).position(|b| *b == b'>').filter(|end| *end > 0)?;
    let number = rest[..end].iter().copied().try_fold(0_u16, |number, digit| {
        // By value: in a mapping a byte may change between two looks.
        digit.is_ascii_digit().then(|| number * 10 + u16::from(digit & 15))
    })?;
    (number <= 191).then(|| words::severity(number))
}

/// Where `==12==`, which AddressSanitizer and Valgrind write before a line, ends; 0 if it is not there.
pub(super) fn process_end(line: &[u8]) -> usize {
    let Some(rest) = line.strip_prefix(b"==") else { return 0 };
    let digits = rest.iter().take_while(|b| b.is_ascii_digit()).count();
    if digits > 0 && rest[digits..].starts_with(b"==") { digits + 4 } else { 0 }
}

/// The level of a word that begins a header of glog or klog: `E1122`, `E261122` or `E20261122` before a time of day.
pub(super) fn glog(word: &[u8], rest: &[u8]) -> Option<Level> {
    let (initial @ (b'I' | b'W' | b'E' | b'F' | b'D'), digits) = word.split_first()? else { return None };
    let is_date =
        matches!(digits.len(), 4 | 6 | 8) && digits.iter().all(u8::is_ascii_digit) && digits[0] <= b'2';
    let time = rest.strip_prefix(b" ")?;
    let is_time = matches!(time, [a, b, b':', c, ..] if [a, b, c].iter().all(|b| b.is_ascii_digit()));
    (is_date && is_time).then(|| words::letter(*initial))?
}

/// The level of the letter that begins a line, before the date (`E [22/Nov/2026:…`, CUPS) or a colon (`E: `, apt).
pub(super) fn first_letter(letter: u8, rest: &[u8]) -> Option<Level> {
    let (rest, digits) = match rest {
        [b':', b' ', ..] if matches!(letter, b'E' | b'W' | b'I' | b'N') => return words::letter(letter),
        [b' ', b'[', rest @ ..] => (rest, [2, 4]),
        [b' ', b'2', ..] => (&rest[1..], [4, 4]),
        _ => return None,
    };
    let count = rest.iter().take(5).take_while(|b| b.is_ascii_digit()).count();
    let is_date = digits.contains(&count) && matches!(rest.get(count), Some(b'-' | b'/' | b':'));
    (is_date && rest.get(count + 1).is_some_and(u8::is_ascii_alphanumeric)).then(|| words::letter(letter))?
}

/// The level of the marks of X.Org.
pub(super) fn doubled(mark: &[u8]) -> Option<Level> {
    Some(match mark {
        b"EE" => Level::Error,
        b"WW" => Level::Warn,
        b"II" => Level::Info,
        _ => return None,
    })
}

/// How much of a word is looked at for the severity of a network device, in bytes.
pub(super) const DEVICE_BYTES_MAX: usize = 48;

/// The level of the severity in `%LINK-3-UPDOWN` (Cisco, Arista), `%SEC_LOGIN-SP-4-X` or `%%01SHELL/4/LOGIN` (Huawei).
pub(super) fn network_device(word: &[u8]) -> Option<Level> {
    let word = &word[..word.len().min(DEVICE_BYTES_MAX)];
    let (facility, separator) = match word.strip_prefix(b"%")? {
        [b'%', facility @ ..] => (facility, b'/'),
        facility => (facility, b'-'),
    };
    if separator == b'/' && !facility.starts_with(b"0") && !facility.starts_with(b"1") {
        return None;
    }
    let is_name = |part: &[u8]| {
        !part.is_empty() && part.iter().all(|b| b.is_ascii_uppercase() || b.is_ascii_digit() || *b == b'_')
    };
    let mut parts = facility.split(|b| *b == separator);
    if !parts.next().is_some_and(is_name) {
        return None;
    }
    let digit = parts.by_ref().take_while(|part| is_name(part)).find(|part| part.len() == 1)?[0];
    let mnemonic = parts.next()?;
    let is_mnemonic = match mnemonic {
        [b'A'..=b'Z', ..] => true,
        [a, b, c, ..] => [a, b, c].iter().all(|b| b.is_ascii_digit()),
        _ => false,
    };
    (is_mnemonic && (b'0'..=b'7').contains(&digit)).then(|| words::severity(u16::from(digit - b'0')))
}

/// The level of `daemon.err`, as syslog daemons write facility and severity.
pub(super) fn facility_and_severity(word: &[u8]) -> Option<Level> {
    const FACILITIES: [&[u8]; 16] = [
        b"kern",
        b"user",
        b"mail",
        b"daemon",
        b"auth",
        b"syslog",
        b"lpr",
        b"news",
        b"uucp",
        b"cron",
        b"authpriv",
        b"ftp",
        b"ntp",
        b"security",
        b"console",
        b"local",
    ];
    let dot = memchr::memchr(b'.', &word[..word.len().min(12)])?;
    let (facility, severity) = (&word[..dot], &word[dot + 1..]);
    let facility = match facility {
        [name @ .., b'0'..=b'7'] if name == b"local" => name,
        _ => facility,
    };
    let is_lower = severity.iter().all(u8::is_ascii_lowercase);
    (is_lower && FACILITIES.contains(&facility)).then(|| words::word(severity))?
}
