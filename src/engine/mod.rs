//! Workers and turns: the only place where the steps of a turn meet.

pub mod settings;
