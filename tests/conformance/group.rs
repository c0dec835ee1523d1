//! Plays the scenarios of one origin, several at once, and says which failed.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use crate::follower::{Follower, Spiketail};
use crate::peers::{Peer, Program};
use crate::play::play;
use crate::script::{self, Scenario};

/// How many are played at once. Most of the time they wait.
const AT_ONCE: usize = 4;

/// How many when peers play, which are given time instead.
const PEERS_AT_ONCE: usize = 8;

/// The scenarios of a text whose names contain what the environment asks for.
fn wanted(origin: &str, text: &str) -> Vec<Scenario> {
    let word = std::env::var("SPIKETAIL_SCENARIO").unwrap_or_default();
    let mut scenarios = script::read(text);
    assert!(!scenarios.is_empty());
    scenarios.retain(|scenario| format!("{origin}::{}", scenario.name).contains(&word));
    scenarios
}

/// Panics unless each scenario passes, or fails as it is known to.
pub fn passes(origin: &str, text: &str) {
    let scenarios = wanted(origin, text);
    let (next, wrong) = (AtomicUsize::new(0), Mutex::new(Vec::new()));
    std::thread::scope(|scope| {
        for _ in 0..AT_ONCE {
            scope.spawn(|| {
                while let Some(scenario) = scenarios.get(next.fetch_add(1, Ordering::Relaxed)) {
                    let failure = failure(scenario, &mut Spiketail::default());
                    let name = format!("{origin}::{}", scenario.name);
                    let problem = match (&scenario.known_failure, failure) {
                        (None, None) => continue,
                        (Some(reason), Some(_)) => {
                            eprintln!("{name} fails, as is known: {reason}");
                            continue;
                        }
                        (Some(reason), None) => format!("{name} passes by now; known as failing: {reason}"),
                        (None, Some(what)) => format!("{name}: {what}"),
                    };
                    wrong.lock().unwrap().push(problem);
                }
            });
        }
    });
    let wrong = wrong.into_inner().unwrap();
    let (failed, played) = (wrong.len(), scenarios.len());
    assert!(wrong.is_empty(), "{failed} of {played} scenarios:\n\n{}", wrong.join("\n\n"));
}

/// Plays a scenario. Returns its steps and why one of them failed.
pub fn failure(scenario: &Scenario, follower: &mut dyn Follower) -> Option<String> {
    let at = AtomicUsize::new(0);
    let played = catch_unwind(AssertUnwindSafe(|| {
        play(scenario, follower, |number| at.store(number, Ordering::Relaxed));
    }));
    let why = played.err()?;
    let why =
        why.downcast_ref::<String>().cloned().or_else(|| why.downcast_ref::<&str>().map(|&s| s.to_owned()));
    let failed = at.load(Ordering::Relaxed);
    let mark = |number| if number == failed { "-->" } else { "   " };
    let steps =
        scenario.steps.iter().map(ToString::to_string).chain(["(stop, start, expect the same)".to_owned()]);
    let steps: Vec<String> =
        steps.enumerate().map(|(number, step)| format!("{} {step}", mark(number))).collect();
    Some(format!("{}\n{}\n{}", scenario.about, steps.join("\n"), why.unwrap_or_default()))
}

/// Plays all scenarios of `origins` with a program. Returns for each origin how many it passes, and how many it can play.
pub fn score(program: Program, origins: &[(&str, &str)]) -> Vec<(usize, usize)> {
    let mut scores = vec![(0, 0); origins.len()];
    for ((origin, text), score) in origins.iter().zip(&mut scores) {
        let scenarios = wanted(origin, text);
        let playable: Vec<&Scenario> =
            scenarios.iter().filter(|scenario| program.can_play(scenario)).collect();
        let (next, passed) = (AtomicUsize::new(0), AtomicUsize::new(0));
        std::thread::scope(|scope| {
            for _ in 0..PEERS_AT_ONCE {
                scope.spawn(|| {
                    while let Some(scenario) = playable.get(next.fetch_add(1, Ordering::Relaxed)) {
                        match failure(scenario, &mut Peer::new(program)) {
                            None => _ = passed.fetch_add(1, Ordering::Relaxed),
                            Some(why) => eprintln!("fails: {origin}::{}: {why}", scenario.name),
                        }
                    }
                });
            }
        });
        *score = (passed.into_inner(), playable.len());
    }
    scores
}
