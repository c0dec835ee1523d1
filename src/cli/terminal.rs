//! What commands print for people: text from outside is made printable at the last moment, whatever it went through.

use std::fmt::Display;
use std::io::{self, IsTerminal, Write};

use crate::fmt::printable_lines;

/// Writes to standard error, with the name of the program in front; a closed standard error is no reason to stop.
pub(super) fn print_error(error: impl Display) {
    let text = format!("spiketail: {error}\n");
    let _ = io::stderr().write_all(printable_lines(&text).as_bytes());
}

/// Writes lines to standard output. Whoever reads them may have read enough.
pub(super) fn print(text: &str) {
    let _ = io::stdout().write_all(printable_lines(text).as_bytes());
}

/// A terminal that says it is narrower than this does not say how wide it is.
const WIDTH_MIN: usize = 20;

/// How wide the terminal is at which standard output is shown. What is not shown on a terminal is read by programs, which want whole
/// lines.
pub(super) fn width() -> Option<usize> {
    let stdout = io::stdout();
    let size = stdout.is_terminal().then(|| rustix::termios::tcgetwinsize(stdout).ok()).flatten();
    size.map(|size| usize::from(size.ws_col)).filter(|width| *width >= WIDTH_MIN)
}
