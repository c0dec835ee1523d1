//! What some worlds have besides: mappings that show other bytes than the file has, device numbers that change, descriptors that run
//! out, and more generations at once than anything keeps.
//!
//! They draw from a stream of their own, so that a seed means the same ordinary events as without them.

use std::path::{Path, PathBuf};

use fastrand::Rng;

use crate::world::{LOG, World};

/// What is hard in a world.
#[derive(Debug)]
pub struct Hardships {
    rng: Rng,
    /// An overlay: the first write to a file that was there before copies it up.
    pub is_overlay: bool,
    /// The device has another number after each restart.
    pub renumbers: bool,
    /// Descriptors run out now and then.
    starves: bool,
    /// How many generations come at once, one time.
    burst: u32,
    /// No descriptor is left now.
    pub is_starved: bool,
    /// A process that starts has its descriptors to itself.
    pub is_starting: bool,
}

impl Hardships {
    pub fn of(seed: u64) -> Hardships {
        let mut rng = Rng::with_seed(seed.rotate_left(16));
        let mut one_in = |n: u8| rng.u8(..n) == 0;
        let (is_overlay, renumbers, starves, bursts) = (one_in(8), one_in(4), one_in(6), one_in(10));
        let burst = if bursts { rng.u32(17..80) } else { 0 };
        Hardships { is_overlay, renumbers, starves, burst, rng, ..Hardships::none() }
    }

    pub fn none() -> Hardships {
        let rng = Rng::with_seed(0);
        let (is_starved, is_starting) = (false, false);
        Hardships {
            rng,
            is_overlay: false,
            renumbers: false,
            starves: false,
            burst: 0,
            is_starved,
            is_starting,
        }
    }
}

impl World {
    /// Something hard happens, if it is time.
    pub(super) fn suffer(&mut self) {
        let hard = &mut self.hardships;
        match hard.rng.u8(..24) {
            0 if hard.is_overlay => self.copy_up(),
            1..4 if hard.starves && !hard.is_starting => {
                hard.is_starved = !hard.is_starved;
                let is_starved = hard.is_starved;
                self.say(|| format!("descriptors are short: {is_starved}"));
            }
            4 if hard.burst > 0 => self.rotate_often(),
            _ => {}
        }
    }

    /// The descriptors of the log read the copy in the upper layer from now on, its mappings stay in the lower one. It has other
    /// numbers.
    fn copy_up(&mut self) {
        // Only what was there when the overlay was mounted is in the lower layer. After a crash no one can tell whether a short file with
        // other numbers is another one that begins alike.
        let id = 0;
        let may_be_known = self.crashes == 0 && self.writer == id;
        // Another name of it would stay in the lower layer, which has no names of its own here.
        let has_one_name = self.disk.inodes[id].links <= 1;
        if may_be_known && has_one_name && self.disk.inodes[id].lower.is_none() && !self.is_copying() {
            self.disk.copy_up(id);
            self.say(|| format!("inode {id} is copied up"));
        }
    }

    /// The same files under another device number.
    pub fn renumber(&mut self) {
        if self.hardships.renumbers && self.hardships.rng.bool() {
            self.disk.dev += 1;
            let dev = self.disk.dev;
            self.say(|| format!("the device has the number {dev}"));
        }
    }

    /// Rotates so often that the log is another one each time the program could look.
    fn rotate_often(&mut self) {
        if self.is_copying() || self.disk.names.get(Path::new(LOG)) != Some(&self.writer) {
            return;
        }
        for _ in 0..std::mem::take(&mut self.hardships.burst) {
            let to: PathBuf = self.next_name();
            let now = self.now();
            self.disk.rename(Path::new(LOG), &to, now);
            self.event(&to);
            self.event(Path::new(LOG));
            self.reopen();
            self.pass(5_000_000);
            self.append();
            self.pass(5_000_000);
        }
        self.say(|| "rotated many times".to_owned());
    }
}
