use super::*;

const BUCKET_MS: Millis = 300_000;
const DAY: usize = 288;

struct Series {
    scales: Scales,
    settings: ScaleSettings,
}

impl Series {
    fn new() -> Series {
        Series { scales: Scales::new(BUCKET_MS), settings: ScaleSettings::default() }
    }

    /// Feeds buckets and returns those at which there was news, with the reason.
    fn go(&mut self, counts: impl IntoIterator<Item = u64>) -> Vec<(usize, Odds)> {
        let mut news = Vec::new();
        for (at, count) in counts.into_iter().enumerate() {
            let odds = self.scales.judge(count, &self.settings);
            if self.scales.is_news(&odds, &self.settings) {
                news.push((at, odds));
            }
            self.scales.learn(count, &self.settings);
        }
        news
    }
}

/// About `mean` with a deviation of a tenth.
fn noise(rng: &mut fastrand::Rng, mean: f64, buckets: usize) -> Vec<u64> {
    (0..buckets).map(|_| (mean * (0.85 + 0.3 * rng.f64())) as u64).collect()
}

#[test]
fn three_times_for_three_hours_is_news_each_time() {
    let mut rng = fastrand::Rng::with_seed(1);
    let mut series = Series::new();
    assert_eq!(series.go(noise(&mut rng, 100.0, 14 * DAY)), []);
    for incident in 0..5 {
        let news = series.go(noise(&mut rng, 300.0, 36));
        assert_eq!(news.len(), 1, "{incident}: {news:?}");
        assert!(news[0].0 < 12 && news[0].1.times > 1.6, "{news:?}");
        assert_eq!(series.go(noise(&mut rng, 100.0, 5 * DAY)), [], "{incident}");
    }
}

#[test]
fn the_reason_is_the_scale_and_the_days() {
    let mut rng = fastrand::Rng::with_seed(2);
    let mut series = Series::new();
    series.go(noise(&mut rng, 100.0, 30 * DAY));
    let news = series.go(noise(&mut rng, 190.0, 72));
    let [(at, odds)] = news[..] else { panic!("{news:?}") };
    assert!(at < 72 && odds.times > 1.5 && odds.days == 29, "{at} {odds:?}");
}

#[test]
fn bursts_of_every_day_are_no_news() {
    let mut rng = fastrand::Rng::with_seed(3);
    let mut series = Series::new();
    let mut day = || {
        let mut counts = noise(&mut rng, 20.0, DAY);
        for _ in 0..3 {
            let at = rng.usize(..DAY);
            counts[at] = (20.0 * (1.0 + 3.0 * rng.f64() / (1.05 - rng.f64()))) as u64;
        }
        counts
    };
    let early: Vec<u64> = (0..14).flat_map(|_| day()).collect();
    let late: Vec<u64> = (0..30).flat_map(|_| day()).collect();
    series.go(early);
    let news = series.go(late).len();
    assert!(news <= 4, "{news}");
}

#[test]
fn an_open_bucket_is_news_before_it_is_full_and_never_less_than_what_is_closed() {
    let mut rng = fastrand::Rng::with_seed(4);
    let mut series = Series::new();
    series.go(noise(&mut rng, 100.0, 10 * DAY));
    let odds: Vec<f64> = (0..1_000).map(|count| series.scales.judge(count, &series.settings).odds).collect();
    assert!(odds.windows(2).all(|pair| pair[0] <= pair[1]), "{odds:?}");
    let first = odds.iter().position(|odds| *odds >= series.settings.odds);
    assert!(first.is_some_and(|count| (110..250).contains(&count)), "{first:?}");
}

#[test]
fn pauses_teach_nothing_at_any_rate() {
    for (seed, mean) in [2.0, 20.0, 2_000.0].into_iter().enumerate() {
        for pause in [9, 96, 744] {
            let mut rng = fastrand::Rng::with_seed(seed as u64);
            let mut series = Series::new();
            assert_eq!(series.go(noise(&mut rng, mean, 10 * DAY)), []);
            let before = series.scales.usual();
            series.scales.learn_empty(pause, &series.settings);
            assert!((0.9..1.1).contains(&(series.scales.usual() / before)), "{mean} {pause}");
            assert_eq!(series.go(noise(&mut rng, mean, 3 * DAY)), [], "{mean} {pause}");
        }
    }
}

#[test]
fn any_count_and_any_length_of_silence_is_fine() {
    let mut series = Series::new();
    series.go([0; 600]);
    series.scales.learn_empty(u64::MAX, &series.settings);
    for count in [u64::MAX, 0, u64::MAX, 1] {
        let odds = series.scales.judge(count, &series.settings);
        assert!(!odds.odds.is_nan() && (0.0..=1.0).contains(&odds.score()), "{odds:?}");
        series.scales.learn(count, &series.settings);
    }
}

#[test]
fn it_is_small() {
    let mut rng = fastrand::Rng::with_seed(5);
    let mut series = Series::new();
    series.go(noise(&mut rng, 200.0, 40 * DAY));
    let written = serde_json::to_string(&series.scales).expect("numbers");
    assert!(written.len() < 2_048, "{}", written.len());
    let read: Scales = serde_json::from_str(&written).expect("valid JSON");
    let judged = |scales: &Scales| scales.judge(500, &ScaleSettings::default());
    assert!((judged(&read).odds - judged(&series.scales).odds).abs() < 1e-6);
}
