//! The files, and the daemon that reads them.

use std::collections::{HashMap, HashSet};
use std::path::Path;

use super::answers::{asked, json, now_s, seconds, tenth};
use crate::app::endpoint::Endpoint;
use crate::engine::FileReport;
use crate::fmt::{display_path, printable};
use crate::serve::api::{Agent, FileRate, Output, WaitingFor};
use crate::serve::http::HttpResponse;
use crate::units::WallTime;
use crate::watch::spec::WatchSpec;

/// So many files are shown.
const FILES_MAX: usize = 100;
/// A backlog of so many bytes is a delay.
const DELAY_BYTES: u64 = 1 << 20;

/// What was seen last.
#[derive(Default)]
pub(super) struct FilesSeen {
    /// When how many bytes had been read.
    read: Option<(f64, u64)>,
    bytes_per_s: f64,
    /// The files that were shown, by path.
    shown: HashMap<String, FileRate>,
}

impl FilesSeen {
    pub(super) fn clone_shown(&self) -> HashMap<String, FileRate> {
        self.shown.clone()
    }
}

/// What was found.
pub(super) struct Looked {
    pub(super) agent: Agent,
    pub(super) files: Vec<FileRate>,
    pub(super) files_more: u64,
    /// Names of the watches that have files.
    pub(super) watches: HashSet<String>,
}

pub(super) fn look(endpoint: &Endpoint, seen: &mut FilesSeen, now: f64) -> Looked {
    let wall = endpoint.view.wall();
    let all = endpoint.view.overview(FILES_MAX);
    match seen.read {
        Some((at, before)) if now - at >= 0.9 => {
            seen.bytes_per_s = all.bytes_read.saturating_sub(before) as f64 / (now - at);
            seen.read = Some((now, all.bytes_read));
        }
        Some(_) => {}
        None => seen.read = Some((now, all.bytes_read)),
    }
    let agent = Agent {
        files: all.present as u64,
        unreadable: all.unreadable as u64,
        bytes_per_s: seen.bytes_per_s.round(),
        lag: all.lag_bytes,
        missed: all.bytes_missed,
        missed_files: all.missed_files as u64,
        committed: endpoint.view.committed().map(|at| seconds(at.0)),
        state_trouble: endpoint.view.state_error().map(|why| printable(&why).into_owned()),
        output_dropped: endpoint.dropped.get(),
        outputs: endpoint.notifications.reports().into_iter().map(output).collect(),
        ..Agent::default()
    };
    let files: Vec<FileRate> = all.most_telling.into_iter().map(|file| of_file(file, wall)).collect();
    let files_more = all.present.saturating_sub(files.len()) as u64;
    let watches = all.watches;
    seen.shown = files.iter().map(|file| (file.path.clone(), file.clone())).collect();
    Looked { agent, files, files_more, watches }
}

/// Says in a word how the daemon is.
pub(super) fn set_health(agent: &mut Agent) {
    let is_waiting = agent.outputs.iter().any(|output| output.waiting > 0 && output.error.is_some());
    let health = if agent.state_trouble.is_some() {
        "degraded"
    } else if agent.missed > 0 {
        "missed"
    } else if agent.lag > DELAY_BYTES || is_waiting {
        "delayed"
    } else if agent.learning.is_some() {
        "learning"
    } else {
        "ok"
    };
    health.clone_into(&mut agent.health);
}

fn output(report: crate::notify::queue::OutputReport) -> Output {
    let (at, error) = report.last_error.unzip();
    Output {
        name: report.output,
        waiting: report.waiting as u64,
        error: error.map(|why| printable(&why).into_owned()),
        error_at: at.map(|at| seconds(at.as_millisecond())),
    }
}

fn of_file(file: FileReport, now: WallTime) -> FileRate {
    let FileReport { watch, path, figures, status } = file;
    let last = figures.recent.changes.back();
    FileRate {
        path: display_path(&path),
        watch,
        per_min: tenth(figures.recent.rate(now) * 60.0),
        lag: status.lag(),
        size: status.size,
        generation: status.generation,
        matched: figures.totals.iter().map(|(_, matched)| matched).sum(),
        missed: figures.bytes_missed,
        trouble: status.trouble.map(|why| printable(&why).into_owned()),
        event: last.map(|change| change.change.as_str().to_owned()),
        event_at: last.map(|change| seconds(change.at.0)),
    }
}

/// Files whose path holds `q`, behind the path `after` in the order of paths: 100 at a time.
pub(super) fn answer(endpoint: &Endpoint, question: &str) -> HttpResponse {
    let (wanted, after) = (asked(question, "q").unwrap_or_default(), asked(question, "after"));
    let (reports, _) = endpoint.view.files();
    let wall = endpoint.view.wall();
    let mut named: Vec<(String, FileReport)> =
        reports.into_iter().map(|file| (display_path(&file.path), file)).collect();
    named.retain(|(path, file)| {
        !file.status.is_absent && path.contains(&wanted) && after.as_ref().is_none_or(|after| path > after)
    });
    named.sort_by(|(a, _), (b, _)| a.cmp(b));
    let more = named.len().saturating_sub(FILES_MAX);
    named.truncate(FILES_MAX);
    let files: Vec<FileRate> = named.into_iter().map(|(_, file)| of_file(file, wall)).collect();
    json(&serde_json::json!({ "now": now_s(), "files": files, "more": more }))
}

/// What the watches wait for that have no file.
pub(super) fn waiting_for(finds: &[WatchSpec], watches: &HashSet<String>) -> Vec<WaitingFor> {
    let without = finds.iter().filter(|watch| !watches.contains(&watch.name));
    let each = without.flat_map(|watch| watch.paths.iter().map(|path| (watch.name.clone(), path)));
    each.map(|(watch, path)| WaitingFor { watch, glob: display_path(path), why: why_nothing(path) }).collect()
}

/// Why nothing is found at `path`, which may be a glob.
fn why_nothing(path: &Path) -> String {
    let is_glob = |part: &std::ffi::OsStr| part.to_string_lossy().contains(['*', '?', '[', '{']);
    let fixed: std::path::PathBuf = path
        .parent()
        .into_iter()
        .flat_map(Path::components)
        .take_while(|part| !is_glob(part.as_os_str()))
        .collect();
    let shown = display_path(&fixed);
    match std::fs::read_dir(&fixed) {
        Ok(_) => format!("{shown} is there, and holds no file that fits"),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => format!("{shown} does not exist yet"),
        Err(error) => format!("{shown}: {error}; add the user of the daemon to the group that owns it"),
    }
}
