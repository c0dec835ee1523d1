//! Shares files, and chunks of files, between threads, and adds up what they find.

use std::fs::File;
use std::io;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{self, RecvTimeoutError, Sender};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

use super::input::{CountedInput, Input, is_stdin, open};
use crate::file::decompress::DecompressSource;
use crate::file::settings::ReadMethod;
use crate::file::source::{PreadSource, Source, WindowState};
use crate::file::vfs::FileHandle;
use crate::fmt::display_path;
use crate::scan::bulk::{BulkTally, BulkWalk, chunk_at};
use crate::scan::feed::Fed;
use crate::scan::rules::RuleSet;
use crate::scan::scanner::Scanner;
use crate::sys::open::{open_again, stat_file, stat_path};

/// Small enough to keep all threads busy to the end, large enough that cutting costs nothing, in bytes.
const CHUNK_BYTES: u64 = 16 << 20;
/// Fits into the processor's own cache, in bytes: see `benches/README.md`.
const BUFFER_BYTES: usize = 256 << 10;
/// Spreads the cost of mapping and unmapping, in bytes.
const WINDOW_BYTES: usize = 4 << 20;
/// The longest line that is judged whole, in bytes.
const LINE_BYTES_MAX: usize = 1 << 20;
/// How often news of the progress comes.
const NEWS_INTERVAL: Duration = Duration::from_millis(100);

/// How a scan is done. What it finds depends only on `line_bytes_max`.
#[derive(Debug, Clone)]
pub struct ScanOptions {
    /// How many threads scan at most.
    pub threads: usize,
    /// How plain files are read.
    pub reader: ReadMethod,
    /// How much of a file is shown at once, in bytes.
    pub window_bytes: usize,
    /// How much of a plain file one thread takes at once, in bytes.
    pub chunk_bytes: u64,
    /// The longest line that is judged whole, in bytes.
    pub line_bytes_max: usize,
}

impl ScanOptions {
    /// What is fastest with `reader`, on every processor.
    #[must_use]
    pub fn for_reader(reader: ReadMethod) -> ScanOptions {
        ScanOptions {
            threads: thread::available_parallelism().map_or(1, usize::from),
            reader,
            window_bytes: if reader == ReadMethod::Pread { BUFFER_BYTES } else { WINDOW_BYTES },
            chunk_bytes: CHUNK_BYTES,
            line_bytes_max: LINE_BYTES_MAX,
        }
    }
}

/// What was found in one file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FileCount {
    /// The path as it was given.
    pub path: PathBuf,
    /// Whether any of it was read.
    pub opened: bool,
    /// Whether it could not be read, or not to its end.
    pub failed: bool,
    /// What was read and found; bytes are those after decompression.
    pub tally: BulkTally,
    truncated: bool,
}

/// What is told while a scan is under way.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum News {
    /// Something could not be read; a sentence for people.
    Problem(String),
    /// So many bytes of all files, as they are stored, were read by now.
    Bytes(u64),
}

/// Counts the lines of the files at `paths`, in that order, that match `rules`. What goes wrong with one file is told
/// and does not stop the others.
pub fn count(
    paths: &[PathBuf],
    rules: &Arc<RuleSet>,
    options: &ScanOptions,
    news: &mut dyn FnMut(News),
) -> Vec<FileCount> {
    // What begins in one chunk may be a record that goes on in the next.
    let chunk_bytes = if rules.has_records() { u64::MAX } else { options.chunk_bytes };
    let options = &ScanOptions { chunk_bytes, ..options.clone() };
    let nothing = |path: &PathBuf| FileCount {
        path: path.clone(),
        opened: false,
        failed: false,
        tally: BulkTally::new(rules.names().len()),
        truncated: false,
    };
    let (problems, told) = mpsc::channel();
    let shared = ScanShared {
        options,
        paths,
        jobs: Mutex::default(),
        opened: Condvar::new(),
        counts: Mutex::new(paths.iter().map(nothing).collect()),
        bytes: Arc::new(AtomicU64::new(0)),
    };
    thread::scope(|scope| {
        for _ in 0..threads_needed(paths, options) {
            let (shared, problems) = (&shared, problems.clone());
            let scanner = Scanner::new(Arc::clone(rules), options.line_bytes_max);
            scope.spawn(move || shared.work(scanner, &problems));
        }
        // The end of the news is when the last thread drops its end of the channel.
        drop(problems);
        loop {
            match told.recv_timeout(NEWS_INTERVAL) {
                Ok(problem) => news(News::Problem(problem)),
                Err(RecvTimeoutError::Timeout) => news(News::Bytes(shared.bytes.load(Ordering::Relaxed))),
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

/// What is left to do.
#[derive(Default)]
struct Jobs {
    /// The path that is opened next.
    index: usize,
    /// How many paths are being opened.
    opening: usize,
    /// How many threads have nothing to do until a path is opened.
    waiting: usize,
    /// For each plain file of which chunks are left, the chunk that was taken last.
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
    /// The file to read the chunk from: opened for this chunk alone, unless that would cost a small file more than its
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
    /// Cuts off the chunk that follows `done`, and keeps the rest for whoever comes next.
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
    /// Told whenever a path was opened, which may make jobs for many.
    opened: Condvar,
    counts: Mutex<Vec<FileCount>>,
    bytes: Arc<AtomicU64>,
}

/// Why a step has to be taken again, or not at all.
enum Broken {
    Torn,
    Io(io::Error),
}

impl ScanShared<'_> {
    fn work(&self, mut scanner: Scanner, problems: &Sender<String>) {
        // Nobody listens any more only if the scan is over.
        let tell = |problem: String| drop(problems.send(problem));
        while let Some(job) = self.next_job() {
            match job {
                ScanJob::Unreadable(index, why_not) => {
                    self.with_count(index, |count| count.failed = true);
                    tell(why_not);
                }
                ScanJob::Chunk(chunk) => {
                    let (tally, error) = self.scan_chunk(&chunk, &mut scanner);
                    let truncated = is_truncated(&chunk, &tally);
                    self.settle(chunk.index, &tally, error, truncated, &tell);
                }
                ScanJob::Stream(index, stream) => {
                    let (tally, error) = self.scan_stream(stream, &mut scanner);
                    self.settle(index, &tally, error, false, &tell);
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
        // Opening can take long on a network: only who has nothing else to do waits for it.
        let input = open(&self.paths[index]);
        let mut jobs = self.jobs();
        jobs.opening -= 1;
        if jobs.waiting > 0 {
            self.opened.notify_all();
        }
        Some(match input {
            Ok(Input::Plain(file, size)) => jobs.cut(Chunk { index, file, size, own: 0..0 }, chunk_bytes),
            Ok(Input::Stream(stream)) => ScanJob::Stream(index, stream),
            Err(why_not) => ScanJob::Unreadable(index, why_not),
        })
    }

    fn with_count<T>(&self, index: usize, change: impl FnOnce(&mut FileCount) -> T) -> Option<T> {
        self.counts.lock().unwrap_or_else(PoisonError::into_inner).get_mut(index).map(change)
    }

    /// Adds what one thread found in one file, and tells once what went wrong with it.
    fn settle(
        &self,
        index: usize,
        tally: &BulkTally,
        error: Option<io::Error>,
        truncated: bool,
        tell: &dyn Fn(String),
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
            tell(problem);
        }
    }

    fn scan_chunk(&self, chunk: &Chunk, scanner: &mut Scanner) -> (BulkTally, Option<io::Error>) {
        let window_bytes = self.options.window_bytes;
        let mut source = chunk.reader().source(self.options.reader, window_bytes);
        let mut walk = BulkWalk::new(scanner, chunk.own.clone(), chunk.size, window_bytes);
        loop {
            let before = walk.tally().bytes;
            let fed = walk.step(&mut |range, look| {
                let shown = source.show(range, &mut |bytes| {
                    look(bytes);
                });
                match shown {
                    Ok(WindowState::Whole) => Ok(()),
                    Ok(WindowState::Torn) => Err(Broken::Torn),
                    Err(error) => Err(Broken::Io(error)),
                }
            });
            self.bytes.fetch_add(walk.tally().bytes - before, Ordering::Relaxed);
            match fed {
                Ok(Fed::More | Fed::Widen) => {}
                Ok(Fed::Done) => return (walk.tally().clone(), None),
                // Reading says how far the file goes now.
                Err(Broken::Torn) => source = Box::new(PreadSource::new(Arc::<File>::clone(&chunk.file))),
                Err(Broken::Io(error)) => return (walk.tally().clone(), Some(error)),
            }
        }
    }

    fn scan_stream(&self, stream: File, scanner: &mut Scanner) -> (BulkTally, Option<io::Error>) {
        let bytes = Arc::clone(&self.bytes);
        let count = move |got| {
            bytes.fetch_add(got, Ordering::Relaxed);
        };
        let mut source = match DecompressSource::new(CountedInput { reader: stream, count }) {
            Ok(source) => source,
            Err(error) => return (BulkTally::new(scanner.rules().names().len()), Some(error)),
        };
        let window_bytes = self.options.window_bytes.min(BUFFER_BYTES);
        let mut walk = BulkWalk::whole(scanner, window_bytes);
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

/// How many bytes are stored at `paths` altogether, or `None` if one of them does not say.
pub(super) fn stored_bytes(paths: &[PathBuf]) -> Option<u64> {
    let size = |path: &PathBuf| size_of(path);
    paths.iter().map(size).sum()
}

fn size_of(path: &Path) -> Option<u64> {
    if is_stdin(path) {
        return None;
    }
    Some(stat_path(path).map_or(0, |stat| if stat.is_regular() { stat.size } else { 0 }))
}
