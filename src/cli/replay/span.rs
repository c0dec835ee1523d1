//! When a log begins whose time stamps leave out the year or the date.
//!
//! Such a log was read forward from the last year in which its first line can have been written. If it spans more than a year,
//! it then ends after the file was changed last, which cannot be, so it began so many years earlier.

use std::sync::Arc;

use crate::detect::Millis;
use crate::file::vfs::Source;
use crate::scan::timestamp::{Detector, TimeSettings};

/// How much is looked at at once, in bytes.
const BLOCK_BYTES: u64 = 256 << 10;
/// A clock may be ahead so far, in milliseconds.
const AHEAD_MS_MAX: Millis = 86_400_000;

/// When the first stamped line of the file that `source` reads was written, which seems to be `first_ms` and repeats after
/// `period_ms`, if the file was changed last at `modified_ms`.
pub(super) fn begin_ms(
    source: &mut dyn Source,
    settings: &Arc<TimeSettings>,
    (first_ms, period_ms): (Millis, Millis),
    modified_ms: Millis,
) -> Millis {
    let Some((first_line, last_ms)) = first_and_last(source, settings, modified_ms) else { return first_ms };
    let ahead_ms = last_ms - modified_ms - AHEAD_MS_MAX.min(period_ms / 24);
    if ahead_ms <= 0 {
        return first_ms;
    }
    let periods = (ahead_ms + period_ms - 1) / period_ms;
    let mut detector = Detector::new(Arc::clone(settings));
    detector.resume(first_ms - periods * period_ms);
    detector.recall(&first_line, modified_ms).unwrap_or(first_ms)
}

/// The first line with a time stamp, and the latest time of all, as far as the file can be read.
fn first_and_last(
    source: &mut dyn Source,
    settings: &Arc<TimeSettings>,
    modified_ms: Millis,
) -> Option<(Vec<u8>, Millis)> {
    let mut detector = Detector::new(Arc::clone(settings));
    let (mut offset, mut first, mut last_ms) = (0, None, None);
    loop {
        let mut got = 0;
        let shown = source.show(offset..offset + BLOCK_BYTES, &mut |bytes| {
            // Part of a line is looked at with the next block, unless it fills this one.
            let end = memchr::memrchr(b'\n', bytes).map_or(bytes.len(), |lf| lf + 1);
            got = end as u64;
            for line in bytes[..end].split(|byte| *byte == b'\n') {
                let Some(at_ms) = detector.recall(line, modified_ms) else { continue };
                first.get_or_insert_with(|| line.to_vec());
                last_ms = last_ms.max(Some(at_ms));
            }
        });
        if shown.is_err() || got == 0 {
            return Some((first?, last_ms?));
        }
        offset += got;
    }
}
