//! Takes off what a container runtime writes around each line of a program, and joins the pieces of long lines.
//!
//! | runtime | a line | a piece |
//! |---|---|---|
//! | CRI (containerd, CRI-O) | `2026-11-26T10:00:00.123456789Z stderr F text` | has `P` instead of `F` |
//! | Docker's `json-file` | `{"log":"text\n","stream":"stderr","time":"2026-11-26T10:00:00.123456789Z"}` | has no `\n` in `log` |
//!
//! The first line of a file shows which of them it has, and does not change as long as the file is the same: so nothing of that has to be
//! remembered. Complete lines of a window are copied without their wrapping into one text, over which the rules run. Pieces wait, for
//! each stream of the program, until the line ends: in [`Pieces`], which are committed together with the offset, because lines of
//! the other stream lie between them. So the offset is always that of the file, behind every line that was unwrapped.

mod docker;
mod stream;

use std::path::Path;

use stream::Stream;

/// The text of a line in its wrapping is at most so many times longer: `\u0000`.
const ESCAPED_BYTES_MAX: usize = 6;
/// And a wrapping has at most about so many bytes beside that.
const WRAPPING_BYTES_MAX: usize = 4_096;
/// A stamp of CRI has at most so many bytes.
const STAMP_BYTES_MAX: usize = 40;
/// The first line of a file is examined up to here, in bytes.
const FIRST_LINE_BYTES_MAX: usize = 256 << 10;
/// How much of a file rules out a wrapping in most cases, in bytes.
const FIRST_BYTES: usize = 16;
/// How much memory is kept between windows, in bytes.
const KEPT_BYTES_MAX: usize = 1 << 20;

/// What is around the lines of a program.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Wrapping {
    /// Stamp, stream and tag of the container runtime interface.
    Cri,
    /// An object of JSON, as Docker writes it.
    Docker,
}

/// What is known beforehand of the lines of a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum LineFormat {
    /// Its first line tells whether they are wrapped.
    #[default]
    Auto,
    /// They are not wrapped.
    Plain,
    /// They are wrapped.
    Wrapped(Wrapping),
}

impl LineFormat {
    /// The wrapping of a file at `path`, to which nothing is appended if it `is_ended`. `show` shows its first bytes, as many as it is
    /// asked for if there are.
    ///
    /// # Errors
    /// The error of `show`.
    pub fn find<E>(self, path: &Path, is_ended: bool, show: ShowFirst<'_, E>) -> Result<FirstLine, E> {
        let mut found = FirstLine::Begun(None);
        for wanted in [FIRST_BYTES, 4 << 10, FIRST_LINE_BYTES_MAX] {
            let mut is_more = false;
            show(wanted, &mut |first| {
                let is_all = first.len() < wanted;
                found = self.wrapping(path, first, is_all && is_ended);
                is_more = !is_all && matches!(found, FirstLine::Begun(_));
            })?;
            if !is_more {
                break;
            }
        }
        Ok(found)
    }

    /// The wrapping of a file at `path` that begins with `first`, which is all of it if it `is_all`.
    #[must_use]
    pub fn wrapping(self, path: &Path, first: &[u8], is_all: bool) -> FirstLine {
        let known = match self {
            LineFormat::Plain => return FirstLine::Known(None),
            LineFormat::Wrapped(wrapping) => return FirstLine::Known(Some(wrapping)),
            LineFormat::Auto => |line| FirstLine::Known(of_line(line).or_else(|| of_path(path))),
        };
        let Some(guess) = guess(first) else {
            return if first.is_empty() { FirstLine::Begun(None) } else { FirstLine::Known(of_path(path)) };
        };
        match memchr::memchr(b'\n', first) {
            Some(end) => known(&first[..end]),
            None if is_all || first.len() >= FIRST_LINE_BYTES_MAX => known(first),
            None => FirstLine::Begun(Some(guess)),
        }
    }
}

/// Shows so many bytes of the beginning of a file, or fewer if it has no more.
pub type ShowFirst<'s, E> = &'s mut dyn FnMut(usize, &mut dyn FnMut(&[u8])) -> Result<(), E>;

/// What the first line of a file says of its wrapping.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FirstLine {
    /// Which one it is, if any.
    Known(Option<Wrapping>),
    /// More of it has to be seen. If it is one at all, it is this one.
    Begun(Option<Wrapping>),
}

impl FirstLine {
    /// The wrapping, if there is any.
    #[must_use]
    pub fn wrapping(self) -> Option<Wrapping> {
        let (FirstLine::Known(wrapping) | FirstLine::Begun(wrapping)) = self;
        wrapping
    }
}

/// The only wrapping that a line that begins so may have.
fn guess(first: &[u8]) -> Option<Wrapping> {
    let begins = |with: &[u8]| first.starts_with(&with[..with.len().min(first.len())]);
    match first.first()? {
        b'{' => begins(docker::BEGINNING).then_some(Wrapping::Docker),
        byte => (byte.is_ascii_digit() && first.get(4).is_none_or(|b| *b == b'-')).then_some(Wrapping::Cri),
    }
}

fn of_line(line: &[u8]) -> Option<Wrapping> {
    let line = line.strip_suffix(b"\r").unwrap_or(line);
    if Cri::parse(line).is_some() {
        return Some(Wrapping::Cri);
    }
    docker::Entry::parse(line).filter(docker::Entry::has_stamp).map(|_| Wrapping::Docker)
}

/// The wrapping that is usual where container runtimes keep their logs.
fn of_path(path: &Path) -> Option<Wrapping> {
    let path = path.as_os_str().as_encoded_bytes();
    if path.starts_with(b"/var/log/pods/") || path.starts_with(b"/var/log/containers/") {
        return Some(Wrapping::Cri);
    }
    path.starts_with(b"/var/lib/docker/containers/").then_some(Wrapping::Docker)
}

/// The longest line of a file with wrapped lines that is looked at whole, in bytes, if the program's are `line_bytes_max`.
#[must_use]
pub fn raw_bytes_max(line_bytes_max: usize) -> usize {
    line_bytes_max.saturating_mul(ESCAPED_BYTES_MAX).saturating_add(WRAPPING_BYTES_MAX)
}

/// The beginnings of lines whose ends are still to come, one for each stream of a program. Mostly there are none.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
pub struct Pieces(Option<Box<[Vec<u8>; 2]>>);

impl Pieces {
    /// Whether no line has begun.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_none()
    }

    /// What was kept of the lines of standard output and standard error.
    #[must_use]
    pub fn texts(&self) -> [&[u8]; 2] {
        self.0.as_ref().map_or([&[], &[]], |texts| [&texts[0], &texts[1]])
    }

    /// What [`Pieces::texts`] returned.
    #[must_use]
    pub fn of(out: Vec<u8>, err: Vec<u8>) -> Pieces {
        let is_empty = out.is_empty() && err.is_empty();
        Pieces((!is_empty).then(|| Box::new([out, err])))
    }

    fn add(&mut self, stream: Stream, text: &[u8], max: usize) {
        let kept = &mut self.0.get_or_insert_default()[stream as usize];
        // One byte more than is judged shows that the line is longer.
        let room = (max + 1).saturating_sub(kept.len());
        kept.extend_from_slice(&text[..text.len().min(room)]);
        if kept.is_empty() && self.texts() == [&[], &[]] as [&[u8]; 2] {
            self.0 = None;
        }
    }

    /// Moves the beginning of a line to the end of `text`.
    fn take(&mut self, stream: Stream, text: &mut Vec<u8>) {
        let Some(kept) = &mut self.0 else { return };
        text.append(&mut kept[stream as usize]);
        if kept.iter().all(Vec::is_empty) {
            self.0 = None;
        }
    }
}

/// A line of CRI.
struct Cri<'a> {
    stream: Stream,
    is_piece: bool,
    text: &'a [u8],
}

impl<'a> Cri<'a> {
    fn parse(line: &'a [u8]) -> Option<Cri<'a>> {
        let stamp = memchr::memchr(b' ', &line[..line.len().min(STAMP_BYTES_MAX)])?;
        let is_stamp = stamp >= 20 && line[4] == b'-' && line[7] == b'-' && line[10] == b'T';
        let rest = &line[stamp + 1..];
        let stream = match rest.get(..7)? {
            b"stdout " => Stream::Out,
            b"stderr " => Stream::Err,
            _ => return None,
        };
        let rest = &rest[7..];
        let (is_piece, tag) = match rest.first()? {
            b'F' => (false, &rest[1..]),
            b'P' => (true, &rest[1..]),
            _ => return None,
        };
        let text = match tag.first() {
            None => tag,
            Some(b' ') => &tag[1..],
            Some(b':') => &tag[memchr::memchr(b' ', tag).map_or(tag.len(), |space| space + 1)..],
            Some(_) => return None,
        };
        is_stamp.then_some(Cri { stream, is_piece, text })
    }
}

/// When the runtime got `line`, in milliseconds since 1970.
fn stamp_ms(wrapping: Wrapping, line: &[u8]) -> Option<i64> {
    let stamp = match wrapping {
        Wrapping::Cri => &line[..memchr::memchr(b' ', &line[..line.len().min(STAMP_BYTES_MAX)])?],
        Wrapping::Docker => docker::stamp(line)?,
    };
    let stamp: jiff::Timestamp = std::str::from_utf8(stamp).ok()?.parse().ok()?;
    Some(stamp.as_millisecond())
}

/// Where a line of the text is from.
#[derive(Debug, Clone, Copy)]
struct Origin {
    /// Where it begins in the text.
    start: usize,
    /// Where the line of the window begins that ended it.
    raw: usize,
}

/// The lines of a window without their wrapping.
#[derive(Debug, Default)]
pub struct Unwrapped {
    text: Vec<u8>,
    origins: Vec<Origin>,
    /// What was around them.
    wrapping: Option<Wrapping>,
}

impl Unwrapped {
    /// The lines, each with a line feed.
    #[must_use]
    pub fn text(&self) -> &[u8] {
        &self.text
    }

    /// For the line at `start` of the text, where the line of the window begins that it is from.
    #[must_use]
    pub fn raw_start(&self, start: usize) -> usize {
        self.origin(start).map_or(0, |origin| origin.raw)
    }

    /// When the runtime got the line at `start` of the text, in milliseconds since 1970. `bytes` is the window.
    #[must_use]
    pub fn stamp_ms(&self, start: usize, bytes: &[u8]) -> Option<i64> {
        let raw = bytes.get(self.origin(start)?.raw..)?;
        let end = memchr::memchr(b'\n', raw).unwrap_or(raw.len());
        stamp_ms(self.wrapping?, &raw[..end])
    }

    fn origin(&self, start: usize) -> Option<Origin> {
        let after = self.origins.partition_point(|origin| origin.start <= start);
        self.origins.get(after.checked_sub(1)?).copied()
    }

    pub(super) fn begin(&mut self, wrapping: Wrapping) {
        self.text.clear();
        self.text.shrink_to(KEPT_BYTES_MAX);
        self.origins.clear();
        self.origins.shrink_to(KEPT_BYTES_MAX / size_of::<Origin>());
        self.wrapping = Some(wrapping);
    }

    /// Takes the complete lines in `bytes`, which begin at `at` of the window.
    pub(super) fn lines(&mut self, bytes: &[u8], at: usize, pieces: &mut Pieces, max: usize) {
        let mut start = 0;
        for end in memchr::memchr_iter(b'\n', bytes) {
            self.line(&bytes[start..end], at + start, pieces, max);
            start = end + 1;
        }
    }

    /// Takes one line, without its line feed.
    pub(super) fn line(&mut self, line: &[u8], raw: usize, pieces: &mut Pieces, max: usize) {
        let start = self.text.len();
        let is_whole = match self.wrapping {
            Some(Wrapping::Cri) => self.cri(line, pieces, max),
            Some(Wrapping::Docker) => self.docker(line, pieces, max),
            None => None,
        };
        match is_whole {
            Some(true) => {}
            Some(false) => return,
            // Not what the runtime writes: a line that was torn, or is of something else.
            None => self.text.extend_from_slice(line),
        }
        self.text.push(b'\n');
        self.origins.push(Origin { start, raw });
    }

    /// `None` if it is no line of CRI, else whether a line of the program ended.
    fn cri(&mut self, line: &[u8], pieces: &mut Pieces, max: usize) -> Option<bool> {
        let Cri { stream, is_piece, text } = Cri::parse(line)?;
        if is_piece {
            pieces.add(stream, text, max);
            return Some(false);
        }
        pieces.take(stream, &mut self.text);
        self.text.extend_from_slice(text);
        Some(true)
    }

    fn docker(&mut self, line: &[u8], pieces: &mut Pieces, max: usize) -> Option<bool> {
        let entry = docker::Entry::parse(line)?;
        if entry.is_piece() {
            let start = self.text.len();
            entry.unescape(&mut self.text);
            pieces.add(entry.stream(), &self.text[start..], max);
            self.text.truncate(start);
            return Some(false);
        }
        pieces.take(entry.stream(), &mut self.text);
        entry.unescape(&mut self.text);
        Some(true)
    }

    /// Takes what has begun as lines: nothing follows it. They ended at `raw` of the window.
    pub(super) fn rest(&mut self, pieces: &mut Pieces, raw: usize) {
        for (number, stream) in [Stream::Out, Stream::Err].into_iter().enumerate() {
            let start = self.text.len();
            pieces.take(stream, &mut self.text);
            if self.text.len() > start {
                self.text.push(b'\n');
                self.origins.push(Origin { start, raw: raw + number });
            }
        }
    }
}

#[cfg(test)]
mod tests;
