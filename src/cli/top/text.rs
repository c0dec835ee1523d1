//! Text in cells: cut, padded, and styled, so that a line is exactly as wide as it has to be.

use std::borrow::Cow;

use ratatui::style::{Color, Modifier, Style};
use ratatui::text::{Line, Span};
use unicode_width::UnicodeWidthStr;

pub(super) use crate::cli::cells::{cut, cut_path};

/// What the terminal can show.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Look {
    pub(super) has_colours: bool,
    pub(super) has_unicode: bool,
}

/// What a text means; what that looks like depends on the terminal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Tone {
    Plain,
    Bold,
    Dim,
    Critical,
    Warning,
    Accent,
    New,
    Selected,
}

impl Look {
    pub(super) fn of_environment(env: impl Fn(&str) -> Option<String>) -> Look {
        let locale = ["LC_ALL", "LC_CTYPE", "LANG"]
            .into_iter()
            .filter_map(env_of(&env))
            .find(|value| !value.is_empty());
        let has_unicode = locale.is_some_and(|locale| {
            let locale = locale.to_lowercase();
            locale.contains("utf-8") || locale.contains("utf8")
        });
        let has_colours =
            env("NO_COLOR").is_none_or(|value| value.is_empty()) && env("TERM").as_deref() != Some("dumb");
        Look { has_colours, has_unicode }
    }

    pub(super) fn style(self, tone: Tone) -> Style {
        let plain = Style::new();
        let bold = plain.add_modifier(Modifier::BOLD);
        let coloured = |style: Style, colour| if self.has_colours { style.fg(colour) } else { style };
        match tone {
            Tone::Plain => plain,
            Tone::Bold => bold,
            Tone::Dim => plain.add_modifier(Modifier::DIM),
            Tone::Critical => coloured(bold, Color::Red),
            Tone::Warning => coloured(bold, Color::Yellow),
            Tone::Accent => coloured(plain, Color::Blue),
            Tone::New => coloured(bold.add_modifier(Modifier::REVERSED), Color::Blue),
            Tone::Selected => plain.add_modifier(Modifier::REVERSED),
        }
    }

    /// The text, or what stands for it where there is only ASCII.
    pub(super) fn text(self, text: &str) -> Cow<'_, str> {
        if self.has_unicode || text.is_ascii() {
            return Cow::Borrowed(text);
        }
        let ascii = |c: char| match c {
            '─' => '-',
            '│' | '┤' => '|',
            '▲' => '^',
            '◆' | '!' => '!',
            '∗' | '●' => '*',
            '✓' => '+',
            '✗' => 'x',
            '…' => '~',
            '→' | '›' => '>',
            '×' => 'x',
            '–' => '-',
            '↑' => '^',
            '↓' => 'v',
            '░' => '.',
            '▁' | '▏' => '.',
            '▂' | '▎' => ':',
            '▃' | '▍' => '-',
            '▄' | '▌' => '=',
            '▅' | '▋' => '+',
            '▆' | '▊' => '*',
            '▇' | '▉' => '#',
            '█' => '@',
            c if c.is_ascii() => c,
            _ => '?',
        };
        Cow::Owned(text.chars().map(ascii).collect())
    }
}

fn env_of(env: &impl Fn(&str) -> Option<String>) -> impl Fn(&'static str) -> Option<String> {
    move |name| env(name)
}

/// A line in the making.
pub(super) struct Row {
    look: Look,
    spans: Vec<Span<'static>>,
    width: usize,
}

impl Row {
    pub(super) fn new(look: Look) -> Row {
        Row { look, spans: Vec::new(), width: 0 }
    }

    /// Adds a text.
    pub(super) fn add(&mut self, text: impl AsRef<str>, tone: Tone) -> &mut Row {
        let text = self.look.text(text.as_ref()).into_owned();
        self.width += text.width();
        self.spans.push(Span::styled(text, self.look.style(tone)));
        self
    }

    /// Adds a text that takes exactly so many cells, at the left of them.
    pub(super) fn left(&mut self, text: impl AsRef<str>, width: usize, tone: Tone) -> &mut Row {
        let cut = cut(text.as_ref(), width);
        let pad = width - cut.width();
        self.add(cut, tone).gap(pad)
    }

    /// The same, at the right of them.
    pub(super) fn right(&mut self, text: impl AsRef<str>, width: usize, tone: Tone) -> &mut Row {
        let cut = cut(text.as_ref(), width);
        let pad = width - cut.width();
        self.gap(pad).add(cut, tone)
    }

    pub(super) fn gap(&mut self, width: usize) -> &mut Row {
        if width > 0 {
            self.add(" ".repeat(width), Tone::Plain);
        }
        self
    }

    /// Blanks up to the cell `at`.
    pub(super) fn to(&mut self, at: usize) -> &mut Row {
        self.gap(at.saturating_sub(self.width))
    }

    pub(super) fn width(&self) -> usize {
        self.width
    }

    /// The line, `width` cells wide.
    pub(super) fn line(mut self, width: usize) -> Line<'static> {
        let mut left = width;
        let mut spans = Vec::with_capacity(self.spans.len() + 1);
        for span in std::mem::take(&mut self.spans) {
            let cells = span.content.width();
            if cells <= left {
                left -= cells;
                spans.push(span);
            } else {
                let cut = self.look.text(&cut(&span.content, left)).into_owned();
                left -= cut.width().min(left);
                spans.push(Span::styled(cut, span.style));
                break;
            }
        }
        if left > 0 {
            spans.push(Span::raw(" ".repeat(left)));
        }
        Line::from(spans)
    }

    /// The line in reverse.
    pub(super) fn selected(self, width: usize) -> Line<'static> {
        let style = self.look.style(Tone::Selected);
        self.line(width).patch_style(style)
    }
}

/// `left` at the left, `right` at the right end.
pub(super) fn ends(mut left: Row, right: &[(String, Tone)], width: usize) -> Line<'static> {
    let cells: usize = right.iter().map(|(text, _)| text.as_str().width()).sum();
    left.to(width.saturating_sub(cells));
    for (text, tone) in right {
        left.add(text, *tone);
    }
    left.line(width)
}

/// A rule across the screen with a title and what it says at its right: `─ Now ──── 1 firing ─`.
pub(super) fn rule(look: Look, title: &str, says: &str, width: usize) -> Line<'static> {
    let mut row = Row::new(look);
    row.add("─ ", Tone::Dim).add(title, Tone::Bold).add(" ", Tone::Plain);
    let room = width.saturating_sub(row.width() + if says.is_empty() { 0 } else { says.width() + 3 });
    row.add("─".repeat(room), Tone::Dim);
    if !says.is_empty() {
        row.add(format!(" {says} "), Tone::Plain).add("─", Tone::Dim);
    }
    row.line(width)
}

/// The text of a pattern, with a mark where it varies.
pub(super) fn masked(parts: &[Option<String>]) -> String {
    let text: String = parts.iter().map(|part| part.as_deref().unwrap_or("∗")).collect();
    if text.is_empty() { "other lines".to_owned() } else { text }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_as_wide_as_the_screen() {
        let look = Look { has_colours: true, has_unicode: true };
        let mut row = Row::new(look);
        row.add("abc", Tone::Bold).to(6).right("12", 4, Tone::Dim);
        for width in [4, 10, 20] {
            assert_eq!(Row { look, spans: row.spans.clone(), width: row.width }.line(width).width(), width);
        }
        assert_eq!(rule(look, "Now", "1 firing", 30).to_string(), "─ Now ───────────── 1 firing ─");
        assert_eq!(rule(look, "Now", "", 20).width(), 20);
        let ascii = Look { has_unicode: false, ..look };
        assert_eq!(ascii.text("▲ a ∗ …"), "^ a * ~");
    }
}
