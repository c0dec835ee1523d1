//! Teddy with a say in which texts share a bucket.
//!
//! Teddy distributes its texts over eight buckets, and takes a place for a find if each of its first bytes has the low and
//! the high half of such a byte of some text in the bucket. With texts that look alike in a bucket it is rarely wrong; with a
//! random mixture nearly every byte of a log is a find that must be rejected.

use std::collections::HashSet;

use aho_corasick::Span;
use aho_corasick::packed::{Config, MatchKind, Searcher};

/// How many groups of texts Teddy distinguishes.
pub(super) const BUCKETS: usize = 8;
/// How many bytes of a text Teddy looks at, at most.
pub(super) const MASK_BYTES_MAX: usize = 4;

/// A search for texts, each of which is of some kind.
#[derive(Debug)]
pub(super) struct Teddy<T> {
    searcher: Searcher,
    kinds: Vec<T>,
}

impl<T: Copy> Teddy<T> {
    /// A search for all texts in `buckets`. `None` if they are too many, or the processor has no SIMD.
    pub(super) fn new(buckets: [Vec<(T, Vec<u8>)>; BUCKETS]) -> Option<Teddy<T>> {
        let (kinds, texts): (Vec<T>, Vec<Vec<u8>>) = arranged(buckets).into_iter().unzip();
        let mut config = Config::new();
        config
            .match_kind(MatchKind::LeftmostFirst)
            .only_teddy(true)
            .only_teddy_fat(Some(false))
            .heuristic_pattern_limits(false);
        Some(Teddy { searcher: config.builder().extend(texts).build()?, kinds })
    }

    /// The first find at or after `from`.
    pub(super) fn find(&self, bytes: &[u8], from: usize) -> Option<(T, Span)> {
        let found = self.searcher.find_in(bytes, Span::from(from..bytes.len()))?;
        Some((self.kinds[found.pattern().as_usize()], found.span()))
    }
}

/// The texts of all buckets in such an order that each gets into its bucket: the text with number n gets into bucket n modulo
/// 8, unless an earlier one has the same low halves in its first bytes, with which it then is.
pub(super) fn arranged<T: Copy>(buckets: [Vec<(T, Vec<u8>)>; BUCKETS]) -> Vec<(T, Vec<u8>)> {
    let bytes = buckets.iter().flatten().map(|(_, text)| text.len()).min().unwrap_or_default();
    let halves =
        |text: &[u8]| -> Vec<u8> { text[..bytes.min(MASK_BYTES_MAX)].iter().map(|b| b & 15).collect() };
    let mut seen = HashSet::new();
    let mut followers = Vec::new();
    let leaders = buckets.map(|bucket| {
        let (leaders, others): (Vec<_>, Vec<_>) =
            bucket.into_iter().partition(|(_, text)| seen.insert(halves(text)));
        followers.extend(others);
        leaders
    });
    let rows = leaders.iter().map(Vec::len).max().unwrap_or_default();
    let (mut arranged, mut placed) = (Vec::<(T, Vec<u8>)>::new(), HashSet::new());
    for row in 0..rows {
        for bucket in &leaders {
            let text = bucket.get(row).cloned().or_else(|| {
                // A place that is left is for a text whose bucket is settled, or for a repetition of one.
                let settled = followers.iter().position(|(_, text)| placed.contains(&halves(text)));
                settled.map(|at| followers.swap_remove(at)).or_else(|| arranged.first().cloned())
            });
            placed.extend(text.iter().map(|(_, text)| halves(text)));
            arranged.extend(text);
        }
    }
    arranged.extend(followers);
    arranged
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_text_is_found_with_its_kind() {
        let texts = ["abc", "abd", "Abc", "xyz", "12345", "b1b", "qqq"];
        let mut buckets: [Vec<(usize, Vec<u8>)>; BUCKETS] = Default::default();
        for (number, text) in texts.iter().enumerate() {
            buckets[number / 2].push((number, text.as_bytes().to_vec()));
        }
        let Some(search) = Teddy::new(buckets) else { return };
        for (number, text) in texts.iter().enumerate() {
            let line = format!("{}{text}{}", "-".repeat(40), "-".repeat(40));
            let found = search.find(line.as_bytes(), 0).map(|(kind, span)| (kind, span.start));
            assert_eq!(found, Some((number, 40)), "{text}");
        }
    }
}
