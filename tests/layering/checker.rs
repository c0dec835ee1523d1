//! The checker itself, on small crates made up here: every form of import is seen, every kind of circle is found.

use std::collections::BTreeSet;
use std::path::PathBuf;

use crate::graph::SourceTree;
use crate::imports::imports;
use crate::is_allowed;

fn tree(files: &[(&str, &str)]) -> SourceTree {
    let owned: Vec<_> = files.iter().map(|(path, text)| (PathBuf::from(path), (*text).to_owned())).collect();
    SourceTree::new(&owned)
}

/// The files of each circle of a crate of these files.
fn circles(files: &[(&str, &str)]) -> Vec<Vec<String>> {
    let name = |path: &PathBuf| path.display().to_string();
    tree(files).circles().iter().map(|circle| circle.files.iter().map(name).collect()).collect()
}

/// Line and path of every import of `source`, which is the module `file::tailer`.
fn found(source: &str) -> Vec<(usize, String)> {
    let known = ["file", "file::tailer", "file::tailer::opening", "scan"];
    let path = |text: &str| text.split("::").map(str::to_owned).collect::<Vec<_>>();
    let known: BTreeSet<_> = known.into_iter().map(path).collect();
    let imports = imports(source, &path("file::tailer"), &known);
    imports.into_iter().map(|import| (import.line, import.path.join("::"))).collect()
}

fn assert_found(source: &str, wanted: &[(usize, &str)]) {
    let wanted: Vec<_> = wanted.iter().map(|(line, path)| (*line, (*path).to_owned())).collect();
    assert_eq!(found(source), wanted, "{source}");
}

#[test]
fn imports_are_seen_in_every_form() {
    assert_found(
        "use crate::scan::rules::{RuleSet, Scanner};",
        &[(1, "scan::rules::RuleSet"), (1, "scan::rules::Scanner")],
    );
    assert_found(
        "use crate::{scan, sys::open::{self, Stat},\n    app::App as A};",
        &[(1, "scan"), (1, "sys::open"), (1, "sys::open::Stat"), (2, "app::App")],
    );
    assert_found(
        "use super::reader::FileReader;\nuse super::super::scan::*;",
        &[(1, "file::reader::FileReader"), (2, "scan")],
    );
    assert_found(
        "use self::opening::Opening;\nuse opening::Way;",
        &[(1, "file::tailer::opening::Opening"), (2, "file::tailer::opening::Way")],
    );
    assert_found(
        "fn f(key: crate::watch::Key) -> opening::Way { super::turn::run::<crate::a::B>() }",
        &[(1, "watch::Key"), (1, "file::tailer::opening::Way"), (1, "file::turn::run"), (1, "a::B")],
    );
    assert_found(
        "macro_rules! m { () => { $crate::event::emit(crate::alert::A) } }",
        &[(1, "event::emit"), (1, "alert::A")],
    );
    assert_found("use spiketail::cli::run;\npub(crate) use crate::alert;", &[(1, "cli::run"), (2, "alert")]);
}

#[test]
fn what_only_looks_like_an_import_is_not_one() {
    assert_found(
        "//! See [`crate::config`].\nfn f() -> &'static str { \"crate::cli\" } // crate::detect",
        &[],
    );
    assert_found("const A: &str = r#\"use crate::cli;\"#;\nuse std::scan::X;\nuse ::scan::Y;", &[]);
    assert_found("pub(in crate::file) fn f<'a>() -> impl Fn() + use<'a> { Other::scan::x() }", &[]);
    assert_found("mod opening;\npub mod other;", &[]);
}

#[test]
fn a_path_in_an_inline_module_begins_there() {
    assert_found(
        "mod tests { use super::Turn; use super::super::reader; }",
        &[(1, "file::tailer::Turn"), (1, "file::reader")],
    );
}

#[test]
fn a_circle_of_siblings_is_found() {
    let files = [
        ("lib.rs", "mod file;"),
        ("file/mod.rs", "mod a; mod b; mod c;"),
        ("file/a.rs", "use super::b::B;"),
        ("file/b.rs", "fn f() { crate::file::c::run() }"),
        ("file/c.rs", "use super::super::file::{a::A};"),
    ];
    assert_eq!(circles(&files), [["file/a.rs", "file/b.rs", "file/c.rs"]]);
}

#[test]
fn a_circle_of_parent_and_child_is_found() {
    let parents = [
        "mod tailer; use tailer::Tailer;",
        "mod tailer; use self::tailer::Tailer;",
        "mod tailer; use crate::file::tailer::Tailer;",
        "mod tailer; fn f() -> tailer::Tailer { todo!() }",
    ];
    for parent in parents {
        for child in
            ["use super::Turn;", "use super::*;", "fn f(turn: super::Turn) {}", "use crate::file::Turn;"]
        {
            let files = [("lib.rs", "mod file;"), ("file.rs", parent), ("file/tailer.rs", child)];
            assert_eq!(circles(&files), [["file.rs", "file/tailer.rs"]], "{parent} {child}");
        }
    }
}

#[test]
fn a_circle_of_modules_is_found() {
    let files = [
        ("main.rs", "mod store; mod file;"),
        ("store/mod.rs", "mod read;"),
        ("store/read.rs", "use crate::file;"),
        ("file.rs", "use super::store::read::Row;"),
    ];
    assert_eq!(circles(&files), [["store/read.rs", "file.rs"]]);
}

#[test]
fn declaring_or_handing_on_a_child_is_no_circle() {
    let child = ("alert/spec.rs", "use super::Severity;");
    for parent in ["mod spec; struct Severity;", "mod spec; pub use spec::AlertSpec; struct Severity;"] {
        assert!(circles(&[("lib.rs", "mod alert;"), ("alert/mod.rs", parent), child]).is_empty(), "{parent}");
    }
}

#[test]
fn what_a_parent_hands_on_counts_as_the_file_that_has_it() {
    let files = |severity: &'static str| {
        [
            ("lib.rs", "mod alert;"),
            ("alert/mod.rs", "mod spec; mod severity; pub use severity::Severity; use spec::AlertSpec;"),
            ("alert/severity.rs", severity),
            ("alert/spec.rs", "use super::Severity;"),
        ]
    };
    assert!(circles(&files("struct Severity;")).is_empty());
    let planted = circles(&files("use super::spec::AlertSpec;"));
    assert_eq!(planted, [["alert/severity.rs", "alert/spec.rs"]]);
}

#[test]
fn what_tests_import_makes_no_circle() {
    let a = "#[cfg(test)] mod tests { use crate::b::B; } #[cfg(test)] use crate::b::C; fn f() {}";
    let files = |a| [("lib.rs", "mod a; mod b;"), ("a.rs", a), ("b.rs", "use crate::a::A;")];
    assert!(circles(&files(a)).is_empty());
    let after = "#[cfg(test)] mod tests {} use crate::b::B;";
    assert_eq!(circles(&files(after)), [["a.rs", "b.rs"]]);
}

#[test]
fn a_module_may_use_itself_and_what_is_listed() {
    let path = |text: &str| text.split("::").map(str::to_owned).collect::<Vec<_>>();
    assert!(is_allowed("engine", &path("event")) && !is_allowed("engine", &path("output::json")));
    assert!(!is_allowed("scan", &path("scanner")) && is_allowed("scan", &path("scan::rules")));
}
