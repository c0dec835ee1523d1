//! How a pattern is shown.

use crate::fmt;
use crate::pattern::mask::Piece;
use crate::pattern::signature::{Signature, Token};

/// Where a text may end, in bytes: what follows is not shown.
const TEXT_BYTES_MAX: usize = 160;

/// `message` with what varies in it, by the masks or by `tokens`, replaced by placeholders.
pub(super) fn text(message: &[u8], tokens: &[Token]) -> String {
    let mut text = Vec::with_capacity(TEXT_BYTES_MAX);
    let mut from = 0;
    for (piece, range, place) in Signature::places(message) {
        let placeholder = match piece {
            Piece::Wild(wild) => wild.placeholder(),
            Piece::Word | Piece::Key if tokens.get(place).is_some_and(|token| token.is_wild()) => "<*>",
            Piece::Word | Piece::Key => continue,
        };
        text.extend_from_slice(&message[from..range.start]);
        text.extend_from_slice(placeholder.as_bytes());
        from = range.end;
        if text.len() > TEXT_BYTES_MAX {
            break;
        }
    }
    text.extend_from_slice(&message[from..]);
    shown(&text, TEXT_BYTES_MAX)
}

/// `text` made printable, of which no more than about `bytes_max` bytes are kept.
pub(super) fn shown(text: &[u8], bytes_max: usize) -> String {
    let mut shown = fmt::sample(text);
    if shown.len() > bytes_max {
        let end = (0..=bytes_max).rev().find(|at| shown.is_char_boundary(*at)).unwrap_or(0);
        shown.truncate(end);
        shown.push('…');
    }
    shown.shrink_to_fit();
    shown
}
