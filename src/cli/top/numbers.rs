//! Numbers, lengths of time and times in few cells.

use jiff::Timestamp;
use jiff::tz::TimeZone;

/// A count in at most five cells: `412`, `14.9k`, `3.2M`.
pub(super) fn count(n: f64) -> String {
    match n {
        n if n < 9.95 && n.fract() != 0.0 => format!("{n:.1}"),
        n if n < 99_999.5 => format!("{:.0}", n.round()),
        n if n < 999_950.0 => format!("{:.0}k", n / 1e3),
        n if n < 99.95e6 => format!("{:.1}M", n / 1e6),
        n => format!("{:.0}M", n / 1e6),
    }
}

/// The same with commas between thousands.
pub(super) fn grouped(n: u64) -> String {
    let digits = n.to_string();
    let mut out = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

/// A number of bytes: `0 B`, `48.2 MB`.
pub(super) fn bytes(n: u64) -> String {
    let mut value = n as f64;
    if value < 1e3 {
        return format!("{n} B");
    }
    for unit in ["kB", "MB", "GB"] {
        value /= 1e3;
        if value < 1e3 {
            return if value < 100.0 { format!("{value:.1} {unit}") } else { format!("{value:.0} {unit}") };
        }
    }
    format!("{:.1} TB", value / 1e3)
}

/// A length of time: `8 min 31 s`, `11 h 23 min`, `12 d`.
pub(super) fn duration(seconds: f64) -> String {
    let s = seconds.max(0.0).round() as u64;
    match s {
        0..60 => format!("{s} s"),
        60..1_200 if !s.is_multiple_of(60) => format!("{} min {} s", s / 60, s % 60),
        60..3_600 => format!("{} min", s / 60),
        3_600..86_400 if s % 3_600 >= 60 => format!("{} h {} min", s / 3_600, s % 3_600 / 60),
        3_600..86_400 => format!("{} h", s / 3_600),
        _ => format!("{} d", s / 86_400),
    }
}

/// How long ago something was, in at most four cells.
pub(super) fn ago(at: Option<f64>, now: f64) -> String {
    let Some(at) = at else { return "–".to_owned() };
    let s = (now - at).max(0.0);
    match s {
        s if s < 1.5 => "now".to_owned(),
        s if s < 60.0 => format!("{s:.0}s"),
        s if s < 3_600.0 => format!("{:.0}m", s / 60.0),
        s if s < 86_400.0 => format!("{:.0}h", s / 3_600.0),
        s => format!("{:.0}d", s / 86_400.0),
    }
}

/// A time of this machine, in a form of `strftime`.
pub(super) fn time(at: f64, form: &str) -> String {
    let at = Timestamp::from_millisecond((at * 1e3) as i64).unwrap_or_default();
    at.to_zoned(TimeZone::system()).strftime(form).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_fit_into_five_cells() {
        let all = [
            (0.0, "0"),
            (0.2, "0.2"),
            (412.0, "412"),
            (14_870.0, "14870"),
            (148_700.0, "149k"),
            (3.2e6, "3.2M"),
        ];
        for (n, text) in all {
            assert_eq!(count(n), text);
            assert!(count(n).len() <= 5);
        }
        assert_eq!(
            (grouped(5_912), grouped(100), grouped(15_480_000)),
            ("5,912".into(), "100".into(), "15,480,000".into())
        );
        assert_eq!((bytes(12_288), bytes(999)), ("12.3 kB".to_owned(), "999 B".to_owned()));
        let times = [
            (9.6, "10 s"),
            (511.0, "8 min 31 s"),
            (3_600.0, "1 h"),
            (40_980.0, "11 h 23 min"),
            (1.1e6, "12 d"),
        ];
        times.iter().for_each(|(s, text)| assert_eq!(duration(*s), *text));
    }
}
