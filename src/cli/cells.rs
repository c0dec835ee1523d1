//! Text in cells of a terminal: cut to what there is room for.

use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

use crate::fmt::printable;

/// The text in at most so many cells. Nothing of it can reach the terminal as a command.
pub(super) fn cut(text: &str, width: usize) -> String {
    let text = printable(text);
    if text.width() <= width {
        return text.into_owned();
    }
    let (mut out, mut used) = (String::new(), 0);
    for c in text.chars() {
        let cells = c.width().unwrap_or(0);
        if used + cells + 1 > width {
            break;
        }
        used += cells;
        out.push(c);
    }
    if width > 0 {
        out.push('…');
    }
    out
}

/// A path in at most so many cells: its middle is left out.
pub(super) fn cut_path(path: &str, width: usize) -> String {
    let path = printable(path);
    let all: Vec<char> = path.chars().collect();
    if path.width() <= width || width < 8 {
        return cut(&path, width);
    }
    let name = path.rsplit('/').next().unwrap_or_default().width() + 1;
    let tail = if name <= width * 2 / 3 { name.max(width / 2) } else { width / 2 };
    let take = |chars: &mut dyn Iterator<Item = char>, room: usize| {
        let (mut out, mut used) = (Vec::new(), 0);
        for c in chars {
            used += c.width().unwrap_or(0);
            if used > room {
                break;
            }
            out.push(c);
        }
        out
    };
    let mut end = take(&mut all.iter().rev().copied(), tail);
    end.reverse();
    let start = take(&mut all.iter().copied(), width - 1 - tail);
    start.into_iter().chain(['…']).chain(end).collect()
}

/// The text in lines of at most so many cells, broken between words where that is possible.
pub(super) fn wrapped(text: &str, width: usize) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for word in text.split(' ') {
        match lines.last_mut() {
            Some(line) if line.width() + 1 + word.width() <= width => {
                line.push(' ');
                line.push_str(word);
            }
            _ => lines.push(word.to_owned()),
        }
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_are_cut_by_cells_and_cannot_command_the_terminal() {
        assert_eq!(cut("connection", 10), "connection");
        assert_eq!(cut("connection", 9), "connecti…");
        assert_eq!(cut("日本語のログ", 7), "日本語…");
        assert_eq!(cut("a", 0), "");
        assert!(!cut("\u{1b}[31m\u{202e}x", 40).contains(['\u{1b}', '\u{202e}']));
        let path = "/var/log/pods/shop_checkout-7d9f4c6b5-x2k8p_5b1e07c2/checkout/0.log";
        assert_eq!(cut_path(path, 30), "/var/log/pods/…/checkout/0.log");
        assert_eq!(cut_path(path, 30).width(), 30);
        assert!(cut_path(path, 30).ends_with("/checkout/0.log"));
        assert_eq!(cut_path("/a.log", 30), "/a.log");
    }

    #[test]
    fn lines_are_broken_between_words() {
        assert_eq!(wrapped("one two three", 7), ["one two", "three"]);
        assert_eq!(wrapped("a longer-than-that b", 6), ["a", "longer-than-that", "b"]);
        assert_eq!(wrapped("one two", 80), ["one two"]);
    }
}
