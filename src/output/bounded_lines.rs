//! The lines that wait for one destination, within bounds. Pure: no locks, no threads, no writing.

use std::collections::VecDeque;

/// How a line is treated when there is no room.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LinePriority {
    /// Dropped and counted when the queue is full.
    Ordinary,
    /// Has a reserve of its own, which ordinary lines cannot use up.
    Alert,
}

/// Bounds of one class of line. A line that is being written counts no more.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Bound {
    /// Most lines queued.
    pub lines_max: usize,
    /// Most bytes queued.
    pub bytes_max: usize,
}

/// Bounds of a queue.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct QueueLimits {
    /// For ordinary lines.
    pub ordinary: Bound,
    /// For alert lines, on top.
    pub alert: Bound,
}

impl Default for QueueLimits {
    fn default() -> QueueLimits {
        QueueLimits {
            ordinary: Bound { lines_max: 65_536, bytes_max: 8 << 20 },
            alert: Bound { lines_max: 65_536, bytes_max: 64 << 20 },
        }
    }
}

/// Lines that are written together, in one piece.
#[derive(Debug)]
pub(super) struct QueuedLine {
    pub(super) class: LinePriority,
    pub(super) bytes: Vec<u8>,
}

/// There is no room for a line.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Full;

#[derive(Debug, Default)]
struct Load {
    lines: usize,
    bytes: usize,
}

impl Load {
    fn has_room(&self, bytes: usize, bound: Bound) -> bool {
        self.lines < bound.lines_max && self.bytes.saturating_add(bytes) <= bound.bytes_max
    }

    fn is_light(&self, bound: Bound) -> bool {
        self.lines <= bound.lines_max / 2 && self.bytes <= bound.bytes_max / 2
    }
}

/// Lines in the order in which they came.
#[derive(Debug, Default)]
pub(super) struct BoundedLines {
    limits: QueueLimits,
    lines: VecDeque<QueuedLine>,
    ordinary: Load,
    alert: Load,
}

impl BoundedLines {
    pub(super) fn new(limits: QueueLimits) -> BoundedLines {
        BoundedLines { limits, ..BoundedLines::default() }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.lines.is_empty()
    }

    pub(super) fn len(&self) -> u64 {
        self.lines.len() as u64
    }

    /// Whether enough has drained to report what was dropped before.
    pub(super) fn has_room_again(&self) -> bool {
        self.ordinary.is_light(self.limits.ordinary)
    }

    /// Takes `line` as the last one, if its class has room.
    pub(super) fn admit(&mut self, line: QueuedLine) -> Result<(), Full> {
        let (load, bound) = match line.class {
            LinePriority::Ordinary => (&self.ordinary, self.limits.ordinary),
            LinePriority::Alert => (&self.alert, self.limits.alert),
        };
        if !load.has_room(line.bytes.len(), bound) {
            return Err(Full);
        }
        self.put_last(line);
        Ok(())
    }

    /// Takes `line` as the last one, room or not.
    pub(super) fn put_last(&mut self, line: QueuedLine) {
        let load = self.load(line.class);
        load.lines += 1;
        load.bytes += line.bytes.len();
        self.lines.push_back(line);
    }

    /// Takes `line` back as the first one, room or not.
    pub(super) fn put_first(&mut self, line: QueuedLine) {
        let load = self.load(line.class);
        load.lines += 1;
        load.bytes += line.bytes.len();
        self.lines.push_front(line);
    }

    /// Moves at least one line, and further ones until `batch` has `bytes` bytes, to its end; returns how many.
    pub(super) fn take_batch(&mut self, batch: &mut Vec<u8>, bytes: usize) -> u64 {
        let mut count = 0;
        while batch.len() < bytes
            && let Some(line) = self.lines.pop_front()
        {
            let load = self.load(line.class);
            load.lines -= 1;
            load.bytes -= line.bytes.len();
            batch.extend_from_slice(&line.bytes);
            count += 1;
        }
        if self.lines.is_empty() {
            // Returns the memory of a past flood.
            self.lines.shrink_to(1024);
        }
        count
    }

    fn load(&mut self, class: LinePriority) -> &mut Load {
        match class {
            LinePriority::Ordinary => &mut self.ordinary,
            LinePriority::Alert => &mut self.alert,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(class: LinePriority, text: &str) -> QueuedLine {
        QueuedLine { class, bytes: text.into() }
    }

    #[test]
    fn each_class_fills_its_own_bounds_and_order_is_kept() {
        let limits = QueueLimits {
            ordinary: Bound { lines_max: 2, bytes_max: 100 },
            alert: Bound { lines_max: 10, bytes_max: 6 },
        };
        let mut backlog = BoundedLines::new(limits);
        for (text, ordinary, alert) in
            [("a", Ok(()), Ok(())), ("b", Ok(()), Ok(())), ("c", Err(Full), Ok(()))]
        {
            assert_eq!(backlog.admit(line(LinePriority::Ordinary, text)), ordinary);
            assert_eq!(backlog.admit(line(LinePriority::Alert, &text.repeat(2))), alert);
        }
        assert_eq!(backlog.admit(line(LinePriority::Alert, "d")), Err(Full));
        assert!(!backlog.has_room_again());
        backlog.put_first(line(LinePriority::Ordinary, "0"));
        let mut batch = Vec::new();
        assert_eq!(backlog.take_batch(&mut batch, 100), 6);
        assert_eq!(batch, b"0aaabbbcc");
        assert!(backlog.is_empty() && backlog.has_room_again());
        assert_eq!((backlog.ordinary.bytes, backlog.alert.lines), (0, 0));
    }

    /// How many of ten lines of two bytes are taken.
    fn taken(limits: QueueLimits, class: LinePriority) -> usize {
        let mut lines = BoundedLines::new(limits);
        (0..10).filter(|_| lines.admit(line(class, "xx")).is_ok()).count()
    }

    #[test]
    fn each_of_the_four_bounds_is_kept() {
        const ANY: Bound = Bound { lines_max: usize::MAX, bytes_max: usize::MAX };
        let lines = Bound { lines_max: 3, ..ANY };
        let bytes = Bound { bytes_max: 9, ..ANY };
        for (bound, most) in [(lines, 3), (bytes, 4), (ANY, 10)] {
            let ordinary = QueueLimits { ordinary: bound, alert: ANY };
            let alert = QueueLimits { ordinary: ANY, alert: bound };
            assert_eq!(taken(ordinary, LinePriority::Ordinary), most);
            assert_eq!(taken(ordinary, LinePriority::Alert), 10);
            assert_eq!(taken(alert, LinePriority::Alert), most);
            assert_eq!(taken(alert, LinePriority::Ordinary), 10);
        }
    }

    #[test]
    fn the_default_bounds_hold_memory_within_a_hundred_megabytes() {
        let mut lines = BoundedLines::default();
        let text = "x".repeat(1 << 20);
        for class in [LinePriority::Ordinary, LinePriority::Alert] {
            while lines.admit(line(class, &text)).is_ok() {
                assert!(lines.len() < 100);
            }
        }
        let mut lines = BoundedLines::default();
        for class in [LinePriority::Ordinary, LinePriority::Alert] {
            while lines.admit(line(class, "")).is_ok() {
                assert!(lines.len() < 200_000);
            }
        }
    }

    #[test]
    fn a_batch_is_bounded_but_takes_one_line_of_any_length() {
        let mut backlog = BoundedLines::default();
        for _ in 0..3 {
            backlog.put_last(line(LinePriority::Alert, &"x".repeat(101)));
        }
        assert_eq!(backlog.take_batch(&mut Vec::new(), 100), 1);
        assert_eq!(backlog.len(), 2);
    }
}
