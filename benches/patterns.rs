//! How well and how fast lines are grouped into patterns, on logs whose events are known.
//!
//! `cargo bench --bench patterns -- FOLDER`, or with the folder in `SPIKETAIL_PATTERN_DATA`. The folder has `logs/NAME_2k.log`
//! (or `logs/NAME.log`) and `patterns/NAME.events`, which holds the true event of each line. Logs with such labels are to be obtained
//! of <https://github.com/logpai/loghub>. Every log is read raw, with one configuration.
//!
//! GA is the share of lines whose group has exactly the lines of a true event, FGA the F1 of such groups, PF1 the F1 over pairs of
//! lines. *Online* is by the ids at the time of the line, *final* by the ids after all merges.
#![allow(clippy::unwrap_used, clippy::disallowed_methods, reason = "a measurement that cannot go on ends")]

use std::collections::{HashMap, HashSet};
use std::path::{Path, PathBuf};
use std::time::Duration;

use spiketail::pattern::{News, PatternId, PatternSettings, Registry};

const SHUFFLES: u64 = 5;
/// So many lines are observed when the speed is measured.
const SPEED_LINES: usize = 500_000;

struct Labelled {
    name: String,
    lines: Vec<Vec<u8>>,
    events: Vec<String>,
}

fn main() {
    let argument = std::env::args().skip(1).find(|argument| !argument.starts_with("--"));
    let folder =
        argument.map(PathBuf::from).or_else(|| std::env::var_os("SPIKETAIL_PATTERN_DATA").map(PathBuf::from));
    let Some(folder) = folder else {
        println!("skipped: give the folder of labelled logs, `cargo bench --bench patterns -- FOLDER`");
        return;
    };
    let all = load(&folder);
    if all.is_empty() {
        println!("skipped: {} has no patterns/NAME.events", folder.display());
        return;
    }
    println!(
        "{:<12} {:>6} {:>6}  {:>6} {:>6} {:>6}  {:>6} {:>6} {:>6}  {:>7} {:>6} {:>6} {:>7} {:>6} {:>9}",
        "log",
        "events",
        "ids",
        "GA",
        "FGA",
        "PF1",
        "GA on.",
        "FGA",
        "PF1",
        "spread",
        "merged",
        "same",
        "new P",
        "R",
        "lines/s"
    );
    let (small, whole): (Vec<_>, Vec<_>) = all.iter().partition(|log| log.lines.len() <= 2_000);
    let rows: Vec<Row> = small.iter().map(|log| Row::of(log)).collect();
    let count = rows.len().max(1) as f64;
    let mean = |of: fn(&Row) -> f64| rows.iter().map(of).sum::<f64>() / count;
    println!(
        "{:<12} {:>6} {:>6}  {:>6.4} {:>6.4} {:>6.4}  {:>6.4} {:>6.4} {:>6.4}  {:>7.4} {:>6.4} {:>6.4} {:>7.4} {:>6.4}",
        "mean",
        "",
        "",
        mean(|row| row.last.ga),
        mean(|row| row.last.fga),
        mean(|row| row.last.pair_f1),
        mean(|row| row.online.ga),
        mean(|row| row.online.fga),
        mean(|row| row.online.pair_f1),
        mean(|row| row.spread),
        mean(|row| row.merged_later),
        mean(|row| row.same_ids),
        mean(|row| row.precision),
        mean(|row| row.recall),
    );
    for log in &whole {
        let _ = Row::of(log);
    }
    if std::env::var_os("SPIKETAIL_PATTERN_ERRORS").is_some() {
        all.iter().for_each(errors);
    }
}

fn load(folder: &Path) -> Vec<Labelled> {
    let mut all = Vec::new();
    let Ok(entries) = std::fs::read_dir(folder.join("patterns")) else { return all };
    let mut names: Vec<String> = entries
        .filter_map(|entry| Some(entry.ok()?.file_name().to_str()?.strip_suffix(".events")?.to_owned()))
        .collect();
    names.sort();
    for name in names {
        let events = std::fs::read_to_string(folder.join("patterns").join(format!("{name}.events"))).unwrap();
        let log = |file: String| std::fs::read(folder.join("logs").join(file));
        let bytes = log(format!("{name}_2k.log")).or_else(|_| log(format!("{name}.log"))).unwrap();
        let lines = bytes.strip_suffix(b"\n").unwrap_or(&bytes).split(|byte| *byte == b'\n');
        let lines: Vec<Vec<u8>> =
            lines.map(|line| line.strip_suffix(b"\r").unwrap_or(line).to_vec()).collect();
        let events: Vec<String> = events.lines().map(str::to_owned).collect();
        assert_eq!(lines.len(), events.len(), "{name}");
        all.push(Labelled { name, lines, events });
    }
    all
}

/// The ids of `lines` when they were read, the same after all merges, and which lines were new.
struct Ids {
    online: Vec<PatternId>,
    last: Vec<PatternId>,
    new: Vec<bool>,
}

fn ids<'a>(lines: impl Iterator<Item = &'a [u8]>) -> (Ids, Registry) {
    let mut registry = Registry::new(&PatternSettings::default());
    let (mut online, mut new) = (Vec::new(), Vec::new());
    for line in lines {
        let sighting = registry.observe(line, None);
        online.push(sighting.id);
        new.push(sighting.news == News::New);
    }
    let last = online.iter().map(|id| registry.resolve(*id)).collect();
    (Ids { online, last, new }, registry)
}

struct Scores {
    ga: f64,
    fga: f64,
    pair_f1: f64,
}

fn scores(ids: &[PatternId], events: &[&str]) -> Scores {
    let (mut by_id, mut by_event) = (HashMap::new(), HashMap::new());
    let mut both: HashMap<(PatternId, &str), u64> = HashMap::new();
    for (id, event) in ids.iter().zip(events) {
        *by_id.entry(*id).or_insert(0_u64) += 1;
        *by_event.entry(*event).or_insert(0_u64) += 1;
        *both.entry((*id, *event)).or_default() += 1;
    }
    let right = both.iter().filter(|((id, event), lines)| by_id[id] == **lines && by_event[event] == **lines);
    let (groups, lines) = right.fold((0_u64, 0_u64), |(groups, sum), (_, lines)| (groups + 1, sum + lines));
    let pairs = |n: u64| (n * (n - 1) / 2) as f64;
    let shared: f64 = both.values().map(|n| pairs(*n)).sum();
    let wanted: f64 = by_event.values().map(|n| pairs(*n)).sum();
    let given: f64 = by_id.values().map(|n| pairs(*n)).sum();
    Scores {
        ga: lines as f64 / ids.len() as f64,
        fga: 2.0 * groups as f64 / (by_id.len() + by_event.len()) as f64,
        pair_f1: 2.0 * shared / (wanted + given),
    }
}

struct Row {
    last: Scores,
    online: Scores,
    /// The greatest minus the least final GA over shuffles.
    spread: f64,
    /// The share of lines whose id was merged away later.
    merged_later: f64,
    /// The share of lines that have the same final id in another order, the least over shuffles.
    same_ids: f64,
    /// Of what is new in the second half after learning the first, by event.
    precision: f64,
    recall: f64,
}

impl Row {
    fn of(log: &Labelled) -> Row {
        let events: Vec<&str> = log.events.iter().map(String::as_str).collect();
        let (found, _) = ids(log.lines.iter().map(Vec::as_slice));
        let (last, online) = (scores(&found.last, &events), scores(&found.online, &events));
        let away = found.online.iter().zip(&found.last).filter(|(online, last)| online != last).count();
        let (mut least, mut most, mut same_ids) = (last.ga, last.ga, 1.0_f64);
        for seed in 0..SHUFFLES {
            let mut order: Vec<usize> = (0..log.lines.len()).collect();
            fastrand::Rng::with_seed(seed).shuffle(&mut order);
            let (shuffled, _) = ids(order.iter().map(|n| log.lines[*n].as_slice()));
            let ga = scores(&shuffled.last, &order.iter().map(|n| events[*n]).collect::<Vec<_>>()).ga;
            (least, most) = (least.min(ga), most.max(ga));
            let same = order.iter().zip(&shuffled.last).filter(|(n, id)| found.last[**n] == **id).count();
            same_ids = same_ids.min(same as f64 / log.lines.len() as f64);
        }
        let (precision, recall) = new_in_second_half(&found.new, &events);
        let row = Row {
            last,
            online,
            spread: most - least,
            merged_later: away as f64 / log.lines.len() as f64,
            same_ids,
            precision,
            recall,
        };
        row.print(log, &found);
        row
    }

    fn print(&self, log: &Labelled, found: &Ids) {
        let events = log.events.iter().collect::<HashSet<_>>().len();
        let ids = found.last.iter().collect::<HashSet<_>>().len();
        println!(
            "{:<12} {events:>6} {ids:>6}  {:>6.4} {:>6.4} {:>6.4}  {:>6.4} {:>6.4} {:>6.4}  {:>7.4} {:>6.4} {:>6.4} {:>7.4} {:>6.4} {:>9.0}",
            log.name,
            self.last.ga,
            self.last.fga,
            self.last.pair_f1,
            self.online.ga,
            self.online.fga,
            self.online.pair_f1,
            self.spread,
            self.merged_later,
            self.same_ids,
            self.precision,
            self.recall,
            speed(log),
        );
    }
}

/// A true event is found if a line of it is reported new; a report is right if it is the first of an event in the whole log.
fn new_in_second_half(new: &[bool], events: &[&str]) -> (f64, f64) {
    let half = events.len() / 2;
    let known: HashSet<&str> = events[..half].iter().copied().collect();
    let wanted: HashSet<&str> =
        events[half..].iter().copied().filter(|event| !known.contains(event)).collect();
    let reported = (half..events.len()).filter(|n| new[*n]).map(|n| events[n]);
    let (mut right, mut wrong, mut found) = (0, 0, HashSet::new());
    for event in reported {
        if wanted.contains(event) {
            right += 1;
            found.insert(event);
        } else {
            wrong += 1;
        }
    }
    let ratio = |part: usize, whole: usize| if whole == 0 { 1.0 } else { part as f64 / whole as f64 };
    (ratio(right, right + wrong), ratio(found.len(), wanted.len()))
}

/// Lines per second of processor time once the patterns of the log are known.
fn speed(log: &Labelled) -> f64 {
    let (_, mut registry) = ids(log.lines.iter().map(Vec::as_slice));
    if cfg!(debug_assertions) {
        return 0.0;
    }
    let begun = cpu_time();
    let lines = log.lines.iter().cycle().take(SPEED_LINES);
    for line in lines {
        std::hint::black_box(registry.observe(line, Some(0)));
    }
    SPEED_LINES as f64 / (cpu_time() - begun).as_secs_f64()
}

/// How long this thread has run, without the time that others took.
fn cpu_time() -> Duration {
    let time = rustix::time::clock_gettime(rustix::time::ClockId::ThreadCPUTime);
    Duration::new(time.tv_sec as u64, time.tv_nsec as u32)
}

/// Shows the groups that are wrong.
fn errors(log: &Labelled) {
    let (found, registry) = ids(log.lines.iter().map(Vec::as_slice));
    let mut by_id: HashMap<PatternId, HashMap<&str, usize>> = HashMap::new();
    let mut by_event: HashMap<&str, HashSet<PatternId>> = HashMap::new();
    for (id, event) in found.last.iter().zip(&log.events) {
        *by_id.entry(*id).or_default().entry(event).or_default() += 1;
        by_event.entry(event).or_default().insert(*id);
    }
    let mut wrong: Vec<_> = by_id
        .iter()
        .filter(|(_, events)| events.len() > 1 || by_event[events.keys().next().unwrap()].len() > 1)
        .collect();
    wrong.sort_by_key(|(id, _)| **id);
    for (id, events) in wrong {
        let text =
            registry.patterns().iter().find(|pattern| pattern.id == *id).map_or("", |pattern| &pattern.text);
        println!("{} {id} {events:?} {text}", log.name);
    }
}
