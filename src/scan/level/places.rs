//! Places of a level that only some programs use.

/// Whether a level may stand between `head` and `rest` in any case, though no bracket or colon shows it. `has_time` says whether a
/// time is in `head`.
pub(super) fn is_special(head: &[u8], rest: &[u8], has_time: bool) -> bool {
    is_topic(head, rest, has_time)
        || is_component(head, rest)
        || is_padded(head, rest)
        || is_of_compiler(head, rest)
        // npm 10 and later.
        || head == b"npm "
}

/// Whether `ALERT` between them is the kind of an event of Nagios, which may be a recovery.
pub(super) fn is_event_of_nagios(head: &[u8]) -> bool {
    head.ends_with(b"SERVICE ") || head.ends_with(b"HOST ")
}

/// `system,error,critical login failure` of RouterOS.
fn is_topic(head: &[u8], rest: &[u8], has_time: bool) -> bool {
    let Some(topics) = head.strip_suffix(b",").filter(|_| matches!(rest.first(), Some(b',' | b' '))) else {
        return false;
    };
    let start = topics.iter().rposition(|b| *b == b' ').map_or(0, |space| space + 1);
    let is_name = |b: &u8| b.is_ascii_lowercase() || matches!(b, b',' | b'-');
    (start == 0 || has_time) && start < topics.len() && topics[start..].iter().all(is_name)
}

/// `[ns_server:error,2026-…` of Couchbase.
fn is_component(head: &[u8], rest: &[u8]) -> bool {
    let component = head.strip_prefix(b"[").and_then(|head| head.strip_suffix(b":"));
    rest.starts_with(b",")
        && component.is_some_and(|name| name.iter().all(|b| b.is_ascii_lowercase() || *b == b'_'))
}

/// `kern  :err   : [` of `dmesg --decode`.
fn is_padded(head: &[u8], rest: &[u8]) -> bool {
    head.ends_with(b" :") && rest.starts_with(b" ") && rest.trim_ascii_start().starts_with(b": ")
}

/// `error[E0425]: ` at the beginning of a line.
fn is_of_compiler(head: &[u8], rest: &[u8]) -> bool {
    head.is_empty()
        && rest.starts_with(b"[")
        && rest[..rest.len().min(16)].windows(3).any(|part| part == b"]: ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prose_is_no_special_place() {
        assert!(is_special(b"system,", b",critical x", false));
        assert!(!is_special(b"a retry,", b" x", false) && !is_special(b",", b",x", false));
        assert!(is_special(b"[ns:", b",2026", false) && !is_special(b"see ns:", b",2026", false));
        assert!(is_special(b"kern  :", b"   : [1]", false) && !is_special(b"a :", b" x", false));
        assert!(is_special(b"", b"[E0425]: x", false) && !is_special(b"", b"[12] x", false));
    }
}
