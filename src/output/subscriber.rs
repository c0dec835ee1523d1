//! Outputs: one `tracing` layer per definition, put together with the log into one subscriber that can be changed
//! while the daemon runs.
//!
//! Every output filters on the kinds in its definition and on nothing else: no log filter can keep an alert or a
//! count from it. Outputs with the same destination share one queue, so their lines never run into each other.

use std::cell::Cell;
use std::io::{self, IsTerminal};
use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};
use std::time::{Duration, Instant};

use jiff::Timestamp;
use tracing::{Level, Subscriber};
use tracing_subscriber::EnvFilter;
use tracing_subscriber::filter::{LevelFilter, filter_fn};
use tracing_subscriber::layer::{Context, Layer, SubscriberExt};
use tracing_subscriber::registry::Registry;

use super::bounded_lines::{LinePriority, QueueLimits};
use super::console::Console;
use super::fd_sink::{FdSink, SinkError};
use super::journald::{JournalFormat, JournalSocket};
use super::json::Json;
use super::line_format::LineFormat;
use super::log::{self, FilterError, LogControl};
use super::queue::{DropReport, LineQueue, OnClosed};
use super::sink::Sink;
use super::{Destination, Format, OutputSpec};
use crate::event::{Event, EventKind, HealthEvent, HealthKind, decode};
use crate::fmt::display_path;

/// How long the end of the program waits for lines that are queued.
const END_WAIT: Duration = Duration::from_secs(1);

/// Why outputs cannot be started or changed.
#[derive(Debug, thiserror::Error)]
pub enum OutputError {
    /// The destination of an output cannot be opened.
    #[error("output {name}: {cause}")]
    Open {
        /// Name of the output.
        name: String,
        /// What is wrong with its destination.
        cause: SinkError,
    },
    /// The system starts no more threads.
    #[error(
        "output {name}: cannot start its writer thread: {cause}; raise the limit of tasks (TasksMax=, ulimit -u)"
    )]
    Thread {
        /// Name of the output.
        name: String,
        /// What the system said.
        cause: io::Error,
    },
    /// The log filter is not valid.
    #[error(transparent)]
    LogFilter(#[from] FilterError),
    /// Another subscriber is installed in this process.
    #[error("cannot install the outputs: this process has a tracing subscriber already; start them once")]
    AlreadyStarted,
}

/// One output: a layer that turns the events of its kinds into text and queues it for its destination.
pub struct Output {
    spec: OutputSpec,
    form: Arc<dyn LineFormat>,
    queue: Arc<LineQueue>,
}

impl Output {
    /// An output that writes what `spec` says through `queue`, which belongs to the destination in `spec`.
    pub fn new(spec: OutputSpec, queue: Arc<LineQueue>) -> Output {
        let form = form_of(&spec);
        Output { spec, form, queue }
    }
}

impl<S: Subscriber> Layer<S> for Output {
    fn on_event(&self, event: &tracing::Event<'_>, _ctx: Context<'_, S>) {
        let metadata = event.metadata();
        let wanted =
            EventKind::from_target(metadata.target()).is_some_and(|kind| self.spec.kinds.contains(&kind));
        if !wanted {
            return;
        }
        let Some(record) = decode(event) else { return };
        let class =
            if record.kind() == EventKind::Alert { LinePriority::Alert } else { LinePriority::Ordinary };
        let encoded = self.form.encode(&record, *metadata.level(), Timestamp::now());
        if !encoded.is_empty() {
            self.queue.push(class, encoded);
        }
    }
}

/// The outputs of the moment, as one layer.
#[derive(Clone)]
struct Outputs {
    // A lock rather than a shared snapshot: the last user of a snapshot could be an emitting thread, which would then
    // wait for the queues that it drops.
    current: Arc<RwLock<Vec<Output>>>,
}

thread_local! {
    /// Whether this thread is inside an output. An event from there would go round in circles.
    static INSIDE: Cell<bool> = const { Cell::new(false) };
}

/// Marks that this thread is inside an output until it is dropped, also by a panic.
struct Inside;

impl Inside {
    fn enter() -> Option<Inside> {
        // A thread at its very end has no locals any more, and nothing that could go round in circles.
        let was_inside = INSIDE.try_with(|inside| inside.replace(true)).unwrap_or(false);
        (!was_inside).then_some(Inside)
    }
}

impl Drop for Inside {
    fn drop(&mut self) {
        let _ = INSIDE.try_with(|inside| inside.set(false));
    }
}

impl<S: Subscriber> Layer<S> for Outputs {
    fn on_event(&self, event: &tracing::Event<'_>, ctx: Context<'_, S>) {
        let Some(_inside) = Inside::enter() else { return };
        for output in self.current.read().unwrap_or_else(PoisonError::into_inner).iter() {
            output.on_event(event, ctx.clone());
        }
    }
}

/// How many lines all outputs together have dropped since the start.
#[derive(Debug, Clone, Default)]
pub struct Dropped(Arc<AtomicU64>);

impl Dropped {
    /// As of now.
    #[must_use]
    pub fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

/// Holds the outputs and the log while the daemon runs. Dropping it waits up to a second for queued lines.
pub struct Telemetry {
    outputs: Outputs,
    log: LogControl,
    on_closed: OnClosed,
    dropped: Arc<AtomicU64>,
    reloading: Mutex<()>,
}

/// Builds the outputs in `specs` and the log on stderr, and installs them for the whole process.
///
/// `on_closed` is called once, from another thread, when the reader of standard output has gone.
///
/// # Errors
/// Fails if a destination cannot be opened, if `log_filter` is not valid, or if there is a subscriber already.
pub fn start(specs: &[OutputSpec], log_filter: &str, on_closed: OnClosed) -> Result<Telemetry, OutputError> {
    let (subscriber, telemetry) = subscriber(specs, log_filter, on_closed)?;
    tracing::subscriber::set_global_default(subscriber).map_err(|_| OutputError::AlreadyStarted)?;
    Ok(telemetry)
}

/// Like [`start`], but leaves it to the caller where the subscriber is used.
///
/// # Errors
/// Fails if a destination cannot be opened or if `log_filter` is not valid.
pub fn subscriber(
    specs: &[OutputSpec],
    log_filter: &str,
    on_closed: OnClosed,
) -> Result<(impl Subscriber + Send + Sync + use<>, Telemetry), OutputError> {
    let (log_layer, log) = log::layer(log::parse(log_filter)?);
    let outputs = Outputs { current: Arc::default() };
    let dropped = Arc::new(AtomicU64::new(0));
    let telemetry =
        Telemetry { outputs: outputs.clone(), log, on_closed, dropped, reloading: Mutex::new(()) };
    telemetry.prepare(specs, log_filter)?.install();
    // Nothing of ours is below INFO; the hint spares the rest of the process its debug! and trace!.
    let ours = filter_fn(|metadata| EventKind::from_target(metadata.target()).is_some())
        .with_max_level_hint(LevelFilter::INFO);
    Ok((Registry::default().with(log_layer).with(outputs.with_filter(ours)), telemetry))
}

/// A queue, and the newly opened sink that it is to write to.
type Reopened = (Arc<LineQueue>, Box<dyn Sink>);

impl Telemetry {
    /// Opens what `specs` and `log_filter` need and the present outputs lack. Nothing changes before
    /// [`PreparedOutputs::commit`].
    ///
    /// # Errors
    /// Fails if a new destination cannot be opened or if `log_filter` is not valid.
    pub fn prepare(
        &self,
        specs: &[OutputSpec],
        log_filter: &str,
    ) -> Result<PreparedOutputs<'_>, OutputError> {
        let one_at_a_time = self.reloading.lock().unwrap_or_else(PoisonError::into_inner);
        let filter = log::parse(log_filter)?;
        let mut open: Vec<(Destination, Arc<LineQueue>)> = self.read(|outputs| {
            outputs.iter().map(|o| (o.spec.destination.clone(), Arc::clone(&o.queue))).collect()
        });
        let moved = self.reopen_moved(specs)?;
        let mut next = Vec::with_capacity(specs.len());
        for spec in specs {
            let known = open.iter().find(|(destination, _)| *destination == spec.destination);
            let queue = match known {
                Some((_, queue)) => Arc::clone(queue),
                None => self.queue_for(spec)?,
            };
            open.push((spec.destination.clone(), Arc::clone(&queue)));
            next.push(Output::new(spec.clone(), queue));
        }
        Ok(PreparedOutputs { telemetry: self, filter, moved, next, _one_at_a_time: one_at_a_time })
    }

    /// Uses `specs` and `log_filter` from now on. An output whose definition is unchanged continues as it is, but a file
    /// that was moved away is opened again. Lines queued before are still written.
    ///
    /// Waits up to a second for each destination that is no longer used.
    ///
    /// # Errors
    /// As [`Telemetry::prepare`]. Everything stays as it was then.
    pub fn reload(&self, specs: &[OutputSpec], log_filter: &str) -> Result<(), OutputError> {
        self.prepare(specs, log_filter)?.commit();
        Ok(())
    }

    /// Waits up to `timeout`, over all outputs, until everything queued is written; returns whether it is.
    pub fn flush(&self, timeout: Duration) -> bool {
        let deadline = Instant::now() + timeout;
        // The queues are waited for without the lock, so that events flow meanwhile.
        let queues: Vec<_> = self.read(|outputs| outputs.iter().map(|o| Arc::clone(&o.queue)).collect());
        let left = || deadline.saturating_duration_since(Instant::now());
        queues.iter().filter(|queue| !queue.flush(left())).count() == 0
    }

    /// How many lines all outputs together have dropped since the start.
    #[must_use]
    pub fn dropped(&self) -> u64 {
        self.dropped.load(Ordering::Relaxed)
    }

    /// The same, for whoever asks now and then.
    #[must_use]
    pub fn dropped_counter(&self) -> Dropped {
        Dropped(Arc::clone(&self.dropped))
    }

    fn read<T>(&self, look: impl FnOnce(&[Output]) -> T) -> T {
        look(&self.outputs.current.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Opens those files in `specs` anew that are in use but were moved away or removed, as log rotation does.
    fn reopen_moved(&self, specs: &[OutputSpec]) -> Result<Vec<Reopened>, OutputError> {
        let in_use: Vec<(String, PathBuf, Arc<LineQueue>)> = self.read(|outputs| {
            let of = |output: &Output| match &output.spec.destination {
                Destination::File(path) if specs.iter().any(|s| s.destination == output.spec.destination) => {
                    Some((output.spec.name.clone(), path.clone(), Arc::clone(&output.queue)))
                }
                _ => None,
            };
            outputs.iter().filter_map(of).collect()
        });
        let moved = in_use.into_iter().filter(|(_, path, queue)| !queue.stands_at(path));
        moved
            .map(|(name, path, queue)| {
                let sink = FdSink::file(&path).map_err(|cause| OutputError::Open { name, cause })?;
                Ok((queue, Box::new(sink) as Box<dyn Sink>))
            })
            .collect()
    }

    fn queue_for(&self, spec: &OutputSpec) -> Result<Arc<LineQueue>, OutputError> {
        let boxed = |sink| Box::new(sink) as Box<dyn Sink>;
        let sink = match &spec.destination {
            Destination::Stdout => FdSink::stdout().map(boxed),
            Destination::File(path) => FdSink::file(path).map(boxed),
            Destination::Journal(socket) => Ok(Box::new(JournalSocket::new(socket)) as Box<dyn Sink>),
        };
        let queue = LineQueue::start(
            &destination_name(&spec.destination),
            sink.map_err(|cause| OutputError::Open { name: spec.name.clone(), cause })?,
            QueueLimits::default(),
            drop_report(spec, &form_of(spec)),
            Arc::clone(&self.on_closed),
            Arc::clone(&self.dropped),
        );
        queue.map(Arc::new).map_err(|cause| OutputError::Thread { name: spec.name.clone(), cause })
    }
}

/// Outputs and a log filter that are ready to be used. Dropped without [`PreparedOutputs::commit`], they change nothing.
pub struct PreparedOutputs<'t> {
    telemetry: &'t Telemetry,
    filter: EnvFilter,
    /// Queues in use whose file was moved away, with the file that is at the path now.
    moved: Vec<Reopened>,
    next: Vec<Output>,
    _one_at_a_time: MutexGuard<'t, ()>,
}

impl PreparedOutputs<'_> {
    /// Puts all of it into use. Waits up to a second for each destination that is no longer used.
    pub fn commit(self) {
        let (log, filter) = (&self.telemetry.log, self.filter);
        Self::switch(self.telemetry, self.moved, self.next);
        // This also makes tracing ask all layers again which callsites they want.
        log.set(filter);
    }

    /// Puts the outputs into use without touching the log filter: before a subscriber is installed, tracing must not be asked to
    /// look at its callsites, because it would turn them off for other threads that have a subscriber of their own.
    fn install(self) {
        Self::switch(self.telemetry, self.moved, self.next);
    }

    fn switch(telemetry: &Telemetry, moved: Vec<Reopened>, next: Vec<Output>) {
        for (queue, sink) in moved {
            queue.replace_sink(sink);
        }
        for output in &next {
            output.queue.replace_report(drop_report(&output.spec, &output.form));
        }
        let mut current = telemetry.outputs.current.write().unwrap_or_else(PoisonError::into_inner);
        let old = std::mem::replace(&mut *current, next);
        drop(current);
        // Queues that are no longer used are waited for here, where no emitting thread is held up.
        drop(old);
    }
}

impl Drop for Telemetry {
    fn drop(&mut self) {
        // A subscriber for the whole process is never dropped, so its queues are not either.
        self.flush(END_WAIT);
    }
}

/// The form that `spec` asks for, given where it writes.
fn form_of(spec: &OutputSpec) -> Arc<dyn LineFormat> {
    if matches!(spec.destination, Destination::Journal(_)) {
        return Arc::new(JournalFormat::new(Arc::clone(&spec.origin)));
    }
    let terminal = spec.destination == Destination::Stdout && io::stdout().is_terminal();
    let for_people = match spec.format {
        Format::Auto => terminal,
        Format::Console => true,
        Format::Json => false,
    };
    if for_people {
        Arc::new(Console::new(spec.color.is_used(terminal)))
    } else {
        Arc::new(Json::new(Arc::clone(&spec.origin)))
    }
}

/// What people call a destination.
#[must_use]
pub fn destination_name(destination: &Destination) -> String {
    match destination {
        Destination::Stdout => "standard output".to_owned(),
        Destination::File(path) => display_path(path),
        Destination::Journal(_) => "the journal".to_owned(),
    }
}

/// Makes the line about dropped lines in the form of the output that they were dropped from.
fn drop_report(spec: &OutputSpec, form: &Arc<dyn LineFormat>) -> DropReport {
    let form = Arc::clone(form);
    let place = destination_name(&spec.destination);
    Arc::new(move |count| {
        let reason = format!(
            "{count} events were dropped because {place} could not take them fast enough; read it faster, or narrow the kinds that it carries"
        );
        let event = HealthEvent::warning(HealthKind::OutputDropped, reason).counting(count);
        form.encode(&Event::Health(event), Level::WARN, Timestamp::now())
    })
}
