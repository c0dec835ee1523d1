//! Who may import whom. The modules are a graph without circles, and this keeps it so.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::path::{Path, PathBuf};
use std::sync::LazyLock;

use regex_automata::meta::Regex;

/// From each module to those that it may use besides itself. `*` is all of them.
const ALLOWED: &[(&str, &[&str])] = &[
    ("main", &["cli"]),
    ("lib", &[]),
    ("cli", &["*"]),
    (
        "app",
        &[
            "config", "engine", "file", "scan", "serve", "sys", "output", "watch", "alert", "detect",
            "store", "notify",
        ],
    ),
    ("config", &["engine", "watch", "output", "scan", "alert", "detect", "notify", "file"]),
    ("engine", &["file", "scan", "detect", "alert", "store", "event"]),
    ("file", &["sys", "scan"]),
    ("store", &["file", "detect", "alert", "scan::lines"]),
    ("alert", &["detect"]),
    ("output", &["alert"]),
    ("notify", &["alert", "store", "event"]),
    ("detect", &[]),
    ("scan", &[]),
    ("watch", &[]),
    ("serve", &[]),
    ("sys", &[]),
];

/// A use of one module of ours by another.
#[derive(Debug, PartialEq, Eq)]
struct Arrow {
    line: usize,
    /// Such as `event`.
    to: String,
}

/// The line without its comment and without texts, both of which may name anything.
fn code(line: &str) -> String {
    static TEXTS: LazyLock<Regex> = LazyLock::new(|| Regex::new(r#""(\\.|[^"\\])*""#).unwrap());
    let mut code = String::new();
    let mut from = 0;
    for text in TEXTS.find_iter(line) {
        code.push_str(&line[from..text.start()]);
        code.push_str("\"\"");
        from = text.end();
    }
    code.push_str(&line[from..]);
    code.split("//").next().unwrap_or_default().to_owned()
}

/// Every path that begins at the root of our crate, those in groups (`use crate::{a, b::c}`) included.
fn arrows(source: &str) -> Vec<Arrow> {
    let code: String = source.lines().map(|line| code(line) + "\n").collect();
    let root = Regex::new(r"\b(crate|spiketail)::\s*").unwrap();
    let path = Regex::new(r"^[a-z_]\w*(::[a-z_]\w*)*").unwrap();
    let mut found = Vec::new();
    for at in root.find_iter(&code) {
        let rest = &code[at.end()..];
        for (offset, member) in members(rest) {
            // A raw text may hold anything; what is no module of ours would not compile as code.
            let name = path.find(member).filter(|name| is_module(&member[name.range()]));
            if let Some(name) = name {
                let line = code[..at.end() + offset].matches('\n').count() + 1;
                found.push(Arrow { line, to: member[name.range()].to_owned() });
            }
        }
    }
    found
}

/// The members of a group at the beginning of `rest`, with their offsets; without a group, `rest` itself.
fn members(rest: &str) -> Vec<(usize, &str)> {
    if !rest.starts_with('{') {
        return vec![(0, rest)];
    }
    let (mut depth, mut members, mut is_start) = (0, Vec::new(), false);
    for (offset, letter) in rest.char_indices() {
        match letter {
            '{' => depth += 1,
            '}' => depth -= 1,
            _ => {}
        }
        if depth == 0 {
            break;
        }
        if depth == 1 && is_start && !letter.is_whitespace() && letter != ',' {
            members.push((offset, &rest[offset..]));
            is_start = false;
        }
        is_start |= depth == 1 && matches!(letter, '{' | ',');
    }
    members
}

fn is_module(path: &str) -> bool {
    ALLOWED.iter().any(|(module, _)| path.split("::").next() == Some(module))
}

fn is_allowed(from: &str, to: &str) -> bool {
    let Some((_, allowed)) = ALLOWED.iter().find(|(module, _)| *module == from) else { return false };
    let within = |whole: &str| to == whole || to.starts_with(&format!("{whole}::"));
    within(from) || allowed.iter().any(|allowed| *allowed == "*" || within(allowed))
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
fn no_arrow_leads_where_none_may() {
    let mut wrong = Vec::new();
    let mut seen = 0;
    for (path, text) in sources() {
        let from = module(&path);
        for arrow in arrows(&text) {
            seen += 1;
            if !is_allowed(&from, &arrow.to) {
                wrong.push(format!("src/{}:{}: {from} -> {}", path.display(), arrow.line, arrow.to));
            }
        }
    }
    assert!(seen > 50, "only {seen} arrows were seen");
    assert!(wrong.is_empty(), "these uses are not allowed (see ALLOWED):\n{}", wrong.join("\n"));
}

#[test]
fn every_module_has_its_place() {
    let known = |module: &String| ALLOWED.iter().any(|(known, _)| known == module);
    let strange: Vec<String> = sources().iter().map(|(path, _)| module(path)).filter(|m| !known(m)).collect();
    assert!(strange.is_empty(), "not in ALLOWED: {strange:?}");
}

#[test]
fn unsafe_code_is_in_sys_only() {
    let word = Regex::new(r"\bunsafe\b").unwrap();
    let mut wrong = Vec::new();
    for (path, text) in sources().iter().filter(|(path, _)| module(path) != "sys") {
        let lines = text.lines().enumerate().filter(|(_, line)| word.is_match(&code(line)));
        wrong.extend(lines.map(|(n, line)| format!("src/{}:{}: {}", path.display(), n + 1, line.trim())));
    }
    assert!(wrong.is_empty(), "unsafe code outside of src/sys:\n{}", wrong.join("\n"));
}

#[test]
fn arrows_are_seen_in_every_form() {
    let source = concat!(
        "//! See [`crate::config`].\n",
        "use crate::file::tailer::{Tail, Turn};\n",
        "use crate::{scan, sys::open::{self, Stat},\n    app::App};\n",
        "fn f() -> crate::watch::Key { \"crate::cli\"; crate::engine::run() } // crate::detect\n",
        "pub(crate) struct S;\n",
        "use spiketail::cli::run;\n",
    );
    let found: Vec<_> = arrows(source).into_iter().map(|arrow| (arrow.line, arrow.to)).collect();
    let wanted = [
        (2, "file::tailer"),
        (3, "scan"),
        (3, "sys::open"),
        (4, "app"),
        (5, "watch"),
        (5, "engine::run"),
        (7, "cli::run"),
    ];
    assert_eq!(found, wanted.map(|(line, to)| (line, to.to_owned())));
    assert!(is_allowed("engine", "event") && !is_allowed("engine", "output::json"));
    assert!(!is_allowed("scan", "scanner") && is_allowed("scan", "scan::rules"));
}
