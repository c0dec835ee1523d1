//! The lines of stack traces, whatever language wrote them.

use crate::pattern::message::written;

/// The longest name of a class or a function that is taken, in bytes.
const NAME_BYTES_MAX: usize = 64;
/// How the names of classes of exceptions end.
const CLASS_ENDS: [&str; 8] =
    ["Error", "Exception", "Throwable", "Warning", "Interrupt", "Failure", "Fault", "Exit"];
/// What may stand before a class.
const BEFORE_CLASS: [&str; 5] =
    ["Caused by: ", "Uncaught ", "Unhandled exception. ", "PHP Fatal error:  Uncaught ", "---> "];
/// Parts of paths at which programs do not keep files of their own.
#[rustfmt::skip]
const LIBRARY_PATHS: [&str; 14] = [
    "site-packages", "dist-packages", "node_modules", "/gems/", "/vendor/", "/pkg/mod/", "/rustc/", "/usr/lib", "/usr/local/lib",
    "/usr/local/go", "node:", "<frozen", "<internal", "[internal",
];
/// The first labels of names that languages keep for their own libraries.
#[rustfmt::skip]
const RUNTIMES: [&str; 17] = [
    "java", "javax", "jakarta", "jdk", "sun", "kotlin", "kotlinx", "scala", "groovy", "clojure", "System", "Microsoft", "std", "core",
    "alloc", "runtime", "panic",
];

/// In which order the frames of a trace are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Order {
    InnermostFirst,
    InnermostLast,
}

/// A call in a trace.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Frame {
    labels: Vec<String>,
    /// The last two labels, as words.
    pub(super) function: String,
    place: String,
    pub(super) order: Order,
}

/// What a line of a trace is.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Line {
    Frame(Frame),
    /// A function, whose file is in the next line.
    Function(String),
    /// The file of the function in the line before.
    Place(String),
    /// The class of an exception.
    Class(String),
    Other,
}

impl Frame {
    pub(super) fn new(name: &str, place: &str, order: Order) -> Frame {
        let labels = labels(name);
        let mut words = labels.iter().rev().take(2).map(String::as_str).collect::<Vec<_>>();
        words.reverse();
        // A function without a class is named together with its file.
        let file = place.rsplit(['/', '\\']).next().unwrap_or_default().split('.').next().unwrap_or_default();
        if words.len() == 1 && file.starts_with(|c: char| c.is_ascii_alphabetic()) {
            words.insert(0, file);
        }
        Frame { function: words.join(" "), place: place.to_owned(), labels, order }
    }

    /// Whether it is part of a library or of a run-time system.
    pub(super) fn is_of_library(&self) -> bool {
        let is_at_library = LIBRARY_PATHS.iter().any(|part| self.place.contains(part));
        let is_runtime = self.labels.first().is_some_and(|label| RUNTIMES.contains(&label.as_str()));
        is_at_library || has_version(&self.place) || (is_runtime && self.labels.len() > 1)
    }

    /// Whether it is in `package`, of whose labels loggers may keep only the initials.
    pub(super) fn is_in(&self, package: &[String]) -> bool {
        let fits =
            |(label, own): (&String, &String)| own == label || (label.len() == 1 && own.starts_with(label));
        self.labels.len() > package.len() && package.iter().zip(&self.labels).all(fits)
    }
}

/// The words of a qualified name without its arguments, `(*Cart)` and hashes of symbols aside.
fn labels(name: &str) -> Vec<String> {
    // Java puts the module before the name, Go the path of the package.
    let name = name.rsplit('/').next().unwrap_or_default();
    let words = name.split(|c: char| !(c.is_alphanumeric() || c == '_')).filter(|word| !word.is_empty());
    let is_hash = |word: &str| {
        word.len() == 17 && word.starts_with('h') && word[1..].bytes().all(|byte| byte.is_ascii_hexdigit())
    };
    words.filter(|word| !is_hash(word) && word.len() <= NAME_BYTES_MAX).map(str::to_owned).collect()
}

/// Whether a part of a path has a version: `rails-7.0.1`, `x@v1.2.3`, `python3.11`.
fn has_version(place: &str) -> bool {
    let bytes = place.as_bytes();
    let is_version = |at: usize| {
        let before = at.checked_sub(1).map_or(b' ', |at| bytes[at]);
        let digits = bytes[at..].iter().take_while(|byte| byte.is_ascii_digit()).count();
        let follows = bytes.get(at + digits) == Some(&b'.')
            && bytes.get(at + digits + 1).is_some_and(u8::is_ascii_digit);
        digits > 0 && follows && (before.is_ascii_alphabetic() || matches!(before, b'-' | b'@' | b'_'))
    };
    (0..bytes.len()).any(is_version)
}

/// What `line` is, as the program or a container runtime wrote it.
pub(super) fn line(line: &[u8]) -> Line {
    let line = written(line);
    let text = match std::str::from_utf8(line) {
        Ok(text) => text,
        Err(error) => std::str::from_utf8(&line[..error.valid_up_to()]).unwrap_or_default(),
    };
    let plain = text.trim_end_matches("\\n").trim_end();
    let text = plain.trim_start_matches("\\t").trim_start();
    let is_indented = text.len() < plain.len();
    frame(text)
        .map(Line::Frame)
        .or_else(|| two_lines(text, is_indented))
        .or_else(|| class(text).map(Line::Class))
        .unwrap_or(Line::Other)
}

/// A frame in one line.
fn frame(text: &str) -> Option<Frame> {
    if let Some(rest) = text.strip_prefix("at ") {
        let rest = rest.strip_prefix("async ").unwrap_or(rest);
        let (name, place) = rest.split_once('(')?;
        // JavaScript puts a blank before the place, others put nothing before arguments.
        let is_call = if name.ends_with(' ') { place.contains(':') } else { name.contains('.') };
        return is_call.then(|| named(name, place, Order::InnermostFirst))?;
    }
    if let Some(rest) = text.strip_prefix("File ") {
        // The quotes are escaped in JSON.
        let (path, rest) = rest.trim_start_matches('\\').strip_prefix('"')?.split_once('"')?;
        return named(rest.split_once(", in ")?.1, path, Order::InnermostLast);
    }
    if text.starts_with('#') {
        let (place, name) = text.split_once(": ")?;
        let name = name.split('(').next().unwrap_or_default();
        return named(name, place.split_once(' ')?.1, Order::InnermostFirst);
    }
    let (place, name) = text.strip_prefix("from ").unwrap_or(text).split_once(":in ")?;
    place.contains(':').then(|| named(name.trim_matches(['`', '\'', '\\']), place, Order::InnermostFirst))?
}

fn named(name: &str, place: &str, order: Order) -> Option<Frame> {
    Some(Frame::new(name, place, order)).filter(|frame| !frame.function.is_empty())
}

/// A function and its file in two lines, as Go and Rust write them.
fn two_lines(text: &str, is_indented: bool) -> Option<Line> {
    let is_place = |path: &str| {
        let (file, number) = path.split_once(':').unwrap_or_default();
        file.contains(['/', '.']) && number.starts_with(|c: char| c.is_ascii_digit())
    };
    if let Some(path) = text.strip_prefix("at ").filter(|path| is_place(path)) {
        return Some(Line::Place(path.to_owned()));
    }
    if is_indented && is_place(text) && text.starts_with(['/', '.']) {
        return Some(Line::Place(text.to_owned()));
    }
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    if let Some(name) = text[digits..].strip_prefix(": ").filter(|_| digits > 0 && is_indented) {
        return Some(Line::Function(name.to_owned()));
    }
    let (name, _) = text.rsplit_once('(').filter(|_| text.ends_with(')'))?;
    let is_name = !name.is_empty() && !is_indented && !name.contains([' ', '"']) && name.contains('.');
    is_name.then(|| Line::Function(name.to_owned()))
}

/// The class of the exception that a line tells, without its package.
fn class(text: &str) -> Option<String> {
    let mut text = text;
    while let Some(rest) = BEFORE_CLASS.iter().find_map(|before| text.strip_prefix(before)) {
        text = rest;
    }
    let is_part = |c: char| c.is_alphanumeric() || matches!(c, '_' | '.' | '$' | '\\' | ':');
    let end = text.find(|c: char| !is_part(c)).unwrap_or(text.len());
    let name = text[..end].split(": ").next().unwrap_or_default().trim_end_matches(':');
    let follows = &text[name.len()..];
    let is_alone = follows.is_empty() || follows.starts_with(':') || follows.starts_with(" (");
    let label = name.rsplit(['.', '$', '\\', ':']).next().unwrap_or_default();
    let is_class =
        label.starts_with(|c: char| c.is_uppercase()) && CLASS_ENDS.iter().any(|end| label.ends_with(end));
    (is_alone && is_class && label.len() <= NAME_BYTES_MAX).then(|| label.to_owned())
}
