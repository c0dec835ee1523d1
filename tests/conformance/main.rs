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
mod play;
mod script;

macro_rules! origins {
    ($($origin:ident)*) => {$(
        #[test]
        fn $origin() {
            group::passes(stringify!($origin), include_str!(concat!("scenarios/", stringify!($origin), ".txt")));
        }
    )*};
}

origins!(gnu_tail rsyslog fluent_bit otel vector filebeat mtail);

#[test]
#[ignore = "needs logrotate"]
fn logrotate() {
    group::passes("logrotate", include_str!("scenarios/logrotate.txt"));
}
