//! A small HTTP server for figures: it answers GET, and bears with whatever clients do.

use std::convert::Infallible;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use super::connections::{Connection, Places};
use super::shared_answer::SharedAnswer;
pub use super::shared_answer::{HttpResponse, Render};
use http_body_util::Full;
use hyper::body::{Bytes, Incoming};
use hyper::header::{CONTENT_TYPE, HeaderValue};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Method, Request, Response, StatusCode};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, UnixListener};

/// How long a client may take to say what it wants.
const HEADERS_TIMEOUT: Duration = Duration::from_secs(2);
/// How long a connection lives.
const CONNECTION_TIMEOUT: Duration = Duration::from_secs(30);
/// How large the headers of a request may be, in bytes.
const HEADERS_BYTES_MAX: usize = 16 << 10;

/// The paths that are answered, and how.
pub struct Pages(Vec<(&'static str, SharedAnswer)>);

impl Pages {
    /// Answers each path as it says.
    #[must_use]
    pub fn new(pages: impl IntoIterator<Item = (&'static str, Render)>) -> Pages {
        Pages(pages.into_iter().map(|(path, render)| (path, SharedAnswer::new(render))).collect())
    }

    fn page(&self, path: &str) -> Option<&SharedAnswer> {
        self.0.iter().find(|(known, _)| *known == path).map(|(_, page)| page)
    }
}

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

/// Serves `pages` for ever.
pub async fn serve(listening: ListenSocket, pages: Arc<Pages>) {
    let Ok(listener) = Listener::new(listening) else { return };
    let places = Places::of_listener();
    loop {
        let Ok(stream) = listener.accept().await else {
            // No descriptor is left, most likely.
            tokio::time::sleep(Duration::from_millis(100)).await;
            continue;
        };
        tokio::spawn(converse(stream, Connection::new(&places), Arc::clone(&pages)));
        // Those who are here are answered before more of those who wait are let in and take their places.
        tokio::task::yield_now().await;
    }
}

/// Answers one request. A client that wants more connects again, so that none keeps its place between requests.
async fn converse(stream: Box<dyn ByteStream>, connection: Connection, pages: Arc<Pages>) {
    let (connection, pages) = (&connection, &pages);
    let conversation = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEADERS_TIMEOUT)
        .max_buf_size(HEADERS_BYTES_MAX)
        .keep_alive(false)
        .serve_connection(
            TokioIo::new(stream),
            service_fn(async |request| Ok::<_, Infallible>(respond(&request, pages, connection).await)),
        );
    tokio::select! {
        _ = conversation => {}
        () = connection.stop.notified() => {}
        () = tokio::time::sleep(CONNECTION_TIMEOUT) => {}
    }
}

async fn respond(
    request: &Request<Incoming>,
    pages: &Pages,
    connection: &Connection,
) -> Response<Full<Bytes>> {
    if request.method() != Method::GET && request.method() != Method::HEAD {
        return plain(StatusCode::METHOD_NOT_ALLOWED, "only GET is answered\n");
    }
    let Some(page) = pages.page(request.uri().path()) else {
        return plain(StatusCode::NOT_FOUND, "there are /metrics, /healthz, /-/ready and /status\n");
    };
    connection.gets(&page.places);
    let Some(answer) = page.get(&connection.stop).await else {
        return plain(
            StatusCode::INTERNAL_SERVER_ERROR,
            "this cannot be answered; see the log of the daemon\n",
        );
    };
    let status = StatusCode::from_u16(answer.status).unwrap_or(StatusCode::OK);
    let kind = HeaderValue::from_str(&answer.content_type);
    let mut response = Response::new(Full::new(Bytes::from_owner(SharedBody(answer))));
    *response.status_mut() = status;
    if let Ok(kind) = kind {
        response.headers_mut().insert(CONTENT_TYPE, kind);
    }
    response
}

/// A body that is copied for nobody.
struct SharedBody(Arc<HttpResponse>);

impl AsRef<[u8]> for SharedBody {
    fn as_ref(&self) -> &[u8] {
        &self.0.body
    }
}

fn plain(status: StatusCode, text: &'static str) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(Bytes::from_static(text.as_bytes())));
    *response.status_mut() = status;
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("text/plain; charset=utf-8"));
    response
}
