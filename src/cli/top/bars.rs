//! Counts as bars of eighths of a cell.

pub(super) const BARS: [char; 8] = ['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];

/// Counts as bars, in exactly so many cells; each cell is the mean of its counts.
pub(super) fn spark(counts: &[u64], width: usize) -> String {
    let cells = resample(counts, width);
    let most = cells.iter().copied().fold(4.0, f64::max);
    let bar = |mean: &f64| {
        if *mean <= 0.0 {
            return ' ';
        }
        BARS[((mean / most * 8.0).ceil() as usize).clamp(1, 8) - 1]
    };
    cells.iter().map(bar).collect()
}

/// The means of so many parts of equal length.
pub(super) fn resample(counts: &[u64], width: usize) -> Vec<f64> {
    let part = |at: usize| {
        let (from, to) = (at * counts.len() / width, (at + 1) * counts.len() / width);
        let part = &counts[from.min(counts.len())..to.max(from + 1).min(counts.len())];
        if part.is_empty() { 0.0 } else { part.iter().sum::<u64>() as f64 / part.len() as f64 }
    };
    (0..width).map(part).collect()
}

/// A bar of a share between 0 and 1, in at most so many cells, to an eighth of a cell.
pub(super) fn bar(share: f64, width: usize) -> String {
    let eighths = (share.clamp(0.0, 1.0) * width as f64 * 8.0).round() as usize;
    let eighths = if share > 0.0 { eighths.max(1) } else { 0 };
    let rest = ["", "▏", "▎", "▍", "▌", "▋", "▊", "▉"][eighths % 8];
    format!("{}{rest}", "█".repeat(eighths / 8))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bars_fill_their_cells() {
        assert_eq!(spark(&[0, 8, 4, 1], 4), " █▄▁");
        assert_eq!(spark(&[8; 60], 10), "█".repeat(10));
        assert_eq!(spark(&[], 3), "   ");
        assert_eq!((bar(0.5, 4), bar(1.0, 4), bar(0.0, 4)), ("██".into(), "████".into(), String::new()));
    }
}
