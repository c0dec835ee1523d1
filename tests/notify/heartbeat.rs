//! A sign of life comes for as long as the daemon lives, also after a reload, and when the receiver is there again.

use rustix::process::Signal;

use crate::common::TestFolder;
use crate::common::server::{Reply, Server};

fn config(place: &TestFolder, server: Option<&Server>) {
    let heartbeat =
        server.map(|server| format!("[heartbeat]\nurl = \"{}/ping/secret\"\nevery = \"1s\"\n", server.url()));
    place.config(&format!(
        "[watch.logs]\npaths = [{:?}]\n{}",
        place.log("a.log"),
        heartbeat.unwrap_or_default()
    ));
}

#[test]
fn it_comes_while_the_daemon_lives_and_follows_the_configuration() {
    let first = Server::start(|n| Reply::status(if n == 0 { 500 } else { 200 }));
    let place = TestFolder::new();
    config(&place, Some(&first));
    let mut daemon = place.start_configured();
    let requests = first.wait(3);
    assert_eq!(requests[0].line, "POST /ping/secret HTTP/1.1");
    daemon.wait_event("delivery_failed");
    daemon.wait_event("delivery_recovered");
    assert!(!daemon.shown().contains("secret"));
    let second = Server::start(|_| Reply::status(200));
    config(&place, Some(&second));
    daemon.signal(Signal::HUP);
    second.wait(1);
    let before = first.requests().len();
    second.wait(3);
    assert_eq!(first.requests().len(), before);
    daemon.stop();
    let after = second.requests().len();
    assert!(after >= 3);
}
