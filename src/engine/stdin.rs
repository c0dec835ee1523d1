//! Counts what comes over standard input, on a thread of its own, until it ends.

use std::io::{self, Read};
use std::os::fd::AsFd;
use std::path::Path;
use std::sync::Arc;

use crate::engine::counters::{CountedSource, JournalSource};
use crate::engine::plan::CompiledWatch;
use crate::engine::shared::Shared;
use crate::file::stream::StreamReader;
use crate::file::turn::{TurnOptions, TurnScope};
use crate::scan::cursor::Follows;
use crate::scan::scanner::Scanner;
use crate::store::WatchedPath;
use crate::units::PathId;

/// What stands for standard input where a file has its path.
pub const STDIN: &str = "-";
/// How much is read at once, in bytes.
const READ_BYTES: usize = 64 << 10;
/// How much is judged at once, in bytes, while there is more to read.
const BATCH_BYTES: usize = 512 << 10;

/// Standard input, as a watch counts it.
pub(super) struct Stdin {
    watch: Arc<CompiledWatch>,
    id: PathId,
    path: Arc<Path>,
    reader: StreamReader,
    options: TurnOptions,
}

impl Stdin {
    /// `None` if there is no watch.
    pub(super) fn new(shared: &Shared) -> Option<Stdin> {
        let watch = Arc::clone(shared.files.lock().plan().watches.first()?);
        let path: Arc<Path> = Arc::from(Path::new(STDIN));
        let id = WatchedPath { watch: watch.name.clone(), path: path.to_path_buf() };
        let since = shared.watched_since(&watch);
        let mut scheduler = shared.files.lock();
        let (id, _) = scheduler.add_unit(&id);
        shared.counters().add_unit(id, &watch, &path, None, (since, JournalSource::Unit));
        drop(scheduler);
        let scanner = Scanner::new(Arc::clone(&watch.rules), watch.file.line_bytes_max);
        let reader = StreamReader::new(Arc::clone(&path), scanner, watch.file.format);
        let options = TurnOptions {
            samples_max: watch.samples_max,
            bytes_max: u64::MAX,
            time: Arc::clone(&watch.time),
            counts_lines: watch.counts_lines,
            patterns: Some(Arc::clone(&watch.patterns)),
            scope: TurnScope::Everything,
        };
        Some(Stdin { watch, id, path, reader, options })
    }

    /// Reads to the end.
    pub(super) fn run(mut self, shared: &Shared) {
        let mut input = io::stdin().lock();
        let mut chunk = vec![0; READ_BYTES];
        loop {
            match input.read(&mut chunk) {
                Ok(0) => break,
                Ok(got) => self.reader.buffer().extend_from_slice(&chunk[..got]),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) => {
                    tracing::error!("cannot read standard input to its end: {error}");
                    break;
                }
            }
            let is_batch = self.reader.buffer().len() >= BATCH_BYTES;
            // Whatever a slow program writes is judged at once.
            if is_batch || !has_more(&input) {
                self.judge(shared, Follows::Later);
            }
        }
        self.judge(shared, Follows::Nothing);
    }

    fn judge(&mut self, shared: &Shared, follows: Follows) {
        let turn = self.reader.judge(&self.options, shared.clock.wall_ns() / 1_000_000, follows);
        let now = shared.clock.now();
        let source = CountedSource { path: &self.path, generation: 1 };
        let scheduler = shared.files.lock();
        let due = shared.counters().apply(self.id, &self.watch, source, &turn, now);
        drop(scheduler);
        shared.schedule(due);
    }
}

/// Whether a read would return at once.
fn has_more(input: &impl AsFd) -> bool {
    rustix::io::ioctl_fionread(input).is_ok_and(|bytes| bytes > 0)
}
