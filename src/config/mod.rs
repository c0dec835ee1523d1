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
mod expand;
pub mod flags;
mod journal;
mod link;
mod link_outputs;
mod lint;
mod mail;
mod mutes;
mod outputs;
mod pushes;
pub mod reach;
mod routes;
mod rules;
mod samples;
mod schema;
mod secrets;
mod services;
pub mod settings;
mod source;
mod sources;
mod table;
mod times;
mod values;
mod watches;

use std::path::{Path, PathBuf};
use std::sync::Arc;

pub use error::{ConfigError, PROBLEMS_MAX, Problem};
pub use flags::{Flags, resolve, rule_from_flags};
pub use settings::Settings;
pub use source::CONFIG_BYTES_MAX;

use error::ErrorReport;
use schema::Kind;
use sources::Sources;
use table::Table;
use watches::Watch;

use crate::scan::rules::RuleSpec;
use crate::watch::spec::WatchSpec;

/// Where the configuration of the service is.
pub const DEFAULT_PATHS: [&str; 2] = ["/etc/spiketail/spiketail.toml", "/etc/spiketail/conf.d"];

/// Reads and validates the configuration in the files `paths`, or in the files of a directory that end in `.toml`. A later file adds
/// to those before it, and its keys replace theirs. Relative paths in them are resolved against the folder of the first.
///
/// # Errors
/// A file cannot be read, or something that it says is not right; all problems are reported at once.
pub fn load(paths: &[PathBuf]) -> Result<Settings, ConfigError> {
    parse_with(&source::read_all(paths, Path::new(""))?, Path::new(""), None)
}

/// Validates the configuration `text`. Relative paths in it are resolved against the folder of `origin`, which
/// problems are reported to be in and which is not read.
///
/// # Errors
/// Something that the text says is not right; all problems are reported at once.
pub fn parse(text: &str, origin: &Path) -> Result<Settings, ConfigError> {
    parse_with(&Sources::of_text(text, origin), Path::new(""), None)
}

/// A configuration that can be used, and what was noticed about it.
pub struct Checked {
    /// What it says.
    pub settings: Settings,
    /// What may be meant, but hardly is.
    pub warnings: Vec<String>,
    /// Where the paths of each watch stand, as errors name it, in the order of the watches.
    pub places: Vec<String>,
}

/// Like [`load`], and tries the samples of every rule, and looks for what can be read but cannot work.
///
/// # Errors
/// As [`load`], or a sample is not judged as it should be, or something cannot work.
pub fn check(paths: &[PathBuf]) -> Result<Checked, ConfigError> {
    let sources = source::read_all(paths, Path::new(""))?;
    let settings = parse_with(&sources, Path::new(""), None)?;
    let mut report = ErrorReport::new(&sources);
    let root = read_root(&sources, &mut report).map(|(root, _)| root);
    let tables = root.as_ref().map(|root| document::tables(root, &mut report)).unwrap_or_default();
    rules::read(&tables, &mut report).iter().for_each(|rule| samples::check(rule, &mut report));
    let absolute = std::path::absolute(sources.first_origin()).unwrap_or_default();
    lint::lint(&tables, folder_of(&absolute), &mut report);
    report.finish()?;
    let mut warnings = Vec::new();
    if settings.plan.alerts.is_empty() {
        warnings.push(format!(
            "{}: there is no alert, so lines are only counted; add [alert.NAME] with, say, `over = 50`",
            sources.place(0)
        ));
    } else if settings.deliveries.is_empty() {
        warnings.push(
            format!(
                "{}: no output answers, so nobody is notified of alerts; add [output.NAME] with, say, `type = \"webhook\"` and `url`",
                sources.place(0)
            ),
        );
    }
    warnings.extend(reach::warnings(&settings, &tables, &sources));
    let place = |table: &Table<'_>| sources.place(table.span_of("paths").start);
    let places = tables.iter().filter(|table| table.kind() == Kind::Watch).map(place).collect();
    Ok(Checked { settings, warnings, places })
}

/// Reads the rules of the configuration in the files `paths`, which need not watch anything.
///
/// # Errors
/// A file cannot be read, or something that one of its tables says is not right.
pub fn rules_from_config(paths: &[PathBuf]) -> Result<Vec<RuleSpec>, ConfigError> {
    let sources = source::read_all(paths, Path::new(""))?;
    let absolute = std::path::absolute(sources.first_origin()).unwrap_or_default();
    let mut report = ErrorReport::new(&sources);
    let root = read_root(&sources, &mut report).map(|(root, _)| root);
    let tables = root.as_ref().map(|root| document::tables(root, &mut report)).unwrap_or_default();
    let parts = Parts::read(&tables, folder_of(&absolute), &mut report);
    report.finish()?;
    Ok(parts.rules.into_iter().map(|rule| rule.spec).collect())
}

/// The rules of the configuration in the files `config`, or without one the rule that `flags` describe.
///
/// # Errors
/// As [`rules_from_config`] and [`rule_from_flags`].
pub fn rules(config: &[PathBuf], flags: &Flags) -> Result<Vec<RuleSpec>, ConfigError> {
    if config.is_empty() { Ok(vec![rule_from_flags(flags)?]) } else { rules_from_config(config) }
}

/// All files as one document, and a name for what they say. Nothing if one of them is so broken that the rest would mislead.
fn read_root<'t>(
    sources: &'t Sources,
    report: &mut ErrorReport<'_>,
) -> Option<(toml::de::DeTable<'t>, String)> {
    let lookup = |name: &str| match name {
        "host" => Some(engine::default_instance()),
        name => std::env::var(name).ok(),
    };
    let mut roots = Vec::new();
    let mut said = String::new();
    for file in sources.files() {
        let mut root = document::parse(&file.padded, report);
        if let Some(root) = &mut root {
            said += &file.text;
            said += &expand::expand(root, &lookup, report).join("\0");
        }
        roots.push(root);
    }
    let roots = roots.into_iter().collect::<Option<Vec<_>>>()?;
    Some((document::merged(roots), hash(&said)))
}

/// Validates what was read, found from `cwd`, with a further watch.
fn parse_with(sources: &Sources, cwd: &Path, further: Option<&WatchSpec>) -> Result<Settings, ConfigError> {
    // Without a working directory only absolute paths can be understood, and the others are refused.
    let absolute = std::path::absolute(cwd.join(sources.first_origin())).unwrap_or_default();
    let mut report = ErrorReport::new(sources);
    let Some((root, hash)) = read_root(sources, &mut report) else {
        return Err(report.failed());
    };
    let tables = document::tables(&root, &mut report);
    let mut parts = Parts::read(&tables, folder_of(&absolute), &mut report);
    if let Some(find) = further {
        link::add_watch(&mut parts.watches, find, &mut report);
    }
    let heartbeat = deliveries::read_heartbeat(&tables, folder_of(&absolute), &mut report);
    let mutes = mutes::read(&tables, &parts.alerts, &mut report);
    link_outputs::link(&parts.outputs, &parts.alerts, &parts.watches, &mut report);
    let plan = link::link(&parts.watches, &parts.rules, &parts.alerts, &mut report);
    report.finish()?;
    let origin = Arc::new(parts.basics.origin);
    parts.outputs.written.iter_mut().for_each(|output| output.origin = Arc::clone(&origin));
    Ok(Settings {
        engine: parts.basics.engine,
        timing: parts.basics.timing,
        plan,
        finds: parts.watches.into_iter().map(|watch| watch.find).collect(),
        reads_stdin: false,
        outputs: parts.outputs.written,
        deliveries: parts.outputs.delivered,
        pushes: parts.outputs.pushes,
        mutes,
        heartbeat,
        listen: parts.basics.listen,
        external_url: parts.basics.external_url,
        hash,
        origin,
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

fn folder_of(absolute: &Path) -> &Path {
    absolute.parent().unwrap_or(absolute)
}
