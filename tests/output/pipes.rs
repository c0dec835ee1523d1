//! One output alone, on a pipe: what happens when no one reads, or reads no more.

use std::io::{PipeReader, Read};
use std::path::Path;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, mpsc};
use std::time::Duration;

use spiketail::event::AlertEvent;
use spiketail::output::bounded_lines::{Bound, LinePriority, QueueLimits};
use spiketail::output::fd_sink::FdSink;
use spiketail::output::queue::{LineQueue, OnClosed};
use spiketail::output::subscriber::Output;
use tracing::subscriber::with_default;
use tracing_subscriber::Registry;
use tracing_subscriber::layer::SubscriberExt;

use super::{PATIENCE, alert, count, json_to, not_closed, objects};

/// An output of its own on the writing end of a pipe.
fn output_on_pipe(
    limits: QueueLimits,
    on_closed: OnClosed,
) -> (PipeReader, Arc<LineQueue>, Output, Arc<AtomicU64>) {
    let (reader, writer) = std::io::pipe().unwrap();
    let dropped = Arc::new(AtomicU64::new(0));
    let report = |count: u64| format!("{{\"event\":\"output_dropped\",\"count\":{count}}}\n").into_bytes();
    let sink = Box::new(FdSink::from_fd(writer.into()).unwrap());
    let queue =
        LineQueue::start("pipe", sink, limits, Arc::new(report), on_closed, Arc::clone(&dropped)).unwrap();
    let queue = Arc::new(queue);
    let output = Output::new(json_to(Path::new("unused")), Arc::clone(&queue));
    (reader, queue, output, dropped)
}

/// Reads to the end on a thread of its own, so that a full pipe does not stop the test.
fn drain(mut reader: PipeReader) -> std::thread::JoinHandle<String> {
    std::thread::spawn(move || {
        let mut text = String::new();
        reader.read_to_string(&mut text).unwrap();
        text
    })
}

#[test]
fn a_pipe_that_nobody_reads_stops_nobody_and_loses_no_alert() {
    let (reader, queue, output, dropped) = output_on_pipe(QueueLimits::default(), not_closed());
    with_default(Registry::default().with(output), || {
        for n in 0..100_000 {
            count(n).emit();
            if n % 1000 == 999 {
                AlertEvent { count: n, ..alert() }.emit();
            }
        }
    });
    let dropped = dropped.load(Ordering::Relaxed);
    assert!(dropped > 10_000, "{dropped}");
    assert!(!queue.flush(Duration::ZERO));
    let reading = drain(reader);
    assert!(queue.flush(PATIENCE));
    drop(queue);

    let objects = objects(&reading.join().unwrap());
    let of = |target: &str| objects.iter().filter(|object| object["target"] == target).collect::<Vec<_>>();
    let alerts: Vec<u64> =
        of("spiketail::alert").iter().map(|object| object["count"].as_u64().unwrap()).collect();
    assert_eq!(alerts, (0..100).map(|n| n * 1000 + 999).collect::<Vec<_>>());
    assert_eq!(of("spiketail::count").len() as u64, 100_000 - dropped);
    let reported: u64 = objects
        .iter()
        .filter(|object| object["event"] == "output_dropped")
        .map(|object| object["count"].as_u64().unwrap())
        .sum();
    assert_eq!(reported, dropped);
}

#[test]
fn alerts_have_a_bound_too_and_both_bounds_are_kept() {
    let limits = QueueLimits {
        ordinary: Bound { lines_max: 3, bytes_max: 1 << 20 },
        alert: Bound { lines_max: 100, bytes_max: 20 },
    };
    let (reader, queue, output, dropped) = output_on_pipe(limits, not_closed());
    drop(output);
    // The first fills the pipe for good, and is being written while the others wait.
    queue.push(LinePriority::Ordinary, ("x".repeat(1 << 20) + "\n").into());
    queue.push(LinePriority::Ordinary, "taken or queued\n".into());
    let sizes: Vec<u64> = (0..10)
        .map(|_| {
            queue.push(LinePriority::Ordinary, "ordinary\n".into());
            queue.push(LinePriority::Alert, "an alert\n".into());
            dropped.load(Ordering::Relaxed)
        })
        .collect();
    assert!(sizes[9] >= 20 - 4 - 3, "{sizes:?}");
    let reading = drain(reader);
    assert!(queue.flush(PATIENCE));
    drop(queue);
    let text = reading.join().unwrap();
    let alerts = text.matches("an alert\n").count();
    assert!((2..=3).contains(&alerts), "{alerts}");
    assert!(text.ends_with(&format!("\"count\":{}}}\n", sizes[9])), "{}", &text[text.len() - 200..]);
}

#[test]
fn a_closed_pipe_is_told_once_and_then_swallows_everything() {
    let (told, closed) = mpsc::channel();
    let calls = Arc::new(AtomicUsize::new(0));
    let counter = Arc::clone(&calls);
    let on_closed = Arc::new(move || {
        counter.fetch_add(1, Ordering::SeqCst);
        told.send(()).unwrap();
    });
    let (reader, queue, output, dropped) = output_on_pipe(QueueLimits::default(), on_closed);
    drop(reader);
    with_default(Registry::default().with(output), || {
        count(1).emit();
        closed.recv_timeout(PATIENCE).unwrap();
        (0..1000).for_each(|n| count(n).emit());
        alert().emit();
    });
    assert!(queue.flush(PATIENCE));
    drop(queue);
    assert_eq!(calls.load(Ordering::SeqCst), 1);
    assert_eq!(dropped.load(Ordering::Relaxed), 0);
}

#[test]
fn each_thread_finds_its_events_in_order() {
    for direct in [true, false] {
        let (reader, queue, _, dropped) = output_on_pipe(QueueLimits::default(), not_closed());
        let reading = drain(reader);
        std::thread::scope(|scope| {
            for thread in 0..4 {
                let queue = &queue;
                scope.spawn(move || {
                    for n in 0..2000 {
                        // Beyond 4,096 bytes no line goes directly, so both ways meet in one queue.
                        let pad = if direct || n % 7 > 0 { 0 } else { 5000 };
                        queue.push(
                            LinePriority::Ordinary,
                            format!("{thread} {n} {}\n", "x".repeat(pad)).into(),
                        );
                    }
                });
            }
        });
        assert!(queue.flush(PATIENCE));
        drop(queue);
        assert_eq!(dropped.load(Ordering::Relaxed), 0);
        let mut next = [0u32; 4];
        for line in reading.join().unwrap().lines() {
            let mut words = line.split(' ');
            let thread: usize = words.next().unwrap().parse().unwrap();
            assert_eq!(words.next().unwrap().parse::<u32>().unwrap(), next[thread]);
            next[thread] += 1;
        }
        assert_eq!(next, [2000; 4]);
    }
}

#[test]
fn a_pipe_in_non_blocking_mode_gets_every_byte() {
    let (reader, writer) = std::io::pipe().unwrap();
    rustix::fs::fcntl_setfl(&writer, rustix::fs::OFlags::NONBLOCK).unwrap();
    let sink = Box::new(FdSink::from_fd(writer.into()).unwrap());
    let report = Arc::new(|_| b"dropped\n".to_vec());
    let queue =
        LineQueue::start("pipe", sink, QueueLimits::default(), report, not_closed(), Arc::default()).unwrap();
    let texts: Vec<String> = (1..20).map(|n| format!("{n} {}\n", "x".repeat(n * 10_000))).collect();
    for text in &texts {
        queue.push(LinePriority::Ordinary, text.clone().into());
    }
    assert!(!queue.flush(Duration::from_millis(20)));
    let reading = drain(reader);
    assert!(queue.flush(PATIENCE));
    drop(queue);
    assert!(reading.join().unwrap() == texts.concat());
}
