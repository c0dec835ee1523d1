use std::convert::Infallible;

use proptest::prelude::*;

use super::*;
use crate::scan::cursor::LineCursor;
use crate::scan::feed::{Fed, Feed};
use crate::scan::rules::{RuleSet, RuleSpec};
use crate::scan::scanner::Scanner;
use crate::scan::stream_lines::StreamLines;

const STAMP: &str = "2026-11-26T10:00:00.123456789Z";

/// What the runtime writes for the pieces of a line, and whether more of it follows each.
fn written(wrapping: Wrapping, is_err: bool, pieces: &[&str]) -> Vec<String> {
    let stream = if is_err { "stderr" } else { "stdout" };
    let line = |(n, piece): (usize, &&str)| {
        let is_last = n + 1 == pieces.len();
        match wrapping {
            Wrapping::Cri => format!("{STAMP} {stream} {} {piece}\n", if is_last { "F" } else { "P" }),
            Wrapping::Docker => {
                let text = format!("{piece}{}", if is_last { "\n" } else { "" });
                let text = serde_json::to_string(&text).unwrap();
                format!("{{\"log\":{text},\"stream\":\"{stream}\",\"time\":\"{STAMP}\"}}\n")
            }
        }
    };
    pieces.iter().enumerate().map(line).collect()
}

/// Reads a stream that grows by `steps`. Returns the matching lines of all rules.
fn read(rules: &[RuleSpec], stream: &[u8], steps: &[usize], window: u64, max: usize) -> Vec<(usize, String)> {
    let mut scanner = Scanner::new(RuleSet::compile(rules).unwrap(), max);
    let (mut lines, mut cursor) = (StreamLines::new(Path::new("x"), LineFormat::Auto), LineCursor::default());
    let (mut found, mut size, mut steps) = (Vec::new(), 0, steps.iter().cycle());
    while size < stream.len() {
        size = (size + steps.next().unwrap()).min(stream.len());
        let is_end = size == stream.len();
        let mut feed = if is_end { Feed::to_end(window) } else { Feed::growing(size as u64, window) };
        loop {
            let from = cursor.offset;
            let mut hits = Vec::new();
            let fed = feed.step::<Infallible>(
                &mut cursor,
                &mut |cursor, bytes, follows| {
                    let mut places = Vec::new();
                    let step = lines.advance(cursor, bytes, follows, &mut scanner, &mut |rule, place| {
                        places.push((rule, place));
                    });
                    let text = lines.judged(&scanner, &bytes[..(cursor.offset - from) as usize]).text;
                    hits.extend(places.into_iter().map(|(rule, place)| (rule, text[place].to_vec())));
                    step
                },
                &mut |range, look| {
                    let to = range.end.min(size as u64) as usize;
                    look(&stream[(range.start as usize).min(to)..to]);
                    Ok(())
                },
            );
            found.extend(hits);
            if fed == Ok(Fed::Done) {
                break;
            }
        }
    }
    let mut places = Vec::new();
    lines.finish(&mut scanner, &mut |rule, place| places.push((rule, place)));
    let text = scanner.unwrapped().text();
    found.extend(places.into_iter().map(|(rule, place)| (rule, text[place].to_vec())));
    found.into_iter().map(|(rule, line)| (rule, String::from_utf8(line).unwrap())).collect()
}

fn regex(pattern: &str) -> RuleSpec {
    RuleSpec { regex: vec![pattern.to_owned()], ..RuleSpec::default() }
}

#[test]
fn rules_see_what_the_program_wrote() {
    for wrapping in [Wrapping::Cri, Wrapping::Docker] {
        let lines: Vec<String> = [
            written(wrapping, false, &["ERROR a \"b\" \\ \t\u{1F600}<é>"]),
            written(wrapping, false, &["well"]),
            written(wrapping, true, &["level=info msg=\"F ERROR\""]),
            written(wrapping, true, &["ERR", "OR split"]),
        ]
        .concat();
        let rules = [regex("^ERROR"), regex("stdout|stderr|2026"), RuleSpec::errors(), regex("split$")];
        let found = read(&rules, lines.concat().as_bytes(), &[1 << 20], 1 << 20, 1 << 20);
        let first = "ERROR a \"b\" \\ \t\u{1F600}<é>".to_owned();
        let split = "ERROR split".to_owned();
        assert_eq!(
            found,
            [(0, first.clone()), (2, first), (0, split.clone()), (2, split.clone()), (3, split)],
            "{wrapping:?}"
        );
    }
}

#[test]
fn escapes_of_docker() {
    let plain = |text: &str| {
        let mut plain = Vec::new();
        docker::Entry::parse(text.as_bytes()).unwrap().unescape(&mut plain);
        String::from_utf8(plain).unwrap()
    };
    assert_eq!(
        plain(r#"{"log":"\u003ca\u003e \ud83d\ude00 \ud83d x \u00e9\n","stream":"stdout"}"#),
        "<a> 😀 \u{fffd} x é"
    );
    assert_eq!(plain(r#"{"log":"a\\n","stream":"stdout"}"#), r"a\n");
    assert_eq!(plain(r#"{"log":"a\nb\n","stream":"stdout"}"#), "a b");
    assert_eq!(plain(r#"{"log":"cut \u00"#), "cut \u{fffd}");
    assert!(docker::Entry::parse(br#"{"log":"a\\n","stream":"stdout"}"#).unwrap().is_piece());
    assert!(!docker::Entry::parse(br#"{"log":"a\\\n","stream":"stdout"}"#).unwrap().is_piece());
    assert!(!docker::Entry::parse(br#"{"log":"a"#).unwrap().is_piece());
}

#[test]
fn the_first_line_tells_the_wrapping() {
    let auto = |first: &str| LineFormat::Auto.wrapping(Path::new("/x"), first.as_bytes(), true).wrapping();
    for (first, wanted) in [
        ("2026-11-26T10:00:00.1Z stdout F a\n", Some(Wrapping::Cri)),
        ("2026-11-26T10:00:00.123456789+01:00 stderr P a", Some(Wrapping::Cri)),
        ("2026-11-26T10:00:00.1Z stdout P:x a\n", Some(Wrapping::Cri)),
        ("2026-11-26T10:00:00.1Z stdout F\n", Some(Wrapping::Cri)),
        ("2026-11-26T10:00:00.1Z stdout Failed\n", None),
        ("2026-11-26 10:00:00 stdout F a\n", None),
        (
            "{\"log\":\"a\\n\",\"stream\":\"stdout\",\"time\":\"2026-11-26T10:00:00Z\"}\n",
            Some(Wrapping::Docker),
        ),
        (
            "{\"log\":\"a\\n\",\"attrs\":{\"a\":\"b\"},\"stream\":\"stdout\",\"time\":\"2026\"}\n",
            Some(Wrapping::Docker),
        ),
        ("{\"log\":\"a\",\"level\":\"error\"}\n", None),
        ("ERROR\n2026-11-26T10:00:00.1Z stdout F a\n", None),
        ("", None),
    ] {
        assert_eq!(auto(first), wanted, "{first}");
    }
    let at = |path: &str| LineFormat::Auto.wrapping(Path::new(path), b"torn\n", false).wrapping();
    assert_eq!(at("/var/log/pods/a_b_c/d/0.log"), Some(Wrapping::Cri));
    assert_eq!(at("/var/lib/docker/containers/a/a-json.log"), Some(Wrapping::Docker));
    let begun = LineFormat::Auto.wrapping(Path::new("/x"), b"2026-11-26T10:0", false);
    assert_eq!(begun, FirstLine::Begun(Some(Wrapping::Cri)));
    let plain = LineFormat::Plain.wrapping(Path::new("/x"), b"2026-11-26T10:00:00.1Z stdout F a\n", true);
    assert_eq!(plain, FirstLine::Known(None));
}

#[test]
fn what_is_torn_is_a_line_as_it_is_and_a_long_line_is_cut() {
    let stream =
        format!("{STAMP} stdout F well\nERROR torn\n{STAMP} stdout P 12345\n{STAMP} stdout F 6ERROR\n");
    let found = read(&[RuleSpec::containing("ERROR")], stream.as_bytes(), &[3], 8, 1 << 20);
    assert_eq!(found, [(0, "ERROR torn".to_owned()), (0, "123456ERROR".to_owned())]);
    assert_eq!(read(&[RuleSpec::containing("ERROR")], stream.as_bytes(), &[3], 8, 10).len(), 1);
    let pieces = |texts: usize| Pieces::of(vec![b'x'; texts], Vec::new());
    let mut kept = Pieces::default();
    for _ in 0..5 {
        kept.add(Stream::Out, b"xxx", 10);
    }
    assert_eq!(kept, pieces(11));
}

proptest! {
    /// However lines are split, mixed and read, they count as if nothing were around them.
    #[test]
    fn pieces_do_not_matter(
        lines in proptest::collection::vec((any::<bool>(), "[EOx\\\\\" ]{0,12}", 1usize..4), 1..20),
        order in proptest::collection::vec(any::<bool>(), 1..40),
        steps in proptest::collection::vec(1usize..300, 1..20),
        window in 1u64..400,
        is_docker in any::<bool>(),
    ) {
        let wrapping = if is_docker { Wrapping::Docker } else { Wrapping::Cri };
        let mut queues = [Vec::new(), Vec::new()];
        for (is_err, text, cuts) in &lines {
            let cut = text.len().div_ceil(*cuts).max(1);
            let pieces: Vec<&str> = (0..text.len().max(1)).step_by(cut)
                .map(|from| &text[from..(from + cut).min(text.len())]).collect();
            queues[usize::from(*is_err)].extend(written(wrapping, *is_err, &pieces));
        }
        let (mut stream, mut order) = (String::new(), order.iter().cycle());
        while queues.iter().any(|queue| !queue.is_empty()) {
            let at = usize::from(*order.next().unwrap());
            let queue = if queues[at].is_empty() { &mut queues[1 - at] } else { &mut queues[at] };
            stream.push_str(&queue.remove(0));
        }
        let mut wanted: Vec<&str> = lines.iter().map(|(_, text, _)| &text[..]).filter(|text| text.starts_with('E')).collect();
        let mut found = read(&[regex("^E")], stream.as_bytes(), &steps, window, 1 << 20);
        wanted.sort_unstable();
        found.sort_unstable();
        prop_assert_eq!(found.iter().map(|(_, line)| &line[..]).collect::<Vec<_>>(), wanted);
    }

    #[test]
    fn arbitrary_bytes_do_not_panic(
        stream in proptest::collection::vec(prop_oneof![Just(b'\n'), Just(b'\\'), Just(b'"'), Just(0), any::<u8>()], 0..200),
        window in 1u64..100,
        max in 1usize..50,
    ) {
        for format in [LineFormat::Wrapped(Wrapping::Cri), LineFormat::Wrapped(Wrapping::Docker)] {
            let mut scanner = Scanner::new(RuleSet::compile(&[regex("")]).unwrap(), max);
            let (mut lines, mut cursor) = (StreamLines::new(Path::new("x"), format), LineCursor::default());
            let mut begun = b"{\"log\":\"".to_vec();
            begun.extend(&stream);
            let mut feed = Feed::to_end(window);
            while feed.step::<Infallible>(
                &mut cursor,
                &mut |cursor, bytes, follows| lines.advance(cursor, bytes, follows, &mut scanner, &mut |_, _| {}),
                &mut |range, look| {
                    let to = range.end.min(begun.len() as u64) as usize;
                    look(&begun[(range.start as usize).min(to)..to]);
                    Ok(())
                },
            ) != Ok(Fed::Done) {}
        }
    }
}
