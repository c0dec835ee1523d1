//! The text of a pattern as the page and the terminal show it: what is fixed, and where it varies.

/// The text of a pattern, with nothing where it varies.
#[must_use]
pub fn parts(text: &str) -> Vec<Option<String>> {
    let (mut parts, mut rest) = (Vec::new(), text);
    while let Some((before, after)) = placeholder(rest) {
        if !before.is_empty() {
            parts.push(Some(before.to_owned()));
        }
        parts.push(None);
        rest = after;
    }
    if !rest.is_empty() {
        parts.push(Some(rest.to_owned()));
    }
    parts
}

/// What stands before and behind the first placeholder, such as `<IP>` or `<*>`.
fn placeholder(text: &str) -> Option<(&str, &str)> {
    for (start, _) in text.match_indices('<') {
        let rest = &text[start + 1..];
        let end = rest.find('>')?;
        let name = &rest[..end];
        if name == "*"
            || !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_uppercase() || byte == b'_')
        {
            return Some((&text[..start], &rest[end + 1..]));
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_varies_is_left_out_of_a_text() {
        let some = |text: &str| Some(text.to_owned());
        let found = parts("connect to <IP>:<N> failed <b> a<b <*>");
        assert_eq!(found, [some("connect to "), None, some(":"), None, some(" failed <b> a<b "), None]);
        assert_eq!(parts("<UUID>"), [None]);
        assert_eq!(parts("plain <"), [some("plain <")]);
        assert!(parts("").is_empty());
    }
}
