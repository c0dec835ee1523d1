//! The events that the counters emit.

use std::path::Path;

use crate::alert::manager::SeriesOverflow;
use crate::engine::entry::FileStatus;
use crate::event::{FileEvent, FileEventKind, HealthEvent, HealthKind};
use crate::file::tailer::TailEvent;

/// The event for something that happened to the file at `path`.
pub(super) fn file(watch: &str, path: &Path, what: &TailEvent, generation: u64) -> FileEvent {
    let (event, reason) = match what {
        TailEvent::Opened => (FileEventKind::Opened, "being read now".to_owned()),
        TailEvent::Rotated(reason) => (FileEventKind::Rotated, reason.as_str().to_owned()),
        TailEvent::Truncated(reason) => (FileEventKind::Truncated, reason.as_str().to_owned()),
        TailEvent::Rewritten(reason) => (FileEventKind::Rewritten, reason.as_str().to_owned()),
        TailEvent::Removed(reason) => (FileEventKind::Removed, reason.as_str().to_owned()),
        TailEvent::Missed(missed) => {
            (FileEventKind::Missed, format!("bytes from {} on: {}", missed.from, missed.reason.as_str()))
        }
        TailEvent::Unreadable(reason) => (FileEventKind::Unreadable, reason.clone()),
        TailEvent::Recovered => (FileEventKind::Recovered, "it can be read again".to_owned()),
    };
    let bytes = if let TailEvent::Missed(missed) = what { Some(missed.bytes) } else { None };
    let (watch, path) = (watch.to_owned(), path.to_owned());
    FileEvent { event, watch, path, reason, generation, bytes, ..FileEvent::default() }
}

/// Emits the state of one file.
pub(super) fn status(watch: &str, path: &Path, status: &FileStatus, total: u64) {
    FileEvent {
        event: FileEventKind::Status,
        watch: watch.to_owned(),
        path: path.to_owned(),
        reason: status.trouble.clone().unwrap_or_else(|| "asked for".to_owned()),
        generation: status.generation,
        bytes: None,
        offset: Some(status.offset),
        size: Some(status.size),
        total: Some(total),
    }
    .emit();
}

/// Reports what became of series for which there is no room.
pub(super) fn series_overflow(overflow: &SeriesOverflow) {
    HealthEvent::warning(HealthKind::SeriesForgotten, overflow.sentence())
        .counting(overflow.count as u64)
        .emit();
}

/// Reports scans that were discarded.
pub(super) fn torn_scans(count: u64) {
    let reason = "files changed while they were scanned; those scans were thrown away and made again";
    HealthEvent::info(HealthKind::TornScans, reason).counting(count).emit();
}
