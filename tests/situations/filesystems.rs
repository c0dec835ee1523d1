//! Filesystems that show other bytes or other numbers than before.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use rustix::process::Signal;

use crate::common::{TestFolder, append, lines, news};

fn run(program: &str, args: &[&str]) -> String {
    let output = Command::new(program).args(args).output().unwrap();
    assert!(output.status.success(), "{program} {args:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap().trim().to_owned()
}

/// Something mounted, unmounted when dropped.
struct Mount(PathBuf);

impl Mount {
    fn new(args: &[&str], at: &Path) -> Mount {
        run("mount", &[args, &[at.to_str().unwrap()]].concat());
        Mount(at.to_owned())
    }
}

impl Drop for Mount {
    fn drop(&mut self) {
        _ = Command::new("umount").arg(&self.0).output();
    }
}

/// A loop device, detached when dropped.
struct Loop(String);

impl Loop {
    fn of(file: &Path) -> Loop {
        Loop(run("losetup", &["-f", "--show", file.to_str().unwrap()]))
    }
}

impl Drop for Loop {
    fn drop(&mut self) {
        _ = Command::new("losetup").args(["-d", &self.0]).output();
    }
}

/// An overlay over the folder for logs, with so many lines in `app.log` in its lower layer. The overlay is dropped first.
fn overlay(place: &TestFolder, lower: u64) -> (Mount, Mount) {
    let dir = |name: &str| {
        let path = place.beside(name);
        fs::create_dir(&path).unwrap();
        path
    };
    let (low, top) = (dir("low"), dir("top"));
    let top = Mount::new(&["-t", "tmpfs", "none"], &top);
    let (upper, work) = (dir("top/upper"), dir("top/work"));
    append(&low.join("app.log"), lines(0..lower));
    let layers =
        format!("lowerdir={},upperdir={},workdir={}", low.display(), upper.display(), work.display());
    let overlay = Mount::new(&["-t", "overlay", "overlay", "-o", &layers], &place.log(""));
    (overlay, top)
}

/// After the first write to a file of a lower layer, its descriptor reads the copy in the upper one, but its mapping does not.
#[test]
#[ignore = "needs root: mounts"]
fn a_log_in_the_lower_layer_of_an_overlay_is_exact() {
    for (lower, appended) in [(10, vec![300]), (10, vec![15, 15]), (400, vec![300, 5]), (0, vec![5])] {
        let place = TestFolder::new();
        let _mounts = overlay(&place, lower);
        let log = place.log("app.log");
        let mut daemon = place.watch("app.log");
        let mut total = 0;
        for more in appended {
            append(&log, lines(total..total + more));
            total += more;
            daemon.wait_sum(total);
        }
        let events = daemon.stop_with_sum(total);
        assert!(!news(&events, &log).contains(&"missed".to_owned()), "{lower} lines below");
    }
}

/// After a copy-up the mapping shows the lower file for ever, even when the log is copied, truncated, written anew beyond its old length
/// and renamed.
#[test]
#[ignore = "needs root: mounts"]
fn a_log_that_was_copied_up_and_is_truncated_counts_what_follows() {
    let place = TestFolder::new();
    let _mounts = overlay(&place, 10);
    let log = place.log("app.log");
    let mut daemon = place.resume_with("app.log", "start = \"beginning\"");
    daemon.wait_sum(10);
    daemon.signal(Signal::STOP);
    // The first write copies it up.
    append(&log, lines(10..11));
    fs::copy(&log, place.log("app.log.2")).unwrap();
    fs::write(&log, lines(11..30)).unwrap();
    fs::rename(&log, place.log("app.log.1")).unwrap();
    append(&log, lines(30..32));
    daemon.signal(Signal::CONT);
    daemon.wait_sum(32);
    let events = daemon.stop_with_sum(32);
    assert!(!news(&events, &log).contains(&"missed".to_owned()));
}

#[test]
#[ignore = "needs root: mounts"]
fn a_filesystem_with_another_device_number_is_resumed() {
    for (kind, megabytes) in [("ext4", 64), ("xfs", 320), ("btrfs", 128)] {
        let place = TestFolder::new();
        let (image, spare) = (place.beside("image"), place.beside("spare"));
        fs::File::create(&image).unwrap().set_len(megabytes << 20).unwrap();
        fs::File::create(&spare).unwrap().set_len(1 << 20).unwrap();
        run(&format!("mkfs.{kind}"), &["-q", image.to_str().unwrap()]);
        let device = Loop::of(&image);
        let mount = Mount::new(&[&device.0], &place.log(""));
        let (log, other) = (place.log("app.log"), place.log("other.log"));
        append(&log, "");
        append(&other, "");
        let mut daemon = place.resume("*.log");
        append(&log, lines(0..1010));
        append(&other, lines(0..7));
        daemon.wait_sum(1017);
        daemon.stop_with_sum(1017);
        drop(mount);
        drop(device);
        // The number that was in use goes to another file.
        let _spare = Loop::of(&spare);
        let device = Loop::of(&image);
        let mount = Mount::new(&[&device.0], &place.log(""));
        append(&log, lines(1010..1015));
        fs::rename(&other, place.log("other.log.1")).unwrap();
        append(&other, lines(7..9));
        let mut daemon = place.resume("*.log");
        daemon.wait_sum(1024);
        let events = daemon.stop_with_sum(1024);
        assert!(!news(&events, &log).contains(&"missed".to_owned()), "{kind}");
        drop(mount);
    }
}
