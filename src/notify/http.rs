//! Requests to receivers, and what their answers mean.

use std::path::Path;
use std::time::Duration;

use reqwest::header::{HeaderMap, HeaderName, HeaderValue, RETRY_AFTER};
use reqwest::redirect::{Action, Attempt, Policy};
use reqwest::{Certificate, Client, ClientBuilder, Method, StatusCode, Url};

use crate::fmt::display_path;
use crate::fmt::escape;
use crate::notify::settings::HttpSpec;

/// Of an answer no more than this is read, in bytes.
const ANSWER_BYTES_MAX: usize = 1_024;
/// How long a connection may take.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// A receiver can delay the next attempt by at most this, as documented.
const RETRY_AFTER_MAX: Duration = Duration::from_secs(300);

/// The outcome of an attempt.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum SendOutcome {
    /// The receiver took it, and said this.
    Accepted(String),
    /// It may take it later: why, and not before this time has passed if it said so.
    Later(String, Option<Duration>),
    /// No answer came: why. It may have taken it.
    Unanswered(String),
    /// It takes nothing now: why, and not before this time has passed if it said so.
    Busy(String, Option<Duration>),
    /// It never will, as it says; but something before it, which restarts, may say so as well.
    Doubted(String),
    /// It never will.
    Refused(String),
    /// It never will take so much at once.
    TooLarge(String),
}

impl SendOutcome {
    /// What the receiver said when it took it, or why it did not.
    pub(super) fn into_result(self) -> Result<String, String> {
        match self {
            SendOutcome::Accepted(said) => Ok(said),
            SendOutcome::Later(why, _)
            | SendOutcome::Unanswered(why)
            | SendOutcome::Busy(why, _)
            | SendOutcome::Refused(why)
            | SendOutcome::Doubted(why)
            | SendOutcome::TooLarge(why) => Err(why),
        }
    }
}

/// Sends requests to one receiver.
pub(super) struct HttpSender {
    spec: HttpSpec,
    client: Client,
}

impl HttpSender {
    /// The error says what of `spec` cannot be used.
    pub(super) fn new(spec: &HttpSpec) -> Result<HttpSender, String> {
        // The first to come installs it; to the others it is there already.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let mut builder = client_builder(spec.timeout);
        if let Some(path) = &spec.ca_file {
            builder = builder.tls_certs_merge(authorities(path)?);
        }
        // A machine without any authorities can speak HTTP still; HTTPS then says that it knows none.
        let client = builder.build().or_else(|_| client_builder(spec.timeout).tls_certs_only([]).build());
        let client = client.map_err(|error| format!("cannot speak HTTP: {}", plain(&error)))?;
        Ok(HttpSender { spec: spec.clone(), client })
    }

    /// Sends `body`, with these headers beside those of the settings.
    pub(super) async fn send(
        &self,
        method: &str,
        path: Option<&str>,
        headers: &[(String, String)],
        body: Vec<u8>,
    ) -> SendOutcome {
        let request = match self.request(method, path, headers) {
            Ok((method, url, headers)) => self.client.request(method, url).headers(headers).body(body),
            // A secret may be put right, so that this is not the end.
            Err(why) => return SendOutcome::Later(why, None),
        };
        match request.send().await {
            Ok(response) => judge(response).await,
            Err(error) if error.is_connect() => SendOutcome::Later(plain(&error), None),
            Err(error) => SendOutcome::Unanswered(plain(&error)),
        }
    }

    /// What is at `path`, if the server says it and it has at most `bytes_max` bytes.
    pub(super) async fn fetch(&self, path: &str, bytes_max: usize) -> Option<Vec<u8>> {
        let (method, url, headers) = self.request("GET", Some(path), &[]).ok()?;
        let mut response = self.client.request(method, url).headers(headers).send().await.ok()?;
        if !response.status().is_success() {
            return None;
        }
        let mut answer = Vec::new();
        while let Some(chunk) = response.chunk().await.ok()? {
            if answer.len() + chunk.len() > bytes_max {
                return None;
            }
            answer.extend_from_slice(&chunk);
        }
        Some(answer)
    }

    fn request(
        &self,
        method: &str,
        path: Option<&str>,
        more: &[(String, String)],
    ) -> Result<(Method, Url, HeaderMap), String> {
        let method = Method::from_bytes(method.as_bytes()).map_err(|_| format!("{method} is no method"))?;
        let text = self.spec.url.get()?;
        let mut url = Url::parse(&text).map_err(|error| format!("its URL cannot be understood: {error}"))?;
        if let Some(path) = path {
            let (path, query) =
                path.split_once('?').map_or((path, None), |(path, query)| (path, Some(query)));
            let base = url.path().trim_end_matches('/').to_owned();
            url.set_path(&format!("{base}{path}"));
            if query.is_some() {
                url.set_query(query);
            }
        }
        let mut headers = HeaderMap::new();
        let own =
            self.spec.headers.iter().map(|(name, secret)| secret.get().map(|value| (name.clone(), value)));
        for header in more.iter().cloned().map(Ok).chain(own) {
            let (name, value) = header?;
            let parsed = HeaderName::try_from(&name).ok().zip(HeaderValue::from_str(&value).ok());
            let Some((name, mut value)) = parsed else {
                return Err(format!("the header {} cannot be sent", escape(name.as_bytes())));
            };
            value.set_sensitive(true);
            headers.insert(name, value);
        }
        Ok((method, url, headers))
    }
}

fn client_builder(timeout: Duration) -> ClientBuilder {
    Client::builder()
        .user_agent(concat!("spiketail/", env!("CARGO_PKG_VERSION")))
        .connect_timeout(CONNECT_TIMEOUT)
        .timeout(timeout)
        .pool_max_idle_per_host(1)
        .redirect(Policy::custom(to_same_place))
}

/// Follows what stays with the same server. Redirects but these two turn a POST into a GET, whose success would say nothing.
fn to_same_place(attempt: Attempt<'_>) -> Action {
    let is_whole =
        matches!(attempt.status(), StatusCode::TEMPORARY_REDIRECT | StatusCode::PERMANENT_REDIRECT);
    let is_same = attempt.previous().first().is_some_and(|first| first.origin() == attempt.url().origin());
    if is_whole && is_same && attempt.previous().len() <= 5 { attempt.follow() } else { attempt.stop() }
}

/// The certificates in a file in PEM form.
fn authorities(path: &Path) -> Result<Vec<Certificate>, String> {
    let shown = display_path(path);
    let pem = std::fs::read(path)
        .map_err(|error| format!("cannot read {shown}: {error}; let the user that runs spiketail read it"))?;
    let found = Certificate::from_pem_bundle(&pem).ok().filter(|found| !found.is_empty());
    found.ok_or_else(|| format!("{shown} holds no certificates in PEM form; name a file that does"))
}

async fn judge(mut response: reqwest::Response) -> SendOutcome {
    let status = response.status();
    let after = response.headers().get(RETRY_AFTER).and_then(|value| retry_after(value.to_str().ok()?));
    let mut answer = Vec::new();
    // An endless answer is cut.
    while answer.len() < ANSWER_BYTES_MAX {
        match response.chunk().await {
            Ok(Some(chunk)) => answer.extend_from_slice(&chunk[..chunk.len().min(ANSWER_BYTES_MAX)]),
            Ok(None) | Err(_) => break,
        }
    }
    let after = after.or_else(|| told_to_wait(&answer));
    answer.truncate(200);
    let said = format!("{status} {}", escape(&answer)).trim_end().to_owned();
    match status {
        status if status.is_success() => SendOutcome::Accepted(said),
        StatusCode::TOO_MANY_REQUESTS => SendOutcome::Busy(said, after),
        // These pass by: a proxy that wants a login for the moment, a connection to the wrong server, a lock, replayed early data.
        StatusCode::REQUEST_TIMEOUT
        | StatusCode::PROXY_AUTHENTICATION_REQUIRED
        | StatusCode::MISDIRECTED_REQUEST
        | StatusCode::LOCKED
        | StatusCode::TOO_EARLY => SendOutcome::Later(said, after),
        StatusCode::PAYLOAD_TOO_LARGE => SendOutcome::TooLarge(said),
        status if status.is_client_error() => SendOutcome::Doubted(said),
        status if status.is_redirection() => SendOutcome::Later(
            format!("{said}: it leads elsewhere, which is not followed; set the URL that is meant"),
            after,
        ),
        _ => SendOutcome::Later(said, after),
    }
}

/// How long a body says that is to be waited, as those of Telegram and Discord do.
fn told_to_wait(answer: &[u8]) -> Option<Duration> {
    let answer: serde_json::Value = serde_json::from_slice(answer).ok()?;
    let seconds =
        answer.pointer("/parameters/retry_after").or_else(|| answer.get("retry_after"))?.as_f64()?;
    Some(Duration::try_from_secs_f64(seconds).ok()?.min(RETRY_AFTER_MAX))
}

/// Seconds, which some give with decimals, or a date.
fn retry_after(value: &str) -> Option<Duration> {
    let value = value.trim();
    let wait = match value.parse::<f64>() {
        // What is no number of seconds says nothing.
        Ok(seconds) if seconds.is_nan() => return None,
        Ok(seconds) => Duration::try_from_secs_f64(seconds.min(RETRY_AFTER_MAX.as_secs_f64())).ok()?,
        Err(_) => {
            let at = jiff::fmt::rfc2822::parse(value).ok()?.timestamp();
            Duration::try_from(at.duration_since(jiff::Timestamp::now())).unwrap_or_default()
        }
    };
    Some(wait.min(RETRY_AFTER_MAX))
}

/// An error without its URL, which may hold a secret.
fn plain(error: &reqwest::Error) -> String {
    use std::error::Error;
    let mut text = match error {
        error if error.is_timeout() => "it does not answer in time".to_owned(),
        error if error.is_connect() => "cannot connect".to_owned(),
        _ => "the request failed".to_owned(),
    };
    let mut source = error.source();
    while let Some(cause) = source {
        if cause.source().is_none() {
            text = format!("{text}: {cause}");
        }
        source = cause.source();
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_receiver_may_ask_for_a_while_in_every_form() {
        let ms = |value: &str| retry_after(value).map(|wait| wait.as_millis());
        for (value, wait) in [("3", 3_000), ("3.5", 3_500), (" 0.25 ", 250), ("0", 0), ("86400", 300_000)] {
            assert_eq!(ms(value), Some(wait), "{value}");
        }
        assert_eq!(ms("Fri, 01 Jan 2100 00:00:00 GMT"), Some(300_000));
        assert_eq!(ms("Thu, 01 Jan 1970 00:00:00 GMT"), Some(0));
        for value in ["", "soon", "-1", "NaN"] {
            assert_eq!(ms(value), None, "{value}");
        }
    }
}
