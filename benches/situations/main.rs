//! Counts the lines that programs lose and repeat in situations that logs get into.
//!
//! `cargo bench --bench situations [-- --only WORD]` prints a table; `WORD` chooses the situations whose names hold it.
//!
//! Programs that are not on the PATH are named and skipped. On Debian: `apt-get install mtail rsyslog`, or `syslog-ng-core` in
//! place of rsyslog. The configurations are in `benches/peers/commands.rs`. Situations with mounts need root.
#![allow(
    clippy::unwrap_used,
    clippy::disallowed_methods,
    dead_code,
    reason = "a measurement that fails ends"
)]

#[path = "../peers/commands.rs"]
mod commands;
mod copies;
mod mounts;
mod names;
#[path = "../peers/process.rs"]
mod process;
mod rotations;
mod trial;
#[path = "../peers/ways.rs"]
mod ways;

use trial::{Outcome, Situation, Trial};
use ways::Way;

const PROGRAMS: [Way; 6] =
    [Way::SpiketailWithState, Way::TailGrep, Way::Mtail, Way::Rsyslog, Way::SyslogNg, Way::FluentBit];

fn main() {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let only = words.iter().position(|word| word == "--only").and_then(|at| words.get(at + 1));
    let (here, absent): (Vec<Way>, Vec<Way>) = PROGRAMS.into_iter().partition(|way| way.is_here());
    for way in absent {
        println!("{} is not installed: skipped", way.name());
    }
    let situations = [rotations::ALL, copies::ALL, names::ALL, mounts::ALL].concat();
    print!("| situation ");
    here.iter().for_each(|way| print!("| {} ", way.name().replace('|', "\\|")));
    println!("|\n|---{}|", "|---".repeat(here.len()));
    for situation in situations.iter().filter(|it| only.is_none_or(|word| it.name.contains(word.as_str()))) {
        print!("| {} ", situation.name);
        for way in &here {
            print!("| {} ", outcome(*way, situation));
        }
        println!("|");
    }
    println!("\nLost and repeated lines, as -lost or +repeated; 0: exact.");
}

fn outcome(way: Way, situation: &Situation) -> String {
    let mut trial = Trial::new(way);
    match (situation.run)(&mut trial) {
        Outcome::Ran => trial.result(),
        Outcome::Impossible => "–".to_owned(),
    }
}
