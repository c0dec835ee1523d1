//! Reads what one source file imports: every path into our crate, in a `use`, an expression, a type or a macro.
//!
//! The file is cut into tokens, so that comments, texts and layout cannot mislead. A path is made absolute from the
//! module that it stands in, which may be an inline one.

use std::collections::BTreeSet;

use proc_macro2::{Delimiter, Group, TokenStream, TokenTree};

/// A path of our crate, from its root: `["file", "tailer", "Turn"]`.
pub(crate) type ModulePath = Vec<String>;

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Import {
    pub(crate) line: usize,
    pub(crate) path: ModulePath,
    /// The name that it has here, for a `use`.
    pub(crate) name: Option<String>,
    /// It stands in `pub use`.
    pub(crate) is_reexport: bool,
    /// It stands in code that only tests compile.
    pub(crate) is_test: bool,
}

/// Where in the crate the tokens at hand are.
#[derive(Clone)]
struct Place<'a> {
    module: ModulePath,
    /// All modules of the crate: a path that begins with another name leads elsewhere.
    known: &'a BTreeSet<ModulePath>,
    is_test: bool,
}

/// All imports of `source`, which is the module `module`.
pub(crate) fn imports(source: &str, module: &ModulePath, known: &BTreeSet<ModulePath>) -> Vec<Import> {
    let tokens: TokenStream = source.parse().unwrap_or_else(|error| panic!("{module:?}: {error}"));
    let mut found = Vec::new();
    // A module of that name is one of tests wherever it stands.
    let is_test = module.iter().any(|part| part == "tests");
    Place { module: module.clone(), known, is_test }.walk(tokens, &mut found);
    found
}

impl Place<'_> {
    fn walk(&self, tokens: TokenStream, found: &mut Vec<Import>) {
        let tokens: Vec<TokenTree> = tokens.into_iter().collect();
        let (mut at, mut of_test_item) = (0, false);
        while at < tokens.len() {
            let here = Place { is_test: self.is_test || of_test_item, ..self.clone() };
            let rest = &tokens[at..];
            match &rest[0] {
                TokenTree::Punct(mark) if mark.as_char() == '#' => of_test_item |= is_cfg_test(rest.get(1)),
                TokenTree::Punct(mark) if mark.as_char() == ';' => of_test_item = false,
                TokenTree::Ident(word) if word == "use" && !is_mark(rest.get(1), '<') => {
                    let end = rest.iter().position(|token| is_mark(Some(token), ';')).unwrap_or(rest.len());
                    here.read_use(&rest[1..end], &[], is_public(&tokens[..at]), found);
                    at += end;
                    continue;
                }
                TokenTree::Ident(word) if word == "mod" => {
                    if let [_, TokenTree::Ident(name), TokenTree::Group(body), ..] = rest {
                        let module = [self.module.clone(), vec![name.to_string()]].concat();
                        Place { module, ..here }.walk(body.stream(), found);
                        (at, of_test_item) = (at + 3, false);
                        continue;
                    }
                }
                TokenTree::Ident(_) if !is_path_mark(&tokens[..at]) => at += here.read_path(rest, found),
                TokenTree::Group(group) if !is_visibility(&tokens[..at], group) => {
                    here.walk(group.stream(), found);
                    of_test_item &= group.delimiter() != Delimiter::Brace;
                }
                _ => {}
            }
            at += 1;
        }
    }

    /// Reads a path of an expression or type at the beginning of `tokens`; returns how many of them to skip.
    fn read_path(&self, tokens: &[TokenTree], found: &mut Vec<Import>) -> usize {
        let (segments, length) = segments(tokens);
        if segments.len() > 1 {
            self.add(&segments, None, false, line(&tokens[0]), found);
        }
        length.saturating_sub(1)
    }

    /// Reads the trees of a `use`, separated by commas, that stand below `prefix`.
    fn read_use(&self, tokens: &[TokenTree], prefix: &[String], is_public: bool, found: &mut Vec<Import>) {
        for tree in tokens.split(|token| is_mark(Some(token), ',')).filter(|tree| !tree.is_empty()) {
            let (mut path, length) = segments(tree);
            if !prefix.is_empty() {
                path.retain(|segment| segment != "self");
            }
            let full = [prefix, &path].concat();
            match &tree[length..] {
                [.., TokenTree::Group(group)] => {
                    let inner: Vec<TokenTree> = group.stream().into_iter().collect();
                    self.read_use(&inner, &full, is_public, found);
                }
                [TokenTree::Ident(word), TokenTree::Ident(name)] if word == "as" => {
                    self.add(&full, Some(name.to_string()), is_public, line(&tree[0]), found);
                }
                _ => self.add(&full, full.last().cloned(), is_public, line(&tree[0]), found),
            }
        }
    }

    fn add(
        &self,
        path: &[String],
        name: Option<String>,
        is_reexport: bool,
        line: usize,
        found: &mut Vec<Import>,
    ) {
        if let Some(path) = self.absolute(path) {
            found.push(Import { line, path, name, is_reexport, is_test: self.is_test });
        }
    }

    /// The path from the crate's root, or `None` for one that leads out of the crate or is no module's.
    fn absolute(&self, path: &[String]) -> Option<ModulePath> {
        let first = path.first()?;
        let mut base = self.module.clone();
        let mut rest = path;
        match first.as_str() {
            "crate" | "spiketail" => (base, rest) = (Vec::new(), &path[1..]),
            "self" | "super" => {
                while let Some(word) = rest.first().filter(|word| matches!(word.as_str(), "self" | "super")) {
                    if word == "super" {
                        base.pop()?;
                    }
                    rest = &rest[1..];
                }
            }
            _ => {
                let child = [base.clone(), vec![first.clone()]].concat();
                self.known.contains(&child).then_some(())?;
            }
        }
        base.extend_from_slice(rest);
        Some(base)
    }
}

/// The names at the beginning of `tokens` that `::` joins, and how many tokens they take, a `::` after them included.
fn segments(tokens: &[TokenTree]) -> (Vec<String>, usize) {
    let (mut names, mut at) = (Vec::new(), 0);
    while let Some(TokenTree::Ident(name)) = tokens.get(at) {
        names.push(name.to_string());
        at += 1;
        if !is_mark(tokens.get(at), ':') || !is_mark(tokens.get(at + 1), ':') {
            break;
        }
        at += 2;
    }
    (names, at)
}

fn is_mark(token: Option<&TokenTree>, mark: char) -> bool {
    matches!(token, Some(TokenTree::Punct(found)) if found.as_char() == mark)
}

/// `before` ends with `::`, so that what follows is not the beginning of a path.
fn is_path_mark(before: &[TokenTree]) -> bool {
    before.len() > 1 && before[before.len() - 2..].iter().all(|token| is_mark(Some(token), ':'))
}

/// `before` ends with `pub`, `pub(crate)` or their like.
fn is_public(before: &[TokenTree]) -> bool {
    let before = match before {
        [before @ .., TokenTree::Group(group)] if group.delimiter() == Delimiter::Parenthesis => before,
        _ => before,
    };
    matches!(before.last(), Some(TokenTree::Ident(word)) if word == "pub")
}

/// The `(in crate::x)` of a `pub`, which imports nothing.
fn is_visibility(before: &[TokenTree], group: &Group) -> bool {
    group.delimiter() == Delimiter::Parenthesis
        && matches!(before.last(), Some(TokenTree::Ident(word)) if word == "pub")
}

fn is_cfg_test(attribute: Option<&TokenTree>) -> bool {
    let Some(TokenTree::Group(group)) = attribute else { return false };
    let text = group.stream().to_string().replace(' ', "");
    text == "cfg(test)" || text.starts_with("cfg(all(test,")
}

fn line(token: &TokenTree) -> usize {
    token.span().start().line
}
