//! Several logs, and names that look alike.

use std::ffi::OsString;
use std::fs::{self, File};
use std::os::unix::ffi::OsStringExt;

use crate::trial::{Outcome, Situation, append};

pub(crate) const ALL: &[Situation] = &[
    Situation {
        name: "three new logs with one banner",
        run: |trial| {
            trial.begin_with("*.log", &[]);
            let banner: String = (0..45).map(|n| format!("# banner line {n} of the program\n")).collect();
            for name in ["app.log", "app-1.log", "app.1.log"] {
                let path = trial.path(name);
                append(&path, banner.as_bytes());
                trial.write(&path, 300);
            }
            Outcome::Ran
        },
    },
    Situation {
        name: "a new neighbour that is not followed",
        run: |trial| {
            trial.begin_with("app.log", &[]);
            append(&trial.path("app-1.log"), &b"ERROR of another program\n".repeat(1_000));
            let log = trial.log();
            trial.write(&log, 8);
            Outcome::Ran
        },
    },
    Situation {
        name: "a hard link beside it",
        run: |trial| {
            trial.begin();
            let log = trial.log();
            trial.write(&log, 5);
            fs::hard_link(&log, trial.path("other")).unwrap();
            trial.write(&log, 5);
            Outcome::Ran
        },
    },
    Situation {
        name: "its directory renamed away and made anew",
        run: |trial| {
            fs::create_dir(trial.path("d")).unwrap();
            trial.begin_with("d/app.log", &["d/app.log"]);
            let log = trial.path("d/app.log");
            trial.write(&log, 5);
            trial.settle();
            fs::rename(trial.path("d"), trial.path("e")).unwrap();
            fs::create_dir(trial.path("d")).unwrap();
            trial.write(&log, 5);
            Outcome::Ran
        },
    },
    Situation {
        name: "a name that is not UTF-8, rotated while down",
        run: |trial| {
            let name = |end: &str| OsString::from_vec([b"app\xff".as_slice(), end.as_bytes()].concat());
            let (log, old) = (trial.path("").join(name(".log")), trial.path("").join(name(".log.1")));
            File::create(&log).unwrap();
            trial.begin_with("*.log", &[]);
            trial.write(&log, 10);
            trial.stop();
            trial.write(&log, 2);
            fs::rename(&log, &old).unwrap();
            trial.write(&log, 3);
            trial.start();
            Outcome::Ran
        },
    },
];
