//! Symbolic links on the way to a file or directory.

use std::collections::HashSet;
use std::path::{Path, PathBuf};

/// At most this many links are followed, as the kernel does.
const HOPS_MAX: usize = 40;

/// Every name through which `path` leads to its target: for each link on the way, the link itself (with the directory
/// that holds it resolved), and last the target, whether it exists or not. Something happening to any of these names
/// may change what `path` means.
#[must_use]
pub fn hops(path: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut seen = HashSet::new();
    let mut at = path.to_owned();
    for _ in 0..HOPS_MAX {
        let Some(resolved) = resolve_parent(&at) else { break };
        if !seen.insert(resolved.clone()) {
            break;
        }
        found.push(resolved.clone());
        let Ok(target) = std::fs::read_link(&resolved) else { break };
        at = resolved.parent().map_or(target.clone(), |dir| dir.join(&target));
    }
    found
}

/// The links among the directories that lead to `dir`, itself included, each with its own directory resolved.
#[must_use]
pub fn links_above(dir: &Path) -> Vec<PathBuf> {
    let is_link = |path: &&Path| std::fs::symlink_metadata(path).is_ok_and(|meta| meta.is_symlink());
    let mut found: Vec<PathBuf> = dir.ancestors().filter(is_link).flat_map(hops).collect();
    if let Ok(target) = std::fs::canonicalize(dir) {
        // The directory that all links lead to is watched in its own right.
        found.retain(|hop| *hop != target);
    }
    found
}

/// `path` with the directory that holds it resolved, but not the last name itself.
fn resolve_parent(path: &Path) -> Option<PathBuf> {
    let dir = std::fs::canonicalize(path.parent()?).ok()?;
    Some(dir.join(path.file_name()?))
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;

    #[test]
    fn every_name_on_the_way_is_found() {
        let dir = tempfile::tempdir().unwrap();
        let root = dir.path().canonicalize().unwrap();
        std::fs::create_dir(root.join("pods")).unwrap();
        symlink("pods", root.join("link")).unwrap();
        symlink("link/0.log", root.join("b")).unwrap();
        symlink(root.join("b"), root.join("a")).unwrap();
        assert_eq!(hops(&root.join("a")), [root.join("a"), root.join("b"), root.join("pods/0.log")]);
        assert_eq!(links_above(&root.join("link")), [root.join("link")]);
        symlink("loop", root.join("loop")).unwrap();
        assert_eq!(hops(&root.join("loop")), [root.join("loop")]);
    }
}
