//! What `run -` says once standard input has ended.

use std::io::{self, Write};

use indicatif::HumanCount;

use crate::engine::report::Reporter;
use crate::fmt::printable;
use crate::output::{Destination, Format, OutputSpec};

/// So many patterns of a rule are shown.
const PATTERNS_SHOWN: usize = 10;

/// Whether standard output is for people.
pub(super) fn is_for_people(outputs: &[OutputSpec]) -> bool {
    outputs.iter().any(|output| output.destination == Destination::Stdout && output.format == Format::Console)
}

/// Prints what was counted: for people, or as one JSON object.
pub(super) fn print(reporter: &Reporter, is_for_people: bool) -> anyhow::Result<()> {
    let mut out = io::BufWriter::new(io::stdout().lock());
    let written = if is_for_people { write_text(&mut out, reporter) } else { write_json(&mut out, reporter) };
    match written.and_then(|()| out.flush()) {
        // The reader of the output has closed it.
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        written => written.map_err(|error| anyhow::anyhow!("cannot write to standard output: {error}")),
    }
}

/// Matching lines by rule, and bytes.
fn totals(reporter: &Reporter) -> (Vec<(String, u64)>, u64) {
    let (files, _) = reporter.files();
    let bytes = files.iter().map(|file| file.figures.bytes_read).sum();
    (files.into_iter().flat_map(|file| file.figures.totals).collect(), bytes)
}

fn write_text(out: &mut impl Write, reporter: &Reporter) -> io::Result<()> {
    let (totals, bytes) = totals(reporter);
    writeln!(out, "standard input has ended after {}", indicatif::HumanBytes(bytes))?;
    for (rule, lines) in totals {
        let unit = if lines == 1 { "line" } else { "lines" };
        writeln!(out, "{:>9}  {unit} of {rule}", HumanCount(lines))?;
    }
    for rule in reporter.patterns(PATTERNS_SHOWN).iter().filter(|rule| rule.lines > 0) {
        writeln!(out, "\npatterns of {}:", rule.rule)?;
        let shown: u64 = rule.patterns.iter().map(|pattern| pattern.lines).sum();
        for pattern in &rule.patterns {
            writeln!(out, "{:>9}  {}", HumanCount(pattern.lines), printable(&pattern.text))?;
        }
        if rule.lines > shown {
            writeln!(out, "{:>9}  others", HumanCount(rule.lines - shown))?;
        }
    }
    Ok(())
}

fn write_json(out: &mut impl Write, reporter: &Reporter) -> io::Result<()> {
    let (totals, bytes) = totals(reporter);
    let patterns = reporter.patterns(PATTERNS_SHOWN);
    let patterns = patterns.iter().flat_map(|rule| {
        rule.patterns.iter().map(|pattern| {
            serde_json::json!({
                "rule": rule.rule,
                "pattern": pattern.id.to_string(),
                "text": pattern.text,
                "lines": pattern.lines,
            })
        })
    });
    let summary = serde_json::json!({
        "target": "spiketail::summary",
        "bytes": bytes,
        "lines_matched": totals.into_iter().collect::<std::collections::BTreeMap<_, _>>(),
        "patterns": patterns.collect::<Vec<_>>(),
    });
    writeln!(out, "{summary}")
}
