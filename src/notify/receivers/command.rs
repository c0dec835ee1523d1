//! Runs a program for each message: JSON on its standard input, and the main fields in its environment. No shell.
//!
//! The exit of the program itself decides, not the end of its pipes: what it leaves in the background may hold them for as long as
//! it likes. Whatever the program writes is read to the end, so that it is never stopped by a full or broken pipe.

use std::io;
use std::os::unix::process::ExitStatusExt;
use std::path::Path;
use std::process::{ExitStatus, Stdio};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process_group};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::process::{Child, ChildStderr, ChildStdin, Command};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::timeout;

use crate::fmt::escape;
use crate::notify::http::SendOutcome;
use crate::notify::message::Notification;

/// Of what the program writes to its standard error, the first bytes are kept for messages.
const STDERR_BYTES_KEPT: usize = 4_096;
/// At most this many bytes of it appear in a message.
const SHOWN_BYTES_MAX: usize = 200;
/// How long the pipes of a program that has ended are read for what is left in them, if something else holds them open.
const REST_LIMIT: Duration = Duration::from_millis(100);
/// The pipes of at most this many programs that have ended stay open for what they left in the background.
const LEFT_OPEN_MAX: usize = 16;

pub(super) struct CommandClient {
    argv: Vec<String>,
    timeout: Duration,
    left_open: Arc<Semaphore>,
}

impl CommandClient {
    pub(super) fn new(argv: &[String], timeout: Duration) -> CommandClient {
        CommandClient { argv: argv.to_vec(), timeout, left_open: Arc::new(Semaphore::new(LEFT_OPEN_MAX)) }
    }

    /// Runs the program with `message`. It is killed, with all that it started, when the timeout is over.
    pub(super) async fn send(&self, message: &Notification) -> SendOutcome {
        let Some((program, args)) = self.argv.split_first() else {
            return SendOutcome::Refused("no program".to_owned());
        };
        let mut child = match spawn(program, args, message) {
            Ok(child) => child,
            Err(error) => return SendOutcome::Later(cannot_run(program, &error), None),
        };
        // Before the child, which is reaped when it is dropped: until then its number is not given to another process.
        let mut group = ProcessGroup::of(&child);
        let pipes = Pipes::new(&mut child, serde_json::to_vec(message).unwrap_or_default());
        let kept = Arc::clone(&pipes.kept);
        let mut exchange = tokio::spawn(pipes.exchange());
        let Ok(status) = timeout(self.timeout, child.wait()).await else {
            group.kill();
            exchange.abort();
            let seconds = self.timeout.as_secs_f64();
            let why = format!("it ran for longer than {seconds} s and was killed");
            return SendOutcome::Later(with_first_line(why, &kept), None);
        };
        group.release();
        if timeout(REST_LIMIT, &mut exchange).await.is_err() {
            match Arc::clone(&self.left_open).try_acquire_owned() {
                Ok(permit) => drop(tokio::spawn(leave_open(exchange, permit, self.timeout))),
                Err(_) => exchange.abort(),
            }
        }
        match status {
            Ok(status) => judge(status, &kept),
            Err(error) => SendOutcome::Later(format!("cannot wait for it: {error}"), None),
        }
    }
}

fn spawn(program: &str, args: &[String], message: &Notification) -> io::Result<Child> {
    let mut command = Command::new(program);
    command
        .args(args)
        .envs(environment(message))
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .process_group(0)
        .kill_on_drop(true);
    command.spawn()
}

/// The process group of a program: all that it started and that did not leave the group. Killed when dropped, unless the program has
/// ended by itself.
struct ProcessGroup(Option<Pid>);

impl ProcessGroup {
    fn of(child: &Child) -> ProcessGroup {
        ProcessGroup(child.id().and_then(|id| Pid::from_raw(id.cast_signed())))
    }

    fn release(&mut self) {
        self.0 = None;
    }

    fn kill(&mut self) {
        if let Some(group) = self.0.take() {
            let _ = kill_process_group(group, Signal::KILL);
        }
    }
}

impl Drop for ProcessGroup {
    fn drop(&mut self) {
        self.kill();
    }
}

/// The ends of the pipes that are not those of the program.
struct Pipes {
    stdin: Option<ChildStdin>,
    stderr: Option<ChildStderr>,
    json: Vec<u8>,
    /// The beginning of what the program wrote to its standard error.
    kept: Arc<Mutex<Vec<u8>>>,
}

impl Pipes {
    fn new(child: &mut Child, json: Vec<u8>) -> Pipes {
        Pipes { stdin: child.stdin.take(), stderr: child.stderr.take(), json, kept: Arc::default() }
    }

    /// Writes and reads until nobody has the other ends open.
    async fn exchange(self) {
        let Pipes { stdin, stderr, json, kept } = self;
        let write = async move {
            if let Some(mut stdin) = stdin {
                // A program need not read it.
                let _ = stdin.write_all(&json).await;
            }
        };
        let read = async move {
            let Some(mut stderr) = stderr else { return };
            let mut buffer = vec![0; STDERR_BYTES_KEPT];
            while let Ok(length @ 1..) = stderr.read(&mut buffer).await {
                let mut kept = kept.lock().unwrap_or_else(PoisonError::into_inner);
                let room = STDERR_BYTES_KEPT - kept.len();
                kept.extend_from_slice(&buffer[..length.min(room)]);
            }
        };
        tokio::join!(write, read);
    }
}

/// Serves the pipes for what a program that has ended left in the background, at most for as long as a program may run.
async fn leave_open(
    mut exchange: tokio::task::JoinHandle<()>,
    permit: OwnedSemaphorePermit,
    limit: Duration,
) {
    if timeout(limit, &mut exchange).await.is_err() {
        exchange.abort();
    }
    drop(permit);
}

fn judge(status: ExitStatus, kept: &Mutex<Vec<u8>>) -> SendOutcome {
    if status.success() {
        SendOutcome::Accepted(with_first_line(status.to_string(), kept))
    } else {
        let what =
            if status.signal().is_some() { format!("it was killed by {status}") } else { status.to_string() };
        SendOutcome::Later(with_first_line(what, kept), None)
    }
}

/// `text`, and the first line that the program wrote to its standard error.
fn with_first_line(text: String, kept: &Mutex<Vec<u8>>) -> String {
    let kept = kept.lock().unwrap_or_else(PoisonError::into_inner);
    let first = kept.split(|byte| *byte == b'\n').map(<[u8]>::trim_ascii).find(|line| !line.is_empty());
    match first {
        Some(first) => format!("{text}: {}", escape(&first[..first.len().min(SHOWN_BYTES_MAX)])),
        None => text,
    }
}

/// Why the program was not started, and how to fix it.
fn cannot_run(program: &str, error: &io::Error) -> String {
    let is_path = program.contains('/');
    let is_there = is_path && Path::new(program).exists();
    let mend = match error.kind() {
        io::ErrorKind::NotFound if is_there => "the interpreter that its first line names is missing",
        io::ErrorKind::NotFound if program.starts_with('/') => "no such program is there; correct `command`",
        io::ErrorKind::NotFound if is_path => {
            "a relative path leads from the working directory of the daemon; write an absolute one in `command`"
        }
        io::ErrorKind::NotFound => "no such program is in PATH; write its absolute path in `command`",
        io::ErrorKind::PermissionDenied => "let the user that runs spiketail execute it",
        _ if error.raw_os_error() == Some(libc::ENOEXEC) => {
            "it is no program; a script needs a first line such as #!/bin/sh"
        }
        _ => "correct `command`",
    };
    format!("cannot run {}: {error}; {mend}", escape(program.as_bytes()))
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
