//! Rotation: the names that it gives to files ([`names`]) and the search for a file that it moved, copied or compressed
//! ([`search`]).

pub mod names;
pub mod search;
