//! One pathname as one perpetual stream of bytes, through every rotation and truncation.

pub mod settings;
pub mod source;
