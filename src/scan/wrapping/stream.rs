//! The streams of a program.

/// Which stream of the program a line is of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Stream {
    Out = 0,
    Err = 1,
}
