//! Tables for people. Columns are as wide as their widest cell. Where the width is limited, paths lose their middle and texts their end,
//! and columns that say least are left out. What is piped is the same whatever the terminal.

use unicode_width::UnicodeWidthStr;

use crate::cli::cells::{cut, cut_path};
use crate::fmt::printable;

/// Between two columns.
const GAP: usize = 2;
/// A path is not made narrower than this.
const PATH_MIN: usize = 16;
/// Nor a text.
const TEXT_MIN: usize = 12;

/// What a column holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// At the right, and never cut.
    Number,
    /// At the left, and never cut.
    Word,
    /// At the left; the end is cut.
    Text,
    /// At the left; the middle is cut.
    Path,
}

/// A column.
#[derive(Debug)]
struct Column {
    head: String,
    kind: Kind,
    /// Where there is no room, columns with greater numbers are left out first; those with 0 stay.
    spare: u8,
}

/// See the [module](self).
#[derive(Debug, Default)]
pub(super) struct Table {
    columns: Vec<Column>,
    rows: Vec<Vec<String>>,
}

impl Table {
    /// Adds a column that is always there.
    pub(super) fn column(mut self, head: &str, kind: Kind) -> Table {
        self.columns.push(Column { head: printable(head).into_owned(), kind, spare: 0 });
        self
    }

    /// Adds a column that is left out where there is no room, before those with a smaller `spare`.
    pub(super) fn spare(mut self, head: &str, kind: Kind, spare: u8) -> Table {
        self.columns.push(Column { head: printable(head).into_owned(), kind, spare });
        self
    }

    /// Adds a row with a cell for each column. Whoever answered, cells are printable.
    pub(super) fn row(&mut self, cells: impl IntoIterator<Item = String>) {
        let cells = cells.into_iter().map(|cell| printable(&cell).into_owned());
        let mut row: Vec<String> = cells.take(self.columns.len()).collect();
        row.resize(self.columns.len(), String::new());
        self.rows.push(row);
    }

    /// The lines of the table, in at most `width` cells if there is a width.
    pub(super) fn lines(&self, width: Option<usize>) -> Vec<String> {
        let shown = self.fitting(width.unwrap_or(usize::MAX));
        let heads: Vec<&str> = self.columns.iter().map(|column| column.head.as_str()).collect();
        let rows = self.rows.iter().map(|row| row.iter().map(String::as_str).collect());
        std::iter::once(heads).chain(rows).map(|row: Vec<&str>| self.line(&row, &shown)).collect()
    }

    fn line(&self, cells: &[&str], shown: &[(usize, usize)]) -> String {
        let mut line = String::new();
        for (n, (at, width)) in shown.iter().enumerate() {
            let cell = match self.columns[*at].kind {
                Kind::Path => cut_path(cells[*at], *width),
                _ => cut(cells[*at], *width),
            };
            let pad = " ".repeat(width.saturating_sub(cell.width()));
            if n > 0 {
                line.push_str(&" ".repeat(GAP));
            }
            match self.columns[*at].kind {
                Kind::Number => line.extend([pad, cell]),
                _ => line.extend([cell, pad]),
            }
        }
        line.truncate(line.trim_end().len());
        line
    }

    /// The columns that are shown, with their widths.
    fn fitting(&self, width: usize) -> Vec<(usize, usize)> {
        let natural = |at: usize| {
            let cells = self.rows.iter().map(|row| row[at].width());
            cells.chain([self.columns[at].head.width()]).max().unwrap_or_default()
        };
        let least = |(at, natural): (usize, usize)| match self.columns[at].kind {
            Kind::Number | Kind::Word => natural,
            Kind::Text => natural.min(TEXT_MIN),
            Kind::Path => natural.min(PATH_MIN),
        };
        let mut shown: Vec<(usize, usize)> = (0..self.columns.len()).map(|at| (at, natural(at))).collect();
        let gaps = |shown: &[(usize, usize)]| GAP * shown.len().saturating_sub(1);
        while shown.iter().map(|column| least(*column)).sum::<usize>() + gaps(&shown) > width {
            let spare = shown.iter().map(|(at, _)| self.columns[*at].spare).max().unwrap_or_default();
            if spare == 0 {
                break;
            }
            shown.retain(|(at, _)| self.columns[*at].spare != spare);
        }
        // The widest gives way first.
        loop {
            let total = shown.iter().map(|(_, width)| width).sum::<usize>() + gaps(&shown);
            let Some(surplus) = total.checked_sub(width).filter(|surplus| *surplus > 0) else { break };
            let can_give = |column: &&mut (usize, usize)| column.1 > least(**column);
            let Some(widest) = shown.iter_mut().filter(can_give).max_by_key(|(_, width)| *width) else {
                break;
            };
            let room = widest.1 - least(*widest);
            widest.1 -= room.min(surplus.div_ceil(2));
        }
        shown
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table() -> Table {
        let table = Table::default().column("file", Kind::Path).spare("size", Kind::Number, 2);
        let mut table = table.column("errors", Kind::Number).spare("last change", Kind::Text, 1);
        let path = "/var/log/pods/shop_checkout-7d9f4c6b5-x2k8p_5b1e07c2/checkout/0.log";
        table.row([path, "1.2 MiB", "1,024", "rotated to 0.log.1 by another program"].map(str::to_owned));
        table.row(["/a.log", "12 B", "7", ""].map(str::to_owned));
        table
    }

    #[test]
    fn a_table_fits_and_what_is_piped_is_whole() {
        let whole = table().lines(None);
        assert!(whole[1].contains("x2k8p_5b1e07c2/checkout/0.log  1.2 MiB   1,024  rotated to 0.log.1 by"));
        assert_eq!(whole, table().lines(Some(200)));
        for width in [40, 50, 80, 100] {
            let lines = table().lines(Some(width));
            assert!(lines.iter().all(|line| line.width() <= width), "{width}: {lines:#?}");
            assert!(lines[1].contains("…"), "{lines:#?}");
            assert!(lines[1].contains("0.log") && lines[1].contains("1,024"), "{lines:#?}");
        }
        assert!(table().lines(Some(100))[0].contains("size"));
        let narrow = table().lines(Some(30));
        assert!(!narrow[0].contains("size") && !narrow[0].contains("change"), "{narrow:#?}");
        assert_eq!(narrow[2], "/a.log                       7");
    }

    #[test]
    fn cells_are_printable_and_wide_characters_count_as_two() {
        let mut table = Table::default().column("file", Kind::Path).column("n", Kind::Number);
        table.row(["/日本語/a\u{1b}[31m.log".to_owned(), "1".to_owned()]);
        let lines = table.lines(None);
        assert!(!lines[1].contains('\u{1b}'));
        assert_eq!(lines[0].width(), lines[1].width());
    }
}
