//! Payloads of data objects: `FIELD=value`, possibly compressed.

use std::io::{self, Read};

use crate::source::journal::format::{FLAG_LZ4, FLAG_XZ, FLAG_ZSTD, u64_at};

/// The longest field that is decompressed, in bytes; of a longer one only the name is known.
pub(super) const FIELD_BYTES_MAX: u64 = 64 << 20;
/// What an xz stream may take to be decompressed, in bytes.
const XZ_MEMORY_MAX: u64 = 64 << 20;

/// The first `limit` bytes of a payload whose object has `flags`.
///
/// # Errors
/// The payload is damaged.
pub(super) fn unpack(flags: u8, stored: &[u8], limit: u64, into: &mut Vec<u8>) -> io::Result<()> {
    into.clear();
    match flags & (FLAG_XZ | FLAG_LZ4 | FLAG_ZSTD) {
        0 => {
            let len = usize::try_from(limit).unwrap_or(usize::MAX).min(stored.len());
            into.extend_from_slice(&stored[..len]);
        }
        FLAG_ZSTD => {
            zstd::stream::read::Decoder::with_buffer(stored)?.take(limit).read_to_end(into)?;
        }
        FLAG_XZ => {
            let stream =
                liblzma::stream::Stream::new_stream_decoder(XZ_MEMORY_MAX, 0).map_err(io::Error::other)?;
            liblzma::bufread::XzDecoder::new_stream(stored, stream).take(limit).read_to_end(into)?;
        }
        FLAG_LZ4 => {
            let size = u64_at(stored, 0);
            // LZ4 packs at most 255 to 1.
            let possible = (stored.len() as u64).saturating_mul(256);
            if stored.len() < 8 || size > FIELD_BYTES_MAX || size > possible {
                return Err(io::Error::from(io::ErrorKind::InvalidData));
            }
            into.resize(usize::try_from(size).unwrap_or(0), 0);
            let got = lz4_flex::block::decompress_into(&stored[8..], into).map_err(io::Error::other)?;
            into.truncate(got.min(usize::try_from(limit).unwrap_or(usize::MAX)));
        }
        _ => return Err(io::Error::from(io::ErrorKind::InvalidData)),
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    fn packed(flag: u8, text: &[u8]) -> Vec<u8> {
        match flag {
            FLAG_ZSTD => zstd::encode_all(text, 3).unwrap(),
            FLAG_LZ4 => [&(text.len() as u64).to_le_bytes()[..], &lz4_flex::block::compress(text)].concat(),
            FLAG_XZ => {
                let mut xz = liblzma::write::XzEncoder::new(Vec::new(), 6);
                xz.write_all(text).unwrap();
                xz.finish().unwrap()
            }
            _ => text.to_vec(),
        }
    }

    #[test]
    fn every_compression_is_understood_and_bounded() {
        let text = [&b"MESSAGE="[..], &b"abc ".repeat(10_000)].concat();
        let mut out = Vec::new();
        for flag in [0, FLAG_XZ, FLAG_LZ4, FLAG_ZSTD] {
            let stored = packed(flag, &text);
            unpack(flag, &stored, FIELD_BYTES_MAX, &mut out).unwrap();
            assert!(out == text, "{flag}");
            unpack(flag, &stored, 10, &mut out).unwrap();
            assert_eq!(out, b"MESSAGE=ab", "{flag}");
            if flag != 0 {
                assert!(unpack(flag, &stored[1..], FIELD_BYTES_MAX, &mut out).is_err(), "{flag}");
            }
        }
        assert!(unpack(FLAG_LZ4, &[0xFF; 16], FIELD_BYTES_MAX, &mut out).is_err());
        assert!(unpack(FLAG_XZ | FLAG_ZSTD, b"x", FIELD_BYTES_MAX, &mut out).is_err());
    }
}
