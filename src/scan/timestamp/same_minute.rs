//! The last stamp of a file, so that one of the same minute is read by its seconds alone.
//!
//! Where lines come fast, most stamps differ from the one before in their last digits only. What all else means (date, zone, what is
//! left out) was found out for that one. It is found out anew wherever the answer might be another: another minute, an earlier
//! second, other bytes behind the stamp, an arrival much later.

use crate::scan::timestamp::calendar::Near;
use crate::scan::timestamp::cursor::{Cursor, SecondsPlace};

/// So many bytes behind a stamp must be as they were: a zone or a year may stand there.
const BEHIND_BYTES: usize = 16;
/// An arrival that is further from the last one than this may make another year, day or hour the nearest.
const ARRIVAL_MS_MAX: u64 = 60_000;
/// A stamp that is further ahead of its arrival than this may be of another year, day or hour.
const AHEAD_MS_MAX: i64 = 30 * 60_000;

/// See the [module](self).
#[derive(Debug, Clone)]
pub(super) struct SameMinute {
    /// The stamp and what stood behind it; empty if nothing is known.
    text: Vec<u8>,
    seconds: SecondsPlace,
    /// Since the minute began.
    in_minute_ms: i64,
    at_ms: i64,
    now_ms: i64,
}

impl Default for SameMinute {
    fn default() -> SameMinute {
        let seconds = SecondsPlace { at: 0, end: 0 };
        SameMinute { text: Vec::new(), seconds, in_minute_ms: 0, at_ms: 0, now_ms: 0 }
    }
}

impl SameMinute {
    /// Forgets the last stamp.
    pub(super) fn clear(&mut self) {
        self.text.clear();
    }

    /// Remembers the stamp at the beginning of `text`, which ends before `end` and means `at_ms`.
    pub(super) fn set(&mut self, text: &[u8], seconds: SecondsPlace, end: usize, at_ms: i64, near: Near) {
        self.clear();
        let Some(in_minute_ms) = in_minute_ms(text, seconds) else { return };
        self.text.extend_from_slice(&text[..text.len().min(end + BEHIND_BYTES)]);
        (self.seconds, self.in_minute_ms, self.at_ms, self.now_ms) =
            (seconds, in_minute_ms, at_ms, near.ms());
    }

    /// What the stamp at the beginning of `text` means, if it is of the minute of the last one, which was `last_ms`.
    pub(super) fn read(&mut self, text: &[u8], near: Near, last_ms: Option<i64>) -> Option<i64> {
        let SecondsPlace { at, end } = self.seconds;
        let (len, now_ms) = (self.text.len(), near.ms());
        if len == 0
            || text.len() < len
            || last_ms != Some(self.at_ms)
            || now_ms.abs_diff(self.now_ms) > ARRIVAL_MS_MAX
            || text[..at] != self.text[..at]
            || text[end..len] != self.text[end..]
            || (len < end + BEHIND_BYTES && text.len() > len)
        {
            return None;
        }
        let in_minute_ms = in_minute_ms(text, self.seconds).filter(|ms| *ms >= self.in_minute_ms)?;
        let at_ms = self.at_ms + in_minute_ms - self.in_minute_ms;
        if at_ms > now_ms.saturating_add(AHEAD_MS_MAX) {
            return None;
        }
        (self.in_minute_ms, self.at_ms, self.now_ms) = (in_minute_ms, at_ms, now_ms);
        Some(at_ms)
    }
}

/// The milliseconds of `12`, `12.345678` or `12,345`.
fn in_minute_ms(text: &[u8], seconds: SecondsPlace) -> Option<i64> {
    let mut c = Cursor::new(&text[..seconds.end], seconds.at);
    let second = c.digits(2).filter(|second| *second < 60)?;
    let fraction = if c.peek().is_some() {
        c.one_of(b".,")?;
        c.fraction_ms()?
    } else {
        0
    };
    c.peek().is_none().then_some(i64::from(second * 1_000 + fraction))
}
