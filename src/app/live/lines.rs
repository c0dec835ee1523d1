//! Which of the newest lines are sent: the newest, and of each pattern that is not among them the newest one, so that a rare line is not
//! lost in a flood for someone who has opened its pattern.

use std::collections::HashSet;

use super::answers::seconds;
use crate::app::shown::place_of;
use crate::engine::RecentLine;
use crate::fmt::display_path;
use crate::serve::api::Line;

/// At most `lines_max` of `lines`, in their order.
pub(super) fn chosen(lines: Vec<RecentLine>, lines_max: usize) -> Vec<RecentLine> {
    if lines.len() <= lines_max {
        return lines;
    }
    let mut seen = HashSet::new();
    // From the newest on: those that are the first of their kind, then the others.
    let is_first: Vec<bool> =
        lines.iter().rev().map(|line| seen.insert((line.rule.clone(), line.pattern))).collect();
    let is_first: Vec<bool> = is_first.into_iter().rev().collect();
    let firsts = is_first.iter().filter(|is_first| **is_first).count();
    let mut skipped_firsts = firsts.saturating_sub(lines_max);
    let mut skipped_others =
        lines.len() - firsts - lines_max.saturating_sub(firsts).min(lines.len() - firsts);
    let keep = |is_first: bool| {
        let skipped = if is_first { &mut skipped_firsts } else { &mut skipped_others };
        let is_kept = *skipped == 0;
        *skipped = skipped.saturating_sub(1);
        is_kept
    };
    let kept: Vec<bool> = is_first.into_iter().map(keep).collect();
    lines.into_iter().zip(kept).filter(|(_, is_kept)| *is_kept).map(|(line, _)| line).collect()
}

/// A line as the contract has it.
pub(super) fn line(line: &RecentLine) -> Line {
    let path = display_path(&line.path);
    Line {
        at: seconds(line.at.0),
        source: place_of(&path).1,
        path,
        rule: line.rule.clone(),
        pattern: line.pattern.map(|pattern| pattern.to_string()),
        text: line.text.clone(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pattern::PatternId;
    use crate::units::WallTime;

    fn of(number: u64, pattern: u64) -> RecentLine {
        RecentLine {
            number,
            at: WallTime(0),
            watch: String::new(),
            rule: String::new(),
            path: std::path::Path::new("/a").into(),
            pattern: Some(PatternId(pattern)),
            text: String::new(),
        }
    }

    fn numbers(lines: Vec<RecentLine>, lines_max: usize) -> Vec<u64> {
        chosen(lines, lines_max).iter().map(|line| line.number).collect()
    }

    #[test]
    fn a_rare_line_is_not_lost_in_a_flood() {
        let flood =
            |rare: u64| (0..100).map(move |n| of(n, if n == rare { 7 } else { 1 })).collect::<Vec<_>>();
        assert_eq!(numbers(flood(3), 5), [3, 96, 97, 98, 99]);
        assert_eq!(numbers(flood(200), 3), [97, 98, 99]);
        assert_eq!(numbers(flood(200)[..2].to_vec(), 3), [0, 1]);
        // Of more patterns than there is room for, the newest.
        assert_eq!(numbers((0..9).map(|n| of(n, n)).collect(), 2), [7, 8]);
    }
}
