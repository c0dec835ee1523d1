//! Who an alert is: a hash of its labels that stays the same across restarts and hosts.

use xxhash_rust::xxh3::xxh3_64;

use crate::pattern::PatternId;

/// Identity of an alert, as 16 hexadecimal digits: the XXH3-64 hash of its labels in a fixed order.
///
/// ```
/// use spiketail::alert::fingerprint::fingerprint;
///
/// let watch_alert = fingerprint("error-spike", "app", "errors", None);
/// assert_eq!(watch_alert.len(), 16);
/// assert_ne!(watch_alert, fingerprint("error-spike", "app", "errors", Some(b"/var/log/app.log")));
/// ```
#[must_use]
pub fn fingerprint(alert: &str, watch: &str, rule: &str, path: Option<&[u8]>) -> String {
    // NUL can be in none of the labels, so no two sets of labels run together.
    let mut labels = [alert, watch, rule].join("\0").into_bytes();
    if let Some(path) = path {
        labels.push(0);
        labels.extend_from_slice(path);
    }
    format!("{:016x}", xxh3_64(&labels))
}

/// The identity of the alert for one pattern of those that `fingerprint` would be of together.
#[must_use]
pub fn of_pattern(fingerprint: &str, pattern: PatternId) -> String {
    format!("{:016x}", xxh3_64(format!("{fingerprint}\0{pattern}").as_bytes()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_depends_on_every_label_and_on_nothing_else() {
        let base = fingerprint("a", "w", "r", None);
        assert_eq!(base, fingerprint("a", "w", "r", None));
        assert_eq!(base.len(), 16);
        for other in [
            fingerprint("b", "w", "r", None),
            fingerprint("a", "x", "r", None),
            fingerprint("a", "w", "s", None),
            fingerprint("a", "w", "r", Some(b"/p")),
            fingerprint("a", "wr", "", None),
        ] {
            assert_ne!(base, other);
        }
    }
}
