//! The search for literal texts whose case is ignored.
//!
//! Of each text, four bytes that are rare in logs are searched for in both cases, many texts in a bucket of one SIMD search. What is
//! there is compared with the texts of the bucket: letters in any case, as regular expressions do, so that `k` is also the Kelvin
//! sign and `s` the long s. Those two are never among the four bytes, and texts with other letters than those of ASCII are
//! left to the regular expression.

use std::ops::Range;

use crate::scan::rarity::commonness;
use crate::sys::beginnings::{BeginningSearch, SET, WIDTH};

/// The fewest bytes of a text that are searched for.
const KEY_BYTES_MIN: usize = 3;
/// With more texts than this, the regular expression is as fast.
const TEXTS_MAX: usize = 512;
/// How many buckets there are for many texts.
const SETS: usize = 4;
const KELVIN_SIGN: &[u8] = "\u{212a}".as_bytes();
const LONG_S: &[u8] = "\u{17f}".as_bytes();

/// A text, and which of its bytes are searched for.
#[derive(Debug)]
struct FoldedText {
    bytes: Box<[u8]>,
    key: Range<usize>,
    is_case_ignored: bool,
}

/// See the [module](self).
#[derive(Debug)]
pub(super) struct FoldedSearch {
    few: Option<BeginningSearch<1>>,
    many: BeginningSearch<SETS>,
    texts: Vec<FoldedText>,
    /// The numbers of the texts in each bucket.
    buckets: Vec<Vec<usize>>,
}

impl FoldedSearch {
    /// A search for texts, of each of which the case may be ignored. `None` if they are not suitable.
    pub(super) fn new<'a>(texts: impl IntoIterator<Item = (&'a str, bool)>) -> Option<FoldedSearch> {
        let folded = |(text, is_case_ignored): (&str, bool)| {
            let bytes: Box<[u8]> = text.as_bytes().into();
            let key = rarest(&bytes).filter(|_| text.is_ascii())?;
            Some(FoldedText { bytes, key, is_case_ignored })
        };
        let texts: Vec<FoldedText> = texts.into_iter().map(folded).collect::<Option<_>>()?;
        if texts.len() > TEXTS_MAX {
            return None;
        }
        // Texts that are alike share a bucket, so that few other bytes are hits.
        let mut order: Vec<usize> = (0..texts.len()).collect();
        order.sort_by_key(|number| texts[*number].key_bytes().to_ascii_lowercase());
        let count = if texts.len() <= SET { SET } else { SET * SETS };
        let (mut few, mut many) = (BeginningSearch::default(), BeginningSearch::default());
        let mut buckets = vec![Vec::new(); count];
        for (place, number) in order.iter().enumerate() {
            let bucket = place * count.min(texts.len()) / texts.len();
            buckets[bucket].push(*number);
            let places: Vec<Vec<u8>> = texts[*number].cases().collect();
            let places: Vec<&[u8]> = places.iter().map(Vec::as_slice).collect();
            if count == SET {
                few.add(bucket, &places);
            } else {
                many.add(bucket, &places);
            }
        }
        Some(FoldedSearch { few: (count == SET).then_some(few), many, texts, buckets })
    }

    /// The first place at or after `from` at which `is_found` confirms a text: it is asked with its number and where it is.
    pub(super) fn find(
        &self,
        bytes: &[u8],
        from: usize,
        mut is_found: impl FnMut(usize, Range<usize>) -> bool,
    ) -> Option<usize> {
        let confirms = |at: usize, buckets: u32| {
            let mut buckets = buckets;
            let mut is_any = false;
            while buckets != 0 {
                let bucket = buckets.trailing_zeros() as usize;
                buckets &= buckets - 1;
                for number in &self.buckets[bucket] {
                    if let Some(place) = self.texts[*number].place(bytes, at) {
                        is_any |= is_found(*number, place);
                    }
                }
            }
            is_any
        };
        match &self.few {
            Some(few) => few.find(bytes, from, confirms),
            None => self.many.find(bytes, from, confirms),
        }
    }
}

impl FoldedText {
    fn key_bytes(&self) -> &[u8] {
        &self.bytes[self.key.clone()]
    }

    /// For each byte of the key, what it may be.
    fn cases(&self) -> impl Iterator<Item = Vec<u8>> {
        self.key_bytes().iter().map(|byte| match byte {
            byte if self.is_case_ignored && byte.is_ascii_alphabetic() => {
                vec![byte.to_ascii_lowercase(), byte.to_ascii_uppercase()]
            }
            byte => vec![*byte],
        })
    }

    /// Where the text is in `bytes` if its key is at `at`.
    fn place(&self, bytes: &[u8], at: usize) -> Option<Range<usize>> {
        let (before, after) = self.bytes.split_at(self.key.start);
        if !self.is_case_ignored {
            let start = at.checked_sub(before.len())?;
            return bytes[start..].starts_with(&self.bytes).then(|| start..start + self.bytes.len());
        }
        let mut end = at;
        for byte in after {
            end += same_at_start(*byte, bytes.get(end..)?)?;
        }
        let mut start = at;
        for byte in before.iter().rev() {
            start -= same_at_end(*byte, &bytes[..start])?;
        }
        Some(start..end)
    }
}

/// How many bytes of `bytes` are the letter `byte` in some case.
fn same_at_start(byte: u8, bytes: &[u8]) -> Option<usize> {
    if bytes.first()?.eq_ignore_ascii_case(&byte) {
        return Some(1);
    }
    let other = other_letter(byte)?;
    bytes.starts_with(other).then_some(other.len())
}

/// The same for the end of `bytes`.
fn same_at_end(byte: u8, bytes: &[u8]) -> Option<usize> {
    if bytes.last()?.eq_ignore_ascii_case(&byte) {
        return Some(1);
    }
    let other = other_letter(byte)?;
    bytes.ends_with(other).then_some(other.len())
}

/// The letter outside of ASCII that differs from `byte` in case only.
fn other_letter(byte: u8) -> Option<&'static [u8]> {
    match byte {
        b'k' | b'K' => Some(KELVIN_SIGN),
        b's' | b'S' => Some(LONG_S),
        _ => None,
    }
}

/// Where the rarest bytes of a text are that have the same length in each case.
fn rarest(text: &[u8]) -> Option<Range<usize>> {
    let windows = |length: usize| (0..(text.len() + 1).saturating_sub(length)).map(move |at| at..at + length);
    let is_plain =
        |window: &Range<usize>| text[window.clone()].iter().all(|byte| other_letter(*byte).is_none());
    let cost = |window: &Range<usize>| {
        let of_byte =
            |byte: &u8| commonness(byte.to_ascii_lowercase()).max(commonness(byte.to_ascii_uppercase()));
        text[window.clone()].iter().map(of_byte).sum::<u32>()
    };
    let of_length = |length: usize| windows(length).filter(is_plain).min_by_key(cost);
    (KEY_BYTES_MIN..=WIDTH).rev().find_map(of_length)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(texts: &[(&str, bool)], bytes: &str) -> Vec<(usize, String)> {
        let search = FoldedSearch::new(texts.iter().copied()).unwrap();
        let (mut all, mut from) = (Vec::new(), 0);
        let find = |from: usize, all: &mut Vec<(usize, String)>| {
            search.find(bytes.as_bytes(), from, |number, place| {
                all.push((number, bytes[place].to_owned()));
                true
            })
        };
        while let Some(at) = find(from, &mut all) {
            from = at + 1;
        }
        all
    }

    #[test]
    fn letters_in_any_case() {
        let texts = [("disk full", true), ("E17", false), ("[oom]", true)];
        let found = found(&texts, "DISK FULL di\u{17f}\u{212a} Full e17 E17 [Oom] disk ful");
        let wanted = [(0, "DISK FULL"), (0, "di\u{17f}\u{212a} Full"), (1, "E17"), (2, "[Oom]")];
        assert_eq!(found, wanted.map(|(number, text)| (number, text.to_owned())));
    }

    #[test]
    fn what_is_not_suitable_is_left() {
        for text in ["ab", "task", "größe", "s k s"] {
            assert!(FoldedSearch::new([(text, true)]).is_none(), "{text}");
        }
    }

    #[test]
    fn many_texts_have_buckets() {
        let texts: Vec<String> = (0..TEXTS_MAX).map(|number| format!("code-{number:04}!")).collect();
        let all: Vec<_> = texts.iter().map(|text| (text.as_str(), true)).collect();
        for number in [0, 7, 99, TEXTS_MAX - 1] {
            let text = format!("x CODE-{number:04}! y");
            assert_eq!(found(&all, &text), [(number, text[2..12].to_owned())]);
        }
        let more = texts.iter().chain([&texts[0]]).map(|text| (text.as_str(), true));
        assert!(FoldedSearch::new(more).is_none());
    }
}
