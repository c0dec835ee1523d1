//! Brings alerts to receivers that answer: webhooks, Alertmanagers, programs.
//!
//! An alert that fires or resolves becomes a row of the outbox in the same transaction as the counts. The
//! [`NotificationQueue`] holds what waits for each output: the committer fills it, and a task per output empties it. The task collects
//! alerts of one name and watch, sends them as one message (or several, if there are many), and tries again until the receiver has
//! accepted it; what it rejects holds up nothing else.
//! Then the rows of the alerts in it are marked as delivered. So each alert arrives at least once, also across restarts, and nothing else waits for a receiver.

mod group;
pub mod heartbeat;
mod http;
mod message;
mod output_queue;
mod periodic;
pub mod push;
pub mod queue;
pub mod receivers;
pub mod route;
mod schedule;
mod secret;
pub mod settings;
pub mod silence;
mod task;
mod waiting;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use tokio::runtime::{Builder, Runtime};
use tokio::sync::watch;
use tokio::task::JoinHandle;

use crate::event::{AlertEvent, HealthEvent, HealthKind};
use crate::notify::queue::NotificationQueue;
use crate::notify::receivers::Notifier;
use crate::notify::route::Route;
use crate::notify::settings::DeliverySpec;
use crate::notify::task::{DeliverySetup, DeliveryTask};
use crate::store::TransitionRecord;

pub use message::MessageOrigin;

/// The running delivery: a thread of its own, with a task for each output.
pub struct Delivery {
    runtime: Runtime,
    queue: Arc<NotificationQueue>,
    /// By the name of the output.
    tasks: BTreeMap<String, (watch::Sender<Arc<DeliverySetup>>, JoinHandle<()>)>,
}

/// Receivers that can be used. Nothing is sent before [`Delivery::commit`].
pub struct PreparedDelivery {
    receivers: Vec<PreparedReceiver>,
}

struct PreparedReceiver {
    output: String,
    route: Route,
    setup: DeliverySetup,
    /// Why nothing can be sent now, if a secret is missing.
    trouble: Option<String>,
}

impl PreparedDelivery {
    /// Builds what `specs` need, for messages from `origin`. Files of certificates are read.
    ///
    /// # Errors
    /// If one of them cannot be used: its name, and why.
    pub fn new(specs: &[DeliverySpec], origin: &MessageOrigin) -> Result<PreparedDelivery, String> {
        let prepare = |spec: &DeliverySpec| {
            let notifier = Notifier::new(spec, origin);
            Ok(PreparedReceiver {
                output: spec.name.clone(),
                route: spec.route.clone(),
                trouble: spec.secrets().into_iter().find_map(|secret| secret.problem(false)),
                setup: DeliverySetup {
                    group_wait: spec.group_wait,
                    notifier: notifier.map_err(|why| format!("the output {}: {why}", spec.name))?,
                },
            })
        };
        Ok(PreparedDelivery { receivers: specs.iter().map(prepare).collect::<Result<_, String>>()? })
    }
}

impl Delivery {
    /// Delivers nothing before [`Delivery::commit`].
    ///
    /// # Errors
    /// If no thread can be started.
    pub fn new() -> std::io::Result<Delivery> {
        let runtime = Builder::new_multi_thread()
            .worker_threads(1)
            .max_blocking_threads(16)
            .thread_name("delivery")
            .enable_all()
            .build()?;
        let queue = Arc::new(NotificationQueue::default());
        runtime.spawn(task::report_given_up(Arc::clone(&queue)));
        let silenced = Arc::clone(&queue);
        runtime.spawn(async move { silenced.follow_silences().await });
        Ok(Delivery { runtime, queue, tasks: BTreeMap::new() })
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

    /// Delivers by what was prepared from now on. What waits for receivers that are no longer defined is kept in case they
    /// come back.
    pub fn commit(&mut self, prepared: PreparedDelivery) {
        let PreparedDelivery { receivers } = prepared;
        self.queue
            .replace(receivers.iter().map(|receiver| (receiver.output.clone(), receiver.route.clone())));
        let mut before = std::mem::take(&mut self.tasks);
        for PreparedReceiver { output, setup, trouble, .. } in receivers {
            if let Some(why) = trouble {
                self.queue.failed(&output, &why);
                let reason = format!(
                    "nothing can be sent to the output {output}: {why}; it is read again for each alert"
                );
                HealthEvent::warning(HealthKind::DeliveryFailed, reason).emit();
            }
            let setup = Arc::new(setup);
            let task = match before.remove(&output) {
                // What is being sent is not interrupted, so that it does not arrive twice.
                Some((setups, task)) if setups.send(Arc::clone(&setup)).is_ok() => (setups, task),
                _ => {
                    let (setups, receiver) = watch::channel(setup);
                    let task = DeliveryTask::new(output.clone(), Arc::clone(&self.queue), receiver);
                    (setups, self.runtime.spawn(task.run()))
                }
            };
            self.tasks.insert(output, task);
        }
        before.into_values().for_each(|(_, task)| task.abort());
    }

    /// Waits until all is delivered, at most for `limit`, and ends.
    pub fn stop(self, limit: Duration) {
        self.queue.wait_until_empty(limit);
        self.queue.report_given_up();
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

impl Delivery {
    /// Sends each of `events` through each of `specs`, and returns the answers.
    #[must_use]
    pub fn try_out(
        &self,
        specs: &[DeliverySpec],
        events: &[AlertEvent],
        origin: &MessageOrigin,
    ) -> Vec<TestDelivery> {
        let mut answers = Vec::new();
        for spec in specs {
            for event in events {
                let result = match Notifier::new(spec, origin) {
                    Ok(notifier) => self.runtime.block_on(notifier.send(&message_of(event))),
                    Err(why) => http::SendOutcome::Refused(why),
                };
                answers.push(TestDelivery {
                    output: spec.name.clone(),
                    state: event.state.as_str().to_owned(),
                    result: result.into_result(),
                });
            }
        }
        answers
    }
}

fn message_of(event: &AlertEvent) -> group::NotificationGroup {
    let transition =
        TransitionRecord { at_ms: jiff::Timestamp::now().as_millisecond(), event: event.clone() };
    group::NotificationGroup::of_one(transition)
}
