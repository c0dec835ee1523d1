//! TOML to validated settings, with errors that name file, line and what would be right.
//!
//! Reading goes on after a problem, so that all of them are reported at once: `document` finds the known tables,
//! one module per kind of table reads its values, and `link` looks up what they name. Settings come out only
//! if nothing was refused.

mod alerts;
mod conditions;
mod deliveries;
mod document;
#[cfg(test)]
mod documented;
mod engine;
mod error;
pub mod flags;
mod link;
mod link_outputs;
mod mail;
mod mutes;
mod outputs;
mod routes;
mod rules;
mod samples;
mod schema;
mod secrets;
mod services;
pub mod settings;
mod source;
mod table;
mod times;
mod values;
mod watches;

use std::path::Path;

pub use error::{ConfigError, PROBLEMS_MAX, Problem};
pub use flags::{Flags, resolve, rule_from_flags};
pub use settings::Settings;
pub use source::CONFIG_BYTES_MAX;

use error::ErrorReport;
use table::Table;
use watches::Watch;

use crate::scan::rules::RuleSpec;
use crate::watch::spec::WatchSpec;

/// Reads and validates the configuration in the file `path`. Relative paths in it are resolved against its
/// folder.
///
/// # Errors
/// The file cannot be read, or something that it says is not right; all problems are reported at once.
pub fn load(path: &Path) -> Result<Settings, ConfigError> {
    parse(&source::read_text(path)?, path)
}

/// Validates the configuration `text`. Relative paths in it are resolved against the folder of `origin`, which
/// problems are reported to be in and which is not read.
///
/// # Errors
/// Something that the text says is not right; all problems are reported at once.
pub fn parse(text: &str, origin: &Path) -> Result<Settings, ConfigError> {
    // Without a working directory only absolute paths can be understood, and the others are refused.
    parse_with(text, origin, &std::path::absolute(origin).unwrap_or_default(), None)
}

/// Like [`load`], and tries the samples of every rule.
///
/// # Errors
/// As [`load`], or a sample is not judged as it should be.
pub fn check(path: &Path) -> Result<Settings, ConfigError> {
    let text = source::read_text(path)?;
    let settings = parse(&text, path)?;
    let mut report = ErrorReport::new(without_mark(&text), path);
    let root = document::parse(without_mark(&text), &mut report);
    let tables = root.as_ref().map(|root| document::tables(root, &mut report)).unwrap_or_default();
    rules::read(&tables, &mut report).iter().for_each(|rule| samples::check(rule, &mut report));
    report.finish()?;
    Ok(settings)
}

/// Reads the rules of the configuration in the file `path`, which need not watch anything.
///
/// # Errors
/// The file cannot be read, or something that one of its tables says is not right.
pub fn rules_from_config(path: &Path) -> Result<Vec<RuleSpec>, ConfigError> {
    let text = source::read_text(path)?;
    let absolute = std::path::absolute(path).unwrap_or_default();
    let mut report = ErrorReport::new(without_mark(&text), path);
    let root = document::parse(without_mark(&text), &mut report);
    let tables = root.as_ref().map(|root| document::tables(root, &mut report)).unwrap_or_default();
    let parts = Parts::read(&tables, folder_of(&absolute), &mut report);
    report.finish()?;
    Ok(parts.rules.into_iter().map(|rule| rule.spec).collect())
}

/// The rules of the configuration file `config`, or without one the rule that `flags` describe.
///
/// # Errors
/// As [`rules_from_config`] and [`rule_from_flags`].
pub fn rules(config: Option<&Path>, flags: &Flags) -> Result<Vec<RuleSpec>, ConfigError> {
    match config {
        Some(path) => rules_from_config(path),
        None => Ok(vec![rule_from_flags(flags)?]),
    }
}

/// Like [`parse`], with `absolute` being the absolute path of `origin`, and with a further watch.
fn parse_with(
    text: &str,
    origin: &Path,
    absolute: &Path,
    further: Option<&WatchSpec>,
) -> Result<Settings, ConfigError> {
    let text = without_mark(text);
    let mut report = ErrorReport::new(text, origin);
    let root = document::parse(text, &mut report);
    let Some(root) = root else {
        return Err(report.failed());
    };
    let tables = document::tables(&root, &mut report);
    let mut parts = Parts::read(&tables, folder_of(absolute), &mut report);
    if let Some(find) = further {
        link::add_watch(&mut parts.watches, find, &mut report);
    }
    let mutes = mutes::read(&tables, &parts.alerts, &mut report);
    link_outputs::link(&parts.outputs, &parts.alerts, &parts.watches, &mut report);
    let plan = link::link(&parts.watches, &parts.rules, &parts.alerts, &mut report);
    report.finish()?;
    Ok(Settings {
        engine: parts.basics.engine,
        timing: parts.basics.timing,
        plan,
        finds: parts.watches.into_iter().map(|watch| watch.find).collect(),
        outputs: parts.outputs.written,
        deliveries: parts.outputs.delivered,
        mutes,
        listen: parts.basics.listen,
        external_url: parts.basics.external_url,
        hash: hash(text),
        log: parts.basics.log,
    })
}

/// What the tables say, each for itself.
struct Parts<'t> {
    basics: engine::Basics,
    rules: Vec<rules::Rule>,
    watches: Vec<Watch<'t>>,
    alerts: Vec<alerts::AlertTable<'t>>,
    outputs: outputs::Outputs<'t>,
}

impl<'t> Parts<'t> {
    fn read(tables: &[Table<'t>], folder: &Path, report: &mut ErrorReport<'_>) -> Self {
        Parts {
            basics: engine::read(tables, report),
            rules: rules::read(tables, report),
            watches: watches::read(tables, folder, report),
            alerts: alerts::read(tables, report),
            outputs: outputs::read(tables, folder, report),
        }
    }
}

/// Milliseconds of a duration such as `2h`.
///
/// # Errors
/// What would be right.
pub fn duration_ms(text: &str) -> Result<i64, String> {
    values::parse_duration_ms(text)
}

/// A name for what `text` says.
fn hash(text: &str) -> String {
    format!("{:016x}", xxhash_rust::xxh3::xxh3_64(text.as_bytes()))
}

/// The text without a byte order mark, which some editors put first.
fn without_mark(text: &str) -> &str {
    text.strip_prefix('\u{feff}').unwrap_or(text)
}

fn folder_of(absolute: &Path) -> &Path {
    absolute.parent().unwrap_or(absolute)
}
