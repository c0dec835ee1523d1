//! From a line to its signature, with memory that is kept from line to line.

use std::sync::Arc;

use regex_automata::meta::Regex;

use crate::pattern::mask::MASKED;
use crate::pattern::message::message;
use crate::pattern::record;
use crate::pattern::settings::PatternSettings;
use crate::pattern::signature::Signature;

/// Memory that is kept from line to line.
#[derive(Debug, Clone, Default)]
pub(super) struct Scratch {
    signature: Signature,
    plain: Vec<u8>,
    masked: Vec<u8>,
    joined: Vec<u8>,
}

impl Scratch {
    /// The signature and the message of `line`.
    pub(super) fn read<'a>(&'a mut self, masks: &[Regex], line: &'a [u8]) -> (&'a Signature, &'a [u8]) {
        let Scratch { signature, plain, masked, joined } = self;
        let (line, trace) = record::parts(line);
        let mut found = message(line, plain).unwrap_or(plain);
        if !trace.is_empty() {
            joined.clear();
            joined.extend_from_slice(found);
            joined.extend_from_slice(trace);
            found = joined;
        }
        let message = apply_masks(masks, found, masked);
        signature.set(message);
        (signature, message)
    }
}

/// Finds the signatures of lines where the registry is not at hand.
#[derive(Debug, Clone, Default)]
pub struct SignatureReader {
    masks: Arc<Vec<Regex>>,
    scratch: Scratch,
}

impl SignatureReader {
    /// A reader for registries with the same settings. It takes memory only once it reads.
    #[must_use]
    pub fn new(settings: &PatternSettings) -> SignatureReader {
        SignatureReader { masks: Arc::clone(&settings.masks), scratch: Scratch::default() }
    }

    /// The hash of the signature of `line`, for [`Registry::count`](crate::pattern::Registry::count).
    pub fn hash(&mut self, line: &[u8]) -> u64 {
        self.scratch.read(&self.masks, line).0.hash()
    }
}

/// `message` with what the masks of the settings find replaced by [`MASKED`].
fn apply_masks<'a>(masks: &[Regex], message: &'a [u8], masked: &'a mut Vec<u8>) -> &'a [u8] {
    if masks.is_empty() {
        return message;
    }
    let mut text = std::mem::take(masked);
    text.clear();
    text.extend_from_slice(message);
    for mask in masks {
        if mask.is_match(&*text) {
            let mut next = Vec::with_capacity(text.len());
            let mut from = 0;
            for found in mask.find_iter(&*text).filter(|found| !found.is_empty()) {
                next.extend_from_slice(&text[from..found.start()]);
                next.push(MASKED);
                from = found.end();
            }
            next.extend_from_slice(&text[from..]);
            text = next;
        }
    }
    *masked = text;
    masked
}
