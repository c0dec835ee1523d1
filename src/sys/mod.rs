//! The only unsafe code: mapped windows and their repair after SIGBUS, a SIMD search, and free memory given back; safe opening
//! and stat.

pub mod beginnings;
pub mod limits;
pub mod memory;
pub mod open;
pub mod sigbus;
pub mod window;
