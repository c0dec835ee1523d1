//! One schedule: a host with a few logs, and a daemon that does not always run.

use std::fmt::Write as _;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::{Duration, Instant};

use fastrand::Rng;
use rustix::process::Signal;
use serde_json::Value;

use crate::common::{Daemon, TestFolder, pause};
use crate::writer::{Log, Naming};

/// Patterns with the logs that they watch, and neighbours that they do not.
const WATCHES: [(&str, &[&str], &[&str]); 5] = [
    ("app.log", &["app.log"], &["app-1.log", "app.1.log"]),
    ("app.log", &["app.log"], &["app2.log", "worker.log"]),
    ("app*.log", &["app.log", "app-1.log", "app-2.log"], &["worker.log"]),
    ("*.log", &["worker-1.log", "worker-2.log"], &[]),
    ("app.log*", &["app.log"], &["worker.log"]),
];

/// Longer than any schedule, however loaded the machine is.
const SETTINGS: &str = "start = \"beginning\"\nrotated_grace = \"10m\"";

pub struct Host {
    rng: Rng,
    seed: u64,
    folder: TestFolder,
    pattern: &'static str,
    logs: Vec<Log>,
    daemon: Option<Daemon>,
    is_frozen: bool,
    /// What was printed by daemons that have ended.
    events: Vec<Value>,
    next_line: u64,
    begun: Instant,
    story: String,
}

impl Host {
    pub fn new(seed: u64) -> Host {
        let mut rng = Rng::with_seed(seed);
        let folder = TestFolder::new();
        let (pattern, watched, neighbours) = WATCHES[rng.usize(0..WATCHES.len())];
        let naming = if rng.bool() { Naming::Numbers } else { Naming::Dates };
        let banner = if rng.u8(0..3) == 0 { "this program starts\n".repeat(70) } else { String::new() };
        let watched = watched.iter().map(|name| (*name, true));
        let names = watched.chain(neighbours.iter().map(|name| (*name, false)));
        let logs =
            names.map(|(name, is_watched)| Log::new(folder.log(name), is_watched, naming, banner.clone()));
        Host {
            logs: logs.collect(),
            seed,
            pattern,
            daemon: None,
            is_frozen: false,
            events: Vec::new(),
            next_line: 0,
            begun: Instant::now(),
            story: format!(
                "SPIKETAIL_SEED={seed}: {pattern}, {naming:?}, a banner of {} bytes\n",
                banner.len()
            ),
            folder,
            rng,
        }
    }

    fn tell(&mut self, what: &str) {
        let elapsed = self.begun.elapsed().as_millis();
        writeln!(self.story, "{elapsed:6} ms  {what}").unwrap();
    }

    /// Runs the schedule. The error tells all that happened.
    pub fn run(mut self) -> Result<(), String> {
        let outcome = catch_unwind(AssertUnwindSafe(|| self.play()));
        let problem = match outcome {
            Ok(Ok(())) => return Ok(()),
            Ok(Err(problem)) => problem,
            Err(_) => "panicked".to_owned(),
        };
        Err(format!("{problem}\n{}", self.story))
    }

    fn play(&mut self) -> Result<(), String> {
        if self.rng.u8(0..3) > 0 {
            self.tell("all logs are there before the daemon");
            self.logs.iter_mut().for_each(Log::create);
        }
        self.start();
        if self.rng.u8(0..4) == 0 {
            self.kill();
        }
        for _ in 0..self.rng.u8(10..40) {
            self.act();
        }
        self.settle()
    }

    fn act(&mut self) {
        match self.rng.u8(0..32) {
            0..10 => self.write(),
            10..14 => self.rename(),
            14..16 => self.copytruncate(),
            16..18 => self.compress(),
            18..21 => self.reopen(),
            21..26 => {
                let time = Duration::from_millis(self.rng.u64(0..60));
                pause(time);
                self.tell(&format!("{time:?} passed"));
            }
            26..29 if self.daemon.is_some() => self.kill(),
            29 if self.daemon.is_some() => self.stop(),
            30..32 if self.daemon.is_some() => self.freeze_or_thaw(),
            _ if self.daemon.is_none() => self.start(),
            _ => self.write(),
        }
    }

    fn any_log(&mut self) -> usize {
        // The first one more often, so that much happens to it.
        if self.rng.bool() { 0 } else { self.rng.usize(0..self.logs.len()) }
    }

    fn write(&mut self) {
        let (at, count) = (self.any_log(), self.rng.u64(1..25));
        self.logs[at].write(self.next_line, count, &mut self.rng);
        self.next_line += count;
        self.tell(&format!("{count} lines or one more into {}", self.logs[at].path.display()));
    }

    fn rename(&mut self) {
        let (at, is_created) = (self.any_log(), self.rng.bool());
        if self.logs[at].rename(is_created) {
            self.tell(&format!("renamed {}, created anew: {is_created}", self.logs[at].path.display()));
        }
        if self.rng.bool() {
            self.logs[at].reopen();
            self.tell("and reopened");
        }
    }

    fn reopen(&mut self) {
        let at = self.any_log();
        self.logs[at].reopen();
        self.tell(&format!("reopened {}", self.logs[at].path.display()));
    }

    fn copytruncate(&mut self) {
        let at = self.any_log();
        if self.logs[at].copytruncate() {
            self.tell(&format!("copied and truncated {}", self.logs[at].path.display()));
        }
    }

    fn compress(&mut self) {
        let at = self.any_log();
        if let Some(path) = self.logs[at].compress(&mut self.rng) {
            self.tell(&format!("compressed to {}", path.display()));
        }
    }

    fn start(&mut self) {
        self.daemon = Some(self.folder.resume_with(self.pattern, SETTINGS));
        self.tell("the daemon has started");
    }

    fn kill(&mut self) {
        if let Some(daemon) = self.daemon.take() {
            self.events.extend(daemon.kill());
        }
        self.is_frozen = false;
        self.tell("killed the daemon");
    }

    fn stop(&mut self) {
        self.thaw();
        if let Some(daemon) = self.daemon.take() {
            self.events.extend(daemon.stop().events);
        }
        self.tell("stopped the daemon");
    }

    fn freeze_or_thaw(&mut self) {
        if self.is_frozen {
            self.thaw();
        } else if let Some(daemon) = &self.daemon {
            daemon.signal(Signal::STOP);
            self.is_frozen = true;
            self.tell("froze the daemon");
        }
    }

    fn thaw(&mut self) {
        if let Some(daemon) = self.daemon.as_ref().filter(|_| self.is_frozen) {
            daemon.signal(Signal::CONT);
            self.tell("thawed the daemon");
        }
        self.is_frozen = false;
    }

    /// Lets the daemon read what is left, and compares.
    fn settle(&mut self) -> Result<(), String> {
        self.thaw();
        if self.daemon.is_none() {
            self.start();
        }
        self.logs.iter_mut().for_each(Log::reopen);
        self.tell("reopened all");
        let expected = self.logs.iter().filter(|log| log.is_watched).map(|log| log.lines).sum();
        let mut daemon = self.daemon.take().unwrap();
        daemon.reach_status_sum(expected);
        daemon.catch_up();
        let (sum, status) = (daemon.status_sum(), daemon.full_status());
        self.events.extend(daemon.stop().events);
        let missed: Vec<&Value> = self.events.iter().filter(|event| event["event"] == "missed").collect();
        if sum == expected && missed.is_empty() {
            return Ok(());
        }
        let totals: String =
            status["files"].as_array().unwrap().iter().map(|file| format!("{file}\n")).collect();
        let seen: String = self.events.iter().map(|event| format!("{event}\n")).collect();
        let written: Vec<_> = self.logs.iter().map(|log| (log.path.display(), log.lines)).collect();
        Err(format!(
            "seed {}: {sum} lines instead of {expected}; missed: {missed:?}\n{written:?}\n{totals}{seen}",
            self.seed
        ))
    }
}
