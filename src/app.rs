//! The composition root: builds everything from settings, starts it in order, stops it in reverse.

mod endpoint;
mod status;

use std::collections::HashSet;
use std::fs::File;
use std::future::Future;
use std::os::fd::AsFd;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime};

use jiff::Timestamp;

use tokio::sync::mpsc;

use endpoint::Endpoint;

use crate::config::{ConfigError, Settings};
use crate::engine::dependencies::Dependencies;
use crate::engine::{Engine, EngineHandle};
use crate::event::{HealthEvent, HealthKind};
use crate::file::tailer::FileOrigin;
use crate::fmt::display_path;
use crate::notify::Delivery;
use crate::output::subscriber::Telemetry;
use crate::scan::rules::RulePatternError as RuleError;
use crate::serve::http::{self, ListenSocket};
use crate::serve::metrics::Exposition;
use crate::serve::signals::Request;
use crate::serve::socket::Socket;
use crate::serve::systemd::SystemdNotifier;
use crate::store::{CheckpointStore, WatchedPath};
use crate::sys::limits::raise_open_files;
use crate::sys::memory::give_back_free;
use crate::sys::open::{is_remote_path, stat_file, stat_path};
use crate::units::PathId;
use crate::watch::discovery::Discovery;
use crate::watch::patterns::PathPatternError as PathError;
use crate::watch::sweep::Watching;
use crate::watch::{HintSink, Incident};

/// How long the first look at all files may take before the daemon says that it has started.
const FIRST_LOOK_LIMIT: Duration = Duration::from_secs(60);

/// How long a reload waits for the first look at what it added.
const RELOAD_LOOK_LIMIT: Duration = Duration::from_secs(2);

/// How long the last look at all files may take. Shutdown as a whole is to end within 2 s.
const LAST_LOOK_LIMIT: Duration = Duration::from_millis(1200);

/// How long the end waits for alerts to be delivered. What is not delivered by then is after the next start.
const LAST_DELIVERY_LIMIT: Duration = Duration::from_millis(300);

/// So many descriptors are left to everything but the files that are read.
const DESCRIPTORS_KEPT: u64 = 128;

/// A file born this shortly before a reload may have appeared while it was under way.
const JUST_BORN: Duration = Duration::from_secs(5);

/// Why the daemon cannot start or reload.
#[derive(Debug, thiserror::Error)]
pub enum AppError {
    /// The rules of a watch are too much together.
    #[error("the rules cannot be compiled: {0}")]
    Rules(#[from] RuleError),
    /// An output that answers cannot be used.
    #[error("{0}")]
    Delivery(String),
    /// Nothing can be given out over HTTP.
    #[error("{0}")]
    Listen(String),
    /// A path of a watch cannot be understood.
    #[error("a watched path cannot be used: {0}")]
    Paths(#[from] PathError),
}

/// The running daemon.
pub struct App {
    settings: Settings,
    engine: Engine,
    sink: Arc<WatchSink>,
    watching: Watching,
    delivery: Delivery,
    /// How often the kernel lost events.
    overflows: Arc<AtomicU64>,
}

/// What the daemon has to do with beside files.
pub struct AppContext<'t> {
    /// Where events go.
    pub telemetry: &'t Telemetry,
    /// What signals ask for.
    pub requests: mpsc::Receiver<Request>,
    /// Where people on this machine may ask how it stands.
    pub socket: Option<PathBuf>,
}

/// Runs the daemon until `shutdown` completes or a request asks it to stop.
///
/// `load` reads the settings anew on a reload request; `store` keeps what is to survive a restart.
///
/// # Errors
/// See [`AppError`]; later problems are events.
pub async fn run(
    settings: Settings,
    store: Option<Box<dyn CheckpointStore>>,
    delivery: Delivery,
    load: impl Fn() -> Result<Settings, ConfigError>,
    surroundings: AppContext<'_>,
    shutdown: impl Future<Output = ()>,
) -> Result<(), AppError> {
    let AppContext { telemetry, mut requests, socket } = surroundings;
    let mut app = App::start(settings, store, delivery)?;
    let endpoint = app.endpoint(telemetry);
    app.listen(&endpoint)?;
    let _socket = socket.and_then(|path| app.answer_at(&path, &endpoint));
    let informer = SystemdNotifier::start(move || endpoint.report());
    tokio::pin!(shutdown);
    loop {
        let request = tokio::select! {
            request = requests.recv() => request.unwrap_or(Request::Stop),
            () = &mut shutdown => Request::Stop,
        };
        match request {
            Request::Stop => break,
            Request::Status => app.engine.emit_status(),
            Request::Reload => {
                informer.reloading();
                app.try_reload(&load, telemetry);
                informer.reloaded();
            }
        }
    }
    drop(informer);
    app.stop();
    Ok(())
}

impl App {
    /// Starts everything. When this returns, every watch stands and every file that is there has been looked at.
    ///
    /// # Errors
    /// See [`AppError`].
    pub fn start(
        mut settings: Settings,
        store: Option<Box<dyn CheckpointStore>>,
        mut delivery: Delivery,
    ) -> Result<App, AppError> {
        delivery.replace(&settings.deliveries, &settings.external_url).map_err(AppError::Delivery)?;
        if let Some(limit) = raise_open_files() {
            let files = limit.saturating_sub(DESCRIPTORS_KEPT).max(limit / 2);
            settings.engine.open_files_max = usize::try_from(files).unwrap_or(usize::MAX);
        }
        let engine = Engine::start(
            settings.engine,
            &settings.plan,
            Dependencies::real(store, Some(delivery.queue())),
        )?;
        let overflows = Arc::new(AtomicU64::new(0));
        let sink = Arc::new(WatchSink::new(engine.handle(), None, Arc::clone(&overflows)));
        let watching = watch(&settings, &sink)?;
        adopt(&settings, &engine)?;
        if !engine.settle(FIRST_LOOK_LIMIT) {
            tracing::warn!("still reading what was there at the start");
        }
        // From now on a restart knows what was there before.
        engine.commit(FIRST_LOOK_LIMIT);
        // What was loaded and committed of all files at once.
        give_back_free();
        let files = engine.reporter().totals().files;
        HealthEvent::info(HealthKind::Started, format!("watching {}", counted(files, watching.directories)))
            .emit();
        Ok(App { settings, engine, sink, watching, delivery, overflows })
    }

    fn endpoint(&self, telemetry: &Telemetry) -> Arc<Endpoint> {
        Arc::new(Endpoint {
            view: self.engine.reporter(),
            notifications: self.delivery.queue(),
            dropped: telemetry.dropped_counter(),
            overflows: Arc::clone(&self.overflows),
            started: Timestamp::now(),
            exposition: Exposition::default(),
        })
    }

    /// Answers over HTTP, if that is wanted.
    fn listen(&self, endpoint: &Arc<Endpoint>) -> Result<(), AppError> {
        let Some(address) = self.settings.listen else { return Ok(()) };
        let listener = http::listen(address).map_err(AppError::Listen)?;
        let address = listener.local_addr().unwrap_or(address);
        self.serve(ListenSocket::Tcp(listener), endpoint);
        HealthEvent::info(HealthKind::Listening, format!("figures are at http://{address}/metrics")).emit();
        Ok(())
    }

    /// Answers at a socket of this machine. The daemon does its work without it, too.
    fn answer_at(&self, path: &Path, endpoint: &Arc<Endpoint>) -> Option<Socket> {
        match Socket::listen(path) {
            Ok((socket, listener)) => {
                self.serve(ListenSocket::Unix(listener), endpoint);
                Some(socket)
            }
            Err(error) => {
                let path = display_path(path);
                let message = format!(
                    "`spiketail status` cannot ask this daemon: {path}: {error}; give a folder with --state that this user may write to"
                );
                HealthEvent::warning(HealthKind::NoStatus, message).emit();
                None
            }
        }
    }

    fn serve(&self, listening: ListenSocket, endpoint: &Arc<Endpoint>) {
        let endpoint = Arc::clone(endpoint);
        self.delivery.handle().spawn(http::serve(listening, Arc::new(move |path| endpoint.answer(path))));
    }

    /// Goes over to the settings that `load` gives, or says why not and stays with the old ones.
    fn try_reload(&mut self, load: &impl Fn() -> Result<Settings, ConfigError>, telemetry: &Telemetry) {
        let refused = |why: String| {
            HealthEvent::warning(HealthKind::ReloadRefused, format!("{why}\nThe old configuration stays."))
                .emit()
        };
        let settings = match load() {
            Ok(settings) => settings,
            Err(error) => return refused(error.to_string()),
        };
        if let Err(error) = telemetry.reload(&settings.outputs, &settings.log) {
            return refused(error.to_string());
        }
        match self.reload(settings) {
            Ok(()) => {
                let what = counted(self.engine.reporter().totals().files, self.watching.directories);
                HealthEvent::info(HealthKind::Reloaded, format!("watching {what}")).emit();
            }
            Err(error) => {
                // The outputs have gone over already: back to the old ones.
                if let Err(error) = telemetry.reload(&self.settings.outputs, &self.settings.log) {
                    tracing::error!("{error}");
                }
                refused(error.to_string());
            }
        }
    }

    /// Goes over to other settings without losing a line: the new watching stands before the old one ends.
    ///
    /// # Errors
    /// See [`AppError`]; then the old settings stay.
    pub fn reload(&mut self, settings: Settings) -> Result<(), AppError> {
        // Whatever can be refused is refused before anything changes.
        Discovery::new(&settings.finds)?;
        self.delivery.replace(&settings.deliveries, &settings.external_url).map_err(AppError::Delivery)?;
        if settings.listen != self.settings.listen {
            HealthEvent::warning(
                HealthKind::Listening,
                "`listen` is read at the start only; restart to change it",
            )
            .emit();
        }
        let prepared = self.engine.prepare(&settings.plan)?;
        self.engine.reload(prepared);
        let sink = Arc::new(WatchSink::new(
            self.engine.handle(),
            Some(SystemTime::now() - JUST_BORN),
            Arc::clone(&self.overflows),
        ));
        let watching = watch(&settings, &sink)?;
        std::mem::replace(&mut self.watching, watching).stop();
        let found = std::mem::take(&mut *sink.found.lock().unwrap_or_else(PoisonError::into_inner));
        self.engine.retain(&found);
        // A restart shall know where reading begins in what is watched now.
        let _ = self.engine.settle(RELOAD_LOOK_LIMIT);
        self.engine.commit(FIRST_LOOK_LIMIT);
        self.sink = sink;
        self.settings = settings;
        Ok(())
    }

    /// Reads what is there, says what was not said yet, and ends.
    pub fn stop(self) {
        self.watching.stop();
        self.engine.stop(LAST_LOOK_LIMIT);
        self.delivery.stop(LAST_DELIVERY_LIMIT);
        HealthEvent::info(HealthKind::Stopped, "stopped in good order").emit();
    }
}

fn watch(settings: &Settings, sink: &Arc<WatchSink>) -> Result<Watching, PathError> {
    let sink: Arc<dyn HintSink> = Arc::clone(sink) as Arc<dyn HintSink>;
    Watching::start(&settings.finds, settings.timing, is_remote_path, sink)
}

/// Takes up the paths that are remembered and still meant, but were not found: their files were rotated away or removed
/// while no daemon ran.
fn adopt(settings: &Settings, engine: &Engine) -> Result<(), PathError> {
    let discovery = Discovery::new(&settings.finds)?;
    engine.handle().adopt(|id: &WatchedPath| discovery.means(&id.watch, &id.path));
    Ok(())
}

fn counted(files: usize, directories: usize) -> String {
    let files = if files == 1 { "1 file".to_owned() } else { format!("{files} files") };
    let directories =
        if directories == 1 { "1 directory".to_owned() } else { format!("{directories} directories") };
    format!("{files} in {directories}")
}

/// Passes hints on to the engine.
struct WatchSink {
    hints: EngineHandle,
    /// Files born after this are new even if they are there when watching begins.
    new_since: Option<SystemTime>,
    /// The files that this process writes to: to count its own output would never end.
    own: HashSet<(u64, u64)>,
    /// The files that were there when watching began.
    found: Mutex<HashSet<PathId>>,
    overflows: Arc<AtomicU64>,
}

impl WatchSink {
    fn new(hints: EngineHandle, new_since: Option<SystemTime>, overflows: Arc<AtomicU64>) -> WatchSink {
        let fds =
            [std::io::stdout().as_fd().try_clone_to_owned(), std::io::stderr().as_fd().try_clone_to_owned()];
        let stats = fds.into_iter().flatten().filter_map(|fd| stat_file(&File::from(fd)).ok());
        let own = stats.filter(|stat| stat.is_regular()).map(|stat| (stat.dev, stat.ino)).collect();
        WatchSink { hints, new_since, own, found: Mutex::default(), overflows }
    }

    fn origin(&self, path: &Path, existing: bool) -> FileOrigin {
        let born = || std::fs::metadata(path).and_then(|meta| meta.created()).ok();
        let is_new = self.new_since.is_some_and(|since| born().is_some_and(|born| born > since));
        if existing && !is_new { FileOrigin::Existing } else { FileOrigin::Appeared }
    }
}

impl HintSink for WatchSink {
    fn found(&self, watch: &str, path: &Arc<Path>, existing: bool) -> Option<PathId> {
        if !self.own.is_empty() && stat_path(path).is_ok_and(|stat| self.own.contains(&(stat.dev, stat.ino)))
        {
            tracing::debug!(path = %path.display(), "not watched: the daemon writes to it itself");
            return None;
        }
        let key = self.hints.add(watch, path, self.origin(path, existing))?;
        if existing && self.new_since.is_some() {
            self.found.lock().unwrap_or_else(PoisonError::into_inner).insert(key);
        }
        Some(key)
    }

    fn heard(&self, files: &[PathId], is_alone: bool) {
        self.hints.heard(files, is_alone);
    }

    fn look(&self, files: &[PathId]) {
        self.hints.look(files);
    }

    fn sweep(&self, everything: bool) -> Vec<PathId> {
        self.hints.sweep(everything).into_iter().collect()
    }

    fn trouble(&self, trouble: Incident) {
        match trouble {
            Incident::Polled(message) => HealthEvent::warning(HealthKind::Polling, message).emit(),
            Incident::Waiting(message) => HealthEvent::info(HealthKind::Waiting, message).emit(),
            Incident::Unlisted(message) => HealthEvent::warning(HealthKind::Unlisted, message).emit(),
            Incident::Mended(message) => HealthEvent::info(HealthKind::Mended, message).emit(),
            Incident::Overflow => {
                self.overflows.fetch_add(1, Ordering::Relaxed);
                let message = "the kernel lost events, so every file is looked at; if this comes often, raise fs.inotify.max_queued_events";
                HealthEvent::warning(HealthKind::WatchOverflow, message).emit();
            }
        }
    }
}
