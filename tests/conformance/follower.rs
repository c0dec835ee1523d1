//! What a scenario asks of the program that follows its files, and the daemon as such a program.

use rustix::process::Signal;
use serde_json::Value;

use crate::common::{Daemon, TestFolder};

/// A program that follows files.
pub trait Follower {
    /// Starts it over `patterns`, which are below the folder for logs, with `settings` of the watch.
    fn start(&mut self, folder: &TestFolder, patterns: &[String], settings: &str);
    /// Ends it in good order.
    fn stop(&mut self);
    /// Ends it with SIGKILL.
    fn kill(&mut self);
    /// Panics unless it has counted `total` lines, over all starts, and no more.
    fn expect(&mut self, total: u64);
    /// The same for one file.
    fn expect_at(&mut self, path: &std::path::Path, total: u64);
    fn signal(&mut self, signal: Signal);
    /// How many lines it has counted by now.
    fn counted(&mut self) -> u64;
    /// Whether it has ever reported bytes that it could not read.
    fn has_missed(&self) -> bool;
    /// Waits for the next event of that name.
    fn wait_event(&mut self, name: &str);
    /// Waits until `total` lines are on disk.
    fn committed(&mut self, folder: &TestFolder, total: u64);
    /// Ends it and panics unless it says nothing new after another start.
    fn settle(&mut self, folder: &TestFolder, total: u64, may_miss: bool);
}

/// The daemon, with a state.
#[derive(Default)]
pub struct Spiketail {
    command: Option<(Vec<String>, String)>,
    daemon: Option<Daemon>,
    /// What was printed before the last start.
    events: Vec<Value>,
    /// Up to where events were waited for, since the last start.
    waited: usize,
}

impl Spiketail {
    #[track_caller]
    fn daemon(&mut self) -> &mut Daemon {
        self.daemon.as_mut().expect("it runs")
    }

    fn restart(&mut self, folder: &TestFolder) {
        let (patterns, settings) = self.command.clone().expect("it was started before");
        self.start(folder, &patterns, &settings);
    }

    fn missed(&self) -> Vec<&Value> {
        let now = self.daemon.iter().flat_map(|daemon| &daemon.events);
        self.events.iter().chain(now).filter(|event| event["event"] == "missed").collect()
    }
}

impl Follower for Spiketail {
    fn start(&mut self, folder: &TestFolder, patterns: &[String], settings: &str) {
        assert!(self.daemon.is_none(), "it runs already");
        let paths = patterns.iter().map(|pattern| folder.log(pattern).display().to_string());
        let paths: Vec<String> = paths.collect();
        folder.config(&format!("[watch.logs]\npaths = {paths:?}\n{settings}"));
        self.daemon = Some(folder.start_configured());
        self.command = Some((patterns.to_vec(), settings.to_owned()));
        self.waited = 0;
    }

    fn stop(&mut self) {
        let ended = self.daemon.take().expect("it runs").stop();
        assert!(ended.status.success(), "{:?}", ended.status);
        self.events.extend(ended.events);
    }

    fn kill(&mut self) {
        let daemon = self.daemon.take().expect("it runs");
        self.events.extend(daemon.kill());
    }

    fn expect(&mut self, total: u64) {
        self.daemon().wait_status_sum(total);
    }

    fn expect_at(&mut self, path: &std::path::Path, total: u64) {
        let status = self.daemon().full_status();
        let files = status["files"].as_array().unwrap().iter();
        let at_path = files.filter(|file| file["path"] == path.to_str().unwrap());
        let totals = at_path.flat_map(|file| file["lines_matched"].as_object().unwrap().values());
        let sum: u64 = totals.map(|total| total.as_u64().unwrap()).sum();
        assert_eq!(sum, total, "at {}: {status}", path.display());
    }

    fn signal(&mut self, signal: Signal) {
        self.daemon().signal(signal);
    }

    fn counted(&mut self) -> u64 {
        self.daemon().catch_up();
        self.daemon().status_sum()
    }

    fn has_missed(&self) -> bool {
        !self.missed().is_empty()
    }

    fn wait_event(&mut self, name: &str) {
        let from = self.waited;
        let daemon = self.daemon();
        daemon.wait_event_after(from, name);
        let at = daemon.events[from..].iter().position(|event| event["event"] == name).unwrap();
        self.waited = from + at + 1;
    }

    fn committed(&mut self, folder: &TestFolder, total: u64) {
        let path = folder.state().join("state.db");
        let query = "SELECT sum(matched) FROM overview";
        let flags = rusqlite::OpenFlags::SQLITE_OPEN_READ_ONLY;
        let database = rusqlite::Connection::open_with_flags(path, flags).unwrap();
        crate::common::until("a commit of everything", || {
            let sum = database.query_row(query, [], |row| row.get::<_, Option<i64>>(0)).unwrap();
            (sum.unwrap_or(0) as u64 == total).then_some(())
        });
    }

    fn settle(&mut self, folder: &TestFolder, total: u64, may_miss: bool) {
        if self.daemon.is_some() {
            self.stop();
        }
        self.restart(folder);
        self.expect(total);
        let events = std::mem::take(&mut self.daemon).unwrap().stop_by(Signal::TERM).events;
        let again: Vec<&Value> = events
            .iter()
            .filter(|event| event["target"] == "spiketail::count" || event["event"] == "missed")
            .collect();
        assert!(again.is_empty(), "after another start: {again:?}");
        assert!(may_miss || self.missed().is_empty(), "missed: {:?}", self.missed());
    }
}
