//! Everything about settings that can be refused, before anything changes.

use std::net::TcpListener;

use crate::config::Settings;
use crate::engine::{Engine, PreparedPlan};
use crate::event::EventOrigin;
use crate::notify::{MessageOrigin, PreparedDelivery};
use crate::output::subscriber::OutputError;
use crate::scan::rules::RulePatternError;
use crate::serve::http;
use crate::watch::discovery::Discovery;
use crate::watch::patterns::PathPatternError;

/// Why the daemon cannot start or reload.
#[derive(Debug, thiserror::Error)]
pub enum AppError {
    /// The rules of a watch are too large together.
    #[error("the rules of a watch are too large together: {0}")]
    Rules(RulePatternError),
    /// A receiver cannot be used.
    #[error("{0}")]
    Delivery(String),
    /// The address for HTTP cannot be bound.
    #[error("{0}")]
    Listen(String),
    /// A path of a watch is malformed.
    #[error("a watched path cannot be used: {0}")]
    Paths(PathPatternError),
    /// An output cannot be opened.
    #[error(transparent)]
    Output(#[from] OutputError),
}

impl AppError {
    /// Whether only another configuration helps, so that starting again is useless.
    #[must_use]
    pub fn is_configuration(&self) -> bool {
        match self {
            AppError::Rules(_) | AppError::Delivery(_) | AppError::Paths(_) => true,
            AppError::Output(error) => matches!(error, OutputError::LogFilter(_)),
            AppError::Listen(_) => false,
        }
    }
}

/// What settings become once nothing about them can be refused any more.
pub struct Prepared {
    pub(super) plan: PreparedPlan,
    pub(super) discovery: Discovery,
    pub(super) delivery: PreparedDelivery,
}

impl Prepared {
    /// Compiles and builds what `settings` need, also for an engine that is `running`.
    ///
    /// # Errors
    /// See [`AppError`].
    pub fn new(settings: &Settings, running: Option<&Engine>) -> Result<Prepared, AppError> {
        // Also where nothing was changed: the files of certificates may have been.
        let EventOrigin { host, labels, .. } = (*settings.origin).clone();
        let origin = MessageOrigin { host, labels, url: settings.external_url.clone() };
        let delivery = PreparedDelivery::new(&settings.deliveries, &origin).map_err(AppError::Delivery)?;
        Ok(Prepared {
            discovery: Discovery::new(&settings.finds).map_err(AppError::Paths)?,
            plan: match running {
                Some(engine) => engine.prepare(&settings.plan).map_err(AppError::Rules)?,
                None => PreparedPlan::new(&settings.plan).map_err(AppError::Rules)?,
            },
            delivery,
        })
    }
}

/// The listener for HTTP, if one is configured. Connections wait until the daemon has started.
///
/// # Errors
/// If the address cannot be bound.
pub fn listen(settings: &Settings) -> Result<Option<TcpListener>, AppError> {
    settings.listen.map(http::listen).transpose().map_err(AppError::Listen)
}
