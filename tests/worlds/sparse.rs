//! Files that are mostly holes.

use std::fs::File;
use std::os::unix::fs::{FileExt, MetadataExt};
use std::path::Path;
use std::time::Duration;

use crate::common::{TestFolder, append, lines};
use crate::{cpu, memory_kb};

const SIZE: u64 = 20_000_000_000;

/// Lines at the beginning, in the middle and at the end, and nothing between. Returns how many.
fn make_sparse(log: &Path) -> u64 {
    let file = File::create(log).unwrap();
    file.write_all_at(&lines(0..3), 0).unwrap();
    file.write_all_at(&lines(3..5), SIZE / 2).unwrap();
    let end = lines(5..9);
    file.write_all_at(&end, SIZE - end.len() as u64).unwrap();
    assert!(file.metadata().unwrap().blocks() < 10_000, "the filesystem keeps no holes");
    9
}

#[test]
fn twenty_gigabytes_of_hole_cost_next_to_nothing() {
    for reader in ["mmap", "pread"] {
        let place = TestFolder::new();
        let log = place.log("x.log");
        let total = make_sparse(&log);
        let more = format!("start = \"beginning\"\nreader = \"{reader}\"");
        let mut daemon = place.watch_with("x.log", &more);
        daemon.wait_sum(total);
        append(&log, lines(0..2));
        daemon.wait_sum(total + 2);
        let (used, memory) = (cpu(&daemon), memory_kb(&daemon));
        eprintln!("{reader}: {used:?}, {memory} KB");
        // To look at every byte takes many times as much.
        assert!(used < Duration::from_secs(2), "{reader}: {used:?}");
        assert!(memory < 60_000, "{reader}: {memory} KB");
        daemon.stop_with_sum(total + 2);
    }
}
