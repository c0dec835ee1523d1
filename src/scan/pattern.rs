//! Regular expressions that cannot see beyond one line.
//!
//! A window holds many lines and is searched as a whole, so a pattern must match in the window exactly where it would
//! match in some line alone. The idea is ripgrep's (`crates/regex/src/strip.rs`): take the line feed out of every
//! class, so that no match can span lines. Anchors are rewritten to mean the ends of a line, with its CR or without.

use regex_syntax::ParserBuilder;
use regex_syntax::hir::{
    Capture, Class, ClassBytes, ClassBytesRange, ClassUnicode, ClassUnicodeRange, Hir, HirKind, Look,
    Repetition,
};

/// Why a pattern is rejected.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RulePatternError {
    /// It is no regular expression; the text marks the position with a caret.
    #[error("{0}")]
    Syntax(String),
    /// It asks for a line feed.
    #[error("the pattern asks for a line feed (\\n), but a rule is matched against one line at a time")]
    LineFeed,
    /// More rules than this have a `record_start`.
    #[error(
        "more than {0} rules of the watch have a `record_start`; put some of them together, or into another watch"
    )]
    TooManyRecords(usize),
    /// Its compiled form exceeds the bound.
    #[error("the pattern is too large: {0}")]
    TooLarge(String),
}

/// Where a pattern is searched.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum CaseScope {
    /// In one line, without its line end.
    Line,
    /// In a window of whole lines. Finds at least every line that [`CaseScope::Line`] matches.
    Window,
}

/// Parses a regular expression for `scope`.
///
/// # Errors
/// [`RulePatternError::Syntax`] or [`RulePatternError::LineFeed`].
pub(super) fn parse(pattern: &str, ignore_case: bool, scope: CaseScope) -> Result<Hir, RulePatternError> {
    let hir = ParserBuilder::new()
        .case_insensitive(ignore_case)
        .multi_line(true)
        .utf8(false)
        .build()
        .parse(pattern)
        .map_err(|e| RulePatternError::Syntax(e.to_string()))?;
    within_line(&hir, scope)
}

/// A literal text as an expression.
///
/// # Errors
/// [`RulePatternError::LineFeed`].
pub(super) fn literal(text: &str, ignore_case: bool, scope: CaseScope) -> Result<Hir, RulePatternError> {
    parse(&regex_syntax::escape(text), ignore_case, scope)
}

fn within_line(hir: &Hir, scope: CaseScope) -> Result<Hir, RulePatternError> {
    Ok(match hir.kind() {
        HirKind::Empty => Hir::empty(),
        HirKind::Literal(literal) if literal.0.contains(&b'\n') => return Err(RulePatternError::LineFeed),
        HirKind::Literal(literal) => Hir::literal(literal.0.clone()),
        HirKind::Class(class) => Hir::class(without_line_feed(class)),
        HirKind::Look(look) => anchored(*look, scope),
        HirKind::Repetition(r) => {
            Hir::repetition(Repetition { sub: Box::new(within_line(&r.sub, scope)?), ..r.clone() })
        }
        HirKind::Capture(c) => {
            Hir::capture(Capture { sub: Box::new(within_line(&c.sub, scope)?), ..c.clone() })
        }
        HirKind::Concat(subs) => Hir::concat(each(subs, scope)?),
        HirKind::Alternation(subs) => Hir::alternation(each(subs, scope)?),
    })
}

fn each(subs: &[Hir], scope: CaseScope) -> Result<Vec<Hir>, RulePatternError> {
    subs.iter().map(|sub| within_line(sub, scope)).collect()
}

fn without_line_feed(class: &Class) -> Class {
    match class {
        Class::Unicode(class) => {
            let mut class = class.clone();
            class.difference(&ClassUnicode::new([ClassUnicodeRange::new('\n', '\n')]));
            Class::Unicode(class)
        }
        Class::Bytes(class) => {
            let mut class = class.clone();
            class.difference(&ClassBytes::new([ClassBytesRange::new(b'\n', b'\n')]));
            Class::Bytes(class)
        }
    }
}

/// Matches `hir` only as whole words.
pub(super) fn as_words(hir: Hir) -> Hir {
    Hir::concat(vec![Hir::look(Look::WordStartHalfUnicode), hir, Hir::look(Look::WordEndHalfUnicode)])
}

/// Every kind of anchor means the ends of the line. In a window, NULs before a line and a CR after it are not part of it.
fn anchored(look: Look, scope: CaseScope) -> Hir {
    match (scope, look) {
        (CaseScope::Window, Look::Start | Look::StartLF | Look::StartCRLF) => {
            Hir::concat(vec![Hir::look(Look::StartLF), repeated(*b"\0", None)])
        }
        (CaseScope::Window, Look::End | Look::EndLF | Look::EndCRLF) => {
            Hir::concat(vec![repeated(*b"\r", Some(1)), Hir::look(Look::EndLF)])
        }
        (CaseScope::Line, Look::Start | Look::StartLF | Look::StartCRLF) => Hir::look(Look::Start),
        (CaseScope::Line, Look::End | Look::EndLF | Look::EndCRLF) => Hir::look(Look::End),
        _ => Hir::look(look),
    }
}

fn repeated(byte: [u8; 1], max: Option<u32>) -> Hir {
    Hir::repetition(Repetition { min: 0, max, greedy: true, sub: Box::new(Hir::literal(byte)) })
}
