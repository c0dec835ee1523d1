//! The cost of more and other rules compared with one literal; 1% of the lines match.
//!
//! `cargo bench --bench rules [-- --mb N]`
#![allow(clippy::unwrap_used, reason = "a measurement that cannot go on ends")]

use std::hint::black_box;
use std::sync::Arc;
use std::time::Duration;

use spiketail::scan::cursor::{Follows, LineCursor};
use spiketail::scan::level::Level;
use spiketail::scan::rules::{RuleSet, RuleSpec};
use spiketail::scan::scanner::Scanner;

const ROUNDS: usize = 9;
const WINDOW_BYTES: usize = 1 << 20;

fn main() {
    let mut args = std::env::args().skip_while(|arg| arg != "--mb").skip(1);
    let megabytes: usize = args.next().map_or(128, |mb| mb.parse().unwrap());
    let text = text(megabytes << 20);
    let cases: Vec<(&str, Vec<RuleSpec>)> = vec![
        ("1 literal", literals(1)),
        ("10 literals, a rule each", literals(10)),
        ("100 literals, a rule each", literals(100)),
        ("1,000 literals, a rule each", literals(1_000)),
        ("100 literals in one rule", vec![RuleSpec { any: codes(100), ..RuleSpec::default() }]),
        ("1 literal, ignore_case", vec![RuleSpec { ignore_case: true, ..RuleSpec::containing("ERROR") }]),
        ("10 literals, ignore_case", folded(literals(10))),
        ("100 literals, ignore_case", folded(literals(100))),
        ("100 words, ignore_case", folded(vec![RuleSpec { any: words(), ..RuleSpec::default() }])),
        ("1 literal, word", vec![RuleSpec { word: true, ..RuleSpec::containing("ERROR") }]),
        (
            "1 literal, not",
            vec![RuleSpec { not: vec!["retry|ignored".into()], ..RuleSpec::containing("ERROR") }],
        ),
        (
            "1 literal, record_start",
            vec![RuleSpec { record_start: Some("^2026-".into()), ..RuleSpec::containing("ERROR") }],
        ),
        ("1 regex", vec![RuleSpec { regex: vec![r"E\d{4}: .* failed".into()], ..RuleSpec::default() }]),
        ("level = \"error\"", vec![level(Level::Error)]),
        ("level = \"error\", 1 literal", vec![level(Level::Error), RuleSpec::containing("ERROR")]),
        ("level = \"info\"", vec![level(Level::Info)]),
    ];
    let sets: Vec<_> = cases.iter().map(|(_, rules)| RuleSet::compile(rules).unwrap()).collect();
    let mut times = vec![Vec::new(); cases.len()];
    let mut found = vec![0; cases.len()];
    for _ in 0..ROUNDS {
        for (case, rules) in sets.iter().enumerate() {
            let (time, count) = scan(rules, &text);
            times[case].push(time);
            found[case] = count;
        }
    }
    let medians: Vec<f64> = times.into_iter().map(median).collect();
    println!(
        "{megabytes} MB of lines of about 130 bytes, warm, one thread; median CPU time of {ROUNDS} rounds, taken in turns"
    );
    println!("{:<30} {:>9} {:>9} {:>9}", "rules", "hits", "GB/s", "times");
    for (((name, _), time), found) in cases.iter().zip(&medians).zip(&found) {
        let speed = text.len() as f64 / time / 1e9;
        println!("{name:<30} {found:>9} {speed:>9.2} {:>8.2}x", time / medians[0]);
    }
}

/// The text of error number `n`.
fn code(n: usize) -> String {
    format!("E{:04}: ", n * 7 % 10_000)
}

fn codes(n: usize) -> Vec<String> {
    (0..n).map(code).collect()
}

/// The first of them is in every line that matches.
fn literals(n: usize) -> Vec<RuleSpec> {
    let rule = |(number, text): (usize, String)| RuleSpec {
        name: format!("r{number}"),
        any: vec![if number == 0 { "ERROR".to_owned() } else { text }],
        ..RuleSpec::default()
    };
    codes(n).into_iter().enumerate().map(rule).collect()
}

fn folded(rules: Vec<RuleSpec>) -> Vec<RuleSpec> {
    rules.into_iter().map(|rule| RuleSpec { ignore_case: true, ..rule }).collect()
}

/// Texts of errors as people write them.
fn words() -> Vec<String> {
    let of = [
        "disk",
        "network",
        "memory",
        "certificate",
        "connection",
        "database",
        "upstream",
        "socket",
        "quota",
        "file",
    ];
    let what = [
        "failure",
        "refused",
        "exhausted",
        "expired",
        "reset",
        "timed out",
        "corrupt",
        "denied",
        "exceeded",
        "not found",
    ];
    of.iter().flat_map(|of| what.map(|what| format!("{of} {what}"))).collect()
}

fn level(level: Level) -> RuleSpec {
    RuleSpec { name: "level".into(), level: Some(level), ..RuleSpec::default() }
}

fn text(bytes: usize) -> Vec<u8> {
    let mut text = Vec::with_capacity(bytes + 200);
    let mut random = fastrand::Rng::with_seed(7);
    for n in 0usize.. {
        let (ms, worker) = (n % 1_000, random.u8(..16));
        let (id, took) = (random.u64(..), random.u16(..2_000));
        let line = if n % 100 == 0 {
            let code = code(random.usize(..100));
            format!(
                "2026-11-22T10:00:00.{ms:03}Z ERROR [worker-{worker}] a.b.Store: {code}write of block {id:016x} failed after {took} ms: no space\n"
            )
        } else {
            format!(
                "2026-11-22T10:00:00.{ms:03}Z INFO  [worker-{worker}] a.b.Api: GET /api/v2/items/{id:016x} from 10.1.2.3 took {took} ms, cache hit\n"
            )
        };
        text.extend_from_slice(line.as_bytes());
        if text.len() >= bytes {
            return text;
        }
    }
    text
}

fn scan(rules: &Arc<RuleSet>, text: &[u8]) -> (Duration, u64) {
    let mut scanner = Scanner::new(Arc::clone(rules), 1 << 20);
    let mut cursor = LineCursor::default();
    let mut found = 0;
    let begun = cpu_time();
    while (cursor.offset as usize) < text.len() {
        let from = cursor.offset as usize;
        let to = (from + WINDOW_BYTES).min(text.len());
        let follows = if to == text.len() { Follows::Later } else { Follows::More };
        cursor.advance(&text[from..to], follows, &mut scanner, &mut |_, _| found += 1);
    }
    (cpu_time() - begun, black_box(found))
}

/// The CPU time of this thread.
fn cpu_time() -> Duration {
    let time = rustix::time::clock_gettime(rustix::time::ClockId::ThreadCPUTime);
    Duration::new(time.tv_sec as u64, time.tv_nsec as u32)
}

fn median(mut times: Vec<Duration>) -> f64 {
    times.sort_unstable();
    times[times.len() / 2].as_secs_f64()
}
