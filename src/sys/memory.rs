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

/// How many heaps the threads share. The allocator's own choice, eight for each processor, keeps what each thread freed.
#[cfg(target_env = "gnu")]
const ARENAS_MAX: libc::c_int = 2;

/// Has the threads that start from now on share few heaps, so that memory that one frees serves the others.
pub fn share_heaps() {
    #[cfg(target_env = "gnu")]
    // SAFETY: mallopt takes no pointer and holds the allocator's own locks.
    unsafe {
        libc::mallopt(libc::M_ARENA_MAX, ARENAS_MAX);
    }
}
