//! The composition root: builds everything from settings, starts it in order, stops it in reverse.

mod absent;
mod background;
mod binary;
mod endpoint;
mod hints;
mod live;
mod own_files;
mod pages;
mod prepare;
mod reload_outcome;
pub(crate) mod shown;
mod silencing;
mod status;

use std::future::Future;
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicU64;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime};

use jiff::Timestamp;
use tokio::sync::mpsc;

use background::{Background, IsAlive};
use endpoint::Endpoint;
use hints::WatchSink;
use live::Live;
use own_files::OwnFiles;
use reload_outcome::ReloadOutcome;

use crate::config::{ConfigError, Settings};
use crate::engine::Engine;
use crate::engine::dependencies::Dependencies;
use crate::engine::report::Reporter;
use crate::event::{HealthEvent, HealthKind};
use crate::fmt::display_path;
use crate::notify::Delivery;
use crate::output::subscriber::Telemetry;
use crate::serve::control::{self, ControlAnswer, ControlCall, ControlRequest};
use crate::serve::http::{self, ListenSocket};
use crate::serve::metrics::Exposition;
use crate::serve::pages::Pages;
use crate::serve::signals::Request;
use crate::serve::socket::Socket;
use crate::serve::systemd::SystemdNotifier;
use crate::store::{CheckpointStore, WatchedPath};
use crate::sys::limits::raise_open_files;
use crate::sys::memory::give_back_free;
use crate::sys::open::{is_remote_path, stat_path};
use crate::watch::HintSink;
use crate::watch::discovery::Discovery;
use crate::watch::sweep::Watching;

pub(crate) use own_files::output_files;
pub use prepare::{AppError, Prepared, listen};

/// How long the first look at all files may take before the daemon says that it has started.
const FIRST_LOOK_LIMIT: Duration = Duration::from_secs(60);

/// How long a reload waits for the first look at what it added.
const RELOAD_LOOK_LIMIT: Duration = Duration::from_secs(2);

/// How long the last look at all files may take. Shutdown as a whole is to end within 2 s.
const LAST_LOOK_LIMIT: Duration = Duration::from_millis(1200);

/// How long the end waits for alerts to be delivered. What is not delivered by then is after the next start.
const LAST_DELIVERY_LIMIT: Duration = Duration::from_millis(300);

/// So many descriptors are left to everything but the files that are read.
const DESCRIPTORS_KEPT: u64 = 512;

/// The file in the state's folder that is as old as the state.
const STATE_FILE: &str = "state.db";

/// A file born this shortly before a reload may have appeared while it was under way.
const JUST_BORN: Duration = Duration::from_secs(5);

/// The running daemon.
pub struct App {
    settings: Settings,
    engine: Engine,
    watching: Watching,
    delivery: Delivery,
    state_folder: Option<PathBuf>,
    /// Bound, and not served yet.
    listener: Option<TcpListener>,
    /// How often the kernel lost events.
    overflows: Arc<AtomicU64>,
    reloads: Arc<ReloadOutcome>,
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

/// What the daemon is started with. Nothing in it can be refused any more.
pub struct Start {
    /// The settings.
    pub settings: Settings,
    /// What they became.
    pub prepared: Prepared,
    /// The listener for HTTP.
    pub listener: Option<TcpListener>,
    /// Keeps what survives a restart.
    pub store: Option<Box<dyn CheckpointStore>>,
    /// Where the store has its files.
    pub state_folder: Option<PathBuf>,
    /// Where receivers are served.
    pub delivery: Delivery,
}

impl App {
    /// Starts everything. When this returns, every watch is set and every file that exists has been looked at.
    #[must_use]
    pub fn start(start: Start) -> App {
        let Start { mut settings, prepared, listener, store, state_folder, mut delivery } = start;
        delivery.commit(prepared.delivery);
        delivery.queue().set_mutes(settings.mutes.clone());
        if let Some(limit) = raise_open_files() {
            let files = limit.saturating_sub(DESCRIPTORS_KEPT).max(limit / 2);
            settings.engine.open_files_max = usize::try_from(files).unwrap_or(usize::MAX);
        }
        let dependencies = Dependencies::real(store, Some(delivery.queue()));
        let engine = Engine::start(settings.engine, prepared.plan, dependencies);
        engine.set_origin(&settings.origin);
        let overflows = Arc::new(AtomicU64::new(0));
        let own = OwnFiles::new(&settings, state_folder.as_deref());
        let sink = Arc::new(WatchSink::new(engine.handle(), None, own, Arc::clone(&overflows)));
        let watching = watch(prepared.discovery.clone(), &settings, &sink);
        absent::expect(&prepared.discovery, &engine, &sink);
        adopt(&prepared.discovery, &engine, &sink);
        if !engine.look_at_all(FIRST_LOOK_LIMIT) {
            tracing::warn!("still looking at the files that existed at the start");
        }
        // From now on a restart knows what was there before.
        engine.commit(FIRST_LOOK_LIMIT);
        // What was loaded and committed of all files at once.
        give_back_free();
        let reloads = Arc::new(ReloadOutcome::new(&settings.hash));
        App { settings, engine, watching, delivery, state_folder, listener, overflows, reloads }
    }

    /// Counts standard input, if that is asked for, and calls `at_end` at its end.
    pub fn read_stdin(&self, at_end: impl FnOnce() + Send + 'static) {
        if self.settings.reads_stdin {
            self.engine.read_stdin(at_end);
        }
    }

    /// What others may see, also after the end.
    #[must_use]
    pub fn reporter(&self) -> Reporter {
        self.engine.reporter()
    }

    /// Serves until `shutdown` completes or a request asks it to stop, and stops everything.
    ///
    /// `load` reads the settings anew on a reload request.
    pub async fn run(
        mut self,
        load: impl Fn() -> Result<Settings, ConfigError>,
        context: AppContext<'_>,
        shutdown: impl Future<Output = ()>,
    ) {
        let AppContext { telemetry, mut requests, socket } = context;
        let endpoint = self.endpoint(telemetry);
        let alive = Arc::clone(&endpoint);
        let is_alive: IsAlive = Arc::new(move || alive.stuck().is_none());
        let works = Arc::clone(&is_alive);
        self.delivery.queue().set_alive(move || works());
        let runtime = self.delivery.handle();
        let mut background = Background::new(runtime, is_alive, Arc::clone(&endpoint), self.state_born_ns());
        let finds = Arc::new(Mutex::new(self.settings.finds.clone()));
        let live = Arc::new(Live::new(Arc::clone(&endpoint), self.state_folder.clone(), Arc::clone(&finds)));
        let pages = Arc::new(pages::pages(&live, &self.settings.external_url));
        self.delivery.handle().spawn(live.follow());
        self.answer_over_http(&pages);
        let (calls, mut called) = mpsc::channel(1);
        let _control =
            socket.as_deref().and_then(|path| self.hear_at(&path.with_file_name(control::NAME), calls));
        let _socket = socket.and_then(|path| self.answer_at(&path, &pages));
        binary::report(&self.settings.finds);
        let files = self.engine.reporter().totals().files;
        HealthEvent::info(
            HealthKind::Started,
            format!("watching {}", counted(files, self.watching.directories)),
        )
        .emit();
        let notifier = SystemdNotifier::start(move || endpoint.report());
        tokio::pin!(shutdown);
        loop {
            background.follow(&self.settings);
            finds.lock().unwrap_or_else(PoisonError::into_inner).clone_from(&self.settings.finds);
            let request = tokio::select! {
                request = requests.recv() => request.unwrap_or(Request::Stop),
                () = &mut shutdown => Request::Stop,
                Some(ControlCall { request, answer }) = called.recv() => {
                    let outcome = match request {
                        ControlRequest::Reload => {
                            notifier.reloading();
                            let outcome = self.reload(&load, telemetry);
                            notifier.reloaded();
                            outcome
                        }
                        other => self.silence(other),
                    };
                    // A caller that has gone gets nothing.
                    let _ = answer.send(outcome.map_or_else(ControlAnswer::Refused, ControlAnswer::Done));
                    continue;
                }
            };
            match request {
                Request::Stop => break,
                Request::Status => self.engine.emit_status(),
                Request::Reload => {
                    notifier.reloading();
                    let _ = self.reload(&load, telemetry);
                    notifier.reloaded();
                }
            }
        }
        drop(background);
        drop(notifier);
        self.stop();
    }

    fn endpoint(&self, telemetry: &Telemetry) -> Arc<Endpoint> {
        Arc::new(Endpoint {
            view: self.engine.reporter(),
            notifications: self.delivery.queue(),
            dropped: telemetry.dropped_counter(),
            overflows: Arc::clone(&self.overflows),
            started: Timestamp::now(),
            exposition: Exposition::default(),
            reloads: Arc::clone(&self.reloads),
            pushes: Arc::default(),
        })
    }

    /// Answers over HTTP, if that is configured.
    fn answer_over_http(&mut self, pages: &Arc<Pages>) {
        let Some(listener) = self.listener.take() else { return };
        let address = listener.local_addr().ok().or(self.settings.listen);
        self.serve(ListenSocket::Tcp(listener), pages);
        let address = address.map(|address| address.to_string()).unwrap_or_default();
        HealthEvent::info(HealthKind::Listening, format!("figures are at http://{address}/metrics")).emit();
    }

    /// Answers at a socket of this machine. The daemon does its work without it, too.
    fn answer_at(&self, path: &Path, pages: &Arc<Pages>) -> Option<Socket> {
        match Socket::listen(path) {
            Ok((socket, listener)) => {
                self.serve(ListenSocket::Unix(listener), pages);
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

    /// When the state began, in nanoseconds since the epoch; 0 if there is none.
    fn state_born_ns(&self) -> u64 {
        let file = self.state_folder.as_ref().map(|folder| folder.join(STATE_FILE));
        let born = file.and_then(|file| stat_path(&file).ok()).map_or(0, |stat| stat.born_ns);
        u64::try_from(born).unwrap_or_default()
    }

    /// Does what is asked about silences.
    fn silence(&self, request: ControlRequest) -> Result<String, String> {
        let queue = self.delivery.queue();
        match request {
            ControlRequest::Silence(asked) => silencing::silence(asked, &self.settings, &queue, &self.engine),
            ControlRequest::Unsilence { id } => silencing::unsilence(id, &queue, &self.engine),
            ControlRequest::Silences | ControlRequest::Reload => Ok(silencing::list(&queue)),
        }
    }

    /// Does what is asked at a socket of this machine. The daemon does its work without it, too.
    fn hear_at(&self, path: &Path, calls: mpsc::Sender<ControlCall>) -> Option<Socket> {
        match Socket::listen_alone(path) {
            Ok((socket, listener)) => {
                self.delivery.handle().spawn(control::serve(listener, calls));
                Some(socket)
            }
            Err(error) => {
                let path = display_path(path);
                let message = format!(
                    "`spiketail reload` cannot ask this daemon: {path}: {error}; give a folder with --state that this user may write to"
                );
                HealthEvent::warning(HealthKind::NoStatus, message).emit();
                None
            }
        }
    }

    fn serve(&self, listening: ListenSocket, pages: &Arc<Pages>) {
        self.delivery.handle().spawn(http::serve(listening, Arc::clone(pages)));
    }

    /// Switches to the settings that `load` returns, or reports why not and keeps the current ones.
    fn reload(
        &mut self,
        load: &impl Fn() -> Result<Settings, ConfigError>,
        telemetry: &Telemetry,
    ) -> Result<String, String> {
        let outcome = load()
            .map_err(|error| error.to_string())
            .and_then(|settings| self.switch_to(settings, telemetry).map_err(|error| error.to_string()));
        match outcome {
            Ok(()) => {
                let what = counted(self.engine.reporter().totals().files, self.watching.directories);
                self.reloads.applied(&self.settings.hash);
                HealthEvent::info(HealthKind::Reloaded, format!("watching {what}")).emit();
                Ok(format!("configuration {} is in use: watching {what}", self.settings.hash))
            }
            Err(why) => {
                self.reloads.refused();
                HealthEvent::warning(
                    HealthKind::ReloadRefused,
                    format!("{why}\nThe old configuration stays."),
                )
                .emit();
                Err(format!("{why}\nThe configuration {} stays in use.", self.settings.hash))
            }
        }
    }

    /// Switches to other settings without losing a line. Whatever can be refused is prepared first; from then on nothing fails.
    fn switch_to(&mut self, settings: Settings, telemetry: &Telemetry) -> Result<(), AppError> {
        let prepared = Prepared::new(&settings, Some(&self.engine))?;
        // Last, because it creates files.
        telemetry.prepare(&settings.outputs, &settings.log)?.commit();
        self.commit(settings, prepared);
        Ok(())
    }

    fn commit(&mut self, settings: Settings, prepared: Prepared) {
        self.delivery.commit(prepared.delivery);
        self.engine.set_origin(&settings.origin);
        self.delivery.queue().set_mutes(settings.mutes.clone());
        if settings.listen != self.settings.listen {
            HealthEvent::warning(
                HealthKind::Listening,
                "`listen` is read at the start only; restart to change it",
            )
            .emit();
        }
        self.engine.reload(prepared.plan);
        let sink = Arc::new(WatchSink::new(
            self.engine.handle(),
            Some(SystemTime::now() - JUST_BORN),
            OwnFiles::new(&settings, self.state_folder.as_deref()),
            Arc::clone(&self.overflows),
        ));
        // The new watching is set before the old one ends.
        let watching = watch(prepared.discovery, &settings, &sink);
        std::mem::replace(&mut self.watching, watching).stop();
        self.engine.retain(&sink.take_found());
        // A restart must know where reading begins in what is watched now.
        let _ = self.engine.settle(RELOAD_LOOK_LIMIT);
        self.engine.commit(FIRST_LOOK_LIMIT);
        self.settings = settings;
    }

    /// Reads what is there, says what was not said yet, and ends.
    pub fn stop(self) {
        self.watching.stop();
        self.engine.stop(LAST_LOOK_LIMIT);
        self.delivery.stop(LAST_DELIVERY_LIMIT);
        HealthEvent::info(HealthKind::Stopped, "stopped in good order").emit();
    }
}

fn watch(discovery: Discovery, settings: &Settings, sink: &Arc<WatchSink>) -> Watching {
    let sink: Arc<dyn HintSink> = Arc::clone(sink) as Arc<dyn HintSink>;
    Watching::start(discovery, settings.timing, is_remote_path, sink)
}

/// Adopts the paths that are remembered and still watched, but were not found: their files were rotated away or removed
/// while no daemon ran.
fn adopt(discovery: &Discovery, engine: &Engine, sink: &WatchSink) {
    let is_wanted = |id: &WatchedPath| discovery.means(&id.watch, &id.path) && !sink.is_own(&id.path);
    engine.handle().adopt(is_wanted);
}

fn counted(files: usize, directories: usize) -> String {
    let files = if files == 1 { "1 file".to_owned() } else { format!("{files} files") };
    let directories =
        if directories == 1 { "1 directory".to_owned() } else { format!("{directories} directories") };
    format!("{files} in {directories}")
}
