//! The patterns of a watch: which one a line belongs to, and how often each was seen.

use std::collections::VecDeque;
use std::sync::Arc;

use regex_automata::meta::Regex;
use xxhash_rust::xxh3::xxh3_64_with_seed;

use crate::pattern::holes::{Holes, TOKENS_MAX, Union};
use crate::pattern::id::{Hashed, PatternId};
use crate::pattern::one::{KEYS_PER_PATTERN, Pattern, PatternUsage, earliest};
use crate::pattern::reader::Scratch;
use crate::pattern::record;
use crate::pattern::render;
use crate::pattern::seen::Seen;
use crate::pattern::settings::PatternSettings;
use crate::pattern::signature::{Signature, Token, words_hash};

/// The longest line that is kept of a pattern, in bytes.
const SAMPLE_BYTES_MAX: usize = 160;
/// How often what was opened may open again.
const DEPTH_MAX: u32 = 4;
/// How many former ids are remembered.
const ALIASES_MAX: usize = 1_790;
/// One in so many patterns leaves at once when there are too many.
const EVICTED_SHARE: usize = 16;
/// Tells the hash of the words of a signature from that of the signature.
const WORDS_SEED: u64 = 0x9e37_79b9_7f4a_7c15;

/// What a line said that was observed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Sighting {
    /// Its pattern.
    pub id: PatternId,
    /// How that was known.
    pub news: News,
}

/// Whether a pattern was known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum News {
    /// It was, and so was the signature.
    Known,
    /// It was, in another form.
    Variant,
    /// It never was seen before.
    New,
}

/// The patterns of one scope.
#[derive(Debug, Clone)]
pub struct Registry {
    scope: u64,
    pub(super) patterns_max: usize,
    masks: Arc<Vec<Regex>>,
    pub(super) patterns: Vec<Pattern>,
    /// From an id to a place in `patterns`.
    pub(super) places: Hashed<PatternId, u32>,
    /// From the hash of a signature, or of its words, to a place in `patterns`.
    pub(super) keys: Hashed<u64, u32>,
    /// From a former id to the one that has its lines now.
    pub(super) aliases: Hashed<PatternId, PatternId>,
    pub(super) alias_order: VecDeque<PatternId>,
    pub(super) holes: Holes,
    pub(super) seen: Seen,
    pub(super) lines: u64,
    pub(super) other: u64,
    /// Patterns whose counts have changed since changes were taken.
    pub(super) changed: Vec<PatternId>,
    /// Whether more than counts has changed since then.
    pub(super) has_learned: bool,
    scratch: Scratch,
}

impl Registry {
    /// A registry without patterns.
    #[must_use]
    pub fn new(settings: &PatternSettings) -> Registry {
        Registry {
            scope: xxh3_64_with_seed(settings.scope.as_bytes(), 0),
            patterns_max: settings.patterns_max.max(EVICTED_SHARE),
            masks: settings.masks.clone(),
            patterns: Vec::new(),
            places: Hashed::default(),
            keys: Hashed::default(),
            aliases: Hashed::default(),
            alias_order: VecDeque::new(),
            holes: Holes::default().bounded(settings.patterns_max.max(EVICTED_SHARE)),
            seen: Seen::default(),
            lines: 0,
            other: 0,
            changed: Vec::new(),
            has_learned: false,
            scratch: Scratch::default(),
        }
    }

    /// Uses the masks of `settings` from now on.
    pub fn set_masks(&mut self, settings: &PatternSettings) {
        self.masks.clone_from(&settings.masks);
    }

    /// Counts `line`, which was written at `at_ms`. Nothing is allocated if its signature is known.
    pub fn observe(&mut self, line: &[u8], at_ms: Option<i64>) -> Sighting {
        let mut scratch = std::mem::take(&mut self.scratch);
        let (signature, message) = scratch.read(&self.masks, line);
        let hash = signature.hash();
        let sighting = self.count(hash, 1, at_ms).map(|id| Sighting { id, news: News::Known });
        let sighting = sighting.unwrap_or_else(|| {
            let (place, news) = self.learn(hash, signature, message, line);
            Sighting { id: self.count_at(place, 1, at_ms), news }
        });
        self.scratch = scratch;
        sighting
    }

    /// Counts `line`, whose beginning only may be at hand: `hash` is that of the signature of the whole.
    pub fn observe_as(&mut self, hash: u64, line: &[u8], at_ms: Option<i64>) -> Sighting {
        let mut scratch = std::mem::take(&mut self.scratch);
        let (signature, message) = scratch.read(&self.masks, line);
        let (place, news) = self.learn(hash, signature, message, line);
        let sighting = Sighting { id: self.count_at(place, 1, at_ms), news };
        self.scratch = scratch;
        sighting
    }

    /// Counts `lines` lines with the signature `hash` that were written at `at_ms`. Returns their pattern, or `None` if the signature
    /// is not known; then nothing is counted.
    pub fn count(&mut self, hash: u64, lines: u64, at_ms: Option<i64>) -> Option<PatternId> {
        let place = *self.keys.get(&hash)? as usize;
        Some(self.count_at(place, lines, at_ms))
    }

    /// The pattern of lines with the signature `hash`, if it is known.
    #[must_use]
    pub fn find(&self, hash: u64) -> Option<PatternId> {
        self.keys.get(&hash).map(|place| self.patterns[*place as usize].id)
    }

    /// Counts lines of which only is known that they were there.
    pub fn count_other(&mut self, lines: u64) {
        self.lines += lines;
        self.other += lines;
        self.has_learned = true;
    }

    fn count_at(&mut self, place: usize, lines: u64, at_ms: Option<i64>) -> PatternId {
        self.lines += lines;
        let pattern = &mut self.patterns[place];
        pattern.count(lines, at_ms);
        // What was learned is saved with all patterns.
        if !self.has_learned && !std::mem::replace(&mut pattern.is_changed, true) {
            self.changed.push(pattern.id);
        }
        pattern.id
    }

    /// The pattern that has the lines of `id` by now.
    #[must_use]
    pub fn get(&self, id: PatternId) -> Option<&Pattern> {
        self.places.get(&self.resolve(id)).map(|place| &self.patterns[*place as usize])
    }

    /// The id that `id` has by now.
    #[must_use]
    pub fn resolve(&self, id: PatternId) -> PatternId {
        let mut id = id;
        // A chain is as long as there were merges; the bound is for a state that was tampered with.
        for _ in 0..ALIASES_MAX {
            match self.aliases.get(&id) {
                Some(next) => id = *next,
                None => break,
            }
        }
        id
    }

    /// Every pattern, in no order that means anything.
    #[must_use]
    pub fn patterns(&self) -> &[Pattern] {
        &self.patterns
    }

    /// How many lines were observed.
    #[must_use]
    pub fn lines(&self) -> u64 {
        self.lines
    }

    /// How many of them belong to patterns that had to leave.
    #[must_use]
    pub fn other(&self) -> u64 {
        self.other
    }

    fn id_of(&self, words: u64) -> PatternId {
        PatternId(xxh3_64_with_seed(&words.to_le_bytes(), self.scope))
    }

    /// Finds or makes the pattern of a signature that is not known. Returns its place.
    fn learn(&mut self, hash: u64, signature: &Signature, message: &[u8], line: &[u8]) -> (usize, News) {
        self.has_learned = true;
        let words = signature.words_hash() ^ WORDS_SEED;
        if let Some(place) = self.keys.get(&words).map(|place| *place as usize) {
            self.add_key(place, hash);
            return (place, News::Variant);
        }
        let tokens = signature.tokens();
        let is_short = tokens.len() <= TOKENS_MAX;
        let known = if is_short { self.holes.find(&tokens).map(|id| self.resolve(id)) } else { None };
        let id = known.unwrap_or(self.id_of(signature.words_hash()));
        let was_seen = known.is_some() || self.seen.contains(id.0) || self.seen.contains(words);
        let place = match self.places.get(&id) {
            Some(place) => *place as usize,
            None => self.create(id, render::text(message, &[]), line),
        };
        self.add_key(place, hash);
        self.add_key(place, words);
        if is_short && known.is_none() {
            self.generalize(&tokens, id, message, 0);
        }
        let id = self.resolve(id);
        let place = self.places.get(&id).map_or(place, |place| *place as usize);
        let is_new = !was_seen && self.patterns[place].lines == 0;
        (place, if is_new { News::New } else { News::Variant })
    }

    /// Unites patterns that differ only in what varies, now that `tokens` of the pattern `id` are known.
    fn generalize(&mut self, tokens: &[Token], id: PatternId, message: &[u8], depth: u32) {
        let union = self.holes.add(tokens, id);
        let union = if depth == 0 { union.or_else(|| self.holes.add_to_family(tokens, id)) } else { union };
        let Some(Union { ids, tokens }) = union else { return };
        let Some(id) = self.unite(&ids) else { return };
        self.holes.add_template(&tokens, id);
        if let Some(place) = self.places.get(&id) {
            self.patterns[*place as usize].text = render::text(message, &tokens);
        }
        if depth + 1 >= DEPTH_MAX {
            return;
        }
        let words = words_hash(&tokens) ^ WORDS_SEED;
        let known = self.keys.get(&words).map(|place| self.patterns[*place as usize].id);
        let id = match known.or_else(|| self.holes.find_open(&tokens)).map(|known| self.resolve(known)) {
            Some(known) if known != id => self.unite(&[id, known]).unwrap_or(id),
            _ => id,
        };
        if known.is_none()
            && let Some(place) = self.places.get(&id)
        {
            self.add_key(*place as usize, words);
        }
        self.generalize(&tokens, id, message, depth + 1);
    }

    /// Makes one pattern of those of `ids` that are there: the most frequent, so that the order of the lines hardly matters.
    /// Returns its id.
    fn unite(&mut self, ids: &[PatternId]) -> Option<PatternId> {
        let mut ids: Vec<PatternId> = ids.iter().map(|id| self.resolve(*id)).collect();
        ids.retain(|id| self.places.contains_key(id));
        let lines = |id: &PatternId| self.places.get(id).map(|place| self.patterns[*place as usize].lines);
        let most = *ids.iter().max_by_key(|id| (lines(id), **id))?;
        for id in ids {
            if id != most
                && let Some(place) = self.places.get(&id)
            {
                let lost = self.remove(*place as usize);
                self.add_alias(lost.id, most);
                self.absorb(most, lost);
            }
        }
        Some(most)
    }

    fn absorb(&mut self, id: PatternId, lost: Pattern) {
        let Some(place) = self.places.get(&id).map(|place| *place as usize) else { return };
        for key in lost.usage.keys {
            self.add_key(place, key);
        }
        let pattern = &mut self.patterns[place];
        pattern.lines += lost.lines;
        pattern.usage.weight += lost.usage.weight;
        pattern.first_ms = earliest(pattern.first_ms, lost.first_ms);
        pattern.last_ms = pattern.last_ms.max(lost.last_ms);
    }

    fn add_alias(&mut self, from: PatternId, to: PatternId) {
        if self.alias_order.len() >= ALIASES_MAX
            && let Some(oldest) = self.alias_order.pop_front()
        {
            self.aliases.remove(&oldest);
        }
        self.aliases.insert(from, to);
        self.alias_order.push_back(from);
    }

    /// Adds a key to the pattern at `place`, in place of its oldest if there are as many as there may be.
    fn add_key(&mut self, place: usize, key: u64) {
        match self.keys.insert(key, place as u32) {
            Some(before) if before as usize == place => return,
            Some(before) => self.patterns[before as usize].usage.keys.retain(|known| *known != key),
            None => {}
        }
        let usage = &mut self.patterns[place].usage;
        if usage.keys.len() < KEYS_PER_PATTERN {
            usage.keys.push(key);
            return;
        }
        let next = usize::from(usage.next_key) % KEYS_PER_PATTERN;
        let oldest = std::mem::replace(&mut usage.keys[next], key);
        usage.next_key = (next + 1) as u8;
        self.keys.remove(&oldest);
    }

    fn create(&mut self, id: PatternId, text: String, line: &[u8]) -> usize {
        if self.patterns.len() >= self.patterns_max {
            self.evict();
        }
        let place = self.patterns.len();
        self.places.insert(id, place as u32);
        let usage = PatternUsage { began: self.lines, ..PatternUsage::default() };
        self.patterns.push(Pattern::new(
            id,
            text,
            render::shown(record::parts(line).0.trim_ascii_end(), SAMPLE_BYTES_MAX),
            usage,
        ));
        place
    }

    /// Removes the least used patterns; their lines count as others.
    fn evict(&mut self) {
        let mut by_usage: Vec<(u64, u64, PatternId)> = self
            .patterns
            .iter()
            .map(|pattern| (pattern.usage.weight, pattern.usage.began, pattern.id))
            .collect();
        by_usage.sort_unstable();
        for (_, _, id) in by_usage.into_iter().take(self.patterns_max / EVICTED_SHARE) {
            let Some(place) = self.places.get(&id) else { continue };
            let lost = self.remove(*place as usize);
            self.other += lost.lines;
            self.seen.insert(lost.id.0, self.patterns_max);
            lost.usage.keys.iter().for_each(|key| self.seen.insert(*key, self.patterns_max));
        }
        self.patterns.iter_mut().for_each(|pattern| pattern.usage.weight -= pattern.usage.weight / 8);
    }

    /// Takes the pattern at `place` out, and its keys with it. The last one moves to its place.
    fn remove(&mut self, place: usize) -> Pattern {
        let lost = self.patterns.swap_remove(place);
        self.places.remove(&lost.id);
        for key in &lost.usage.keys {
            if self.keys.get(key) == Some(&(place as u32)) {
                self.keys.remove(key);
            }
        }
        let from = self.patterns.len() as u32;
        if let Some(moved) = self.patterns.get(place) {
            self.places.insert(moved.id, place as u32);
            for key in &moved.usage.keys {
                if let Some(at) = self.keys.get_mut(key).filter(|at| **at == from) {
                    *at = place as u32;
                }
            }
        }
        lost
    }
}
