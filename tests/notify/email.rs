//! Mails, by a server that takes only what the standards allow.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};

use rustix::process::Signal;
use rustls::{ServerConfig, ServerConnection, StreamOwned};

use crate::common::{TestFolder, append, until};
use crate::ways::tls_config;

/// `user` and `secret`, each after a NUL, in base 64: RFC 4616.
const PLAIN: &str = "AHVzZXIAc2VjcmV0";

#[derive(Clone, Copy, PartialEq)]
pub(crate) enum Mode {
    StartTls,
    Tls,
    Open,
}

#[derive(Default)]
struct Received {
    /// Envelope and text of each mail that was taken.
    mails: Vec<(String, String)>,
    /// What was done wrong.
    wrongs: Vec<String>,
    /// How many mails were offered.
    offered: usize,
}

/// A server that refuses mail number n as `refuse` says.
pub(crate) struct MailServer {
    pub(crate) port: u16,
    received: Arc<Mutex<Received>>,
}

trait Stream: Read + Write {}
impl<T: Read + Write> Stream for T {}

impl MailServer {
    pub(crate) fn start(
        mode: Mode,
        tls: Option<Arc<ServerConfig>>,
        refuse: impl Fn(usize) -> Option<&'static str> + Send + Sync + 'static,
    ) -> MailServer {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let received = Arc::new(Mutex::new(Received::default()));
        let all = Arc::clone(&received);
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                // A client that goes away in the middle is no wrong of the server.
                let _ = converse(stream, mode, tls.as_ref(), &all, &refuse);
            }
        });
        MailServer { port, received }
    }

    pub(crate) fn mails(&self, count: usize) -> Vec<(String, String)> {
        let mails = until("the mails", || {
            let received = self.received.lock().unwrap();
            assert_eq!(received.wrongs, [""; 0]);
            (received.mails.len() >= count).then(|| received.mails.clone())
        });
        assert_eq!(mails.len(), count);
        mails
    }
}

fn encrypted(config: Option<&Arc<ServerConfig>>, stream: TcpStream) -> Box<dyn Stream> {
    Box::new(StreamOwned::new(ServerConnection::new(Arc::clone(config.unwrap())).unwrap(), stream))
}

fn converse(
    stream: TcpStream,
    mode: Mode,
    tls: Option<&Arc<ServerConfig>>,
    received: &Mutex<Received>,
    refuse: &dyn Fn(usize) -> Option<&'static str>,
) -> std::io::Result<()> {
    let raw = stream.try_clone()?;
    let mut is_safe = mode == Mode::Tls;
    let first: Box<dyn Stream> = if is_safe { encrypted(tls, stream) } else { Box::new(stream) };
    let mut stream = BufReader::new(first);
    let wrong = |what: String| received.lock().unwrap().wrongs.push(what);
    stream.get_mut().write_all(b"220 mail.example.org ESMTP\r\n")?;
    let (mut is_known, mut envelope) = (false, String::new());
    loop {
        let mut line = String::new();
        if stream.read_line(&mut line)? == 0 {
            return Ok(());
        }
        let line = line.trim_end().to_owned();
        let answer = match line.split([' ', ':']).next().unwrap_or_default().to_uppercase().as_str() {
            "EHLO" if mode == Mode::StartTls && !is_safe => "250-mail.example.org\r\n250 STARTTLS".to_owned(),
            "EHLO" => "250-mail.example.org\r\n250-8BITMIME\r\n250 AUTH PLAIN LOGIN".to_owned(),
            "STARTTLS" if !is_safe => {
                stream.get_mut().write_all(b"220 go ahead\r\n")?;
                is_safe = true;
                stream = BufReader::new(encrypted(tls, raw.try_clone()?));
                continue;
            }
            "AUTH" if line == format!("AUTH PLAIN {PLAIN}") => {
                is_known = true;
                "235 welcome".to_owned()
            }
            "AUTH" => "535 5.7.8 authentication failed".to_owned(),
            "MAIL" | "RCPT" if mode != Mode::Open && !(is_safe && is_known) => {
                wrong(format!("{line} before the client is known"));
                "530 who are you".to_owned()
            }
            "MAIL" => {
                envelope = line;
                "250 ok".to_owned()
            }
            "RCPT" if line.contains("gone@") => "550 5.1.1 no such user".to_owned(),
            "RCPT" => {
                envelope += &format!(" {line}");
                "250 ok".to_owned()
            }
            "DATA" => {
                stream.get_mut().write_all(b"354 go on\r\n")?;
                let mail = data(&mut stream, &wrong)?;
                let mut received = received.lock().unwrap();
                received.offered += 1;
                match refuse(received.offered - 1) {
                    Some(refusal) => refusal.to_owned(),
                    None => {
                        received.mails.push((envelope.clone(), mail));
                        "250 2.0.0 queued as 17".to_owned()
                    }
                }
            }
            "QUIT" => "221 bye".to_owned(),
            other => {
                wrong(format!("{other} is unknown"));
                "500 what".to_owned()
            }
        };
        stream.get_mut().write_all(format!("{answer}\r\n").as_bytes())?;
    }
}

/// The text of a mail. RFC 5322 allows 998 characters in a line, and ASCII only.
fn data(stream: &mut impl BufRead, wrong: &dyn Fn(String)) -> std::io::Result<String> {
    let mut mail = String::new();
    loop {
        let mut line = Vec::new();
        if stream.read_until(b'\n', &mut line)? == 0 {
            return Err(std::io::ErrorKind::UnexpectedEof.into());
        }
        if line == b".\r\n" {
            return Ok(mail);
        }
        if line.len() > 1_000 || !line.ends_with(b"\r\n") || !line.is_ascii() {
            wrong(format!("a line of {} bytes", line.len()));
        }
        mail += &String::from_utf8_lossy(&line).replace("\r\n", "\n");
    }
}

/// The value of a header that is not folded.
pub(crate) fn header<'a>(mail: &'a str, name: &str) -> &'a str {
    let prefix = format!("{name}: ");
    mail.lines().find_map(|line| line.strip_prefix(&prefix)).unwrap_or_else(|| panic!("no {name} in {mail}"))
}

/// Quoted-printable as text: RFC 2045.
fn unquoted(text: &str) -> String {
    text.replace("=\n", "").replace("=3D", "=").replace("=22", "\"")
}

fn config(place: &TestFolder, alert: &str, port: u16, more: &str) {
    place.config(&format!(
        "[watch.logs]\npaths = [{:?}]\n[rule.errors]\nany = [\"ERROR\"]\n{alert}\n\
         [output.mail]\ntype = \"email\"\nserver = \"localhost:{port}\"\nfrom = \"Spiketail <spiketail@example.org>\"\n\
         to = [\"ops@example.org\", \"Zoë <zoe@example.org>\"]\ngroup_wait = \"0s\"\n{more}\n",
        place.log("app.log")
    ));
}

const ALERT: &str = "[alert.spike]\nover = 0\nwindow = \"1h\"\nrunbook = \"https://wiki.example.org/spike\"";
const LOGIN: &str = "username = \"user\"\npassword_file = \"password\"\nca_file = \"ca.pem\"\n";

#[test]
fn the_beginning_and_the_end_of_an_alert_are_one_thread_over_any_protected_connection() {
    for (mode, tls) in [(Mode::StartTls, "starttls"), (Mode::Tls, "tls")] {
        let (server_config, authority) = tls_config();
        let server = MailServer::start(mode, Some(server_config), |n| (n == 0).then_some("451 4.7.1 later"));
        let place = TestFolder::new();
        std::fs::write(place.beside("ca.pem"), authority).unwrap();
        std::fs::write(place.beside("password"), "secret\n").unwrap();
        append(&place.log("app.log"), "");
        let more = format!("{LOGIN}tls = \"{tls}\"");
        config(&place, ALERT, server.port, &more);
        let mut daemon = place.start_configured();
        append(&place.log("app.log"), format!("ERROR <b>bold</b> é {}\n", "x".repeat(3_000)));
        server.mails(1);
        config(&place, "", server.port, &more);
        daemon.signal(Signal::HUP);
        let mails = server.mails(2);
        daemon.wait_event("delivery_recovered");
        assert!(!daemon.shown().contains("secret"));
        daemon.stop();
        let [(envelope, firing), (_, resolved)] = mails.as_slice() else { panic!() };
        assert!(envelope.starts_with("MAIL FROM:<spiketail@example.org>"), "{envelope}");
        assert!(envelope.contains("TO:<ops@example.org>") && envelope.contains("TO:<zoe@example.org>"));
        assert!(header(firing, "Subject").starts_with("[FIRING] critical spike on "), "{firing}");
        assert!(header(resolved, "Subject").starts_with("[RESOLVED] critical spike on "), "{resolved}");
        assert_eq!(header(firing, "References"), header(resolved, "References"));
        assert_eq!(header(firing, "In-Reply-To"), header(firing, "References"));
        assert_ne!(header(firing, "Message-ID"), header(resolved, "Message-ID"));
        assert!(firing.contains("Content-Type: text/plain") && firing.contains("Content-Type: text/html"));
        let shown = unquoted(firing);
        assert!(shown.contains("ERROR <b>bold</b>"), "the plain text: {shown}");
        assert!(shown.contains("ERROR &lt;b&gt;bold&lt;"), "the HTML: {shown}");
        assert!(shown.contains("<a href=\"https:"), "{shown}");
    }
}

#[test]
fn what_a_server_refuses_for_good_is_reported_and_what_can_be_put_right_is_tried_again() {
    let server = MailServer::start(Mode::Open, None, |_| Some("554 5.7.1 not here"));
    let place = TestFolder::new();
    append(&place.log("app.log"), "");
    config(&place, ALERT, server.port, "tls = \"none\"");
    let mut daemon = place.start_configured();
    append(&place.log("app.log"), "ERROR\n");
    daemon.wait_event("delivery_refused");
    assert!(daemon.shown().contains("not here"));
    daemon.stop();
    assert_eq!(server.received.lock().unwrap().offered, 1);

    let (server_config, authority) = tls_config();
    let server = MailServer::start(Mode::StartTls, Some(server_config), |_| None);
    let place = TestFolder::new();
    std::fs::write(place.beside("ca.pem"), authority).unwrap();
    std::fs::write(place.beside("password"), "wrong").unwrap();
    append(&place.log("app.log"), "");
    config(&place, ALERT, server.port, LOGIN);
    let mut daemon = place.start_configured();
    append(&place.log("app.log"), "ERROR\n");
    daemon.wait_event("delivery_failed");
    std::fs::write(place.beside("password"), "secret").unwrap();
    server.mails(1);
    daemon.wait_event("delivery_recovered");
    daemon.stop();
}

#[test]
fn an_address_that_is_refused_keeps_the_mail_from_no_other() {
    let server = MailServer::start(Mode::Open, None, |_| None);
    let place = TestFolder::new();
    append(&place.log("app.log"), "");
    let to = "to = [\"ops@example.org\", \"gone@example.org\", \"zoe@example.org\"]\n";
    let more = format!(
        "tls = \"none\"\n[output.others]\ntype = \"email\"\nserver = \"localhost:{}\"\nfrom = \"a@example.org\"\n{to}tls = \"none\"\n",
        server.port
    );
    config(&place, ALERT, server.port, &format!("severity = \"info\"\n{more}"));
    let mut daemon = place.start_configured();
    append(&place.log("app.log"), "ERROR\n");
    let refused = daemon.wait_event("delivery_refused");
    let reason = refused["reason"].as_str().unwrap();
    assert!(reason.contains("gone@example.org") && reason.contains("no such user"), "{reason}");
    assert!(!reason.contains("ops@"), "{reason}");
    let mails = server.mails(2);
    assert!(mails[0].0.ends_with("RCPT TO:<ops@example.org>"), "{}", mails[0].0);
    assert!(mails[1].0.ends_with("RCPT TO:<zoe@example.org>"), "{}", mails[1].0);
    daemon.stop();
}

#[test]
fn a_server_that_offers_no_encryption_gets_neither_password_nor_mail() {
    let server = MailServer::start(Mode::Open, None, |_| None);
    let place = TestFolder::new();
    append(&place.log("app.log"), "");
    config(&place, ALERT, server.port, "username = \"user\"\npassword = \"secret\"");
    let mut daemon = place.start_configured();
    append(&place.log("app.log"), "ERROR\n");
    daemon.wait_event("delivery_failed");
    assert!(daemon.shown().contains("STARTTLS"), "{}", daemon.shown());
    daemon.stop();
    assert_eq!(server.received.lock().unwrap().mails, []);
}

#[test]
fn a_digest_is_one_mail_about_alerts_of_any_name() {
    let server = MailServer::start(Mode::Open, None, |_| None);
    let place = TestFolder::new();
    append(&place.log("app.log"), "");
    let alerts = "[alert.first]\nover = 0\nwindow = \"1h\"\n[alert.second]\nover = 1\nwindow = \"1h\"\nseverity = \"info\"\n\
        runbook = \"https://wiki.example.org/second\"";
    config(&place, alerts, server.port, "tls = \"none\"");
    let path = place.beside("spiketail.toml");
    let digest = std::fs::read_to_string(&path).unwrap().replace("group_wait = \"0s\"", "digest = \"5s\"");
    std::fs::write(&path, digest).unwrap();
    let mut daemon = place.start_configured();
    append(&place.log("app.log"), "ERROR\nERROR\n");
    daemon.wait_for("both alerts", |events| {
        ["first", "second"].iter().all(|name| events.iter().any(|event| event["alert"] == *name))
    });
    // What waits goes on waiting after a restart.
    daemon.kill();
    let daemon = place.start_configured();
    let mails = server.mails(1);
    daemon.stop();
    let (_, mail) = &mails[0];
    let host = rustix::system::uname().nodename().to_string_lossy().into_owned();
    assert_eq!(header(mail, "Subject"), format!("[FIRING] digest: 2 firing, 0 resolved on {host}"));
    let shown = unquoted(mail);
    for part in ["first on ", "second on ", "runbook: https://wiki.example.org/second"] {
        assert!(shown.contains(part), "{part}: {shown}");
    }
}

#[test]
fn what_a_mail_needs_is_asked_for() {
    let place = TestFolder::new();
    for (output, expected) in [
        ("from = \"a@b\"\nto = \"a@b\"", "lacks `server`"),
        (
            "server = \"h\"\nfrom = \"a@b\"\nto = \"nobody\"",
            "`to` in [output.x] holds `nobody`, which is no address",
        ),
        ("server = \"h\"\nfrom = \"a@b\"\nto = []", "`to` in [output.x] is empty"),
        ("server = \"h:x\"\nfrom = \"a@b\"\nto = \"a@b\"", "`server` in [output.x] is `h:x`; write a host"),
        ("server = \"smtp://h\"\nfrom = \"a@b\"\nto = \"a@b\"", "`server` in [output.x] is `smtp://h`"),
        (
            "server = \"h\"\nfrom = \"a@b\"\nto = \"a@b\"\ndigest = \"1d\"\ngroup_wait = \"1m\"",
            "`group_wait` in [output.x] means nothing beside `digest`",
        ),
        (
            "server = \"h\"\nfrom = \"a@b\"\nto = \"a@b\"\nusername = \"u\"",
            "lacks `password`, that of `username`",
        ),
        (
            "server = \"h\"\nfrom = \"a@b\"\nto = \"a@b\"\npassword = \"p\"",
            "means nothing without `username`",
        ),
        (
            "server = \"h\"\ntls = \"none\"\nfrom = \"a@b\"\nto = \"a@b\"\nusername = \"u\"\npassword = \"p\"",
            "would send the password in the clear",
        ),
    ] {
        let path =
            place.config(&format!("[watch.a]\npaths = [\"/x\"]\n[output.x]\ntype = \"email\"\n{output}\n"));
        let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_spiketail"));
        let said = command.args(["check", "-c"]).arg(path).output().unwrap();
        let said = String::from_utf8(said.stderr).unwrap();
        assert!(said.contains(expected), "{output}: {said}");
    }
}
