//! What the process itself takes, under the names that Prometheus' client libraries use.

use std::fs;

use rustix::process::{Resource, getrlimit};
use rustix::time::{ClockId, clock_gettime};

/// See the [module](self). What cannot be found out is absent.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct ProcessMetrics {
    /// How long processors worked for it, in seconds.
    pub cpu_s: f64,
    /// How much memory it occupies.
    pub resident_bytes: Option<f64>,
    /// How much address space it has.
    pub virtual_bytes: Option<f64>,
    /// How many descriptors are open.
    pub open_fds: Option<f64>,
    /// How many may be.
    pub fds_max: Option<f64>,
    /// How many threads it has.
    pub threads: Option<f64>,
}

impl ProcessMetrics {
    /// Those of this process now.
    #[must_use]
    #[allow(clippy::disallowed_methods, reason = "the kernel writes this file, in one line")]
    pub fn now() -> ProcessMetrics {
        let cpu = clock_gettime(ClockId::ProcessCPUTime);
        let statm = fs::read_to_string("/proc/self/statm").unwrap_or_default();
        let page_bytes = rustix::param::page_size() as f64;
        let pages = |at: usize| statm.split_whitespace().nth(at)?.parse::<f64>().ok();
        ProcessMetrics {
            cpu_s: cpu.tv_sec as f64 + cpu.tv_nsec as f64 / 1e9,
            resident_bytes: pages(1).map(|pages| pages * page_bytes),
            virtual_bytes: pages(0).map(|pages| pages * page_bytes),
            open_fds: entries("/proc/self/fd"),
            fds_max: getrlimit(Resource::Nofile).current.map(|max| max as f64),
            threads: entries("/proc/self/task"),
        }
    }
}

fn entries(folder: &str) -> Option<f64> {
    fs::read_dir(folder).ok().map(|entries| entries.count() as f64)
}
