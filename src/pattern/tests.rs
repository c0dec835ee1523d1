use std::collections::HashMap;

use proptest::prelude::*;

use super::{News, Pattern, PatternId, PatternSettings, Registry, SavedRegistry};

fn registry() -> Registry {
    Registry::new(&PatternSettings::default())
}

fn observe_all(registry: &mut Registry, lines: &[impl AsRef<[u8]>]) {
    for line in lines {
        registry.observe(line.as_ref(), None);
    }
}

/// The final ids of `lines`.
fn ids(lines: &[String]) -> Vec<PatternId> {
    let mut registry = registry();
    let ids: Vec<PatternId> = lines.iter().map(|line| registry.observe(line.as_bytes(), None).id).collect();
    ids.into_iter().map(|id| registry.resolve(id)).collect()
}

fn texts(lines: &[&str]) -> Vec<String> {
    let mut registry = registry();
    observe_all(&mut registry, lines);
    registry.patterns().iter().map(|pattern| pattern.text.clone()).collect()
}

/// A log of a few programs in which most things vary.
fn log(lines: usize, seed: u64) -> Vec<String> {
    let mut rng = fastrand::Rng::with_seed(seed);
    let words = ["alpha", "beta", "gamma", "delta", "epsilon", "zeta", "eta", "theta", "iota"];
    (0..lines)
        .map(|n| {
            let (number, word) = (rng.u32(..), words[rng.usize(..words.len())]);
            let message = match rng.u8(..6) {
                0 => format!("connection to 10.0.{}.{}:{} refused", rng.u8(..), rng.u8(..), rng.u16(..)),
                1 => format!("cannot open /var/lib/{word}/{number}: permission denied"),
                2 => format!("session opened for user {word} by (uid={})", rng.u8(..)),
                3 => {
                    let volume = if rng.u8(..4) > 0 { "root" } else { word };
                    format!("volume {volume} is full, {number} bytes missing")
                }
                4 => format!("request {number:x}-{number} took {} ms", rng.u16(..)),
                _ => "upstream timed out while reading the response".to_owned(),
            };
            format!("2026-11-26 10:41:{:02} ERROR [worker-{}] db.Pool: {message}", n % 60, rng.u8(..))
        })
        .collect()
}

#[test]
fn what_varies_is_hidden_and_what_does_not_is_kept() {
    let pairs = [
        ("connection to 10.0.0.8:5432 refused", "connection to <IP>:<N> refused"),
        ("cannot open /var/log/a.log: No such file", "cannot open <PATH>: No such file"),
        ("GET https://a.example/x?y=1 failed", "GET <URL> failed"),
        ("mail from root@example.com to db1.example.com", "mail from <EMAIL> to <ID>"),
        ("lookup of www.example.com failed", "lookup of <HOST> failed"),
        ("took 12 ms, 1,024 bytes", "took <N>, <N>"),
        ("job blk_-1608 at Sat Jul  9 12:16:51 2005 done", "job <ID> at <TIME> done"),
        ("mac 00:1b:63:84:45:e6 at fe80::1:2", "mac <IP> at <IP>"),
        ("logname= uid=0 user=root", "logname=<*> uid=<N> user=root"),
        ("Invalid user admin from here", "Invalid user <*> from here"),
        ("at do_fault+0x1f/0x44", "at do_fault<N>"),
    ];
    for (line, text) in pairs {
        assert_eq!(texts(&[line]), [text], "{line}");
    }
}

#[test]
fn wrappers_and_headers_make_no_difference() {
    let lines = [
        "2026-11-26 10:41:09 ERROR db: cannot connect to 10.0.0.1",
        "Nov 26 10:41:09 web1 app[12]: cannot connect to 10.0.0.2",
        r#"{"level":"error","msg":"cannot connect to 10.0.0.3"}"#,
        "time=2026-11-26T10:41:09Z level=error msg=\"cannot connect to 10.0.0.4\"",
        r#"2026-11-26T10:41:09.000000000Z stderr F {"message":"cannot connect to 10.0.0.5"}"#,
    ];
    assert_eq!(texts(&lines).len(), 2, "{:?}", texts(&lines));
    assert!(texts(&lines[1..]).len() == 1);
}

#[test]
fn a_word_that_varies_becomes_a_place() {
    let lines: Vec<String> =
        ["sda", "sdb", "root", "home", "swap", "data"].map(|name| format!("volume {name} is full")).to_vec();
    let found = ids(&lines);
    assert!(found.iter().all(|id| *id == found[0]), "{found:?}");
    let lines: Vec<&str> = lines.iter().map(String::as_str).collect();
    assert_eq!(texts(&lines), ["volume <*> is full"]);
    assert_eq!(texts(&lines[..4]).len(), 4);
}

#[test]
fn new_is_said_once_and_a_variant_is_none() {
    let mut registry = registry();
    let mut news = |line: &str| registry.observe(line.as_bytes(), Some(1)).news;
    assert_eq!(news("disk sda1 failed"), News::New);
    assert_eq!(news("disk sdb2 failed"), News::Known);
    assert_eq!(news("disk sdb2 failed 3"), News::Variant);
    assert_eq!(news("fan failed"), News::New);
}

#[test]
fn masks_of_the_settings_hide_more() {
    let settings = PatternSettings::for_scope("errors").with_mask("tenant-[a-z]+").unwrap();
    let mut registry = Registry::new(&settings);
    let one = registry.observe(b"no quota for tenant-acme left", None).id;
    assert_eq!(registry.observe(b"no quota for tenant-corp left", None).id, one);
    assert_eq!(registry.patterns()[0].text, "no quota for <*> left");
    assert!(PatternSettings::default().with_mask("(").is_err());
    let other = Registry::new(&PatternSettings::for_scope("warnings")).observe(b"x", None).id;
    assert_ne!(other, Registry::new(&PatternSettings::for_scope("errors")).observe(b"x", None).id);
}

#[test]
fn a_stored_registry_goes_on_with_the_same_ids() {
    let lines = log(2_000, 1);
    let mut whole = registry();
    observe_all(&mut whole, &lines);
    let mut first = registry();
    observe_all(&mut first, &lines[..700]);
    let stored = first.take_changes().unwrap();
    observe_all(&mut first, &lines[700..720]);
    let mut second = Registry::restored(&PatternSettings::default(), stored.clone());
    observe_all(&mut second, &lines[700..720]);
    // What has changed since then, on top of what was stored, is the same as everything.
    let changed = stored.followed_by(second.take_changes().unwrap());
    second.change_all();
    let everything = second.take_changes().unwrap();
    assert_eq!(sorted(&changed.patterns), sorted(&everything.patterns));
    let stored = SavedRegistry { patterns: sorted(&everything.patterns), ..everything };
    let mut third = Registry::restored(&PatternSettings::default(), stored);
    observe_all(&mut third, &lines[720..]);
    assert_eq!(sorted(third.patterns()), sorted(whole.patterns()));
    assert_eq!((third.lines(), third.other()), (whole.lines(), whole.other()));
}

fn sorted(patterns: &[Pattern]) -> Vec<Pattern> {
    let plain = |pattern: &Pattern| {
        let mut plain =
            Pattern::new(pattern.id, pattern.text.clone(), pattern.sample.clone(), pattern.usage.clone());
        (plain.lines, plain.first_ms, plain.last_ms) = (pattern.lines, pattern.first_ms, pattern.last_ms);
        plain
    };
    let mut sorted: Vec<Pattern> = patterns.iter().map(plain).collect();
    sorted.sort_by_key(|pattern| pattern.id);
    sorted
}

#[test]
fn another_order_gives_nearly_the_same_ids() {
    let lines = log(3_000, 2);
    let found = ids(&lines);
    let mut order: Vec<usize> = (0..lines.len()).collect();
    fastrand::Rng::with_seed(6).shuffle(&mut order);
    let shuffled: Vec<String> = order.iter().map(|n| lines[*n].clone()).collect();
    let same = order.iter().zip(ids(&shuffled)).filter(|(n, id)| found[**n] == *id).count();
    assert!(same * 100 >= 95 * lines.len(), "{same} of {}", lines.len());
    assert_eq!(found, ids(&lines));
}

#[test]
fn distinct_messages_stay_within_the_bounds() {
    let mut registry = registry();
    let mut rng = fastrand::Rng::with_seed(4);
    let mut word = || (0..8).map(|_| rng.lowercase()).collect::<String>();
    let lines = 20_000;
    for n in 0..lines {
        let line = match n % 10 {
            0 => "the disk is full".to_owned(),
            _ => format!("{} {} {} {}", word(), word(), word(), word()),
        };
        registry.observe(line.as_bytes(), None);
        assert!(registry.patterns().len() <= 1_000);
    }
    let sum: u64 = registry.patterns().iter().map(|pattern| pattern.lines).sum();
    assert_eq!((sum + registry.other(), registry.lines()), (lines, lines));
    let frequent = registry.patterns().iter().find(|pattern| pattern.text == "the disk is full").unwrap();
    assert_eq!(frequent.lines, lines / 10);
}

#[test]
fn what_had_to_leave_is_not_new_again() {
    let mut registry = Registry::new(&PatternSettings { patterns_max: 20, ..PatternSettings::default() });
    let name = |n: u8| format!("{}q failed", char::from(b'a' + n).to_string().repeat(3));
    for n in 0..11 {
        assert_eq!(registry.observe(name(n).as_bytes(), None).news, News::New);
    }
    let mut rng = fastrand::Rng::with_seed(5);
    for _ in 0..60 {
        let line: String = (0..20).map(|n| if n % 5 == 4 { ' ' } else { rng.lowercase() }).collect();
        registry.observe(line.as_bytes(), None);
    }
    assert!(registry.other() > 0);
    assert!((0..11).all(|n| registry.observe(name(n).as_bytes(), None).news != News::New));
}

proptest! {
    #[test]
    fn hostile_lines_do_no_harm(lines in prop::collection::vec(hostile(), 1..40)) {
        let mut registry = registry();
        for line in &lines {
            let id = registry.observe(line, Some(7)).id;
            prop_assert!(registry.patterns().iter().any(|pattern| pattern.id == id));
        }
        let mut sums = HashMap::new();
        for pattern in registry.patterns() {
            prop_assert!(pattern.text.chars().chain(pattern.sample.chars()).all(|letter| !letter.is_control()));
            *sums.entry(pattern.id).or_insert(0) += pattern.lines;
        }
        prop_assert_eq!(sums.values().sum::<u64>() + registry.other(), lines.len() as u64);
    }
}

/// Bytes, and pieces of lines in any order.
fn hostile() -> impl Strategy<Value = Vec<u8>> {
    let pieces = prop::sample::select(vec![
        "2026-11-26 10:41:09",
        "Jun 14 15:16:01",
        "[",
        "]",
        "{\"msg\":\"",
        "\"",
        "\\u12",
        "\\",
        "level=error",
        "msg=",
        " ",
        "  ",
        ":",
        "://",
        "fe80::",
        "ab:cd:",
        "/",
        "./",
        "~",
        "+0x1",
        "Sat Jul",
        "1,024",
        "%",
        "stdout F ",
        "user ",
        "a.b.c.d",
        ".com",
        "@",
        "=",
        "..",
        "- ",
        "|",
        "\u{1}",
        "é",
        "ERROR",
        "x1",
        "\t",
        "'",
        "[1]:",
        "(x):",
        "?",
    ]);
    let text = prop::collection::vec(pieces, 0..30).prop_map(|pieces| pieces.concat().into_bytes());
    prop_oneof![3 => text, 1 => prop::collection::vec(any::<u8>(), 0..200)]
}
