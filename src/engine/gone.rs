//! What is remembered of paths at which nothing is any longer, so that their totals continue if they come back.
//!
//! Each takes less than 300 bytes: a program that gives every file a new name must not make the daemon grow.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::ops::Range;

use xxhash_rust::xxh3::Xxh3Default;

use crate::engine::gone_record::{Names, decode, encode};
use crate::store::{FileRecord, WatchedPath};
use crate::units::EngineTime;

/// At most this many paths are remembered. The counts of those that have been gone for longest are kept by watch only.
pub(super) const GONE_MAX: usize = 4_096;

/// A path at which nothing has been for this long is forgotten, in milliseconds.
pub(super) const FORGET_AFTER_MS: i64 = 24 * 3600 * 1000;

/// So many bytes may be unused before the others move together.
const UNUSED_BYTES_MAX: usize = 64 << 10;

/// What the forgotten paths of a watch had.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ForgottenTotals {
    /// Name of the watch.
    pub watch: String,
    /// How many paths there were.
    pub paths: u64,
    /// Matching lines by name of the rule.
    pub matched: BTreeMap<String, u64>,
    /// Bytes that were scanned.
    pub bytes_read: u64,
    /// Bytes that were gone before they could be scanned.
    pub bytes_missed: u64,
    /// Files that have stood at the paths.
    pub generations: u64,
}

/// See the [module](self).
#[derive(Default)]
pub(super) struct GoneFiles {
    /// Where in `bytes` each record is. One buffer holds them all: scattered among what was freed, each would keep a page.
    records: HashMap<u64, Range<usize>>,
    bytes: Vec<u8>,
    unused_bytes: usize,
    /// In the order in which they went, in seconds. A path that came back meanwhile is not in `records`.
    order: VecDeque<(u32, u64)>,
    names: Names,
    forgotten: BTreeMap<String, ForgottenTotals>,
}

impl GoneFiles {
    /// Remembers a path. False if something is still at it or to be read.
    pub(super) fn put(&mut self, record: &FileRecord, now: EngineTime) -> bool {
        let at_s = seconds(now);
        let Some(bytes) = encode(record, at_s, &mut self.names) else { return false };
        let key = key(&record.id);
        self.remove(key);
        let from = self.bytes.len();
        self.bytes.extend_from_slice(&bytes);
        self.records.insert(key, from..self.bytes.len());
        self.order.push_back((at_s, key));
        if self.order.len() > 2 * self.records.len() + 1_024 {
            let (records, bytes) = (&self.records, &self.bytes);
            let is_current = |at_s: u32, key: &u64| {
                records.get(key).is_some_and(|range| since(&bytes[range.clone()]) == at_s)
            };
            self.order.retain(|(at_s, key)| is_current(*at_s, key));
        }
        true
    }

    /// Takes out what is remembered of a path.
    pub(super) fn take(&mut self, id: &WatchedPath) -> Option<FileRecord> {
        let key = key(id);
        let record = decode(self.get(key)?, &self.names).filter(|record| record.id == *id)?;
        self.remove(key);
        Some(record)
    }

    fn get(&self, key: u64) -> Option<&[u8]> {
        self.bytes.get(self.records.get(&key)?.clone())
    }

    fn remove(&mut self, key: u64) {
        let Some(range) = self.records.remove(&key) else { return };
        self.unused_bytes += range.len();
        if self.unused_bytes > UNUSED_BYTES_MAX && 2 * self.unused_bytes > self.bytes.len() {
            let mut bytes = Vec::with_capacity(self.bytes.len() - self.unused_bytes);
            for range in self.records.values_mut() {
                let from = bytes.len();
                bytes.extend_from_slice(&self.bytes[range.clone()]);
                *range = from..bytes.len();
            }
            (self.bytes, self.unused_bytes) = (bytes, 0);
        }
    }

    pub(super) fn all(&self) -> impl Iterator<Item = FileRecord> {
        self.records.values().filter_map(|range| decode(self.bytes.get(range.clone())?, &self.names))
    }

    /// Forgets the paths that have been gone for too long or are too many. Returns which.
    pub(super) fn forget_old(&mut self, now: EngineTime) -> Vec<WatchedPath> {
        let oldest_s = seconds(now + -FORGET_AFTER_MS);
        let mut forgotten = Vec::new();
        while let Some((at_s, key)) = self.order.front().copied() {
            if at_s >= oldest_s && self.records.len() <= GONE_MAX {
                break;
            }
            self.order.pop_front();
            let bytes = self.get(key).filter(|bytes| since(bytes) == at_s);
            if let Some(record) = bytes.and_then(|bytes| decode(bytes, &self.names)) {
                self.remove(key);
                self.add_forgotten(&record);
                forgotten.push(record.id);
            }
        }
        forgotten
    }

    /// Keeps the counts of a forgotten path, by watch.
    pub(super) fn add_forgotten(&mut self, record: &FileRecord) {
        let watch = &record.id.watch;
        let sum = self
            .forgotten
            .entry(watch.clone())
            .or_insert_with(|| ForgottenTotals { watch: watch.clone(), ..ForgottenTotals::default() });
        sum.paths += 1;
        sum.bytes_read += record.bytes_read;
        sum.bytes_missed += record.bytes_missed;
        sum.generations += record.tail.generation;
        for total in &record.totals {
            *sum.matched.entry(total.rule.clone()).or_default() += total.matched;
        }
    }

    pub(super) fn forgotten(&self) -> Vec<ForgottenTotals> {
        self.forgotten.values().cloned().collect()
    }
}

fn seconds(at: EngineTime) -> u32 {
    u32::try_from(at.0.div_euclid(1_000)).unwrap_or(0)
}

fn since(bytes: &[u8]) -> u32 {
    bytes.first_chunk().map_or(0, |at_s| u32::from_le_bytes(*at_s))
}

fn key(id: &WatchedPath) -> u64 {
    let mut hasher = Xxh3Default::new();
    hasher.update(id.watch.as_bytes());
    hasher.update(&[0]);
    hasher.update(id.path.as_os_str().as_encoded_bytes());
    hasher.digest()
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use super::*;
    use crate::file::checkpoint::{FileCheckpoint, TailCheckpoint};
    use crate::file::identity::{Anchor, Fingerprint, Identity};
    use crate::file::ownership::ReadPosition;
    use crate::scan::cursor::LineCursor;
    use crate::store::RuleTotal;

    fn record(n: usize) -> FileRecord {
        let mark = ReadPosition {
            cursor: LineCursor::at(1_000_000 + n as u64),
            head: Fingerprint { len: 1_024, hash: u64::MAX - n as u64 },
            anchor: Anchor::ending(&[b'x'; 64]),
        };
        let place = FileCheckpoint {
            identity: Identity { dev: 65_025, ino: 7_000_000 + n as u64, born_ns: 1_795_000_000_123_456_789 },
            mark,
            size: 1_000_000,
            modified_ns: 1_795_000_000_987_654_321,
            changed_ns: 1_795_000_001_987_654_321,
            is_settled: true,
        };
        FileRecord {
            id: WatchedPath {
                watch: "logs".into(),
                path: PathBuf::from(format!("/var/log/application/service-{n:08}.log")),
            },
            tail: TailCheckpoint {
                generation: 1,
                last: Some(Box::new(place)),
                ended: vec![FileCheckpoint { size: place.mark.cursor.offset, is_settled: false, ..place }],
                since_ns: 1_795_000_000_000_000_000,
                ..TailCheckpoint::default()
            },
            totals: vec![RuleTotal { rule: "errors".into(), matched: 12_345, reported: 12_340 }],
            bytes_read: 1_000_000,
            bytes_missed: 3,
        }
    }

    #[test]
    fn what_comes_back_is_as_it_went() {
        let mut gone = GoneFiles::default();
        assert!(gone.put(&record(1), EngineTime(5_000)));
        assert_eq!(gone.take(&record(2).id), None);
        assert_eq!(gone.take(&record(1).id), Some(record(1)));
        assert_eq!(gone.take(&record(1).id), None);
        let mut other = record(3);
        other.tail.last.as_mut().unwrap().identity.ino = 1;
        other.tail.ended.clear();
        assert!(gone.put(&other, EngineTime(6_000)));
        assert_eq!(gone.take(&other.id), Some(other));
        let mut present = record(4);
        present.tail.current = Some(present.tail.ended[0]);
        assert!(!gone.put(&present, EngineTime(7_000)), "something is at the path");
    }

    #[test]
    fn a_name_takes_less_than_300_bytes_and_no_more_than_the_bound_are_kept() {
        let measured = allocation_counter::measure(|| {
            let mut gone = GoneFiles::default();
            for n in 0..GONE_MAX {
                gone.put(&record(n), EngineTime(1_000));
            }
            std::mem::forget(gone);
        });
        let bytes = measured.bytes_current / GONE_MAX as i64;
        assert!(bytes < 300, "{bytes} bytes");
        let mut gone = GoneFiles::default();
        for n in 0..GONE_MAX + 10 {
            gone.put(&record(n), EngineTime(1_000));
        }
        let forgotten = gone.forget_old(EngineTime(2_000));
        assert_eq!((forgotten.len(), forgotten[0].clone()), (10, record(0).id));
        let sum = &gone.forgotten()[0];
        assert_eq!((sum.paths, sum.matched["errors"], sum.bytes_missed), (10, 123_450, 30));
        let rest = gone.forget_old(EngineTime(2_000) + FORGET_AFTER_MS);
        assert_eq!((rest.len(), gone.all().count()), (GONE_MAX, 0));
    }

    #[test]
    fn a_path_that_comes_and_goes_takes_no_more_memory_each_time() {
        let mut gone = GoneFiles::default();
        for n in 0..10_000 {
            gone.put(&record(1), EngineTime(n * 1_000));
            gone.take(&record(1).id);
        }
        assert!(gone.order.len() < 2_000, "{}", gone.order.len());
        assert!(gone.bytes.len() < 2 * UNUSED_BYTES_MAX, "{}", gone.bytes.len());
    }
}
