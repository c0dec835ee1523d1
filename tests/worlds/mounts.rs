//! Filesystems that come and go below the daemon. A mount raises no event, so sweeps find it.

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use crate::common::{TestFolder, append, appender, lines, news};
use crate::{assert_idle, is_watched, wait_until, wait_watched};

/// A filesystem in memory, unmounted when dropped.
struct Mount(PathBuf);

impl Mount {
    fn at(dir: &Path) -> Mount {
        let mut command = Command::new("mount");
        command.args(["-t", "tmpfs", "-o", "size=1m", "spiketail-test"]).arg(dir);
        assert!(command.status().unwrap().success());
        Mount(dir.to_owned())
    }

    fn try_unmount(&self) -> bool {
        Command::new("umount").arg(&self.0).output().is_ok_and(|output| output.status.success())
    }
}

impl Drop for Mount {
    fn drop(&mut self) {
        _ = Command::new("umount").arg("-l").arg(&self.0).output();
    }
}

#[test]
#[ignore = "needs root: mounts"]
fn a_mount_that_vanishes_and_comes_anew() {
    for pattern in ["app/x.log", "app/*.log", "**/x.log"] {
        let mut place = TestFolder::new();
        place.sweep_interval = "1s";
        let (dir, log) = (place.log("app"), place.log("app/x.log"));
        fs::create_dir(&dir).unwrap();
        let mut mount = Mount::at(&dir);
        append(&log, "");
        let mut daemon = place.watch_with(pattern, "rotated_grace = \"1s\"");
        let mut total = 0;
        for _ in 0..3 {
            let mut writer = appender(&log);
            writer.write_all(&lines(0..5)).unwrap();
            total += 5;
            daemon.wait_sum(total);
            // Lazily: the writer and the daemon hold files there.
            drop(mount);
            writer.write_all(&lines(5..8)).unwrap();
            total += 3;
            daemon.wait_sum(total);
            drop(writer);
            let seen = daemon.events.len();
            assert_idle(&mut daemon, Duration::from_secs(2));
            assert!(news(&daemon.events, &log).contains(&"removed".to_owned()), "{seen}");
            mount = Mount::at(&dir);
            append(&log, lines(0..4));
            total += 4;
            daemon.wait_sum(total);
            wait_watched(&daemon, &dir);
        }
        daemon.stop_with_sum(total);
    }
}

/// The new filesystem may well have the numbers of the old: of its device, and of its root.
#[test]
#[ignore = "needs root: mounts"]
fn a_mount_that_is_replaced_between_two_sweeps_is_watched() {
    let mut place = TestFolder::new();
    place.sweep_interval = "1s";
    let dir = place.log("app");
    fs::create_dir(&dir).unwrap();
    let mut mount = Mount::at(&dir);
    let mut daemon = place.watch("app/*.log");
    for round in 1..=3 {
        wait_watched(&daemon, &dir);
        // Refused while the daemon lists the directory.
        wait_until("nobody is busy there", || mount.try_unmount());
        std::mem::forget(mount);
        mount = Mount::at(&dir);
        wait_watched(&daemon, &dir);
        let log = dir.join("x.log");
        append(&log, lines(0..2));
        append(&log, lines(2..3));
        daemon.wait_sum(3 * round);
        assert!(is_watched(&daemon, &dir));
        fs::remove_file(&log).unwrap();
        drop(mount);
        mount = Mount::at(&dir);
    }
    daemon.stop_with_sum(9);
}
