//! Figures for receivers that cannot ask for them: sent at an interval, always the present ones, so that nothing piles up.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use crate::notify::periodic::PeriodicSender;
use crate::notify::settings::HttpSpec;

/// How figures are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PushFormat {
    /// Prometheus' remote write.
    RemoteWrite,
    /// OpenTelemetry's metrics over HTTP.
    Otlp,
}

/// Where, how and how often.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PushSpec {
    /// The name of the output.
    pub output: String,
    /// How the receiver is reached.
    pub http: HttpSpec,
    /// What is added to its URL.
    pub path: Option<&'static str>,
    /// How figures are written.
    pub format: PushFormat,
    /// How often.
    pub every: Duration,
}

/// Requests of one push.
pub struct Push {
    /// Headers of each.
    pub headers: Vec<(String, String)>,
    /// Their bodies, in order.
    pub bodies: Vec<Vec<u8>>,
}

/// How many pushes were taken, and how many were not, by output, since the start.
#[derive(Debug, Default)]
pub struct PushCounts(Mutex<BTreeMap<String, (u64, u64)>>);

impl PushCounts {
    fn note(&self, output: &str, is_taken: bool) {
        let mut counts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let (taken, failed) = counts.entry(output.to_owned()).or_default();
        *(if is_taken { taken } else { failed }) += 1;
    }

    /// The counts of each output.
    #[must_use]
    pub fn all(&self) -> Vec<(String, u64, u64)> {
        let counts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        counts.iter().map(|(output, (taken, failed))| (output.clone(), *taken, *failed)).collect()
    }
}

/// Gathers figures in a format.
pub type Gather = Arc<dyn Fn(PushFormat) -> Push + Send + Sync>;

/// Sends by `spec` what `gather` returns, for ever. What is not taken is not sent again: the next push says as much.
pub async fn push(spec: PushSpec, gather: Gather, counts: Arc<PushCounts>) {
    let subject = format!("metrics for the output {}", spec.output);
    let Some(mut pusher) = PeriodicSender::new(&spec.http, spec.every, subject) else { return };
    loop {
        pusher.wait().await;
        let (gather, format) = (Arc::clone(&gather), spec.format);
        // Gathering waits for locks.
        let Ok(push) = tokio::task::spawn_blocking(move || gather(format)).await else { continue };
        let mut trouble = None;
        for body in push.bodies {
            trouble = pusher.sender.send("POST", spec.path, &push.headers, body).await.into_result().err();
            if trouble.is_some() {
                break;
            }
        }
        counts.note(&spec.output, trouble.is_none());
        pusher.report(trouble);
    }
}
