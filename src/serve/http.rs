//! A small HTTP server for figures and the page: it answers GET, and bears with whatever clients do.

use std::convert::Infallible;
use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::task::{Context, Poll};
use std::time::Duration;

use super::connections::{Connection, Places};
use super::pages::{Asset, Pages};
pub use super::shared_answer::{HttpResponse, Render};
use super::stream::EventBody;
use http_body_util::Full;
use hyper::body::{Body, Bytes, Frame, Incoming, SizeHint};
use hyper::header::{
    ACCEPT_ENCODING, CACHE_CONTROL, CONTENT_ENCODING, CONTENT_TYPE, ETAG, HeaderValue, IF_NONE_MATCH,
    LOCATION, VARY,
};
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
    let origin = match listening {
        ListenSocket::Tcp(_) => Origin::Network,
        ListenSocket::Unix(_) => Origin::Machine,
    };
    let Ok(listener) = Listener::new(listening) else { return };
    let places = Places::of_listener();
    loop {
        let Ok(stream) = listener.accept().await else {
            // No descriptor is left, most likely.
            tokio::time::sleep(Duration::from_millis(100)).await;
            continue;
        };
        tokio::spawn(converse(stream, Connection::new(&places), origin, Arc::clone(&pages)));
        // Those who are here are answered before more of those who wait are let in and take their places.
        tokio::task::yield_now().await;
    }
}

/// Where a request comes from.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Origin {
    Network,
    Machine,
}

/// Answers one request. A client that wants more connects again, so that none keeps its place between requests.
async fn converse(stream: Box<dyn ByteStream>, connection: Connection, origin: Origin, pages: Arc<Pages>) {
    let (connection, pages) = (&connection, &pages);
    let conversation = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEADERS_TIMEOUT)
        .max_buf_size(HEADERS_BYTES_MAX)
        .keep_alive(false)
        .serve_connection(
            TokioIo::new(stream),
            service_fn(async |request| {
                Ok::<_, Infallible>(respond(&request, pages, connection, origin).await)
            }),
        );
    let limit = async {
        tokio::time::sleep(CONNECTION_TIMEOUT).await;
        if connection.is_stream.load(Ordering::Relaxed) {
            std::future::pending::<()>().await;
        }
    };
    tokio::select! {
        _ = conversation => {}
        () = connection.stop.notified() => {}
        () = limit => {}
    }
}

async fn respond(
    request: &Request<Incoming>,
    pages: &Arc<Pages>,
    connection: &Connection,
    origin: Origin,
) -> Response<AnswerBody> {
    let path = request.uri().path();
    if request.method() != Method::GET && request.method() != Method::HEAD {
        return plain(StatusCode::METHOD_NOT_ALLOWED, "only GET is answered\n");
    }
    if origin == Origin::Network
        && let Some(why) = pages.refusal(path, request.headers())
    {
        return plain(StatusCode::MISDIRECTED_REQUEST, why);
    }
    if let Some(page) = pages.shared(path, request.headers()) {
        connection.gets(&page.places);
        return answer(page.get(&connection.stop).await);
    }
    if let Some(query) = pages.query(path) {
        let (query, question) = (Arc::clone(query), request.uri().query().unwrap_or_default().to_owned());
        let made = tokio::task::spawn_blocking(move || Arc::new(query(&question))).await;
        return answer(made.ok());
    }
    if path == "/api/v1/events" {
        return events(request, pages, connection);
    }
    if let Some(asset) = pages.asset(path) {
        return file(request, asset);
    }
    if let Some(link) = Pages::link(request)
        && let Ok(link) = HeaderValue::from_str(&link)
    {
        let mut response = plain(StatusCode::FOUND, "this is in the page\n");
        response.headers_mut().insert(LOCATION, link);
        return response;
    }
    plain(StatusCode::NOT_FOUND, "there are /, /api/v1/status, /metrics, /healthz, /-/ready and /status\n")
}

fn answer(answer: Option<Arc<HttpResponse>>) -> Response<AnswerBody> {
    let Some(answer) = answer else {
        return plain(
            StatusCode::INTERNAL_SERVER_ERROR,
            "this cannot be answered; see the log of the daemon\n",
        );
    };
    let status = StatusCode::from_u16(answer.status).unwrap_or(StatusCode::OK);
    let kind = HeaderValue::from_str(&answer.content_type);
    let mut response = guarded(AnswerBody::Whole(Full::new(Bytes::from_owner(SharedBody(answer)))));
    *response.status_mut() = status;
    if let Ok(kind) = kind {
        response.headers_mut().insert(CONTENT_TYPE, kind);
    }
    response
}

/// The stream of changes, from behind the event that the client names.
fn events(request: &Request<Incoming>, pages: &Pages, connection: &Connection) -> Response<AnswerBody> {
    connection.streams();
    // A browser names the last event in a header when it comes back, and cannot set one when it comes first.
    let named = request.headers().get("last-event-id").and_then(|id| id.to_str().ok());
    let asked =
        request.uri().query().unwrap_or_default().split('&').find_map(|pair| pair.strip_prefix("after="));
    let after = named.or(asked).and_then(|id| id.parse().ok());
    let body = pages.live.hub.subscribe(after, &connection.stop);
    let mut response = guarded(AnswerBody::Events(body));
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("text/event-stream"));
    response
}

/// A file of the page; compressed, where the client understands that, and only if it has another.
fn file(request: &Request<Incoming>, asset: &'static Asset) -> Response<AnswerBody> {
    let header = |name: hyper::header::HeaderName| {
        request.headers().get(name).and_then(|value| value.to_str().ok()).unwrap_or_default()
    };
    let (tag, is_packed) = (asset.tag(), header(ACCEPT_ENCODING).contains("gzip"));
    let is_known = header(IF_NONE_MATCH) == tag;
    let body = match (is_known, is_packed) {
        (true, _) => Bytes::new(),
        (false, true) => Bytes::from_static(asset.packed()),
        (false, false) => Bytes::from_static(asset.body),
    };
    let mut response = guarded(AnswerBody::Whole(Full::new(body)));
    if is_known {
        *response.status_mut() = StatusCode::NOT_MODIFIED;
    }
    let headers = response.headers_mut();
    if is_packed && !is_known {
        headers.insert(CONTENT_ENCODING, HeaderValue::from_static("gzip"));
    }
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(asset.content_type));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-cache"));
    headers.insert(VARY, HeaderValue::from_static("accept-encoding"));
    if let Ok(tag) = HeaderValue::from_str(&tag) {
        headers.insert(ETAG, tag);
    }
    response
}

/// A body that is there as a whole, or that goes on.
enum AnswerBody {
    Whole(Full<Bytes>),
    Events(EventBody),
}

impl Body for AnswerBody {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        match self.get_mut() {
            AnswerBody::Whole(body) => Pin::new(body).poll_frame(context),
            AnswerBody::Events(body) => Pin::new(body).poll_frame(context),
        }
    }

    fn is_end_stream(&self) -> bool {
        match self {
            AnswerBody::Whole(body) => body.is_end_stream(),
            AnswerBody::Events(_) => false,
        }
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            AnswerBody::Whole(body) => body.size_hint(),
            AnswerBody::Events(_) => SizeHint::default(),
        }
    }
}

/// A body that is copied for nobody.
struct SharedBody(Arc<HttpResponse>);

impl AsRef<[u8]> for SharedBody {
    fn as_ref(&self) -> &[u8] {
        &self.0.body
    }
}

/// What every answer says to browsers: nothing but our own files, in no frame, and no guessing.
const GUARDS: [(&str, &str); 5] = [
    (
        "content-security-policy",
        "default-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    ),
    ("x-content-type-options", "nosniff"),
    ("referrer-policy", "no-referrer"),
    ("cross-origin-resource-policy", "same-origin"),
    ("cache-control", "no-store"),
];

fn guarded(body: AnswerBody) -> Response<AnswerBody> {
    let mut response = Response::new(body);
    for (name, value) in GUARDS {
        response.headers_mut().insert(name, HeaderValue::from_static(value));
    }
    response
}

fn plain(status: StatusCode, text: &'static str) -> Response<AnswerBody> {
    let mut response = guarded(AnswerBody::Whole(Full::new(Bytes::from_static(text.as_bytes()))));
    *response.status_mut() = status;
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("text/plain; charset=utf-8"));
    response
}
