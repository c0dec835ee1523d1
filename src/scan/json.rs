//! The members of a JSON object that stands in a log line, whole or cut.
//!
//! A line is not always a whole document: it may be cut at the bound, be escaped badly, or go on after its brace. So this
//! walks along and gives what it finds until it is lost, allocates nothing, and skips values without looking into them.

/// A value as it stands in the line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Value<'a> {
    /// What stands between the quotes, still escaped.
    Text(&'a [u8]),
    /// An object with its braces.
    Object(&'a [u8]),
    /// A number, a name or an array.
    Other(&'a [u8]),
}

/// Walks over the members of the object that `bytes` begin with.
#[derive(Debug, Clone)]
pub(super) struct Members<'a> {
    rest: &'a [u8],
}

impl<'a> Members<'a> {
    /// The members of the object at the beginning of `bytes`, of which there are none if no brace is there.
    pub(super) fn new(bytes: &'a [u8]) -> Members<'a> {
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

/// The text whose opening quote `bytes` begin with, and how many bytes it takes with its quotes.
pub(super) fn text(bytes: &[u8]) -> (&[u8], usize) {
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

/// How many bytes the object or array at the beginning of `bytes` takes.
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

/// `text` with its quotes and backslashes unescaped, as far as `max` bytes. White space that is escaped becomes a control
/// character, so that it is not taken for the space that a format asks for; other escapes stay as they are.
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
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn members(json: &str) -> Vec<(String, Value<'_>)> {
        let text = |key: &[u8]| String::from_utf8(key.to_vec()).unwrap();
        Members::new(json.as_bytes()).map(|(key, value)| (text(key), value)).collect()
    }

    #[test]
    fn members_of_the_outermost_object_only() {
        let found = members(r#" {"a":"x\"y", "b" : {"c":[1,"}"]} ,"d":[{"e":1}],"f":-1.5e3,"g":null}"#);
        let wanted = [
            ("a", Value::Text(br#"x\"y"#)),
            ("b", Value::Object(br#"{"c":[1,"}"]}"#)),
            ("d", Value::Other(br#"[{"e":1}]"#)),
            ("f", Value::Other(b"-1.5e3")),
            ("g", Value::Other(b"null")),
        ];
        assert_eq!(found, wanted.map(|(key, value)| (key.to_owned(), value)));
    }

    #[test]
    fn a_cut_object_gives_what_there_is() {
        assert_eq!(members(r#"{"a":1,"b":"cut he"#).len(), 2);
        assert_eq!(members(r#"{"a":1,"b":{"c""#).len(), 2);
        assert_eq!(members(r#"{"a":1,"b"#).len(), 1);
        assert_eq!(members(r#"{'a':1}"#).len(), 0);
        assert_eq!(members("not json").len(), 0);
    }

    #[test]
    fn escapes_are_undone() {
        assert_eq!(unescaped(br#"a\"b\\c\nd\"#, 100), b"a\"b\\c\x01d\\");
        assert_eq!(unescaped(b"abc", 2), b"ab");
    }

    proptest! {
        #[test]
        fn any_bytes_end(bytes in prop::collection::vec(prop::sample::select(b"{}[]\",:\\ a1".to_vec()), 0..60)) {
            prop_assert!(Members::new(&bytes).count() <= bytes.len());
        }
    }
}
