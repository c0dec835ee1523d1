//! A receiver that does its worst neither delays reading nor grows memory.

use std::time::{Duration, Instant};

use crate::common::server::{Reply, Server};
use crate::common::{TestFolder, append, lines};

fn config(server: &Server) -> String {
    format!(
        "[rule.errors]\nany = [\"ERROR\"]\n[alert.spike]\nover = 1\nwindow = \"1m\"\nby = \"path\"\n\
         [output.pager]\ntype = \"webhook\"\nurl = \"{}/secret-token\"\ngroup_wait = \"0s\"\ntimeout = \"1s\"\n",
        server.url()
    )
}

#[test]
fn a_receiver_that_misbehaves_is_endured() {
    let elsewhere = Server::start(|_| Reply::status(200));
    let away = format!("location: http://localhost:{}/x\r\n", elsewhere.port);
    let replies = [
        Reply::Hang,
        Reply::Close,
        Reply::Garbage,
        Reply::status(500),
        Reply::status(429),
        Reply::Status(301, away, Vec::new()),
        Reply::Endless,
    ];
    for (number, reply) in replies.into_iter().enumerate() {
        let server = Server::start(move |_| reply.clone());
        let place = TestFolder::new();
        let mut daemon = place.resume_with("*.log", &config(&server));
        append(&place.log("first.log"), lines(0..3));
        server.wait(1);
        // While it is being told, or waited for, lines are counted as ever.
        let begun = Instant::now();
        let log = place.log("app.log");
        (0..20).for_each(|n| append(&log, lines(n * 1_000..(n + 1) * 1_000)));
        daemon.wait_total(&log, 20_000);
        assert!(begun.elapsed() < Duration::from_secs(20));
        assert!(daemon.rss_kb() < 150_000, "{} KB with receiver {number}", daemon.rss_kb());
        assert!(!daemon.shown().contains("secret-token"), "{}", daemon.shown());
        let ended = daemon.stop();
        assert!(ended.took < Duration::from_secs(3), "{:?} with receiver {number}", ended.took);
    }
    assert!(elsewhere.requests().is_empty(), "nothing is sent to another host");
}
