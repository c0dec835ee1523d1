//! More events than the kernel's queue holds.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use rustix::process::Signal;

use crate::common::{TestFolder, append, lines, pause, sum};
use crate::reasons;

const QUEUE: &str = "/proc/sys/fs/inotify/max_queued_events";

/// How many events fit into the queue of an instance that is made now. Whoever makes the limit another one, and whoever
/// relies on it, holds the lock.
static QUEUE_IS_MINE: Mutex<()> = Mutex::new(());

/// Sets the machine's limit back when dropped.
struct SmallQueue(String);

impl SmallQueue {
    fn of(events: u32) -> SmallQueue {
        let before = fs::read_to_string(QUEUE).unwrap();
        fs::write(QUEUE, events.to_string()).unwrap();
        SmallQueue(before)
    }
}

impl Drop for SmallQueue {
    fn drop(&mut self) {
        _ = fs::write(QUEUE, &self.0);
    }
}

fn create_anew(log: &Path) {
    fs::rename(log, log.with_extension("log.1")).unwrap();
    append(log, lines(3..5));
}

#[test]
fn a_storm_that_the_queue_does_not_hold_is_counted_to_the_line() {
    let lock = QUEUE_IS_MINE.lock();
    let place = TestFolder::new();
    let queue: usize = fs::read_to_string(QUEUE).unwrap().trim().parse().unwrap();
    if queue > 40_000 {
        eprintln!("skipped: the queue holds {queue} events");
        return;
    }
    let known: Vec<PathBuf> = (0..200).map(|n| place.log(&format!("known-{n}.log"))).collect();
    known.iter().for_each(|log| append(log, ""));
    let mut daemon = place.watch("*.log");
    drop(lock);
    daemon.signal(Signal::STOP);
    // Three events each, and none that equals the one before, which the kernel would merge.
    let rounds = queue / (3 * known.len()) + 1;
    for _ in 0..rounds {
        known.iter().for_each(|log| append(log, lines(0..1)));
    }
    for (n, log) in known.iter().enumerate() {
        create_anew(log);
        append(&place.log(&format!("new-{n}.log")), lines(0..1));
    }
    daemon.signal(Signal::CONT);
    let mut total = 200 * (rounds as u64 + 3);
    daemon.wait_sum(total);
    daemon.wait_event("watch_overflow");
    for log in &known {
        append(log, lines(0..1));
    }
    total += 200;
    daemon.wait_sum(total);
    assert_eq!(reasons(&daemon.events, "missed").len(), 0);
    daemon.stop_with_sum(total);
}

#[test]
#[ignore = "needs root: sets fs.inotify.max_queued_events for a moment"]
fn a_queue_of_sixteen_events_is_enough() {
    let place = TestFolder::new();
    let logs: Vec<PathBuf> = (0..40).map(|n| place.log(&format!("{n}.log"))).collect();
    logs.iter().for_each(|log| append(log, ""));
    let mut daemon = {
        let _lock = QUEUE_IS_MINE.lock();
        let _small = SmallQueue::of(16);
        place.watch("*.log")
    };
    let done = AtomicBool::new(false);
    let written = std::thread::scope(|scope| {
        let writers: Vec<_> = logs
            .chunks(20)
            .map(|logs| {
                let done = &done;
                scope.spawn(move || {
                    let (mut written, mut round) = (0, 0);
                    while !done.load(Ordering::Relaxed) {
                        for log in logs {
                            append(log, lines(written..written + 3));
                            written += 3;
                            round += 1;
                            if round % 7 == 0 {
                                fs::rename(log, log.with_extension(format!("log.{round}"))).unwrap();
                                append(log, lines(written..written + 1));
                                written += 1;
                            }
                        }
                        pause(Duration::from_millis(5));
                    }
                    written
                })
            })
            .collect();
        for _ in 0..3 {
            daemon.listen(Duration::from_millis(300));
            daemon.signal(Signal::STOP);
            pause(Duration::from_millis(200));
            daemon.signal(Signal::CONT);
        }
        done.store(true, Ordering::Relaxed);
        writers.into_iter().map(|writer| writer.join().unwrap()).sum::<u64>()
    });
    daemon.wait_sum(written);
    let overflows = reasons(&daemon.events, "watch_overflow").len();
    assert!(overflows > 0);
    eprintln!("{written} lines, {overflows} overflows, {} counted", sum(&daemon.events));
    daemon.stop_with_sum(written);
}
