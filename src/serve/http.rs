//! A small HTTP server for figures: it answers GET, and bears with whatever clients do.

use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use http_body_util::Full;
use hyper::body::{Bytes, Incoming};
use hyper::header::{CONTENT_TYPE, HeaderValue};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Method, Request, Response, StatusCode};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, UnixListener};
use tokio::sync::Semaphore;

/// At most so many connections at once; more are closed.
const CONNECTIONS_MAX: usize = 100;
/// How long a client may take to say what it wants.
const HEADERS_TIMEOUT: Duration = Duration::from_secs(2);
/// How long a connection lives.
const CONNECTION_TIMEOUT: Duration = Duration::from_secs(30);
/// How large the headers of a request may be, in bytes.
const HEADERS_BYTES_MAX: usize = 16 << 10;

/// What is answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HttpResponse {
    /// The status, such as 200.
    pub status: u16,
    /// The media type.
    pub content_type: String,
    /// The body.
    pub body: Vec<u8>,
}

/// Answers requests for a path; `None` for one that is not there. May take a while.
pub type Answers = Arc<dyn Fn(&str) -> Option<HttpResponse> + Send + Sync>;

/// Listens at `address`.
///
/// # Errors
/// What the system says, and how to fix it.
pub fn listen(address: SocketAddr) -> Result<std::net::TcpListener, String> {
    let bound = std::net::TcpListener::bind(address);
    let bound = bound.and_then(|listener| listener.set_nonblocking(true).map(|()| listener));
    bound.map_err(|error| {
        let mend = match error.kind() {
            io::ErrorKind::AddrInUse => "choose another port, or stop what listens there",
            io::ErrorKind::PermissionDenied => "choose a port above 1023",
            _ => "choose an address of this machine",
        };
        format!("cannot listen at {address}: {error}; {mend}")
    })
}

/// Where connections come from.
pub enum ListenSocket {
    /// The network.
    Tcp(std::net::TcpListener),
    /// This machine.
    Unix(std::os::unix::net::UnixListener),
}

enum Listener {
    Tcp(TcpListener),
    Unix(UnixListener),
}

trait ByteStream: AsyncRead + AsyncWrite + Unpin + Send {}

impl<S: AsyncRead + AsyncWrite + Unpin + Send> ByteStream for S {}

impl Listener {
    fn new(listening: ListenSocket) -> io::Result<Listener> {
        match listening {
            ListenSocket::Tcp(listener) => TcpListener::from_std(listener).map(Listener::Tcp),
            ListenSocket::Unix(listener) => UnixListener::from_std(listener).map(Listener::Unix),
        }
    }

    async fn accept(&self) -> io::Result<Box<dyn ByteStream>> {
        Ok(match self {
            Listener::Tcp(listener) => Box::new(listener.accept().await?.0),
            Listener::Unix(listener) => Box::new(listener.accept().await?.0),
        })
    }
}

/// Serves `answers` for ever.
pub async fn serve(listening: ListenSocket, answers: Answers) {
    let Ok(listener) = Listener::new(listening) else { return };
    let permits = Arc::new(Semaphore::new(CONNECTIONS_MAX));
    loop {
        let Ok(stream) = listener.accept().await else {
            // No descriptor is left, most likely.
            tokio::time::sleep(Duration::from_millis(100)).await;
            continue;
        };
        let Ok(permit) = Arc::clone(&permits).try_acquire_owned() else { continue };
        let answers = Arc::clone(&answers);
        tokio::spawn(async move {
            let service = service_fn(move |request| respond(&request, Arc::clone(&answers)));
            let connection = http1::Builder::new()
                .timer(TokioTimer::new())
                .header_read_timeout(HEADERS_TIMEOUT)
                .max_buf_size(HEADERS_BYTES_MAX)
                .serve_connection(TokioIo::new(stream), service);
            let _ = tokio::time::timeout(CONNECTION_TIMEOUT, connection).await;
            drop(permit);
        });
    }
}

fn respond(
    request: &Request<Incoming>,
    answers: Answers,
) -> impl Future<Output = Result<Response<Full<Bytes>>, hyper::Error>> + use<> {
    let (method, path) = (request.method().clone(), request.uri().path().to_owned());
    async move {
        if method != Method::GET && method != Method::HEAD {
            return Ok(plain(StatusCode::METHOD_NOT_ALLOWED, "only GET is answered\n"));
        }
        // Gathering figures waits for locks.
        let answer = tokio::task::spawn_blocking(move || answers(&path)).await.ok().flatten();
        let Some(answer) = answer else {
            return Ok(plain(StatusCode::NOT_FOUND, "there are /metrics, /healthz and /status\n"));
        };
        let mut response = Response::new(Full::new(Bytes::from(answer.body)));
        *response.status_mut() = StatusCode::from_u16(answer.status).unwrap_or(StatusCode::OK);
        if let Ok(kind) = HeaderValue::from_str(&answer.content_type) {
            response.headers_mut().insert(CONTENT_TYPE, kind);
        }
        Ok(response)
    }
}

fn plain(status: StatusCode, text: &'static str) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(Bytes::from_static(text.as_bytes())));
    *response.status_mut() = status;
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("text/plain; charset=utf-8"));
    response
}
