//! What of a registry survives a restart. Counts change with every line and are saved by pattern; what was learned changes seldom
//! and is saved as a whole, so that the same lines lead to the same ids after a `kill -9`.

use std::io;

use serde::{Deserialize, Serialize};

use crate::pattern::holes::Holes;
use crate::pattern::id::PatternId;
use crate::pattern::one::Pattern;
use crate::pattern::registry::Registry;
use crate::pattern::seen::Seen;
use crate::pattern::settings::PatternSettings;

/// How strongly what was learned is compressed: the fastest level.
const COMPRESSION: i32 = 1;

/// The state of a registry, or what of it has changed.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct SavedRegistry {
    /// How many lines were observed.
    pub lines: u64,
    /// How many of them belong to no pattern that is kept.
    pub other: u64,
    /// What was learned, if it changed. Then `patterns` are all there are.
    pub learned: Option<Vec<u8>>,
    /// The patterns, or those of them that changed.
    pub patterns: Vec<Pattern>,
}

impl SavedRegistry {
    /// This state, and then what has changed in a `newer` one.
    #[must_use]
    pub fn followed_by(mut self, newer: SavedRegistry) -> SavedRegistry {
        if newer.learned.is_some() {
            return newer;
        }
        self.patterns.retain(|old| newer.patterns.iter().all(|new| new.id != old.id));
        self.patterns.extend(newer.patterns);
        SavedRegistry { lines: newer.lines, other: newer.other, ..self }
    }
}

#[derive(Serialize, Deserialize)]
struct Learned {
    aliases: Vec<(PatternId, PatternId)>,
    holes: Holes,
    seen: Seen,
}

impl Registry {
    /// What has changed since the last call, if anything has.
    pub fn take_changes(&mut self) -> Option<SavedRegistry> {
        if self.changed.is_empty() && !self.has_learned {
            return None;
        }
        let changed = std::mem::take(&mut self.changed);
        let learned = std::mem::take(&mut self.has_learned).then(|| self.learned());
        self.patterns.iter_mut().for_each(|pattern| pattern.is_changed = false);
        let patterns = if learned.is_some() {
            self.patterns.clone()
        } else {
            changed.iter().filter_map(|id| self.get(*id).cloned()).collect()
        };
        Some(SavedRegistry { lines: self.lines, other: self.other, learned, patterns })
    }

    /// Forgets what has changed, where nothing is saved.
    pub fn discard_changes(&mut self) {
        if !self.changed.is_empty() {
            self.changed.clear();
            self.patterns.iter_mut().for_each(|pattern| pattern.is_changed = false);
        }
        self.has_learned = false;
    }

    /// Makes the next [`Registry::take_changes`] return everything.
    pub fn change_all(&mut self) {
        self.has_learned = true;
    }

    /// A registry that continues from what was saved. What cannot be read was learned in vain: its patterns are kept, and what they
    /// have in common is learned again.
    #[must_use]
    pub fn restored(settings: &PatternSettings, saved: SavedRegistry) -> Registry {
        let mut registry = Registry::new(settings);
        (registry.lines, registry.other) = (saved.lines, saved.other);
        for (place, pattern) in saved.patterns.into_iter().enumerate() {
            registry.places.insert(pattern.id, place as u32);
            registry.keys.extend(pattern.usage.keys.iter().map(|key| (*key, place as u32)));
            registry.patterns.push(pattern);
        }
        if let Some(learned) = saved.learned.and_then(|bytes| unpack(&bytes).ok()) {
            registry.alias_order = learned.aliases.iter().map(|(from, _)| *from).collect();
            registry.aliases = learned.aliases.into_iter().collect();
            (registry.holes, registry.seen) = (learned.holes.bounded(registry.patterns_max), learned.seen);
        }
        registry
    }

    fn learned(&self) -> Vec<u8> {
        let order = self.alias_order.iter().filter_map(|from| Some((*from, *self.aliases.get(from)?)));
        let learned = LearnedRef { aliases: order.collect(), holes: &self.holes, seen: &self.seen };
        let json = serde_json::to_vec(&learned).unwrap_or_default();
        zstd::encode_all(&*json, COMPRESSION).unwrap_or_default()
    }
}

#[derive(Serialize)]
struct LearnedRef<'a> {
    aliases: Vec<(PatternId, PatternId)>,
    holes: &'a Holes,
    seen: &'a Seen,
}

fn unpack(bytes: &[u8]) -> io::Result<Learned> {
    Ok(serde_json::from_reader(zstd::Decoder::new(bytes)?)?)
}
