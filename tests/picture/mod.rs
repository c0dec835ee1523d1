//! The screen of a terminal as an SVG, from what tmux captured with its colours.

#![allow(unreachable_pub, reason = "it is a module of a test")]

use std::fmt::Write;

use unicode_width::UnicodeWidthChar;

/// The size of a cell.
const CELL: (f64, f64) = (8.0, 17.0);

#[derive(Debug, Clone, Copy, PartialEq, Default)]
struct Look {
    is_bold: bool,
    is_dim: bool,
    is_reversed: bool,
    colour: Option<&'static str>,
}

impl Look {
    /// Takes what an escape sequence says.
    fn take(&mut self, codes: &str) {
        let mut codes = codes.split(';');
        while let Some(code) = codes.next() {
            match code {
                "" | "0" => *self = Look::default(),
                "1" => self.is_bold = true,
                "2" => self.is_dim = true,
                "7" => self.is_reversed = true,
                "22" => (self.is_bold, self.is_dim) = (false, false),
                "27" => self.is_reversed = false,
                "38" => self.colour = codes.nth(1).and_then(colour),
                "39" => self.colour = None,
                "49" => {}
                other => panic!("the escape sequence {other} has no meaning here"),
            }
        }
    }

    fn colour(self) -> &'static str {
        self.colour.unwrap_or(if self.is_dim { "#8b93a1" } else { "#e3e6eb" })
    }
}

/// The colour of that number in a palette of sixteen.
fn colour(number: &str) -> Option<&'static str> {
    match number {
        "1" => Some("#ff6b64"),
        "3" => Some("#e5b454"),
        "4" => Some("#7aa7ff"),
        _ => None,
    }
}

/// The picture of a screen of so many columns.
pub fn svg(screen: &str, columns: usize) -> String {
    let rows = screen.lines().count();
    let (width, height) = (columns as f64 * CELL.0 + 20.0, rows as f64 * CELL.1 + 20.0);
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {width} {height}\" font-family=\"ui-monospace, monospace\" font-size=\"13\">\n\
         <rect width=\"100%\" height=\"100%\" rx=\"8\" fill=\"#14171c\"/>\n"
    );
    let mut look = Look::default();
    for (row, line) in screen.lines().enumerate() {
        let (mut column, mut run, mut rest) = (0, String::new(), line);
        let mut begun = 0;
        while let Some(c) = rest.chars().next() {
            if let Some((codes, after)) = rest.strip_prefix("\u{1b}[").and_then(|rest| rest.split_once('m')) {
                text(&mut svg, look, (begun, row), &run);
                (run, begun, rest) = (String::new(), column, after);
                look.take(codes);
                continue;
            }
            run.push(c);
            column += c.width().unwrap_or(0);
            rest = &rest[c.len_utf8()..];
        }
        text(&mut svg, look, (begun, row), &run);
    }
    svg + "</svg>\n"
}

/// Adds a run of characters that look alike.
fn text(svg: &mut String, look: Look, (column, row): (usize, usize), run: &str) {
    if run.is_empty() || run.trim().is_empty() && !look.is_reversed {
        return;
    }
    let cells: usize = run.chars().filter_map(UnicodeWidthChar::width).sum();
    let (x, y) = (10.0 + column as f64 * CELL.0, 10.0 + row as f64 * CELL.1);
    let width = cells as f64 * CELL.0;
    let mut colour = look.colour();
    if look.is_reversed {
        writeln!(
            svg,
            "<rect x=\"{x}\" y=\"{y}\" width=\"{width}\" height=\"{}\" fill=\"{colour}\"/>",
            CELL.1
        )
        .unwrap();
        colour = "#14171c";
    }
    let weight = if look.is_bold { " font-weight=\"bold\"" } else { "" };
    let shown = run.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;");
    writeln!(
        svg,
        "<text x=\"{x}\" y=\"{}\" fill=\"{colour}\"{weight} textLength=\"{width}\" xml:space=\"preserve\">{shown}</text>",
        y + 13.0
    )
    .unwrap();
}
