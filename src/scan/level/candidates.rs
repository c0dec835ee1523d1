//! Finds the lines that may have a severe level, without a judgement of each line.
//!
//! A line with a severe level must hold one of about two hundred short texts: a name such as `err` or `FATA`, a letter where
//! letters are levels (`[E]`, ` E `), a member of JSON with a severe number, or a mark such as `<11>`. One SIMD search looks for
//! them. A find is checked against what stands around it, since most finds are parts of other words (`interrupt`,
//! `errors=0`). So on ordinary lines there is nothing to judge.
//!
//! The search may find too many lines, never too few: a property test compares it with [`level_of`](super::level_of).

use std::ops::Range;

use crate::scan::level::keys;
use crate::scan::level::name::Level;
use crate::scan::level::search::TextSearch;
use crate::scan::level::texts::{Kind, of_letters, of_members_and_names, of_texts, of_warnings};
use crate::scan::level::{colours, marks, translated, words};
use crate::scan::line::line_around;

/// A word that is no level.
const ERRORS: &[u8] = b"errors";

/// The next find of a search, so that the other searches can catch up.
#[derive(Debug, Clone, Copy, Default)]
pub(in crate::scan) struct NextFind(Option<usize>);

impl NextFind {
    /// The first find at or after `from`, by `search` if it is not known yet. `usize::MAX` if there is none.
    pub(in crate::scan) fn at(&mut self, from: usize, search: impl FnOnce(usize) -> Option<usize>) -> usize {
        match self.0 {
            Some(known) if known >= from => known,
            _ => *self.0.insert(search(from).unwrap_or(usize::MAX)),
        }
    }
}

/// How far each search is in the current bytes.
#[derive(Debug, Clone, Copy, Default)]
pub(in crate::scan) struct LevelFinds {
    errors: NextFind,
    warnings: NextFind,
    texts: NextFind,
}

/// See the [module](self).
#[derive(Debug)]
pub(in crate::scan) struct LevelSearch {
    least: Level,
    errors: TextSearch<2>,
    /// What only warnings hold, if they count.
    warnings: Option<TextSearch<2>>,
    /// What is looked for besides levels.
    texts: Vec<String>,
    of_texts: Option<TextSearch<1>>,
}

impl LevelSearch {
    /// Finds lines that are as severe as `least`, which is at least a warning, and lines that hold one of `texts`, each of at
    /// least [`TEXT_BYTES_MIN`](super::TEXT_BYTES_MIN) bytes.
    pub(in crate::scan) fn new(least: Level, texts: &[String]) -> LevelSearch {
        LevelSearch {
            least,
            errors: TextSearch::new([of_letters(b"EF"), of_members_and_names()]),
            warnings: (least <= Level::Warn).then(|| TextSearch::new([of_letters(b"W"), of_warnings()])),
            texts: texts.to_vec(),
            of_texts: (!texts.is_empty()).then(|| TextSearch::new([of_texts(texts)])),
        }
    }

    /// A byte of the next line that may be severe, at or after `from`, where a line begins.
    pub(in crate::scan) fn find(&self, bytes: &[u8], from: usize, finds: &mut LevelFinds) -> Option<usize> {
        if from == 0 && matches!(bytes.first(), Some(0 | b'E' | b'F' | b'W')) {
            return Some(0);
        }
        let mut first = finds.errors.at(from, |from| self.find_in(&self.errors, bytes, from, true));
        if let Some(search) = &self.warnings {
            first = first.min(finds.warnings.at(from, |from| self.find_in(search, bytes, from, true)));
        }
        if let Some(search) = &self.of_texts {
            first = first.min(finds.texts.at(from, |from| self.find_in(search, bytes, from, true)));
        }
        (first < bytes.len()).then_some(first)
    }

    /// Whether `line`, whose colours are removed, may be severe.
    fn is_candidate(&self, line: &[u8]) -> bool {
        matches!(line.trim_ascii_start().first(), Some(b'E' | b'F' | b'W'))
            || self.find_in(&self.errors, line, 0, false).is_some()
            || self.warnings.as_ref().is_some_and(|search| self.find_in(search, line, 0, false).is_some())
            || self.of_texts.as_ref().is_some_and(|search| self.find_in(search, line, 0, false).is_some())
    }

    fn find_in<const SETS: usize>(
        &self,
        search: &TextSearch<SETS>,
        bytes: &[u8],
        from: usize,
        may_be_coloured: bool,
    ) -> Option<usize> {
        let mut plain_to = 0;
        // The line feed before the line tells where it begins.
        let found = search.find(bytes, from.saturating_sub(1), |kind, found| {
            if kind != Kind::Escape {
                return self.confirms(kind, bytes, found);
            }
            if !may_be_coloured || found.start < plain_to {
                return false;
            }
            let line = line_around(bytes, 0, found.start);
            plain_to = line.end;
            self.is_candidate(&colours::without(&bytes[line]))
        })?;
        Some(found + usize::from(bytes[found] == b'\n'))
    }

    /// Whether what stands around a find makes its line a candidate.
    fn confirms(&self, kind: Kind, bytes: &[u8], found: Range<usize>) -> bool {
        let Range { start, end } = found;
        let next = |at: usize| bytes.get(at).copied().unwrap_or(b'\n');
        let is_part = |b: u8| b.is_ascii_alphanumeric() || b == b'_';
        match kind {
            Kind::Name => self.is_name(bytes, start),
            // `stdout F ` is no level but CRI's mark of a whole line.
            Kind::Rare => !(bytes[..start].ends_with(b"stdout") || bytes[..start].ends_with(b"stderr")),
            Kind::Glog => (end..end + 4).all(|at| next(at).is_ascii_digit()),
            Kind::Device => {
                let is_after_name = start.checked_sub(1).is_some_and(|at| is_part(bytes[at]));
                let is_number = || (end..end + 3).all(|at| next(at).is_ascii_digit());
                is_after_name && (next(end).is_ascii_uppercase() || is_number())
            }
            Kind::Huawei => {
                let word = &bytes[start..(start + marks::DEVICE_BYTES_MAX).min(bytes.len())];
                word.windows(3).any(|part| matches!(part, [b'/', b'0'..=b'4', b'/']))
            }
            Kind::PairLetter => !is_part(next(end)),
            Kind::QuotedLetter => {
                let before = bytes[..start].strip_suffix(b"\\").unwrap_or(&bytes[..start]).trim_ascii_end();
                matches!(before.last(), Some(b':' | b'='))
            }
            Kind::Number(quote) => keys::is_severe_number(bytes, start + quote, self.least),
            Kind::QuotedNumber => keys::is_severe_text(bytes, start, self.least),
            Kind::Priority => self.is_severe_priority(&bytes[start..]),
            Kind::Text { number, key_at } => start.checked_sub(key_at).is_some_and(|start| {
                self.texts.get(number).is_some_and(|text| bytes[start..].starts_with(text.as_bytes()))
            }),
            Kind::Escape => false,
        }
    }

    /// Whether a word begins at `start` that is the name of a level.
    fn is_name(&self, bytes: &[u8], start: usize) -> bool {
        let is_part = |b: &u8| b.is_ascii_alphanumeric() || *b == b'_';
        let is_inside = match &bytes[start.saturating_sub(2)..start] {
            // Escaped white space in JSON; and DPANIC is one of zap's levels.
            [b'\\', b'n' | b'r' | b't'] | [.., b'd' | b'D'] => false,
            before => before.last().is_some_and(is_part),
        };
        if is_inside {
            return false;
        }
        let rest = &bytes[start..];
        let end = rest.iter().position(|b| !is_part(b)).unwrap_or(rest.len());
        let word = &rest[..end];
        let is_fail = || word == b"fail" && rest.get(end) == Some(&b':');
        // Most words that begin so are of this kind.
        if word.len() == ERRORS.len() && word.ends_with(&ERRORS[3..]) {
            return false;
        }
        let level = words::word(word).or_else(|| translated::word(word)).or_else(|| {
            translated::word_before_colon(word)
                .filter(|_| rest.get(end).is_some_and(|b| matches!(b, b':' | b' ')))
        });
        level.is_some_and(|level| level >= self.least) || is_fail()
    }

    fn is_severe_priority(&self, bytes: &[u8]) -> bool {
        marks::priority(bytes).is_some_and(|level| level >= self.least)
    }
}
