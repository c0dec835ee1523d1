//! Which part of a text is rarest in logs, so that a search for it seldom stops.

/// The `N` bytes of `text` that are rarest in logs, and their position: one of `known` if it is as rare.
pub(super) fn rarest<const N: usize>(text: &[u8], known: &[[u8; N]]) -> Option<(usize, [u8; N])> {
    let keys = text.windows(N).enumerate();
    let keys = keys.filter_map(|(at, key)| Some((at, <[u8; N]>::try_from(key).ok()?)));
    let cost = |key: &[u8; N]| key.iter().map(|byte| commonness(*byte)).sum::<u32>();
    keys.min_by_key(|(_, key)| (cost(key), !known.contains(key)))
}

/// The approximate frequency of a byte in logs.
pub(super) fn commonness(byte: u8) -> u32 {
    match byte {
        b' ' | b'0'..=b'2' | b'e' => 10,
        b'3'..=b'9' | b'a' | b'i' | b'n' | b'o' | b'r' | b's' | b't' => 8,
        b'c' | b'd' | b'l' | b'm' | b'p' | b'u' | b'.' | b':' | b'/' | b'-' | b'=' | b'"' | b',' => 6,
        b'a'..=b'z' | b'_' | b'[' | b']' | b'(' | b')' => 4,
        b'I' | b'N' | b'F' | b'O' | b'T' => 3,
        b'A'..=b'Z' => 2,
        _ => 1,
    }
}
