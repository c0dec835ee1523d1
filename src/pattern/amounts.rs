//! Numbers with separators and units.

use crate::pattern::bytes::{BLANK, DIGIT, DOT, JOINT, LETTER, class_at};

/// `1,024`.
pub(super) fn thousands(message: &[u8], mut end: usize) -> usize {
    while message.get(end) == Some(&b',') {
        let digits = message[end + 1..].iter().take(4).take_while(|b| b.is_ascii_digit()).count();
        if digits != 3 || class_at(message, end + 4) & LETTER != 0 {
            break;
        }
        end += 4;
    }
    end
}

/// Whether a run is a number with a unit, such as `12ms` or `0x1f`.
pub(super) fn is_amount(text: &[u8]) -> bool {
    if text.starts_with(b"0x") {
        return true;
    }
    let number =
        text.iter().take_while(|b| b.is_ascii_digit() || matches!(b, b'.' | b'-' | b'+' | b'#')).count();
    number > 0 && is_unit(&text[number..])
}

/// Behind the unit that follows a number which ends at `end`, if one does.
pub(super) fn unit(message: &[u8], end: usize) -> usize {
    if message.get(end) != Some(&b' ') {
        return end;
    }
    let unit_end = end
        + 1
        + message[end + 1..].iter().take(5).take_while(|b| b.is_ascii_alphabetic() || **b == b'%').count();
    let follows = class_at(message, unit_end);
    let is_apart = follows & (LETTER | DIGIT | JOINT) == 0
        || follows & DOT != 0 && class_at(message, unit_end + 1) & BLANK != 0;
    if is_unit(&message[end + 1..unit_end]) && is_apart { unit_end } else { end }
}

fn is_unit(text: &[u8]) -> bool {
    matches!(
        text,
        b"B" | b"KB"
            | b"MB"
            | b"GB"
            | b"TB"
            | b"kB"
            | b"KiB"
            | b"MiB"
            | b"GiB"
            | b"TiB"
            | b"bytes"
            | b"ns"
            | b"us"
            | b"ms"
            | b"s"
            | b"sec"
            | b"secs"
            | b"min"
            | b"mins"
            | b"h"
            | b"hr"
            | b"d"
            | b"%"
            | b"Hz"
            | b"kHz"
            | b"MHz"
            | b"GHz"
            | b"bps"
            | b"Kbps"
            | b"Mbps"
            | b"V"
            | b"W"
            | b"C"
            | b"K"
            | b"M"
            | b"G"
    )
}
