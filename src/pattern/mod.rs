//! Groups lines into patterns: which error it is. Pure: bytes in, ids out.
//!
//! A line loses its header ([`header`], [`message`]) and what visibly varies ([`mask`]); what is left is its [`signature`]. Over
//! nine in ten lines end there, in a table of known signatures. A new one belongs to the pattern with the same words, or to one
//! that differs only in places which turned out to vary ([`holes`]); otherwise it is a pattern of its own. The [`registry`] counts
//! them within fixed bounds.

mod amounts;
mod bytes;
mod header;
mod holes;
mod hosts;
mod id;
mod mask;
mod message;
mod one;
mod reader;
mod record;
mod registry;
mod render;
mod saved;
mod seen;
mod settings;
mod signature;
mod stamp;
#[cfg(test)]
mod tests;
mod trace;

pub use id::PatternId;
pub use one::{Pattern, PatternUsage};
pub use reader::SignatureReader;
pub use record::text_of_record;
pub use registry::{News, Registry, Sighting};
pub use saved::SavedRegistry;
pub use settings::PatternSettings;
