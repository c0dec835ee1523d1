//! Compressed streams from untrusted sources: whatever is in them, reading ends with all bytes or with an error.
#![allow(clippy::unwrap_used)]

mod compress;

use std::io::Cursor;

use compress::COMPRESSORS;
use proptest::prelude::*;
use spiketail::file::decompress::DecompressSource;
use spiketail::file::vfs::Source;

/// No stream of the tests is longer.
const BYTES_MAX: usize = 1 << 20;

/// What a stream holds, read in windows of `window` bytes, and whether it ended without an error.
fn read(stream: Vec<u8>, window: usize) -> (Vec<u8>, bool) {
    let Ok(mut source) = DecompressSource::new(Cursor::new(stream)) else { return (Vec::new(), false) };
    let mut content = Vec::new();
    while content.len() < BYTES_MAX {
        let from = content.len() as u64;
        let mut got = 0;
        let shown = source.show(from..from + window as u64, &mut |bytes| {
            got = bytes.len();
            content.extend_from_slice(bytes);
        });
        if shown.is_err() {
            source.show_what_was_read(from..from + window as u64, &mut |bytes| {
                content.extend_from_slice(bytes);
            });
            return (content, false);
        }
        if got < window {
            return (content, true);
        }
    }
    (content, true)
}

fn content() -> impl Strategy<Value = Vec<u8>> {
    let text = prop::collection::vec(prop::sample::select(&b"ab\n"[..]), 0..600);
    prop_oneof![text, prop::collection::vec(any::<u8>(), 0..600)]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    #[test]
    fn every_form_is_read_whole_in_any_windows(
        parts in prop::collection::vec(content(), 1..4),
        window in 1usize..700,
    ) {
        for (form, compress) in COMPRESSORS {
            let stream = parts.iter().flat_map(|part| compress(part)).collect();
            prop_assert_eq!(read(stream, window), (parts.concat(), true), "{}", form);
        }
    }

    /// Of a stream that was cut, what comes out is the beginning of what went in, and an error unless nothing is missing.
    #[test]
    fn a_cut_stream_yields_a_beginning_and_an_error(
        content in content(),
        cut in 0.0..1.0,
        window in 1usize..700,
    ) {
        for (form, compress) in COMPRESSORS {
            let whole = compress(&content);
            // The magic number must be there, else it is a plain file.
            let least = 10.min(whole.len() - 1);
            let kept = least + ((whole.len() - least) as f64 * cut) as usize;
            let (found, ended) = read(whole[..kept].to_vec(), window);
            prop_assert!(content.starts_with(&found), "{} {}", form, kept);
            prop_assert!(!ended, "{} {} of {}", form, kept, whole.len());
        }
    }

    #[test]
    fn a_changed_byte_never_panics_or_hangs(
        content in content(),
        place in any::<prop::sample::Index>(),
        flip in 1u8..,
        window in 1usize..700,
    ) {
        for (_, compress) in COMPRESSORS {
            let mut stream = compress(&content);
            let place = place.index(stream.len());
            stream[place] ^= flip;
            read(stream, window);
        }
    }

    #[test]
    fn bytes_after_a_magic_number_never_panic_or_hang(
        bytes in prop::collection::vec(any::<u8>(), 0..300),
        window in 1usize..700,
    ) {
        for (_, compress) in COMPRESSORS {
            let mut stream = compress(b"a line")[..10].to_vec();
            stream.extend(&bytes);
            read(stream, window);
        }
    }
}
