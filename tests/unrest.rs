//! Rotation while a directory is being listed: a name that moves meanwhile may be missing in the listing, and what is not
//! listed is not gone.
#![allow(clippy::unwrap_used, clippy::disallowed_methods, reason = "a test that cannot go on fails")]

mod common;

use spiketail::engine::settings::EngineSettings;
use spiketail::file::tailer::FileOrigin;
use spiketail::units::PathId;

use common::engine::EngineOnDisk;

/// An engine that follows one log, of which it has read one line.
struct Followed {
    on_disk: EngineOnDisk,
    id: PathId,
}

impl Followed {
    fn new(open_files_max: usize) -> Followed {
        let settings = EngineSettings { open_files_max, ..EngineSettings::default() };
        let mut on_disk = EngineOnDisk::new(settings, 0);
        on_disk.write("app.log", 1);
        let log = on_disk.path("app.log");
        let id = on_disk.engine.add(0, &log, FileOrigin::Existing);
        on_disk.settle();
        // It is closed if another is read that may be open.
        on_disk.write("other.log", 1);
        let other = on_disk.path("other.log");
        on_disk.engine.add(0, &other, FileOrigin::Appeared);
        on_disk.settle();
        Followed { on_disk, id }
    }

    /// During the next listings `app.log.1` moves to `app.log.2`, and so on.
    fn rotate_during_listings(&self, times: usize) {
        let name = |n: usize| self.on_disk.path(&format!("app.log.{n}"));
        *self.on_disk.disk.moves.lock().unwrap() =
            (1..=times).rev().map(|n| (name(n), name(n + 1))).collect();
    }

    /// Lines that were counted, and bytes that were missed, of `app.log`.
    fn outcome(&mut self) -> (u64, u64) {
        self.on_disk.engine.heard(&[self.id], false);
        self.on_disk.settle();
        // A search that found no rest is made again.
        for _ in 0..30 {
            self.on_disk.pass_ms(200);
        }
        let files = self.on_disk.engine.files();
        let file = files.iter().find(|file| file.path == self.on_disk.path("app.log")).unwrap();
        (file.figures.totals[0].1, file.figures.bytes_missed)
    }
}

/// The log was rotated twice between two looks. The second file was never seen at its path: only a listing finds it.
#[test]
fn an_unseen_file_that_moves_during_the_listing_is_found() {
    for moves in [1, 2, 3] {
        let mut followed = Followed::new(EngineSettings::default().open_files_max);
        followed.on_disk.rename("app.log", "app.log.0");
        followed.on_disk.write("app.log", 5);
        followed.on_disk.rename("app.log", "app.log.1");
        followed.on_disk.write("app.log", 2);
        followed.rotate_during_listings(moves);
        assert_eq!(followed.outcome(), (8, 0), "{moves} renames, each during a listing");
        assert!(followed.on_disk.disk.moves.lock().unwrap().is_empty());
    }
}

/// A file that is closed is found by a listing as well.
#[test]
fn a_closed_file_that_moves_during_the_listing_is_found() {
    for moves in [1, 2, 3] {
        let mut followed = Followed::new(1);
        followed.on_disk.write("app.log", 4);
        followed.on_disk.rename("app.log", "app.log.1");
        followed.on_disk.write("app.log", 2);
        followed.rotate_during_listings(moves);
        assert_eq!(followed.outcome(), (7, 0), "{moves} renames, each during a listing");
        assert!(followed.on_disk.disk.moves.lock().unwrap().is_empty());
    }
}
