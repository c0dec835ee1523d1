//! The page in a real browser: all states, hostile lines, a restart, and what a screen reader would meet.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

#[path = "devtools/mod.rs"]
mod devtools;

#[path = "common/mod.rs"]
mod common;

use std::path::{Path, PathBuf};
use std::time::Instant;

use common::{Daemon, TestFolder, append, free_port, lines, until};
use devtools::Page;
use serde_json::Value;

const COUNT: &str = "[alert.many]\nover = 20\nwindow = \"1m\"\n";
const SIZES: [(u32, u32); 2] = [(1280, 900), (390, 844)];

/// A daemon at a port that stays the same when it is started again.
fn start(place: &TestFolder, port: u16, more: &str) -> Daemon {
    let mut daemon = place.resume_with("*.log", &format!("{more}\n[http]\nlisten = \"127.0.0.1:{port}\""));
    daemon.address();
    daemon
}

/// Has the daemon do something.
fn control(place: &TestFolder, args: &[&str]) {
    let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_spiketail"));
    let status = command.args(args).arg("--socket").arg(place.state().join("control.sock")).status().unwrap();
    assert!(status.success(), "{args:?}");
}

/// Where pictures of the page go.
fn pictures() -> PathBuf {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("page");
    std::fs::create_dir_all(&folder).unwrap();
    folder
}

/// Waits until the page shows a text.
fn wait_text(page: &mut Page, selector: &str, text: &str) {
    until(&format!("{selector} says {text}"), || {
        let shown = page.run(&format!("(document.querySelector({selector:?}) || {{}}).textContent || ''"));
        shown.as_str().unwrap().contains(text).then_some(())
    });
}

/// Has axe-core judge whether the page is accessible.
fn judge(page: &mut Page, state: &str) {
    let Ok(path) = std::env::var("AXE_CORE") else {
        eprintln!("AXE_CORE does not name axe.min.js: nothing judged whether {state} is accessible");
        return;
    };
    let axe = String::from_utf8(std::fs::read(path).unwrap()).unwrap();
    page.run(&format!("{axe};0"));
    let found = page.run(
        "axe.run(document, {runOnly: ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice']})
         .then(found => found.violations.map(v => v.id + ': ' + v.nodes.map(n => n.html).slice(0, 3).join(' ')))",
    );
    assert_eq!(found, Value::Array(Vec::new()), "{state}");
}

/// Looks at the page in both themes and widths: takes pictures, and has axe-core judge it.
fn look(page: &mut Page, url: &str, state: &str, headline: &str) {
    for theme in ["light", "dark"] {
        for (width, height) in SIZES {
            page.resize(width, height);
            if state != "disconnected" {
                page.open(&format!("{url}/?theme={theme}"));
            } else {
                page.run(&format!("theme('{theme}'); drawCharts()"));
            }
            wait_text(page, "h1", headline);
            if state != "empty" {
                until("the chart is drawn", || {
                    page.run("!!document.querySelector('#now .plot canvas')")
                        .as_bool()
                        .filter(|is_drawn| *is_drawn)
                });
            }
            page.picture(&pictures().join(format!("{state}-{theme}-{width}.png")));
            let overflow =
                page.run("document.documentElement.scrollWidth - document.documentElement.clientWidth");
            assert_eq!(overflow, 0, "{state} {theme} {width} is wider than the screen");
            judge(page, &format!("{state} {theme} {width}"));
        }
    }
}

#[test]
#[ignore = "needs chromium, and axe-core to judge accessibility"]
fn every_state_is_shown_and_accessible() {
    let port = free_port();
    let url = format!("http://127.0.0.1:{port}");
    let mut page = Page::start();

    let place = TestFolder::new();
    let daemon = start(&place, port, COUNT);
    look(&mut page, &url, "empty", "No file to read yet");
    drop(daemon);

    let log = place.log("app.log");
    append(&log, "");
    let mut daemon = start(&place, port, COUNT);
    append(&log, lines(0..5));
    daemon.wait_total(&log, 5);
    look(&mut page, &url, "calm", "Nothing is firing");

    append(&log, lines(5..40));
    append(&log, b"ERROR payment: connect to 10.0.0.8:5432 failed: connection refused\n".repeat(20));
    daemon.wait_total(&log, 60);
    look(&mut page, &url, "firing", "many is firing");
    // A silence takes the headline away; its end brings it back.
    page.open(&format!("{url}/"));
    wait_text(&mut page, "h1", "many is firing");
    wait_text(&mut page, "#now .foot", "No output was notified yet");
    control(&place, &["silence", "many", "--for", "1h", "--reason", "<b>planned</b>"]);
    wait_text(&mut page, "h1", "Nothing is firing");
    wait_text(&mut page, "#now", "1 alert that fires is silenced");
    wait_text(&mut page, "#silences", "<b>planned</b> · silence 1  · holds back 1 alert now");
    control(&place, &["unsilence", "1"]);
    wait_text(&mut page, "h1", "many is firing");
    wait_text(&mut page, "#silences", "Nothing is silenced.");
    // The daemon ends while the page is open.
    daemon.stop();
    wait_text(&mut page, "#conn", "No answer from the daemon");
    page.forgive();
    look(&mut page, &url, "disconnected", "many was firing");
    page.forgive();
    // It comes back: the page finds it by itself.
    let daemon = start(&place, port, COUNT);
    wait_text(&mut page, ".live", "live");
    daemon.stop();
    page.forgive();

    let place = TestFolder::new();
    append(&place.log("app.log"), "");
    let daemon = start(&place, port, "[alert.spike]\nwhen = \"spike\"\n");
    append(&place.log("app.log"), lines(0..5));
    look(&mut page, &url, "learning", "Learning what is usual");
    daemon.stop();
    page.forgive();

    let place = TestFolder::new();
    let logs: Vec<PathBuf> = (0..40).map(|n| place.log(&format!("worker-{n}.log"))).collect();
    logs.iter().for_each(|log| append(log, ""));
    let mut daemon = start(&place, port, &format!("{COUNT}by = \"path\"\n"));
    logs.iter().for_each(|log| append(log, lines(0..30)));
    daemon.wait_sum(40 * 30);
    look(&mut page, &url, "storm", "40 alerts are firing");
    assert!(page.assert_clean(&url) > 5);
    daemon.stop();
}

#[test]
#[ignore = "needs chromium, and axe-core to judge accessibility"]
fn hostile_lines_change_nothing_and_values_are_those_of_the_metrics() {
    let port = free_port();
    let url = format!("http://127.0.0.1:{port}");
    let place = TestFolder::new();
    let log = place.log("<img src=x onerror=hacked=1>.log");
    append(&log, "");
    let mut daemon = start(&place, port, COUNT);
    let mut page = Page::start();
    page.open(&url);
    wait_text(&mut page, "h1", "Nothing is firing");
    for hostile in [
        "ERROR <script>hacked=1</script> <img src=x onerror=hacked=1>\n".to_owned(),
        "ERROR </script></td></table><svg onload=hacked=1>\n".to_owned(),
        "ERROR \u{202e}gpj.exe \u{1b}[31mred\u{1b}[0m \u{0} zero\u{200b}width \u{2028}\n".to_owned(),
        format!("ERROR {}\n", "x".repeat(1 << 20)),
    ] {
        append(&log, hostile.repeat(3));
    }
    daemon.wait_total(&log, 12);
    until("all lines are shown", || {
        page.run("(S.files[0] || {}).matched").as_u64().filter(|matched| *matched == 12)
    });
    for hash in
        ["#/pattern/%3Cscript%3E", "#/file?path=%E0%A4%A", "#/alert/<b>", "#/__proto__", "#/live?pattern=x"]
    {
        page.run(&format!("location.hash = {hash:?}"));
    }
    page.run("document.querySelectorAll('.px').forEach(button => button.click())");
    let (scripts, shown) = (
        page.run("document.querySelectorAll('main script, main img, main svg[onload]').length"),
        page.run("document.body.textContent"),
    );
    assert_eq!((scripts, page.run("typeof hacked")), (0.into(), "undefined".into()));
    assert!(shown.as_str().unwrap().contains("<script>hacked=1</script>"));
    assert!(!shown.as_str().unwrap().contains(['\u{202e}', '\u{1b}', '\u{200b}']));
    // From the line to the page.
    let begun = Instant::now();
    append(&log, lines(0..30));
    wait_text(&mut page, "h1", "many is firing");
    eprintln!("an alert is in the page {} ms after its line", begun.elapsed().as_millis());
    until("the rate and the total are those of the metrics", || {
        let (_, metrics) = common::get(&format!("127.0.0.1:{port}"), "/metrics").unwrap();
        let total = metrics.lines().find(|line| line.starts_with("spiketail_lines_matched_total"))?;
        let total: f64 = total.rsplit(' ').next()?.parse().ok()?;
        let shown = page.run("S.files[0].matched").as_f64()?;
        let patterns = page.run("S.patterns.reduce((sum, p) => sum + p.total, 0)").as_f64()?;
        (shown == total && patterns == total && total == 42.0).then_some(())
    });
    assert!(page.assert_clean(&url) > 5);
    daemon.stop();
}

/// Logs of a day: some errors a minute, twenty minutes of a burst, and hostile texts.
fn day_of_errors() -> String {
    let mut text = String::new();
    let begin: jiff::Timestamp = "2026-11-23T00:00:00Z".parse().unwrap();
    for minute in 0..1_440i64 {
        let count = if (1_200..1_220).contains(&minute) { 120 } else { 3 + minute % 4 };
        for n in 0..count {
            let at = begin + jiff::SignedDuration::from_millis(minute * 60_000 + n * 400);
            let what = match n % 3 {
                0 => "</script><script>hacked=1</script><!-- <img src=x onerror=hacked=1>".to_owned(),
                1 => format!("connect to 10.0.0.{}:5432 failed \u{202e}", n % 200),
                _ => format!("request {minute} took {n} ms"),
            };
            text += &format!("{at} ERROR {what}\n");
        }
    }
    text
}

#[test]
#[ignore = "needs chromium, and axe-core to judge accessibility"]
fn a_replay_is_a_page_in_one_file() {
    let place = TestFolder::new();
    append(&place.log("app.log"), day_of_errors());
    let file = place.beside("replay.html");
    let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_spiketail"));
    let output = command.arg("replay").arg("--html").arg(&file).arg(place.log("app.log")).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let said = String::from_utf8(output.stdout).unwrap();
    let lines = day_of_errors().lines().count();
    assert!(said.contains(&format!("errors in logs: {lines} lines")), "{said}");

    let url = format!("file://{}", file.display());
    let mut page = Page::start();
    page.resize(1280, 900);
    page.open(&url);
    wait_text(&mut page, "h1", "2 alerts would have fired");
    until("the chart is drawn", || {
        page.run("!!document.querySelector('#now .plot canvas')").as_bool().filter(|is_drawn| *is_drawn)
    });
    // All lines are in the patterns and in the curve; the band is known, and left by the burst only.
    assert_eq!(page.run("S.patterns.reduce((sum, p) => sum + p.total, 0)"), lines);
    let in_curve = page.run("S.series[''].mean.reduce((sum, v) => sum + v * S.series[''].step / 60, 0)");
    assert!((in_curve.as_f64().unwrap() - lines as f64).abs() < 0.5, "{in_curve}");
    let above = page
        .run("S.series[''].mean.filter((v, i) => v > 2 * S.series[''].hi[i] && S.series[''].hi[i]).length");
    assert!((10..=20).contains(&above.as_u64().unwrap()), "{above}");
    wait_text(&mut page, "#past", "error-spike");
    for (theme, (width, height)) in [("light", SIZES[0]), ("dark", SIZES[1])] {
        page.resize(width, height);
        page.run(&format!("theme('{theme}'); drawCharts()"));
        page.picture(&pictures().join(format!("replay-{theme}-{width}.png")));
        judge(&mut page, &format!("replay {theme} {width}"));
    }
    page.resize(1280, 900);
    // A drag over the middle of the chart zooms in.
    let before = page.run("[...charts][0].shown()");
    let place = page.run("(r => [r.left + r.width / 3, r.top + r.height / 2, r.width / 3])(document.querySelector('#now .u-over').getBoundingClientRect())");
    let at = |n: usize| place[n].as_f64().unwrap();
    page.drag((at(0), at(1)), at(2));
    until("the chart shows a third of the time", || {
        let shown = page.run("[...charts][0].shown()");
        let length = |shown: &Value| shown[1].as_f64().unwrap() - shown[0].as_f64().unwrap();
        (length(&shown) < length(&before) / 2.0).then_some(())
    });
    // A pattern has a curve of its own.
    page.run("document.querySelector('.px').click()");
    until("the curve of the pattern is drawn", || {
        page.run("!!document.querySelector('.dt .plot canvas')").as_bool().filter(|is_drawn| *is_drawn)
    });
    assert_eq!(page.run("typeof hacked"), "undefined");
    // What would run a script of a log is refused by the policy, too.
    page.run(
        "document.body.append(Object.assign(document.createElement('script'), { textContent: 'hacked=1' }))",
    );
    assert_eq!(page.run("typeof hacked"), "undefined");
    assert_eq!(page.refusals(), 1);
    assert_eq!(page.assert_clean(&url), 1);
}
