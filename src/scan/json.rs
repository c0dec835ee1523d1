//! The members of a JSON object in a log line, complete or cut.
//!
//! A line is not always a complete document: it may be cut at the bound, be escaped wrongly, or continue after its brace.
//! So this reads members until it cannot continue, allocates nothing, and skips values without parsing them.

/// A value as it is written in the line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Value<'a> {
    /// The text between the quotes, still escaped.
    Text(&'a [u8]),
    /// An object with its braces.
    Object(&'a [u8]),
    /// A number, a name or an array.
    Other(&'a [u8]),
}

/// Iterates over the members of an object.
#[derive(Debug, Clone)]
pub(crate) struct Members<'a> {
    rest: &'a [u8],
}

impl<'a> Members<'a> {
    /// The members of the object at the beginning of `bytes`; none if there is no brace.
    pub(crate) fn new(bytes: &'a [u8]) -> Members<'a> {
        let bytes = bytes.trim_ascii_start();
        Members { rest: bytes.strip_prefix(b"{").unwrap_or_default() }
    }

    fn take(&mut self, bytes: usize) -> &'a [u8] {
        let (taken, rest) = self.rest.split_at(bytes.min(self.rest.len()));
        self.rest = rest;
        taken
    }

    fn value(&mut self) -> Option<Value<'a>> {
        Some(match self.rest.first()? {
            b'"' => {
                let (text, taken) = text(self.rest);
                self.take(taken);
                Value::Text(text)
            }
            b'{' => Value::Object(self.take(nested(self.rest))),
            b'[' => Value::Other(self.take(nested(self.rest))),
            _ => {
                let end = self.rest.iter().position(|b| matches!(b, b',' | b'}')).unwrap_or(self.rest.len());
                Value::Other(self.take(end).trim_ascii())
            }
        })
    }
}

impl<'a> Iterator for Members<'a> {
    type Item = (&'a [u8], Value<'a>);

    fn next(&mut self) -> Option<(&'a [u8], Value<'a>)> {
        let at = self.rest.iter().position(|b| !matches!(b, b',' | b' ' | b'\t' | b'\r'))?;
        self.take(at);
        if self.rest.first() != Some(&b'"') {
            self.rest = &[];
            return None;
        }
        let (key, taken) = text(self.rest);
        self.take(taken);
        self.rest = self.rest.trim_ascii_start();
        self.rest = self.rest.strip_prefix(b":").unwrap_or_default().trim_ascii_start();
        self.value().map(|value| (key, value))
    }
}

/// The text at the beginning of `bytes`, and its length with its quotes.
pub(crate) fn text(bytes: &[u8]) -> (&[u8], usize) {
    let mut at = 1;
    while let Some(found) = bytes.get(at..).and_then(|rest| memchr::memchr2(b'"', b'\\', rest)) {
        at += found;
        if bytes[at] == b'"' {
            return (&bytes[1..at], at + 1);
        }
        at += 2;
    }
    (bytes.get(1..).unwrap_or_default(), bytes.len())
}

/// The length of the object or array at the beginning of `bytes`.
fn nested(bytes: &[u8]) -> usize {
    let (mut at, mut depth) = (0, 0_u32);
    while at < bytes.len() {
        match bytes[at] {
            b'"' => {
                at += text(&bytes[at..]).1;
                continue;
            }
            b'{' | b'[' => depth += 1,
            b'}' | b']' => depth = depth.saturating_sub(1),
            _ => {}
        }
        at += 1;
        if depth == 0 {
            return at;
        }
    }
    bytes.len()
}

/// `text` with its quotes and backslashes unescaped, as far as `max` bytes. Escaped white space becomes a control
/// character, so that it does not match a space of a time format; other escapes stay as they are.
pub(super) fn unescaped(text: &[u8], max: usize) -> Vec<u8> {
    let mut plain = Vec::with_capacity(text.len().min(max));
    let mut bytes = text.iter();
    while let Some(byte) = bytes.next().filter(|_| plain.len() < max) {
        match (byte, bytes.as_slice().first()) {
            (b'\\', Some(b'n' | b'r' | b't')) => plain.push(b'\x01'),
            (b'\\', Some(escaped @ (b'"' | b'\\'))) => plain.push(*escaped),
            (byte, _) => {
                plain.push(*byte);
                continue;
            }
        }
        bytes.next();
    }
    plain
}

#[cfg(test)]
mod tests;
