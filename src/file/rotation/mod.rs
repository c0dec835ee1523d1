//! Rotation: the names that it gives to files ([`names`]) and the search for a file that it moved, copied or compressed
//! ([`search`]) among the names that its directory has ([`listing`]).

pub mod contents;
pub mod listing;
pub mod names;
pub mod search;
mod surroundings;
