//! Device numbers that changed since the state was written, as they do after a reboot, and on LVM, btrfs, NFS and overlayfs.
//!
//! A file that has the inode number and the time of birth that were remembered, at the path where it was, is the same file.
//! What holds for its device number then holds for every file that was remembered with that number.

use std::collections::{HashMap, HashSet};

use super::{StoredState, TailCheckpoint};
use crate::file::identity::Identity;
use crate::file::vfs::Filesystem;

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
        let (mut kept, mut found) = (HashSet::new(), HashMap::<u64, HashSet<u64>>::new());
        for file in &self.files {
            let Some(place) = &file.tail.current else { continue };
            let Ok(stat) = filesystem.stat(&file.id.path) else { continue };
            let now = Identity::from(&stat);
            if now.dev == place.identity.dev {
                kept.insert(now.dev);
            } else if now.is_renumbered(&place.identity) {
                found.entry(place.identity.dev).or_default().insert(now.dev);
            }
        }
        let is_clear = |(before, now): (u64, HashSet<u64>)| {
            let sole = (now.len() == 1).then(|| now.into_iter().next()).flatten()?;
            (!kept.contains(&before)).then_some((before, sole))
        };
        found.into_iter().filter_map(is_clear).collect()
    }
}
