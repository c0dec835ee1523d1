//! A Debian that boots systemd in a container, clean each time.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};
use tempfile::TempDir;

use crate::common::pause;

const SUITE: &str = "bookworm";
const PACKAGES: &str = "systemd-sysv,dbus,logrotate,procps";
const BOOT_LIMIT: Duration = Duration::from_secs(60);
const STOP_LIMIT: Duration = Duration::from_secs(20);

/// A booted machine. It is stopped when dropped.
pub(crate) struct Machine {
    folder: TempDir,
    nspawn: Child,
    leader: Pid,
    steps: Vec<String>,
}

/// The root that every machine begins with. It takes most of a minute to make, and is kept.
fn root() -> PathBuf {
    static MAKING: Mutex<()> = Mutex::new(());
    let _making = MAKING.lock().unwrap_or_else(PoisonError::into_inner);
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("root-{SUITE}"));
    let done = folder.join("complete");
    if !done.exists() {
        let _ = fs::remove_dir_all(&folder);
        fs::create_dir_all(&folder).unwrap();
        let root = folder.join("root");
        let mut debootstrap = Command::new("debootstrap");
        let debootstrap =
            debootstrap.args(["--variant=minbase", &format!("--include={PACKAGES}"), SUITE]).arg(&root);
        let output = debootstrap.output().expect("debootstrap is there");
        assert!(output.status.success(), "debootstrap: {}", String::from_utf8_lossy(&output.stdout));
        fs::write(done, "").unwrap();
    }
    folder.join("root")
}

impl Machine {
    /// Boots, with `packages` at /pkg.
    pub(crate) fn boot(packages: &Path) -> Machine {
        let folder = tempfile::tempdir().unwrap();
        for name in ["upper", "work", "merged", "log"] {
            fs::create_dir(folder.path().join(name)).unwrap();
        }
        // In mounts of its own, so that nothing is left of them.
        let script = format!(
            "set -e; cd {folder}
             mount -t overlay overlay -o lowerdir={root},upperdir=upper,workdir=work merged
             umount -R /sys/fs/cgroup 2>/dev/null || true
             mount -t cgroup2 cgroup2 /sys/fs/cgroup
             export SYSTEMD_NSPAWN_UNIFIED_HIERARCHY=1
             exec systemd-nspawn -q -b -D merged -M {name} --register=no --keep-unit --private-network \
                --console=pipe --link-journal=no --resolv-conf=off --timezone=off --system-call-filter=bpf \
                --bind={folder}/log:/var/log --bind-ro={packages}:/pkg",
            folder = folder.path().display(),
            root = root().display(),
            // Each machine has a name of its own, also in one process.
            name = folder.path().file_name().unwrap().display().to_string().replace('.', "spiketail-"),
            packages = packages.display(),
        );
        let console = fs::File::create(folder.path().join("console")).unwrap();
        let nspawn = Command::new("unshare")
            .args(["--mount", "--propagation", "private", "bash", "-c", &script])
            .stdin(Stdio::null())
            .stdout(console.try_clone().unwrap())
            .stderr(console)
            .spawn()
            .unwrap();
        let begun = Instant::now();
        let leader = loop {
            if let Some(leader) = child_of(nspawn.id()) {
                break leader;
            }
            let said = || fs::read_to_string(folder.path().join("console")).unwrap_or_default();
            assert!(begun.elapsed() < BOOT_LIMIT, "no container: {}", said());
            pause(Duration::from_millis(50));
        };
        let mut machine = Machine { folder, nspawn, leader, steps: Vec::new() };
        machine.until("it has booted", "systemctl is-system-running | grep -E 'running|degraded'");
        machine.step(&format!("booted in {} ms", begun.elapsed().as_millis()));
        machine
    }

    /// Notes what was seen.
    pub(crate) fn step(&mut self, what: &str) {
        println!("{what}");
        self.steps.push(what.to_owned());
    }

    /// Its folder /var/log, as it is seen from outside.
    pub(crate) fn logs(&self) -> PathBuf {
        self.folder.path().join("log")
    }

    /// What `script` prints inside, and whether it succeeded.
    pub(crate) fn attempt(&self, script: &str) -> (bool, String) {
        let leader = self.leader.as_raw_nonzero().to_string();
        let output =
            Command::new("nsenter").args(["-t", &leader, "-a", "bash", "-c", script]).output().unwrap();
        let text = [output.stdout, output.stderr].concat();
        (output.status.success(), String::from_utf8_lossy(&text).trim().to_owned())
    }

    /// What `script` prints inside. It has to succeed.
    #[track_caller]
    pub(crate) fn run(&self, script: &str) -> String {
        let (is_good, said) = self.attempt(script);
        assert!(is_good, "{script}: {said}\n{}", self.attempt("journalctl -n 50 --no-pager").1);
        said
    }

    /// Waits until `script` succeeds inside, and gives what it prints.
    #[track_caller]
    pub(crate) fn until(&self, what: &str, script: &str) -> String {
        let begun = Instant::now();
        loop {
            let (is_good, said) = self.attempt(script);
            if is_good {
                return said;
            }
            let journal = || self.attempt("journalctl -n 60 --no-pager").1;
            assert!(begun.elapsed() < BOOT_LIMIT, "{what} did not come to be: {said}\n{}", journal());
            pause(Duration::from_millis(100));
        }
    }

    /// Writes what was seen, in order, where the gate looks for it.
    pub(crate) fn keep_steps(&self, name: &str) {
        let steps: String = self.steps.iter().map(|step| format!("{step}\n")).collect();
        fs::write(Path::new(env!("CARGO_TARGET_TMPDIR")).join(name), steps).unwrap();
    }
}

impl Drop for Machine {
    fn drop(&mut self) {
        // SIGRTMIN+4 asks systemd to power off.
        let _ =
            Command::new("kill").args(["-s", "RTMIN+4", &self.leader.as_raw_nonzero().to_string()]).status();
        let begun = Instant::now();
        while self.nspawn.try_wait().ok().flatten().is_none() {
            if begun.elapsed() > STOP_LIMIT {
                // With the first process of a container all others go.
                let _ = kill_process(self.leader, Signal::KILL);
            }
            pause(Duration::from_millis(50));
        }
    }
}

fn child_of(pid: u32) -> Option<Pid> {
    let children = fs::read_to_string(format!("/proc/{pid}/task/{pid}/children")).ok()?;
    let child = children.split_whitespace().next()?.parse().ok()?;
    // Before it is the first process of its namespace, it is a helper of nspawn's.
    let status = fs::read_to_string(format!("/proc/{child}/status")).ok()?;
    let inner = status.lines().find_map(|line| line.strip_prefix("NSpid:"))?.split_whitespace().last()?;
    (inner == "1").then(|| Pid::from_raw(child)).flatten()
}
