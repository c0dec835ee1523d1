//! The Debian package in a booted systemd: installed, steered, killed and removed as an operator would.
//!
//! `.ci/release x86_64-unknown-linux-musl && cargo test --test container -- --ignored`
#![allow(clippy::unwrap_used, clippy::disallowed_methods, reason = "a test that cannot go on fails")]

#[path = "../common/mod.rs"]
mod common;
mod machine;
mod packages;
mod replaced;

use std::fs::{self, File, OpenOptions};
use std::io::Write;
use std::os::unix::fs::{MetadataExt, PermissionsExt, chown};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use common::pause;
use machine::Machine;
use packages::Packages;
use serde_json::Value;

/// The group adm has the same number on every Debian.
const ADM: u32 = 4;
const LOG: &str = "/var/log/app/app.log";

/// Writes a line every millisecond or so, and follows rotation as programs do.
struct Writer {
    written: Arc<AtomicU64>,
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

fn opened(path: &Path) -> File {
    let file = OpenOptions::new().create(true).append(true).open(path).unwrap();
    chown(path, Some(0), Some(ADM)).unwrap();
    fs::set_permissions(path, fs::Permissions::from_mode(0o640)).unwrap();
    file
}

impl Writer {
    fn start(path: PathBuf) -> Writer {
        let (written, stop) = (Arc::new(AtomicU64::new(0)), Arc::new(AtomicBool::new(false)));
        let (count, ending) = (Arc::clone(&written), Arc::clone(&stop));
        let thread = std::thread::spawn(move || {
            let mut file = opened(&path);
            while !ending.load(Ordering::Relaxed) {
                let n = count.load(Ordering::Relaxed);
                file.write_all(format!("2026 ERROR number {n}\n2026 INFO fine\n").as_bytes()).unwrap();
                count.store(n + 1, Ordering::Relaxed);
                if n.is_multiple_of(20) {
                    let ino = file.metadata().unwrap().ino();
                    if fs::metadata(&path).map_or(0, |meta| meta.ino()) != ino {
                        file = opened(&path);
                    }
                }
                pause(Duration::from_millis(1));
            }
        });
        Writer { written, stop, thread: Some(thread) }
    }

    fn written(&self) -> u64 {
        self.written.load(Ordering::Relaxed)
    }

    /// Ends, and says how many lines there are.
    fn stop(mut self) -> u64 {
        self.stop.store(true, Ordering::Relaxed);
        self.thread.take().unwrap().join().unwrap();
        self.written()
    }
}

/// What the daemon says of the log: the total, and the bytes that it missed.
fn total(machine: &Machine) -> Option<(u64, u64)> {
    // Its exit status tells whether an alert fires.
    let (_, said) = machine.attempt("spiketail status --json");
    let status: Value = serde_json::from_str(&said).ok()?;
    let file = status["files"].as_array()?.iter().find(|file| file["path"] == LOG)?.clone();
    Some((file["lines_matched"]["errors"].as_u64()?, file["bytes_missed"].as_u64()?))
}

#[track_caller]
fn wait_total(machine: &Machine, written: u64) {
    let begun = Instant::now();
    loop {
        let found = total(machine);
        if found == Some((written, 0)) {
            return;
        }
        let is_late =
            begun.elapsed() > Duration::from_secs(60) || found.is_some_and(|(total, _)| total > written);
        assert!(
            !is_late,
            "{found:?} of {written}\n{}",
            machine.attempt("journalctl -t spiketail --no-pager | grep -v restart").1
        );
        pause(Duration::from_millis(100));
    }
}

fn pid(machine: &Machine) -> String {
    machine.run("systemctl show -p MainPID --value spiketail")
}

/// Waits until another process than `old` is active.
fn wait_restart(machine: &Machine, old: &str) {
    // Between the two there is none, which systemd says as 0.
    let other = format!(
        "now=$(systemctl show -p MainPID --value spiketail) && test $now != {old} && test $now != 0 && \
         systemctl is-active spiketail"
    );
    machine.until("a restart", &other);
}

#[test]
#[ignore = "needs root, systemd-nspawn, debootstrap and the package"]
fn a_service_that_operators_trust() {
    let packages = Packages::make();
    let mut machine = Machine::boot(packages.folder());
    install(&mut machine);
    let log = machine.logs().join("app/app.log");
    fs::create_dir(log.parent().unwrap()).unwrap();
    let writer = Writer::start(log);
    alert_in_the_journal(&mut machine);
    rotate(&mut machine, &writer);
    reload_and_deliver(&mut machine, &writer);
    restart(&mut machine, &writer);
    watchdog(&mut machine);
    let written = writer.stop();
    wait_total(&machine, written);
    machine.step(&format!("in the end: {written} lines written, as many counted, no byte missed"));
    purge(&mut machine);
    machine.keep_steps("container-steps.log");
}

fn install(machine: &mut Machine) {
    machine.run("DEBIAN_FRONTEND=noninteractive apt-get install -y /pkg/current.deb");
    machine.until("it is active", "systemctl is-active spiketail");
    let status = machine.run("systemctl show -p StatusText --value spiketail");
    assert!(status.contains("watching ") && status.contains("no alert firing"), "{status}");
    machine.step(&format!("installed, active: {status}"));
    let process = machine.run("cat /proc/$(systemctl show -p MainPID --value spiketail)/status");
    let field = |name: &str| {
        let line = process.lines().find_map(|line| line.strip_prefix(name));
        line.unwrap_or_else(|| panic!("no {name}")).trim().to_owned()
    };
    assert!(!field("Uid:").starts_with("0\t"), "{process}");
    assert_eq!((field("CapEff:"), field("CapBnd:")), ("0000000000000000".into(), "0000000000000000".into()));
    assert_eq!((field("NoNewPrivs:").as_str(), field("Seccomp:").as_str()), ("1", "2"));
    let sock = machine.run("stat -c %a /run/spiketail/status.sock; ls /var/lib/private/spiketail");
    assert!(sock.starts_with("660") && sock.contains("state.db"), "{sock}");
    machine.step("runs as nobody in particular, without capabilities, under a filter of system calls");
    let pages = machine.run(
        "ls /usr/share/man/man1 /usr/share/bash-completion/completions 2>/dev/null; spiketail --version",
    );
    assert!(pages.contains("spiketail 0"), "{pages}");
}

fn alert_in_the_journal(machine: &mut Machine) {
    let alert = machine.until("the alert", "journalctl -t spiketail -p err -o json -n 1 | grep error-spike");
    let alert: Value = serde_json::from_str(&alert).unwrap();
    assert_eq!(
        (&alert["SPIKETAIL_ALERT"], &alert["SPIKETAIL_STATE"]),
        (&"error-spike".into(), &"firing".into())
    );
    assert_eq!((&alert["_SYSTEMD_UNIT"], &alert["PRIORITY"]), (&"spiketail.service".into(), &"2".into()));
    assert!(alert["SPIKETAIL_SAMPLE"].to_string().contains("ERROR number"), "{alert}");
    let by_id = machine.run("journalctl MESSAGE_ID=0c3198f402634a3e85b6bb89cb4210e2 -o cat -n 1");
    machine.step(&format!("a log that only adm may read; in the journal: {by_id}"));
    let (_, status) = machine.attempt("spiketail status");
    assert!(status.contains("FIRING critical error-spike") && status.contains(LOG), "{status}");
    let explained = machine.run(&format!("spiketail explain {LOG}"));
    assert!(explained.contains("watched: [watch.system] means it, by /var/log/**/*.log"), "{explained}");
}

fn rotate(machine: &mut Machine, writer: &Writer) {
    machine.run(
        "printf '/var/log/app/app.log {\\n rotate 10\\n compress\\n delaycompress\\n nocreate\\n su root root\\n}\\n' > /etc/logrotate.d/app",
    );
    for _ in 0..4 {
        let before = writer.written();
        machine.run("logrotate -f /etc/logrotate.d/app");
        while writer.written() < before + 100 {
            pause(Duration::from_millis(10));
        }
    }
    let rotated = machine.run(
        "journalctl -t spiketail SPIKETAIL_EVENT=opened SPIKETAIL_PATH=/var/log/app/app.log -o cat | wc -l",
    );
    assert!(rotated.parse::<u32>().unwrap() >= 5, "{rotated}");
    machine.step("rotated four times by its own logrotate, under load");
}

fn reload_and_deliver(machine: &mut Machine, writer: &Writer) {
    let old = pid(machine);
    // A receiver on loopback, of what every Debian has.
    machine.run(
        r#"cat > /root/receive.pl <<'EOF'
use Socket;
socket(my $s, PF_INET, SOCK_STREAM, 0); setsockopt($s, SOL_SOCKET, SO_REUSEADDR, 1);
bind($s, sockaddr_in(9999, INADDR_LOOPBACK)) or die; listen($s, 5);
while (accept(my $c, $s)) {
    my ($head, $body) = ("", "");
    $head .= $_ while defined($_ = <$c>) && $_ ne "\r\n";
    my ($n) = $head =~ /content-length: (\d+)/i; read($c, $body, $n);
    open(my $out, ">>", "/root/received"); print $out "$body\n"; close $out;
    print $c "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok"; close $c;
}
EOF
systemd-run --quiet --unit receiver perl /root/receive.pl
printf '\n[output.pager]\ntype = "webhook"\nurl = "http://127.0.0.1:9999/"\n[alert.any]\nover = 0\n' >> /etc/spiketail/spiketail.toml
systemctl reload spiketail"#,
    );
    let received = machine.until("the webhook", "grep -m 1 '\"alertname\":\"any\"' /root/received");
    let message: Value = serde_json::from_str(received.lines().next().unwrap()).unwrap();
    assert_eq!(message["status"], "firing");
    assert_eq!(pid(machine), old, "a reload is no restart");
    machine.step("reloaded under load; an alert arrived at a webhook on loopback");
    machine.run("echo 'broken = [' >> /etc/spiketail/spiketail.toml; systemctl reload spiketail; sed -i '$d' /etc/spiketail/spiketail.toml");
    machine.until("the refusal", "journalctl -t spiketail -o cat | grep 'The old configuration stays'");
    machine.run("systemctl is-active spiketail");
    machine.step("refused a broken configuration and went on");
    assert!(writer.written() > 0);
}

fn restart(machine: &mut Machine, writer: &Writer) {
    for _ in 0..3 {
        machine.run("systemctl restart spiketail");
    }
    machine.step("restarted three times under load");
    for _ in 0..3 {
        let old = pid(machine);
        machine.run("systemctl kill -s KILL spiketail");
        wait_restart(machine, &old);
    }
    let restarts = machine.run("systemctl show -p NRestarts --value spiketail");
    assert_eq!(restarts, "3");
    let (before, (counted, missed)) = (writer.written(), total(machine).unwrap());
    machine.step(&format!(
        "killed with -9 three times, and restarted by systemd: {counted} counted, {before} were written by a moment before, {missed} bytes missed"
    ));
}

fn watchdog(machine: &mut Machine) {
    machine.run(
        "mkdir -p /etc/systemd/system/spiketail.service.d
         printf '[Service]\\nWatchdogSec=2\\nTimeoutAbortSec=1\\n' > /etc/systemd/system/spiketail.service.d/watchdog.conf
         systemctl daemon-reload; systemctl restart spiketail",
    );
    let old = pid(machine);
    pause(Duration::from_secs(5));
    assert_eq!(pid(machine), old, "a daemon that is well is left alone");
    machine.run(&format!("kill -STOP {old}"));
    wait_restart(machine, &old);
    let said = machine.run("journalctl -u spiketail -o cat | grep -i 'watchdog timeout' | tail -n 1");
    machine.step(&format!("stopped with SIGSTOP, and started anew: {said}"));
}

fn purge(machine: &mut Machine) {
    machine.run("rm -r /etc/systemd/system/spiketail.service.d; DEBIAN_FRONTEND=noninteractive apt-get purge -y spiketail");
    let left = machine.run(
        "find / -xdev -name '*spiketail*' -not -path '/proc/*' -not -path '/sys/*' -not -path '/var/log/*' \
         -not -path '/run/log/*' -not -path '/pkg/*' -not -path '/var/cache/apt/*'",
    );
    assert_eq!(left, "", "purge leaves nothing behind");
    assert!(
        machine.run("systemctl list-unit-files --no-pager").lines().all(|line| !line.contains("spiketail"))
    );
    machine.step("purged, and nothing is left");
}
