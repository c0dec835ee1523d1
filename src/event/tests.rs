//! Whatever is emitted is decoded as it was, and stays one printable line of JSON.

use std::path::PathBuf;
use std::sync::{Arc, Mutex};

use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;
use tracing::Subscriber;
use tracing::subscriber::with_default;
use tracing_subscriber::Registry;
use tracing_subscriber::layer::{Context, Layer, SubscriberExt};

use super::*;
use crate::fmt::display_path;

#[derive(Clone, Default)]
struct Decoded(Arc<Mutex<Vec<Event>>>);

impl<S: Subscriber> Layer<S> for Decoded {
    fn on_event(&self, event: &tracing::Event<'_>, _ctx: Context<'_, S>) {
        self.0.lock().unwrap().extend(decode(event));
    }
}

fn decoded(emit: impl FnOnce()) -> Vec<Event> {
    let seen = Decoded::default();
    with_default(Registry::default().with(seen.clone()), emit);
    let seen = seen.0.lock().unwrap();
    seen.clone()
}

/// Any bytes as a path.
fn paths() -> impl Strategy<Value = PathBuf> {
    use std::os::unix::ffi::OsStringExt;
    vec(any::<u8>(), 0..20).prop_map(|bytes| std::ffi::OsString::from_vec(bytes).into())
}

fn texts() -> impl Strategy<Value = String> {
    prop_oneof![any::<String>(), "[\u{0}-\u{2f}\u{7f}-\u{9f}\\\\\"{}\u{202a}-\u{202e}]{0,20}"]
}

/// Decimals of a length that JSON readers do not round.
fn numbers() -> impl Strategy<Value = f64> {
    (-1_000_000_000_000i64..1_000_000_000_000).prop_map(|thousandths| thousandths as f64 / 1_000.0)
}

prop_compose! {
    fn alerts()(
        names in (texts(), texts(), texts(), texts(), texts(), texts()),
        times in (texts(), texts()),
        state in prop::sample::select(AlertState::ALL.to_vec()),
        severity in prop::sample::select(Severity::ALL.to_vec()),
        path in option::of(paths()),
        count in any::<u64>(),
        numbers in (numbers(), numbers()),
        expected in option::of(numbers()),
        lines in option::of(any::<u64>()),
        late in any::<bool>(),
        samples in vec(texts(), 0..4),
        parts in vec((texts(), any::<u64>(), numbers(), option::of(texts())), 0..3),
        outcome in option::of(any::<u64>()),
    ) -> AlertEvent {
        let (alert, watch, rule, condition, why, fingerprint) = names;
        let ((since, at), (window_s, threshold)) = (times, numbers);
        AlertEvent {
            alert, state, severity, watch, rule, path, condition, count, window_s, threshold, expected, lines, why,
            since, at, late, fingerprint, samples,
            pattern: parts.first().map(|(text, ..)| text.clone()),
            outputs: late.then(|| parts.iter().map(|(text, ..)| text.clone()).collect()),
            labels: parts.iter().map(|(text, ..)| (text.clone(), text.clone())).collect(),
            annotations: parts.iter().take(1).map(|(text, ..)| (text.clone(), text.clone())).collect(),
            runbook: parts.first().and_then(|(.., seen)| seen.clone()),
            host: parts.first().map(|(text, ..)| text.clone()).unwrap_or_default(),
            top_paths: parts.iter().map(|(text, n, ..)| AlertPath { path: text.clone(), count: *n }).collect(),
            patterns: parts.into_iter().map(|(text, count, share, first_seen)| AlertPattern {
                id: text.clone(), sample: text.clone(), text, count, before: count, share, new: late, first_seen,
            }).collect(),
            total: outcome,
            peak: outcome,
            duration_s: outcome,
        }
    }
}

/// The event as it arrives: its path has become text.
fn shown(event: &AlertEvent) -> AlertEvent {
    AlertEvent { path: event.path.as_deref().map(|path| display_path(path).into()), ..event.clone() }
}

#[test]
fn events_of_others_are_not_decoded() {
    let seen = decoded(|| {
        tracing::info!(target: "spiketail::counting", "not one of ours");
        tracing::error!(target: "spiketail::alert", state = "odd", "not one that we know");
    });
    assert_eq!(seen, []);
}

proptest! {
    #[test]
    fn an_alert_is_decoded_as_it_was_emitted(event in alerts()) {
        prop_assert_eq!(decoded(|| event.emit()), [Event::Alert(shown(&event))]);
    }

    #[test]
    fn an_alert_is_read_from_json_as_it_was_written(event in alerts()) {
        let json = serde_json::to_string(&event).unwrap();
        prop_assert_eq!(serde_json::from_str::<AlertEvent>(&json).unwrap(), shown(&event));
    }

    #[test]
    fn health_is_decoded_as_it_was_emitted(
        event in prop::sample::select(HealthKind::ALL.to_vec()),
        reason in texts(),
        count in option::of(any::<u64>()),
        warning in any::<bool>(),
    ) {
        let event = HealthEvent { event, reason, count, warning };
        prop_assert_eq!(decoded(|| event.emit()), [Event::Health(event)]);
    }

    #[test]
    fn files_and_counts_are_decoded_as_they_were_emitted(
        event in prop::sample::select(FileEventKind::ALL.to_vec()),
        names in (texts(), texts(), texts()),
        path in paths(),
        numbers in (any::<u64>(), option::of(any::<u64>()), option::of(any::<u64>())),
    ) {
        let ((watch, rule, reason), (generation, bytes, total)) = (names, numbers);
        let path = PathBuf::from(display_path(&path));
        let count =
            CountEvent { watch: watch.clone(), rule, path: path.clone(), delta: generation, total: 1, generation };
        let file = FileEvent { event, watch, path, reason, generation, bytes, offset: total, size: bytes, total };
        let both = decoded(|| {
            count.emit();
            file.emit();
        });
        prop_assert_eq!(both, [Event::Count(count), Event::File(file)]);
    }
}
