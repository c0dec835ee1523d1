//! TOML to validated settings, with errors that name file, line and what would be right.

pub mod settings;
