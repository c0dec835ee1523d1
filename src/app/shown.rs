//! Alerts as the page and the terminal show them, from what is reported of them. The daemon and `replay` use the same.

use jiff::Timestamp;

use crate::event::{AlertEvent, AlertPattern};
use crate::fmt::{display_path, printable};
use crate::serve::api::{AlertPart, PastAlert, PatternRate};
use crate::serve::parts::parts;

/// This many times the usual is more than usual.
const RISEN: f64 = 2.0;

/// A time of an event, in seconds since the epoch.
pub(crate) fn time(text: &str) -> f64 {
    text.parse::<Timestamp>().map_or(0.0, |at| at.as_millisecond() as f64 / 1e3)
}

/// A part of the count of an alert, with the text of its pattern if that is among `patterns`.
pub(crate) fn part(known: &AlertPattern, patterns: &[PatternRate]) -> AlertPart {
    let has_risen = known.count as f64 >= RISEN * known.before.max(1) as f64;
    let state = match (known.new, has_risen) {
        (true, _) => "new",
        (false, true) => "risen",
        (false, false) => "usual",
    };
    let shown = patterns.iter().find(|shown| shown.id == known.id);
    let of_text = || parts(&known.text);
    AlertPart {
        id: known.id.clone(),
        parts: shown.map_or_else(of_text, |shown| shown.parts.clone()),
        state: state.to_owned(),
        usual: known.before as f64,
        now: known.count,
        share: known.share,
        sample: known.sample.clone(),
    }
}

/// The kind of place that a path is, and what people call it: the pod, the unit, or the file.
pub(crate) fn place_of(path: &str) -> (&'static str, String) {
    if let Some(unit) = path.strip_prefix("journal:") {
        return ("unit", unit.to_owned());
    }
    // The kubelet writes to NAMESPACE_POD_UID/CONTAINER/N.log; namespaces and pods hold no `_`.
    let pod = path.strip_prefix("/var/log/pods/").and_then(|rest| rest.split('/').next());
    let mut parts = pod.unwrap_or_default().split('_');
    if let (Some(namespace), Some(name), Some(_)) = (parts.next(), parts.next(), parts.next()) {
        return ("pod", format!("{namespace}/{name}"));
    }
    ("file", path.to_owned())
}

/// An alert that is over.
pub(crate) fn past(event: &AlertEvent) -> PastAlert {
    let to = time(&event.at);
    PastAlert {
        fingerprint: event.fingerprint.clone(),
        name: event.alert.clone(),
        severity: event.severity.as_str().to_owned(),
        watch: event.watch.clone(),
        place: event.path.as_deref().map(display_path).or_else(|| event.pattern.clone()),
        why: printable(&event.why).into_owned(),
        patterns: event.patterns.iter().map(|known| part(known, &[])).collect(),
        from: to - event.duration_s.unwrap_or_default() as f64,
        to,
        peak: event.peak.unwrap_or_default(),
        total: event.total.unwrap_or_default(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_have_the_names_that_people_know() {
        let pod = "/var/log/pods/shop_checkout-7d9f4c6b5-x2k8p_5b1e07c2/checkout/0.log";
        assert_eq!(place_of(pod), ("pod", "shop/checkout-7d9f4c6b5-x2k8p".to_owned()));
        assert_eq!(place_of("journal:nginx.service"), ("unit", "nginx.service".to_owned()));
        for path in ["/var/log/app.log", "/var/log/pods/x/0.log", "/var/log/pods/a_b", "journal"] {
            assert_eq!(place_of(path), ("file", path.to_owned()));
        }
    }
}
