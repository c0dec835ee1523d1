//! Distributes files, and chunks of files, over threads, and adds up their tallies.

use std::fs::File;
use std::io;
use std::ops::Range;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{self, RecvTimeoutError, Sender};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

use super::input::{CountedInput, Input, is_stdin, open};
use crate::file::decompress::DecompressSource;
use crate::file::settings::ReadMethod;
use crate::file::source::{PreadSource, read_at};
use crate::file::vfs::FileHandle;
use crate::file::vfs::{Source, WindowState};
use crate::fmt::display_path;
use crate::scan::bulk::{BulkTally, BulkWalk, chunk_at};
use crate::scan::feed::Fed;
use crate::scan::rules::RuleSet;
use crate::scan::scanner::Scanner;
use crate::scan::stream_lines::StreamLines;
use crate::scan::wrapping::LineFormat;
use crate::sys::open::{open_again, stat_file, stat_path};

/// Small enough to keep all threads busy to the end, large enough that cutting costs nothing, in bytes.
const CHUNK_BYTES: u64 = 16 << 20;
/// Fits into the processor's own cache, in bytes: see `benches/README.md`.
const BUFFER_BYTES: usize = 256 << 10;
/// Spreads the cost of mapping and unmapping, in bytes.
const WINDOW_BYTES: usize = 4 << 20;
/// The longest line that is scanned whole, in bytes.
const LINE_BYTES_MAX: usize = 1 << 20;
/// How often progress is reported.
const PROGRESS_INTERVAL: Duration = Duration::from_millis(100);

/// How a scan is done. Its result depends only on `line_bytes_max`.
#[derive(Debug, Clone)]
pub struct ScanOptions {
    /// Maximum number of threads.
    pub threads: usize,
    /// How plain files are read.
    pub reader: ReadMethod,
    /// Size of the window in which a file is shown, in bytes.
    pub window_bytes: usize,
    /// Size of the part of a plain file that one thread takes, in bytes.
    pub chunk_bytes: u64,
    /// The longest line that is scanned whole, in bytes.
    pub line_bytes_max: usize,
    /// Whether a container runtime wrote the lines.
    pub format: LineFormat,
}

impl ScanOptions {
    /// The fastest options with `reader`, on every processor.
    #[must_use]
    pub fn for_reader(reader: ReadMethod) -> ScanOptions {
        ScanOptions {
            threads: thread::available_parallelism().map_or(1, usize::from),
            reader,
            window_bytes: if reader == ReadMethod::Pread { BUFFER_BYTES } else { WINDOW_BYTES },
            chunk_bytes: CHUNK_BYTES,
            line_bytes_max: LINE_BYTES_MAX,
            format: LineFormat::Auto,
        }
    }
}

/// The result of one file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FileCount {
    /// The path as it was given.
    pub path: PathBuf,
    /// Whether it was opened.
    pub opened: bool,
    /// Whether it could not be read to its end.
    pub failed: bool,
    /// The result; bytes are those after decompression.
    pub tally: BulkTally,
    truncated: bool,
}

impl FileCount {
    /// A count of a unit of the journal, which is no file.
    pub(super) fn of_unit(unit: PathBuf, rules: usize) -> FileCount {
        FileCount { path: unit, opened: true, failed: false, tally: BulkTally::new(rules), truncated: false }
    }
}

/// What is reported during a scan.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ScanReport {
    /// Something cannot be read; a sentence for people.
    Problem(String),
    /// Bytes of all files, as they are stored, that are read so far.
    Bytes(u64),
}

/// Counts the lines of the files at `paths`, in that order, that match `rules`. A problem with one file is
/// reported and does not stop the others.
pub fn count(
    paths: &[PathBuf],
    rules: &Arc<RuleSet>,
    options: &ScanOptions,
    report: &mut dyn FnMut(ScanReport),
) -> Vec<FileCount> {
    // A record may begin in one chunk and end in the next.
    let chunk_bytes = if rules.has_records() { u64::MAX } else { options.chunk_bytes };
    let options = &ScanOptions { chunk_bytes, ..options.clone() };
    let empty = |path: &PathBuf| FileCount {
        path: path.clone(),
        opened: false,
        failed: false,
        tally: BulkTally::new(rules.names().len()),
        truncated: false,
    };
    let (problems, reported) = mpsc::channel();
    let shared = ScanShared {
        options,
        paths,
        jobs: Mutex::default(),
        opened: Condvar::new(),
        counts: Mutex::new(paths.iter().map(empty).collect()),
        bytes: Arc::new(AtomicU64::new(0)),
    };
    thread::scope(|scope| {
        for _ in 0..threads_needed(paths, options) {
            let (shared, problems) = (&shared, problems.clone());
            let scanner = Scanner::new(Arc::clone(rules), options.line_bytes_max);
            scope.spawn(move || shared.work(scanner, &problems));
        }
        // The loop ends when the last thread drops its sender.
        drop(problems);
        loop {
            match reported.recv_timeout(PROGRESS_INTERVAL) {
                Ok(problem) => report(ScanReport::Problem(problem)),
                Err(RecvTimeoutError::Timeout) => {
                    report(ScanReport::Bytes(shared.bytes.load(Ordering::Relaxed)));
                }
                Err(RecvTimeoutError::Disconnected) => break,
            }
        }
    });
    shared.counts.into_inner().unwrap_or_else(PoisonError::into_inner)
}

/// No more threads than there are chunks.
fn threads_needed(paths: &[PathBuf], options: &ScanOptions) -> usize {
    let most = options.threads.max(1) as u64;
    let mut chunks = 0;
    for path in paths {
        let size = if is_stdin(path) { u64::MAX } else { stat_path(path).map_or(0, |stat| stat.size) };
        chunks += size.div_ceil(options.chunk_bytes.max(1)).max(1);
        if chunks >= most {
            return most as usize;
        }
    }
    chunks as usize
}

/// Work that no thread has taken yet.
#[derive(Default)]
struct Jobs {
    /// The next path to open.
    index: usize,
    /// Paths that are being opened.
    opening: usize,
    /// Threads that wait until a path is opened.
    waiting: usize,
    /// The last chunk that was taken of each plain file with more chunks.
    unfinished: Vec<Chunk>,
}

/// One chunk of a plain file.
#[derive(Clone)]
struct Chunk {
    index: usize,
    file: Arc<File>,
    size: u64,
    own: Range<u64>,
}

impl Chunk {
    /// The file to read the chunk from: opened for this chunk alone, unless the file is small and opening costs more than
    /// reading.
    fn reader(&self) -> Arc<File> {
        let own = if self.own.start == 0 { None } else { open_again(&self.file) };
        own.map_or_else(|| Arc::clone(&self.file), Arc::new)
    }
}

enum ScanJob {
    Chunk(Chunk),
    Stream(usize, File),
    Unreadable(usize, String),
}

impl Jobs {
    /// Takes the chunk after `done`, and leaves the rest to other threads.
    fn cut(&mut self, done: Chunk, chunk_bytes: u64) -> ScanJob {
        let chunk = Chunk { own: chunk_at(done.own.end, done.size, chunk_bytes), ..done };
        if chunk.own.end < chunk.size {
            self.unfinished.push(chunk.clone());
        }
        ScanJob::Chunk(chunk)
    }
}

struct ScanShared<'p> {
    options: &'p ScanOptions,
    paths: &'p [PathBuf],
    jobs: Mutex<Jobs>,
    /// Notified whenever a path is opened, which may make jobs for many threads.
    opened: Condvar,
    counts: Mutex<Vec<FileCount>>,
    bytes: Arc<AtomicU64>,
}

/// Why a step failed: repeat it, or give up.
enum StepFailure {
    Torn,
    Io(io::Error),
}

impl ScanShared<'_> {
    fn work(&self, mut scanner: Scanner, problems: &Sender<String>) {
        // The receiver is gone only when the scan is over.
        let report = |problem: String| drop(problems.send(problem));
        while let Some(job) = self.next_job() {
            match job {
                ScanJob::Unreadable(index, why_not) => {
                    self.with_count(index, |count| count.failed = true);
                    report(why_not);
                }
                ScanJob::Chunk(chunk) => {
                    let (tally, error) = self.scan_chunk(&chunk, &mut scanner);
                    let truncated = is_truncated(&chunk, &tally);
                    self.settle(chunk.index, &tally, error, truncated, &report);
                }
                ScanJob::Stream(index, stream) => {
                    let (tally, error) = self.scan_stream(index, stream, &mut scanner);
                    self.settle(index, &tally, error, false, &report);
                }
            }
        }
    }

    fn jobs(&self) -> MutexGuard<'_, Jobs> {
        self.jobs.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn next_job(&self) -> Option<ScanJob> {
        let chunk_bytes = self.options.chunk_bytes;
        let mut jobs = self.jobs();
        let index = loop {
            if let Some(chunk) = jobs.unfinished.pop() {
                return Some(jobs.cut(chunk, chunk_bytes));
            }
            if jobs.index < self.paths.len() {
                break jobs.index;
            }
            if jobs.opening == 0 {
                return None;
            }
            jobs.waiting += 1;
            jobs = self.opened.wait(jobs).unwrap_or_else(PoisonError::into_inner);
            jobs.waiting -= 1;
        };
        jobs.index += 1;
        jobs.opening += 1;
        drop(jobs);
        // Opening can take long on a network: only a thread without other work waits for it.
        let input = open(&self.paths[index]);
        let mut jobs = self.jobs();
        jobs.opening -= 1;
        if jobs.waiting > 0 {
            self.opened.notify_all();
        }
        Some(match input {
            Ok(Input::Plain(file, size)) => {
                // A line may begin in one chunk and end in the next.
                let chunk_bytes = if self.is_wrapped(index, &file) { u64::MAX } else { chunk_bytes };
                jobs.cut(Chunk { index, file, size, own: 0..0 }, chunk_bytes)
            }
            Ok(Input::Stream(stream)) => ScanJob::Stream(index, stream),
            Err(why_not) => ScanJob::Unreadable(index, why_not),
        })
    }

    fn is_wrapped(&self, index: usize, file: &File) -> bool {
        let mut first = Vec::new();
        let found = self.options.format.find::<io::Error>(&self.paths[index], true, &mut |bytes, look| {
            first.resize(bytes, 0);
            let got = read_at(file, &mut first, 0)?;
            look(&first[..got]);
            Ok(())
        });
        found.is_ok_and(|first| first.wrapping().is_some())
    }

    /// The lines of the stream from a path.
    fn lines(&self, index: usize) -> StreamLines {
        StreamLines::new(&self.paths[index], self.options.format)
    }

    fn with_count<T>(&self, index: usize, change: impl FnOnce(&mut FileCount) -> T) -> Option<T> {
        self.counts.lock().unwrap_or_else(PoisonError::into_inner).get_mut(index).map(change)
    }

    /// Adds the result of one thread for one file, and reports its first problem.
    fn settle(
        &self,
        index: usize,
        tally: &BulkTally,
        error: Option<io::Error>,
        truncated: bool,
        report: &dyn Fn(String),
    ) {
        let problem = self.with_count(index, |count| {
            let path = display_path(&count.path);
            count.opened = true;
            count.tally.add(tally);
            if let Some(error) = error {
                let first = !std::mem::replace(&mut count.failed, true);
                return first.then(|| format!("cannot scan all of {path}: {error}"));
            }
            let first = truncated && !std::mem::replace(&mut count.truncated, true);
            first.then(|| format!("{path} was truncated while it was scanned; what could be read is counted"))
        });
        if let Some(problem) = problem.flatten() {
            report(problem);
        }
    }

    fn scan_chunk(&self, chunk: &Chunk, scanner: &mut Scanner) -> (BulkTally, Option<io::Error>) {
        let window_bytes = self.options.window_bytes;
        let mut source = chunk.reader().source(self.options.reader, window_bytes);
        let is_whole = chunk.own == (0..chunk.size);
        let mut walk = BulkWalk::new(scanner, chunk.own.clone(), chunk.size, window_bytes);
        if is_whole {
            walk = walk.with_lines(self.lines(chunk.index));
        }
        loop {
            let before = walk.tally().bytes;
            let fed = walk.step(&mut |range, look| {
                let shown = source.show(range, &mut |bytes| {
                    look(bytes);
                });
                match shown {
                    Ok(WindowState::Whole) => Ok(()),
                    Ok(WindowState::Torn) => Err(StepFailure::Torn),
                    Err(error) => Err(StepFailure::Io(error)),
                }
            });
            self.bytes.fetch_add(walk.tally().bytes - before, Ordering::Relaxed);
            match fed {
                Ok(Fed::More | Fed::Widen) => {}
                Ok(Fed::Done) => return (walk.tally().clone(), None),
                // `pread` returns how long the file is now.
                Err(StepFailure::Torn) => {
                    source = Box::new(PreadSource::new(Arc::<File>::clone(&chunk.file)));
                }
                Err(StepFailure::Io(error)) => return (walk.tally().clone(), Some(error)),
            }
        }
    }

    fn scan_stream(
        &self,
        index: usize,
        stream: File,
        scanner: &mut Scanner,
    ) -> (BulkTally, Option<io::Error>) {
        let bytes = Arc::clone(&self.bytes);
        let count = move |got| {
            bytes.fetch_add(got, Ordering::Relaxed);
        };
        let mut source = match DecompressSource::decoding(CountedInput { reader: stream, count }) {
            Ok(source) => source,
            Err(error) => return (BulkTally::new(scanner.rules().names().len()), Some(error)),
        };
        let window_bytes = self.options.window_bytes.min(BUFFER_BYTES);
        let mut walk = BulkWalk::whole(scanner, window_bytes).with_lines(self.lines(index));
        let mut failed = None;
        loop {
            let fed = walk.step(&mut |range, look| {
                let look = &mut |bytes: &[u8]| {
                    look(bytes);
                };
                if failed.is_some() {
                    // The lines before the failure count.
                    source.show_what_was_read(range, look);
                    return Ok(());
                }
                source.show(range, look).map(|_| ())
            });
            match fed {
                Ok(Fed::More | Fed::Widen) => {}
                Ok(Fed::Done) => return (walk.tally().clone(), failed),
                Err(error) => failed = Some(error),
            }
        }
    }
}

fn is_truncated(chunk: &Chunk, tally: &BulkTally) -> bool {
    let short = tally.bytes < chunk.own.end - chunk.own.start;
    // Within its last page a mapped file shows NULs where it was cut off.
    short || stat_file(&chunk.file).is_ok_and(|stat| stat.size < chunk.size)
}
