//! The page spiketail.toml(5): the documented configuration, set as a man page.
//!
//! The document is part of the program, so page and program are of the same version. Only what it uses of Markdown is known: headings,
//! paragraphs, lists, tables and blocks of code; in a line code and links.

use std::io::{self, Write};

use clap_mangen::roff::{Inline, Roff, bold, roman};

/// Where the page lies in the folder of all pages.
pub(super) const FILE_NAME: &str = "spiketail.toml.5";

const DOCUMENT: &str = include_str!("../../../docs/configuration.md");
const EXAMPLE: &str = include_str!("../../../config/examples/slack.toml");
const NAME: &str = "spiketail.toml";

const FILES: &[(&str, &str)] = &[
    ("/etc/spiketail/spiketail.toml", "The configuration of the service."),
    ("/etc/spiketail/conf.d/*.toml", "What is added to it, in the order of the names."),
    ("/usr/share/doc/spiketail/examples", "Further configurations."),
];

const SIGNALS: &[(&str, &str)] = &[(
    "SIGHUP",
    "The daemon reads its configuration again. If it cannot be used, the old one stays as a whole.",
)];

const SEE_ALSO: &str =
    "spiketail(1), spiketail-run(1), spiketail-check(1), spiketail-init(1), spiketail-reload(1)";

pub(super) fn write(out: &mut dyn Write) -> io::Result<()> {
    let mut roff = Roff::new();
    roff.control("TH", [NAME, "5", "", concat!("spiketail ", env!("CARGO_PKG_VERSION"))]);
    roff.control("SH", ["NAME"]).text([roman(format!("{NAME} - configuration of spiketail"))]);
    let synopsis = "/etc/spiketail/spiketail.toml, /etc/spiketail/conf.d/*.toml, spiketail run -c FILE";
    roff.control("SH", ["SYNOPSIS"]).text([roman(synopsis)]);
    roff.control("SH", ["DESCRIPTION"]);
    document(&mut roff, DOCUMENT);
    roff.control("SH", ["EXAMPLES"]);
    code(&mut roff, &EXAMPLE.lines().collect::<Vec<_>>());
    for (heading, terms) in [("FILES", FILES), ("SIGNALS", SIGNALS)] {
        roff.control("SH", [heading]);
        for (term, meaning) in terms {
            roff.control("TP", []).text([bold(*term)]).text([roman(*meaning)]);
        }
    }
    roff.control("SH", ["EXIT STATUS"]);
    roff.text([roman("spiketail check exits with 0 if a configuration is right, and with 2 if it is not.")]);
    roff.control("SH", ["SEE ALSO"]).text([roman(SEE_ALSO)]);
    roff.to_writer(out)
}

/// Sets a whole document, without its title.
fn document(roff: &mut Roff, text: &str) {
    let lines: Vec<&str> = text.lines().collect();
    let mut rest = lines.as_slice();
    while let Some((line, after)) = rest.split_first() {
        rest = after;
        if line.starts_with("```") {
            code(roff, take_while(&mut rest, |line| !line.starts_with("```")));
            rest = rest.get(1..).unwrap_or_default();
        } else if let Some(heading) = line.strip_prefix("### ") {
            roff.control("SS", [plain(heading).as_str()]);
        } else if let Some(heading) = line.strip_prefix("## ") {
            let is_table = heading.starts_with('`');
            let name = plain(heading);
            roff.control("SH", [if is_table { name } else { name.to_uppercase() }.as_str()]);
        } else if line.starts_with('|') {
            table(roff, line, take_while(&mut rest, |line| line.starts_with('|')));
        } else if let Some(item) = line.strip_prefix("- ") {
            roff.control("IP", ["\\(bu", "2"]).text(inlines(item));
        } else if !line.is_empty() && !line.starts_with("# ") {
            let further =
                take_while(&mut rest, |line| !line.is_empty() && !line.starts_with(['#', '|', '`']));
            let paragraph: Vec<&str> = std::iter::once(*line).chain(further.iter().copied()).collect();
            roff.control("PP", []).text(inlines(&paragraph.join(" ")));
        }
    }
}

/// Takes the lines from the front of `rest` that `is_part` accepts.
fn take_while<'a, 'b>(rest: &mut &'b [&'a str], is_part: impl Fn(&str) -> bool) -> &'b [&'a str] {
    let count = rest.iter().take_while(|line| is_part(line)).count();
    let (taken, left) = rest.split_at(count);
    *rest = left;
    taken
}

fn code(roff: &mut Roff, lines: &[&str]) {
    roff.control("PP", []).control("RS", ["4"]).control("nf", []);
    for line in lines {
        roff.text([roman(*line)]);
    }
    roff.control("fi", []).control("RE", []);
}

/// Sets each row as a term with its meaning; the last column is the meaning.
fn table(roff: &mut Roff, header: &str, rows: &[&str]) {
    let columns = cells(header);
    for row in rows.iter().filter(|row| !row.starts_with("|---")) {
        let cells = cells(row);
        let (Some(term), Some(meaning)) = (cells.first(), cells.last()) else { continue };
        let between = 1..cells.len().saturating_sub(1).max(1);
        let details: Vec<String> = between
            .filter(|&column| !cells[column].is_empty())
            .map(|column| match (columns.get(column).copied(), cells[column]) {
                (Some("default"), cell) if !cell.starts_with("required") => format!("default {cell}"),
                (Some("for"), cell) => format!("for {cell}"),
                (_, cell) => cell.to_owned(),
            })
            .collect();
        // A row without a term goes on with the one above it.
        if term.is_empty() {
            roff.control("IP", []);
        } else {
            roff.control("TP", []).text([bold(plain(term))]);
        }
        if details.is_empty() {
            roff.text(inlines(meaning));
        } else {
            roff.text(inlines(&format!("({}) {meaning}", details.join("; "))));
        }
    }
}

/// The cells of a row. The document has no bar within a cell.
fn cells(row: &str) -> Vec<&str> {
    row.trim().trim_matches('|').split('|').map(str::trim).collect()
}

/// A line with its code in bold, and links as their text.
fn inlines(line: &str) -> Vec<Inline> {
    let mut out = Vec::new();
    let mut rest = line;
    while let Some(at) = rest.find(['`', '[']) {
        let (before, from) = rest.split_at(at);
        if from.starts_with('`')
            && let Some((inner, after)) = from[1..].split_once('`')
        {
            out.extend([roman(before), bold(inner)]);
            rest = after;
        } else if let Some((text, after)) = link(from) {
            out.push(roman(before));
            out.extend(inlines(text));
            rest = after;
        } else {
            out.push(roman(&rest[..=at]));
            rest = &rest[at + 1..];
        }
    }
    out.push(roman(rest));
    out
}

/// The text of the link that `text` begins with, and what follows the link.
fn link(text: &str) -> Option<(&str, &str)> {
    let (mut is_code, mut depth) = (false, 0);
    let end = text.char_indices().find_map(|(at, c)| {
        match c {
            '`' => is_code = !is_code,
            '[' if !is_code => depth += 1,
            ']' if !is_code => depth -= 1,
            _ => {}
        }
        (depth == 0).then_some(at)
    })?;
    let (_, after) = text[end..].strip_prefix("](")?.split_once(')')?;
    Some((&text[1..end], after))
}

/// A line as bare text.
fn plain(line: &str) -> String {
    inlines(line)
        .into_iter()
        .map(|inline| match inline {
            Inline::Roman(text) | Inline::Bold(text) | Inline::Italic(text) => text,
            Inline::LineBreak => String::new(),
        })
        .collect()
}
