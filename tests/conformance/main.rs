//! The situations of other programs' test suites, each a few lines in `scenarios/`, against the real daemon.
//!
//! `SPIKETAIL_SCENARIO=imfile_trunc cargo test --test conformance` runs those whose name contains that.
#![allow(clippy::unwrap_used, unreachable_pub, reason = "a test that cannot go on fails")]

#[path = "../common/mod.rs"]
mod common;
#[path = "../compress/mod.rs"]
mod compress;
mod files;
mod follower;
mod group;
mod peers;
mod play;
mod script;

use peers::Program;

macro_rules! origins {
    ($($origin:ident)*) => {
        /// The hermetic scenarios by their origin.
        const ORIGINS: &[(&str, &str)] =
            &[$((stringify!($origin), include_str!(concat!("scenarios/", stringify!($origin), ".txt")))),*];

        $(
            #[test]
            fn $origin() {
                let (name, text) = ORIGINS.iter().find(|(name, _)| *name == stringify!($origin)).unwrap();
                group::passes(name, text);
            }
        )*
    };
}

origins!(gnu_tail rsyslog fluent_bit otel vector filebeat mtail);

#[test]
#[ignore = "needs logrotate"]
fn logrotate() {
    group::passes("logrotate", include_str!("scenarios/logrotate.txt"));
}

/// Prints how many scenarios each installed peer passes.
#[test]
#[ignore = "needs tail, mtail and rsyslogd, and takes minutes"]
fn peers() {
    let names = ORIGINS.iter().map(|(name, _)| format!("| {name} "));
    println!("| program {}| all |\n|---{}|", names.collect::<String>(), "|---".repeat(ORIGINS.len() + 1));
    for (program, name, path) in Program::ALL {
        if !std::path::Path::new(path).exists() {
            println!("| {name} | not installed |");
            continue;
        }
        let scores = group::score(program, ORIGINS);
        let all = scores.iter().fold((0, 0), |sum, score| (sum.0 + score.0, sum.1 + score.1));
        // A peer that passes nothing was not started rightly.
        assert!(all.0 > 0, "{name}");
        let cells = scores.iter().chain([&all]).map(|(passed, played)| format!("| {passed} of {played} "));
        println!("| {name} {}|", cells.collect::<String>());
    }
}
