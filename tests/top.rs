//! `spiketail top` in a real terminal: what it shows at two sizes, its keys, and how it ends.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

#[path = "common/mod.rs"]
mod common;
#[path = "picture/mod.rs"]
mod picture;

use std::process::Command;
use std::sync::atomic::{AtomicUsize, Ordering};

use common::{Daemon, TestFolder, append, lines, until};

const COUNT: &str = "[alert.many]\nover = 20\nwindow = \"1m\"\n";

/// A terminal of its own.
struct Terminal {
    socket: String,
}

impl Terminal {
    fn start(place: &TestFolder, size: (u32, u32), command: &str) -> Terminal {
        // A server that ends is still there for a while.
        static STARTED: AtomicUsize = AtomicUsize::new(0);
        let name = format!("tmux-{}", STARTED.fetch_add(1, Ordering::Relaxed));
        let terminal = Terminal { socket: place.beside(&name).to_str().unwrap().to_owned() };
        let shell = format!("LC_ALL=C.UTF-8 {command}; echo ended with $?; cat");
        let (width, height) = (size.0.to_string(), size.1.to_string());
        // -u: UTF-8, whatever the environment of the test says. -f: no configuration of whoever runs it.
        terminal.tmux(&["-u", "-f", "/dev/null", "new-session", "-d", "-x", &width, "-y", &height, &shell]);
        terminal
    }

    fn tmux(&self, args: &[&str]) -> String {
        let output = Command::new("tmux").args(["-S", &self.socket]).args(args).output().unwrap();
        assert!(output.status.success(), "{args:?}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap()
    }

    fn screen(&self) -> Vec<String> {
        self.tmux(&["capture-pane", "-p"]).lines().map(|line| line.trim_end().to_owned()).collect()
    }

    fn keys(&self, keys: &[&str]) {
        self.tmux(&[&["send-keys"], keys].concat());
    }

    #[track_caller]
    fn wait(&self, what: &str) -> Vec<String> {
        let mut before = Vec::new();
        until(&format!("{what} in\n{}", self.screen().join("\n")), || {
            let screen = self.screen();
            // The same screen twice: else it may have been seen while it was drawn.
            let is_drawn = screen == before;
            before.clone_from(&screen);
            (is_drawn && screen.iter().any(|line| line.contains(what))).then_some(screen)
        })
    }

    /// Waits until the screen has so many lines and the last one says `what`.
    #[track_caller]
    fn wait_size(&self, what: &str, rows: usize) -> Vec<String> {
        until(&format!("{rows} lines with {what} in\n{}", self.screen().join("\n")), || {
            let screen = self.screen();
            (screen.len() == rows && screen[rows - 1].contains(what)).then_some(screen)
        })
    }

    #[track_caller]
    fn wait_gone(&self, what: &str) {
        until(&format!("no {what}"), || {
            (!self.screen().iter().any(|line| line.contains(what))).then_some(())
        });
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        let _ = Command::new("tmux").args(["-S", &self.socket, "kill-server"]).output();
    }
}

fn firing(place: &TestFolder) -> Daemon {
    let log = place.log("app.log");
    append(&log, "");
    let mut daemon = place.resume_with("*.log", COUNT);
    append(&log, b"ERROR payment: connect to 10.0.0.8:5432 failed: \x1b[31mrefused\n".repeat(30));
    append(&log, lines(0..5));
    daemon.wait_total(&log, 35);
    daemon
}

fn command(place: &TestFolder, args: &str) -> String {
    let socket = place.state().join("status.sock");
    format!("{} {args} --socket {}", env!("CARGO_BIN_EXE_spiketail"), socket.display())
}

#[test]
#[ignore = "needs tmux"]
fn at_80_by_24_everything_has_its_row() {
    let place = TestFolder::new();
    let daemon = firing(&place);
    let terminal = Terminal::start(&place, (80, 24), &command(&place, "top"));
    let screen = terminal.wait("▲ CRITICAL many");
    assert_eq!(screen.len(), 24);
    assert!(screen[0].starts_with("spiketail  ") && screen[0].contains("● live  "), "{screen:#?}");
    assert!(screen[1].starts_with("✓ agent ok  1 file  0 B missed  0 waiting  0 B behind"), "{screen:#?}");
    assert!(screen[2].starts_with("─ Now ─") && screen[2].ends_with(" 1 firing ─"), "{screen:#?}");
    assert!(screen[3].starts_with("▲ CRITICAL many") && screen[3].contains("since "), "{screen:#?}");
    assert!(screen[4].starts_with("  35/min   fires above 20"), "{screen:#?}");
    assert!(screen[5].starts_with("  NEW        ERROR payment: connect to ∗:∗ failed: "), "{screen:#?}");
    assert!(screen.iter().any(|line| line.starts_with("─ Patterns ─")), "{screen:#?}");
    assert!(screen.iter().any(|line| line.starts_with("› seen")), "{screen:#?}");
    assert!(screen.iter().any(|line| line == "other 0   patterns + other = 35, exactly"), "{screen:#?}");
    assert!(screen[23].starts_with("Enter open  f files  l live  a alerts"), "{screen:#?}");
    // Keys.
    terminal.keys(&["f"]);
    terminal.wait("─ Files ─");
    terminal.keys(&["Enter"]);
    terminal.wait("─ Open ─");
    terminal.wait("of it, live");
    terminal.keys(&["Escape"]);
    terminal.wait_gone("─ Open ─");
    terminal.keys(&["p", "Down", "Enter"]);
    terminal.wait("first line");
    // Escape and a key at once would be that key with Alt.
    terminal.keys(&["Escape"]);
    terminal.wait_gone("─ Open ─");
    terminal.keys(&["/", "n", "o", "t", "h", "i", "n", "g", "Enter"]);
    terminal.wait("filter: nothing");
    terminal.wait_gone("› seen");
    terminal.keys(&["Escape"]);
    terminal.wait_gone("filter: nothing");
    terminal.keys(&["?"]);
    terminal.wait("─ Keys ─");
    terminal.keys(&["x", "a"]);
    terminal.wait("1 firing, 0 silenced, 0 over");
    terminal.keys(&["l"]);
    terminal.wait("newest first, live");
    // A new line comes by itself, and nothing of it commands the terminal.
    append(&place.log("app.log"), "ERROR a fresh \x1b[2Jline\n");
    terminal.wait("ERROR a fresh ");
    terminal.keys(&["q"]);
    terminal.wait("ended with 0");
    daemon.stop();
}

/// The layout of one alert where there is room, from the top to the bottom.
fn assert_wide(screen: &[String], width: usize) {
    let starts = [
        "spiketail  ",
        "✓ agent ok   1 file   0 B missed   0 waiting for outputs   0 B behind   ",
        "─ Now ─",
        "▲ CRITICAL  many",
        "  35/min   fires above 20   peak 35   35 since it fired",
        "",
        "─ Which error ─",
        "  ERROR payment: connect to ∗:∗ failed: ",
        "  NEW           0 →    30/min   ████",
    ];
    for (line, start) in screen.iter().zip(starts) {
        assert!(line.starts_with(start), "{start}: {screen:#?}");
    }
    assert!(screen[3].contains("watch logs, rule errors   since "), "{screen:#?}");
    assert!(
        screen[6].contains(" before → now, share of the excess ─  ─ Rate and usual band ─"),
        "{screen:#?}"
    );
    let order = [
        "─ Where ─",
        "─ Latest lines ─",
        "─ Patterns ─",
        "NOW/MIN",
        "─ Files ─",
        "ERRORS/MIN",
        "Tab section",
    ];
    let places: Vec<usize> = order
        .iter()
        .map(|part| {
            screen
                .iter()
                .position(|line| line.contains(part))
                .unwrap_or_else(|| panic!("{part}: {screen:#?}"))
        })
        .collect();
    assert!(places.is_sorted(), "{places:?}");
    let axis = &screen[16];
    assert!(axis.contains('▲') && screen[15].contains("0┤") && screen[15].ends_with('█'), "{screen:#?}");
    assert!(screen.iter().all(|line| line.chars().count() <= width));
}

#[test]
#[ignore = "needs tmux"]
fn a_picture_of_an_incident_for_the_documentation() {
    let place = TestFolder::new();
    let (checkout, orders) = (place.log("checkout.log"), place.log("orders.log"));
    append(&checkout, "");
    append(&orders, "");
    let mut daemon = place.resume_with("*.log", COUNT);
    let terminal = Terminal::start(&place, (140, 45), &command(&place, "top"));
    terminal.wait("● live");
    let refused =
        |n: usize| format!("ERROR checkout: payment: connect to 10.0.0.8:{n} failed: connection refused\n");
    append(&checkout, (5_400..5_660).map(refused).collect::<String>());
    let rejected = |n: usize| format!("ERROR orders: order {n} rejected: upstream timed out after {n} ms\n");
    append(&orders, (3_000..3_052).map(rejected).collect::<String>());
    append(
        &orders,
        (1..=7).map(|n| format!("ERROR search: shard {n} returned partial results\n")).collect::<String>(),
    );
    daemon.wait_sum(260 + 52 + 7);
    terminal.wait("patterns + other = 319, exactly");
    terminal.wait("3 patterns ─");
    let captured = terminal.tmux(&["capture-pane", "-p", "-e"]);
    // The folder of the test is named as logs are, and as long.
    let folder = place.log("").to_str().unwrap().trim_end_matches('/').to_owned();
    let name: String =
        "/var/log/shop/online".chars().chain(std::iter::repeat('-')).take(folder.len()).collect();
    let captured = captured.replace(&folder, &name).replace(&format!("{}…", &folder[..8]), "/var/log…");
    let svg = picture::svg(&captured, 140);
    assert!(svg.contains("CRITICAL") && svg.matches("<text").count() > 100);
    let pictures = std::path::Path::new(env!("CARGO_TARGET_TMPDIR")).join("page");
    std::fs::create_dir_all(&pictures).unwrap();
    std::fs::write(pictures.join("top.svg"), svg).unwrap();
    terminal.keys(&["q"]);
    terminal.wait("ended with 0");
    daemon.stop();
}

#[test]
#[ignore = "needs tmux"]
fn without_colours_there_are_none() {
    let place = TestFolder::new();
    let daemon = firing(&place);
    for (colours, has_colours) in [("NO_COLOR=", true), ("NO_COLOR=1", false)] {
        let terminal = Terminal::start(&place, (80, 24), &format!("{colours} {}", command(&place, "top")));
        terminal.wait("▲ CRITICAL many");
        let captured = terminal.tmux(&["capture-pane", "-p", "-e"]);
        assert_eq!(captured.contains("38;5;1m"), has_colours, "{captured}");
        assert!(captured.contains("\u{1b}["), "bold and dim stay");
        terminal.keys(&["q"]);
        terminal.wait("ended with 0");
    }
    daemon.stop();
}

#[test]
#[ignore = "needs tmux"]
fn at_200_by_60_there_are_more_sections_and_a_resize_is_followed() {
    let place = TestFolder::new();
    let daemon = firing(&place);
    let terminal = Terminal::start(&place, (200, 60), &command(&place, "status --watch"));
    let screen = terminal.wait("▲ CRITICAL  many");
    assert_wide(&screen, 200);
    terminal.tmux(&["resize-window", "-x", "140", "-y", "45"]);
    let screen = terminal.wait_size("Tab section", 45);
    assert_wide(&screen, 140);
    // A file that is opened takes the lower half.
    terminal.keys(&["f", "Enter"]);
    terminal.wait("─ Open ─");
    terminal.keys(&["Escape"]);
    terminal.wait_gone("─ Open ─");
    terminal.keys(&["p"]);
    terminal.tmux(&["resize-window", "-x", "80", "-y", "24"]);
    terminal.wait("Enter open  f files");
    terminal.wait_gone("NOW/MIN");
    terminal.tmux(&["resize-window", "-x", "30", "-y", "8"]);
    terminal.wait_gone("─ Patterns ─");
    terminal.tmux(&["resize-window", "-x", "100", "-y", "30"]);
    terminal.wait("─ Patterns ─");
    // The daemon ends and comes back.
    daemon.stop();
    terminal.wait("✗ disconnected");
    let daemon = place.resume_with("*.log", COUNT);
    terminal.wait("● live");
    terminal.keys(&["C-c"]);
    terminal.wait("ended with 0");
    daemon.stop();
}

#[test]
#[ignore = "needs tmux"]
fn an_alert_is_silenced_and_unsilenced_after_a_confirmation() {
    let place = TestFolder::new();
    let daemon = firing(&place);
    let terminal = Terminal::start(&place, (80, 24), &command(&place, "top"));
    terminal.wait("▲ CRITICAL many");
    terminal.keys(&["a"]);
    terminal.wait("› CRITICAL");
    terminal.keys(&["Enter"]);
    terminal.wait("no output yet");
    terminal.keys(&["x"]);
    let screen = terminal.wait("─ Silence ─");
    assert!(screen.iter().any(|line| line == "  alert     many, all of it"), "{screen:#?}");
    terminal.keys(&["Enter"]);
    terminal.keys(&["-l", "planned work"]);
    terminal.wait("planned work");
    terminal.keys(&["Enter"]);
    terminal.wait("y silences it, Esc cancels");
    terminal.keys(&["Escape"]);
    terminal.wait_gone("─ Silence ─");
    terminal.wait("▲ CRITICAL many");
    // Again, and this time it is confirmed.
    terminal.keys(&["x"]);
    terminal.wait("─ Silence ─");
    terminal.keys(&["Enter"]);
    terminal.keys(&["-l", "planned work"]);
    terminal.keys(&["Enter"]);
    terminal.wait("y silences it, Esc cancels");
    terminal.keys(&["y"]);
    terminal.wait("silence 1: many until ");
    terminal.keys(&["z"]);
    terminal.wait("✓ CALM nothing is firing");
    terminal.wait("1 silenced");
    terminal.keys(&["Escape"]);
    terminal.wait("0 firing, 1 silenced, 0 over");
    terminal.wait("holds back 1: planned work");
    terminal.keys(&["Down", "x"]);
    terminal.wait("silence 1: many: planned work");
    terminal.keys(&["y"]);
    terminal.wait("silence 1 of many is over; what still fires is sent");
    terminal.keys(&["z"]);
    terminal.wait("▲ CRITICAL many");
    terminal.keys(&["q"]);
    terminal.wait("ended with 0");
    daemon.stop();
}

#[test]
#[ignore = "needs tmux"]
fn several_hosts_have_a_row_each() {
    let place = TestFolder::new();
    append(&place.log("app.log"), "");
    let mut daemon = place.resume_with("*.log", "[http]\nlisten = \"127.0.0.1:0\"\n");
    let (address, none) = (daemon.address(), format!("127.0.0.1:{}", common::free_port()));
    let program = env!("CARGO_BIN_EXE_spiketail");
    let terminal = Terminal::start(&place, (80, 24), &format!("{program} top {address} {none}"));
    terminal.wait("─ 2 hosts ─");
    terminal.wait_gone("connecting");
    let screen = terminal.wait("✗ Connection refused");
    assert!(
        screen.iter().any(|line| line.starts_with(&format!("› {address}")) && line.contains("0 firing")),
        "{screen:#?}"
    );
    terminal.keys(&["Right"]);
    terminal.wait("no daemon answers");
    terminal.keys(&["q"]);
    terminal.wait("ended with 0");
    daemon.stop();
}
