//! What is reported to systemd, if it started this process: readiness, reloads, a sentence about how things stand, and signs of life.
//!
//! The protocol is that of sd_notify(3). Nothing is sent, and no thread started, where no one listens.

use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use sd_notify::{NotifyState, notify, watchdog_enabled};

/// How often the sentence is brought up to date.
const STATUS_INTERVAL: Duration = Duration::from_secs(10);

/// How the service stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SystemdStatus {
    /// For people, in one line.
    pub sentence: String,
    /// Whether it makes progress. If not, systemd is given no sign of life, and starts the service anew.
    pub is_alive: bool,
}

/// Tells systemd how the service stands, until it is dropped.
pub struct SystemdNotifier {
    stop: Arc<(Mutex<bool>, Condvar)>,
    thread: Option<JoinHandle<()>>,
}

fn tell(states: &[NotifyState<'_>]) {
    if let Err(error) = notify(states) {
        tracing::warn!("cannot tell systemd: {error}");
    }
}

impl SystemdNotifier {
    /// Says that the service is ready, and from now on what `look` finds.
    #[must_use]
    pub fn start(look: impl Fn() -> SystemdStatus + Send + 'static) -> SystemdNotifier {
        let stop = Arc::new((Mutex::new(false), Condvar::new()));
        if std::env::var_os("NOTIFY_SOCKET").is_none() {
            return SystemdNotifier { stop, thread: None };
        }
        tell(&[NotifyState::Ready, NotifyState::Status(&look().sentence)]);
        let watchdog = watchdog_enabled();
        let interval = watchdog.map_or(STATUS_INTERVAL, |timeout| (timeout / 2).min(STATUS_INTERVAL));
        let stopped = Arc::clone(&stop);
        let thread = std::thread::Builder::new().name("systemd".to_owned()).spawn(move || {
            let mut sent = String::new();
            loop {
                let SystemdStatus { sentence, is_alive } = look();
                if is_alive && watchdog.is_some() {
                    tell(&[NotifyState::Watchdog]);
                }
                if sentence != sent {
                    tell(&[NotifyState::Status(&sentence)]);
                    sent = sentence;
                }
                let (flag, wake) = &*stopped;
                let flag = flag.lock().unwrap_or_else(PoisonError::into_inner);
                let flag = wake.wait_timeout_while(flag, interval, |stop| !*stop);
                if *flag.unwrap_or_else(PoisonError::into_inner).0 {
                    return;
                }
            }
        });
        SystemdNotifier { stop, thread: thread.ok() }
    }

    /// Says that the configuration is being read again.
    pub fn reloading(&self) {
        if self.thread.is_some() {
            let now = NotifyState::monotonic_usec_now().ok();
            tell(&[NotifyState::Reloading].into_iter().chain(now).collect::<Vec<_>>());
        }
    }

    /// Says that a reload is over, for better or worse.
    pub fn reloaded(&self) {
        if self.thread.is_some() {
            tell(&[NotifyState::Ready]);
        }
    }
}

impl Drop for SystemdNotifier {
    fn drop(&mut self) {
        let Some(thread) = self.thread.take() else { return };
        tell(&[NotifyState::Stopping, NotifyState::Status("stopping")]);
        *self.stop.0.lock().unwrap_or_else(PoisonError::into_inner) = true;
        self.stop.1.notify_all();
        let _ = thread.join();
    }
}
