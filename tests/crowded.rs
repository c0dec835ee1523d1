//! What many files in one directory cost: the work grows with the files, not with their square.
#![allow(clippy::unwrap_used, clippy::disallowed_methods, reason = "a test that cannot go on fails")]

mod common;

use std::fs;
use std::path::PathBuf;

use common::engine::EngineOnDisk;
use spiketail::engine::settings::EngineSettings;
use spiketail::file::tailer::FileOrigin;
use spiketail::units::PathId;

const FILES: usize = 1_000;

/// An engine over a thousand files with a line each.
struct Crowd {
    on_disk: EngineOnDisk,
    paths: Vec<PathId>,
}

impl Crowd {
    fn new(settings: EngineSettings) -> Crowd {
        // Long after whatever the test does to the directory, so that its stamps can be trusted.
        let mut crowd = Crowd { on_disk: EngineOnDisk::new(settings, 60), paths: Vec::new() };
        for n in 0..FILES {
            fs::write(crowd.log(n), "ERROR one\n").unwrap();
        }
        for n in 0..FILES {
            let path = crowd.log(n);
            let id = crowd.on_disk.engine.add(0, &path, FileOrigin::Existing);
            crowd.paths.push(id);
        }
        crowd.on_disk.settle();
        crowd
    }

    fn log(&self, n: usize) -> PathBuf {
        self.on_disk.path(&format!("{n}.log"))
    }

    /// Something happened to all files.
    fn hear_all(&mut self) {
        self.on_disk.engine.heard(&self.paths, false);
        self.on_disk.settle();
    }
}

#[test]
fn one_listing_serves_the_first_look_at_all_files() {
    let crowd = Crowd::new(EngineSettings::default());
    assert_eq!(crowd.on_disk.outcome(), (FILES as u64, 0));
    let (listings, stats) = crowd.on_disk.asked();
    assert!(listings <= 2, "{listings} listings");
    assert!(stats <= 8 * FILES, "{stats} stats");
}

#[test]
fn one_listing_serves_the_rotation_of_all_files() {
    let mut crowd = Crowd::new(EngineSettings::default());
    crowd.on_disk.asked();
    for n in 0..FILES {
        fs::write(crowd.log(n), "ERROR one\nERROR two\n").unwrap();
        fs::rename(crowd.log(n), crowd.on_disk.path(&format!("{n}.log.1"))).unwrap();
        fs::write(crowd.log(n), "ERROR three\n").unwrap();
    }
    crowd.hear_all();
    assert_eq!(crowd.on_disk.outcome(), (3 * FILES as u64, 0));
    let (listings, stats) = crowd.on_disk.asked();
    assert!(listings <= 2, "{listings} listings");
    assert!(stats <= 20 * FILES, "{stats} stats");
}

/// Files that are closed are found by their inode under whatever name they have.
#[test]
fn one_listing_serves_the_search_for_closed_files() {
    let mut crowd = Crowd::new(EngineSettings { open_files_max: 1, ..EngineSettings::default() });
    crowd.on_disk.asked();
    for n in 0..FILES {
        fs::write(crowd.log(n), "ERROR one\nERROR two\n").unwrap();
        fs::rename(crowd.log(n), crowd.on_disk.path(&format!("moved {n}"))).unwrap();
    }
    crowd.hear_all();
    assert_eq!(crowd.on_disk.outcome(), (2 * FILES as u64, 0));
    let (listings, stats) = crowd.on_disk.asked();
    assert!(listings <= 2, "{listings} listings");
    assert!(stats <= 20 * FILES, "{stats} stats");
}

/// Of a removed file only what it had is kept, and it continues from there if it comes back.
#[test]
fn of_removed_files_only_what_they_had_is_kept() {
    let mut crowd = Crowd::new(EngineSettings::default());
    for n in 0..FILES {
        fs::remove_file(crowd.log(n)).unwrap();
    }
    crowd.hear_all();
    // A writer may still have them open.
    crowd.on_disk.engine.sweep();
    assert_eq!(crowd.on_disk.engine.live_paths(), FILES);
    crowd.on_disk.pass_ms(31_000);
    crowd.on_disk.pass_ms(11_000);
    crowd.on_disk.engine.sweep();
    assert_eq!((crowd.on_disk.engine.live_paths(), crowd.on_disk.outcome()), (0, (FILES as u64, 0)));
    for n in 0..10 {
        let path = crowd.log(n);
        fs::write(&path, "ERROR one\nERROR two\n").unwrap();
        crowd.on_disk.engine.add(0, &path, FileOrigin::Appeared);
    }
    crowd.on_disk.settle();
    assert_eq!((crowd.on_disk.engine.live_paths(), crowd.on_disk.outcome()), (10, (FILES as u64 + 20, 0)));
    let returned = crowd.log(3);
    let files = crowd.on_disk.engine.files();
    let file = files.iter().find(|file| file.path == returned).unwrap();
    assert_eq!((file.figures.totals[0].1, file.status.generation), (3, 2));
    // A day later those that stayed away are forgotten.
    crowd.on_disk.pass_ms(86_402_000);
    crowd.on_disk.engine.sweep();
    assert_eq!((crowd.on_disk.engine.files().len(), crowd.on_disk.outcome()), (10, (30, 0)));
}
