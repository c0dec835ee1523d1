//! A record counts once, whatever befalls the daemon in the midst of it.

use crate::common::{TestFolder, append};
use crate::{ENDS, each};

const CONFIG: &str = "record_start = '^\\d'\n[rule.errors]\nany = [\"ERROR\", \"Caused by\"]\n";

#[test]
fn a_record_goes_on_after_a_restart() {
    each(ENDS, |end| {
        let place = TestFolder::new();
        let log = place.log("app.log");
        append(&log, "");
        let mut daemon = place.resume_with("app.log", CONFIG);
        append(&log, "1 ERROR a\n  at b\nCaused by c\n2 ok\n3 ERROR d\n  at e\n");
        daemon.wait_total(&log, 2);
        end.end(daemon);
        append(&log, "Caused by f\n  ERROR g\n");
        let mut daemon = place.resume_with("app.log", CONFIG);
        append(&log, "Caused by h\n4 ok\nCaused by i\nCaused by j\n5 ERROR k\n");
        daemon.wait_status_sum(4);
        daemon.stop();
    });
}
