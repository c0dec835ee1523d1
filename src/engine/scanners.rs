//! The scanners of one thread.

use std::collections::HashMap;
use std::sync::Arc;

use crate::engine::plan::CompiledWatch;
use crate::scan::scanner::Scanner;
use crate::units::WatchId;

/// A scanner per watch, as long as its definition stays.
#[derive(Default)]
pub struct Scanners(HashMap<WatchId, (Arc<CompiledWatch>, Scanner)>);

impl Scanners {
    pub(super) fn of(&mut self, watch: &Arc<CompiledWatch>) -> &mut Scanner {
        let new = || Scanner::new(Arc::clone(&watch.rules), watch.file.line_bytes_max);
        let (known, scanner) = self.0.entry(watch.id).or_insert_with(|| (Arc::clone(watch), new()));
        if !Arc::ptr_eq(known, watch) {
            (*known, *scanner) = (Arc::clone(watch), new());
        }
        scanner
    }
}
