//! What is sent at intervals beside alerts: the sign of life, and figures.

use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use tokio::runtime::Handle;
use tokio::task::JoinHandle;

use super::endpoint::Endpoint;
use crate::config::Settings;
use crate::notify::heartbeat::{self, HeartbeatSpec};
use crate::notify::push::{self, Gather, Push, PushCounts, PushFormat, PushSpec};
use crate::serve::families::in_parts;
use crate::serve::otlp::{self, SampleTimes};
use crate::serve::remote_write;

/// At most so many samples are in one request.
const SAMPLES_MAX: usize = 5_000;
/// What Prometheus would call the job that asks us.
const JOB: &str = "spiketail";

/// Decides whether there is a sign of life.
pub(super) type IsAlive = Arc<dyn Fn() -> bool + Send + Sync>;

/// Tasks that run until it is dropped.
pub(super) struct Background {
    runtime: Handle,
    is_alive: IsAlive,
    gather: Gather,
    counts: Arc<PushCounts>,
    heartbeat: Option<HeartbeatSpec>,
    pushes: Vec<PushSpec>,
    tasks: Vec<JoinHandle<()>>,
}

impl Background {
    /// Nothing runs before [`Background::follow`].
    pub(super) fn new(
        runtime: Handle,
        is_alive: IsAlive,
        endpoint: Arc<Endpoint>,
        state_ns: u64,
    ) -> Background {
        let counts = Arc::clone(&endpoint.pushes);
        let gather: Gather = Arc::new(move |format| gathered(&endpoint, format, state_ns));
        Background {
            runtime,
            is_alive,
            gather,
            counts,
            heartbeat: None,
            pushes: Vec::new(),
            tasks: Vec::new(),
        }
    }

    /// Does what `settings` say from now on.
    pub(super) fn follow(&mut self, settings: &Settings) {
        if settings.heartbeat == self.heartbeat && settings.pushes == self.pushes {
            return;
        }
        self.stop();
        self.heartbeat.clone_from(&settings.heartbeat);
        self.pushes.clone_from(&settings.pushes);
        if let Some(spec) = settings.heartbeat.clone() {
            let beat = heartbeat::beat(spec, Arc::clone(&self.is_alive));
            self.tasks.push(self.runtime.spawn(beat));
        }
        for spec in settings.pushes.clone() {
            self.tasks.push(self.runtime.spawn(push::push(
                spec,
                Arc::clone(&self.gather),
                Arc::clone(&self.counts),
            )));
        }
    }

    fn stop(&mut self) {
        self.tasks.drain(..).for_each(|task| task.abort());
    }
}

impl Drop for Background {
    fn drop(&mut self) {
        self.stop();
    }
}

/// All figures, in `format`.
fn gathered(endpoint: &Endpoint, format: PushFormat, state_ns: u64) -> Push {
    let now_ns = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_nanos();
    let now_ns = u64::try_from(now_ns).unwrap_or_default();
    let started_ns = u64::try_from(endpoint.started.as_nanosecond()).unwrap_or_default();
    // Without a state counters begin with the daemon.
    let state_ns = if state_ns == 0 { started_ns } else { state_ns };
    let origin = endpoint.view.origin();
    let parts = in_parts(endpoint.families(), SAMPLES_MAX);
    let owned = |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
    match format {
        PushFormat::RemoteWrite => {
            // As when it asks, a series has the job and the instance that it comes from.
            let mut labels = origin.metric_labels();
            labels.extend([("job", JOB), ("instance", &origin.host)].iter().map(owned));
            let at_ms = i64::try_from(now_ns / 1_000_000).unwrap_or_default();
            let bodies = parts.iter().map(|part| remote_write::encode(part, &labels, at_ms)).collect();
            Push { headers: remote_write::HEADERS.iter().map(owned).collect(), bodies }
        }
        PushFormat::Otlp => {
            let times = SampleTimes { now_ns, started_ns, state_ns };
            let bodies =
                parts.iter().map(|part| otlp::encode(part, &origin.host, &origin.labels, times)).collect();
            Push { headers: [("content-type", "application/x-protobuf")].iter().map(owned).collect(), bodies }
        }
    }
}
