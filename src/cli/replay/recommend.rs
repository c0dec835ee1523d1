//! Which `time.format` reads the times of a log in which none are found without it.

use std::sync::Arc;

use crate::detect::Millis;
use crate::scan::timestamp::{Detector, TimeFormat, TimeSettings};

/// So many lines are tried.
const LINES_MAX: usize = 50;
/// So much of a line is looked at, in bytes.
const LINE_BYTES_MAX: usize = 256;
/// No line of a log was written before this, 1990, in milliseconds since 1970.
const FIRST_MS: Millis = 631_152_000_000;
/// A clock may be ahead so far, in milliseconds.
const AHEAD_MS_MAX: Millis = 86_400_000;

/// Names of formats that are tried, the safest first.
const NAMES: [&str; 9] = ["rfc3339", "syslog", "apache", "klog", "ymd", "dmy", "mdy", "epoch", "time_of_day"];
/// Orders in which the numbers of a date and a time may stand.
const ORDERS: [[&str; 6]; 5] = [
    ["%Y", "%m", "%d", "%H", "%M", "%S"],
    ["%d", "%m", "%Y", "%H", "%M", "%S"],
    ["%m", "%d", "%Y", "%H", "%M", "%S"],
    ["%d", "%m", "%y", "%H", "%M", "%S"],
    ["%y", "%m", "%d", "%H", "%M", "%S"],
];

/// A format that reads a plausible time from most of the first lines of `bytes`, of a file that was changed last at `modified_ms`.
pub(super) fn time_format(bytes: &[u8], settings: &TimeSettings, modified_ms: Millis) -> Option<String> {
    let lines = bytes.split(|byte| *byte == b'\n').filter(|line| !line.trim_ascii().is_empty());
    let lines: Vec<&[u8]> =
        lines.take(LINES_MAX).map(|line| &line[..line.len().min(LINE_BYTES_MAX)]).collect();
    let names = NAMES.map(str::to_owned).into_iter();
    let candidates = names.chain(lines.iter().take(3).flat_map(|line| patterns(line)));
    let mut best: (usize, Option<String>) = (lines.len() / 2, None);
    for candidate in candidates {
        let Ok(format) = candidate.parse::<TimeFormat>() else { continue };
        let settings = TimeSettings { format: Some(format), field: None, ..settings.clone() };
        let mut detector = Detector::new(Arc::new(settings));
        let plausible = FIRST_MS..modified_ms.saturating_add(AHEAD_MS_MAX);
        let is_read = |line: &&&[u8]| {
            detector.recall(line, modified_ms).is_some_and(|at_ms| plausible.contains(&at_ms))
        };
        let read = lines.iter().filter(is_read).count();
        if read > best.0 {
            best = (read, Some(candidate));
        }
    }
    best.1
}

/// Patterns for five or six numbers in `line` that stand in a row with marks between them.
fn patterns(line: &[u8]) -> Vec<String> {
    let Ok(text) = std::str::from_utf8(line) else { return Vec::new() };
    let mut numbers: Vec<(usize, usize)> = Vec::new();
    for (at, _) in text.char_indices().filter(|(_, letter)| letter.is_ascii_digit()) {
        match numbers.last_mut() {
            Some((_, end)) if *end == at => *end += 1,
            _ => numbers.push((at, at + 1)),
        }
    }
    let mut patterns = Vec::new();
    for count in [6, 5] {
        for row in numbers.windows(count) {
            for order in &ORDERS {
                patterns.extend(pattern(text, row, order));
            }
        }
    }
    patterns
}

fn pattern(text: &str, row: &[(usize, usize)], order: &[&str; 6]) -> Option<String> {
    let mut pattern = String::new();
    for (at, ((start, end), directive)) in row.iter().zip(order).enumerate() {
        let is_long = *directive == "%Y";
        let digits = end - start;
        if (digits == 4) != is_long || (!is_long && digits > 2) || (*directive == "%y" && digits != 2) {
            return None;
        }
        if at > 0 {
            let mark = &text[row[at - 1].1..*start];
            if mark.chars().count() > 3 || mark.contains(['"', '\\']) {
                return None;
            }
            pattern += &mark.replace('%', "%%");
        }
        pattern += directive;
    }
    Some(pattern)
}

#[cfg(test)]
mod tests {
    use super::*;

    const MODIFIED_MS: Millis = 1_795_341_605_000; // 2026-11-22T10:00:05Z

    #[test]
    fn what_is_recommended_reads_the_time() {
        for (line, expected) in [
            ("app 2026|11|22 10-00-00 x", "%Y|%m|%d %H-%M-%S"),
            ("<22~11~2026> 10h00m00 x", "%d~%m~%Y> %Hh%Mm%S"),
            ("a b c d 1795341600 x", "epoch"),
            ("worker 7 at 10:00:00.123 x", "time_of_day"),
            ("x 100% 22%11%26 10:00 y", "%d%%%m%%%y %H:%M"),
        ] {
            let text = format!("{line}\n").repeat(3);
            let settings = TimeSettings::default();
            let found = time_format(text.as_bytes(), &settings, MODIFIED_MS);
            assert_eq!(found.as_deref(), Some(expected), "{line}");
        }
        for line in ["no time at all", "1.2.3.4 5 6", "took 99:99:99"] {
            let settings = TimeSettings::default();
            assert_eq!(time_format(line.as_bytes(), &settings, MODIFIED_MS), None, "{line}");
        }
    }
}
