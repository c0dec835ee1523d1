//! Rates over time with what was usual, drawn with characters: a bar for each column, shades where the usual band is.

use ratatui::text::Line;

use super::bars::BARS;
use super::numbers::{count, time};
use super::text::{Look, Row, Tone};

/// Parts of the vertical axis that have a label.
const PARTS: usize = 3;
/// The cells of the labels of the vertical axis.
const LABELS: usize = 6;
/// Between two labels of the horizontal axis there are at least so many cells.
const TICK_CELLS_MIN: usize = 10;
/// How far apart labels of the horizontal axis may be, in seconds.
const TICKS_S: [f64; 9] =
    [600.0, 1_800.0, 3_600.0, 7_200.0, 10_800.0, 21_600.0, 43_200.0, 86_400.0, 172_800.0];

/// A rate at equal steps.
pub(super) struct Rates {
    /// When the first step began.
    pub(super) start: f64,
    /// How long each is, in seconds.
    pub(super) step: f64,
    pub(super) values: Vec<f64>,
    /// Between which values it was usual, where that is known.
    pub(super) usual: Vec<Option<(f64, f64)>>,
}

impl Rates {
    /// The same without its oldest steps where there are a few more of them than columns: a mean would hide how high a peak is.
    fn fitting(&self, width: usize) -> Rates {
        let surplus = self.values.len().saturating_sub(width);
        let left_out = if surplus < width { surplus } else { 0 };
        Rates {
            start: self.start + left_out as f64 * self.step,
            step: self.step,
            values: self.values[left_out..].to_vec(),
            usual: self.usual.get(left_out..).unwrap_or_default().to_vec(),
        }
    }

    /// The mean of what is within each of so many columns, and what was usual in their middle.
    fn columns(&self, width: usize) -> Vec<(f64, Option<(f64, f64)>)> {
        let all = self.values.len();
        let column = |at: usize| {
            let (from, to) = (at * all / width, ((at + 1) * all / width).max(at * all / width + 1));
            let within = &self.values[from.min(all)..to.min(all)];
            let mean = within.iter().sum::<f64>() / within.len().max(1) as f64;
            (mean, self.usual.get((from + to) / 2).or(self.usual.last()).copied().flatten())
        };
        (0..width).map(column).collect()
    }
}

/// The lines of the chart: `rows` of the plot and one of the times, each `width` cells wide. `mark` is a moment that is pointed at.
pub(super) fn lines(
    rates: &Rates,
    mark: Option<f64>,
    look: Look,
    (width, rows): (usize, usize),
) -> Vec<Line<'static>> {
    let plot = width.saturating_sub(LABELS);
    if plot == 0 || rows < PARTS {
        return Vec::new();
    }
    let rates = &rates.fitting(plot);
    let columns = rates.columns(plot);
    let highest = columns.iter().map(|(value, usual)| value.max(usual.map_or(0.0, |usual| usual.1)));
    let part = nice_part(highest.fold(0.0, f64::max));
    let each = part * PARTS as f64 / rows as f64;
    let row_line = |row: usize| {
        let mut line = Row::new(look);
        let is_label = row.is_multiple_of(rows / PARTS) && row / (rows / PARTS) < PARTS;
        let label = match row {
            row if row + 1 == rows => "0┤".to_owned(),
            row if is_label => format!("{}┤", count(part * (PARTS - row / (rows / PARTS)) as f64)),
            _ => "│".to_owned(),
        };
        line.right(label, LABELS, Tone::Dim);
        let bottom = (rows - 1 - row) as f64 * each;
        for (text, tone) in runs(columns.iter().map(|column| cell(*column, bottom, each))) {
            line.add(text, tone);
        }
        line.line(width)
    };
    let mut lines: Vec<Line<'static>> = (0..rows).map(row_line).collect();
    lines.push(axis(rates, mark, look, (width, plot)));
    lines
}

/// A cell of the plot whose lower end is at `bottom`, and how it looks.
fn cell((value, usual): (f64, Option<(f64, f64)>), bottom: f64, each: f64) -> (char, Tone) {
    let eighths = ((value - bottom) / each * 8.0).ceil();
    if value > 0.0 && eighths >= 1.0 {
        let is_above = usual.is_some_and(|(_, hi)| value > hi && bottom + each > hi);
        return (BARS[(eighths.min(8.0) as usize) - 1], if is_above { Tone::Critical } else { Tone::Plain });
    }
    match usual {
        Some((lo, hi)) if bottom < hi && bottom + each > lo => ('░', Tone::Accent),
        _ => (' ', Tone::Plain),
    }
}

/// Neighbours that look alike, as one text.
fn runs(cells: impl Iterator<Item = (char, Tone)>) -> Vec<(String, Tone)> {
    let mut runs: Vec<(String, Tone)> = Vec::new();
    for (c, tone) in cells {
        match runs.last_mut() {
            Some((text, same)) if *same == tone => text.push(c),
            _ => runs.push((c.to_string(), tone)),
        }
    }
    runs
}

/// A third of the height of the axis, so that it ends at round numbers.
fn nice_part(highest: f64) -> f64 {
    let least = (highest / PARTS as f64).max(1.0);
    let power = 10f64.powf(least.log10().floor());
    let factors = [1.0, 1.5, 2.0, 2.5, 3.0, 4.0, 5.0, 6.0, 8.0, 10.0];
    factors.iter().map(|factor| factor * power).find(|part| *part >= least).unwrap_or(least)
}

fn axis(rates: &Rates, mark: Option<f64>, look: Look, (width, plot): (usize, usize)) -> Line<'static> {
    let span = rates.step * rates.values.len() as f64;
    let per_cell = span / plot as f64;
    let tick = TICKS_S.iter().find(|tick| **tick / per_cell >= TICK_CELLS_MIN as f64).unwrap_or(&TICKS_S[8]);
    let form = if *tick >= 86_400.0 { "%a %-d" } else { "%H:%M" };
    let place = |at: f64| ((at - rates.start) / per_cell).floor();
    let mut labels: Vec<(usize, String, Tone)> = Vec::new();
    if let Some(at) = mark.filter(|at| (0.0..plot as f64).contains(&place(*at))) {
        let label = format!("▲{}", time(at, "%H:%M"));
        labels.push(((place(at) as usize).min(plot.saturating_sub(6)), label, Tone::Critical));
    }
    let mut at = (rates.start / tick).ceil() * tick;
    while at < rates.start + span {
        let label = time(at, form);
        let from = place(at).max(0.0) as usize;
        let is_free = labels
            .iter()
            .all(|(other, text, _)| from + label.len() < *other || *other + text.chars().count() < from);
        if is_free && from + label.len() <= plot {
            labels.push((from, label, Tone::Dim));
        }
        at += tick;
    }
    labels.sort_by_key(|(from, ..)| *from);
    let mut row = Row::new(look);
    for (from, label, tone) in labels {
        row.to(LABELS + from).add(label, tone);
    }
    row.line(width)
}

#[cfg(test)]
mod tests {
    use super::*;

    const LOOK: Look = Look { has_colours: true, has_unicode: true };

    #[test]
    fn bars_stand_in_their_band_and_on_round_numbers() {
        let mut values = vec![20.0; 60];
        values[50..].fill(412.0);
        let usual = vec![Some((10.0, 60.0)); 60];
        let rates = Rates { start: 3_600.0 * 24.0 * 365.0, step: 60.0, values, usual };
        let drawn = lines(&rates, Some(rates.start + 3_000.0), LOOK, (66, 9));
        let text: Vec<String> = drawn.iter().map(ToString::to_string).collect();
        assert_eq!(text.len(), 10);
        assert!(
            text[0].starts_with("  450┤") && text[3].starts_with("  300┤") && text[8].starts_with("    0┤")
        );
        assert!(text.iter().all(|line| line.chars().count() == 66), "{text:#?}");
        assert!(text[8].contains("▄▄▄▄") && text[8].ends_with("██████████"), "{text:#?}");
        // The band is seen where the curve leaves room: 60 is in the second row from below.
        assert!(text[7].contains("░░░░") && !text[6].contains('░'), "{text:#?}");
        assert!(text[9].contains("▲"), "{text:#?}");
        let reds = drawn[1].spans.iter().filter(|span| span.style == LOOK.style(Tone::Critical)).count();
        assert_eq!(reds, 1);
    }

    #[test]
    fn the_axis_ends_at_a_round_number() {
        for (highest, part) in [(0.0, 1.0), (3.0, 1.0), (412.0, 150.0), (1_000.0, 400.0), (15_480.0, 6_000.0)]
        {
            assert!((nice_part(highest) - part).abs() < 1e-9, "{highest}: {}", nice_part(highest));
        }
    }
}
