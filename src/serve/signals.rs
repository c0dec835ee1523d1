//! Signals as messages.

use std::io;
use std::time::{Duration, Instant};

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

/// A signal that follows within this time is the same one: programs send it to a process and to its group, which it belongs to.
const SAME_SIGNAL: Duration = Duration::from_secs(1);
/// The status of a process that is ended at once.
const ENDED_AT_ONCE: i32 = 130;

/// Turns signals into requests from now on. A SIGTERM or SIGINT that comes a second after the first or later ends the process at once
/// with status 130.
///
/// # Errors
/// If the handlers cannot be installed or the thread that waits for signals cannot be started.
pub fn requests() -> io::Result<mpsc::Receiver<Request>> {
    let mut signals = Signals::new([SIGTERM, SIGINT, SIGHUP, SIGUSR1])?;
    let (sender, receiver) = mpsc::channel(16);
    std::thread::Builder::new().name("signals".to_owned()).spawn(move || {
        let mut stopping = None;
        for signal in signals.forever() {
            if matches!(signal, SIGTERM | SIGINT) {
                match urgency(stopping, Instant::now()) {
                    StopUrgency::InOrder => stopping = Some(Instant::now()),
                    StopUrgency::Same => continue,
                    StopUrgency::AtOnce => signal_hook::low_level::exit(ENDED_AT_ONCE),
                }
            }
            let request = match signal {
                SIGHUP => Request::Reload,
                SIGUSR1 => Request::Status,
                _ => Request::Stop,
            };
            // When nobody listens any longer, the end goes on, and may have to be cut short.
            let _ = sender.try_send(request);
        }
    })?;
    Ok(receiver)
}

/// How soon the process is to end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum StopUrgency {
    /// After everything is finished.
    InOrder,
    /// As it was asked before.
    Same,
    /// Whatever is not finished.
    AtOnce,
}

/// What a signal to stop at `now` means, if the first one came at `stopping`.
fn urgency(stopping: Option<Instant>, now: Instant) -> StopUrgency {
    match stopping {
        None => StopUrgency::InOrder,
        Some(first) if now.saturating_duration_since(first) < SAME_SIGNAL => StopUrgency::Same,
        Some(_) => StopUrgency::AtOnce,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_second_signal_within_a_second_is_the_first() {
        let first = Instant::now();
        assert_eq!(urgency(None, first), StopUrgency::InOrder);
        assert_eq!(urgency(Some(first), first + Duration::from_millis(999)), StopUrgency::Same);
        assert_eq!(urgency(Some(first), first + SAME_SIGNAL), StopUrgency::AtOnce);
    }
}
