//! Mails through a server that others wrote: Debian's `python3-aiosmtpd`.
//!
//! Run with `cargo test --test notify smtp -- --ignored`.

use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command};

use rustix::process::Signal;

use crate::common::{TestFolder, append, free_port, until};
use crate::email::header;
use crate::ways::certificates;

const SERVER: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/smtp_server.py");

struct MailServer {
    child: Child,
    port: u16,
    mails: PathBuf,
}

impl MailServer {
    /// A server with `mode` that has its certificate, whose authority is in `ca.pem`, and its mails in `folder`.
    fn start(mode: &str, folder: &Path) -> MailServer {
        let certificates = certificates();
        for (name, text) in [
            ("ca.pem", &certificates.authority),
            ("own.pem", &certificates.own),
            ("key.pem", &certificates.key),
        ] {
            std::fs::write(folder.join(name), text).unwrap();
        }
        let (port, mails) = (free_port(), folder.join("mails"));
        // Another Python in the path may lack the package.
        let python = if Path::new("/usr/bin/python3").exists() { "/usr/bin/python3" } else { "python3" };
        let mut command = Command::new(python);
        command.arg(SERVER).args([mode, &port.to_string()]).arg(folder.join("own.pem"));
        let child = command.arg(folder.join("key.pem")).arg(&mails).spawn().unwrap();
        let server = MailServer { child, port, mails };
        until("the mail server listens", || TcpStream::connect(("127.0.0.1", port)).ok());
        server
    }

    /// Its mails, the oldest first, once there are `count`.
    fn wait(&self, count: usize) -> Vec<String> {
        until(&format!("{count} mails"), || {
            let entries = std::fs::read_dir(self.mails.join("new")).ok()?;
            let mut mails: Vec<_> = entries
                .map(|entry| entry.unwrap().path())
                .map(|path| (path.metadata().unwrap().modified().unwrap(), path))
                .collect();
            mails.sort();
            let read = |(_, path): &(_, PathBuf)| std::fs::read_to_string(path).unwrap();
            (mails.len() >= count).then(|| mails.iter().map(read).collect())
        })
    }
}

impl Drop for MailServer {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn config(place: &TestFolder, tls: &str, port: u16, alert: &str) {
    place.config(&format!(
        "[watch.logs]\npaths = [{:?}]\n{alert}\n[output.mail]\ntype = \"email\"\nserver = \"localhost:{port}\"\ntls = \"{tls}\"\n\
         username = \"user\"\npassword_file = \"password\"\nca_file = \"ca.pem\"\n\
         from = \"spiketail@example.org\"\nto = [\"ops@example.org\", \"Zoë <zoe@example.org>\"]\ngroup_wait = \"0s\"\n",
        place.log("app.log")
    ));
}

#[test]
#[ignore = "needs python3-aiosmtpd"]
fn the_mails_of_an_alert_are_one_thread_at_a_real_server() {
    for tls in ["starttls", "tls"] {
        let place = TestFolder::new();
        let server = MailServer::start(tls, &place.beside(""));
        std::fs::write(place.beside("password"), "wrong").unwrap();
        append(&place.log("app.log"), "");
        config(&place, tls, server.port, "[alert.spike]\nover = 0\nwindow = \"1h\"");
        let mut daemon = place.start_configured();
        append(&place.log("app.log"), "ERROR größer\n.\n");
        // The server knows nobody by that password.
        daemon.wait_event("delivery_failed");
        std::fs::write(place.beside("password"), "secret").unwrap();
        server.wait(1);
        daemon.kill();
        // The alert ends with its definition, after a restart.
        let mut daemon = place.start_configured();
        config(&place, tls, server.port, "");
        daemon.signal(Signal::HUP);
        daemon.wait_event("reloaded");
        let resolved = until("the end", || {
            let mails = server.wait(2);
            mails
                .iter()
                .find(|mail| header(mail, "Subject").starts_with("[RESOLVED] critical spike on "))
                .cloned()
        });
        daemon.stop();
        let mails = server.wait(2);
        let firing = &mails[0];
        assert!(header(firing, "Subject").starts_with("[FIRING] critical spike on "), "{firing}");
        assert_eq!(header(firing, "References"), header(&resolved, "References"));
        assert_eq!(header(firing, "In-Reply-To"), header(&resolved, "In-Reply-To"));
        assert_eq!(header(firing, "X-RcptTo"), "ops@example.org, zoe@example.org");
        assert!(firing.contains("text/plain") && firing.contains("text/html"), "{firing}");
        // What was told twice around the kill is the same mail.
        let ids: std::collections::BTreeSet<&str> =
            mails.iter().map(|mail| header(mail, "Message-ID")).collect();
        assert_eq!(ids.len(), 2, "{mails:?}");
    }
}
