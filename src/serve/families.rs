//! Figures as families of samples: what answers to Prometheus and what is pushed are made from.

/// What kind of figure a family has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FamilyKind {
    /// It only grows. Prometheus appends `_total` to its name.
    Counter,
    /// It goes up and down.
    Gauge,
    /// How often something took how long.
    Histogram,
}

/// How long something took: the bounds in seconds with how many took no longer, how many there were, and the sum in seconds.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct DurationMetrics {
    /// Upper bounds and cumulative counts.
    pub buckets: Vec<(f64, u64)>,
    /// How many there were.
    pub count: u64,
    /// How long all took, in seconds.
    pub sum_s: f64,
}

impl DurationMetrics {
    /// Upper bounds, each with how many took longer than the one before; the last has no bound.
    #[must_use]
    pub fn apart(&self) -> Vec<(f64, u64)> {
        let bounds = self.buckets.iter().filter(|(bound, _)| bound.is_finite());
        let mut up_to = 0;
        let mut apart: Vec<(f64, u64)> = bounds
            .map(|(bound, cumulative)| {
                (*bound, cumulative.saturating_sub(std::mem::replace(&mut up_to, *cumulative)))
            })
            .collect();
        apart.push((f64::INFINITY, self.count.saturating_sub(up_to)));
        apart
    }
}

/// One figure.
#[derive(Debug, Clone)]
pub enum SampleValue {
    /// A whole number.
    Whole(u64),
    /// Any number.
    Real(f64),
    /// Durations.
    Durations(DurationMetrics),
}

/// A figure with what it is of.
#[derive(Debug, Clone)]
pub struct Sample {
    /// Names and values, by name.
    pub labels: Vec<(&'static str, String)>,
    /// The figure.
    pub value: SampleValue,
}

/// Figures of one name.
#[derive(Debug, Clone)]
pub struct Family {
    /// The name; of a counter without `_total`.
    pub name: &'static str,
    /// A sentence about it.
    pub help: &'static str,
    /// The kind.
    pub kind: FamilyKind,
    /// The figures, never none.
    pub samples: Vec<Sample>,
}

/// A label's name and value.
pub(super) type Label<'l> = (&'static str, &'l str);

impl Sample {
    pub(super) fn whole(labels: &[Label<'_>], value: u64) -> Sample {
        Sample { labels: owned(labels), value: SampleValue::Whole(value) }
    }

    pub(super) fn real(labels: &[Label<'_>], value: f64) -> Sample {
        Sample { labels: owned(labels), value: SampleValue::Real(value) }
    }
}

fn owned(labels: &[Label<'_>]) -> Vec<(&'static str, String)> {
    labels.iter().map(|(name, value)| (*name, (*value).to_owned())).collect()
}

/// Families that are being gathered. One without samples is left out.
#[derive(Default)]
pub(super) struct Families(pub(super) Vec<Family>);

impl Families {
    pub(super) fn counter(&mut self, name: &'static str, help: &'static str, samples: Vec<Sample>) {
        self.add(name, help, FamilyKind::Counter, samples);
    }

    pub(super) fn gauge(&mut self, name: &'static str, help: &'static str, samples: Vec<Sample>) {
        self.add(name, help, FamilyKind::Gauge, samples);
    }

    pub(super) fn durations(&mut self, name: &'static str, help: &'static str, times: &DurationMetrics) {
        let sample = Sample { labels: Vec::new(), value: SampleValue::Durations(times.clone()) };
        self.add(name, help, FamilyKind::Histogram, vec![sample]);
    }

    fn add(&mut self, name: &'static str, help: &'static str, kind: FamilyKind, samples: Vec<Sample>) {
        if !samples.is_empty() {
            self.0.push(Family { name, help, kind, samples });
        }
    }
}
