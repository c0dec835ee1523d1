//! Any configuration is read or refused, without a panic.
#![no_main]

use std::path::Path;

use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    if let Err(error) = spiketail::config::parse(text, Path::new("fuzz.toml")) {
        assert!(!error.to_string().is_empty());
    }
});
