//! Which of the paths that a watch means it leaves out. Pure.

use std::ffi::OsStr;
use std::path::Path;

use globset::{GlobMatcher, GlobSet, GlobSetBuilder};

use crate::watch::patterns::{PathPatternError, component_glob};
use crate::watch::spec::WatchSpec;

/// Names that a directory holds besides its logs: what rotation and compression left. A path that names a directory
/// leaves them out; a glob says itself what it wants.
///
/// A date counts only at the end of a name (`app.log-20261122`): many programs write today's lines to `app-2026-11-22.log`.
const LEFT_BY_ROTATION: &str = "{*.[0-9],*.[0-9][0-9],*.[0-9][0-9][0-9],*[-.]20[0-9][0-9][01][0-9][0-3][0-9],\
    *[-.]20[0-9][0-9][01][0-9][0-3][0-9]-[0-9]*,*[-.]20[0-9][0-9]-[01][0-9]-[0-3][0-9],\
    *.gz,*.zst,*.bz2,*.xz,*.zip,*.Z,*.lz4,*.old,*.swp,*~,.*}";

/// Binary files that a directory of logs holds: logins, the journal, figures of sysstat, databases. A directory leaves them out.
const BINARY: &str =
    "{{w,b,u}tmp,{w,b}tmp[.-]*,lastlog,faillog,tallylog,*.journal,*.journal~,sa[0-9][0-9],*.db,*.sqlite}";

/// What a watch leaves out.
#[derive(Debug, Clone)]
pub struct Exclusions {
    globs: Vec<String>,
    names: GlobSet,
    paths: GlobSet,
    in_directories: GlobMatcher,
    binary: GlobMatcher,
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
                for path in excluded_paths(glob) {
                    paths.add(build(&path)?);
                }
            } else {
                names.add(build(glob)?);
            }
        }
        let set = |set: GlobSetBuilder| {
            set.build().map_err(|e| PathPatternError {
                path: spec.exclude.join(", "),
                problem: e.kind().to_string(),
            })
        };
        let in_directories = build(LEFT_BY_ROTATION)?.compile_matcher();
        let binary = build(BINARY)?.compile_matcher();
        let (names, paths) = (set(names)?, set(paths)?);
        Ok(Exclusions { globs: spec.exclude.clone(), names, paths, in_directories, binary })
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
        let means = |glob: &str, text: &OsStr| {
            component_glob(glob).is_ok_and(|glob| glob.compile_matcher().is_match(text))
        };
        let is_it = |glob: &&String| match glob.contains('/') {
            true => excluded_paths(glob).iter().any(|glob| means(glob, path.as_os_str())),
            false => means(glob, name),
        };
        Some(match self.globs.iter().find(is_it) {
            Some(glob) => format!("`exclude` holds \"{glob}\""),
            None if self.is_binary(path) => {
                "it is a binary file; name it, or a glob, to have it read".to_owned()
            }
            None => "its name looks like what rotation left; name it, or a glob, to have it read".to_owned(),
        })
    }

    /// Whether a file of this name is binary.
    #[must_use]
    pub fn is_binary(&self, path: &Path) -> bool {
        path.file_name().is_some_and(|name| self.binary.is_match(name))
    }

    /// Whether `path` is left out. `in_directory` says that only its directory was named.
    pub(super) fn leave_out(&self, path: &Path, in_directory: bool) -> bool {
        let Some(name) = path.file_name() else { return true };
        self.names.is_match(name)
            || self.paths.is_match(path)
            || (in_directory && (self.in_directories.is_match(name) || self.binary.is_match(name)))
    }
}

/// The globs that an exclusion with a slash stands for: the path itself, anywhere unless it is absolute, and all below it.
fn excluded_paths(glob: &str) -> [String; 2] {
    let path = glob.trim_end_matches('/');
    let path = if path.starts_with('/') || path.starts_with("**/") {
        path.to_owned()
    } else {
        format!("**/{}", path.trim_start_matches("./"))
    };
    [format!("{path}/**"), path]
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
            is_recursive: false,
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
    fn an_exclusion_with_a_slash_means_a_path_and_all_below_it() {
        for (glob, path, is_out) in [
            ("archive/", "/d/archive/a.log", true),
            ("archive/", "/d/archive/2026/a.log", true),
            ("archive/", "/d/archive.log", false),
            ("archive/*.log", "/d/archive/a.log", true),
            ("archive/*.log", "/d/archive/a.txt", false),
            ("./app/debug.log", "/d/app/debug.log", true),
            ("app/debug.log", "app/debug.log", true),
            ("app/debug.log", "/d/webapp/debug.log", false),
            ("**/old/*", "/d/old/a.log", true),
            ("/d/private", "/d/private/a.log", true),
            ("/private", "/d/private/a.log", false),
            ("{a,b}/x.log", "/d/b/x.log", true),
        ] {
            let spec = WatchSpec {
                name: "w".into(),
                paths: vec![],
                exclude: vec![glob.into()],
                is_recursive: false,
            };
            let out = Exclusions::new(&spec).unwrap();
            assert_eq!(out.are_of(Path::new(path)), is_out, "{glob} {path}");
            assert_eq!(out.why(Path::new(path), false).is_some(), is_out, "{glob} {path}");
        }
    }

    #[test]
    fn binary_files_are_left_out_of_directories() {
        let spec = WatchSpec { name: "w".into(), paths: vec![], exclude: vec![], is_recursive: true };
        let out = Exclusions::new(&spec).unwrap();
        for name in
            ["wtmp", "btmp", "lastlog", "btmp.1", "wtmp-20261122", "system.journal", "sa22", "faillog"]
        {
            let path = Path::new("/var/log").join(name);
            assert!(out.leave_out(&path, true) && !out.leave_out(&path, false), "{name}");
            assert!(out.why(&path, true).unwrap().contains("binary"), "{name}");
        }
        assert!(!out.leave_out(Path::new("/var/log/tmp.log"), true));
    }
}
