//! Where what is shown comes from: the snapshot of a daemon and then its changes, over its socket or the network.

use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{TcpStream, ToSocketAddrs};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender};
use std::thread;
use std::time::Duration;

use crate::cli::control;
use crate::cli::socket::find;
use crate::serve::api::{Change, Snapshot};
use crate::serve::control::{ControlAnswer, ControlRequest};

/// A daemon that says nothing for so long is not there: it sends something every second.
const SILENCE_MAX: Duration = Duration::from_secs(6);
/// So long a connection may take.
const CONNECT_MAX: Duration = Duration::from_secs(3);
/// An answer that is longer than this, in bytes, is none.
const ANSWER_BYTES_MAX: u64 = 64 << 20;
/// A line of the stream that is longer than this, in bytes, is none.
const LINE_BYTES_MAX: u64 = 16 << 20;
/// The first and the longest wait before it is tried again, in seconds.
const RETRY_S: (u64, u64) = (1, 15);

/// Where a daemon answers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Address {
    Socket(PathBuf),
    Host(String),
}

/// What a feed says.
pub(super) enum Message {
    Snapshot(Box<Snapshot>),
    Change(Box<Change>),
    /// There is no connection, and why.
    Down(String),
    /// What the daemon answered to a request, or why it did not.
    Answered(Result<ControlAnswer, String>),
}

trait Stream: Read + Write + Send {}

impl<S: Read + Write + Send> Stream for S {}

impl Address {
    /// The daemon of this machine.
    pub(super) fn of_socket(socket: Option<&Path>) -> Result<Address, String> {
        find(socket).map(Address::Socket)
    }

    /// `host:port`, with or without `http://`.
    pub(super) fn of_host(text: &str) -> Result<Address, String> {
        if text.starts_with("https://") {
            return Err(format!(
                "{text}: there is no TLS here; forward the port with `ssh -L 9469:localhost:9469`"
            ));
        }
        let host = text.strip_prefix("http://").unwrap_or(text).trim_end_matches('/');
        let port = host.rsplit_once(':').and_then(|(_, port)| port.parse::<u16>().ok());
        match port {
            Some(_) => Ok(Address::Host(host.to_owned())),
            None => Err(format!(
                "{text} has no port; write it as in the `[http] listen` of the daemon: {text}:9469"
            )),
        }
    }

    pub(super) fn name(&self) -> String {
        match self {
            Address::Socket(_) => String::new(),
            Address::Host(host) => host.clone(),
        }
    }

    fn connect(&self) -> io::Result<Box<dyn Stream>> {
        match self {
            Address::Socket(path) => {
                let stream = UnixStream::connect(path)?;
                stream.set_read_timeout(Some(SILENCE_MAX))?;
                stream.set_write_timeout(Some(CONNECT_MAX))?;
                Ok(Box::new(stream))
            }
            Address::Host(host) => {
                let address = host.to_socket_addrs()?.next();
                let address = address.ok_or_else(|| io::Error::other("the name has no address"))?;
                let stream = TcpStream::connect_timeout(&address, CONNECT_MAX)?;
                stream.set_read_timeout(Some(SILENCE_MAX))?;
                stream.set_write_timeout(Some(CONNECT_MAX))?;
                Ok(Box::new(stream))
            }
        }
    }

    /// Asks for `path`. Returns what follows the head of the answer.
    fn get(&self, path: &str) -> io::Result<BufReader<Box<dyn Stream>>> {
        let mut stream = self.connect()?;
        let host = if let Address::Host(host) = self { host } else { "localhost" };
        // By an answer to HTTP/1.0 the body is what comes until the end.
        write!(stream, "GET {path} HTTP/1.0\r\nhost: {host}\r\n\r\n")?;
        let mut answer = BufReader::new(stream);
        let status = line(&mut answer)?;
        let code = status.split(' ').nth(1).unwrap_or_default().to_owned();
        while !line(&mut answer)?.is_empty() {}
        if code != "200" {
            let mut why = String::new();
            let _ = answer.take(1_000).read_to_string(&mut why);
            return Err(io::Error::other(format!("it answers {code}: {}", why.trim_end())));
        }
        Ok(answer)
    }

    /// Has the daemon do something; what it answers comes as a message.
    pub(super) fn request(&self, request: ControlRequest, host: usize, messages: Sender<(usize, Message)>) {
        let address = self.clone();
        thread::spawn(move || {
            let answer = match &address {
                Address::Socket(path) => control::ask(Some(path), &request),
                Address::Host(host) => Err(format!(
                    "alerts are silenced on the machine itself only; on {host}, use `spiketail top` or `spiketail silence`"
                )),
            };
            // Nobody may be there to hear it.
            let _ = messages.send((host, Message::Answered(answer)));
        });
    }

    /// The whole answer to a question.
    pub(super) fn ask(&self, path: &str) -> io::Result<String> {
        let mut body = String::new();
        self.get(path)?.take(ANSWER_BYTES_MAX).read_to_string(&mut body)?;
        Ok(body)
    }
}

/// A line without its end. The end of the stream is an error.
fn line(stream: &mut impl BufRead) -> io::Result<String> {
    let mut line = String::new();
    if stream.take(LINE_BYTES_MAX).read_line(&mut line)? == 0 {
        return Err(io::ErrorKind::UnexpectedEof.into());
    }
    Ok(line.trim_end_matches(['\n', '\r']).to_owned())
}

/// See the [module](self).
pub(super) struct Feed {
    host: usize,
    address: Address,
    messages: Sender<(usize, Message)>,
}

/// Nobody listens any more.
struct Gone;

impl Feed {
    /// Sends what the daemon at `address` says, with the number of the host, until whoever holds the other
    /// side of `end` is gone.
    pub(super) fn start(
        host: usize,
        address: Address,
        messages: Sender<(usize, Message)>,
        end: Receiver<()>,
    ) {
        let feed = Feed { host, address, messages };
        thread::spawn(move || {
            let (first, longest) = RETRY_S;
            let mut wait = first;
            loop {
                let outcome = feed.follow(&mut wait);
                let why = match outcome {
                    Ok(()) => continue,
                    Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => {
                        "it closed the connection".to_owned()
                    }
                    Err(error) => error.to_string(),
                };
                if feed.send(Message::Down(why)).is_err() {
                    return;
                }
                if end.recv_timeout(Duration::from_secs(wait)) == Err(RecvTimeoutError::Disconnected) {
                    return;
                }
                wait = (wait * 2).min(longest);
            }
        });
    }

    fn send(&self, message: Message) -> Result<(), Gone> {
        self.messages.send((self.host, message)).map_err(|_| Gone)
    }

    /// One snapshot and its changes, until the daemon asks to begin anew.
    fn follow(&self, wait: &mut u64) -> io::Result<()> {
        let snapshot: Snapshot = serde_json::from_str(&self.address.ask("/api/v1/status")?)
            .map_err(|error| io::Error::other(format!("it is no daemon of this kind: {error}")))?;
        let mut events = self.address.get(&format!("/api/v1/events?after={}", snapshot.seq))?;
        let gone = |_: Gone| io::Error::other("nobody listens");
        self.send(Message::Snapshot(Box::new(snapshot))).map_err(gone)?;
        *wait = RETRY_S.0;
        let mut name = String::new();
        loop {
            let line = line(&mut events)?;
            if let Some(event) = line.strip_prefix("event: ") {
                event.clone_into(&mut name);
            } else if let Some(data) = line.strip_prefix("data: ") {
                match Change::decode(&name, data) {
                    Some(Change::Reset {}) => return Ok(()),
                    Some(change) => self.send(Message::Change(Box::new(change))).map_err(gone)?,
                    None => {}
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hosts_have_a_port_and_no_tls() {
        let host = |text: &str| Ok(Address::Host(text.to_owned()));
        assert_eq!(Address::of_host("web-07:9469"), host("web-07:9469"));
        assert_eq!(Address::of_host("http://[::1]:80/"), host("[::1]:80"));
        assert!(Address::of_host("web-07").unwrap_err().contains("web-07:9469"));
        assert!(Address::of_host("https://web-07:443").unwrap_err().contains("ssh -L"));
    }
}
