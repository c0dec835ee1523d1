//! Copies in place of the log, and contents that are no lines yet.

use std::fs::{self, File};
use std::io::Write;

use crate::trial::{Outcome, Situation, append};

pub(crate) const ALL: &[Situation] = &[
    Situation {
        name: "mv and cp",
        run: |trial| {
            trial.begin();
            let log = trial.log();
            trial.write(&log, 20);
            trial.settle();
            fs::rename(&log, trial.path("app.log.1")).unwrap();
            fs::copy(trial.path("app.log.1"), &log).unwrap();
            trial.settle();
            trial.write(&log, 3);
            Outcome::Ran
        },
    },
    Situation {
        name: "a longer copy renamed over it (rsync)",
        run: |trial| {
            trial.begin();
            let log = trial.log();
            trial.write(&log, 20);
            trial.settle();
            let copy = trial.path(".app.log.tmp");
            fs::copy(&log, &copy).unwrap();
            trial.write(&copy, 3);
            fs::rename(&copy, &log).unwrap();
            Outcome::Ran
        },
    },
    Situation {
        name: "a very long line",
        run: |trial| {
            trial.begin();
            let log = trial.log();
            append(&log, &vec![b'x'; 5 << 20]);
            append(&log, b"\n");
            trial.write(&log, 3);
            Outcome::Ran
        },
    },
    Situation {
        name: "preallocated and filled in place",
        run: |trial| {
            fs::write(trial.log(), vec![0; 500_000]).unwrap();
            trial.start();
            let mut writer = File::options().write(true).open(trial.log()).unwrap();
            for _ in 0..6 {
                writer.write_all(trial.lines(1).as_bytes()).unwrap();
                trial.settle();
            }
            Outcome::Ran
        },
    },
    Situation {
        name: "3 MiB of NULs between lines",
        run: |trial| {
            trial.begin();
            let log = trial.log();
            trial.write(&log, 1);
            append(&log, &vec![0; 3 << 20]);
            trial.settle();
            trial.write(&log, 2);
            Outcome::Ran
        },
    },
];
