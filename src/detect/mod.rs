//! Counts over time, and the conditions that make them an alert. Pure: time is an argument.

pub mod baseline;
pub mod buckets;
pub mod burn;
pub mod burn_settings;
pub mod condition;
pub mod condition_state;
mod fading;
pub mod judge;
mod pause;
mod peaks;
pub mod scales;
pub mod series;
pub mod spike;

/// A point on the engine's time line, in milliseconds since the Unix epoch.
///
/// The engine anchors it to the wall clock once and advances it by the monotonic clock, so that a step of the
/// wall clock neither empties nor stretches a window.
pub type Millis = i64;
