//! The patterns of a watch take at most a megabyte, whatever its lines say, and a line of a known signature asks for no memory.
#![allow(clippy::unwrap_used, reason = "a failed expectation must fail the test")]

use allocation_counter::measure;
use spiketail::pattern::{PatternSettings, Registry, SignatureReader};

const BYTES_MAX: i64 = 1 << 20;
/// Enough that each table is full and every pattern has left many times.
const LINES: usize = 30_000;

fn word(rng: &mut fastrand::Rng) -> String {
    (0..8).map(|_| rng.lowercase()).collect()
}

/// Lines all of whose messages are distinct: of the shapes that fill each of the tables.
fn line(rng: &mut fastrand::Rng, n: usize) -> String {
    let words =
        |rng: &mut fastrand::Rng, count: usize| (0..count).map(|_| word(rng)).collect::<Vec<_>>().join(" ");
    let message = match n % 4 {
        0 => words(rng, 6),
        1 => words(rng, 200),
        2 => format!("cannot open {} for {} in time {}", word(rng), n % 7, word(rng)),
        _ => format!("user={} from {} failed with {}", word(rng), word(rng), words(rng, n % 9)),
    };
    format!("2026-11-26 10:41:07 ERROR {message}")
}

#[test]
fn distinct_messages_stay_within_a_megabyte() {
    let mut kept = None;
    let info = measure(|| {
        let mut registry = Registry::new(&PatternSettings::default());
        let mut rng = fastrand::Rng::with_seed(5);
        for n in 0..LINES {
            registry.observe(line(&mut rng, n).as_bytes(), Some(n as i64));
        }
        registry.take_changes();
        kept = Some(registry);
    });
    let registry = kept.unwrap();
    let sum: u64 = registry.patterns().iter().map(|pattern| pattern.lines).sum();
    assert_eq!(sum + registry.other(), LINES as u64);
    println!("{} bytes, {} patterns", info.bytes_current, registry.patterns().len());
    assert!(info.bytes_current <= BYTES_MAX, "{} bytes", info.bytes_current);
}

#[test]
fn a_known_signature_asks_for_no_memory() {
    let mut registry = Registry::new(&PatternSettings::default());
    let mut reader = SignatureReader::new(&PatternSettings::default());
    let line = |n: usize| format!("2026-11-26 10:41:07 ERROR db: connection to 10.0.0.{n}:5432 refused");
    let lines: Vec<String> = (0..200).map(line).collect();
    registry.observe(lines[0].as_bytes(), Some(0));
    registry.observe(lines[1].as_bytes(), Some(0));
    let mut hash = reader.hash(lines[0].as_bytes());
    let info = measure(|| {
        for line in &lines {
            registry.observe(line.as_bytes(), Some(1));
            hash = reader.hash(line.as_bytes());
            registry.count(hash, 1, Some(2));
        }
    });
    assert_eq!(info.count_total, 0);
    assert_eq!(registry.lines(), 402);
}
