//! Which paths a watch means: one pattern per path, cut into the components that lead down the directories. Pure.

use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::OsStrExt;
use std::path::{Component, Path, PathBuf};

use globset::{Glob, GlobBuilder, GlobMatcher};

use crate::watch::spec::WatchSpec;

/// At most this deep do `**` and a recursive directory go below the directory where they begin.
pub(super) const DEPTH_MAX: usize = 32;

/// At most this many paths does one with braces stand for.
const ALTERNATIVES_MAX: usize = 256;

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
    /// Whether a directory stands for the logs in those below it, too.
    pub(super) is_recursive: bool,
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
    /// Understands the paths of `spec`, the watch with this index. Braces that hold a slash make several patterns.
    ///
    /// # Errors
    /// As [`Pattern::new`].
    pub fn of_spec(watch: usize, spec: &WatchSpec) -> Result<Vec<Pattern>, PathPatternError> {
        let mut patterns = Vec::new();
        for path in &spec.paths {
            for path in alternatives(path)? {
                let pattern = Pattern::new(watch, &path)?;
                patterns.push(Pattern { is_recursive: spec.is_recursive && pattern.is_plain, ..pattern });
            }
        }
        Ok(patterns)
    }

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
                Some(glob) if is_glob(glob) => match literal(glob) {
                    Some(name) => PatternPart::Name(name.into()),
                    None => PatternPart::Glob(
                        component_glob(glob)
                            .map_err(|e| error(e.kind().to_string().as_str()))?
                            .compile_matcher(),
                    ),
                },
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
        let text = if is_plain { plain_path(&parts) } else { path.to_owned() }.display().to_string();
        Ok(Pattern { watch, parts, is_plain, is_recursive: false, text })
    }

    /// Whether the pattern means a file at `path`, whatever is there now; and if so, whether it names its directory alone.
    pub(super) fn means(&self, path: &Path) -> Option<bool> {
        let names: Vec<&OsStr> = path.iter().skip(1).collect();
        if matches(&self.parts, &names) {
            return Some(false);
        }
        if self.is_recursive {
            let (above, below) = names.split_at_checked(self.parts.len())?;
            let (_, directories) = below.split_last()?;
            let is_reached = directories.len() <= DEPTH_MAX
                && directories.iter().all(|name| !name.as_bytes().starts_with(b"."));
            return (is_reached && matches(&self.parts, above)).then_some(true);
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
    name.contains(GLOB_CHARACTERS)
}

/// Characters that make a name a glob.
const GLOB_CHARACTERS: [char; 4] = ['*', '?', '[', '{'];

/// `path` as a pattern that means it and nothing else.
#[must_use]
pub fn escaped(path: &Path) -> PathBuf {
    let Some(text) = path.to_str().filter(|text| is_glob(text)) else { return path.to_owned() };
    let mut pattern = String::with_capacity(text.len() + 8);
    for letter in text.chars() {
        match letter {
            '*' | '?' | '[' | '{' => pattern.extend(['[', letter, ']']),
            _ => pattern.push(letter),
        }
    }
    PathBuf::from(pattern)
}

/// The one name that a glob means whose special characters all stand in brackets of their own, as [`escaped`] writes them.
fn literal(glob: &str) -> Option<String> {
    let (mut name, mut rest) = (String::new(), glob);
    while let Some(at) = rest.find(GLOB_CHARACTERS) {
        let inner = rest[at..].strip_prefix('[')?;
        let letter = inner.chars().next().filter(|letter| GLOB_CHARACTERS.contains(letter))?;
        name.push_str(&rest[..at]);
        name.push(letter);
        rest = inner[1..].strip_prefix(']')?;
    }
    Some(name + rest)
}

fn plain_path(parts: &[PatternPart]) -> PathBuf {
    let names = parts.iter().filter_map(|part| match part {
        PatternPart::Name(name) => Some(name),
        _ => None,
    });
    std::iter::once(OsStr::new("/")).chain(names.map(OsString::as_os_str)).collect()
}

/// The paths that `path` stands for: one for each alternative in braces that hold a slash. Other braces are left to the glob of
/// their component.
fn alternatives(path: &Path) -> Result<Vec<PathBuf>, PathPatternError> {
    let Some(text) = path.to_str() else { return Ok(vec![path.to_owned()]) };
    let (mut open, mut done) = (vec![text.to_owned()], Vec::new());
    while let Some(text) = open.pop() {
        match braces_with_slash(&text) {
            Some((start, commas, end)) => {
                let starts = std::iter::once(&start).chain(&commas);
                let parts = starts.zip(commas.iter().chain([&end])).map(|(from, to)| &text[from + 1..*to]);
                open.extend(parts.map(|part| format!("{}{part}{}", &text[..start], &text[end + 1..])));
            }
            None => done.push(PathBuf::from(text)),
        }
        if open.len() + done.len() > ALTERNATIVES_MAX {
            let problem =
                format!("its braces stand for more than {ALTERNATIVES_MAX} paths; write several paths");
            return Err(PathPatternError { path: path.display().to_string(), problem });
        }
    }
    Ok(done)
}

/// The first outermost braces with a slash in them: where they begin, their commas, and where they end.
fn braces_with_slash(text: &str) -> Option<(usize, Vec<usize>, usize)> {
    let (mut depth, mut start, mut commas, mut in_class) = (0_u32, 0, Vec::new(), false);
    for (at, letter) in text.char_indices() {
        match letter {
            // `[]…]` and `[!]…]` hold a bracket.
            ']' if in_class && !text[..at].ends_with(['[', '!']) => in_class = false,
            _ if in_class => {}
            '[' => in_class = true,
            '{' => {
                if depth == 0 {
                    (start, commas) = (at, Vec::new());
                }
                depth += 1;
            }
            ',' if depth == 1 => commas.push(at),
            '}' if depth > 0 => {
                depth -= 1;
                if depth == 0 && text[start..at].contains('/') {
                    return Some((start, commas, at));
                }
            }
            _ => {}
        }
    }
    None
}

pub(super) fn component_glob(glob: &str) -> Result<Glob, globset::Error> {
    GlobBuilder::new(glob).literal_separator(true).build()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn braces_may_hold_slashes() {
        let spec = |path: &str| WatchSpec {
            name: "w".into(),
            paths: vec![path.into()],
            exclude: vec![],
            is_recursive: false,
        };
        let means = |pattern: &str, path: &str| {
            let patterns = Pattern::of_spec(0, &spec(pattern)).unwrap();
            patterns.iter().any(|pattern| pattern.means(Path::new(path)).is_some())
        };
        for (pattern, path, is_meant) in [
            ("/l/{nginx,app/current}/*.log", "/l/nginx/a.log", true),
            ("/l/{nginx,app/current}/*.log", "/l/app/current/a.log", true),
            ("/l/{nginx,app/current}/*.log", "/l/app/a.log", false),
            ("/l/{a,{b/c,d}/e}/{x,y}.log", "/l/b/c/e/y.log", true),
            ("/l/{a,{b/c,d}/e}/{x,y}.log", "/l/d/e/x.log", true),
            ("/l/{a,{b/c,d}/e}/{x,y}.log", "/l/a/x.log", true),
            ("/l/{,sub/}a.log", "/l/a.log", true),
            ("/l/{,sub/}a.log", "/l/sub/a.log", true),
            ("/l/[{]a,b/c}.log", "/l/{a,b/c}.log", true),
        ] {
            assert_eq!(means(pattern, path), is_meant, "{pattern} {path}");
        }
        let many = format!("/{}", "{a/b,c/d}".repeat(12));
        assert!(Pattern::of_spec(0, &spec(&many)).unwrap_err().problem.contains("more than 256"));
    }

    #[test]
    fn an_escaped_path_means_itself_alone() {
        for path in ["/l/app[prod].log", "/l/a*b?.log", "/l/{x}.log", "/l/plain.log", "/d[1]/a[[].log"] {
            let pattern = Pattern::new(0, &escaped(Path::new(path))).unwrap();
            assert!(pattern.is_plain, "{path}");
            assert_eq!(pattern.text, path);
            assert_eq!(pattern.means(Path::new(path)), Some(false), "{path}");
        }
        assert_eq!(literal("[ab]"), None);
        assert_eq!(literal("a[*"), None);
    }

    #[test]
    fn a_recursive_directory_means_what_is_below_it() {
        let spec =
            WatchSpec { name: "w".into(), paths: vec!["/l".into()], exclude: vec![], is_recursive: true };
        let pattern = &Pattern::of_spec(0, &spec).unwrap()[0];
        let deep = format!("/l/{}x.log", "d/".repeat(DEPTH_MAX));
        let deeper = format!("/l/{}x.log", "d/".repeat(DEPTH_MAX + 1));
        for (path, is_meant) in
            [("/l/a.log", true), ("/l/a/b/c.log", true), ("/l/.a/b.log", false), ("/m/a.log", false)]
        {
            assert_eq!(pattern.means(Path::new(path)), is_meant.then_some(true), "{path}");
        }
        assert_eq!(pattern.means(Path::new("/l")), Some(false));
        assert!(pattern.means(Path::new(&deep)).is_some() && pattern.means(Path::new(&deeper)).is_none());
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
