//! The scanners of one thread.

use std::collections::HashMap;
use std::sync::{Arc, Weak};

use crate::engine::plan::CompiledWatch;
use crate::scan::scanner::Scanner;
use crate::units::WatchId;

/// A scanner per watch, as long as its definition is in use.
#[derive(Default)]
pub struct Scanners(HashMap<WatchId, (Weak<CompiledWatch>, Scanner)>);

impl Scanners {
    pub(super) fn of(&mut self, watch: &Arc<CompiledWatch>) -> &mut Scanner {
        let new = || {
            let scanner = Scanner::new(Arc::clone(&watch.rules), watch.file.line_bytes_max);
            (Arc::downgrade(watch), scanner)
        };
        let is_known = self.0.get(&watch.id).is_some_and(|(known, _)| known.as_ptr() == Arc::as_ptr(watch));
        if !is_known {
            // What a reload has replaced is dropped with it.
            self.0.retain(|_, (known, _)| known.strong_count() > 0);
            self.0.insert(watch.id, new());
        }
        &mut self.0.entry(watch.id).or_insert_with(new).1
    }
}
