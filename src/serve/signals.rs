//! Signals as messages.

use std::io;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM, SIGUSR1};
use signal_hook::iterator::Signals;
use tokio::sync::mpsc;

/// What a signal asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Request {
    /// SIGTERM or SIGINT: finish, flush, end.
    Stop,
    /// SIGHUP: read the configuration again.
    Reload,
    /// SIGUSR1: say how every file stands.
    Status,
}

/// Turns signals into requests from now on. A second SIGTERM or SIGINT ends the process at once with status 130.
///
/// # Errors
/// If the handlers cannot be installed or the thread that waits for signals cannot be started.
pub fn requests() -> io::Result<mpsc::Receiver<Request>> {
    let asked_before = Arc::new(AtomicBool::new(false));
    for signal in [SIGTERM, SIGINT] {
        // In this order: the first signal passes the condition and then sets it.
        signal_hook::flag::register_conditional_shutdown(signal, 130, Arc::clone(&asked_before))?;
        signal_hook::flag::register(signal, Arc::clone(&asked_before))?;
    }
    let mut signals = Signals::new([SIGTERM, SIGINT, SIGHUP, SIGUSR1])?;
    let (sender, receiver) = mpsc::channel(16);
    std::thread::Builder::new().name("signals".to_owned()).spawn(move || {
        for signal in signals.forever() {
            let request = match signal {
                SIGHUP => Request::Reload,
                SIGUSR1 => Request::Status,
                _ => Request::Stop,
            };
            if sender.blocking_send(request).is_err() {
                return;
            }
        }
    })?;
    Ok(receiver)
}
