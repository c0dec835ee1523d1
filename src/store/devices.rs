//! Device numbers that changed since the state was written, as they do after a reboot, and on LVM, btrfs, NFS and overlayfs.
//!
//! A file that has the inode number and the time of birth that were remembered, at the path where it was or beside it, is the same file.
//! What holds for its device number then holds for every file that was remembered with that number.

use std::collections::{HashMap, HashSet};
use std::path::{Path, PathBuf};

use super::{StoredState, TailCheckpoint};
use crate::file::identity::Identity;
use crate::file::vfs::Filesystem;

/// So often is a file searched for that shows which number a device has now.
const SEARCHES_MAX: usize = 3;

impl StoredState {
    /// Replaces device numbers that changed.
    pub fn follow_devices(&mut self, filesystem: &dyn Filesystem) {
        let now = self.devices_now(filesystem);
        if now.is_empty() {
            return;
        }
        let renumber = |identity: &mut Identity| {
            if let Some(dev) = now.get(&identity.dev) {
                identity.dev = *dev;
            }
        };
        self.marks.iter_mut().for_each(|mark| renumber(&mut mark.identity));
        for file in &mut self.files {
            let TailCheckpoint { current, former, last, ended, .. } = &mut file.tail;
            let places = current.iter_mut().chain(former).chain(last.as_deref_mut()).chain(ended);
            places.for_each(|place| renumber(&mut place.identity));
        }
    }

    /// Each device number that no path leads to any longer, with the one that took its place.
    fn devices_now(&self, filesystem: &dyn Filesystem) -> HashMap<u64, u64> {
        let mut devices = Devices::default();
        for file in &self.files {
            let Some(place) = &file.tail.current else { continue };
            let Ok(stat) = filesystem.stat(&file.id.path) else { continue };
            devices.compare(&place.identity, &Identity::from(&stat));
        }
        // A file that is renamed just now may be missing in a listing.
        for _ in 0..SEARCHES_MAX {
            if self.search_rotated(filesystem, &mut devices) {
                break;
            }
        }
        let Devices { kept, found } = devices;
        let is_clear = |(before, now): (u64, HashSet<u64>)| {
            let sole = (now.len() == 1).then(|| now.into_iter().next()).flatten()?;
            (!kept.contains(&before)).then_some((before, sole))
        };
        found.into_iter().filter_map(is_clear).collect()
    }

    /// The same by files that were renamed meanwhile, where no path tells. Returns whether nothing is left to be found.
    fn search_rotated(&self, filesystem: &dyn Filesystem, devices: &mut Devices) -> bool {
        let places = |tail: &TailCheckpoint| {
            let places =
                tail.current.iter().chain(&tail.former).chain(tail.last.as_deref()).chain(&tail.ended);
            places.map(|place| place.identity).filter(|identity| identity.born_ns != 0).collect::<Vec<_>>()
        };
        let mut remembered = HashMap::new();
        let mut dirs: HashMap<PathBuf, HashSet<u64>> = HashMap::new();
        for file in &self.files {
            let unproved = places(&file.tail).into_iter().filter(|identity| !devices.is_proved(identity.dev));
            for identity in unproved {
                let target = filesystem.link_target(&file.id.path);
                for path in target.iter().chain([&file.id.path]) {
                    let dir = path.parent().unwrap_or(path).to_owned();
                    dirs.entry(dir).or_default().insert(identity.dev);
                }
                remembered.insert((identity.ino, identity.born_ns), identity);
            }
        }
        for (dir, before) in dirs {
            let now = filesystem.stat(&dir).map(|stat| stat.dev);
            devices.kept.extend(now.iter().filter(|now| before.contains(now)));
            if before.iter().all(|before| devices.is_proved(*before)) {
                continue;
            }
            for path in files_in(filesystem, &dir) {
                let Ok(stat) = filesystem.stat(&path) else { continue };
                let now = Identity::from(&stat);
                if let Some(identity) = remembered.get(&(now.ino, now.born_ns)) {
                    devices.compare(identity, &now);
                }
            }
        }
        remembered.values().all(|identity| devices.is_proved(identity.dev))
    }
}

/// What is known of device numbers.
#[derive(Default)]
struct Devices {
    kept: HashSet<u64>,
    found: HashMap<u64, HashSet<u64>>,
}

impl Devices {
    /// Learns from what stands where `before` did.
    fn compare(&mut self, before: &Identity, now: &Identity) {
        if now.dev == before.dev {
            self.kept.insert(now.dev);
        } else if now.is_renumbered(before) {
            self.found.entry(before.dev).or_default().insert(now.dev);
        }
    }

    fn is_proved(&self, dev: u64) -> bool {
        self.kept.contains(&dev) || self.found.contains_key(&dev)
    }
}

/// What is in a directory and in those below it, where rotation puts files.
fn files_in(filesystem: &dyn Filesystem, dir: &Path) -> Vec<PathBuf> {
    let list = |dir: &Path| {
        let entries = filesystem.list(dir).unwrap_or_default();
        entries.into_iter().map(|(name, is_dir)| (dir.join(name), is_dir)).collect::<Vec<_>>()
    };
    let (below, mut files): (Vec<_>, Vec<_>) = list(dir).into_iter().partition(|(_, is_dir)| *is_dir);
    files.extend(below.iter().flat_map(|(dir, _)| list(dir)).filter(|(_, is_dir)| !is_dir));
    files.into_iter().map(|(path, _)| path).collect()
}
