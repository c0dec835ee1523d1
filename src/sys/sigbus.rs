//! Repairs mapped windows whose file was truncated while they were read.
//!
//! Reading a page beyond the end of a mapped file raises SIGBUS. For an address in a registered window the handler
//! maps zero pages over the rest of the window and marks it torn, so that the reader runs on and throws its result
//! away. Any other SIGBUS stays as fatal as it would be without us.
#![allow(unsafe_code)]

use std::io;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Mutex, OnceLock, PoisonError};

/// How many windows can be mapped at once. Far below `vm.max_map_count` (65,530 by default), since a repaired
/// window costs two mappings.
pub const SLOTS: usize = 2048;

/// `start` of a slot that no window uses.
const FREE: usize = usize::MAX;

struct WindowSlot {
    start: AtomicUsize,
    end: AtomicUsize,
    torn: AtomicBool,
}

static TABLE: [WindowSlot; SLOTS] = [const {
    WindowSlot { start: AtomicUsize::new(FREE), end: AtomicUsize::new(0), torn: AtomicBool::new(false) }
}; SLOTS];

/// Indices of unused entries. The handler never touches it.
static FREE_LIST: Mutex<Vec<usize>> = Mutex::new(Vec::new());

static REPAIRED: AtomicU64 = AtomicU64::new(0);

static PAGE_BYTES: AtomicUsize = AtomicUsize::new(4096);

/// How many faults have been repaired since the process started.
#[must_use]
pub fn repaired() -> u64 {
    REPAIRED.load(Ordering::Relaxed)
}

/// One entry of the table, held while its window is mapped.
#[derive(Debug)]
pub(super) struct SlotIndex(usize);

impl SlotIndex {
    /// Registers the addresses `start..end` for repair.
    ///
    /// # Errors
    /// If the handler cannot be installed, or [`SLOTS`] windows are mapped already (`ErrorKind::QuotaExceeded`).
    pub(super) fn register(start: usize, end: usize) -> io::Result<SlotIndex> {
        install()?;
        let free = FREE_LIST.lock().unwrap_or_else(PoisonError::into_inner).pop();
        let index =
            free.ok_or_else(|| io::Error::new(io::ErrorKind::QuotaExceeded, "too many mapped windows"))?;
        let entry = &TABLE[index];
        entry.torn.store(false, Ordering::Relaxed);
        entry.end.store(end, Ordering::Relaxed);
        // Publishes `end`: a handler that sees this start sees an end that belongs to it.
        entry.start.store(start, Ordering::Release);
        Ok(SlotIndex(index))
    }

    /// Whether a fault in the window was repaired: some of its bytes are not the file's.
    pub(super) fn is_torn(&self) -> bool {
        TABLE[self.0].torn.load(Ordering::Relaxed)
    }
}

impl Drop for SlotIndex {
    fn drop(&mut self) {
        TABLE[self.0].start.store(FREE, Ordering::Release);
        FREE_LIST.lock().unwrap_or_else(PoisonError::into_inner).push(self.0);
    }
}

/// Installs the handler once for the process.
fn install() -> io::Result<()> {
    static INSTALLED: OnceLock<Result<(), i32>> = OnceLock::new();
    let outcome = INSTALLED.get_or_init(|| {
        PAGE_BYTES.store(rustix::param::page_size(), Ordering::Relaxed);
        FREE_LIST.lock().unwrap_or_else(PoisonError::into_inner).extend((0..SLOTS).rev());
        register_handler().map_err(|e| e.raw_os_error().unwrap_or(0))
    });
    outcome.map_err(io::Error::from_raw_os_error)
}

fn register_handler() -> io::Result<()> {
    // Rust's runtime has a SIGBUS handler of its own that puts the default action back at the first fault that is not
    // a stack guard. signal-hook chains to the handler it finds, and that one would disarm us after one repair.
    reset_to_default();
    // SAFETY: `on_sigbus` is async-signal-safe: it touches only atomics in static memory and makes the system calls
    // mmap, sigaction and raise; it neither allocates, locks nor panics.
    unsafe { signal_hook_registry::register_sigaction(libc::SIGBUS, on_sigbus) }.map(drop)
}

fn reset_to_default() {
    // SAFETY: SIG_DFL is a valid disposition for SIGBUS, and sigaction-family calls are async-signal-safe.
    unsafe { libc::signal(libc::SIGBUS, libc::SIG_DFL) };
}

fn on_sigbus(info: &libc::siginfo_t) {
    if info.si_code <= 0 {
        // Sent by a process, not raised by a fault: do what it would have done without a handler.
        reset_to_default();
        // SAFETY: raise is async-signal-safe.
        unsafe { libc::raise(libc::SIGBUS) };
        return;
    }
    // SAFETY: for a SIGBUS that the kernel raised, si_addr is the field that is set.
    let address = unsafe { info.si_addr() } as usize;
    if !repair(address) {
        // Returning executes the faulting instruction again, now with the default action.
        reset_to_default();
    }
}

/// Maps zeros from the page of `address` to the end of its window. False if no window holds the address.
fn repair(address: usize) -> bool {
    for entry in &TABLE {
        let start = entry.start.load(Ordering::Acquire);
        let end = entry.end.load(Ordering::Acquire);
        // The second look at `start` rules out an entry that another thread was just reusing.
        let holds = start <= address && address < end && entry.start.load(Ordering::Acquire) == start;
        if !holds {
            continue;
        }
        entry.torn.store(true, Ordering::Relaxed);
        REPAIRED.fetch_add(1, Ordering::Relaxed);
        let page = address & !(PAGE_BYTES.load(Ordering::Relaxed) - 1);
        // SAFETY: page..end lies in a live window: the faulting thread is reading it, so it cannot be unmapped
        // before we return. The mapping is read-only as before, and `MmapRaw`'s drop unmaps whatever is there.
        let mapped = unsafe {
            libc::mmap(
                page as *mut libc::c_void,
                end - page,
                libc::PROT_READ,
                libc::MAP_FIXED | libc::MAP_PRIVATE | libc::MAP_ANONYMOUS | libc::MAP_NORESERVE,
                -1,
                0,
            )
        };
        return mapped != libc::MAP_FAILED;
    }
    false
}
