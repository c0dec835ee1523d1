//! Returns memory that is free back to the system.
#![allow(unsafe_code)]

/// Returns back what the allocator keeps of freed memory. Worth its milliseconds after much was freed that will not be
/// needed again soon; without glibc it does nothing.
pub fn give_back_free() {
    #[cfg(target_env = "gnu")]
    // SAFETY: malloc_trim takes no pointer and holds the allocator's own locks; it touches only memory that is free.
    unsafe {
        libc::malloc_trim(0);
    }
}
