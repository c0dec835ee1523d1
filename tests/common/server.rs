//! A receiver for tests: answers as it is reported, and remembers what it was sent.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Condvar, Mutex};
use std::time::{Duration, Instant};

/// How a request is answered.
#[derive(Clone)]
pub enum Reply {
    /// With a status, further headers (each with its line end), and a body.
    Status(u16, String, Vec<u8>),
    /// Not at all, while the connection stays open.
    Hang,
    /// By closing the connection.
    Close,
    /// With what is no HTTP.
    Garbage,
    /// With a body that does not end.
    Endless,
}

impl Reply {
    pub fn status(status: u16) -> Reply {
        Reply::Status(status, String::new(), b"said".to_vec())
    }
}

#[derive(Clone, Debug)]
pub struct Request {
    pub line: String,
    pub headers: String,
    pub body: Vec<u8>,
    pub at: Instant,
}

#[derive(Default)]
struct Seen {
    requests: Mutex<Vec<Request>>,
    came: Condvar,
}

pub struct Server {
    pub port: u16,
    seen: Arc<Seen>,
}

impl Server {
    /// Answers request number n, from 0, as `reply` says.
    pub fn start(reply: impl Fn(usize) -> Reply + Send + Sync + 'static) -> Server {
        Server::answering(move |n, _: &Request| reply(n))
    }

    /// Answers a request with this body as `reply` says.
    pub fn start_judging(reply: impl Fn(&[u8]) -> Reply + Send + Sync + 'static) -> Server {
        Server::answering(move |_, request: &Request| reply(&request.body))
    }

    /// Answers a request as `reply` says.
    pub fn start_checking(reply: impl Fn(&Request) -> Reply + Send + Sync + 'static) -> Server {
        Server::answering(move |_, request: &Request| reply(request))
    }

    fn answering(reply: impl Fn(usize, &Request) -> Reply + Send + Sync + 'static) -> Server {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let seen = Arc::new(Seen::default());
        let (all, reply) = (Arc::clone(&seen), Arc::new(reply));
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let (seen, reply) = (Arc::clone(&all), Arc::clone(&reply));
                std::thread::spawn(move || serve(stream, &seen, &*reply));
            }
        });
        Server { port, seen }
    }

    pub fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// What it was sent, once that is `n` requests.
    #[track_caller]
    pub fn wait(&self, n: usize) -> Vec<Request> {
        let limit = Duration::from_secs(30);
        let requests = self.seen.requests.lock().unwrap();
        let (requests, timeout) =
            self.seen.came.wait_timeout_while(requests, limit, |requests| requests.len() < n).unwrap();
        assert!(!timeout.timed_out(), "{} requests of {n}: {requests:#?}", requests.len());
        requests.clone()
    }

    pub fn requests(&self) -> Vec<Request> {
        self.seen.requests.lock().unwrap().clone()
    }
}

fn serve(mut stream: TcpStream, seen: &Seen, reply: &dyn Fn(usize, &Request) -> Reply) {
    let mut reader = BufReader::new(stream.try_clone().unwrap());
    loop {
        let (mut line, mut headers) = (String::new(), String::new());
        if reader.read_line(&mut line).unwrap_or(0) == 0 {
            return;
        }
        while !headers.ends_with("\r\n\r\n") && headers != "\r\n" {
            if reader.read_line(&mut headers).unwrap_or(0) == 0 {
                return;
            }
        }
        let length = headers.lines().find_map(|header| {
            let (name, value) = header.split_once(':')?;
            name.eq_ignore_ascii_case("content-length").then(|| value.trim().parse::<usize>().ok())?
        });
        let mut body = vec![0; length.unwrap_or(0)];
        if reader.read_exact(&mut body).is_err() {
            return;
        }
        let request = Request { line: line.trim().to_owned(), headers, body, at: Instant::now() };
        let number = {
            let mut requests = seen.requests.lock().unwrap();
            requests.push(request.clone());
            seen.came.notify_all();
            requests.len() - 1
        };
        match reply(number, &request) {
            Reply::Status(status, more, body) => {
                let head = format!("HTTP/1.1 {status} X\r\ncontent-length: {}\r\n{more}\r\n", body.len());
                if stream.write_all(head.as_bytes()).and_then(|()| stream.write_all(&body)).is_err() {
                    return;
                }
            }
            Reply::Hang => std::thread::sleep(Duration::from_secs(3_600)),
            Reply::Close => return,
            Reply::Garbage => {
                let _ = stream.write_all(&[0xff; 4_000]);
                return;
            }
            Reply::Endless => {
                let _ = stream.write_all(b"HTTP/1.1 200 OK\r\n\r\n");
                while stream.write_all(&[b'x'; 65_536]).is_ok() {}
                return;
            }
        }
    }
}
