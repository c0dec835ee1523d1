//! Who may import whom. Neither the modules nor their files form circles, and this test keeps it so.
#![allow(clippy::unwrap_used, reason = "a failed expectation must fail the test")]

mod checker;
mod graph;
mod imports;

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use proc_macro2::{TokenStream, TokenTree};

use graph::SourceTree;

/// From each module to those that it may use besides itself and those of [`COMMON`]. `*` is all of them.
const ALLOWED: &[(&str, &[&str])] = &[
    ("main", &["cli"]),
    ("lib", &[]),
    ("cli", &["*"]),
    (
        "app",
        &[
            "config", "engine", "source", "file", "scan", "pattern", "serve", "sys", "output", "watch",
            "alert", "detect", "store", "notify", "event",
        ],
    ),
    (
        "config",
        &["engine", "source", "watch", "output", "scan", "alert", "detect", "notify", "file", "event"],
    ),
    ("serve", &[]),
    ("engine", &["source", "file", "scan", "pattern", "detect", "alert", "store", "event"]),
    ("notify", &["store", "event"]),
    ("output", &["event"]),
    ("source", &["file", "sys", "scan"]),
    ("store", &["source", "file", "pattern", "detect", "alert", "event", "scan::cursor", "scan::wrapping"]),
    ("file", &["sys", "scan", "pattern"]),
    ("alert", &["detect", "event", "pattern"]),
    ("event", &[]),
    ("detect", &[]),
    ("watch", &[]),
    ("pattern", &["scan"]),
    ("scan", &["sys"]),
    ("sys", &[]),
    ("fmt", &[]),
    ("units", &[]),
];

/// What every module may use; they use nothing of ours.
const COMMON: [&str; 2] = ["units", "fmt"];

fn is_allowed(from: &str, to: &[String]) -> bool {
    let Some((_, allowed)) = ALLOWED.iter().find(|(module, _)| *module == from) else { return false };
    let to = to.join("::");
    let within = |whole: &str| to == whole || to.starts_with(&format!("{whole}::"));
    let is_common = !COMMON.contains(&from) && COMMON.contains(&to.split("::").next().unwrap());
    is_common || within(from) || allowed.iter().any(|allowed| *allowed == "*" || within(allowed))
}

/// The first part of a path below src: `main` of `main.rs`, `file` of `file/tail.rs`.
fn module(path: &Path) -> String {
    let first = path.components().next().unwrap().as_os_str();
    Path::new(first).file_stem().unwrap().to_str().unwrap().to_owned()
}

fn sources() -> Vec<(PathBuf, String)> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let (mut dirs, mut found) = (vec![root.clone()], Vec::new());
    while let Some(dir) = dirs.pop() {
        for entry in std::fs::read_dir(dir).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                dirs.push(path);
            } else if path.extension().is_some_and(|end| end == "rs") {
                let text = String::from_utf8(std::fs::read(&path).unwrap()).unwrap();
                found.push((path.strip_prefix(&root).unwrap().to_owned(), text));
            }
        }
    }
    found.sort();
    assert!(found.len() > 20, "the sources are not where they are looked for");
    found
}

#[test]
fn modules_import_only_what_they_may() {
    let sources = sources();
    let modules: BTreeSet<String> = sources.iter().map(|(path, _)| module(path)).collect();
    let (mut wrong, mut seen) = (Vec::new(), 0);
    for file in SourceTree::new(&sources).files {
        let from = module(&file.path);
        for import in file.imports.iter().filter(|i| i.path.first().is_some_and(|to| modules.contains(to))) {
            seen += 1;
            if !is_allowed(&from, &import.path) {
                let to = import.path.join("::");
                wrong.push(format!("src/{}:{}: {from} -> {to}", file.path.display(), import.line));
            }
        }
    }
    assert!(seen > 500, "only {seen} imports were found");
    assert!(wrong.is_empty(), "these imports are not allowed (see ALLOWED):\n{}", wrong.join("\n"));
}

#[test]
fn every_module_is_listed() {
    let known = |module: &String| ALLOWED.iter().any(|(known, _)| known == module);
    let unknown: BTreeSet<String> =
        sources().iter().map(|(path, _)| module(path)).filter(|m| !known(m)).collect();
    assert!(unknown.is_empty(), "not in ALLOWED: {unknown:?}");
}

#[test]
fn the_allowed_imports_form_no_circle() {
    let mut open: Vec<&str> = ALLOWED.iter().map(|(module, _)| *module).filter(|m| *m != "cli").collect();
    // Each round takes away the modules that use none of those left.
    loop {
        let before = open.len();
        let left = open.clone();
        open.retain(|module| {
            let (_, allowed) = ALLOWED.iter().find(|(name, _)| name == module).unwrap();
            allowed.iter().any(|to| left.contains(&to.split("::").next().unwrap()))
        });
        if open.len() == before {
            break;
        }
    }
    assert!(open.is_empty(), "these may import each other in a circle: {open:?}");
}

#[test]
fn files_form_no_circle() {
    let circles = SourceTree::new(&sources()).circles();
    let texts: Vec<String> = circles.iter().map(ToString::to_string).collect();
    let count: usize = circles.iter().map(|circle| circle.files.len()).sum();
    println!("{count} files in {} circles\n{}", circles.len(), texts.join("\n"));
    assert!(count == 0, "{count} files are in circles:\n{}", texts.join("\n"));
}

#[test]
fn unsafe_code_is_in_sys_only() {
    let mut wrong = Vec::new();
    for (path, text) in sources().iter().filter(|(path, _)| module(path) != "sys") {
        let lines = unsafe_lines(text.parse().unwrap()).into_iter();
        wrong.extend(lines.map(|line| format!("src/{}:{line}", path.display())));
    }
    assert!(wrong.is_empty(), "unsafe code outside of src/sys:\n{}", wrong.join("\n"));
}

fn unsafe_lines(tokens: TokenStream) -> Vec<usize> {
    let lines = tokens.into_iter().flat_map(|token| match token {
        TokenTree::Group(group) => unsafe_lines(group.stream()),
        TokenTree::Ident(word) if word == "unsafe" => vec![word.span().start().line],
        _ => Vec::new(),
    });
    lines.collect()
}
