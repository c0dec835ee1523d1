//! What is answered, by path: figures that all who ask at the same time share, answers to questions, files of the page, and the stream.
//!
//! The page and `/api/` show lines of logs to a browser. So a name of a host that is not ours is refused there (another site may have
//! made its name lead to this address), and so are requests that another site made.

use std::net::IpAddr;
use std::sync::{Arc, OnceLock};

use hyper::Request;
use hyper::body::Incoming;
use hyper::header::{ACCEPT, HOST, HeaderMap};

use super::shared_answer::{HttpResponse, Render, SharedAnswer};
use super::stream::EventHub;

/// Answers a question: the part of an address behind `?`.
pub type Query = Arc<dyn Fn(&str) -> HttpResponse + Send + Sync>;

/// A file of the page.
pub struct Asset {
    /// Its path.
    pub path: &'static str,
    /// Its media type.
    pub content_type: &'static str,
    /// What it holds.
    pub body: &'static [u8],
    packed: OnceLock<Vec<u8>>,
}

impl Asset {
    /// The file at `path`.
    #[must_use]
    pub const fn new(path: &'static str, content_type: &'static str, body: &'static [u8]) -> Asset {
        Asset { path, content_type, body, packed: OnceLock::new() }
    }

    /// Compressed by gzip, once.
    pub(super) fn packed(&self) -> &[u8] {
        self.packed.get_or_init(|| {
            let mut packed = Vec::new();
            let mut encoder = flate2::read::GzEncoder::new(self.body, flate2::Compression::best());
            let _ = std::io::Read::read_to_end(&mut encoder, &mut packed);
            packed
        })
    }

    /// Names its content.
    pub(super) fn tag(&self) -> String {
        format!("\"{:016x}\"", xxhash_rust::xxh3::xxh3_64(self.body))
    }
}

/// The page and what it asks for.
pub struct LivePages {
    /// Where changes come from.
    pub hub: Arc<EventHub>,
    /// Answers that depend on the question, by path.
    pub queries: Vec<(&'static str, Query)>,
    /// Files, by path.
    pub assets: &'static [Asset],
    /// Names of this machine by which a browser may ask, beside addresses.
    pub hosts: Vec<String>,
}

/// The paths that are answered, and how.
pub struct Pages {
    shared: Vec<(&'static str, SharedAnswer)>,
    pub(super) live: LivePages,
}

/// Where figures for Prometheus are.
const METRICS: &str = "/metrics";
/// What is answered there to those who take OpenMetrics. No path has a space.
pub const OPEN_METRICS: &str = "/metrics as OpenMetrics";

/// Links in messages, and where in the page they lead.
const LINKS: [&str; 3] = ["/alert/", "/pattern/", "/file"];

impl Pages {
    /// Answers each path as it says.
    #[must_use]
    pub fn new(shared: impl IntoIterator<Item = (&'static str, Render)>, live: LivePages) -> Pages {
        let shared = shared.into_iter().map(|(path, render)| (path, SharedAnswer::new(render))).collect();
        Pages { shared, live }
    }

    pub(super) fn shared(&self, path: &str, headers: &HeaderMap) -> Option<&SharedAnswer> {
        let path = if path == METRICS && takes_open_metrics(headers) { OPEN_METRICS } else { path };
        self.shared.iter().find(|(known, _)| *known == path).map(|(_, page)| page)
    }

    pub(super) fn query(&self, path: &str) -> Option<&Query> {
        self.live.queries.iter().find(|(known, _)| *known == path).map(|(_, query)| query)
    }

    pub(super) fn asset(&self, path: &str) -> Option<&'static Asset> {
        self.live.assets.iter().find(|asset| asset.path == path)
    }

    /// Where in the page a link of a message leads.
    pub(super) fn link(request: &Request<Incoming>) -> Option<String> {
        let path = request.uri().path();
        let is_link = LINKS.iter().any(|link| path.starts_with(link) && path.len() > 1);
        let query = request.uri().query().map(|query| format!("?{query}")).unwrap_or_default();
        is_link.then(|| format!("/#{path}{query}"))
    }

    /// Why a browser's request is refused, if it is.
    pub(super) fn refusal(&self, path: &str, headers: &HeaderMap) -> Option<&'static str> {
        let is_for_browsers = path.starts_with("/api/")
            || self.asset(path).is_some()
            || LINKS.iter().any(|link| path.starts_with(link));
        let host = headers.get(HOST).and_then(|host| host.to_str().ok()).unwrap_or_default();
        if is_for_browsers && !is_our_host(host, &self.live.hosts) {
            return Some(
                "this name of a host is not known here; ask by the address, or set http.external_url\n",
            );
        }
        let site = headers.get("sec-fetch-site").and_then(|site| site.to_str().ok()).unwrap_or_default();
        if path.starts_with("/api/") && site == "cross-site" {
            return Some("another site may not ask for this\n");
        }
        None
    }
}

fn takes_open_metrics(headers: &HeaderMap) -> bool {
    let mut accepted = headers.get_all(ACCEPT).iter().filter_map(|accept| accept.to_str().ok());
    accepted.any(|accept| accept.contains("application/openmetrics-text"))
}

/// Whether a browser that asks `host` means us: an address cannot be made to lead elsewhere, a name can.
fn is_our_host(host: &str, known: &[String]) -> bool {
    let name = match host.rsplit_once(':') {
        Some((name, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => name,
        _ => host,
    };
    let address = name.strip_prefix('[').and_then(|name| name.strip_suffix(']')).unwrap_or(name);
    address.parse::<IpAddr>().is_ok()
        || name.eq_ignore_ascii_case("localhost")
        || known.iter().any(|known| known.eq_ignore_ascii_case(name))
}

/// The name of the host in a URL.
#[must_use]
pub fn host_of(url: &str) -> Option<String> {
    let rest = url.split_once("://").map_or(url, |(_, rest)| rest);
    let authority = rest.split(['/', '?', '#']).next()?;
    let host = authority.rsplit_once('@').map_or(authority, |(_, host)| host);
    let name = if host.starts_with('[') { host } else { host.split(':').next()? };
    (!name.is_empty()).then(|| name.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_others_may_have_chosen_are_refused() {
        let known = ["web-07".to_owned(), "logs.example.org".to_owned()];
        for host in
            ["127.0.0.1:9469", "[::1]:80", "10.0.0.8", "localhost", "LOCALHOST:1", "Web-07:9469", "[::1]"]
        {
            assert!(is_our_host(host, &known), "{host}");
        }
        for host in
            ["", "evil.example", "127.0.0.1.evil.example:9469", "web-07.evil.example", "localhost.evil"]
        {
            assert!(!is_our_host(host, &known), "{host}");
        }
    }

    #[test]
    fn the_host_of_a_url() {
        for (url, host) in [
            ("https://logs.example.org/spiketail", Some("logs.example.org")),
            ("http://u:p@h:9469", Some("h")),
            ("http://[::1]:80/", Some("[::1]:80")),
            ("http:///x", None),
        ] {
            assert_eq!(host_of(url).as_deref(), host, "{url}");
        }
    }
}
