//! Opens the inputs of a scan. Errors say how to fix what cannot be scanned.

use std::fs::File;
use std::io::{self, Read, Seek};
use std::os::fd::AsFd;
use std::path::Path;
use std::sync::Arc;

use crate::file::decompress::Compression;
use crate::file::encoding::{ENCODING_BYTES, Encoding};
use crate::file::source::read_at;
use crate::fmt::display_path;
use crate::sys::open::{OpenError, open_regular, stat_file};

/// The path that means standard input.
const STDIN: &str = "-";

/// An opened input.
pub(super) enum Input {
    /// A plain file and its size, which several threads can share.
    Plain(Arc<File>, u64),
    /// A stream that is read from front to back.
    Stream(File),
}

/// Whether `path` means standard input.
pub(super) fn is_stdin(path: &Path) -> bool {
    path.as_os_str() == STDIN
}

/// Opens `path`. The error says what, where and how to fix it.
pub(super) fn open(path: &Path) -> Result<Input, String> {
    let shown = display_path(path);
    let opened = if is_stdin(path) {
        open_stdin().map_err(|e| e.to_string())
    } else {
        open_file(path).map_err(|e| match e {
            OpenError::NotRegular("a directory") => {
                format!("it is a directory; name the files in it instead, such as {shown}/*.log")
            }
            OpenError::NotRegular(kind) => {
                format!("it is {kind}, not a regular file; pipe it in instead: spiketail scan - < {shown}")
            }
            other => other.to_string(),
        })
    };
    opened.map_err(|why_not| format!("cannot scan {shown}: {why_not}"))
}

fn open_file(path: &Path) -> Result<Input, OpenError> {
    let (file, stat) = open_regular(path)?;
    Ok(plain_or_stream(file, stat.size)?)
}

fn open_stdin() -> io::Result<Input> {
    let mut stdin = File::from(io::stdin().as_fd().try_clone_to_owned()?);
    let stat = stat_file(&stdin)?;
    if stat.is_dir() {
        return Err(io::Error::new(io::ErrorKind::IsADirectory, "standard input is a directory"));
    }
    // The parent process may have read some of it.
    if stat.is_regular() && stdin.stream_position()? == 0 {
        plain_or_stream(stdin, stat.size)
    } else {
        Ok(Input::Stream(stdin))
    }
}

fn plain_or_stream(file: File, size: u64) -> io::Result<Input> {
    let mut head = [0; ENCODING_BYTES];
    let got = read_at(&file, &mut head, 0)?;
    // Files in /proc have a size of zero but contents.
    if size == 0 || Compression::of(&head[..got]).is_some() || Encoding::of(&head[..got]).is_some() {
        return Ok(Input::Stream(file));
    }
    Ok(Input::Plain(Arc::new(file), size))
}

/// Counts the bytes that are read through it.
pub(super) struct CountedInput<R, F> {
    pub(super) reader: R,
    pub(super) count: F,
}

impl<R: Read, F: FnMut(u64)> Read for CountedInput<R, F> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let got = self.reader.read(buffer)?;
        (self.count)(got as u64);
        Ok(got)
    }
}
