//! The cost of `level = "error"` compared with one literal text, by the format of the log; 1% of the lines are errors.
//!
//! `cargo bench --bench level [-- --mb N] [--no-read] [--only NAME]`
//!
//! Both read the same file as `scan` does, into buffers of 256 KiB, on one thread; its CPU time counts. With `--no-read` the
//! text is in memory already. The errors that are found are compared with a judgement of every line.
#![allow(clippy::unwrap_used, clippy::disallowed_methods, reason = "a measurement that cannot go on ends")]

use std::fs::File;
use std::io::Write;
use std::os::unix::fs::FileExt;
use std::sync::Arc;
use std::time::Duration;

use spiketail::scan::cursor::LineCursor;
use spiketail::scan::feed::{Fed, Feed};
use spiketail::scan::level::{Level, level_of};
use spiketail::scan::rules::{RuleSet, RuleSpec};
use spiketail::scan::scanner::Scanner;

const ROUNDS: usize = 7;
const BUFFER_BYTES: usize = 256 << 10;

/// A line of a format; `{n}` is a number, `{level}` the level, `{hex}` an id.
struct Format {
    name: &'static str,
    levels: [&'static str; 3],
    line: &'static str,
}

const FORMATS: &[Format] = &[
    Format {
        name: "time, level, message",
        levels: ["ERROR", "INFO ", "DEBUG"],
        line: "2026-11-22T10:00:00.{n}Z {level} [worker-{n}] a.b.Api: GET /api/v2/items/{hex} from 10.1.2.3 took {n} ms, cache hit",
    },
    Format {
        name: "Log4j",
        levels: ["ERROR", "INFO ", "DEBUG"],
        line: "2026-11-22 10:00:00,{n} {level} [http-nio-8080-exec-{n}] o.a.c.service.OrderServiceImpl : processed order {hex} for customer {n} in {n} ms, 0 errors, pool-3-thread-7 idle",
    },
    Format {
        name: "Spring Boot",
        levels: ["ERROR", " INFO", "DEBUG"],
        line: "2026-11-22T10:00:00.{n}Z {level} {n} --- [nio-8080-exec-{n}] c.example.shop.web.ItemController       : item {hex} served from the cache in {n} ms",
    },
    Format {
        name: "JSON",
        levels: ["error", "info", "debug"],
        line: r#"{"level":"{level}","ts":1795341600.{n},"caller":"api/handler.go:{n}","msg":"request served","method":"GET","path":"/api/v2/items/{hex}","status":200,"duration":0.{n},"bytes":{n},"trace_id":"{hex}"}"#,
    },
    Format {
        name: "JSON of Python, with spaces",
        levels: ["ERROR", "INFO", "DEBUG"],
        line: r#"{"asctime": "2026-11-22 10:00:00,{n}", "levelname": "{level}", "name": "shop.api", "lineno": {n}, "message": "request served", "path": "/api/v2/items/{hex}", "status": 200, "duration_ms": {n}}"#,
    },
    Format {
        name: "JSON of pino, with numbers",
        levels: ["50", "30", "20"],
        line: r#"{"level":{level},"time":1795341600{n},"pid":{n},"hostname":"web-1","reqId":"req-{n}","msg":"request completed","res":{"statusCode":200},"responseTime":{n},"trace":"{hex}"}"#,
    },
    Format {
        name: "logfmt",
        levels: ["error", "info", "debug"],
        line: r#"time="2026-11-22T10:00:00.{n}Z" level={level} caller=handler.go:{n} msg="request served" method=GET path=/api/v2/items/{hex} status=200 duration={n}ms bytes={n} errors=0"#,
    },
    Format {
        name: "CRI, JSON in it",
        levels: ["error", "info", "debug"],
        line: r#"2026-11-22T10:00:00.{n}456789Z stdout F {"level":"{level}","ts":1795341600.{n},"msg":"request served","path":"/api/v2/items/{hex}","status":200,"duration":0.{n},"bytes":{n},"trace_id":"{hex}"}"#,
    },
    Format {
        name: "Docker, JSON in it",
        levels: ["error", "info", "debug"],
        line: r#"{"log":"{\"level\":\"{level}\",\"ts\":1795341600.{n},\"msg\":\"request served\",\"path\":\"/api/v2/items/{hex}\",\"status\":200,\"bytes\":{n}}\n","stream":"stdout","time":"2026-11-22T10:00:00.{n}456789Z"}"#,
    },
    Format {
        name: "syslog",
        levels: ["error", "info", "debug"],
        line: "Nov 22 10:00:00 web-1 app[{n}]: {level}: request {n} for /api/v2/items/{hex} from 10.1.2.3 served in {n} ms from the cache, {n} bytes",
    },
    Format {
        name: "syslog with priorities",
        levels: ["<11>", "<30>", "<191>"],
        line: "{level}1 2026-11-22T10:00:00.{n}Z web-1 app {n} ID47 - request for /api/v2/items/{hex} from 10.1.2.3 served in {n} ms, {n} bytes",
    },
    Format {
        name: "nginx",
        levels: ["error", "info", "notice"],
        line: r#"2026/11/22 10:00:00 [{level}] {n}#0: *{n} client closed connection while waiting for request, client: 10.1.2.3, server: www, request: "GET /{hex} HTTP/1.1""#,
    },
    Format {
        name: "access log",
        levels: ["[error]", "-", "-"],
        line: r#"10.1.2.3 {level} - [22/Nov/2026:10:00:00 +0000] "GET /api/v2/items/{hex} HTTP/1.1" 200 {n} "https://www.example.org/{n}" "Mozilla/5.0 (X11; Linux x86_64; rv:109.0) Gecko/20100101 Firefox/115.0""#,
    },
    Format {
        name: "klog",
        levels: ["E", "I", "W"],
        line: "{level}1122 10:00:00.{n}456    {n} reconciler.go:{n}] Reconciled pod default/web-{hex} after {n} ms, generation {n}, 2 containers ready",
    },
    Format {
        name: "in colour",
        levels: ["\x1b[31mERROR", "\x1b[32m INFO", "\x1b[34mDEBUG"],
        line: "\x1b[2m2026-11-22T10:00:00.{n}Z\x1b[0m {level}\x1b[0m \x1b[2mshop::api\x1b[0m\x1b[2m:\x1b[0m request served \x1b[3mpath\x1b[0m=/api/v2/items/{hex} \x1b[3mms\x1b[0m={n}",
    },
];

fn main() {
    let args: Vec<String> = std::env::args().collect();
    let mut megabytes = args.iter().skip_while(|arg| *arg != "--mb").skip(1);
    let megabytes: usize = megabytes.next().map_or(64, |mb| mb.parse().unwrap());
    let reads = !args.iter().any(|arg| arg == "--no-read");
    println!(
        "{megabytes} MB of each format, warm, one thread; the least CPU time of {ROUNDS} rounds, taken in turns"
    );
    println!("{:<30} {:>9} {:>9} {:>9} {:>9}", "format", "errors", "literal", "level", "times");
    println!("{:<30} {:>9} {:>9} {:>9}", "", "", "GB/s", "GB/s");
    let level = RuleSpec { name: "level".into(), level: Some(Level::Error), ..RuleSpec::default() };
    let level = RuleSet::compile(&[level]).unwrap();
    let only = args.iter().skip_while(|arg| *arg != "--only").nth(1);
    for format in FORMATS.iter().filter(|format| only.is_none_or(|only| format.name.contains(only))) {
        let text = text(format, megabytes << 20);
        let literal = RuleSpec {
            name: "literal".into(),
            any: vec![format.levels[0].trim().into()],
            ..RuleSpec::default()
        };
        let literal = RuleSet::compile(&[literal]).unwrap();
        let mut file = tempfile::tempfile().unwrap();
        file.write_all(&text).unwrap();
        let (mut times, mut found) = ([Duration::MAX; 2], 0);
        for _ in 0..ROUNDS {
            for (time, rules) in times.iter_mut().zip([&literal, &level]) {
                let taken;
                (taken, found) =
                    if reads { scan(rules, &Bytes::File(&file)) } else { scan(rules, &Bytes::Memory(&text)) };
                *time = taken.min(*time);
            }
        }
        let is_error = |line: &&[u8]| level_of(line) >= Some(Level::Error);
        assert_eq!(found, text.split(|b| *b == b'\n').filter(is_error).count(), "{}", format.name);
        let [literal, level] = times.map(|time| time.as_secs_f64());
        let speed = |time: f64| text.len() as f64 / time / 1e9;
        println!(
            "{:<30} {found:>9} {:>9.2} {:>9.2} {:>8.2}x",
            format.name,
            speed(literal),
            speed(level),
            level / literal
        );
    }
}

fn text(format: &Format, bytes: usize) -> Vec<u8> {
    let mut text = Vec::with_capacity(bytes + 1_000);
    let mut random = fastrand::Rng::with_seed(7);
    for n in 0usize.. {
        let level = format.levels[if n % 100 == 0 { 0 } else { 1 + usize::from(n % 7 == 0) }];
        let mut line = format.line.replace("{level}", level);
        while let Some(at) = line.find("{n}") {
            line.replace_range(at..at + 3, &random.u16(100..1_000).to_string());
        }
        line = line.replace("{hex}", &format!("{:016x}", random.u64(..)));
        text.extend_from_slice(line.as_bytes());
        text.push(b'\n');
        if text.len() >= bytes {
            break;
        }
    }
    text
}

enum Bytes<'a> {
    File(&'a File),
    Memory(&'a [u8]),
}

fn scan(rules: &Arc<RuleSet>, bytes: &Bytes<'_>) -> (Duration, usize) {
    let mut scanner = Scanner::new(Arc::clone(rules), 1 << 20);
    let mut feed = Feed::to_end(BUFFER_BYTES as u64);
    let (mut cursor, mut found, mut buffer) = (LineCursor::default(), 0, vec![0; BUFFER_BYTES]);
    let begun = cpu_time();
    loop {
        let fed = feed.step::<std::io::Error>(
            &mut cursor,
            &mut |cursor, bytes, follows| {
                cursor.advance(bytes, follows, &mut scanner, &mut |_, _| found += 1)
            },
            &mut |range, show| {
                match bytes {
                    Bytes::File(file) => {
                        buffer.resize((range.end - range.start) as usize, 0);
                        let read = file.read_at(&mut buffer, range.start)?;
                        show(&buffer[..read]);
                    }
                    Bytes::Memory(text) => {
                        let end = (range.end as usize).min(text.len());
                        show(&text[range.start as usize..end]);
                    }
                }
                Ok(())
            },
        );
        if fed.unwrap() == Fed::Done {
            return (cpu_time() - begun, found);
        }
    }
}

/// The CPU time of this thread.
fn cpu_time() -> Duration {
    let time = rustix::time::clock_gettime(rustix::time::ClockId::ThreadCPUTime);
    Duration::new(time.tv_sec as u64, time.tv_nsec as u32)
}
