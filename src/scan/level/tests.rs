use std::sync::LazyLock;

use proptest::prelude::*;

use super::*;
use crate::scan::level::candidates::{LevelFinds, LevelSearch};
use crate::scan::line::content;

const C: Option<Level> = Some(Level::Critical);
const E: Option<Level> = Some(Level::Error);
const W: Option<Level> = Some(Level::Warn);
const N: Option<Level> = Some(Level::Notice);
const I: Option<Level> = Some(Level::Info);
const D: Option<Level> = Some(Level::Debug);
const T: Option<Level> = Some(Level::Trace);

/// Lines of the forms that programs write, and what they are.
const LINES: &[(Option<Level>, &str)] = &[
    // JSON.
    (E, r#"{"level":"error","msg":"x"}"#),
    (E, r#"{"ts":1.6e9,"caller":"a.go:1","Level": "ERROR","msg":"level=info"}"#),
    (W, r#"{"message":"an ERROR","severity":"WARNING"}"#),
    (C, r#"{"@timestamp":"2026-11-22T10:00:00Z","log.level":"fatal"}"#),
    (E, r#"{"log":{"logger":"a","level":"error"},"message":"x"}"#),
    (E, r#"{"time":1,"level":50,"msg":"pino"}"#),
    (I, r#"{"name":"a","hostname":"h","pid":1,"level":30,"msg":"ERROR","v":0}"#),
    (E, r#"{"version":"1.1","host":"h","short_message":"gelf","level":3}"#),
    (C, r#"{"PRIORITY":"2","MESSAGE":"journald"}"#),
    (W, r#"{"message":"x","context":{"level":"error"},"level":300,"level_name":"WARNING"}"#),
    (E, r#"{"@t":"2026-11-22T10:00:00Z","@mt":"serilog","@l":"Error"}"#),
    (E, r#"{"t":{"$date":"2026-11-22T10:00:00.123+00:00"},"s":"E",  "c":"NETWORK","id":1,"msg":"x"}"#),
    (D, r#"{"t":{"$date":"2026-11-22T10:00:00.123+00:00"},"s":"D2","c":"-","id":1,"msg":"error"}"#),
    (E, r#"{"log":"2026-11-22 10:00:00 ERROR x\n","stream":"stderr","time":"2026-11-22T10:00:00Z"}"#),
    (E, r#"{"log":"{\"level\":\"error\",\"msg\":\"x\"}\n","stream":"stdout"}"#),
    (E, r#"{"log":"{\"level\":50,\"msg\":\"x\"}\n","stream":"stdout"}"#),
    (None, r#"{"log":"no level, just an error\n","stream":"stdout"}"#),
    (E, r#"{"msg":"cut","level":"error","stack":"at x"#),
    (None, r#"{"msg":"an ERROR in the middle of a message is none","code":500}"#),
    (None, r#"{"a":{"level":"error"}}"#),
    // Pairs.
    (E, r#"time="2026-11-22T10:00:00Z" level=error msg="x""#),
    (W, r#"ts=2026-11-22T10:00:00Z caller=a.go:1 level=warn err="level=error""#),
    (E, "t=2026-11-22T10:00:00+0000 lvl=eror msg=x"),
    (C, "lvl=crit msg=x"),
    (E, r#"msg="a \"quoted\" level=debug" severity="ERROR""#),
    (I, r#"Nov 22 10:00:00 host prometheus[12]: ts=1 level=info msg="error""#),
    // Syslog.
    (E, "<11>1 2026-11-22T10:00:00Z host app 12 ID47 - info"),
    (I, "<30>Nov 22 10:00:00 host app[1]: ERROR x"),
    (None, "<message>ok</message>"),
    (E, "Nov 22 10:00:00 host app[12]: ERROR: x"),
    (E, "Nov 22 10:00:00 host sshd[12]: error: Received disconnect"),
    (C, "Nov 22 10:00:00 host sshd[12]: fatal: Timeout before authentication"),
    (E, "Nov 22 10:00:00 host app[12]: 2026-11-22 10:00:00,123 ERROR x"),
    (None, "Nov 22 10:00:00 host sshd(pam_unix)[12]: authentication failure; logname= uid=0 tty=ERROR"),
    (None, "Nov 22 10:00:00 host kernel: EXT3-fs error (device sda1)"),
    (E, "Nov 22 10:00:00 host kernel: [12.345678] [drm:foo] *ERROR* bar"),
    // glog, Ruby, Android.
    (E, "E1122 10:00:00.123456   12 main.go:1] x"),
    (I, "I1122 10:00:00.123456   12 main.go:1] E"),
    (C, "F20261122 10:00:00.123456   12 main.go:1] x"),
    (E, "E, [2026-11-22T10:00:00.123456 #12] ERROR -- : x"),
    (E, "11-22 10:00:00.123  1702  2395 E ActivityManager: ANR"),
    (D, "11-22 10:00:00.123  1702  2395 D PowerManagerService: ERROR"),
    (E, "E/AndroidRuntime( 1234): FATAL EXCEPTION: main"),
    (W, "11-22 10:00:00.123 W/dalvikvm( 1234): x"),
    // Brackets.
    (E, "[Sun Nov 22 10:00:00 2026] [error] [client 10.0.0.1] x"),
    (E, "[Sun Nov 22 10:00:00.123456 2026] [core:error] [pid 1:tid 2] x"),
    (N, "[Sun Nov 22 10:00:00 2026] [notice] child in error state"),
    (E, "2026/11/22 10:00:00 [error] 12#0: *1 open() failed"),
    (C, "2026/11/22 10:00:00 [emerg] 12#0: x"),
    (E, "2026-11-22T10:00:00.123456Z 0 [ERROR] [MY-010457] [Server] x"),
    (W, "2026-11-22 10:00:00 12 [Warning] Aborted connection"),
    (E, "[2026-11-22T10:00:00,123][ERROR][o.e.b.B] [node] x"),
    (W, "[2026-11-22T10:00:00,123][WARN ][o.e.b.B] [node] ERROR"),
    (E, "[2026-11-22 10:00:00,123] ERROR [ReplicaManager broker=0] x (kafka.server)"),
    (E, "2026-11-22 10:00:00.123 [error] <0.123.0> x"),
    (E, "=ERROR REPORT==== 22-Nov-2026::10:00:00 ==="),
    (E, "2026-11-22 10:00:00.123 +01:00 [ERR] x"),
    (W, "[10:00:00 WRN] x"),
    (E, "[E 261122 10:00:00 web:1908] 500 GET /"),
    (E, "[E] x"),
    (E, "[2026-11-22 10:00:00,123: ERROR/MainProcess] Task x"),
    (E, "[2026-11-22T10:00:00Z ERROR my_crate::a] x"),
    (E, "[2026-11-22 10:00:00] production.ERROR: x"),
    (C, "[22-Nov-2026 10:00:00 UTC] PHP Fatal error:  Uncaught"),
    (W, "[22-Nov-2026 10:00:00 UTC] PHP Warning:  x"),
    // Java, Python, Go, Rust and others.
    (E, "2026-11-22 10:00:00,123 ERROR [main] a.b.C: x"),
    (W, "2026-11-22 10:00:00,123 WARN [IPC Server handler 11 on 62270] a.b.C: ERROR"),
    (W, "2026-11-22 10:00:00,123 [IPC Server handler 11 on 62270] WARN  a.b.C - ERROR"),
    (E, "2026-11-22 10:00:00.123 ERROR 12 --- [           main] a.b.C : x"),
    (I, "2026-11-22 10:00:00,123 - INFO  [QuorumPeer:1:a@2] - ERROR"),
    (E, "22-Nov-2026 10:00:00.123 SEVERE [main] a.b.C x"),
    (E, "SEVERE: x"),
    (D, "FINE: x"),
    (E, "2026-11-22 10:00:00,123 - my.logger - ERROR - x"),
    (E, "2026-11-22 10:00:00,123 - worker - ERROR - x"),
    (E, "ERROR:root:x"),
    (E, "ERROR    a:b.py:12 x"),
    (E, "2026/11/22 10:00:00 ERROR x err=y"),
    (I, "2026/11/22 10:00:00 INFO retry after=ERROR"),
    (E, "2026-11-22T10:00:00.123Z\terror\tmain/a.go:1\tx"),
    (E, "\x1b[31mERRO\x1b[0m[0001] x"),
    (E, "ERROR[11-22|10:00:00.123] x    err=y"),
    (E, "\x1b[2m2026-11-22T10:00:00.123456Z\x1b[0m \x1b[31mERROR\x1b[0m \x1b[2mmy_crate\x1b[0m: x"),
    (T, "2026-11-22T10:00:00.123456Z TRACE a::b: x"),
    (E, "fail: Microsoft.AspNetCore.Server[13]"),
    (C, "panic: runtime error: index out of range"),
    (E, "error: could not compile"),
    (None, "fail/: x"),
    (I, "2026-11-22 04:30:30, Info                  CBS    Loaded ERROR"),
    // Data bases.
    (E, "2026-11-22 10:00:00.123 UTC [12] ERROR:  relation \"x\" does not exist at character 15"),
    (C, "2026-11-22 10:00:00.123 CET [12] postgres@db FATAL:  x"),
    (I, "2026-11-22 10:00:00.123 UTC [12] LOG:  could not ERROR"),
    (None, "2026-11-22 10:00:00.123 UTC [12] STATEMENT:  select 'ERROR: x'"),
    (
        E,
        r#"2026-11-22 10:00:00.123 UTC,"u","db",12,"[local]",5f.1,1,"idle",2026-11-22 10:00:00 UTC,3/0,0,ERROR,42P01,"x""#,
    ),
    (W, "12:M 22 Nov 2026 10:00:00.123 # WARNING overcommit_memory"),
    (W, "12:M 22 Nov 2026 10:00:00.123 # Server error"),
    (None, "12:M 22 Nov 2026 10:00:00.123 * Ready to accept connections"),
    (E, "2026-11-22T10:00:00.123+0000 E NETWORK  [thread1] x"),
    (E, "ERROR [main] 2026-11-22 10:00:00,123 A.java:1 - x"),
    // Systems.
    (
        C,
        "- 1132646400 2026.11.22 R02-M1-N0-C:J12-U11 2026-11-22-10.00.00.123456 R02-M1-N0-C:J12-U11 RAS KERNEL FATAL x",
    ),
    (
        I,
        "- 1132646400 2026.11.22 R02-M1-N0-C:J12-U11 2026-11-22-10.00.00.123456 R02-M1-N0-C:J12-U11 RAS KERNEL INFO parity error",
    ),
    (E, "a.log.1.2026-11-22_10:00:00 2026-11-22 10:00:00.123 12 ERROR nova.compute [-] x"),
    (E, "261122 100000 148 ERROR dfs.DataNode: x"),
    (E, "26/11/22 10:00:00 ERROR executor.Executor: x"),
    (E, "web_1  | 2026-11-22 10:00:00 ERROR x"),
    (E, r#"2026-11-22T10:00:00.123456789Z stdout F {"level":"error"}"#),
    (E, "2026-11-22T10:00:00.123456789Z stderr F [error] x"),
    // No level.
    (None, ""),
    (None, "the request failed with an ERROR that is part of a message"),
    (None, r#"10.0.0.1 - - [22/Nov/2026:10:00:00 +0000] "GET /ERROR HTTP/1.1" 500 12"#),
    (None, "    at a.b.C.d(C.java:12)"),
    (None, "2026-11-22 10:00:00 the ERROR_CODE was 0"),
    (None, "20261122-10:00:00:123|Step_LSC|30002312|onStandStepChanged 3579"),
];

#[test]
fn lines_of_many_programs() {
    let wrong: Vec<String> = LINES
        .iter()
        .filter(|(wanted, line)| level_of(line.as_bytes()) != *wanted)
        .map(|(wanted, line)| format!("{:?}, not {wanted:?}: {line}", level_of(line.as_bytes())))
        .collect();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

static SEARCHES: LazyLock<Vec<LevelSearch>> = LazyLock::new(|| {
    [Level::Warn, Level::Error, Level::Critical].iter().map(|l| LevelSearch::new(*l, &[])).collect()
});

/// The numbers of the lines in `text` that are candidates.
fn candidates(search: &LevelSearch, text: &[u8]) -> Vec<usize> {
    let (mut from, mut finds, mut numbers) = (0, LevelFinds::default(), Vec::new());
    while let Some(at) = search.find(text, from, &mut finds) {
        numbers.push(text[..at].iter().filter(|b| **b == b'\n').count());
        from = match memchr::memchr(b'\n', &text[at..]) {
            Some(end) => at + end + 1,
            None => break,
        };
    }
    numbers
}

/// Whether every line of `text` that is severe is a candidate.
fn are_found(text: &[u8]) -> Result<(), TestCaseError> {
    for (search, least) in SEARCHES.iter().zip([Level::Warn, Level::Error, Level::Critical]) {
        let found = candidates(search, text);
        for (number, line) in text.split(|b| *b == b'\n').enumerate() {
            let level = level_of(content(line, usize::MAX));
            let is_missing = level >= Some(least) && !found.contains(&number);
            let shown = String::from_utf8_lossy(line);
            prop_assert!(!is_missing, "{shown:?} is {level:?}, but no candidate for {least}");
        }
    }
    Ok(())
}

#[test]
fn every_line_is_a_candidate_for_its_level() {
    for (_, line) in LINES {
        are_found(line.as_bytes()).unwrap();
        are_found(format!("\n{line}\r\n").as_bytes()).unwrap();
        are_found(format!("x\n\0\0{line}").as_bytes()).unwrap();
        are_found(format!("x\n\0{line}").as_bytes()).unwrap();
        are_found(format!("x\n\u{feff}{line}").as_bytes()).unwrap();
        are_found(format!("x\n  {line}\n\t{line}\n").as_bytes()).unwrap();
    }
}

#[test]
fn few_other_lines_are_candidates() {
    let text: Vec<&str> = LINES.iter().map(|(_, line)| *line).collect();
    let found = candidates(&SEARCHES[1], text.join("\n").as_bytes());
    let others: Vec<_> = found.iter().filter(|n| LINES[**n].0 < E).map(|n| LINES[*n].1).collect();
    let is_named = |line: &&&str| !line.contains("ERROR") && !line.contains("error");
    let others: Vec<_> = others.iter().filter(is_named).collect();
    assert!(others.is_empty(), "{others:#?}");
}

#[test]
fn a_configured_name() {
    assert_eq!(Level::parse("error"), E);
    assert_eq!(Level::parse(" Fatal "), C);
    assert_eq!(Level::parse("WARNING"), W);
    assert_eq!(Level::parse("loud"), None);
    assert!(
        Level::ALL.is_sorted() && Level::ALL.iter().all(|level| Level::parse(level.name()) == Some(*level))
    );
}

/// Pieces that lines with levels are made of.
#[rustfmt::skip]
const PIECES: &[&str] = &[
    "ERROR", "error", "Fatal", "WARN", "E", "F", "W", "level", "lvl", "severity", "@l", "priority", "s",
    "log", "t", "msg", "[", "]", "(", ")", "{", "}", "\"", "\\\"", ":", "=", ",", " ", "  ", "\t", "|", "/",
    "-", ".", "#", "*", "<", ">", "50", "3", "400", "11", "10:00:00", "2026-11-22", "1122", "12:M", "Nov",
    "PHP", "host", "\u{1b}[31m", "{\"t\":", "sev", "levelname", "CRIT", "eRR", "eRROR", "Level", "logLevel",
    "leVel", "alert", "fail", "panic", "wrn", "SEVERE", "\\", "\u{feff}", "x", "\\n", "\\t", "\\/",
    "{\"log\":\"", "\\\\", "\u{1}",
    "E!", "EE", "E: ", "%LINK-3-UPDOWN", "%%01SHELL/3/X", "daemon.err", "261122", "\u{1b}[m", "Severity",
    "severity_number", "PRIORITY", "17", "500", "40000", "short_message", "reqId", "lineno", "channel", "EventID",
    "\0", "\r", "\n", "\n\n", "\u{1b}", "#033[31m", "\\u001b[0m", "%LINK", "-3-", "UPDOWN", "E/x", "W", "fata", "Alert", "dpanic", "E1122 10:00",
    "n", "m", "_", "d", "pool-1-thread", " E ", "\"E\"", "level=", "=E", "<3>", "<30>", "<191>", "err", "errors",
    "L", "FEHLER", "GRAVE", "ОШИБКА", "错误", "致命错误", "：", "Emergency", "\"level\":",
    "FEL", "Fehler", "lỗi", "BŁĄD", "ВАЖНО", "오류", "重大", "==1==ERROR", "at=", ": ", "<Error>", "fel:",
];

fn piece() -> impl Strategy<Value = String> {
    prop::sample::select(PIECES).prop_map(str::to_owned)
}

fn member() -> impl Strategy<Value = &'static str> {
    prop::sample::select(vec![
        "level",
        "lvl",
        "severity",
        "PRIORITY",
        "levelno",
        "level_value",
        "severityNumber",
        "Level",
        "LEVEL",
        "log.level",
        "@level",
        "s",
        "msg",
        "log",
        "message",
        "EventID",
        "reqId",
        "lineno",
        "channel",
        "short_message",
        "x",
        "t",
        "severity_text",
        "L",
    ])
}

fn separator() -> impl Strategy<Value = &'static str> {
    prop_oneof![6 => Just(":"), 3 => Just(": "), 1 => Just(" : "), 1 => Just(" :"), 1 => Just(":  "), 1 => Just(":\t")]
}

fn value() -> impl Strategy<Value = String> {
    let word = piece().prop_map(|piece| format!("\"{}\"", piece.replace(['"', '\\', '\n'], "")));
    let number =
        prop_oneof![0..9u32, 10..70u32, (1..9u32).prop_map(|n| n * 100), (1..6u32).prop_map(|n| n * 10_000)];
    let quoted = number.clone().prop_map(|number| format!("\"{number}\""));
    let colour = piece()
        .prop_map(|piece| format!(r#""\u001b[31m{}\u001b[0m x""#, piece.replace(['"', '\\', '\n'], "")));
    prop_oneof![4 => word, 4 => number.prop_map(|number| number.to_string()), 2 => quoted, 1 => colour]
}

/// How many cases are tried: as many as `PROPTEST_CASES` says, or `usual`.
fn cases(usual: u32) -> u32 {
    std::env::var("PROPTEST_CASES").map_or(usual, |cases| cases.parse().unwrap())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(cases(512)))]

    #[test]
    fn whatever_has_a_level_is_a_candidate(pieces in prop::collection::vec(piece(), 0..14)) {
        are_found(pieces.concat().as_bytes())?;
    }

    #[test]
    fn whatever_has_a_level_is_a_candidate_among_other_lines(pieces in prop::collection::vec(piece(), 0..80)) {
        are_found(pieces.concat().replace('|', "\n").as_bytes())?;
    }

    #[test]
    fn whatever_has_a_level_in_json_is_a_candidate(
        members in prop::collection::vec((member(), separator(), value()), 1..4),
        depth in 0usize..3,
    ) {
        let members: Vec<_> = members.iter().map(|(name, between, value)| format!("\"{name}\"{between}{value}")).collect();
        let mut line = format!("{{{}}}", members.join(","));
        for _ in 0..depth {
            line = format!("{{\"log\":\"{}\\n\"}}", line.replace('\\', "\\\\").replace('"', "\\\""));
        }
        are_found(format!("{line}\nx {line}").as_bytes())?;
        are_found(&line.as_bytes()[..line.len() - line.len() / 4])?;
    }

    #[test]
    fn no_bytes_panic(bytes in prop::collection::vec(any::<u8>(), 0..400)) {
        let _ = level_of(&bytes);
    }
}
