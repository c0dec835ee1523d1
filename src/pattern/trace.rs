//! What a stack trace says of an error: the class of the exception, and the innermost function of the application.
//!
//! Frames of libraries and run-time systems are passed over by what any language shows: where their files are (`site-packages`,
//! `node_modules`, `/usr/lib`), versions in their paths (`serde-1.0.2`, `@v1.4`), and the names that a language keeps for
//! itself. If the first line names a logger, the innermost frame of its package comes first. If all frames are of
//! libraries, the innermost of all counts.

mod frame;

use frame::{Frame, Line, Order};

/// So many lines of a record are looked at.
const LINES_MAX: usize = 400;
/// And of each so many bytes.
const LINE_BYTES_MAX: usize = 1_024;

/// Appends what the trace in `lines` says, behind the line `first`. Nothing if there is no trace in them.
pub(super) fn append(first: &[u8], lines: &[u8], text: &mut Vec<u8>) {
    let mut trace = Trace::default();
    for line in lines.split(|byte| *byte == b'\n').take(LINES_MAX) {
        trace.add(&line[..line.len().min(LINE_BYTES_MAX)]);
    }
    let packages = packages(&first[..first.len().min(LINE_BYTES_MAX)]);
    let function = trace.innermost(&packages).map(|frame| frame.function.as_str()).unwrap_or_default();
    let class = if function.is_empty() { None } else { trace.class.as_deref() };
    for part in [class, Some(function).filter(|function| !function.is_empty())].into_iter().flatten() {
        text.push(b' ');
        text.extend_from_slice(part.as_bytes());
    }
}

/// The trace of the exception that was the cause, as far as it was read.
#[derive(Debug, Default)]
struct Trace {
    class: Option<String>,
    /// The frames of the exception whose class is next, or was last.
    frames: Vec<Frame>,
    /// Whether `frames` belong to `class`.
    has_class: bool,
    /// The name of a function whose file is in the next line.
    function: Option<String>,
}

impl Trace {
    fn add(&mut self, line: &[u8]) {
        match frame::line(line) {
            Line::Frame(frame) => {
                self.function = None;
                self.push(frame);
            }
            Line::Function(function) => {
                self.end_function();
                self.function = Some(function);
            }
            Line::Place(place) => {
                if let Some(function) = self.function.take() {
                    self.push(Frame::new(&function, &place, Order::InnermostFirst));
                }
            }
            Line::Class(class) => {
                self.end_function();
                // In most languages the frames follow; in Python they come before.
                let follows = self.frames.first().is_none_or(|frame| frame.order == Order::InnermostFirst);
                if follows {
                    self.frames.clear();
                }
                self.has_class = true;
                self.class = Some(class);
            }
            Line::Other => self.end_function(),
        }
    }

    fn push(&mut self, frame: Frame) {
        let is_next = frame.order == Order::InnermostLast && self.has_class;
        if is_next {
            // Frames before a class belong to it, so these are of another exception.
            self.frames.clear();
            self.has_class = false;
        }
        self.frames.push(frame);
    }

    /// A function without a file.
    fn end_function(&mut self) {
        if let Some(function) = self.function.take().filter(|_| !self.frames.is_empty()) {
            self.push(Frame::new(&function, "", Order::InnermostFirst));
        }
    }

    fn innermost(&self, packages: &[Vec<String>]) -> Option<&Frame> {
        let by_order: Vec<&Frame> = match self.frames.first()?.order {
            Order::InnermostFirst => self.frames.iter().collect(),
            Order::InnermostLast => self.frames.iter().rev().collect(),
        };
        let is_of_logger = |frame: &&&Frame| packages.iter().any(|package| frame.is_in(package));
        let found = by_order.iter().find(is_of_logger);
        let found = found.or_else(|| by_order.iter().find(|frame| !frame.is_of_library()));
        found.or(by_order.first()).copied()
    }
}

/// The first two labels of each dotted name in a line, as names of loggers are.
fn packages(line: &[u8]) -> Vec<Vec<String>> {
    let is_part = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'$');
    let words = line.split(|byte| !is_part(byte));
    let of_word = |word: &[u8]| {
        let labels: Vec<&str> = std::str::from_utf8(word).ok()?.split('.').collect();
        let is_name = |label: &&str| label.starts_with(|c: char| c.is_ascii_alphabetic());
        let is_package = labels.len() > 2 && labels.iter().all(is_name);
        is_package.then(|| labels[..2].iter().map(|label| (*label).to_owned()).collect())
    };
    words.filter_map(of_word).collect()
}

#[cfg(test)]
mod tests;
