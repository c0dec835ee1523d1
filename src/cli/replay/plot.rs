//! The rate over time, and when alerts were firing, drawn with characters.

use crate::detect::Millis;

const BLOCKS: [char; 9] = [' ', '▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];
const ROWS: u64 = 5;

/// Draws `columns` as rows of blocks, the topmost first.
pub(super) fn bars(columns: &[u64]) -> Vec<String> {
    let most = columns.iter().copied().max().unwrap_or(0).max(1);
    let eighths = |count: u64| {
        // Every count is visible.
        let height = u128::from(count) * u128::from(ROWS) * 8 / u128::from(most);
        (height as u64).max(u64::from(count > 0))
    };
    let row = |row: u64| {
        let block = |count: &u64| BLOCKS[eighths(*count).saturating_sub(row * 8).min(8) as usize];
        columns.iter().map(block).collect::<String>().trim_end().to_owned()
    };
    (0..ROWS).rev().map(row).collect()
}

/// Draws the times at which an alert was firing below columns from `from_ms` to `to_ms`.
pub(super) fn spans(spans: &[(Millis, Millis)], from_ms: Millis, to_ms: Millis, columns: usize) -> String {
    let span_ms = (to_ms - from_ms).max(1);
    let column = |at_ms: Millis| {
        let at = i128::from(at_ms.clamp(from_ms, to_ms) - from_ms) * columns as i128 / i128::from(span_ms);
        (at as usize).min(columns - 1)
    };
    let mut line = vec![' '; columns];
    for (begin, end) in spans {
        line[column(*begin)..=column(*end)].fill('━');
    }
    line.into_iter().collect::<String>().trim_end().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_there_is_seen() {
        assert_eq!(bars(&[0, 1, 40, 20]), ["  █", "  █", "  █▄", "  ██", " ▁██"]);
        assert_eq!(spans(&[(0, 10), (95, 200)], 0, 100, 10), "━━       ━");
    }
}
