//! Rotation by rename, by copy and truncation, and while no program runs.

use std::fs::{self, File};
use std::io::Write;
use std::os::unix::fs::symlink;
use std::process::Command;
use std::time::Duration;

use crate::trial::{Outcome, Situation, append};

pub(crate) const ALL: &[Situation] = &[
    Situation {
        name: "rename, and the writer reopens late",
        run: |trial| {
            trial.begin();
            let log = trial.log();
            trial.write(&log, 10);
            let mut writer = File::options().append(true).open(&log).unwrap();
            fs::rename(&log, trial.path("app.log.1")).unwrap();
            std::thread::sleep(Duration::from_millis(1_500));
            writer.write_all(trial.lines(5).as_bytes()).unwrap();
            trial.write(&log, 5);
            Outcome::Ran
        },
    },
    Situation {
        name: "copytruncate with an unread tail",
        run: |trial| {
            trial.begin();
            let log = trial.log();
            trial.write(&log, 1_000);
            trial.settle();
            trial.write(&log, 1_000);
            fs::copy(&log, trial.path("app.log.1")).unwrap();
            File::create(&log).unwrap();
            trial.write(&log, 10);
            Outcome::Ran
        },
    },
    Situation {
        name: "truncated and regrown past the offset",
        run: |trial| {
            trial.begin();
            let log = trial.log();
            trial.write(&log, 10);
            trial.settle();
            let text = trial.lines(20);
            fs::write(&log, text).unwrap();
            Outcome::Ran
        },
    },
    Situation {
        name: "no line feed before a rotation",
        run: |trial| {
            trial.begin();
            let log = trial.log();
            let text = trial.lines(3);
            append(&log, text.trim_end().as_bytes());
            trial.settle();
            fs::rename(&log, trial.path("app.log.1")).unwrap();
            trial.write(&log, 3);
            // The writer of the first file may still end its line: programs wait for that.
            std::thread::sleep(Duration::from_secs(32));
            Outcome::Ran
        },
    },
    Situation {
        name: "removed and created anew (inode reused)",
        run: |trial| {
            trial.begin();
            let log = trial.log();
            for _ in 0..3 {
                trial.write(&log, 5);
                trial.settle();
                fs::remove_file(&log).unwrap();
                trial.write(&log, 5);
            }
            Outcome::Ran
        },
    },
    Situation {
        name: "rotated before the first look",
        run: |trial| {
            trial.begin_with("app.log", &[]);
            let log = trial.log();
            trial.write(&log, 100);
            fs::rename(&log, trial.path("app.log.1")).unwrap();
            trial.write(&log, 10);
            Outcome::Ran
        },
    },
    Situation {
        name: "rotated three times while down",
        run: |trial| {
            trial.begin();
            let log = trial.log();
            trial.write(&log, 10);
            trial.stop();
            for generation in 1..=3 {
                trial.write(&log, 10);
                fs::rename(&log, trial.path(&format!("app.log.{generation}"))).unwrap();
            }
            trial.write(&log, 10);
            trial.start();
            Outcome::Ran
        },
    },
    Situation {
        name: "compressed while down",
        run: |trial| {
            trial.begin();
            let log = trial.log();
            trial.write(&log, 10);
            trial.stop();
            trial.write(&log, 10);
            fs::rename(&log, trial.path("app.log.1")).unwrap();
            assert!(Command::new("gzip").arg(trial.path("app.log.1")).status().unwrap().success());
            trial.write(&log, 10);
            trial.start();
            Outcome::Ran
        },
    },
    Situation {
        name: "a link's target rotated while down",
        run: |trial| {
            let target = trial.beside("0.log");
            File::create(&target).unwrap();
            symlink(&target, trial.log()).unwrap();
            trial.start();
            trial.write(&target, 5);
            trial.stop();
            trial.write(&target, 2);
            fs::rename(&target, trial.beside("0.log.20261126")).unwrap();
            trial.write(&target, 3);
            trial.start();
            Outcome::Ran
        },
    },
];
