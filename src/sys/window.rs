//! The only place that maps files.
//!
//! A [`MappedWindow`] **reserves ahead**: it may reach beyond the end of the file. Pages beyond the end become
//! readable as the file grows, without a system call; until then no one touches them, because callers ask only for
//! bytes below a size that they have just seen.
#![allow(unsafe_code)]

use std::fs::File;
use std::io;
use std::ops::Range;

use memmap2::{MmapOptions, MmapRaw};

use crate::sys::sigbus::SlotIndex;

/// Whether the bytes that were shown were the file's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[must_use]
pub enum WindowState {
    /// They were, as far as the kernel reported.
    Whole,
    /// The file was truncated meanwhile, and zeros stood in for what was gone.
    Torn,
}

/// A read-only window onto a file.
#[derive(Debug)]
pub struct MappedWindow {
    // Dropped before the mapping, so that the handler never repairs addresses that are someone else's.
    slot: SlotIndex,
    map: MmapRaw,
    start: u64,
}

impl MappedWindow {
    /// Maps at least `bytes` bytes of `file` from `start` on, rounded outwards to pages.
    ///
    /// # Errors
    /// What `mmap` says (`ENODEV` where the filesystem cannot map), or `ErrorKind::QuotaExceeded` if
    /// [`SLOTS`](crate::sys::sigbus::SLOTS) windows are mapped already.
    pub fn map(file: &File, start: u64, bytes: usize) -> io::Result<MappedWindow> {
        let page = rustix::param::page_size();
        let lead = (start % page as u64) as usize;
        let start = start - lead as u64;
        let len = (bytes.max(1) + lead).next_multiple_of(page);
        let map = MmapOptions::new().offset(start).len(len).map_raw_read_only(file)?;
        let address = map.as_ptr() as usize;
        let slot = SlotIndex::register(address, address + len)?;
        Ok(MappedWindow { slot, map, start })
    }

    /// The bytes of the file that the window spans.
    #[must_use]
    pub fn range(&self) -> Range<u64> {
        self.start..self.start + self.map.len() as u64
    }

    /// Whether the window spans all of `range`.
    #[must_use]
    pub fn covers(&self, range: &Range<u64>) -> bool {
        self.start <= range.start && range.end <= self.range().end
    }

    /// Shows the bytes of `range` to `look`. The caller has seen, just now, that the file reaches to `range.end`.
    ///
    /// A torn window stays torn: drop it.
    ///
    /// **Residual risk.** Another process may write to these bytes while `look` reads them, which Rust's `&[u8]` says
    /// cannot happen. The slice is confined to `look`, whose callers only search it, copy from it and hash it, and
    /// throw everything away unless the file is found unchanged afterwards. `PreadSource` avoids the risk.
    ///
    /// # Panics
    /// If the window does not cover `range`.
    pub fn with_bytes(&self, range: Range<u64>, look: &mut dyn FnMut(&[u8])) -> WindowState {
        assert!(self.covers(&range), "a window shows only what it spans");
        let from = (range.start - self.start) as usize;
        let len = (range.end - range.start) as usize;
        // SAFETY: from..from + len lies within the mapping, which lives as long as `self` and is never written through.
        // A page that the file no longer backs is replaced by zeros by the SIGBUS handler, which `SlotIndex::register`
        // has installed. Concurrent writers: see the residual risk above.
        let bytes = unsafe { std::slice::from_raw_parts(self.map.as_ptr().add(from), len) };
        look(bytes);
        // The compiler must not move reads of the mapping beyond the look at the flag that judges them.
        std::sync::atomic::compiler_fence(std::sync::atomic::Ordering::SeqCst);
        if self.slot.is_torn() { WindowState::Torn } else { WindowState::Whole }
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    fn sum(window: &MappedWindow, range: Range<u64>) -> (u64, WindowState) {
        let mut sum = 0;
        let sight = window.with_bytes(range, &mut |bytes| sum = bytes.iter().map(|b| u64::from(*b)).sum());
        (sum, sight)
    }

    #[test]
    fn bytes_appended_into_the_reserve_become_visible_without_a_remap() {
        let mut file = tempfile::tempfile().unwrap();
        file.write_all(b"\x01\x02").unwrap();
        let window = MappedWindow::map(&file, 0, 1 << 20).unwrap();
        assert_eq!(sum(&window, 0..2), (3, WindowState::Whole));
        file.write_all(&[1; 100_000]).unwrap();
        assert_eq!(sum(&window, 0..100_002), (100_003, WindowState::Whole));
    }

    #[test]
    fn many_truncations_in_one_process_tear_and_never_kill() {
        let page = rustix::param::page_size() as u64;
        let before = crate::sys::sigbus::repaired();
        for _ in 0..50 {
            let file = tempfile::tempfile().unwrap();
            file.set_len(page * 4).unwrap();
            let window = MappedWindow::map(&file, 0, (page * 4) as usize).unwrap();
            assert_eq!(sum(&window, 0..page * 4), (0, WindowState::Whole));
            file.set_len(page).unwrap();
            assert_eq!(sum(&window, 0..page * 4), (0, WindowState::Torn));
        }
        assert!(crate::sys::sigbus::repaired() >= before + 50);
    }

    #[test]
    fn a_window_in_the_middle_shows_the_right_bytes() {
        let mut file = tempfile::tempfile().unwrap();
        let data: Vec<u8> = (0..40_000u32).map(|i| i as u8).collect();
        file.write_all(&data).unwrap();
        let window = MappedWindow::map(&file, 10_001, 9_000).unwrap();
        let mut seen = Vec::new();
        let _ = window.with_bytes(10_001..19_001, &mut |bytes| seen = bytes.to_vec());
        assert_eq!(seen, data[10_001..19_001]);
    }
}
