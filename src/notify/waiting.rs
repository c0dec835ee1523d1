//! What one output is still to be notified of one alert. Pure.
//!
//! Of several firings the last one waits, as a receiver that was away need not be sent all of them; but the end of one that it was
//! notified of, or may be notified of at this moment, stays: an incident that is open would become one with the next.

use std::sync::Arc;

use tokio::time::Instant;

use crate::notify::group::{EarlierFirings, Endings};
use crate::store::TransitionRecord;

/// See the [module](self).
pub(super) struct WaitingAlert {
    /// In the order in which they happened.
    transitions: Vec<Arc<TransitionRecord>>,
    /// So many of them, from the first on, are in a message that was handed out: it may have arrived.
    sending: usize,
    /// What it did before and is not notified.
    earlier: Option<EarlierFirings>,
    pub(super) since: Instant,
}

/// What a message has of one alert.
pub(super) struct Notice<'a> {
    /// What it says.
    pub(super) transition: &'a Arc<TransitionRecord>,
    /// That the alert fired, if the message says so too.
    pub(super) untold: Option<&'a Arc<TransitionRecord>>,
    /// What need not be said any more with it.
    pub(super) superseded: &'a [Arc<TransitionRecord>],
    pub(super) earlier: Option<EarlierFirings>,
}

impl WaitingAlert {
    pub(super) fn new(since: Instant) -> WaitingAlert {
        WaitingAlert { transitions: Vec::new(), sending: 0, earlier: None, since }
    }

    /// Has `transition` wait. Returns what is not to be sent any more.
    pub(super) fn put(&mut self, transition: Arc<TransitionRecord>) -> Vec<Arc<TransitionRecord>> {
        let is_firing = transition.event.is_firing();
        let free = &self.transitions[self.sending..];
        let replaced = match free {
            [.., last] if last.event.is_firing() == is_firing => 1,
            [.., fired, _] if is_firing && fired.event.is_firing() => 2,
            _ => 0,
        };
        let displaced = self.transitions.split_off(self.transitions.len() - replaced);
        self.earlier = earlier_with(self.earlier.take(), &displaced);
        self.transitions.push(transition);
        displaced
    }

    /// What is sent next.
    pub(super) fn next(&self, endings: Endings) -> Option<Notice<'_>> {
        let (transition, before) = match endings {
            Endings::Apart => (self.transitions.first()?, &[][..]),
            Endings::Together => self.transitions.split_last()?,
        };
        let (untold, superseded) = match before.split_last() {
            Some((fired, superseded)) if fired.event.is_firing() && !transition.event.is_firing() => {
                (Some(fired), superseded)
            }
            _ => (None, before),
        };
        let says_firing = untold.is_some() || transition.event.is_firing();
        let earlier = earlier_with(self.earlier.clone(), superseded).filter(|_| says_firing);
        Some(Notice { transition, untold, superseded, earlier })
    }

    /// Notes that what is [next](Self::next) is being sent.
    pub(super) fn sending(&mut self, endings: Endings) {
        self.sending = match endings {
            Endings::Apart => self.transitions.len().min(1),
            Endings::Together => self.transitions.len(),
        };
    }

    /// Notes that what was being sent was not taken. Returns what is not to be sent any more.
    pub(super) fn not_taken(&mut self) -> Vec<Arc<TransitionRecord>> {
        self.sending = 0;
        std::mem::take(&mut self.transitions).into_iter().flat_map(|waiting| self.put(waiting)).collect()
    }

    /// Removes `sent`, if it still waits. What is left waits from now on.
    pub(super) fn take(&mut self, sent: &TransitionRecord) -> Option<Arc<TransitionRecord>> {
        let key = |transition: &TransitionRecord| (transition.at_ms, transition.event.state);
        let at = self.transitions.iter().position(|waiting| key(waiting) == key(sent))?;
        self.sending -= usize::from(at < self.sending);
        self.since = Instant::now();
        if sent.event.is_firing() {
            self.earlier = None;
        }
        Some(self.transitions.remove(at))
    }

    /// One of what waits.
    pub(super) fn any(&self) -> Option<&Arc<TransitionRecord>> {
        self.transitions.first()
    }

    pub(super) fn all(self) -> Vec<Arc<TransitionRecord>> {
        self.transitions
    }

    /// Whether it fired before a time, and that waits.
    pub(super) fn fired_before(&self, at_ms: i64) -> bool {
        self.transitions.iter().any(|waiting| waiting.event.is_firing() && waiting.at_ms < at_ms)
    }
}

/// `earlier` and the firings among `transitions`.
fn earlier_with(
    earlier: Option<EarlierFirings>,
    transitions: &[Arc<TransitionRecord>],
) -> Option<EarlierFirings> {
    let firings = transitions.iter().filter(|transition| transition.event.is_firing());
    firings.fold(earlier, |earlier, firing| {
        let since = earlier.as_ref().map_or_else(|| firing.event.since.clone(), |all| all.since.clone());
        Some(EarlierFirings { count: earlier.map_or(0, |all| all.count) + 1, since })
    })
}
