//! Compresses bytes in every form that the daemon reads.
#![allow(dead_code, clippy::unwrap_used, reason = "each test uses a part of it")]

use std::io::Write;

pub(crate) type Compress = fn(&[u8]) -> Vec<u8>;

/// By the usual end of the name of a file.
pub(crate) const COMPRESSORS: [(&str, Compress); 4] =
    [("gz", gzip), ("zst", zstd), ("bz2", bzip2), ("xz", xz)];

pub(crate) fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

pub(crate) fn zstd(bytes: &[u8]) -> Vec<u8> {
    zstd::encode_all(bytes, 1).unwrap()
}

pub(crate) fn bzip2(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = bzip2::write::BzEncoder::new(Vec::new(), bzip2::Compression::fast());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

pub(crate) fn xz(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = liblzma::write::XzEncoder::new(Vec::new(), 0);
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}
