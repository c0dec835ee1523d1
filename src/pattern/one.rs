//! One pattern: what it says and how much there is of it.

use serde::{Deserialize, Serialize};

use crate::pattern::id::PatternId;

/// So many signatures of a pattern are found at once; those of others are found again by what they have in common.
pub(super) const KEYS_PER_PATTERN: usize = 7;

/// One pattern and what was counted of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pattern {
    /// What it is called.
    pub id: PatternId,
    /// The message with placeholders for what varies.
    pub text: String,
    /// The line that was the first.
    pub sample: String,
    /// How many lines were counted.
    pub lines: u64,
    /// The time of the earliest line, in milliseconds since 1970, if lines have times.
    pub first_ms: Option<i64>,
    /// The time of the latest line, in milliseconds since 1970, if lines have times.
    pub last_ms: Option<i64>,
    /// What decides how long it is kept and how its lines are recognised.
    pub usage: PatternUsage,
    /// Whether it has changed since changes were taken.
    #[serde(skip)]
    pub(super) is_changed: bool,
}

/// How much a pattern is used, and by which signatures its lines are found.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct PatternUsage {
    /// The number of the line with which it began.
    pub began: u64,
    /// Halved from time to time, so that what is no longer used can leave.
    pub(super) weight: u64,
    pub(super) keys: Vec<u64>,
    /// Where the next key goes if there are as many as there may be.
    pub(super) next_key: u8,
}

impl Pattern {
    /// A pattern of which nothing was counted.
    #[must_use]
    pub fn new(id: PatternId, text: String, sample: String, usage: PatternUsage) -> Pattern {
        Pattern { id, text, sample, lines: 0, first_ms: None, last_ms: None, usage, is_changed: false }
    }

    pub(super) fn count(&mut self, lines: u64, at_ms: Option<i64>) {
        self.lines += lines;
        self.usage.weight += lines;
        self.first_ms = earliest(self.first_ms, at_ms);
        self.last_ms = self.last_ms.max(at_ms);
    }
}

pub(super) fn earliest(one: Option<i64>, other: Option<i64>) -> Option<i64> {
    match (one, other) {
        (Some(one), Some(other)) => Some(one.min(other)),
        (one, other) => one.or(other),
    }
}
