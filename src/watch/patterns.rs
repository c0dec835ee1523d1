//! Which paths a watch means: one pattern per path, cut into the components that lead down the directories. Pure.

use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::OsStrExt;
use std::path::{Component, Path};

use globset::{Glob, GlobBuilder, GlobMatcher, GlobSet, GlobSetBuilder};

use crate::watch::spec::WatchSpec;

/// Names that a directory holds besides its logs: what rotation and compression left. A path that names a directory
/// leaves them out; a glob says itself what it wants.
///
/// A date counts only at the end of a name (`app.log-20261122`): many programs write today's lines to `app-2026-11-22.log`.
const LEFT_BY_ROTATION: &str = "{*.[0-9],*.[0-9][0-9],*.[0-9][0-9][0-9],*[-.]20[0-9][0-9][01][0-9][0-3][0-9],\
    *[-.]20[0-9][0-9][01][0-9][0-3][0-9]-[0-9]*,*[-.]20[0-9][0-9]-[01][0-9]-[0-3][0-9],\
    *.gz,*.zst,*.bz2,*.xz,*.zip,*.Z,*.lz4,*.old,*.swp,*~,.*}";

/// One step down.
#[derive(Debug, Clone)]
pub(super) enum PatternPart {
    /// This name.
    Name(OsString),
    /// Names that match.
    Glob(GlobMatcher),
    /// Any number of directories.
    AnyDepth,
}

impl PatternPart {
    /// Whether `name` is meant. `AnyDepth` means every name that does not hide.
    pub(super) fn matches(&self, name: &OsStr) -> bool {
        match self {
            PatternPart::Name(wanted) => wanted == name,
            // As in a shell, a wildcard does not match a leading dot unless it says so.
            PatternPart::Glob(glob) => {
                (!name.as_bytes().starts_with(b".") || glob.glob().glob().starts_with('.'))
                    && glob.is_match(name)
            }
            PatternPart::AnyDepth => !name.as_bytes().starts_with(b"."),
        }
    }
}

/// What one path of a watch means.
#[derive(Debug, Clone)]
pub struct Pattern {
    /// Index of the watch among the specs of one discovery.
    pub(super) watch: usize,
    /// From the root down.
    pub(super) parts: Vec<PatternPart>,
    /// Whether the path names one thing outright.
    pub(super) is_plain: bool,
    /// The path as it was given.
    pub(super) text: String,
}

/// Why a path or an exclusion cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{path}: {problem}")]
pub struct PathPatternError {
    /// The path or glob.
    pub path: String,
    /// What is wrong, and how to fix it.
    pub problem: String,
}

impl Pattern {
    /// Understands `path`, an absolute path or glob.
    ///
    /// # Errors
    /// If the path is not absolute or a glob in it is malformed.
    pub fn new(watch: usize, path: &Path) -> Result<Pattern, PathPatternError> {
        let error = |problem: &str| PathPatternError {
            path: path.display().to_string(),
            problem: problem.to_owned(),
        };
        if !path.is_absolute() {
            return Err(error("not an absolute path"));
        }
        let mut parts = Vec::new();
        for component in path.components() {
            let name = match component {
                Component::RootDir | Component::CurDir | Component::Prefix(_) => continue,
                Component::ParentDir => {
                    parts.pop();
                    continue;
                }
                Component::Normal(name) => name,
            };
            parts.push(match name.to_str() {
                Some("**") => PatternPart::AnyDepth,
                Some(glob) if is_glob(glob) => PatternPart::Glob(
                    component_glob(glob).map_err(|e| error(e.kind().to_string().as_str()))?.compile_matcher(),
                ),
                _ => PatternPart::Name(name.to_owned()),
            });
        }
        let is_plain = parts.iter().all(|part| matches!(part, PatternPart::Name(_)));
        if matches!(parts.last(), Some(PatternPart::AnyDepth)) {
            // `dir/**` means every file below.
            parts.push(PatternPart::Glob(
                component_glob("*").map_err(|e| error(e.kind().to_string().as_str()))?.compile_matcher(),
            ));
        }
        Ok(Pattern { watch, parts, is_plain, text: path.display().to_string() })
    }

    /// Whether the pattern means a file at `path`, whatever is there now; and if so, whether it names its directory alone.
    pub(super) fn means(&self, path: &Path) -> Option<bool> {
        let names: Vec<&OsStr> = path.iter().skip(1).collect();
        if matches(&self.parts, &names) {
            return Some(false);
        }
        let (_, above) = names.split_last()?;
        (self.is_plain && matches(&self.parts, above)).then_some(true)
    }

    pub(super) fn is_last(&self, part: usize) -> bool {
        part + 1 == self.parts.len()
    }
}

fn matches(parts: &[PatternPart], names: &[&OsStr]) -> bool {
    match (parts.split_first(), names.split_first()) {
        (None, None) => true,
        (Some((PatternPart::AnyDepth, rest)), None) => matches(rest, names),
        (Some((part @ PatternPart::AnyDepth, rest)), Some((name, below))) => {
            matches(rest, names) || (part.matches(name) && matches(parts, below))
        }
        (Some((part, rest)), Some((name, below))) => part.matches(name) && matches(rest, below),
        _ => false,
    }
}

fn is_glob(name: &str) -> bool {
    name.contains(['*', '?', '[', '{'])
}

fn component_glob(glob: &str) -> Result<Glob, globset::Error> {
    GlobBuilder::new(glob).literal_separator(true).build()
}

/// What a watch leaves out.
#[derive(Debug, Clone)]
pub struct Exclusions {
    globs: Vec<String>,
    names: GlobSet,
    paths: GlobSet,
    in_directories: GlobMatcher,
}

impl Exclusions {
    /// Understands the exclusions of `spec`.
    ///
    /// # Errors
    /// If one is not a glob.
    pub fn new(spec: &WatchSpec) -> Result<Exclusions, PathPatternError> {
        let (mut names, mut paths) = (GlobSetBuilder::new(), GlobSetBuilder::new());
        let build = |glob: &str| {
            component_glob(glob)
                .map_err(|e| PathPatternError { path: glob.to_owned(), problem: e.kind().to_string() })
        };
        for glob in &spec.exclude {
            if glob.contains('/') {
                paths.add(build(glob)?)
            } else {
                names.add(build(glob)?)
            };
        }
        let set = |set: GlobSetBuilder| {
            set.build().map_err(|e| PathPatternError {
                path: spec.exclude.join(", "),
                problem: e.kind().to_string(),
            })
        };
        let in_directories = build(LEFT_BY_ROTATION)?.compile_matcher();
        Ok(Exclusions { globs: spec.exclude.clone(), names: set(names)?, paths: set(paths)?, in_directories })
    }

    /// Whether one of the globs means `path`, wherever it comes from.
    #[must_use]
    pub fn are_of(&self, path: &Path) -> bool {
        self.leave_out(path, false)
    }

    /// Why `path` is left out, in words, if it is.
    pub(super) fn why(&self, path: &Path, in_directory: bool) -> Option<String> {
        if !self.leave_out(path, in_directory) {
            return None;
        }
        let name = path.file_name()?;
        let is_it = |glob: &&String| {
            let matcher = component_glob(glob).map(|glob| glob.compile_matcher());
            matcher.is_ok_and(|m| m.is_match(if glob.contains('/') { path.as_os_str() } else { name }))
        };
        Some(match self.globs.iter().find(is_it) {
            Some(glob) => format!("`exclude` holds \"{glob}\""),
            None => "its name looks like what rotation left; name it, or a glob, to have it read".to_owned(),
        })
    }

    /// Whether `path` is left out. `in_directory` says that only its directory was named.
    pub(super) fn leave_out(&self, path: &Path, in_directory: bool) -> bool {
        let Some(name) = path.file_name() else { return true };
        self.names.is_match(name)
            || self.paths.is_match(path)
            || (in_directory && self.in_directories.is_match(name))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_directory_leaves_out_what_rotation_left() {
        let spec = WatchSpec {
            name: "logs".into(),
            paths: vec![],
            exclude: vec!["debug.*".into(), "/var/**/secret.log".into()],
        };
        let out = Exclusions::new(&spec).unwrap();
        for name in ["app.log", "app", "app-2.log", "app-1.2.log", "app-2026-11-22.log", "x.1y"] {
            assert!(!out.leave_out(&Path::new("/d").join(name), true), "{name}");
        }
        for name in [
            "app.log.1",
            "app.log.12",
            "app.log.2.gz",
            "app.log-20261122",
            "app.log-2026-11-22",
            "app.log-20261122-1795300000",
            "a.gz",
            ".hidden",
        ] {
            assert!(out.leave_out(&Path::new("/d").join(name), true), "{name}");
        }
        assert!(!out.leave_out(Path::new("/d/app.log.1"), false));
        assert!(out.leave_out(Path::new("/d/debug.log"), false));
        assert!(out.leave_out(Path::new("/var/a/b/secret.log"), false));
    }

    #[test]
    fn a_path_is_meant_whether_it_is_there_or_not() {
        let means =
            |pattern: &str, path: &str| Pattern::new(0, Path::new(pattern)).unwrap().means(Path::new(path));
        for (pattern, path, expected) in [
            ("/logs/app.log", "/logs/app.log", Some(false)),
            ("/logs/app.log", "/logs/app.log.1", None),
            ("/logs", "/logs/app.log", Some(true)),
            ("/logs", "/logs/sub/app.log", None),
            ("/logs/*.log", "/logs/app.log", Some(false)),
            ("/srv/**/*.log", "/srv/a/b/app.log", Some(false)),
            ("/srv/**/*.log", "/srv/app.log", Some(false)),
            ("/srv/**/*.log", "/srv/.a/app.log", None),
            ("/srv/**", "/srv/a/b", Some(false)),
        ] {
            assert_eq!(means(pattern, path), expected, "{pattern} {path}");
        }
    }

    #[test]
    fn wildcards_do_not_match_hidden_names() {
        let pattern = Pattern::new(0, Path::new("/a/*.log")).unwrap();
        assert!(pattern.parts[1].matches(OsStr::new("x.log")));
        assert!(!pattern.parts[1].matches(OsStr::new(".x.log")));
        assert!(Pattern::new(0, Path::new("/a/[")).is_err());
        assert!(Pattern::new(0, Path::new("a")).is_err());
    }
}
