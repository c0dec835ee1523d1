//! A store in memory that outlives the engine, and fails when it is reported to.

use std::path::PathBuf;
use std::sync::{Arc, Mutex};

use spiketail::store::{Batch, CheckpointStore, PatternsRecord, StoreError, StoredState};

/// When a commit fails.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Failure {
    Never,
    /// Nothing is kept.
    Before,
    /// All is kept, but no one knows.
    After,
}

pub struct Store {
    pub state: Arc<Mutex<StoredState>>,
    pub failure: Arc<Mutex<Failure>>,
    /// Keeps counts but no places, to show that it would be found out.
    pub forgets_places: bool,
}

impl CheckpointStore for Store {
    fn load(&mut self) -> Result<StoredState, StoreError> {
        Ok(self.state.lock().unwrap().clone())
    }

    fn commit(&mut self, batch: &Batch) -> Result<(), StoreError> {
        let failure = *self.failure.lock().unwrap();
        if failure != Failure::Before {
            self.apply(batch);
        }
        if failure == Failure::Never {
            return Ok(());
        }
        Err(StoreError::Full { folder: PathBuf::from("/state"), reason: "told to".to_owned() })
    }
}

impl Store {
    fn apply(&self, batch: &Batch) {
        let mut state = self.state.lock().unwrap();
        state.files.retain(|old| {
            !batch.forgotten.contains(&old.id) && !batch.files.iter().any(|new| new.id == old.id)
        });
        state.files.extend(batch.files.iter().cloned());
        if self.forgets_places {
            state.files.iter_mut().for_each(|file| file.tail.former.clear());
        }
        let is_new = |identity| batch.marks.iter().any(|new| new.identity == identity);
        state.marks.retain(|old| !is_new(old.identity));
        state.marks.extend(batch.marks.iter().cloned());
        for watch in &batch.watches {
            state.watches.retain(|old| old.watch != watch.watch);
            state.watches.push(watch.clone());
        }
        for new in &batch.patterns {
            let is_it = |old: &&mut PatternsRecord| old.watch == new.watch && old.rule == new.rule;
            match state.patterns.iter_mut().find(is_it) {
                Some(old) => {
                    old.patterns = std::mem::take(&mut old.patterns).followed_by(new.patterns.clone());
                }
                None => state.patterns.push(new.clone()),
            }
        }
    }
}
