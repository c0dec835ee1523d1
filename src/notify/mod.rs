//! Brings alerts to receivers that answer: webhooks, Alertmanagers, programs.
//!
//! An alert that fires or resolves becomes a row of the outbox in the same transaction as the counts. The
//! [`NotificationQueue`] holds what waits for each output: the committer fills it, and a task per output empties it. The task collects
//! alerts of one name, sends them as one message, and tries again until the receiver has accepted it. Then the row is marked as
//! delivered. So each alert arrives at least once, also across restarts, and nothing else waits for a receiver.

mod http;
mod message;
pub mod queue;
pub mod receivers;
mod secret;
pub mod settings;
mod task;

use std::sync::Arc;

use tokio::runtime::{Builder, Runtime};
use tokio::task::JoinHandle;

use crate::event::AlertEvent;
use crate::notify::message::MessageOrigin;
use crate::notify::queue::NotificationQueue;
use crate::notify::receivers::Notifier;
use crate::notify::settings::DeliverySpec;
use crate::notify::task::DeliveryTask;
use crate::store::TransitionRecord;

/// The running delivery: a thread of its own, with a task for each output.
pub struct Delivery {
    runtime: Runtime,
    queue: Arc<NotificationQueue>,
    specs: Vec<DeliverySpec>,
    external_url: String,
    tasks: Vec<JoinHandle<()>>,
}

impl Delivery {
    /// Delivers nothing before [`Delivery::replace`].
    ///
    /// # Errors
    /// If no thread can be started.
    pub fn new() -> std::io::Result<Delivery> {
        let runtime = Builder::new_multi_thread()
            .worker_threads(1)
            .max_blocking_threads(4)
            .thread_name("delivery")
            .enable_all()
            .build()?;
        let queue = Arc::new(NotificationQueue::default());
        Ok(Delivery { runtime, queue, specs: Vec::new(), external_url: String::new(), tasks: Vec::new() })
    }

    /// The runtime, for other background work.
    #[must_use]
    pub fn handle(&self) -> tokio::runtime::Handle {
        self.runtime.handle().clone()
    }

    /// Where alerts are handed in.
    #[must_use]
    pub fn queue(&self) -> Arc<NotificationQueue> {
        Arc::clone(&self.queue)
    }

    /// Delivers by `specs` from now on. Messages say that the daemon is reached at `external_url`, if it is not empty.
    ///
    /// # Errors
    /// If one of them cannot be used: its name, and why. Then nothing changes.
    pub fn replace(&mut self, specs: &[DeliverySpec], external_url: &str) -> Result<(), String> {
        if self.specs == specs && self.external_url == external_url {
            return Ok(());
        }
        let origin = MessageOrigin { host: host(), url: external_url.to_owned() };
        let task = |spec: &DeliverySpec| {
            let notifier = Notifier::new(spec, &origin);
            Ok(DeliveryTask {
                output: spec.name.clone(),
                group_wait: spec.group_wait,
                queue: Arc::clone(&self.queue),
                notifier: notifier.map_err(|why| format!("the output {}: {why}", spec.name))?,
            })
        };
        let tasks: Vec<DeliveryTask> = specs.iter().map(task).collect::<Result<_, String>>()?;
        self.tasks.drain(..).for_each(|task| task.abort());
        self.queue.replace(specs.iter().map(|spec| spec.name.clone()));
        self.tasks = tasks.into_iter().map(|task| self.runtime.spawn(task.run())).collect();
        self.specs = specs.to_vec();
        external_url.clone_into(&mut self.external_url);
        Ok(())
    }

    /// Waits until all is delivered, at most for `limit`, and ends.
    pub fn stop(self, limit: std::time::Duration) {
        self.queue.wait_until_empty(limit);
        self.runtime.shutdown_background();
    }
}

/// What a receiver answered to a message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TestDelivery {
    /// Name of the output.
    pub output: String,
    /// `firing` or `resolved`.
    pub state: String,
    /// What it said, or why it did not.
    pub result: Result<String, String>,
}

/// The name of this machine.
#[must_use]
pub fn host() -> String {
    rustix::system::uname().nodename().to_string_lossy().into_owned()
}

impl Delivery {
    /// Sends each of `events` through each of `specs`, and returns the answers.
    #[must_use]
    pub fn try_out(&self, specs: &[DeliverySpec], events: &[AlertEvent]) -> Vec<TestDelivery> {
        let origin = MessageOrigin { host: host(), url: String::new() };
        let mut answers = Vec::new();
        for spec in specs {
            for event in events {
                let result = match Notifier::new(spec, &origin) {
                    Ok(notifier) => self.runtime.block_on(notifier.send(&message_of(event))),
                    Err(why) => http::SendOutcome::Refused(why),
                };
                let result = match result {
                    http::SendOutcome::Accepted(said) => Ok(said),
                    http::SendOutcome::Later(why, _) | http::SendOutcome::Refused(why) => Err(why),
                };
                answers.push(TestDelivery {
                    output: spec.name.clone(),
                    state: event.state.as_str().to_owned(),
                    result,
                });
            }
        }
        answers
    }
}

fn message_of(event: &AlertEvent) -> queue::NotificationGroup {
    let transition =
        TransitionRecord { at_ms: jiff::Timestamp::now().as_millisecond(), event: event.clone() };
    queue::NotificationGroup {
        alert: event.alert.clone(),
        transitions: vec![Arc::new(transition)],
        truncated: 0,
    }
}
