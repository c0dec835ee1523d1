//! The tables `[engine]` and `[log]`.

use std::net::SocketAddr;

use tracing_subscriber::EnvFilter;

use super::error::{ErrorReport, quoted};
use super::routes::read_labels_beside;
use super::schema::Kind;
use super::table::Table;
use super::values::{check_url, suggest};
use crate::engine::settings::EngineSettings;
use crate::event::EventOrigin;
use crate::watch::spec::WatchTiming;

/// The filter of the daemon's own log where nothing else is said.
pub(super) const DEFAULT_LOG: &str = "warn";

/// Labels that metrics have anyway.
const METRIC_LABELS: [&str; 12] = [
    "alert", "event", "hash", "job", "le", "output", "quantile", "reason", "result", "state", "text",
    "version",
];

const LEVELS: [&str; 6] = ["off", "error", "warn", "info", "debug", "trace"];

/// The longest name of an instance, in bytes.
const INSTANCE_BYTES_MAX: usize = 255;

/// What the machine is called where nothing else is said: by the environment, or in a pod its node, whose logs are read; else its host
/// name.
pub(super) fn default_instance() -> String {
    let named = |variable: &str| std::env::var(variable).ok().filter(|name| !name.is_empty());
    let node = || named("NODE_NAME").filter(|_| named("KUBERNETES_SERVICE_HOST").is_some());
    let host = || rustix::system::uname().nodename().to_string_lossy().into_owned();
    named("SPIKETAIL_INSTANCE").or_else(node).unwrap_or_else(host)
}

/// What the unnamed tables say.
#[derive(Debug)]
pub(super) struct Basics {
    pub(super) engine: EngineSettings,
    pub(super) timing: WatchTiming,
    pub(super) listen: Option<SocketAddr>,
    pub(super) external_url: String,
    pub(super) origin: EventOrigin,
    pub(super) log: String,
}

impl Default for Basics {
    fn default() -> Self {
        Basics {
            engine: EngineSettings::default(),
            timing: WatchTiming::default(),
            listen: None,
            external_url: String::new(),
            origin: EventOrigin { host: default_instance(), ..EventOrigin::default() },
            log: DEFAULT_LOG.to_owned(),
        }
    }
}

/// Reads the unnamed tables; one that is not there leaves its defaults.
pub(super) fn read(tables: &[Table<'_>], report: &mut ErrorReport<'_>) -> Basics {
    let mut basics = Basics::default();
    for table in tables {
        match table.kind() {
            Kind::Engine => read_engine(table, &mut basics, report),
            Kind::Http => read_http(table, &mut basics, report),
            Kind::Log => read_log(table, &mut basics, report),
            _ => {}
        }
    }
    basics
}

fn read_engine(table: &Table<'_>, basics: &mut Basics, report: &mut ErrorReport<'_>) {
    read_origin(table, &mut basics.origin, report);
    let (engine, timing) = (&mut basics.engine, &mut basics.timing);
    if let Some(workers) = table.integer(report, "workers", 1..=64) {
        engine.workers = to_usize(workers);
    }
    if let Some(windows) = table.integer(report, "windows_max", 1..=1024) {
        engine.windows_max = to_usize(windows);
    }
    engine.report_interval_ms =
        table.duration_ms(report, "report_interval", 0..=3_600_000, engine.report_interval_ms);
    engine.turn_bytes_max = table.bytes(report, "turn_bytes_max", 64 << 10..=1 << 30, engine.turn_bytes_max);
    let mut interval = |key: &str, bounds, default: u64| {
        let default = i64::try_from(default).unwrap_or(i64::MAX);
        table.duration_ms(report, key, bounds, default).unsigned_abs()
    };
    timing.sweep_interval_ms = interval("sweep_interval", 1_000..=3_600_000, timing.sweep_interval_ms);
    timing.poll_interval_ms = interval("poll_interval", 100..=60_000, timing.poll_interval_ms);
}

/// `instance` is the former name of `host`, which metrics did not have.
fn read_origin(table: &Table<'_>, origin: &mut EventOrigin, report: &mut ErrorReport<'_>) {
    for key in ["instance", "host"] {
        let Some(text) = table.text(report, key) else { continue };
        let name = *text.get_ref();
        if name.is_empty() || name.len() > INSTANCE_BYTES_MAX || name.chars().any(char::is_control) {
            let right = "write a name of 1 to 255 bytes without control characters";
            table.refuse(report, key, &format!("is {}; {right}", quoted(name)));
        } else {
            name.clone_into(&mut origin.host);
            origin.is_named = key == "host";
        }
    }
    if table.has("instance") && table.has("host") {
        table.refuse(report, "instance", "means nothing beside `host`; keep that one");
    }
    origin.labels = read_labels_beside(table, &METRIC_LABELS, report);
}

fn read_http(table: &Table<'_>, basics: &mut Basics, report: &mut ErrorReport<'_>) {
    if let Some(listen) = table.text(report, "listen") {
        match parse_listen(listen.get_ref()) {
            Ok(address) => basics.listen = Some(address),
            Err(why_not) => {
                table.refuse(report, "listen", &format!("is {}; {why_not}", quoted(listen.get_ref())));
            }
        }
    }
    if let Some(url) = table.text(report, "external_url") {
        match check_url(url.get_ref()) {
            Ok(_) => url.get_ref().trim_end_matches('/').clone_into(&mut basics.external_url),
            Err(why_not) => table.refuse(report, "external_url", &why_not),
        }
    }
}

/// An address and a port, or a port of this machine alone; the error says what would be right.
pub(super) fn parse_listen(text: &str) -> Result<SocketAddr, String> {
    let right = "write an address and a port, such as \"127.0.0.1:9469\", or a port alone";
    if let Ok(port) = text.trim_start_matches(':').parse::<u16>() {
        return Ok(SocketAddr::from(([127, 0, 0, 1], port)));
    }
    let text =
        text.strip_prefix("localhost:").map_or_else(|| text.to_owned(), |port| format!("127.0.0.1:{port}"));
    text.parse().map_err(|_| right.to_owned())
}

fn read_log(table: &Table<'_>, basics: &mut Basics, report: &mut ErrorReport<'_>) {
    let Some(filter) = table.text(report, "filter") else { return };
    match check_filter(filter.get_ref()) {
        Ok(()) => basics.log = (*filter.get_ref()).to_owned(),
        Err(why_not) => {
            let shown = quoted(filter.get_ref());
            table.refuse(report, "filter", &format!("is {shown}; {why_not}"));
        }
    }
}

/// Whether `filter` is a directive of `tracing`; the error says what would be right.
pub(super) fn check_filter(filter: &str) -> Result<(), String> {
    let right = "write a level (`off`, `error`, `warn`, `info`, `debug`, `trace`), \
                 or a list such as \"warn,spiketail=debug\"";
    if filter.trim().is_empty() {
        return Err(right.to_owned());
    }
    // To `tracing` a lone word that is no level is the name of a target, all of which is then let through.
    for word in filter.split(',').map(str::trim) {
        let is_level = LEVELS.contains(&word.to_ascii_lowercase().as_str());
        if let Some(level) = suggest(word, LEVELS.into_iter()).filter(|_| !is_level) {
            return Err(format!("{} is no level; did you mean `{level}`?", quoted(word)));
        }
    }
    EnvFilter::builder().parse(filter).map(|_| ()).map_err(|_| right.to_owned())
}

/// Bounds keep every number far below what a `usize` can hold.
pub(super) fn to_usize(number: u64) -> usize {
    usize::try_from(number).unwrap_or(usize::MAX)
}
