//! CPU time and memory of a process and its children.

use std::fs;
use std::process::Child;

use rustix::process::{Pid, Signal, kill_process_group};

/// A running program with its children. It is killed when dropped.
pub(crate) struct Running(pub Child);

/// The processor's time of Linux's accounting is in hundredths of a second.
const TICKS_PER_SECOND: f64 = 100.0;

impl Running {
    fn pids(&self) -> Vec<u32> {
        let mut pids = vec![self.0.id()];
        let mut at = 0;
        while at < pids.len() {
            let path = format!("/proc/{pid}/task/{pid}/children", pid = pids[at]);
            let children = fs::read_to_string(path).unwrap_or_default();
            pids.extend(children.split_whitespace().filter_map(|pid| pid.parse::<u32>().ok()));
            at += 1;
        }
        pids
    }

    /// Seconds of processor time so far.
    pub(crate) fn cpu_s(&self) -> f64 {
        let ticks = |pid: u32| {
            let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
            let fields: Vec<&str> = stat.rsplit(')').next().unwrap_or_default().split_whitespace().collect();
            let field = |at: usize| fields.get(at).and_then(|field| field.parse::<u64>().ok()).unwrap_or(0);
            field(11) + field(12)
        };
        self.pids().into_iter().map(ticks).sum::<u64>() as f64 / TICKS_PER_SECOND
    }

    /// A figure of `status`, such as the peak of its memory in kB, over all processes.
    fn sum(&self, name: &str) -> u64 {
        let of = |pid: u32| {
            let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
            let line = status.lines().find(|line| line.starts_with(name)).unwrap_or_default().to_owned();
            line.split_whitespace().nth(1).and_then(|n| n.parse::<u64>().ok()).unwrap_or(0)
        };
        self.pids().into_iter().map(of).sum()
    }

    /// Peak memory in MB.
    pub(crate) fn peak_mb(&self) -> f64 {
        self.sum("VmHWM:") as f64 * 1024.0 / 1e6
    }

    /// Memory now in MB.
    pub(crate) fn rss_mb(&self) -> f64 {
        self.sum("VmRSS:") as f64 * 1024.0 / 1e6
    }

    /// How often any of its threads gave up the processor by itself.
    pub(crate) fn wake_ups(&self) -> u64 {
        let of = |pid: u32| -> u64 {
            let tasks = fs::read_dir(format!("/proc/{pid}/task")).into_iter().flatten().flatten();
            let status = tasks.filter_map(|task| fs::read_to_string(task.path().join("status")).ok());
            let switches = status.filter_map(|status| {
                let line = status.lines().find(|line| line.starts_with("voluntary_ctxt"))?.to_owned();
                line.split_whitespace().nth(1)?.parse::<u64>().ok()
            });
            switches.sum()
        };
        self.pids().into_iter().map(of).sum()
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = kill_process_group(Pid::from_child(&self.0), Signal::KILL);
        let _ = self.0.wait();
    }
}
