//! Paths at which nothing is at the start, although rotation made names from theirs: what stood there since the watch began is
//! to be found.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::hints::WatchSink;
use crate::engine::Engine;
use crate::file::rotation::names;
use crate::watch::discovery::Discovery;

/// Adds those paths that `discovery` means.
pub(super) fn expect(discovery: &Discovery, engine: &Engine, sink: &WatchSink) {
    for dir in discovery.base_directories() {
        for path in absent(&dir) {
            let path: Arc<Path> = Arc::from(path);
            for watch in discovery.watches().filter(|watch| discovery.means(watch, &path)) {
                if !sink.is_own(&path) {
                    engine.handle().expect(watch, &path);
                }
            }
        }
    }
}

/// The names from which those in `dir` were made, and that are not there themselves.
fn absent(dir: &Path) -> BTreeSet<PathBuf> {
    let entries = std::fs::read_dir(dir).into_iter().flatten().flatten();
    let bases = entries.flat_map(|entry| {
        let name = entry.file_name();
        let name = names::text(&name);
        let bases = names::bases(&name).into_iter().filter(|base| name.starts_with(base.as_str()));
        bases.map(|base| dir.join(names::name(&base))).collect::<Vec<PathBuf>>()
    });
    bases.filter(|path| path.symlink_metadata().is_err()).collect()
}
