//! Rules over bytes. Pure: bytes in, counts out.

pub mod rules;
pub mod scanner;
