//! The files of a log, and when the oldest line of each was written.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::cli::progress::Progress;
use crate::cli::replay::{recommend, span};
use crate::detect::Millis;
use crate::file::decompress::DecompressSource;
use crate::file::vfs::Source;
use crate::scan::timestamp::{Detector, TimeSettings};
use crate::sys::open::{open_regular, stat_file};

/// The part of a file that is searched for its first time stamp, in bytes.
const PROBE_BYTES: u64 = 1 << 20;

/// A log: its rotated files and the current one, oldest first.
#[derive(Debug)]
pub(super) struct Log {
    /// Index of its watch.
    pub(super) watch: usize,
    /// The path at which each of them was written.
    pub(super) path: PathBuf,
    pub(super) files: Vec<LogFile>,
}

/// The path that means standard input.
const STDIN: &str = "-";

/// A file of a log.
#[derive(Debug)]
pub(super) struct LogFile {
    pub(super) path: PathBuf,
    /// Its first time stamp, in milliseconds since the epoch.
    pub(super) first_ms: Millis,
}

/// Finds the first time stamp of the file at `path`. The error says why it cannot be replayed.
pub(super) fn probe(path: &Path, settings: &Arc<TimeSettings>) -> Result<LogFile, String> {
    if path.as_os_str() == STDIN {
        // It can be read only once, so not even its first bytes are looked at here.
        return Ok(LogFile { path: path.to_owned(), first_ms: Millis::MIN });
    }
    let (mut source, modified_ms) = open(path, &Progress::default()).map_err(|error| error.to_string())?;
    let (mut first_ms, mut recommended) = (None, None);
    let mut detector = Detector::new(Arc::clone(settings));
    let mut is_empty = true;
    let shown = source.show(0..PROBE_BYTES, &mut |bytes| {
        is_empty = bytes.is_empty();
        let mut lines = bytes.split(|byte| *byte == b'\n');
        first_ms = lines.find_map(|line| detector.recall(line, modified_ms));
        if first_ms.is_none() {
            recommended = recommend::time_format(bytes, settings, modified_ms);
        }
    });
    if let (Some(at_ms), Some(period_ms)) = (first_ms, detector.period_ms()) {
        // From its beginning again, which a stream cannot go back to.
        let (mut again, _) = open(path, &Progress::default()).map_err(|error| error.to_string())?;
        first_ms = Some(span::begin_ms(&mut again, settings, (at_ms, period_ms), modified_ms));
    }
    match (shown, first_ms) {
        (Err(error), _) => Err(error.to_string()),
        (Ok(_), Some(first_ms)) => Ok(LogFile { path: path.to_owned(), first_ms }),
        (Ok(_), None) if is_empty => {
            Ok(LogFile { path: path.to_owned(), first_ms: modified_ms })
        }
        (Ok(_), None) => Err(match recommended {
            // A pattern in single quotes is a literal of TOML.
            Some(format) => format!(
                "no time can be read from its lines; set `time.format = '{format}'` in the table of its watch, and name the configuration with -c"
            ),
            None => "no time can be read from its lines; if they have one, describe it with a pattern for `time.format` of the watch".to_owned(),
        }),
    }
}

/// Opens the file at `path`; what is read of it is progress. Returns when it was last modified, too.
pub(in crate::cli) fn open(path: &Path, progress: &Progress) -> io::Result<(DecompressSource, Millis)> {
    if path.as_os_str() == STDIN {
        let now_ms = jiff::Timestamp::now().as_millisecond();
        return Ok((DecompressSource::decoding(progress.counting(io::stdin()))?, now_ms));
    }
    let (file, _) = open_regular(path).map_err(io::Error::other)?;
    let modified_ms = stat_file(&file)?.modified_ns / 1_000_000;
    Ok((DecompressSource::decoding(progress.counting(file))?, modified_ms))
}
