//! Plays one scenario.

use rustix::process::Signal;

use crate::files::Files;
use crate::follower::Follower;
use crate::script::{Scenario, Step};

/// A scenario on its way.
struct Play<'a> {
    files: Files,
    follower: &'a mut dyn Follower,
    patterns: Vec<String>,
    settings: String,
    /// How many lines were expected last.
    total: u64,
    may_miss: bool,
}

/// Does every step, and panics at the first that is not so. `at` is the number of the step.
pub fn play(scenario: &Scenario, follower: &mut dyn Follower, mut at: impl FnMut(usize)) {
    let (files, patterns) = (Files::new(), Vec::new());
    let mut play = Play { files, follower, patterns, settings: String::new(), total: 0, may_miss: false };
    for (number, step) in scenario.steps.iter().enumerate() {
        at(number);
        if !play.files.take(step) {
            play.ask(step);
        }
    }
    at(scenario.steps.len());
    play.follower.settle(&play.files.folder, play.total, play.may_miss);
}

impl Play<'_> {
    fn ask(&mut self, step: &Step) {
        match step.verb.as_str() {
            "watch" => self.watch(step),
            "start" => self.follower.start(&self.files.folder, &self.patterns, &self.settings),
            "stop" => self.follower.stop(),
            "kill" => self.follower.kill(),
            // Whatever happens between the two is seen at once, afterwards.
            "freeze" => self.follower.signal(Signal::STOP),
            "thaw" => self.follower.signal(Signal::CONT),
            // Everywhere together, or `at` a path.
            "expect" if step.words().nth(1) == Some("at") => {
                self.follower.expect_at(&self.files.folder.log(step.word(2)), step.number(0));
            }
            "expect" => {
                let number = |word: &str| word.parse::<u64>().unwrap_or_else(|_| panic!("{step}: no number"));
                self.total = match step.word(0).strip_prefix('+') {
                    Some(more) => self.total + number(more),
                    None => number(step.word(0)),
                };
                self.follower.expect(self.total);
            }
            "committed" => self.follower.committed(&self.files.folder, self.total),
            "await" => self.follower.wait_event(step.word(0)),
            // From here on: after a truncation without a copy no one can know whether bytes came just before it.
            "may_miss" => {
                assert!(self.may_miss || !self.follower.has_missed(), "something was missed before");
                self.may_miss = true;
            }
            // Either everything that was written was counted, or it is said that something was missed.
            "promise" => {
                self.follower.stop();
                self.follower.start(&self.files.folder, &self.patterns, &self.settings);
                self.total = self.follower.counted();
                let (counted, written) = (self.total, self.files.written);
                let is_kept = counted == written || (counted < written && self.follower.has_missed());
                assert!(
                    is_kept,
                    "{counted} of {written} lines were counted, and nothing was reported as missed"
                );
                self.may_miss = true;
            }
            "missed" => {
                self.may_miss = true;
                self.follower.wait_event("missed");
            }
            _ => panic!("{step}: no such step"),
        }
    }

    /// Sets what is followed, patterns, `!` before those that are excluded, and `key=value`, and starts the program.
    fn watch(&mut self, step: &Step) {
        let (excluded, words): (Vec<&str>, Vec<&str>) = step.words().partition(|word| word.starts_with('!'));
        let (settings, patterns): (Vec<&str>, Vec<&str>) =
            words.into_iter().partition(|word| word.contains('='));
        self.patterns = patterns.into_iter().map(str::to_owned).collect();
        let setting = |word: &str| word.split_once('=').map(|(key, value)| format!("{key} = {value}\n"));
        self.settings = settings.into_iter().filter_map(setting).collect();
        let excluded =
            excluded.iter().map(|pattern| self.files.folder.log(&pattern[1..]).display().to_string());
        self.settings += &format!("exclude = {:?}\n", excluded.collect::<Vec<_>>());
        self.follower.start(&self.files.folder, &self.patterns, &self.settings);
    }
}
