//! Ways to a receiver: TLS with an authority of one's own, proxies, secrets that stand elsewhere.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpListener;
use std::process::Command;
use std::sync::Arc;

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use rustix::process::Signal;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ServerConfig, ServerConnection, StreamOwned};

use crate::common::server::{Reply, Server};
use crate::common::{TestFolder, append, lines};

fn test_alert(place: &TestFolder, output: &str, env: &[(&str, &str)]) -> String {
    let config = place.config(&format!(
        "[watch.logs]\npaths = [\"/nowhere\"]\n[output.pager]\ntype = \"webhook\"\n{output}"
    ));
    let mut command = Command::new(env!("CARGO_BIN_EXE_spiketail"));
    command.env_remove("NO_PROXY").env_remove("no_proxy").envs(env.iter().copied());
    let output = command.args(["test-alert", "pager", "-c"]).arg(config).output().unwrap();
    String::from_utf8([output.stdout, output.stderr].concat()).unwrap()
}

/// What serves TLS with a certificate for `localhost` from an authority that is in the returned PEM text.
pub(crate) fn tls_config() -> (Arc<ServerConfig>, String) {
    let Certificates { authority, own, key } = certificates();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(
            vec![CertificateDer::from_pem_slice(own.as_bytes()).unwrap()],
            PrivateKeyDer::from_pem_slice(key.as_bytes()).unwrap(),
        )
        .unwrap();
    (Arc::new(config), authority)
}

/// PEM texts of an authority, and of a certificate for `localhost` from it with its key.
pub(crate) struct Certificates {
    pub(crate) authority: String,
    pub(crate) own: String,
    pub(crate) key: String,
}

pub(crate) fn certificates() -> Certificates {
    let mut params = CertificateParams::default();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params.distinguished_name.push(rcgen::DnType::CommonName, "authority of a test");
    let authority = CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap();
    let key = KeyPair::generate().unwrap();
    let own = CertificateParams::new(["localhost".to_owned()]).unwrap().signed_by(&key, &authority).unwrap();
    Certificates { authority: authority.pem(), own: own.pem(), key: key.serialize_pem() }
}

/// A server that speaks TLS with a certificate for `localhost` from an authority that is in the returned PEM text.
fn tls_server() -> (u16, String) {
    let (config, authority) = tls_config();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let session = ServerConnection::new(Arc::clone(&config)).unwrap();
            let mut stream = BufReader::new(StreamOwned::new(session, stream));
            let mut length = 0;
            let mut line = String::new();
            while stream.read_line(&mut line).is_ok_and(|bytes| bytes > 2) {
                if let Some(value) = line.to_lowercase().strip_prefix("content-length:") {
                    length = value.trim().parse().unwrap();
                }
                line.clear();
            }
            let mut body = vec![0; length];
            if length > 0 && stream.read_exact(&mut body).is_ok() {
                let answer = b"HTTP/1.1 200 OK\r\ncontent-length: 6\r\nconnection: close\r\n\r\nsecret";
                let _ = stream.get_mut().write_all(answer);
                stream.get_mut().conn.send_close_notify();
                let _ = stream.get_mut().flush();
            }
        }
    });
    (port, authority)
}

#[test]
fn an_authority_of_ones_own_is_trusted_only_if_it_is_named() {
    let (port, authority) = tls_server();
    let place = TestFolder::new();
    let file = place.beside("ca.pem");
    std::fs::write(&file, authority).unwrap();
    let url = format!("url = \"https://localhost:{port}/\"\n");
    let said = test_alert(&place, &url, &[]);
    assert!(said.contains("firing NOT taken: cannot connect: invalid peer certificate"), "{said}");
    let said = test_alert(&place, &format!("{url}ca_file = {file:?}\n"), &[]);
    assert!(said.contains("firing taken: 200 OK secret"), "{said}");
    std::fs::write(&file, "nothing").unwrap();
    let said = test_alert(&place, &format!("{url}ca_file = {file:?}\n"), &[]);
    assert!(said.contains("ca.pem holds no certificates in PEM form"), "{said}");
}

#[test]
fn proxies_are_taken_from_the_environment() {
    let proxy = Server::start(|_| Reply::status(200));
    let place = TestFolder::new();
    let said = test_alert(&place, "url = \"http://hooks.invalid/x\"\n", &[("HTTP_PROXY", &proxy.url())]);
    assert!(said.contains("pager: firing taken: 200 OK"), "{said}");
    assert_eq!(proxy.wait(1)[0].line, "POST http://hooks.invalid/x HTTP/1.1");
    let env = [("HTTP_PROXY", proxy.url()), ("NO_PROXY", "invalid".to_owned())];
    let env: Vec<(&str, &str)> = env.iter().map(|(name, value)| (*name, value.as_str())).collect();
    let said = test_alert(&place, "url = \"http://hooks.invalid/x\"\n", &env);
    assert!(said.contains("pager: firing NOT taken: cannot connect"), "{said}");
}

#[test]
fn secrets_come_from_credentials_or_files_and_are_never_shown() {
    let server = Server::start(|n| Reply::status(if n == 0 { 200 } else { 403 }));
    let place = TestFolder::new();
    std::fs::create_dir(place.beside("credentials")).unwrap();
    std::fs::write(place.beside("credentials/pager-url"), format!("{}/hush-1\n", server.url())).unwrap();
    std::fs::write(place.beside("token"), "Bearer hush-2\n").unwrap();
    let credentials = place.beside("credentials");
    let env = [
        ("CREDENTIALS_DIRECTORY", credentials.to_str().unwrap()),
        ("RUST_LOG", "trace"),
        ("SPIKETAIL_LOG", "trace"),
    ];
    let token = place.beside("token");
    let output = format!("url_file = \"pager-url\"\nheader_files = {{ Authorization = {token:?} }}\n");
    let said = test_alert(&place, &output, &env);
    assert!(said.contains("firing taken: 200 OK") && said.contains("resolved NOT taken: 403"), "{said}");
    let request = server.wait(1).remove(0);
    assert!(request.line.starts_with("POST /hush-1 "), "{}", request.line);
    assert!(request.headers.to_lowercase().contains("authorization: bearer hush-2"), "{}", request.headers);
    assert!(!said.contains("hush"), "{said}");
    // Nor when the URL is wrong, or cannot be reached.
    for url in [
        "ftp://hush-3",
        "http://hush-3.invalid:1/hush-3",
        "http://[hush-3",
        "http://hush:hush-3@127.0.0.1:1/",
    ] {
        let said = test_alert(&place, &format!("url = \"{url}\"\nmethod = \"POSTT\"\n"), &[]);
        assert!(!said.contains("hush") && !said.is_empty(), "{said}");
    }
    let said = test_alert(&place, "url_file = \"nowhere\"\n", &env);
    assert!(
        said.contains("credentials/nowhere: No such file or directory") && said.contains("; let the user"),
        "{said}"
    );
}

#[test]
fn a_replaced_authority_is_read_at_a_reload() {
    let (port, authority) = tls_server();
    let (_, other) = tls_server();
    let place = TestFolder::new();
    append(&place.log("app.log"), "");
    let file = place.beside("ca.pem");
    std::fs::write(&file, other).unwrap();
    let mut daemon = place.resume_with(
        "app.log",
        &format!(
            "[rule.errors]\nany = [\"ERROR\"]\n[alert.spike]\nover = 1\nwindow = \"1h\"\n[output.pager]\ntype = \"webhook\"\n\
             url = \"https://localhost:{port}/\"\nca_file = {file:?}\ngroup_wait = \"0s\"\n"
        ),
    );
    append(&place.log("app.log"), lines(0..3));
    let failed = daemon.wait_event("delivery_failed");
    assert!(failed["reason"].as_str().unwrap().contains("invalid peer certificate"), "{failed}");
    std::fs::write(&file, authority).unwrap();
    daemon.signal(Signal::HUP);
    daemon.wait_event("delivery_recovered");
    daemon.stop();
}

#[test]
fn what_the_machine_is_called_is_read_at_a_reload() {
    let server = Server::start(|_| Reply::status(200));
    let place = TestFolder::new();
    append(&place.log("app.log"), "");
    let config = |instance: &str, over: u32| {
        format!(
            "instance = {instance:?}\n[watch.logs]\npaths = [{:?}]\n[alert.spike]\nover = {over}\nwindow = \"1h\"\n\
             [output.pager]\ntype = \"webhook\"\nurl = \"{}\"\ngroup_wait = \"0s\"\n[output.out]\ntype = \"json\"\n",
            place.log("app.log"),
            server.url()
        )
    };
    // The table of the engine has begun.
    place.config(&config("node-1", 1));
    let mut daemon = place.start_configured();
    append(&place.log("app.log"), lines(0..3));
    let labels = |n: usize| -> serde_json::Value {
        let message: serde_json::Value = serde_json::from_slice(&server.wait(n)[n - 1].body).unwrap();
        message["alerts"][0]["labels"]["instance"].clone()
    };
    assert_eq!(labels(1), "node-1");
    place.config(&config("node-2", 5));
    daemon.signal(Signal::HUP);
    daemon.wait_event("reloaded");
    append(&place.log("app.log"), lines(0..9));
    let is_second = |event: &serde_json::Value| event["host"] == "node-2" && event["state"] == "firing";
    daemon.wait_for("an alert of the second name", |events| events.iter().any(is_second));
    daemon.stop();
}
