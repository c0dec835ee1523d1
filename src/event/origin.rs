//! What this machine is called, and the labels by which a fleet tells its machines apart.

use std::collections::BTreeMap;

/// See the [module](self). The default is a machine without a name.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct EventOrigin {
    /// The name: `host` of alerts, and their label `instance`.
    pub host: String,
    /// Whether the configuration gives that name, so that metrics and all other events have it as well.
    pub is_named: bool,
    /// Labels of everything that leaves the daemon.
    pub labels: BTreeMap<String, String>,
}

impl EventOrigin {
    /// The name that metrics and all events have.
    #[must_use]
    pub fn named_host(&self) -> Option<&str> {
        self.is_named.then_some(self.host.as_str())
    }

    /// The labels of something that has `own`, which replace those of the same name.
    #[must_use]
    pub fn labels_with(&self, own: BTreeMap<String, String>) -> BTreeMap<String, String> {
        let mut labels = self.labels.clone();
        labels.extend(own);
        labels
    }

    /// The labels that every metric has.
    #[must_use]
    pub fn metric_labels(&self) -> BTreeMap<String, String> {
        let host = self.named_host().map(|host| ("host".to_owned(), host.to_owned()));
        self.labels.clone().into_iter().chain(host).collect()
    }
}
