//! What happens to the daemon itself.

use tracing::Level;

use super::field::{event, names};

names! {
    /// What happened to the daemon.
    #[derive(Default)]
    pub enum HealthKind {
        /// Everything works.
        #[default]
        Started = "started",
        /// It ends in good order.
        Stopped = "stopped",
        /// A changed configuration is in use.
        Reloaded = "reloaded",
        /// A changed configuration cannot be used.
        ReloadRefused = "reload_refused",
        /// Alerts are silenced.
        Silenced = "silenced",
        /// A silence was ended.
        Unsilenced = "unsilenced",
        /// The address of the HTTP endpoint.
        Listening = "listening",
        /// There is no status socket.
        NoStatus = "no_status",
        /// Counts start from zero at each start.
        NoState = "no_state",
        /// The state cannot be written.
        StateUnwritable = "state_unwritable",
        /// The state cannot be read.
        StateUnreadable = "state_unreadable",
        /// The state can be written again.
        StateRecovered = "state_recovered",
        /// The state was of no use and is kept elsewhere.
        StateSetAside = "state_set_aside",
        /// Files changed while they were scanned.
        TornScans = "torn_scans",
        /// The text of a file is in an encoding that is not decoded.
        WrongEncoding = "wrong_encoding",
        /// Timestamps are ahead of the clock.
        StampsAhead = "stamps_ahead",
        /// Timestamps are too old for alerts.
        StampsOld = "stamps_old",
        /// An alert by path has too many series.
        SeriesForgotten = "series_forgotten",
        /// The kernel lost file events.
        WatchOverflow = "watch_overflow",
        /// A directory is polled instead of watched.
        Polling = "polling",
        /// A watched directory does not exist yet.
        Waiting = "waiting",
        /// Files in a directory are not logs.
        LeftOut = "left_out",
        /// A directory cannot be listed.
        Unlisted = "unlisted",
        /// A directory can be watched again.
        Mended = "mended",
        /// An output could not take events fast enough.
        OutputDropped = "output_dropped",
        /// A receiver takes no alerts.
        DeliveryFailed = "delivery_failed",
        /// A receiver takes alerts again.
        DeliveryRecovered = "delivery_recovered",
        /// A receiver refuses an alert for good.
        DeliveryRefused = "delivery_refused",
        /// Too many alerts wait for a receiver.
        DeliveryGivenUp = "delivery_given_up",
    }
}

event! {
    /// Something happened to the daemon itself.
    #[derive(Eq)]
    pub struct HealthEvent = "spiketail::health" {
        /// What happened.
        pub event: HealthKind,
        /// One sentence: what, where, how to fix it.
        pub reason: String,
        /// How many of what the event counts, where it counts.
        #[serde(skip_serializing_if = "Option::is_none")]
        pub count: Option<u64>,
    }
    beside {
        /// Whether someone should act. Travels as the level.
        pub warning: bool,
    }
}

impl HealthEvent {
    /// Something worth knowing.
    #[must_use]
    pub fn info(event: HealthKind, reason: impl Into<String>) -> HealthEvent {
        HealthEvent { event, reason: reason.into(), count: None, warning: false }
    }

    /// Something that someone should act on.
    #[must_use]
    pub fn warning(event: HealthKind, reason: impl Into<String>) -> HealthEvent {
        HealthEvent { warning: true, ..HealthEvent::info(event, reason) }
    }

    /// With a `count`.
    #[must_use]
    pub fn counting(self, count: u64) -> HealthEvent {
        HealthEvent { count: Some(count), ..self }
    }

    fn level(&self) -> Level {
        if self.warning { Level::WARN } else { Level::INFO }
    }
}
