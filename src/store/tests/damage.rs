//! What happens to a state that is in use, damaged, newer or gone.

use std::fs;
use std::path::Path;

use rusqlite::Connection;

use super::records::*;
use crate::store::sqlite::SqliteStore;
use crate::store::*;

#[test]
fn only_one_may_own_it() {
    let dir = tempfile::tempdir().unwrap();
    let first = open(dir.path());
    let second = SqliteStore::open(dir.path(), small()).err().unwrap();
    let owner = std::process::id().to_string();
    assert_eq!(second, StoreError::InUse { folder: dir.path().into(), owner });
    drop(first);
    open(dir.path());
}

/// The databases whose names begin so, without what SQLite keeps beside them.
fn beginning_with(folder: &Path, beginning: &str) -> Vec<String> {
    let names = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap());
    names.filter(|name| name.starts_with(beginning) && !name.contains("Z-")).collect()
}

#[test]
fn a_database_that_is_none_is_set_aside() {
    let dir = tempfile::tempdir().unwrap();
    let garbage = b"this is not a database ".repeat(500);
    fs::write(dir.path().join("state.db"), &garbage).unwrap();
    let mut store = open(dir.path());
    assert_eq!(store.load().unwrap(), StoredState::default());
    let [aside] = &beginning_with(dir.path(), "state.db.corrupt-")[..] else { panic!("not set aside") };
    assert_eq!(fs::read(dir.path().join(aside)).unwrap(), garbage);
    let notices = store.notices();
    assert!(notices.len() == 1 && notices[0].contains(aside), "{notices:?}");
    assert!(store.notices().is_empty());
    store.commit(&full()).unwrap();
}

/// Damages pages behind the first, which no header betrays.
fn damage(folder: &Path) {
    let path = folder.join("state.db");
    let mut bytes = fs::read(&path).unwrap();
    for byte in &mut bytes[4096..] {
        *byte = 0x5a;
    }
    fs::write(&path, bytes).unwrap();
}

#[test]
fn malformed_pages_are_found_at_the_start() {
    let dir = tempfile::tempdir().unwrap();
    open(dir.path()).commit(&full()).unwrap();
    damage(dir.path());
    let mut store = open(dir.path());
    assert_eq!(store.load().unwrap(), StoredState::default());
    assert_eq!(store.notices().len(), 1);
    assert_eq!(beginning_with(dir.path(), "state.db.corrupt-").len(), 1);
}

#[test]
fn damage_found_later_asks_for_everything_once() {
    let dir = tempfile::tempdir().unwrap();
    let mut store = open(dir.path());
    store.commit(&full()).unwrap();
    let drop = "DROP TABLE totals; PRAGMA wal_checkpoint(TRUNCATE)";
    Connection::open(dir.path().join("state.db")).unwrap().execute_batch(drop).unwrap();
    let batch = Batch { files: vec![file(b"/a", 8)], ..Batch::default() };
    assert!(matches!(store.commit(&batch), Err(StoreError::BegunAnew { .. })));
    assert_eq!(store.notices().len(), 1);
    assert_eq!(beginning_with(dir.path(), "state.db.corrupt-").len(), 1);
    store.commit(&batch).unwrap();
    assert_eq!(store.load().unwrap().files, batch.files);
}

#[test]
fn a_removed_database_asks_for_everything_once() {
    let dir = tempfile::tempdir().unwrap();
    let folder = dir.path().join("state");
    let mut store = open(&folder);
    store.load().unwrap();
    fs::remove_dir_all(&folder).unwrap();
    assert_eq!(store.prune(&HashSet::new(), 0), Ok(()));
    assert!(matches!(store.commit(&Batch::default()), Err(StoreError::BegunAnew { .. })));
    assert_eq!(store.notices().len(), 1);
    store.commit(&full()).unwrap();
    drop(store);
    assert_eq!(open(&folder).load().unwrap().files.len(), 3);
}

#[test]
fn a_newer_database_is_set_aside_whole() {
    let dir = tempfile::tempdir().unwrap();
    open(dir.path()).commit(&full()).unwrap();
    let connection = Connection::open(dir.path().join("state.db")).unwrap();
    connection.pragma_update(None, "user_version", 99).unwrap();
    drop(connection);
    let mut store = open(dir.path());
    assert_eq!(store.load().unwrap(), StoredState::default());
    let aside = beginning_with(dir.path(), "state.db.newer-99-");
    assert!(store.notices()[0].contains(&aside[0]));
    let old = Connection::open(dir.path().join(&aside[0])).unwrap();
    assert_eq!(old.query_row("SELECT count(*) FROM files", [], |row| row.get::<_, i64>(0)).unwrap(), 3);
}

#[test]
fn a_folder_that_cannot_be_made_is_tried_again() {
    let dir = tempfile::tempdir().unwrap();
    let obstacle = dir.path().join("file");
    fs::write(&obstacle, "").unwrap();
    let mut store = SqliteStore::open(&obstacle.join("state"), small()).unwrap();
    assert!(store.trouble().is_some());
    assert!(store.load().is_err());
    assert!(store.commit(&full()).is_err());
    fs::remove_file(&obstacle).unwrap();
    store.commit(&full()).unwrap();
    assert_eq!(store.trouble(), None);
    assert_eq!(store.load().unwrap().files.len(), 3);
}
