//! Families as text, in Prometheus' own format or in OpenMetrics.

use std::collections::BTreeMap;
use std::fmt;

use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, MetricEncoder, NoLabelSet, prometheus_text, text};
use prometheus_client::metrics::MetricType;
use prometheus_client::metrics::exemplar::Exemplar;
use prometheus_client::registry::Registry;

use super::families::{Family, FamilyKind, Sample, SampleValue};

/// A text format.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TextFormat {
    /// That of Prometheus, version 0.0.4.
    Prometheus,
    /// OpenMetrics, version 1.0.0.
    OpenMetrics,
}

impl TextFormat {
    /// Its media type.
    #[must_use]
    pub fn media_type(self) -> &'static str {
        match self {
            TextFormat::Prometheus => "text/plain; version=0.0.4; charset=utf-8",
            TextFormat::OpenMetrics => "application/openmetrics-text; version=1.0.0; charset=utf-8",
        }
    }
}

/// `families` as text. Every sample has `labels` as well.
#[must_use]
pub fn text(families: Vec<Family>, labels: BTreeMap<String, String>, format: TextFormat) -> String {
    let labels = labels.into_iter().map(|(name, value)| (name.into(), value.into()));
    let mut registry = Registry::with_labels(labels);
    registry.register_collector(Box::new(Gathered(families)));
    let mut shown = String::new();
    // Writing to memory does not fail.
    let _ = match format {
        TextFormat::Prometheus => prometheus_text::encode(&mut shown, &registry),
        TextFormat::OpenMetrics => text::encode(&mut shown, &registry),
    };
    shown
}

#[derive(Debug)]
struct Gathered(Vec<Family>);

impl Collector for Gathered {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> fmt::Result {
        for family in &self.0 {
            let kind = match family.kind {
                FamilyKind::Counter => MetricType::Counter,
                FamilyKind::Gauge => MetricType::Gauge,
                FamilyKind::Histogram => MetricType::Histogram,
            };
            let mut encoder = encoder.encode_descriptor(family.name, family.help, None, kind)?;
            for sample in &family.samples {
                if sample.labels.is_empty() {
                    put(&mut encoder, family.kind, sample)?;
                } else {
                    put(&mut encoder.encode_family(&sample.labels)?, family.kind, sample)?;
                }
            }
        }
        Ok(())
    }
}

/// Nothing has an example.
const NO_EXEMPLAR: Option<&Exemplar<NoLabelSet, f64>> = None;

fn put(encoder: &mut MetricEncoder<'_>, kind: FamilyKind, sample: &Sample) -> fmt::Result {
    match (&sample.value, kind) {
        (SampleValue::Whole(value), FamilyKind::Counter) => encoder.encode_counter(value, NO_EXEMPLAR),
        (SampleValue::Whole(value), _) => encoder.encode_gauge(value),
        (SampleValue::Real(value), FamilyKind::Counter) => encoder.encode_counter(value, NO_EXEMPLAR),
        (SampleValue::Real(value), _) => encoder.encode_gauge(value),
        (SampleValue::Durations(times), _) => {
            encoder.encode_histogram::<NoLabelSet>(times.sum_s, times.count, &times.apart(), None)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::serve::families::{DurationMetrics, Families};

    fn shown(format: TextFormat) -> String {
        let mut families = Families::default();
        families.counter("a", "Of a.", vec![Sample::whole(&[("path", "x\"\n\\")], u64::MAX)]);
        families.gauge("b", "Of b.", vec![Sample::real(&[], 0.5)]);
        families.gauge("none", "Nothing.", Vec::new());
        let times =
            DurationMetrics { buckets: vec![(0.001, 2), (0.5, 2), (f64::INFINITY, 3)], count: 3, sum_s: 1.5 };
        families.durations("c_seconds", "Of c.", &times);
        text(families.0, BTreeMap::from([("dc".to_owned(), "fra".to_owned())]), format)
    }

    #[test]
    fn both_formats_have_the_same_samples_under_the_names_that_each_wants() {
        let head = |total: &str| {
            format!(
                "# HELP a{total} Of a.\n# TYPE a{total} counter\na_total{{dc=\"fra\",path=\"x\\\"\\n\\\\\"}} 18446744073709551615\n\
                 # HELP b Of b.\n# TYPE b gauge\nb{{dc=\"fra\"}} 0.5\n# HELP c_seconds Of c.\n# TYPE c_seconds histogram\n"
            )
        };
        let histogram = |text: &str| -> Vec<String> {
            let mut lines: Vec<String> =
                text.lines().filter(|line| line.starts_with("c_")).map(str::to_owned).collect();
            lines.sort();
            lines
        };
        let expected = [
            "c_seconds_bucket{dc=\"fra\",le=\"+Inf\"} 3",
            "c_seconds_bucket{dc=\"fra\",le=\"0.001\"} 2",
            "c_seconds_bucket{dc=\"fra\",le=\"0.5\"} 2",
            "c_seconds_count{dc=\"fra\"} 3",
            "c_seconds_sum{dc=\"fra\"} 1.5",
        ];
        let (plain, open) = (shown(TextFormat::Prometheus), shown(TextFormat::OpenMetrics));
        assert!(plain.starts_with(&head("_total")), "{plain}");
        assert!(open.starts_with(&head("")) && open.ends_with("# EOF\n"), "{open}");
        assert_eq!(
            (histogram(&plain), histogram(&open)),
            (expected.map(str::to_owned).into(), expected.map(str::to_owned).into())
        );
    }
}
