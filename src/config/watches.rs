//! The tables `[watch.NAME]`.

use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::engine::to_usize;
use super::error::{ErrorReport, quoted};
use super::journal;
use super::rules;
use super::schema::Kind;
use super::table::{Table, Text};
use super::times;
pub(super) use super::values::absolute;
use crate::file::settings::{FileSettings, ReadMethod, Start};
use crate::scan::multiline::Multiline;
use crate::scan::timestamp::TimeSettings;
use crate::scan::wrapping::{LineFormat, Wrapping};
use crate::source::journal::JournalSelection;
use crate::watch::exclusions::Exclusions;
use crate::watch::patterns::{PathPatternError, Pattern, escaped};
use crate::watch::spec::WatchSpec;

/// What a watch leaves out where nothing else is said: compressed files, which rotation leaves and nothing
/// appends to.
pub(super) const DEFAULT_EXCLUDE: [&str; 7] = ["*.gz", "*.zst", "*.bz2", "*.xz", "*.zip", "*.Z", "*.lz4"];

const STARTS: [(&str, Start); 2] = [("end", Start::End), ("beginning", Start::Beginning)];
const READERS: [(&str, ReadMethod); 3] =
    [("auto", ReadMethod::Auto), ("mmap", ReadMethod::Mmap), ("pread", ReadMethod::Pread)];

const FORMATS: [(&str, LineFormat); 4] = [
    ("auto", LineFormat::Auto),
    ("cri", LineFormat::Wrapped(Wrapping::Cri)),
    ("docker", LineFormat::Wrapped(Wrapping::Docker)),
    ("plain", LineFormat::Plain),
];

/// A watch, its rules not yet looked up.
pub(super) struct Watch<'t> {
    pub(super) name: String,
    /// Where its name stands; nothing for the watch that the command line adds.
    pub(super) span: Option<Range<usize>>,
    /// The rules it names, or nothing for all of them.
    pub(super) rules: Option<Vec<Text<'t>>>,
    pub(super) file: FileSettings,
    pub(super) time: Arc<TimeSettings>,
    /// How a record begins, for the rules that do not say it.
    pub(super) record_start: Option<String>,
    /// Which lines continue a record, likewise.
    pub(super) multiline: Option<Multiline>,
    pub(super) find: WatchSpec,
    /// The journal that it reads, if it reads no files.
    pub(super) journal: Option<Arc<JournalSelection>>,
}

/// The default of `exclude`.
pub(super) fn default_exclude() -> Vec<String> {
    DEFAULT_EXCLUDE.map(str::to_owned).to_vec()
}

/// Reads every watch; relative paths are resolved against `folder`.
pub(super) fn read<'t>(tables: &[Table<'t>], folder: &Path, report: &mut ErrorReport<'_>) -> Vec<Watch<'t>> {
    let tables = tables.iter().filter(|table| table.kind() == Kind::Watch);
    tables.map(|table| read_watch(table, folder, report)).collect()
}

fn read_watch<'t>(table: &Table<'t>, folder: &Path, report: &mut ErrorReport<'_>) -> Watch<'t> {
    let journal = journal::read(table, folder, report);
    let find = WatchSpec {
        name: table.name().to_owned(),
        paths: read_paths(table, folder, report),
        exclude: read_exclude(table, report),
        is_recursive: false,
    };
    let all = "leave the key out to use all rules";
    Watch {
        name: table.name().to_owned(),
        span: Some(table.span()),
        rules: table.filled_list(report, "rules", all),
        file: read_file(table, report),
        time: times::read(table, report),
        record_start: rules::read_record_start(table, report),
        multiline: rules::read_multiline(table, report),
        find,
        journal,
    }
}

fn read_paths(table: &Table<'_>, folder: &Path, report: &mut ErrorReport<'_>) -> Vec<PathBuf> {
    let example = "write where the logs are, such as `paths = [\"/var/log/app/*.log\"]`";
    if table.has("journal") && !table.has("paths") {
        return Vec::new();
    }
    if table.has("journal") {
        table.refuse(
            report,
            "journal",
            "stands beside `paths`; a watch reads files or the journal: write two watches",
        );
    }
    if !table.has("paths") {
        report.refuse(table.span(), format!("{} lacks `paths`; {example}", table.label()));
        return Vec::new();
    }
    let mut paths = Vec::new();
    for text in table.filled_list(report, "paths", example).unwrap_or_default() {
        match absolute(text.get_ref(), folder)
            .map(literal_if_there)
            .and_then(|path| check_path(&path).map(|()| path))
        {
            Ok(path) => paths.push(path),
            Err(why_not) => refuse(table, report, &text, "paths", &why_not),
        }
    }
    paths
}

fn read_exclude(table: &Table<'_>, report: &mut ErrorReport<'_>) -> Vec<String> {
    let Some(globs) = table.list(report, "exclude") else { return default_exclude() };
    for glob in &globs {
        let checked = match glob.get_ref().is_empty() {
            true => Err("it is empty; write a glob such as \"*.gz\"".to_owned()),
            false => check_exclude(glob.get_ref()),
        };
        if let Err(why_not) = checked {
            refuse(table, report, glob, "exclude", &why_not);
        }
    }
    globs.iter().map(|glob| (*glob.get_ref()).to_owned()).collect()
}

fn read_file(table: &Table<'_>, report: &mut ErrorReport<'_>) -> FileSettings {
    let default = FileSettings::default();
    let mut bytes = |key: &str, bounds, default: usize| {
        to_usize(table.bytes(report, key, bounds, u64::try_from(default).unwrap_or(u64::MAX)))
    };
    let window_bytes = bytes("window_bytes", 4096..=256 << 20, default.window_bytes);
    let line_bytes_max = bytes("line_bytes_max", 64..=64 << 20, default.line_bytes_max);
    let grace = i64::try_from(default.rotated_grace_ms).unwrap_or(i64::MAX);
    FileSettings {
        reader: table.choice(report, "reader", &READERS, default.reader),
        start: table.choice(report, "start", &STARTS, default.start),
        window_bytes,
        line_bytes_max,
        format: table.choice(report, "format", &FORMATS, default.format),
        rotated_grace_ms: table.duration_ms(report, "rotated_grace", 0..=86_400_000, grace).unsigned_abs(),
    }
}

fn refuse(table: &Table<'_>, report: &mut ErrorReport<'_>, at: &Text<'_>, key: &str, why_not: &str) {
    let shown = quoted(at.get_ref());
    report.refuse(at.span(), format!("`{key}` in {} holds {shown}: {why_not}", table.label()));
}

/// A path at which something is means that, even if it has the characters of a glob.
pub(super) fn literal_if_there(path: PathBuf) -> PathBuf {
    if path.symlink_metadata().is_ok() { escaped(&path) } else { path }
}

/// Whether a watch can find files by `path`; the error says what would be right.
pub(super) fn check_path(path: &Path) -> Result<(), String> {
    let spec = WatchSpec {
        name: String::new(),
        paths: vec![path.to_owned()],
        exclude: Vec::new(),
        is_recursive: false,
    };
    Pattern::of_spec(0, &spec).map(drop).map_err(|error| bad_glob(&error))
}

/// Whether `glob` can leave out files; the error says what would be right.
pub(super) fn check_exclude(glob: &str) -> Result<(), String> {
    let spec = WatchSpec {
        name: String::new(),
        paths: Vec::new(),
        exclude: vec![glob.to_owned()],
        is_recursive: false,
    };
    Exclusions::new(&spec).map(drop).map_err(|error| bad_glob(&error))
}

fn bad_glob(error: &PathPatternError) -> String {
    format!("bad glob, {}; a literal `[` is written `[[]`", error.problem)
}
