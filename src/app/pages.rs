//! The paths that are answered over HTTP and at the socket, and by what.

use std::sync::Arc;

use super::endpoint::Endpoint;
use super::live::Live;
use crate::serve::http::{HttpResponse, Render};
use crate::serve::page;
use crate::serve::pages::{LivePages, OPEN_METRICS, Pages, Query, host_of};
use crate::sys::memory::give_back_free;

/// After an answer of this length, in bytes, memory is given back.
const LONG_ANSWER_BYTES: usize = 1 << 20;

/// What is answered over HTTP, to people who reach it by `external_url`, too.
pub(super) fn pages(live: &Arc<Live>, external_url: &str) -> Pages {
    let page = |render: fn(&Endpoint) -> HttpResponse| -> Render {
        let endpoint = Arc::clone(&live.endpoint);
        Arc::new(move || {
            let answer = render(&endpoint);
            // What it was made from took several times as much.
            if answer.body.len() > LONG_ANSWER_BYTES {
                give_back_free();
            }
            answer
        })
    };
    let query = |answer: fn(&Live, &str) -> HttpResponse| -> Query {
        let live = Arc::clone(live);
        Arc::new(move |question| answer(&live, question))
    };
    let snapshot: Render = {
        let live = Arc::clone(live);
        Arc::new(move || live.status_page())
    };
    let machine = rustix::system::uname().nodename().to_string_lossy().into_owned();
    Pages::new(
        [
            ("/metrics", page(Endpoint::metrics)),
            (OPEN_METRICS, page(Endpoint::open_metrics)),
            ("/healthz", page(Endpoint::health)),
            ("/-/ready", page(Endpoint::readiness)),
            ("/status", page(Endpoint::status_page)),
            ("/api/v1/status", snapshot),
        ],
        LivePages {
            hub: Arc::clone(&live.hub),
            queries: vec![
                ("/api/v1/series", query(Live::series_page)),
                ("/api/v1/files", query(Live::files_page)),
            ],
            assets: &page::ASSETS,
            hosts: [Some(machine), host_of(external_url)].into_iter().flatten().collect(),
        },
    )
}
