//! The lines of the record around a line that matched, as far as they are at hand.

use std::ops::Range;
use std::sync::Arc;

use crate::scan::level::{Level, level_of};
use crate::scan::line::{content, line_around};
use crate::scan::records::{RecordRule, StartSearch, Starts};
use crate::scan::rules::RuleSet;

/// So many lines are looked at, before the line and behind it.
const LINES_MAX: usize = 400;
/// And so many bytes behind it.
const BYTES_MAX: usize = 64 << 10;

/// See the [module](self).
#[derive(Debug)]
pub struct RecordBounds {
    starts: Vec<StartSearch>,
    of_rules: Vec<Option<RecordRule>>,
    line_bytes_max: usize,
}

impl RecordBounds {
    /// `None` if no rule joins lines.
    #[must_use]
    pub fn new(rules: &Arc<RuleSet>, line_bytes_max: usize) -> Option<RecordBounds> {
        let Starts { boundaries, of_rules } = rules.starts()?;
        let search = |boundary| StartSearch::new(boundary, line_bytes_max);
        Some(RecordBounds {
            starts: boundaries.iter().map(search).collect(),
            of_rules: of_rules.clone(),
            line_bytes_max,
        })
    }

    /// The record around the line at `place`, which matches `rule`, from its first line on, without the line feed at its end. That is
    /// the line itself if the rule does not join lines.
    ///
    /// With `multiline`, a line that continues a record whose first line is no error is the first line of its own.
    pub fn around(&mut self, rule: usize, bytes: &[u8], place: &Range<usize>) -> Range<usize> {
        let Some(RecordRule { boundary, is_multiline, .. }) = self.of_rules[rule] else {
            return place.clone();
        };
        let search = &mut self.starts[boundary];
        let mut first = place.clone();
        for _ in 0..LINES_MAX {
            if first.start == 0 || search.begins(&bytes[first.clone()]) {
                break;
            }
            first = line_around(bytes, 0, first.start - 1);
        }
        let is_error = |line: &[u8]| level_of(content(line, self.line_bytes_max)) >= Some(Level::Warn);
        let is_known = search.begins(&bytes[first.clone()]);
        if !is_known || (is_multiline && first.start < place.start && !is_error(&bytes[first.clone()])) {
            first = place.clone();
        }
        let mut end = place.end;
        for _ in 0..LINES_MAX {
            if end + 1 >= bytes.len() || end - place.end > BYTES_MAX {
                break;
            }
            let next = line_around(bytes, end + 1, end + 1);
            if search.begins(&bytes[next.clone()]) {
                break;
            }
            end = next.end;
        }
        first.start..end
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scan::multiline::Multiline;
    use crate::scan::spec::RuleSpec;

    fn record(spec: RuleSpec, text: &str, matching: &str) -> String {
        let rules = RuleSet::compile(&[spec]).unwrap();
        let mut bounds = RecordBounds::new(&rules, 1 << 20).unwrap();
        let start = text.find(matching).unwrap();
        let line = line_around(text.as_bytes(), 0, start);
        text[bounds.around(0, text.as_bytes(), &line)].to_owned()
    }

    const TEXT: &str = "INFO a\nERROR b\nx.FooException: c\n\tat x.Y.z(Y.java:1)\nINFO d\nx.BarException: e\n\tat x.Y.z(Y.java:2)\n";

    #[test]
    fn from_the_first_line_to_the_last() {
        let java = || RuleSpec { multiline: Some(Multiline::Java), ..RuleSpec::containing("x") };
        let whole = "ERROR b\nx.FooException: c\n\tat x.Y.z(Y.java:1)";
        assert_eq!(record(java(), TEXT, "ERROR"), whole);
        assert_eq!(record(java(), TEXT, "Y.java:1"), whole);
        assert_eq!(record(java(), TEXT, "x.Bar"), "x.BarException: e\n\tat x.Y.z(Y.java:2)");
        assert_eq!(record(java(), TEXT, "INFO a"), "INFO a");
    }

    #[test]
    fn by_a_pattern() {
        let rule = || RuleSpec { record_start: Some("^(INFO|ERROR)".into()), ..RuleSpec::containing("x") };
        assert_eq!(record(rule(), TEXT, "x.Bar"), "INFO d\nx.BarException: e\n\tat x.Y.z(Y.java:2)");
        // Where the record began is not at hand.
        assert_eq!(record(rule(), "x.a\nb x\nINFO\n", "b x"), "b x");
    }
}
