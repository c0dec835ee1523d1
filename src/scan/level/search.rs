//! A search for short texts, each of which is of some kind.
//!
//! The texts that begin alike share a bucket, as only their first bytes are searched for; each hit is compared with the texts
//! of its bucket.

use std::ops::Range;

use crate::scan::level::texts::{Buckets, Kind, Text};
use crate::sys::beginnings::{BeginningSearch, SET, WIDTH};

/// See the [module](self).
#[derive(Debug)]
pub(super) struct TextSearch<const SETS: usize> {
    beginnings: BeginningSearch<SETS>,
    texts: [Buckets; SETS],
}

impl<const SETS: usize> TextSearch<SETS> {
    /// A search for all texts of all sets.
    pub(super) fn new(texts: [Buckets; SETS]) -> TextSearch<SETS> {
        let mut beginnings = BeginningSearch::default();
        let buckets = texts.iter().flatten().enumerate();
        for (bucket, text) in buckets.flat_map(|(n, all)| all.iter().map(move |text| (n, text))) {
            let mut places: Vec<&[u8]> = text.bytes.chunks(1).take(WIDTH).collect();
            places.push(text.after);
            beginnings.add(bucket, &places);
        }
        TextSearch { beginnings, texts }
    }

    /// Where the first text at or after `from` begins that `is_found` confirms. It is asked for each text, in order.
    pub(super) fn find(
        &self,
        bytes: &[u8],
        from: usize,
        mut is_found: impl FnMut(Kind, Range<usize>) -> bool,
    ) -> Option<usize> {
        self.beginnings.find(bytes, from, |at, buckets| {
            let (rest, mut buckets) = (&bytes[at..], buckets);
            let first = match rest.first_chunk() {
                Some(first) => u32::from_le_bytes(*first),
                None => rest.iter().rev().fold(0, |all, byte| all << 8 | u32::from(*byte)),
            };
            while buckets != 0 {
                let bucket = buckets.trailing_zeros() as usize;
                buckets &= buckets - 1;
                let is_here =
                    |text: &Text| text.begins(rest, first) && is_found(text.kind, at..at + text.bytes.len());
                if self.texts[bucket / SET][bucket % SET].iter().any(is_here) {
                    return true;
                }
            }
            false
        })
    }
}
