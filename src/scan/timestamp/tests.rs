use jiff::Timestamp;
use proptest::prelude::*;

use super::*;

mod lines;

use lines::AT_TEN;

const ARRIVAL: &str = "2026-11-22T10:00:05Z";

fn ms(text: &str) -> i64 {
    text.parse::<Timestamp>().unwrap().as_millisecond()
}

fn shown(ms: i64) -> String {
    Timestamp::from_millisecond(ms).unwrap().to_string()
}

fn detector(format: Option<&str>, zone_name: &str) -> Detector {
    let format = format.map(|format| format.parse().unwrap());
    let zone = zone(zone_name).unwrap();
    Detector::new(Arc::new(TimeSettings { format, zone, ..TimeSettings::default() }))
}

#[test]
fn lines_of_many_programs() {
    let (arrival, wanted) = (ms(ARRIVAL), ms("2026-11-22T10:00:00Z"));
    let mut wrong = Vec::new();
    for line in AT_TEN {
        let mut detector = detector(None, "UTC");
        for turn in 0..3 {
            let read = detector.read(line.as_bytes(), arrival);
            let is_near =
                read.source == TimeOrigin::Stamped && read.at_ms.div_euclid(1_000) == wanted / 1_000;
            if !is_near {
                wrong.push(format!("{:?} {} in turn {turn}: {line}", read.source, shown(read.at_ms)));
                break;
            }
            // The second time it stood where it was remembered to stand.
            assert_eq!(detector.fits, turn, "{line}");
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn lines_without_a_stamp() {
    for line in [
        "",
        "x",
        "ERROR something 12 of 30",
        "[12345.678901] usb 1-1: reset",
        "took 12:30 or 1.5 s",
        "version 1.2.3 of 10.0.0.1:8080",
        "    at a.b.C.d(C.java:12)",
        "it was 1795341600 bytes long, and then 1795341601",
        "2026-13-22 10:00:00 x",
        "2026-02-30 10:00:00 x",
        "2026-11-22 25:00:00 x",
        r#"{"level":"error","msg":"x","time":12}"#,
        "abc1122 10:00:00",
    ] {
        let read = detector(None, "UTC").read(line.as_bytes(), ms(ARRIVAL));
        assert_eq!(read, EventTime { at_ms: ms(ARRIVAL), source: TimeOrigin::Arrived }, "{line}");
    }
}

#[test]
fn fractions_of_every_length_and_mark() {
    for (fraction, milli) in
        [(".1", 100), (".12", 120), (",123", 123), (".123456", 123), (",123456789", 123), ("", 0)]
    {
        let line = format!("2026-11-22T10:00:00{fraction}Z x");
        let read = detector(None, "UTC").read(line.as_bytes(), ms(ARRIVAL));
        assert_eq!(read.at_ms, ms("2026-11-22T10:00:00Z") + milli, "{line}");
    }
}

#[test]
fn halves_of_the_day() {
    for (text, hour) in [("12:30:00 AM", 0), ("1:30:00 am", 1), ("12:30:00 PM", 12), ("11:30:00 p.m", 23)] {
        let line = format!("11/21/2026 {text} x");
        let read = detector(None, "UTC").read(line.as_bytes(), ms(ARRIVAL));
        assert_eq!(read.at_ms, ms("2026-11-21T00:30:00Z") + hour * 3_600_000, "{line}");
    }
}

#[test]
fn a_format_may_be_set() {
    let wanted = ms("2026-11-22T10:00:00Z");
    for (format, line) in [
        ("%Y|%m|%d %H-%M-%S", "app 2026|11|22 10-00-00 x"),
        ("%d.%m.%y %H:%M", "22.11.26 10:00 x"),
        ("%b %d %H:%M:%S", "Nov 22 10:00:00 x"),
        ("%s", "1795341600 x"),
        ("%Y-%m-%dT%H:%M:%S%:z", r#"{"when":1,"time":"2026-11-22T11:00:00+01:00"}"#),
        ("epoch_ms", "a b c 1795341600000"),
        ("rfc3339", "17/06/09 11:11:11 2026-11-22T10:00:00Z"),
        ("dmy", "22/11/26 10:00:00"),
    ] {
        let mut detector = detector(Some(format), "UTC");
        for _ in 0..2 {
            let read = detector.read(line.as_bytes(), ms(ARRIVAL));
            assert_eq!(
                (shown(read.at_ms), read.source),
                (shown(wanted), TimeOrigin::Stamped),
                "{format}: {line}"
            );
        }
    }
    let none = detector(Some("arrival"), "UTC").read(b"2026-11-22T09:00:00Z x", ms(ARRIVAL));
    assert_eq!(none.source, TimeOrigin::Arrived);
    let other = detector(Some("epoch"), "UTC").read(b"2026-11-22T09:00:00Z x", ms(ARRIVAL));
    assert_eq!(other.source, TimeOrigin::Arrived);
}

#[test]
fn a_field_may_be_set() {
    let read = |field: &str, format: Option<&str>, line: &str| {
        let format = format.map(|format| format.parse().unwrap());
        let settings = TimeSettings { format, field: Some(field.into()), ..TimeSettings::default() };
        Detector::new(Arc::new(settings)).read(line.as_bytes(), ms(ARRIVAL))
    };
    for (field, format, line) in [
        ("done", None, r#"{"time":"2026-11-22T09:00:00Z","done":"2026-11-22T10:00:00Z"}"#),
        ("a.b", None, r#"x {"time":"2026-11-22T09:00:00Z","a":{"b":1795341600}}"#),
        ("a.b", None, r#"{"time":"2026-11-22T09:00:00Z","a.b":"1795341600000"}"#),
        ("done", None, "time=2026-11-22T09:00:00Z undone=2026-11-22T08:00:00Z done=\"2026-11-22T10:00:00Z\""),
        ("done", Some("%s"), "time=2026-11-22T09:00:00Z done=1795341600"),
    ] {
        assert_eq!(shown(read(field, format, line).at_ms), "2026-11-22T10:00:00Z", "{line}");
    }
    let without = read("done", None, "2026-11-22T09:00:00Z x");
    assert_eq!(without.source, TimeOrigin::Arrived);
}

#[test]
fn the_most_specific_member_is_read_also_if_it_is_missing_at_first() {
    let mut detector = detector(None, "UTC");
    let mut read = |line: &str| shown(detector.recall(line.as_bytes(), ms(ARRIVAL)).unwrap());
    assert_eq!(read(r#"{"created":"2026-11-22T09:00:00Z"}"#), "2026-11-22T09:00:00Z");
    let both = r#"{"created":"2026-11-22T09:00:00Z","time":"2026-11-22T10:00:00Z"}"#;
    assert_eq!(read(both), "2026-11-22T10:00:00Z");
    assert_eq!(read(both), "2026-11-22T10:00:00Z");
}

#[test]
fn a_zone_may_be_set_and_a_stamp_knows_better() {
    for (zone, line) in [
        ("+02:00", "2026-11-22 12:00:00 x"),
        ("Europe/Berlin", "2026-11-22 11:00:00,000 x"),
        ("America/New_York", "Nov 22 05:00:00 host x"),
        ("America/New_York", "2026-11-22T10:00:00Z x"),
        ("Asia/Shanghai", "2026-11-22 18:00:00 CST x"),
        ("America/Chicago", "2026-11-22 04:00:00 CST x"),
        ("Europe/Dublin", "2026-11-22 11:00:00 IST is said in winter, too"),
        ("Asia/Manila", "2026-11-22 18:00:00 PST x"),
        ("Europe/Berlin", "10:00:00.000 is a time of day in UTC, 11:00 there"),
    ] {
        let read = detector(None, zone).read(line.as_bytes(), ms(ARRIVAL));
        let wanted = if line.starts_with("10:") { "2026-11-22T09:00:00Z" } else { "2026-11-22T10:00:00Z" };
        assert_eq!(shown(read.at_ms), wanted, "{zone}: {line}");
    }
}

#[test]
fn the_order_of_day_and_month_is_the_nearest_and_is_kept() {
    let mut detector = detector(None, "UTC");
    let mut read = |line: &str, arrival: &str| shown(detector.read(line.as_bytes(), ms(arrival)).at_ms);
    assert_eq!(read("05/06/2026 10:00:00 x", "2026-06-05T10:00:01Z"), "2026-06-05T10:00:00Z");
    assert_eq!(read("06/06/2026 10:00:00 x", "2026-06-06T10:00:01Z"), "2026-06-06T10:00:00Z");
    assert_eq!(read("01/07/2026 10:00:00 x", "2026-07-01T10:00:01Z"), "2026-07-01T10:00:00Z");
    // A backlog is read in the order that the lines before had.
    assert_eq!(read("02/03/2026 10:00:00 x", "2026-07-01T10:00:01Z"), "2026-03-02T10:00:00Z");
}

#[test]
fn an_order_that_is_wrong_is_given_up() {
    let mut detector = detector(None, "UTC");
    let mut read = |line: &str, arrival: &str| shown(detector.read(line.as_bytes(), ms(arrival)).at_ms);
    assert_eq!(read("05/05/2026 10:00:00 x", "2026-05-05T10:00:01Z"), "2026-05-05T10:00:00Z");
    assert_eq!(read("06/05/2026 10:00:00 x", "2026-05-06T10:00:01Z"), "2026-05-06T10:00:00Z");
    assert_eq!(read("07/05/2026 10:00:00 x", "2026-05-07T10:00:01Z"), "2026-05-07T10:00:00Z");
}

#[test]
fn late_and_future_stamps_are_told() {
    let mut detector = detector(None, "UTC");
    let arrival = ms(ARRIVAL);
    let mut source = |line: &str| detector.read(line.as_bytes(), arrival);
    assert_eq!(source("2026-11-22T10:04:59Z").source, TimeOrigin::Stamped);
    let future = source("2026-11-22T10:06:00Z");
    assert_eq!(future, EventTime { at_ms: arrival, source: TimeOrigin::Future });
    assert_eq!(source("2026-11-16T10:00:00Z").source, TimeOrigin::Stamped);
    let late = source("2026-11-15T10:00:00Z");
    assert_eq!(late, EventTime { at_ms: ms("2026-11-15T10:00:00Z"), source: TimeOrigin::Late });
}

#[test]
fn new_year_is_read_on_the_day_after() {
    let mut detector = detector(None, "UTC");
    let arrival = ms("2027-01-01T00:00:10Z");
    let read = |detector: &mut Detector, line: &str| shown(detector.read(line.as_bytes(), arrival).at_ms);
    assert_eq!(read(&mut detector, "Dec 31 23:59:59 host x"), "2026-12-31T23:59:59Z");
    assert_eq!(read(&mut detector, "Jan  1 00:00:01 host x"), "2027-01-01T00:00:01Z");
}

#[test]
fn an_old_file_goes_through_new_year() {
    let mut detector = detector(None, "UTC");
    let mut read = |line: &str| detector.recall(line.as_bytes(), ms("2027-03-01T12:00:00Z")).map(shown);
    assert_eq!(read("Dec 30 10:00:00 host x").unwrap(), "2026-12-30T10:00:00Z");
    assert_eq!(read("Jan  2 10:00:00 host x").unwrap(), "2027-01-02T10:00:00Z");
    assert_eq!(read("a line without"), None);
    assert_eq!(read("Dec 31 10:00:00 host, out of order").unwrap(), "2026-12-31T10:00:00Z");
    assert_eq!(read("Mar  1 10:00:00 host x").unwrap(), "2027-03-01T10:00:00Z");
}

#[test]
fn an_old_file_goes_through_midnight() {
    let mut detector = detector(None, "UTC");
    let mut read = |line: &str| shown(detector.recall(line.as_bytes(), ms("2026-11-22T00:30:00Z")).unwrap());
    assert_eq!(read("23:50:00.000 [main] x"), "2026-11-21T23:50:00Z");
    assert_eq!(read("00:10:00.000 [main] x"), "2026-11-22T00:10:00Z");
}

#[test]
fn a_number_that_grows_slowly_is_a_time() {
    let mut detector = detector(None, "UTC");
    let mut read = |line: &str| detector.recall(line.as_bytes(), ms(ARRIVAL)).map(shown);
    assert_eq!(read("134681 node-246 unix.hw state_change.unavailable 1077804742 1 x"), None);
    assert_eq!(
        read("134682 node-146 unix.hw state_change.unavailable 1077804747 1 x").unwrap(),
        "2004-02-26T14:12:27Z"
    );
    assert_eq!(
        read("134683 node-6 unix.hw state_change.unavailable 1077804790 1 x").unwrap(),
        "2004-02-26T14:13:10Z"
    );
}

#[test]
fn a_date_in_a_message_is_no_stamp_of_a_settled_file() {
    let mut detector = detector(None, "UTC");
    for _ in 0..30 {
        detector.read(b"2026-11-22T10:00:00Z host app x", ms(ARRIVAL));
    }
    let read = detector.read(b"  the certificate of a host expired at 2020-01-01 00:00:00 UTC", ms(ARRIVAL));
    assert_eq!(read.source, TimeOrigin::Arrived);
    // A second format in one file is.
    let read = detector.read(b"[22/Nov/2026:09:59:00 +0000] x", ms(ARRIVAL));
    assert_eq!(shown(read.at_ms), "2026-11-22T09:59:00Z");
}

#[test]
fn the_hour_that_comes_twice_goes_on() {
    let mut detector = detector(None, "Europe/Berlin");
    let mut read = |line: &str| shown(detector.recall(line.as_bytes(), ms("2026-10-26T00:00:00Z")).unwrap());
    assert_eq!(read("2026-10-25 02:10:00 x"), "2026-10-25T00:10:00Z");
    assert_eq!(read("2026-10-25 02:59:00 x"), "2026-10-25T00:59:00Z");
    assert_eq!(read("2026-10-25 02:01:00 x"), "2026-10-25T01:01:00Z");
    assert_eq!(read("2026-10-25 02:40:00 x"), "2026-10-25T01:40:00Z");
    assert_eq!(read("2026-10-25 03:00:00 x"), "2026-10-25T02:00:00Z");
}

/// Formats that a rendered time comes back from, with the milliseconds that they keep.
const RENDERED: &[(&str, i64)] = &[
    ("%Y-%m-%dT%H:%M:%S%.3fZ", 1),
    ("%Y-%m-%d %H:%M:%S,%3f", 1),
    ("%Y/%m/%d %H:%M:%S", 1_000),
    ("%Y%m%dT%H%M%SZ", 1_000),
    ("%Y%m%d-%H:%M:%S:%3f", 1),
    ("%Y-%m-%d-%H.%M.%S%.6f", 1),
    ("%d/%b/%Y:%H:%M:%S +0000", 1_000),
    ("[%a %b %d %H:%M:%S%.6f %Y]", 1),
    ("%a %b %e %H:%M:%S UTC %Y", 1_000),
    ("%a, %d %b %Y %H:%M:%S +0000", 1_000),
    ("%b %e %H:%M:%S host", 1_000),
    ("%b %d, %Y %I:%M:%S %p", 1_000),
    ("%d-%b-%Y %H:%M:%S%.3f", 1),
    ("%d.%m.%Y %H:%M:%S", 1_000),
    ("%m-%d %H:%M:%S%.3f", 1),
    ("E%m%d %H:%M:%S%.6f", 1),
    ("%y%m%d %H%M%S", 1_000),
    ("%s%.3f", 1),
    ("{\"time\":\"%Y-%m-%dT%H:%M:%S%.9fZ\"}", 1),
    ("ts=%s%.3f", 1),
];

proptest! {
    #[test]
    fn a_rendered_time_comes_back(at_ms in 1_000_000_000_000_i64..3_100_000_000_000, behind_ms in 0..3_600_000_i64) {
        let time = Timestamp::from_millisecond(at_ms).unwrap();
        for (format, keeps_ms) in RENDERED {
            let line = format!("{} the message", time.strftime(format));
            let read = detector(None, "UTC").read(line.as_bytes(), at_ms + behind_ms);
            prop_assert_eq!(read.at_ms, at_ms - at_ms % keeps_ms, "{}", line);
        }
    }

    #[test]
    fn a_local_time_comes_back(at_ms in 1_000_000_000_000_i64..4_000_000_000_000) {
        let name = "America/New_York";
        let local = Timestamp::from_millisecond(at_ms).unwrap().to_zoned(TimeZone::get(name).unwrap());
        for format in ["%Y-%m-%d %H:%M:%S%.3f", "%m-%d %H:%M:%S%.3f", "%H:%M:%S%.3f [main]"] {
            let line = local.strftime(format).to_string();
            let read = detector(None, name).read(line.as_bytes(), at_ms);
            prop_assert_eq!(read.at_ms, at_ms, "{}", line);
        }
    }

    #[test]
    fn stamps_of_one_minute_mean_what_they_mean_without_the_last_one(
        begin_ms in 1_000_000_000_000_i64..3_100_000_000_000,
        steps in prop::collection::vec((0..RENDERED.len(), 0..4_u8, 0..90_000_i64, 0..5_usize, -200..200_000_i64), 1..40),
        format in 0..RENDERED.len(),
        zone in 0..2,
        is_recalled in any::<bool>(),
        is_member in any::<bool>(),
    ) {
        let name = ["UTC", "America/New_York"][zone as usize];
        let (mut quick, mut slow) = (detector(None, name), detector(None, name));
        let mut at_ms = begin_ms;
        for (other, rare, step_ms, behind, late_ms) in steps {
            at_ms += if rare == 0 { step_ms } else { step_ms / 100 };
            let format = RENDERED[if rare == 1 { other } else { format }].0;
            let behind = [" ERROR a", " INFO b", "Z c", " 2026 d", " +02:00 ERROR"][if rare == 2 { behind } else { 0 }];
            let stamp = Timestamp::from_millisecond(at_ms).unwrap().strftime(format);
            let line = match format.contains(['{', '=']) || !is_member {
                true => format!("{stamp}{behind}"),
                false => format!("{{\"level\":\"error\",\"time\":\"{stamp}{behind}\",\"msg\":\"x\"}}"),
            };
            let now_ms = at_ms + if rare == 3 { late_ms * 100 } else { late_ms };
            slow.same_minute.clear();
            let read = |detector: &mut Detector| {
                if is_recalled { detector.recall(line.as_bytes(), now_ms) } else { Some(detector.read(line.as_bytes(), now_ms).at_ms) }
            };
            prop_assert_eq!(read(&mut quick), read(&mut slow), "{}", line);
        }
    }

    #[test]
    fn no_bytes_panic(lines in prop::collection::vec("[ -~\t\u{e9}]{0,60}|[0-9:.,TZ+ /-]{0,40}", 1..5), zone in 0..2) {
        let mut detector = detector(None, ["UTC", "Europe/Berlin"][zone as usize]);
        for line in lines {
            detector.read(line.as_bytes(), ms(ARRIVAL));
            detector.recall(line.as_bytes(), ms(ARRIVAL));
        }
    }

    #[test]
    fn no_other_bytes_panic(line in prop::collection::vec(any::<u8>(), 0..400)) {
        detector(None, "UTC").read(&line, i64::MAX);
        detector(None, "UTC").recall(&line, i64::MIN);
    }
}

#[test]
fn a_file_whose_lines_get_stamps_late_is_understood_in_the_end() {
    let (arrival, line) = (ms(ARRIVAL), b"2026-11-22T09:00:00Z ERROR");
    let mut detector = detector(None, "UTC");
    for _ in 0..1_000 {
        assert_eq!(detector.read(b"no stamp", arrival).source, TimeOrigin::Arrived);
    }
    assert!((0..64).any(|_| detector.read(line, arrival).source == TimeOrigin::Stamped));
    assert_eq!(detector.read(line, arrival).source, TimeOrigin::Stamped);
}
