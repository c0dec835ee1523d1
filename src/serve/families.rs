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
    /// Whether it goes on after a restart, with the state.
    pub is_kept: bool,
    /// The figures, never none.
    pub samples: Vec<Sample>,
}

/// `families` in parts of at most `samples_max` samples.
#[must_use]
pub fn in_parts(families: Vec<Family>, samples_max: usize) -> Vec<Vec<Family>> {
    let mut parts = vec![Vec::new()];
    let mut room = samples_max;
    for mut family in families {
        while !family.samples.is_empty() {
            if room == 0 {
                parts.push(Vec::new());
                room = samples_max;
            }
            let rest = family.samples.split_off(family.samples.len().min(room));
            room -= family.samples.len();
            let Family { name, help, kind, is_kept, .. } = family;
            let samples = std::mem::replace(&mut family.samples, rest);
            if let Some(last) = parts.last_mut() {
                last.push(Family { name, help, kind, is_kept, samples });
            }
        }
    }
    parts
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

    /// A counter that goes on with the state.
    pub(super) fn kept_counter(&mut self, name: &'static str, help: &'static str, samples: Vec<Sample>) {
        self.counter(name, help, samples);
        if let Some(family) = self.0.last_mut().filter(|family| family.name == name) {
            family.is_kept = true;
        }
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
            self.0.push(Family { name, help, kind, is_kept: false, samples });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_are_bounded_and_lose_nothing() {
        let mut families = Families::default();
        for name in ["a", "b", "c"] {
            families.counter(name, "", (0..5).map(|n| Sample::whole(&[], n)).collect());
        }
        let parts = in_parts(families.0, 4);
        let sizes: Vec<usize> =
            parts.iter().map(|part| part.iter().map(|family| family.samples.len()).sum()).collect();
        assert_eq!(sizes, [4, 4, 4, 3]);
    }
}
