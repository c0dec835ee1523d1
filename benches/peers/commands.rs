//! The command line and the configuration of each program.

use std::fs;
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::ways::Way;

impl Way {
    /// The command that follows `glob`, and the port at which its counter is polled, if it is. Its files are in `own`.
    pub(crate) fn command(self, glob: &str, logs: &Path, own: &Path) -> (Command, Option<u16>) {
        match self {
            Way::Spiketail => (spiketail(glob, own, "100ms", None), None),
            Way::SpiketailAtOnce => (spiketail(glob, own, "0s", None), None),
            Way::SpiketailWithState => (spiketail(glob, own, "100ms", Some(&own.join("state"))), None),
            Way::TailGrep => (tail_grep(glob, logs), None),
            Way::Mtail => {
                let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
                (mtail(glob, own, port), Some(port))
            }
            Way::Rsyslog => (rsyslog(glob, own), None),
            Way::SyslogNg => (syslog_ng(glob, own), None),
            Way::FluentBit => (fluent_bit(glob), None),
            Way::Vector => (vector(glob, own), None),
        }
    }
}

fn write(own: &Path, name: &str, text: String) -> PathBuf {
    let path = own.join(name);
    fs::write(&path, text).unwrap();
    path
}

fn command(program: &str, args: &[&str]) -> Command {
    let mut command = Command::new(program);
    command.args(args);
    command
}

fn spiketail(glob: &str, own: &Path, interval: &str, state: Option<&Path>) -> Command {
    let config = format!(
        "[engine]\nreport_interval = {interval:?}\n[watch.logs]\npaths = [{glob:?}]\n[output.stdout]\ntype = \"json\"\n"
    );
    let config = write(own, "spiketail.toml", config);
    let mut command = command(env!("CARGO_BIN_EXE_spiketail"), &["run"]);
    match state {
        Some(folder) => command.arg("--state").arg(folder),
        None => command.arg("--no-state"),
    };
    command.arg("-c").arg(config);
    command
}

fn tail_grep(glob: &str, logs: &Path) -> Command {
    // It takes names, not patterns.
    let is_pattern = glob.contains('*') && !glob.contains("*/*");
    let all = ["app.log", "app-1.log", "app.1.log"];
    let known = if logs.join("app.log").exists() { &all[..1] } else { &all };
    let name = |name: &&str| logs.join(name).display().to_string();
    let names =
        if is_pattern { known.iter().map(name).collect::<Vec<_>>().join(" ") } else { glob.to_owned() };
    command("sh", &["-c", &format!("tail -q -n0 -F {names} | grep --line-buffered ERROR")])
}

fn mtail(glob: &str, own: &Path, port: u16) -> Command {
    fs::create_dir_all(own.join("progs")).unwrap();
    write(own, "progs/errors.mtail", "counter errors\n/ERROR/ {\n  errors++\n}\n".to_owned());
    let mut command = command("mtail", &["--logs", glob, "--address", "127.0.0.1"]);
    command.arg("--progs").arg(own.join("progs"));
    command.args(["--port", &port.to_string(), "--logtostderr"]);
    command
}

fn rsyslog(glob: &str, own: &Path) -> Command {
    let pipe = own.join("pipe");
    let _ = fs::remove_file(&pipe);
    let (file_type, mode) = (rustix::fs::FileType::Fifo, rustix::fs::Mode::RWXU);
    rustix::fs::mknodat(rustix::fs::CWD, &pipe, file_type, mode, 0).unwrap();
    let config = format!(
        "global(workDirectory=\"{own}\")\nmain_queue(queue.type=\"Direct\")\nmodule(load=\"imfile\" mode=\"inotify\")\n\
         template(name=\"raw\" type=\"string\" string=\"%rawmsg%\\n\")\n\
         ruleset(name=\"count\" queue.type=\"Direct\") {{ if $rawmsg contains \"ERROR\" then {{ action(type=\"ompipe\" pipe=\"{pipe}\" template=\"raw\") }} }}\n\
         input(type=\"imfile\" file=\"{glob}\" tag=\"x\" ruleset=\"count\")\n",
        own = own.display(),
        pipe = pipe.display(),
    );
    let config = write(own, "rsyslog.conf", config);
    let mut command = command("rsyslogd", &["-n", "-f"]);
    command.env("PATH", "/usr/sbin:/usr/bin:/sbin:/bin").arg(config).arg("-i").arg(own.join("pid"));
    command
}

fn syslog_ng(glob: &str, own: &Path) -> Command {
    let glob = Path::new(glob);
    let (folder, name) = (glob.parent().unwrap().display(), glob.file_name().unwrap().to_str().unwrap());
    let config = format!(
        "@version: current\noptions {{ flush-lines(1); stats-freq(0); }};\n\
         source logs {{ wildcard-file(base-dir(\"{folder}\") filename-pattern(\"{name}\") follow-freq(0.2) flags(no-parse)); }};\n\
         filter errors {{ match(\"ERROR\" value(\"MESSAGE\")); }};\n\
         destination out {{ file(\"/dev/stdout\" template(\"${{MESSAGE}}\\n\")); }};\n\
         log {{ source(logs); filter(errors); destination(out); }};\n"
    );
    let config = write(own, "syslog-ng.conf", config);
    let mut command = command("syslog-ng", &["-F", "--no-caps", "-f"]);
    command.arg(config).arg("-R").arg(own.join("persist")).arg("-p").arg(own.join("pid"));
    command.arg("-c").arg(own.join("control"));
    command
}

fn fluent_bit(glob: &str) -> Command {
    let path = format!("path={glob}");
    let mut command = command("fluent-bit", &["-q", "-f", "1", "-i", "tail", "-p", &path]);
    command.args(["-p", "read_from_head=true", "-p", "refresh_interval=1"]);
    command.args(["-F", "grep", "-m", "*", "-p", "regex=log ERROR"]);
    command.args(["-o", "stdout", "-m", "*", "-p", "format=json_lines"]);
    command
}

fn vector(glob: &str, own: &Path) -> Command {
    let config = format!(
        "data_dir = {own:?}\n[sources.logs]\ntype = \"file\"\ninclude = [{glob:?}]\nread_from = \"beginning\"\n\
         [transforms.errors]\ntype = \"filter\"\ninputs = [\"logs\"]\ncondition = 'contains(string!(.message), \"ERROR\")'\n\
         [sinks.out]\ntype = \"console\"\ninputs = [\"errors\"]\nencoding.codec = \"text\"\n"
    );
    let config = write(own, "vector.toml", config);
    let mut command = command("vector", &["-qq", "--config"]);
    command.arg(config);
    command
}
