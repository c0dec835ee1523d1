//! Paths at which nothing is at the start: files may have stood there since the watch began, under a daemon before this one.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::hints::WatchSink;
use crate::engine::Engine;
use crate::file::rotation::names;
use crate::watch::discovery::Discovery;

/// Adds those that are named outright, and those from which rotation made names that are there.
pub(super) fn expect(discovery: &Discovery, engine: &Engine, sink: &WatchSink) {
    let handle = engine.handle();
    let kept: Vec<&str> = discovery.watches().filter(|watch| handle.was_kept(watch)).collect();
    if kept.is_empty() {
        return;
    }
    let named = discovery.missing().map(PathBuf::from);
    let rotated = discovery.base_directories().into_iter().flat_map(|dir| rotated_away(&dir));
    let paths: BTreeSet<PathBuf> = named.chain(rotated).collect();
    for path in paths.into_iter().filter(|path| !sink.is_own(path)) {
        let path: Arc<Path> = Arc::from(path);
        for watch in kept.iter().filter(|watch| discovery.means(watch, &path)) {
            handle.expect(watch, &path);
        }
    }
}

/// The names from which those in `dir` were made, and that are not there themselves.
fn rotated_away(dir: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(dir).into_iter().flatten().flatten();
    let bases = entries.flat_map(|entry| {
        let name = entry.file_name();
        let name = names::text(&name);
        let bases = names::bases(&name).into_iter().filter(|base| names::keeps_name(&name, base));
        bases.map(|base| dir.join(names::name(&base))).collect::<Vec<PathBuf>>()
    });
    bases.filter(|path| path.symlink_metadata().is_err()).collect()
}
