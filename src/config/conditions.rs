//! The keys of an `[alert.NAME]` that say what must hold of a rule's lines.

use super::error::{ErrorReport, quoted};
use super::table::Table;
use super::values::{DAY_MS, MINUTE_MS, parse_duration_ms};
use crate::detect::Millis;
use crate::detect::burn_settings::{BURN_WINDOWS, BurnSettings, BurnWindow};
use crate::detect::condition::Condition;
use crate::detect::spike::SpikeSettings;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum ConditionKind {
    Count,
    Rate,
    Share,
    BurnRate,
    Spike,
    Silence,
    New,
}

const KINDS: [(&str, ConditionKind); 7] = [
    ("count", ConditionKind::Count),
    ("rate", ConditionKind::Rate),
    ("share", ConditionKind::Share),
    ("burn_rate", ConditionKind::BurnRate),
    ("spike", ConditionKind::Spike),
    ("silence", ConditionKind::Silence),
    ("new", ConditionKind::New),
];

/// Keys that not every condition has.
const KEYS: [&str; 10] =
    ["over", "objective", "burn", "window", "at_least", "learn", "adopt", "budget", "for", "new_max"];

/// So many new patterns are reported one by one within a minute, if nothing else is said.
const NEW_MAX: u32 = 5;

/// So many pairs of windows has a burn rate at most.
const BURNS_MAX: usize = 8;
const BURN_EXAMPLE: &str = "write how many times what is allowed is too much, over a long and a shorter window of 10s to 7d: \"14.4 over 1h and 5m\"";
/// How long they may be.
const BURN_MS: std::ops::RangeInclusive<Millis> = 10_000..=7 * DAY_MS;

/// A month, in milliseconds: no alert looks back further.
const MONTH_MS: Millis = 31 * DAY_MS;
/// A share means little if it is of a handful of lines.
const SHARE_AT_LEAST: u64 = 20;

impl ConditionKind {
    fn name(self) -> &'static str {
        KINDS.iter().find(|(_, kind)| *kind == self).map_or("", |(name, _)| name)
    }

    fn has(self, key: &str) -> bool {
        match self {
            ConditionKind::Count => matches!(key, "over" | "window" | "for"),
            ConditionKind::Rate | ConditionKind::Share => {
                matches!(key, "over" | "window" | "at_least" | "for")
            }
            ConditionKind::BurnRate => matches!(key, "objective" | "burn" | "at_least" | "for"),
            ConditionKind::Spike => !matches!(key, "new_max" | "objective" | "burn"),
            ConditionKind::Silence => matches!(key, "window" | "for"),
            ConditionKind::New => matches!(key, "window" | "learn" | "new_max"),
        }
    }

    fn over_example(self) -> &'static str {
        match self {
            ConditionKind::Rate => {
                "write how many lines a second are still fine: `over = 2.5`, or `over = \"100/m\"` a minute"
            }
            ConditionKind::Share => "write which share of all lines is still fine: `over = \"5%\"`",
            _ => "write how many lines within `window` are still fine: `over = 50`",
        }
    }
}

/// Reads the condition of an alert.
pub(super) fn read(table: &Table<'_>, report: &mut ErrorReport<'_>) -> Condition {
    let kind = table.choice(report, "when", &KINDS, ConditionKind::Count);
    for key in KEYS.into_iter().filter(|key| table.has(key) && !kind.has(key)) {
        table.refuse(report, key, &format!("means nothing with `when = \"{}\"`; take it out", kind.name()));
    }
    let has_no_default = matches!(kind, ConditionKind::Count | ConditionKind::Rate | ConditionKind::Share);
    if has_no_default && !table.has("over") {
        let label = table.label();
        report.refuse(table.span(), format!("{label} lacks `over`; {}", kind.over_example()));
    }
    let window_ms = window_ms(kind, table, report);
    match kind {
        ConditionKind::BurnRate => Condition::BurnRate(read_burn(table, report)),
        ConditionKind::Count => Condition::Count {
            over: table.integer(report, "over", 0..=u64::MAX).unwrap_or_default(),
            window_ms,
        },
        ConditionKind::Rate => Condition::Rate {
            over: table.parsed(report, "over", rate, "write lines a second, such as 2.5, or \"100/m\""),
            at_least: at_least(table, report, 1),
            window_ms,
        },
        ConditionKind::Share => Condition::Share {
            over: table.parsed(report, "over", share, "write a share such as \"5%\" or 0.05"),
            at_least: at_least(table, report, SHARE_AT_LEAST),
            window_ms,
        },
        ConditionKind::Spike => Condition::Spike(read_spike(window_ms, table, report)),
        ConditionKind::Silence => Condition::Silence { window_ms },
        ConditionKind::New if table.has("window") => Condition::New { quiet_ms: Some(window_ms) },
        ConditionKind::New if says(table, report, "watch") || says(table, report, "path") => {
            for key in ["learn", "new_max"].into_iter().filter(|key| table.has(key)) {
                table.refuse(report, key, "means something only for new patterns; take out `by`");
            }
            Condition::New { quiet_ms: None }
        }
        ConditionKind::New => Condition::NewPattern {
            learn_ms: table.duration_ms(report, "learn", 0..=MONTH_MS, SpikeSettings::default().learn_ms),
            per_minute_max: table
                .integer(report, "new_max", 0..=1_000)
                .map_or(NEW_MAX, |max| u32::try_from(max).unwrap_or(NEW_MAX)),
        },
    }
}

/// Whether the alert is by `scope`.
fn says(table: &Table<'_>, report: &mut ErrorReport<'_>, scope: &str) -> bool {
    table.text(report, "by").is_some_and(|by| *by.get_ref() == scope)
}

fn window_ms(kind: ConditionKind, table: &Table<'_>, report: &mut ErrorReport<'_>) -> Millis {
    let (least, most, default) = match kind {
        ConditionKind::Count | ConditionKind::Rate | ConditionKind::Share => (1_000, DAY_MS, MINUTE_MS),
        ConditionKind::Spike => (10_000, DAY_MS, MINUTE_MS),
        ConditionKind::Silence => (1_000, MONTH_MS, 0),
        // It has windows of its own.
        ConditionKind::BurnRate => return 0,
        ConditionKind::New => (MINUTE_MS, 366 * DAY_MS, 0),
    };
    if kind == ConditionKind::Silence && !table.has("window") {
        let label = table.label();
        let example = "write after how long without a line to alert: `window = \"10m\"`";
        report.refuse(table.span(), format!("{label} lacks `window`; {example}"));
    }
    table.duration_ms(report, "window", least..=most, default)
}

fn read_spike(window_ms: Millis, table: &Table<'_>, report: &mut ErrorReport<'_>) -> SpikeSettings {
    let default = SpikeSettings { window_ms, ..SpikeSettings::default() };
    let (factor, long_factor) = match table.has("over") {
        true => {
            let over =
                table.parsed(report, "over", factor, "write how many times the usual is still fine: 4");
            (over, over)
        }
        false => (default.factor, default.long_factor),
    };
    let budget = match table.has("budget") {
        true => {
            table.parsed(report, "budget", budget, "write how many alerts a month may be chance, 0.1 to 15")
        }
        false => default.budget,
    };
    SpikeSettings {
        factor,
        long_factor,
        budget,
        at_least: at_least(table, report, default.at_least),
        learn_ms: table.duration_ms(report, "learn", MINUTE_MS..=MONTH_MS, default.learn_ms),
        adopt_ms: table.duration_ms(report, "adopt", 3_600_000..=366 * DAY_MS, default.adopt_ms),
        ..default
    }
}

fn read_burn(table: &Table<'_>, report: &mut ErrorReport<'_>) -> BurnSettings {
    if !table.has("objective") {
        let label = table.label();
        let example = "write which share of all lines must not match: `objective = \"99.9%\"`";
        report.refuse(table.span(), format!("{label} lacks `objective`; {example}"));
    }
    let texts = table.filled_list(report, "burn", "write some, or take it out");
    let mut windows = Vec::new();
    for text in texts.iter().flatten() {
        let window = burn_window(text.get_ref());
        if window.is_none() {
            let (label, quoted) = (table.label(), quoted(text.get_ref()));
            report.refuse(text.span(), format!("`burn` in {label} cannot be {quoted}; {BURN_EXAMPLE}"));
        }
        windows.extend(window);
    }
    if windows.len() > BURNS_MAX {
        table.refuse(report, "burn", &format!("has more than {BURNS_MAX} entries; take some out"));
    }
    if texts.is_none() {
        windows = BURN_WINDOWS.to_vec();
    }
    BurnSettings {
        objective: table.parsed(report, "objective", objective, "write a share such as \"99.9%\" or 0.999"),
        at_least: at_least(table, report, SHARE_AT_LEAST),
        windows,
    }
}

fn at_least(table: &Table<'_>, report: &mut ErrorReport<'_>, default: u64) -> u64 {
    table.integer(report, "at_least", 1..=u64::MAX).unwrap_or(default)
}

fn number(text: &str) -> Option<f64> {
    text.trim().parse::<f64>().ok().filter(|number| number.is_finite() && *number >= 0.0)
}

/// Lines a second, from lines in some unit of time.
fn rate(text: &str) -> Option<f64> {
    let (lines, unit) = text.split_once('/').unwrap_or((text, "s"));
    let seconds = match unit.trim() {
        "s" | "sec" | "second" => 1.0,
        "m" | "min" | "minute" => 60.0,
        "h" | "hour" => 3_600.0,
        _ => return None,
    };
    number(lines).map(|lines| lines / seconds)
}

fn share(text: &str) -> Option<f64> {
    let share = match text.trim().strip_suffix('%') {
        // The decimal point moves, so that 99.9% is 0.999.
        Some(percent) => number(&format!("{}e-2", percent.trim()))?,
        None => number(text)?,
    };
    (share < 1.0).then_some(share)
}

fn objective(text: &str) -> Option<f64> {
    share(text).filter(|objective| *objective >= 0.5)
}

/// `14.4 over 1h and 5m`.
fn burn_window(text: &str) -> Option<BurnWindow> {
    let (rate, windows) = text.split_once(" over ")?;
    let (long, short) = windows.split_once(" and ")?;
    let rate =
        number(rate.trim().trim_end_matches(['x', '×'])).filter(|rate| (0.1..=1_000.0).contains(rate))?;
    let window = |text: &str| parse_duration_ms(text.trim()).ok().filter(|ms| BURN_MS.contains(ms));
    let (long_ms, short_ms) = (window(long)?, window(short)?);
    (short_ms < long_ms).then_some(BurnWindow { rate, long_ms, short_ms })
}

fn factor(text: &str) -> Option<f64> {
    number(text.trim().trim_end_matches(['x', '×'])).filter(|factor| (1.1..=1_000.0).contains(factor))
}

fn budget(text: &str) -> Option<f64> {
    number(text).filter(|budget| (0.1..=15.0).contains(budget))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_rate_a_share_and_a_factor_may_be() {
        assert_eq!(
            (rate("2.5"), rate("120/m"), rate("1 / hour")),
            (Some(2.5), Some(2.0), Some(1.0 / 3600.0))
        );
        assert_eq!((rate("-1"), rate("5/d"), rate("nan"), rate("")), (None, None, None, None));
        assert_eq!((share("5%"), share("0.05"), share("5")), (Some(0.05), Some(0.05), None));
        assert_eq!((objective("99.9%"), objective("0.1")), (Some(0.999), None));
        assert_eq!(burn_window("14.4 over 1h and 5m"), Some(BURN_WINDOWS[0]));
        for wrong in ["14.4", "14.4 over 1h", "x over 1h and 5m", "6 over 5m and 1h", "6 over 9d and 1h"] {
            assert_eq!(burn_window(wrong), None, "{wrong}");
        }
        assert_eq!(
            (factor("4"), factor("4x"), factor("1"), factor("inf")),
            (Some(4.0), Some(4.0), None, None)
        );
    }
}
