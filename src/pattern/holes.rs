//! Which words of a signature turn out to vary.
//!
//! Signatures that differ in one place only are evidence that this place varies: once it has shown enough values, it is open,
//! and all that was distinguished by it is one. All of this happens only for signatures that were not seen before.

use std::collections::VecDeque;
use std::num::NonZeroU64;

use serde::{Deserialize, Serialize};

use crate::pattern::id::{Hashed, PatternId};
use crate::pattern::signature::{Token, hole_hash};

/// Longer signatures are taken as they are.
pub(super) const TOKENS_MAX: usize = 40;
/// So many holes are remembered for each thousand patterns: a table with room for twice as many never grows.
const HOLES_PER_MILLE: usize = 1_790;
/// The same for signatures with open places.
const TEMPLATES_PER_MILLE: usize = 250;
/// The same for signatures that may differ in several places.
const FAMILY_PER_MILLE: usize = 250;

/// How many values open a hole.
const VALUES_MIN: usize = 5;
/// The same if one word only is left beside it.
const VALUES_LONE_MIN: usize = 8;
/// The same for the first word, which says what the line is about.
const VALUES_FIRST_MIN: usize = 12;
/// The same where what varies by the masks was seen too.
const VALUES_WILD_MIN: usize = 2;

/// How many signatures that differ in several places are one.
const FAMILY_MIN: usize = 4;
/// How long they have to be, in tokens.
const FAMILY_TOKENS_MIN: usize = 5;
/// How much of them has to be equal, in percent.
const FAMILY_EQUAL_PERCENT: usize = 60;

/// The values that were seen in one place.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
struct Hole {
    values: Vec<(Token, PatternId)>,
    /// The id of what it is open for. Of ids, which are hashes, none is zero.
    open: Option<NonZeroU64>,
}

/// A signature with open places.
#[derive(Debug, Clone, Serialize, Deserialize)]
struct Template {
    tokens: Box<[Token]>,
    id: PatternId,
}

/// What is known of signatures that differ in a few places.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(super) struct Holes {
    holes: Hashed<u64, Hole>,
    order: VecDeque<u64>,
    templates: VecDeque<Template>,
    members: VecDeque<Template>,
    /// So many patterns there may be, by which all bounds go.
    #[serde(skip)]
    patterns_max: usize,
}

/// Signatures that turn out to be one.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Union {
    /// Those that are united.
    pub(super) ids: Vec<PatternId>,
    /// What they have in common, with the open places.
    pub(super) tokens: Vec<Token>,
}

impl Holes {
    /// The pattern that a signature belongs to because it differs only in open places.
    pub(super) fn find(&self, tokens: &[Token]) -> Option<PatternId> {
        self.find_open(tokens).or_else(|| {
            let matching = self
                .templates
                .iter()
                .filter_map(|template| Some((constants(template, tokens)?, template.id)));
            // Of equal ones the first.
            matching.rev().max_by_key(|(constants, _)| *constants).map(|(_, id)| id)
        })
    }

    /// The pattern of an open place of the signature.
    pub(super) fn find_open(&self, tokens: &[Token]) -> Option<PatternId> {
        let open = |at| self.holes.get(&hole_hash(tokens, at)).and_then(|hole| hole.open);
        (0..tokens.len()).find_map(open).map(|id| PatternId(id.get()))
    }

    /// Adds the signature `tokens` of the pattern `id` to the evidence. Returns what is one from now on.
    pub(super) fn add(&mut self, tokens: &[Token], id: PatternId) -> Option<Union> {
        for at in 0..tokens.len() {
            let key = hole_hash(tokens, at);
            let hole = self.hole(key);
            if hole.values.iter().all(|(value, _)| *value != tokens[at])
                && hole.values.len() < VALUES_FIRST_MIN
            {
                if hole.values.is_empty() {
                    // Most holes never see a second value.
                    hole.values.reserve_exact(1);
                }
                hole.values.push((tokens[at], id));
            }
            let has_wild = hole.values.iter().any(|(value, _)| value.is_wild());
            if hole.open.is_none() && hole.values.len() >= values_min(tokens, at, has_wild) {
                let ids = hole.values.iter().map(|(_, id)| *id).collect();
                hole.open = NonZeroU64::new(id.0);
                hole.values = Vec::new();
                let mut tokens = tokens.to_vec();
                tokens[at] = Token::WILD;
                return Some(Union { ids, tokens });
            }
        }
        None
    }

    /// Adds a signature to those that may differ in several places.
    pub(super) fn add_to_family(&mut self, tokens: &[Token], id: PatternId) -> Option<Union> {
        if tokens.len() < FAMILY_TOKENS_MIN {
            return None;
        }
        let first = tokens.iter().position(|token| !token.is_wild())?;
        let is_near = |member: &&Template| {
            member.tokens.len() == tokens.len()
                && member.tokens.iter().position(|token| !token.is_wild()) == Some(first)
                && member.tokens[first] == tokens[first]
                && is_similar(&member.tokens, tokens)
        };
        let near: Vec<&Template> = self.members.iter().filter(is_near).collect();
        let is_common = |at: &usize| near.iter().all(|member| member.tokens[*at] == tokens[*at]);
        let common = (0..tokens.len()).filter(is_common).count();
        if near.len() + 1 >= FAMILY_MIN && common * 100 >= FAMILY_EQUAL_PERCENT * tokens.len() {
            let ids = near.iter().map(|member| member.id).chain([id]).collect();
            let token = |at: usize| if is_common(&at) { tokens[at] } else { Token::WILD };
            return Some(Union { ids, tokens: (0..tokens.len()).map(token).collect() });
        }
        let max = self.bound(FAMILY_PER_MILLE);
        push(&mut self.members, Template { tokens: tokens.into(), id }, max);
        None
    }

    /// Remembers a signature with open places.
    pub(super) fn add_template(&mut self, tokens: &[Token], id: PatternId) {
        if self.templates.iter().all(|template| *template.tokens != *tokens) {
            let max = self.bound(TEMPLATES_PER_MILLE);
            push(&mut self.templates, Template { tokens: tokens.into(), id }, max);
        }
    }

    /// The same within bounds that suit `patterns_max` patterns.
    pub(super) fn bounded(self, patterns_max: usize) -> Holes {
        Holes { patterns_max, ..self }
    }

    fn bound(&self, per_mille: usize) -> usize {
        (self.patterns_max * per_mille / 1_000).max(1)
    }

    fn hole(&mut self, key: u64) -> &mut Hole {
        if !self.holes.contains_key(&key) {
            if self.order.len() >= self.bound(HOLES_PER_MILLE)
                && let Some(oldest) = self.order.pop_front()
            {
                self.holes.remove(&oldest);
            }
            self.order.push_back(key);
        }
        self.holes.entry(key).or_default()
    }
}

fn push(templates: &mut VecDeque<Template>, template: Template, max: usize) {
    if templates.len() >= max {
        templates.pop_front();
    }
    templates.push_back(template);
}

/// How many values make the place `at` a variable.
fn values_min(tokens: &[Token], at: usize, has_wild: bool) -> usize {
    let constants = tokens.iter().enumerate().filter(|(n, token)| *n != at && !token.is_wild()).count();
    let before = at.checked_sub(1).map(|before| tokens[before]);
    let is_first = at == 0 || at == 1 && tokens[0].is_wild();
    let base = match constants {
        0 => return usize::MAX,
        _ if is_first => VALUES_FIRST_MIN,
        1 => VALUES_LONE_MIN,
        _ => VALUES_MIN,
    };
    let has_number = has_wild && !before.is_some_and(Token::is_key);
    if has_number { VALUES_WILD_MIN } else { base }
}

/// How many words `tokens` share with `template`, if they belong to it.
fn constants(template: &Template, tokens: &[Token]) -> Option<usize> {
    if template.tokens.len() != tokens.len() {
        return None;
    }
    let (mut constants, mut before) = (0, Token::WILD);
    for (known, token) in template.tokens.iter().zip(tokens) {
        if known == token {
            constants += usize::from(!known.is_wild());
        } else if !known.is_wild() && !before.is_key() {
            return None;
        }
        before = *token;
    }
    (constants > 0).then_some(constants)
}

fn is_similar(one: &[Token], other: &[Token]) -> bool {
    let mut equal = 0;
    for (one, other) in one.iter().zip(other) {
        if one == other {
            equal += 1;
        } else if one.is_caps() && other.is_caps() {
            return false;
        }
    }
    equal * 100 >= FAMILY_EQUAL_PERCENT * one.len()
}
