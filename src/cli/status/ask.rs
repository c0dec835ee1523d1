//! Asks the daemon at its socket.

use std::io::{self, Read, Write};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::time::Duration;

use crate::cli::socket::find;
use crate::serve::status::Status;

/// How long the daemon may take to answer.
const LIMIT: Duration = Duration::from_secs(10);

/// What the daemon answers.
pub(in crate::cli) struct Answer {
    /// As it came, with keys that only a newer version knows.
    pub(in crate::cli) json: String,
    /// What it says.
    pub(in crate::cli) status: Status,
}

/// What the daemon at `socket` answers, or the one that is found.
///
/// The error says where it was looked for, and what to do.
pub(in crate::cli) fn ask(socket: Option<&Path>) -> Result<Answer, String> {
    let path = &find(socket)?;
    let answer = request(path).map_err(|error| {
        let mend = match error.kind() {
            io::ErrorKind::PermissionDenied => "ask as root, or as the user that it runs as",
            io::ErrorKind::ConnectionRefused => "it has ended; start it",
            _ => "see its log",
        };
        format!("cannot ask the daemon at {}: {error}; {mend}", path.display())
    })?;
    let (head, body) = answer.split_once("\r\n\r\n").unwrap_or_default();
    let code = head.split(' ').nth(1).unwrap_or_default();
    if code.starts_with(['4', '5']) {
        return Err(format!(
            "the daemon at {} answers {code}: {}; ask again",
            path.display(),
            body.trim_end()
        ));
    }
    let status = serde_json::from_str(body)
        .map_err(|error| format!("{} is no status socket of spiketail: {error}", path.display()))?;
    Ok(Answer { json: body.to_owned(), status })
}

fn request(path: &Path) -> io::Result<String> {
    let mut stream = UnixStream::connect(path)?;
    stream.set_read_timeout(Some(LIMIT))?;
    stream.set_write_timeout(Some(LIMIT))?;
    // By an answer to HTTP/1.0 the body is what comes until the end.
    stream.write_all(b"GET /status HTTP/1.0\r\nhost: spiketail\r\n\r\n")?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer)?;
    Ok(answer)
}
