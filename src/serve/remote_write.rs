//! Families as requests of Prometheus' remote write protocol, version 1.0: protobuf, compressed with snappy.
//!
//! <https://prometheus.io/docs/specs/prw/remote_write_spec/>

use std::collections::BTreeMap;

use prost::Message;

use super::families::{Family, FamilyKind, SampleValue};

/// Headers of a request.
pub const HEADERS: [(&str, &str); 3] = [
    ("content-type", "application/x-protobuf"),
    ("content-encoding", "snappy"),
    ("x-prometheus-remote-write-version", "0.1.0"),
];

#[derive(Clone, PartialEq, Message)]
struct WriteRequest {
    #[prost(message, repeated, tag = "1")]
    timeseries: Vec<TimeSeries>,
    #[prost(message, repeated, tag = "3")]
    metadata: Vec<MetricMetadata>,
}

#[derive(Clone, PartialEq, Message)]
struct TimeSeries {
    #[prost(message, repeated, tag = "1")]
    labels: Vec<Label>,
    #[prost(message, repeated, tag = "2")]
    samples: Vec<TimedValue>,
}

#[derive(Clone, PartialEq, Message)]
struct Label {
    #[prost(string, tag = "1")]
    name: String,
    #[prost(string, tag = "2")]
    value: String,
}

#[derive(Clone, PartialEq, Message)]
struct TimedValue {
    #[prost(double, tag = "1")]
    value: f64,
    #[prost(int64, tag = "2")]
    timestamp: i64,
}

#[derive(Clone, PartialEq, Message)]
struct MetricMetadata {
    #[prost(int32, tag = "1")]
    kind: i32,
    #[prost(string, tag = "2")]
    name: String,
    #[prost(string, tag = "4")]
    help: String,
}

/// The body of a request with `families` as they are at `at_ms`, milliseconds since the epoch. Every series has `labels` as well.
#[must_use]
pub fn encode(families: &[Family], labels: &BTreeMap<String, String>, at_ms: i64) -> Vec<u8> {
    let mut request = WriteRequest::default();
    for family in families {
        let total = if family.kind == FamilyKind::Counter { "_total" } else { "" };
        request.metadata.push(MetricMetadata {
            kind: match family.kind {
                FamilyKind::Counter => 1,
                FamilyKind::Gauge => 2,
                FamilyKind::Histogram => 3,
            },
            name: format!("{}{total}", family.name),
            help: family.help.to_owned(),
        });
        for sample in &family.samples {
            let mut put = |suffix: &str, more: Option<(&str, String)>, value: f64| {
                let mut all = labels.clone();
                let own = sample.labels.iter().map(|(name, value)| ((*name).to_owned(), value.clone()));
                all.extend(own.chain(more.map(|(name, value)| (name.to_owned(), value))));
                // An empty value is no label.
                all.retain(|_, value| !value.is_empty());
                all.insert("__name__".to_owned(), format!("{}{suffix}", family.name));
                request.timeseries.push(TimeSeries {
                    labels: all.into_iter().map(|(name, value)| Label { name, value }).collect(),
                    samples: vec![TimedValue { value, timestamp: at_ms }],
                });
            };
            match &sample.value {
                SampleValue::Whole(value) => put(total, None, *value as f64),
                SampleValue::Real(value) => put(total, None, *value),
                SampleValue::Durations(times) => {
                    let mut up_to = 0;
                    for (bound, count) in times.apart() {
                        up_to += count;
                        let bound = if bound.is_finite() { bound.to_string() } else { "+Inf".to_owned() };
                        put("_bucket", Some(("le", bound)), up_to as f64);
                    }
                    put("_sum", None, times.sum_s);
                    put("_count", None, times.count as f64);
                }
            }
        }
    }
    let plain = request.encode_to_vec();
    // Only what is longer than 4 GiB is refused.
    snap::raw::Encoder::new().compress_vec(&plain).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::serve::families::{DurationMetrics, Families, Sample};

    #[test]
    fn a_request_has_every_series_with_sorted_labels_and_a_time() {
        let mut families = Families::default();
        families.counter("a", "Of a.", vec![Sample::whole(&[("path", "/x"), ("watch", "")], 7)]);
        let times = DurationMetrics { buckets: vec![(0.5, 2)], count: 3, sum_s: 1.5 };
        families.durations("c_seconds", "Of c.", &times);
        let labels = BTreeMap::from([("instance".to_owned(), "web1".to_owned())]);
        let plain = snap::raw::Decoder::new().decompress_vec(&encode(&families.0, &labels, 123)).unwrap();
        let request = WriteRequest::decode(plain.as_slice()).unwrap();
        let shown: Vec<String> = request
            .timeseries
            .iter()
            .map(|series| {
                let labels: Vec<String> =
                    series.labels.iter().map(|label| format!("{}={}", label.name, label.value)).collect();
                let sample = &series.samples[0];
                format!("{} {} @{}", labels.join(","), sample.value, sample.timestamp)
            })
            .collect();
        assert_eq!(
            shown,
            [
                "__name__=a_total,instance=web1,path=/x 7 @123",
                "__name__=c_seconds_bucket,instance=web1,le=0.5 2 @123",
                "__name__=c_seconds_bucket,instance=web1,le=+Inf 3 @123",
                "__name__=c_seconds_sum,instance=web1 1.5 @123",
                "__name__=c_seconds_count,instance=web1 3 @123",
            ]
        );
        assert_eq!((request.metadata[0].kind, request.metadata[1].kind), (1, 3));
    }
}
