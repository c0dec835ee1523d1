//! Exit statuses that several commands share.

/// Wrong usage, an invalid configuration, or a file that cannot be read.
pub(super) const EXIT_USAGE: u8 = 2;
