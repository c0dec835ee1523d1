//! What people on this machine ask the daemon to do, over a socket that only its user may write to: a line of JSON in, a line of
//! JSON out. The daemon acts on one call at a time, and each caller waits for the outcome.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::{UnixListener, UnixStream};
use tokio::sync::{Semaphore, mpsc, oneshot};
use tokio::time::timeout;

/// The name of the socket in its folder.
pub const NAME: &str = "control.sock";
/// The longest request, in bytes.
const REQUEST_BYTES_MAX: u64 = 64 << 10;
/// How long a caller may take to say what it wants.
const REQUEST_LIMIT: Duration = Duration::from_secs(5);
/// How many callers are heard at once; others wait.
const CALLERS_MAX: usize = 16;

/// What the daemon is asked to do.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "do", rename_all = "snake_case")]
pub enum ControlRequest {
    /// Read the configuration again.
    Reload,
    /// Notify nobody of some alerts for a while.
    Silence(SilenceRequest),
    /// List what is silenced.
    Silences,
    /// End a silence.
    Unsilence {
        /// Its number.
        id: u64,
    },
}

/// A silence that is to begin now.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SilenceRequest {
    /// The alerts, by name or glob.
    pub alert: String,
    /// Of those by path, only the paths that this glob matches.
    pub path: Option<String>,
    /// Of those by pattern, only this one: its id.
    pub pattern: Option<String>,
    /// How long it lasts, in milliseconds.
    pub for_ms: i64,
    /// Why.
    pub reason: String,
}

/// What came of it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ControlAnswer {
    /// It is done: what, for people.
    Done(String),
    /// It is not done: why.
    Refused(String),
}

/// A request, and who waits for its outcome.
pub struct ControlCall {
    /// What is asked.
    pub request: ControlRequest,
    /// Where the answer goes.
    pub answer: oneshot::Sender<ControlAnswer>,
}

/// Hands what callers ask to `calls`, for ever.
pub async fn serve(listener: std::os::unix::net::UnixListener, calls: mpsc::Sender<ControlCall>) {
    let Ok(listener) = UnixListener::from_std(listener) else { return };
    let callers = Arc::new(Semaphore::new(CALLERS_MAX));
    loop {
        let Ok(place) = Arc::clone(&callers).acquire_owned().await else { return };
        let Ok((stream, _)) = listener.accept().await else {
            // No descriptor is left, most likely.
            tokio::time::sleep(Duration::from_millis(100)).await;
            continue;
        };
        let calls = calls.clone();
        tokio::spawn(async move {
            // A caller that has gone gets nothing.
            let _ = converse(stream, &calls).await;
            drop(place);
        });
    }
}

async fn converse(stream: UnixStream, calls: &mpsc::Sender<ControlCall>) -> std::io::Result<()> {
    let (reader, mut writer) = stream.into_split();
    let mut line = String::new();
    let mut reader = BufReader::new(reader.take(REQUEST_BYTES_MAX));
    let Ok(read) = timeout(REQUEST_LIMIT, reader.read_line(&mut line)).await else { return Ok(()) };
    read?;
    let answer = match serde_json::from_str(&line) {
        Ok(request) => {
            let (answer, outcome) = oneshot::channel();
            let _ = calls.send(ControlCall { request, answer }).await;
            outcome.await.unwrap_or_else(|_| ControlAnswer::Refused("the daemon is stopping".to_owned()))
        }
        Err(error) => ControlAnswer::Refused(format!("the daemon does not know this request: {error}")),
    };
    let mut text = serde_json::to_vec(&answer)?;
    text.push(b'\n');
    writer.write_all(&text).await
}

/// Asks the daemon at `socket`, and waits at most for `limit`.
///
/// # Errors
/// If no daemon is there, or it does not answer.
pub fn call(socket: &Path, request: &ControlRequest, limit: Duration) -> std::io::Result<ControlAnswer> {
    use std::io::{BufRead, BufReader, Write};
    let mut stream = std::os::unix::net::UnixStream::connect(socket)?;
    stream.set_read_timeout(Some(limit))?;
    stream.set_write_timeout(Some(limit))?;
    let mut text = serde_json::to_vec(request)?;
    text.push(b'\n');
    stream.write_all(&text)?;
    let mut answer = String::new();
    BufReader::new(stream).read_line(&mut answer)?;
    Ok(serde_json::from_str(&answer)?)
}
