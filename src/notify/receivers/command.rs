//! Runs a program for each message: JSON on its standard input, and the main fields in its environment. No shell.

use std::process::Stdio;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::process::Command;

use crate::fmt::escape;
use crate::notify::http::SendOutcome;
use crate::notify::message::Notification;

/// At most this much of the standard error of the program is read, in bytes.
const STDERR_BYTES_MAX: u64 = 4_096;

pub(super) struct CommandClient {
    argv: Vec<String>,
    timeout: Duration,
}

impl CommandClient {
    pub(super) fn new(argv: &[String], timeout: Duration) -> CommandClient {
        CommandClient { argv: argv.to_vec(), timeout }
    }

    /// Runs the program with `message`. It is killed, with all that it started, when the timeout is over.
    pub(super) async fn send(&self, message: &Notification) -> SendOutcome {
        run(&self.argv, self.timeout, message).await
    }
}

async fn run(argv: &[String], timeout: Duration, message: &Notification) -> SendOutcome {
    let Some((program, args)) = argv.split_first() else {
        return SendOutcome::Refused("no program".to_owned());
    };
    let mut command = Command::new(program);
    command
        .args(args)
        .envs(environment(message))
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .process_group(0)
        .kill_on_drop(true);
    let mut child = match command.spawn() {
        Ok(child) => child,
        Err(error) => {
            return SendOutcome::Later(format!("cannot run {}: {error}", escape(program.as_bytes())), None);
        }
    };
    let group = child.id().and_then(|id| rustix::process::Pid::from_raw(id.cast_signed()));
    let json = serde_json::to_vec(message).unwrap_or_default();
    let (stdin, stderr) = (child.stdin.take(), child.stderr.take());
    let exchange = async {
        if let Some(mut stdin) = stdin {
            // A program need not read it.
            let _ = stdin.write_all(&json).await;
        }
        let mut output = Vec::new();
        if let Some(stderr) = stderr {
            let _ = stderr.take(STDERR_BYTES_MAX).read_to_end(&mut output).await;
        }
        (output, child.wait().await)
    };
    let outcome = tokio::time::timeout(timeout, exchange).await;
    let Ok((output, status)) = outcome else {
        if let Some(group) = group {
            let _ = rustix::process::kill_process_group(group, rustix::process::Signal::KILL);
        }
        return SendOutcome::Later(
            format!("it ran for longer than {} s and was killed", timeout.as_secs()),
            None,
        );
    };
    let first = output.split(|byte| *byte == b'\n').next().unwrap_or_default();
    let first = escape(&first[..first.len().min(200)]);
    match status {
        Ok(status) if status.success() => {
            SendOutcome::Accepted(format!("{status} {first}").trim_end().to_owned())
        }
        Ok(status) => SendOutcome::Later(format!("{status}: {first}"), None),
        Err(error) => SendOutcome::Later(format!("cannot wait for it: {error}"), None),
    }
}

/// NUL ends a value in the environment; samples are escaped, so that there is none.
fn environment(message: &Notification) -> Vec<(&'static str, String)> {
    let label = |key: &str| message.common_labels.get(key).cloned().unwrap_or_default();
    vec![
        ("SPIKETAIL_STATUS", message.status.to_string()),
        ("SPIKETAIL_TITLE", message.title.replace('\0', "")),
        ("SPIKETAIL_ALERT", label("alertname")),
        ("SPIKETAIL_SEVERITY", label("severity")),
        ("SPIKETAIL_WATCH", label("watch")),
        ("SPIKETAIL_RULE", label("rule")),
        ("SPIKETAIL_PATH", label("path")),
        ("SPIKETAIL_ALERTS", message.alerts.len().to_string()),
    ]
}
