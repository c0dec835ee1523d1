//! The only unsafe code: mapped windows and their repair after SIGBUS; safe opening and stat.

pub mod limits;
pub mod open;
pub mod sigbus;
pub mod window;
