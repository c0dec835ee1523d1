//! What is wrong with a configuration: each problem with its place, the line it stands in and how to fix it.

use std::fmt;
use std::ops::Range;
use std::path::PathBuf;

use thiserror::Error;

use super::sources::Sources;
use crate::fmt::display_path;
use crate::fmt::escape;

/// How many problems are shown; of the others only the number is.
pub const PROBLEMS_MAX: usize = 50;
/// How many characters of the offending line are shown before and after the place of the problem.
const EXCERPT_CHARS_MAX: usize = 80;
/// How many characters of a quoted name or value are shown.
const QUOTED_CHARS_MAX: usize = 80;

/// Why there are no settings. Its text is complete: one paragraph for each problem.
#[derive(Debug, Error)]
pub enum ConfigError {
    /// The file cannot be read.
    #[error("cannot read {}: {reason}", display_path(.path))]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// Why, and how to fix it.
        reason: String,
    },
    /// The file says something that is not right.
    #[error("{}", paragraphs(.problems, *.unshown))]
    Refused {
        /// What is wrong, in the order of the lines; at most [`PROBLEMS_MAX`].
        problems: Vec<Problem>,
        /// How many further problems there are.
        unshown: usize,
    },
    /// The command line says something that is not right or that contradicts itself.
    #[error("{}", paragraphs(.problems, 0))]
    Flags {
        /// What is wrong, one complete text each.
        problems: Vec<String>,
    },
}

/// One problem of a configuration file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// The file, as it was named.
    pub origin: PathBuf,
    /// Line, counted from 1.
    pub line: usize,
    /// Column in characters, counted from 1.
    pub column: usize,
    /// What is wrong and what would be right.
    pub message: String,
    /// The offending line with a mark under the place; empty if the file as a whole is meant.
    pub excerpt: String,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}:{}: {}", display_path(&self.origin), self.line, self.column, self.message)?;
        if self.excerpt.is_empty() { Ok(()) } else { write!(f, "\n{}", self.excerpt) }
    }
}

fn paragraphs<T: fmt::Display>(problems: &[T], unshown: usize) -> String {
    let mut out: Vec<String> = problems.iter().map(T::to_string).collect();
    if unshown > 0 {
        out.push(format!("and {unshown} more; mend these first"));
    }
    out.join("\n\n")
}

/// Collects problems, so that all of them can be reported at once.
pub(super) struct ErrorReport<'t> {
    sources: &'t Sources,
    problems: Vec<(usize, Problem)>,
    unshown: usize,
}

impl<'t> ErrorReport<'t> {
    pub(super) fn new(sources: &'t Sources) -> Self {
        ErrorReport { sources, problems: Vec::new(), unshown: 0 }
    }

    /// Refuses what stands at `span` (in bytes of the text).
    pub(super) fn refuse(&mut self, span: Range<usize>, message: impl Into<String>) {
        // Building an excerpt costs time in proportion to the file, so no more are built than are shown.
        if self.problems.len() >= PROBLEMS_MAX {
            self.unshown += 1;
            return;
        }
        let files = self.sources.files();
        let Some(file) = files.iter().rev().find(|file| file.start <= span.start).or(files.first()) else {
            return;
        };
        let at = span.start;
        let (text, span) =
            (file.text.as_str(), span.start - file.start..span.end.max(span.start) - file.start);
        let start = floor_char_boundary(text, span.start);
        let before = &text[..start];
        let line_start = before.rfind('\n').map_or(0, |at| at + 1);
        let problem = Problem {
            origin: file.origin.clone(),
            line: before.bytes().filter(|b| *b == b'\n').count() + 1,
            column: before[line_start..].chars().count() + 1,
            message: message.into(),
            excerpt: String::new(),
        };
        let excerpt = excerpt(text, line_start, start..span.end, problem.line);
        self.problems.push((at, Problem { excerpt, ..problem }));
    }

    /// Refuses the file as a whole.
    pub(super) fn refuse_whole(&mut self, message: impl Into<String>) {
        self.refuse(0..0, message);
        if let Some((_, problem)) = self.problems.last_mut()
            && self.unshown == 0
        {
            problem.excerpt.clear();
        }
    }

    /// Fails with every problem that was reported, in the order of the lines.
    pub(super) fn finish(self) -> Result<(), ConfigError> {
        if self.problems.is_empty() { Ok(()) } else { Err(self.failed()) }
    }

    /// Every problem that was reported, in the order of the lines.
    pub(super) fn failed(mut self) -> ConfigError {
        self.problems.sort_by_key(|(at, _)| *at);
        let problems = self.problems.into_iter().map(|(_, problem)| problem).collect();
        ConfigError::Refused { problems, unshown: self.unshown }
    }
}

/// The line from `line_start` with a mark under `span`, cut on both sides so that it fits on a screen.
fn excerpt(text: &str, line_start: usize, span: Range<usize>, line: usize) -> String {
    let line_end = text[span.start..].find('\n').map_or(text.len(), |at| span.start + at);
    if may_hold_secret(&text[..line_start], &text[line_start..line_end]) {
        // Errors go to logs.
        return String::new();
    }
    let marked_end = floor_char_boundary(text, span.end.clamp(span.start, line_end));
    let before = &text[line_start..span.start];
    let skipped = before.chars().count().saturating_sub(EXCERPT_CHARS_MAX);
    let shown_before: String = before.chars().skip(skipped).collect();
    let rest = text[span.start..line_end].trim_end_matches('\r');
    let shown_rest: String = rest.chars().take(EXCERPT_CHARS_MAX).collect();
    let marked: String = text[span.start..marked_end].chars().take(EXCERPT_CHARS_MAX).collect();

    let head = if skipped > 0 { "…" } else { "" };
    let tail = if shown_rest.len() < rest.len() { "…" } else { "" };
    let (shown_before, shown_rest) = (printable(&shown_before), printable(&shown_rest));
    let indent = " ".repeat(head.chars().count() + shown_before.chars().count());
    let mark = "^".repeat(printable(marked.trim_end()).chars().count().max(1));
    let number = line.to_string();
    let gutter = " ".repeat(number.len());
    let shown = format!("{number} | {head}{shown_before}{shown_rest}{tail}");
    format!("{gutter} |\n{}\n{gutter} | {indent}{mark}", shown.trim_end())
}

/// Whether a `line` sets, or goes on with, a URL or headers of an output.
fn may_hold_secret(before: &str, line: &str) -> bool {
    let header = before.lines().rev().map(str::trim).find(|line| line.starts_with('[')).unwrap_or_default();
    let Some((key, _)) = line.split_once('=') else {
        return header.starts_with("[output") && line.contains(['"', '\'']);
    };
    let is_secret = |part: &str| {
        let secrets = ["url", "urls", "headers", "routing_key", "api_key", "token", "password"];
        secrets.contains(&part.trim().trim_matches('"'))
    };
    header.trim_end_matches(']').ends_with("headers") || key.split('.').any(is_secret)
}

/// A tab has no width of its own, and control characters must not reach a terminal.
fn printable(text: &str) -> String {
    escape(text.replace('\t', "    ").as_bytes())
}

fn floor_char_boundary(text: &str, at: usize) -> usize {
    (0..=at.min(text.len())).rev().find(|at| text.is_char_boundary(*at)).unwrap_or(0)
}

/// The text between backticks, made safe for a terminal and cut to a bound.
pub(super) fn quoted(text: &str) -> String {
    let cut = text.char_indices().nth(QUOTED_CHARS_MAX).map(|(at, _)| at);
    match cut {
        Some(at) => format!("`{}…`", escape(&text.as_bytes()[..at])),
        None => format!("`{}`", escape(text.as_bytes())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn problem_at(text: &str, span: Range<usize>) -> String {
        let sources = Sources::of_text(text, std::path::Path::new("conf.toml"));
        let mut report = ErrorReport::new(&sources);
        report.refuse(span, "wrong");
        report.finish().unwrap_err().to_string()
    }

    #[test]
    fn the_mark_stands_under_the_place() {
        assert_eq!(
            problem_at("a = 1\n\tbé = \"x\"\n", 7..10),
            "conf.toml:2:2: wrong\n  |\n2 |     bé = \"x\"\n  |     ^^"
        );
    }

    #[test]
    fn a_place_at_the_end_or_over_several_lines_is_shown() {
        assert_eq!(problem_at("", 0..0), "conf.toml:1:1: wrong\n  |\n1 |\n  | ^");
        assert_eq!(problem_at("a = [\n1]\r\n", 4..8), "conf.toml:1:5: wrong\n  |\n1 | a = [\n  |     ^");
        assert_eq!(problem_at("x", 9..12), "conf.toml:1:2: wrong\n  |\n1 | x\n  |  ^");
    }

    #[test]
    fn a_long_line_is_cut_and_control_characters_are_escaped() {
        let text = format!("{}\u{1b}[31m{}", "x".repeat(500), "y".repeat(500));
        let shown = problem_at(&text, 500..505);
        assert!(shown.starts_with("conf.toml:1:501: wrong"), "{shown}");
        assert!(
            shown.contains("…xxx") && shown.contains("xx\\x1b[31myy") && shown.contains("yyy…"),
            "{shown}"
        );
        assert!(!shown.contains('\u{1b}'));
        assert!(shown.lines().all(|line| line.chars().count() < 180), "{shown}");
    }

    #[test]
    fn no_more_than_the_bound_is_shown() {
        let sources = Sources::of_text("x", std::path::Path::new("conf.toml"));
        let mut report = ErrorReport::new(&sources);
        for _ in 0..PROBLEMS_MAX + 7 {
            report.refuse(0..1, "wrong");
        }
        let shown = report.finish().unwrap_err().to_string();
        assert_eq!(shown.matches(": wrong").count(), PROBLEMS_MAX);
        assert!(shown.ends_with("\n\nand 7 more; mend these first"));
    }
}
