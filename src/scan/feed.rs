//! The one read loop: show a window of a stream, advance over its complete lines, widen the window where a line is
//! longer, finish the last line at the end.
//!
//! [`Feed::step`] is the body of that loop for bytes that stay as they are: chunks of files, archives, pipes. A live file
//! can change under the scan. Its reader calls [`Feed::look`], which changes nothing, then checks that the file is still
//! the one that was scanned, and only then moves its own cursor; how much it reads next depends on the backlog that is left.

use std::ops::Range;

use crate::scan::cursor::{Follows, LineCursor, Step};

/// The end of a stream whose length is not known.
pub const END_UNKNOWN: u64 = u64::MAX;

/// Judges lines: [`LineCursor::advance`] with a scanner and a place for its hits.
pub type JudgeLines<'j> = &'j mut dyn FnMut(&mut LineCursor, &[u8], Follows) -> Step;

/// Shows the bytes of a range, or fewer if the stream ends before, to a closure that is called at most once. The closure
/// returns how many of the bytes are judged.
pub type Show<'s, E> = &'s mut dyn FnMut(Range<u64>, &mut dyn FnMut(&[u8]) -> usize) -> Result<(), E>;

/// Chooses the windows in which a stream is shown.
#[derive(Debug, Clone)]
pub struct Feed {
    /// Lines that begin here or later belong to another chunk.
    own_end: u64,
    end: u64,
    grows: bool,
    window_bytes: u64,
    /// Size of the next window, in bytes.
    wanted: u64,
    /// Whether the line at the cursor does not end within the last window.
    is_widened: bool,
    /// The end of the last window that was shown.
    seen: u64,
}

/// The result of a look at one window.
#[derive(Debug, Clone, Copy)]
pub struct Look {
    /// The cursor after the judged lines.
    pub cursor: LineCursor,
    /// What the line at that cursor needs.
    pub step: Step,
    asked: u64,
    seen: u64,
    is_last: bool,
}

/// What the stream needs next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fed {
    /// A larger window at once: no line ends within this one.
    Widen,
    /// Another window.
    More,
    /// Nothing: every line is judged.
    Done,
}

impl Feed {
    /// A stream that ends where nothing more can be shown.
    #[must_use]
    pub fn to_end(window_bytes: u64) -> Feed {
        Feed::chunk(END_UNKNOWN, END_UNKNOWN, window_bytes)
    }

    /// Lines that begin before `own_end`, in a stream of `end` bytes (or [`END_UNKNOWN`]).
    #[must_use]
    pub fn chunk(own_end: u64, end: u64, window_bytes: u64) -> Feed {
        let window_bytes = window_bytes.max(1);
        Feed { own_end, end, grows: false, window_bytes, wanted: window_bytes, is_widened: false, seen: 0 }
    }

    /// A file of `size` bytes that may grow.
    #[must_use]
    pub fn growing(size: u64, window_bytes: u64) -> Feed {
        Feed { grows: true, ..Feed::chunk(END_UNKNOWN, size, window_bytes) }
    }

    /// What to show next: no bytes after the own ones, unless a line extends past them.
    #[must_use]
    pub fn range(&self, cursor: &LineCursor) -> Range<u64> {
        let from = cursor.offset;
        let mut to = from.saturating_add(self.wanted).min(self.end);
        if from < self.own_end && !self.is_widened {
            to = to.min(self.own_end);
        }
        from..to.max(from)
    }

    /// The end of the last window that was shown.
    #[must_use]
    pub fn seen(&self) -> u64 {
        self.seen
    }

    /// Judges the lines of the next window and moves `cursor` past them.
    ///
    /// # Errors
    /// The error of `show`. Nothing has changed then, and the step can be repeated with another `show`.
    pub fn step<E>(
        &mut self,
        cursor: &mut LineCursor,
        judge: JudgeLines<'_>,
        show: Show<'_, E>,
    ) -> Result<Fed, E> {
        if self.range(cursor).is_empty() {
            return Ok(Fed::Done);
        }
        let look = self.look(*cursor, judge, show)?;
        *cursor = look.cursor;
        Ok(self.accept(&look))
    }

    /// Judges the lines of the next window, which begins at `cursor`.
    ///
    /// # Errors
    /// The error of `show`.
    pub fn look<E>(
        &self,
        mut cursor: LineCursor,
        judge: JudgeLines<'_>,
        show: Show<'_, E>,
    ) -> Result<Look, E> {
        let range = self.range(&cursor);
        let (from, asked) = (range.start, range.end - range.start);
        let (mut step, mut seen, mut is_last) = (Step::Done, from, false);
        show(range, &mut |bytes| {
            seen = from + bytes.len() as u64;
            let own_end = line_end_from(bytes, self.own_end.saturating_sub(1).saturating_sub(from));
            let is_end = (bytes.len() as u64) < asked || seen == self.end;
            let follows = match (is_end && own_end.is_none(), self.grows) {
                (false, _) => Follows::More,
                (true, true) => Follows::Later,
                (true, false) => Follows::Nothing,
            };
            is_last = is_end || own_end.is_some();
            step = judge(&mut cursor, &bytes[..own_end.unwrap_or(bytes.len())], follows);
            (cursor.offset - from) as usize
        })?;
        Ok(Look { cursor, step, asked, seen, is_last })
    }

    /// Chooses the window after `look`.
    pub fn accept(&mut self, look: &Look) -> Fed {
        self.seen = look.seen;
        let only_tail_left = look.cursor.inside_long_line && look.cursor.offset >= self.own_end;
        if look.is_last || only_tail_left {
            return Fed::Done;
        }
        self.is_widened = look.step == Step::Widen;
        if self.is_widened {
            self.wanted = self.wanted.max(look.asked.saturating_mul(2));
            return Fed::Widen;
        }
        self.wanted = self.window_bytes;
        Fed::More
    }
}

/// The end of the first line whose line feed is at or after `from`.
fn line_end_from(bytes: &[u8], from: u64) -> Option<usize> {
    let from = usize::try_from(from).ok().filter(|from| *from < bytes.len())?;
    memchr::memchr(b'\n', &bytes[from..]).map(|lf| from + lf + 1)
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;
    use std::sync::Arc;

    use proptest::prelude::*;

    use super::*;
    use crate::scan::multiline::Multiline;
    use crate::scan::rules::{RuleSet, RuleSpec};
    use crate::scan::scanner::Scanner;

    /// Counts line by line, without windows.
    fn oracle(stream: &[u8], max: usize) -> usize {
        let body = stream.strip_suffix(b"\n").unwrap_or(stream);
        if stream.is_empty() {
            return 0;
        }
        body.split(|b| *b == b'\n')
            .filter(|line| {
                let start = line.iter().position(|b| *b != 0).unwrap_or(line.len());
                let line = &line[start..];
                let line = &line[..line.len().min(max)];
                line.windows(2).any(|w| w == b"EE")
            })
            .count()
    }

    /// Counts the lines with `E` and with `x` that are the first such line of a record, which begins at `R`.
    fn records_oracle(stream: &[u8]) -> [usize; 3] {
        let mut counts = [0; 3];
        let mut open = [false; 2];
        let body = stream.strip_suffix(b"\n").unwrap_or(stream);
        for line in body.split(|b| *b == b'\n').filter(|_| !stream.is_empty()) {
            if line.starts_with(b"R") {
                open = [false; 2];
            }
            for (kind, byte) in [b'E', b'x'].into_iter().enumerate() {
                if line.contains(&byte) {
                    counts[kind] += usize::from(!std::mem::replace(&mut open[kind], true));
                }
            }
            counts[2] += usize::from(line.contains(&b'E'));
        }
        counts
    }

    fn feed_all(
        mut feed: Feed,
        cursor: &mut LineCursor,
        stream: &[u8],
        scanner: &mut Scanner,
        counts: &mut [usize],
    ) {
        let mut steps = 0;
        loop {
            let fed = feed.step::<Infallible>(
                cursor,
                &mut |cursor, bytes, follows| {
                    cursor.advance(bytes, follows, scanner, &mut |rule, _| counts[rule] += 1)
                },
                &mut |range, look| {
                    let to = range.end.min(stream.len() as u64) as usize;
                    look(&stream[(range.start as usize).min(to)..to]);
                    Ok(())
                },
            );
            steps += 1;
            assert!(steps <= 10 * stream.len() + 10, "the feed does not end");
            if fed == Ok(Fed::Done) {
                return;
            }
        }
    }

    /// Counts the lines of `stream`, which grows by `steps` and is read by a new scanner each time.
    fn count_grown(
        rules: &Arc<RuleSet>,
        max: usize,
        stream: &[u8],
        steps: &[usize],
        window: usize,
    ) -> Vec<usize> {
        let mut counts = vec![0; rules.names().len()];
        let mut cursor = LineCursor::default();
        let scanner = || Scanner::new(Arc::clone(rules), max);
        let mut size = 0;
        let mut steps = steps.iter().cycle();
        while size < stream.len() {
            size = (size + steps.next().unwrap()).min(stream.len());
            let feed = Feed::growing(size as u64, window as u64);
            feed_all(feed, &mut cursor, &stream[..size], &mut scanner(), &mut counts);
        }
        feed_all(Feed::to_end(window as u64), &mut cursor, stream, &mut scanner(), &mut counts);
        assert_eq!(cursor, LineCursor { counted: cursor.counted, ..LineCursor::at(size as u64) });
        counts
    }

    /// What a line is of a record.
    #[derive(Debug, Clone, Copy)]
    enum Trace {
        Error,
        Mild,
        Unknown,
        /// The beginning of a stack trace.
        Form,
        /// Another line of one.
        Frame,
    }

    const TRACES: &[(&str, Trace)] = &[
        ("2026-11-22 10:00:00 ERROR x\n", Trace::Error),
        ("[error] x\r\n", Trace::Error),
        ("2026-11-22 10:00:00 WARN x\n", Trace::Mild),
        ("INFO retry after ERROR\n", Trace::Mild),
        ("starting\n", Trace::Unknown),
        ("Traceback (most recent call last):\n", Trace::Form),
        ("\tat a.b.C.d(C.java:1)\n", Trace::Frame),
        ("org.x.PSQLException: ERROR: y\n", Trace::Frame),
        ("\n", Trace::Frame),
        ("\r\n", Trace::Frame),
    ];

    proptest! {
        /// However the stream is cut, and wherever a new scanner continues, each record counts once for each rule.
        #[test]
        fn pieces_do_not_matter_to_records(
            stream in proptest::collection::vec(prop_oneof![2 => Just(b'E'), 2 => Just(b'x'), 1 => Just(b'R'), 3 => Just(b'\n')], 0..200),
            steps in proptest::collection::vec(1usize..40, 1..20),
            window in 1usize..32,
        ) {
            let rule = |text: &str, start: Option<&str>| RuleSpec {
                any: vec![text.into()], record_start: start.map(str::to_owned), ..RuleSpec::default()
            };
            let rules = RuleSet::compile(&[rule("E", Some("^R")), rule("x", Some("^R")), rule("E", None)]).unwrap();
            prop_assert_eq!(count_grown(&rules, 1 << 20, &stream, &steps, window), records_oracle(&stream));
        }

        /// However the stream is cut, the level of a record is that of its first line, and a trace counts only after lines
        /// without a level.
        #[test]
        fn pieces_do_not_matter_to_stack_traces(
            lines in proptest::collection::vec(proptest::sample::select(TRACES), 0..24),
            steps in proptest::collection::vec(1usize..90, 1..20),
            window in 1usize..200,
        ) {
            let rule = RuleSpec { multiline: Some(Multiline::Auto), ..RuleSpec::errors() };
            let rules = RuleSet::compile(&[rule]).unwrap();
            let (mut wanted, mut first, mut is_open) = (0, None, false);
            for (line, level) in &lines {
                let (is_start, severe) = (!matches!(level, Trace::Form | Trace::Frame), matches!(level, Trace::Error));
                if is_start {
                    (first, is_open) = (Some(*level), severe);
                    wanted += usize::from(severe);
                } else if matches!(level, Trace::Form) && !is_open && !matches!(first, Some(Trace::Mild)) {
                    is_open = true;
                    wanted += 1;
                }
                assert!(!line.is_empty());
            }
            let stream: Vec<u8> = lines.iter().flat_map(|(line, _)| line.bytes()).collect();
            prop_assert_eq!(count_grown(&rules, 1 << 20, &stream, &steps, window), [wanted]);
        }

        /// However the stream is cut into growth steps and windows, the count is the same.
        #[test]
        fn pieces_do_not_matter(
            stream in proptest::collection::vec(prop_oneof![3 => Just(b'E'), 3 => Just(b'x'), 1 => Just(b'\n'), 1 => Just(0u8), 1 => Just(b'\r')], 0..200),
            steps in proptest::collection::vec(1usize..40, 1..20),
            window in 1usize..32,
            max in 4usize..64,
        ) {
            let spec = RuleSpec { any: vec!["EE".into()], ..RuleSpec::default() };
            let rules = RuleSet::compile(&[spec]).unwrap();
            prop_assert_eq!(count_grown(&rules, max, &stream, &steps, window), [oracle(&stream, max)]);
        }
    }
}
