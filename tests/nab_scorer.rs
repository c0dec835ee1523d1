//! The scorer of `benches/nab.rs` agrees with the paper of the Numenta benchmark.
#![allow(dead_code, reason = "the benchmark uses what this test does not")]

#[path = "../benches/nab/scorer.rs"]
mod scorer;

use scorer::{LOW_FALSE_POSITIVES, STANDARD, Scored, at_threshold, best, probation};

/// Two series of 1,000 points with a window each, and detections at `at` of the first and of the second.
fn scored(first: &[usize], second: &[usize]) -> Vec<Scored> {
    let one = |windows: &[(usize, usize)], at: &[usize]| {
        let scores = (0..1_000).map(|point| if at.contains(&point) { 1.0 } else { 0.0 }).collect();
        Scored { scores, windows: windows.to_vec() }
    };
    vec![one(&[(300, 399)], first), one(&[(500, 599)], second)]
}

fn standard(first: &[usize], second: &[usize]) -> f64 {
    at_threshold(&scored(first, second), STANDARD, 0.5).normalised
}

#[test]
fn the_perfect_detector_has_a_hundred_and_the_null_detector_nothing() {
    assert!((standard(&[300], &[500]) - 100.0).abs() < 1e-9);
    assert!(standard(&[], &[]).abs() < 1e-9);
    assert!(best(&scored(&[], &[]), STANDARD).normalised.abs() < 1e-9);
    assert!((best(&scored(&[300], &[500]), LOW_FALSE_POSITIVES).normalised - 100.0).abs() < 1e-9);
}

#[test]
fn the_earlier_a_window_is_detected_the_more_it_is_worth() {
    let scores: Vec<f64> = [300, 325, 350, 375, 399].map(|at| standard(&[at], &[500])).to_vec();
    assert!(scores.windows(2).all(|pair| pair[0] > pair[1]), "{scores:?}");
    // At its middle a window is worth 0.848 / 0.987 of its begin (the paper's figure 2), and each is worth 25 points here.
    assert!((scores[2] - (75.0 + 25.0 * 0.848_28 / 0.986_61)).abs() < 0.01, "{scores:?}");
    assert!((75.0..76.0).contains(&scores[4]), "{scores:?}");
}

#[test]
fn a_window_is_worth_its_first_detection_only() {
    assert_eq!(standard(&[300, 301, 350, 399], &[500]), standard(&[300], &[500]));
}

#[test]
fn a_false_detection_costs_by_its_distance_from_the_window_before_it() {
    let costs = [400, 420, 500, 900].map(|at| 100.0 - standard(&[300, at], &[500]));
    assert!(costs.windows(2).all(|pair| pair[0] < pair[1]), "{costs:?}");
    // Far behind it costs all of 0.11, of the four points between the null and the perfect detector.
    assert!((costs[3] - 100.0 * 0.11 / 4.0).abs() < 1e-6, "{costs:?}");
    let before = 100.0 - standard(&[200, 300], &[500]);
    assert!((before - costs[3]).abs() < 1e-9);
    let low = 100.0 - at_threshold(&scored(&[300, 900], &[500]), LOW_FALSE_POSITIVES, 0.5).normalised;
    assert!((low / costs[3] - 2.0).abs() < 1e-6);
}

#[test]
fn nothing_is_scored_in_probation() {
    assert_eq!((probation(1_000), probation(15_902)), (150, 750));
    assert_eq!(standard(&[0, 100, 149, 300], &[500]), standard(&[300], &[500]));
    assert!(standard(&[150, 300], &[500]) < 100.0);
}

#[test]
fn one_threshold_is_chosen_for_all_series() {
    let mut series = scored(&[300], &[500]);
    // What the second window scores is reached by 30 points outside in the first series.
    series[1].scores[500] = 0.5;
    (700..730).for_each(|at| series[0].scores[at] = 0.6);
    let outcome = best(&series, STANDARD);
    assert_eq!((outcome.threshold, outcome.windows_hit, outcome.false_positives), (1.0, 1, 0));
    assert!((outcome.normalised - 50.0).abs() < 1e-9);
}
