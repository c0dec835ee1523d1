//! When paths are looked at again of which former files are still read: no hint comes of a file that was moved elsewhere.

use std::collections::{BTreeSet, HashMap};

use crate::units::{EngineTime, PathId};

/// At most about this many looks are made in a second, over all paths: with few of them, each tick looks at each.
const LOOKS_PER_SECOND: i64 = 2_000;

/// Up to this many paths are looked at by each tick.
const EACH_TICK_MAX: usize = 200;

/// Paths by the time of their next look.
#[derive(Debug, Default)]
pub(super) struct DrainingPaths {
    due: BTreeSet<(EngineTime, PathId)>,
    at: HashMap<PathId, EngineTime>,
}

impl DrainingPaths {
    /// Notes a path that was looked at `now`.
    pub(super) fn put(&mut self, path: PathId, now: EngineTime) {
        self.remove(path);
        let paths = self.at.len();
        let wait_ms = if paths < EACH_TICK_MAX { 0 } else { paths as i64 * 1_000 / LOOKS_PER_SECOND };
        self.due.insert((now + wait_ms, path));
        self.at.insert(path, now + wait_ms);
    }

    pub(super) fn remove(&mut self, path: PathId) {
        if let Some(at) = self.at.remove(&path) {
            self.due.remove(&(at, path));
        }
    }

    /// When the next look is due.
    pub(super) fn next(&self) -> Option<EngineTime> {
        self.due.first().map(|(at, _)| *at)
    }

    /// Takes the paths that are due. Each is put back after its turn.
    pub(super) fn take_due(&mut self, now: EngineTime) -> Vec<PathId> {
        let later = self.due.split_off(&(now + 1, PathId(0)));
        let due = std::mem::replace(&mut self.due, later);
        let paths: Vec<PathId> = due.into_iter().map(|(_, path)| path).collect();
        self.at.retain(|_, at| *at > now);
        paths
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// How many looks are made in ten seconds of ticks, with so many paths.
    fn looks(paths: u64) -> usize {
        let mut draining = DrainingPaths::default();
        (0..paths).for_each(|path| draining.put(PathId(path), EngineTime(0)));
        let mut looks = 0;
        for tick in 1..=100 {
            let now = EngineTime(tick * 100);
            for path in draining.take_due(now) {
                looks += 1;
                draining.put(path, now);
            }
        }
        looks
    }

    #[test]
    fn few_paths_are_looked_at_by_each_tick_and_many_in_turns() {
        assert_eq!(looks(150), 15_000);
        let many = looks(17_000);
        assert!((17_000..34_000).contains(&many), "{many} looks");
    }
}
