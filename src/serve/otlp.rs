//! Families as requests of OpenTelemetry's protocol (OTLP): cumulative sums with the time at which they began.

use std::collections::BTreeMap;

use opentelemetry_proto::tonic::collector::metrics::v1::ExportMetricsServiceRequest;
use opentelemetry_proto::tonic::common::v1::any_value::Value;
use opentelemetry_proto::tonic::common::v1::{AnyValue, InstrumentationScope, KeyValue};
use opentelemetry_proto::tonic::metrics::v1::metric::Data;
use opentelemetry_proto::tonic::metrics::v1::{
    AggregationTemporality, Gauge, Histogram, HistogramDataPoint, Metric, NumberDataPoint, ResourceMetrics,
    ScopeMetrics, Sum, number_data_point,
};
use opentelemetry_proto::tonic::resource::v1::Resource;
use prost::Message;

use super::families::{Family, FamilyKind, Sample, SampleValue};
use super::path_labels::OVERFLOW;

/// When figures were taken, and since when they count, in nanoseconds since the epoch.
#[derive(Debug, Clone, Copy, Default)]
pub struct SampleTimes {
    /// When they were taken.
    pub now_ns: u64,
    /// When the daemon started.
    pub started_ns: u64,
    /// When the state began, with which most counters go on.
    pub state_ns: u64,
}

/// The body of a request with `families` of the machine `host` with these `labels`.
#[must_use]
pub fn encode(
    families: &[Family],
    host: &str,
    labels: &BTreeMap<String, String>,
    times: SampleTimes,
) -> Vec<u8> {
    let metrics = families.iter().map(|family| metric(family, times)).collect();
    let scope = InstrumentationScope {
        name: "spiketail".to_owned(),
        version: env!("CARGO_PKG_VERSION").to_owned(),
        ..InstrumentationScope::default()
    };
    let request = ExportMetricsServiceRequest {
        resource_metrics: vec![ResourceMetrics {
            resource: Some(resource(host, labels)),
            scope_metrics: vec![ScopeMetrics { scope: Some(scope), metrics, ..ScopeMetrics::default() }],
            ..ResourceMetrics::default()
        }],
    };
    request.encode_to_vec()
}

fn resource(host: &str, labels: &BTreeMap<String, String>) -> Resource {
    let own = [
        ("service.name", "spiketail"),
        ("service.version", env!("CARGO_PKG_VERSION")),
        ("service.instance.id", host),
        ("host.name", host),
    ];
    let own = own.into_iter().map(|(name, value)| attribute(name, value));
    let labels = labels.iter().map(|(name, value)| attribute(name, value));
    Resource { attributes: own.chain(labels).collect(), ..Resource::default() }
}

fn attribute(name: &str, value: &str) -> KeyValue {
    let value = Some(AnyValue { value: Some(Value::StringValue(value.to_owned())) });
    KeyValue { key: name.to_owned(), value, ..KeyValue::default() }
}

fn metric(family: &Family, times: SampleTimes) -> Metric {
    let cumulative = AggregationTemporality::Cumulative.into();
    let data = match family.kind {
        FamilyKind::Gauge => Data::Gauge(Gauge {
            data_points: family.samples.iter().map(|sample| number(sample, 0, times)).collect(),
        }),
        FamilyKind::Counter => Data::Sum(Sum {
            data_points: family
                .samples
                .iter()
                .map(|sample| number(sample, began_ns(family, sample, times), times))
                .collect(),
            aggregation_temporality: cumulative,
            is_monotonic: true,
        }),
        FamilyKind::Histogram => Data::Histogram(Histogram {
            data_points: family.samples.iter().filter_map(|sample| durations(sample, times)).collect(),
            aggregation_temporality: cumulative,
        }),
    };
    Metric {
        name: family.name.to_owned(),
        description: family.help.to_owned(),
        data: Some(data),
        ..Metric::default()
    }
}

/// When a counter began. Receivers take a later time for a counter that begins anew.
fn began_ns(family: &Family, sample: &Sample, times: SampleTimes) -> u64 {
    let is_shared = sample.labels.iter().any(|(name, value)| *name == "path" && value == OVERFLOW);
    if family.is_kept && !is_shared { times.state_ns } else { times.started_ns }
}

fn attributes(sample: &Sample) -> Vec<KeyValue> {
    sample.labels.iter().map(|(name, value)| attribute(name, value)).collect()
}

fn number(sample: &Sample, began_ns: u64, times: SampleTimes) -> NumberDataPoint {
    let value = match &sample.value {
        SampleValue::Whole(value) => {
            number_data_point::Value::AsInt(i64::try_from(*value).unwrap_or(i64::MAX))
        }
        SampleValue::Real(value) => number_data_point::Value::AsDouble(*value),
        SampleValue::Durations(times) => number_data_point::Value::AsDouble(times.sum_s),
    };
    NumberDataPoint {
        attributes: attributes(sample),
        start_time_unix_nano: began_ns,
        time_unix_nano: times.now_ns,
        value: Some(value),
        ..NumberDataPoint::default()
    }
}

fn durations(sample: &Sample, times: SampleTimes) -> Option<HistogramDataPoint> {
    let SampleValue::Durations(durations) = &sample.value else { return None };
    let apart = durations.apart();
    Some(HistogramDataPoint {
        attributes: attributes(sample),
        start_time_unix_nano: times.started_ns,
        time_unix_nano: times.now_ns,
        count: durations.count,
        sum: Some(durations.sum_s),
        bucket_counts: apart.iter().map(|(_, count)| *count).collect(),
        explicit_bounds: apart.iter().map(|(bound, _)| *bound).filter(|bound| bound.is_finite()).collect(),
        ..HistogramDataPoint::default()
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::serve::families::Families;

    #[test]
    fn what_goes_on_with_the_state_began_with_it_and_the_rest_with_the_daemon() {
        let mut families = Families::default();
        let of = |path: &str| Sample::whole(&[("path", path)], 7);
        families.kept_counter("kept", "Kept.", vec![of("/x"), of(OVERFLOW)]);
        families.counter("anew", "Anew.", vec![of("/x")]);
        let times = SampleTimes { now_ns: 30, started_ns: 20, state_ns: 10 };
        let bytes = encode(&families.0, "web1", &BTreeMap::new(), times);
        let request = ExportMetricsServiceRequest::decode(bytes.as_slice()).unwrap();
        let metrics = &request.resource_metrics[0].scope_metrics[0].metrics;
        let began = |metric: &Metric| -> Vec<u64> {
            let Some(Data::Sum(sum)) = &metric.data else { panic!("{metric:?}") };
            sum.data_points.iter().map(|point| point.start_time_unix_nano).collect()
        };
        assert_eq!((began(&metrics[0]), began(&metrics[1])), (vec![10, 20], vec![20]));
    }
}
