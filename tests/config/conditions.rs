//! Every kind of condition, its defaults, and what is refused of it; and how the time of lines is read.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on ends")]

use spiketail::detect::burn_settings::{BURN_WINDOWS, BurnSettings, BurnWindow};
use spiketail::detect::condition::Condition;
use spiketail::detect::spike::SpikeSettings;

use super::{MINIMAL, after_minimal, parse};

fn condition(keys: &str) -> Condition {
    parse(&format!("{MINIMAL}[alert.a]\n{keys}\n")).unwrap().plan.alerts[0].condition.clone()
}

#[test]
fn every_condition_arrives() {
    let window_ms = 60_000;
    let spike = SpikeSettings { window_ms, ..SpikeSettings::default() };
    for (keys, wanted) in [
        ("over = 5", Condition::Count { over: 5, window_ms }),
        ("when = 'rate'\nover = 2.5", Condition::Rate { over: 2.5, at_least: 1, window_ms }),
        (
            "when = 'rate'\nover = '120/m'\nat_least = 9\nwindow = '10s'",
            Condition::Rate { over: 2.0, at_least: 9, window_ms: 10_000 },
        ),
        ("when = 'share'\nover = '5%'", Condition::Share { over: 0.05, at_least: 20, window_ms }),
        ("when = 'share'\nover = 0.5\nat_least = 1", Condition::Share { over: 0.5, at_least: 1, window_ms }),
        ("when = 'spike'", Condition::Spike(spike)),
        (
            "when = 'spike'\nover = 4\nat_least = 50\nwindow = '5m'\nlearn = '1d'\nadopt = '1w'\nbudget = 1",
            Condition::Spike(SpikeSettings {
                window_ms: 300_000,
                factor: 4.0,
                long_factor: 4.0,
                budget: 1.0,
                at_least: 50,
                learn_ms: 86_400_000,
                adopt_ms: 7 * 86_400_000,
                ..spike
            }),
        ),
        (
            "when = 'burn_rate'\nobjective = '99.9%'",
            Condition::BurnRate(BurnSettings {
                objective: 0.999,
                at_least: 20,
                windows: BURN_WINDOWS.to_vec(),
            }),
        ),
        (
            "when = 'burn_rate'\nobjective = 0.95\nat_least = 5\nburn = ['2 over 1d and 1h']",
            Condition::BurnRate(BurnSettings {
                objective: 0.95,
                at_least: 5,
                windows: vec![BurnWindow { rate: 2.0, long_ms: 86_400_000, short_ms: 3_600_000 }],
            }),
        ),
        ("when = 'silence'\nwindow = '10m'", Condition::Silence { window_ms: 600_000 }),
        ("when = 'new'", Condition::NewPattern { learn_ms: 3_600_000, per_minute_max: 5 }),
        ("when = 'new'\nby = 'watch'", Condition::New { quiet_ms: None }),
        ("when = 'new'\nlearn = '0s'\nnew_max = 2", Condition::NewPattern { learn_ms: 0, per_minute_max: 2 }),
        ("when = 'new'\nwindow = '1d'", Condition::New { quiet_ms: Some(86_400_000) }),
    ] {
        assert_eq!(condition(keys), wanted, "{keys}");
    }
}

#[test]
fn what_means_nothing_to_a_condition_is_refused() {
    for (keys, message) in [
        (
            "when = 'rate'",
            "3:8: [alert.a] lacks `over`; write how many lines a second are still fine: `over = 2.5`, or `over = \"100/m\"` a minute",
        ),
        (
            "when = 'share'",
            "3:8: [alert.a] lacks `over`; write which share of all lines is still fine: `over = \"5%\"`",
        ),
        ("when = 'share'\nover = 5", "5:8: `over` in [alert.a] is 5; write a share such as \"5%\" or 0.05"),
        (
            "when = 'rate'\nover = 'x'",
            "5:8: `over` in [alert.a] is `x`; write lines a second, such as 2.5, or \"100/m\"",
        ),
        (
            "when = 'rate'\nover = true",
            "5:8: `over` in [alert.a] is a boolean; write lines a second, such as 2.5, or \"100/m\"",
        ),
        (
            "when = 'spike'\nover = 1",
            "5:8: `over` in [alert.a] is 1; write how many times the usual is still fine: 4",
        ),
        (
            "when = 'spike'\nbudget = 0",
            "5:10: `budget` in [alert.a] is 0; write how many alerts a month may be chance, 0.1 to 15",
        ),
        (
            "when = 'burn_rate'",
            "3:8: [alert.a] lacks `objective`; write which share of all lines must not match: `objective = \"99.9%\"`",
        ),
        (
            "when = 'burn_rate'\nobjective = 0.99\nburn = ['9']",
            "6:9: `burn` in [alert.a] cannot be `9`; write how many times what is allowed is too much, over a long and a shorter window of 10s to 7d: \"14.4 over 1h and 5m\"",
        ),
        (
            "when = 'burn_rate'\nobjective = 0.99\nover = 5",
            "6:8: `over` in [alert.a] means nothing with `when = \"burn_rate\"`; take it out",
        ),
        (
            "when = 'silence'",
            "3:8: [alert.a] lacks `window`; write after how long without a line to alert: `window = \"10m\"`",
        ),
        (
            "when = 'silence'\nwindow = '1m'\nover = 5",
            "6:8: `over` in [alert.a] means nothing with `when = \"silence\"`; take it out",
        ),
        (
            "when = 'new'\nfor = '1m'",
            "5:7: `for` in [alert.a] means nothing with `when = \"new\"`; take it out",
        ),
        (
            "over = 5\nat_least = 5",
            "5:12: `at_least` in [alert.a] means nothing with `when = \"count\"`; take it out",
        ),
        (
            "over = 5\nlearn = '1h'",
            "5:9: `learn` in [alert.a] means nothing with `when = \"count\"`; take it out",
        ),
        ("over = 2.5", "4:8: `over` in [alert.a] is a float; write a whole number without quotes"),
    ] {
        assert_eq!(after_minimal(&format!("[alert.a]\n{keys}\n")), [message], "{keys}");
    }
}

#[test]
fn how_the_time_of_lines_is_read() {
    let text = "[watch.a]\npaths = ['/a']\ntime.format = '%d.%m.%Y %H:%M:%S'\ntime.zone = 'Europe/Berlin'\ntime.field = 'a.time'\n";
    let settings = parse(text).unwrap();
    let time = &settings.plan.watches[0].time;
    assert_eq!(time.zone.iana_name(), Some("Europe/Berlin"));
    assert_eq!(time.field.as_deref(), Some("a.time"));
    assert_eq!(time.format, Some("%d.%m.%Y %H:%M:%S".parse().unwrap()));
    for (rest, start) in [
        ("zone = 'Mars'", "`zone` in [watch.a.time] cannot be: `Mars` is no time zone; use \"local\""),
        ("format = '%Y'", "`format` in [watch.a.time] cannot be: the time format `%Y` says no time of day"),
        ("field = ' '", "`field` in [watch.a.time] is empty; write the name of a member"),
        ("form = '%Y'", "unknown key `form` in [watch.a.time]; did you mean `format`?"),
    ] {
        let error =
            parse(&format!("[watch.a]\npaths = ['/a']\n[watch.a.time]\n{rest}\n")).unwrap_err().to_string();
        assert!(error.contains(start), "{error}");
    }
    let error = parse("[watch.a]\npaths = ['/a']\ntime = 5\n").unwrap_err().to_string();
    assert!(error.contains("`time` in [watch.a] is an integer; write `time.format"), "{error}");
}
