//! Where the bytes of a file come from: a mapped window, or `pread` into a buffer.
//!
//! Both show the same bytes through the same trait, so every scan can run over either.

use std::fs::File;
use std::io;
use std::ops::Range;
use std::os::unix::fs::FileExt;
use std::sync::Arc;

use crate::file::vfs::{FileHandle, Source, WindowState};
use crate::sys::window::MappedWindow;

/// Reads through a [`MappedWindow`] that is moved when it is outgrown.
pub struct MappedSource {
    file: Arc<File>,
    window_bytes: usize,
    window: Option<Box<MappedWindow>>,
    /// Used from the first time that the filesystem refuses to map.
    fallback: Option<Box<PreadSource>>,
}

impl MappedSource {
    /// A source that maps `window_bytes` bytes at a time.
    #[must_use]
    pub fn new(file: Arc<File>, window_bytes: usize) -> MappedSource {
        MappedSource { file, window_bytes, window: None, fallback: None }
    }

    fn window(&mut self, range: &Range<u64>) -> io::Result<&MappedWindow> {
        match self.window.take().filter(|window| window.covers(range)) {
            Some(window) => Ok(self.window.insert(window)),
            None => {
                let bytes = self.window_bytes.max((range.end - range.start) as usize);
                Ok(self.window.insert(Box::new(MappedWindow::map(&self.file, range.start, bytes)?)))
            }
        }
    }
}

impl Source for MappedSource {
    fn show(&mut self, range: Range<u64>, look: &mut dyn FnMut(&[u8])) -> io::Result<WindowState> {
        if let Some(pread) = &mut self.fallback {
            return pread.show(range, look);
        }
        let sight = match self.window(&range) {
            Ok(window) => window.with_bytes(range, look),
            Err(error) if error.kind() == io::ErrorKind::QuotaExceeded => {
                // All windows are taken at the moment: read this once without one.
                return PreadSource::new(Arc::<File>::clone(&self.file)).show(range, look);
            }
            Err(error)
                if matches!(error.raw_os_error(), Some(libc::ENODEV | libc::EINVAL | libc::ENOMEM)) =>
            {
                return self
                    .fallback
                    .insert(Box::new(PreadSource::new(Arc::<File>::clone(&self.file))))
                    .show(range, look);
            }
            Err(error) => return Err(error),
        };
        if sight == WindowState::Torn {
            self.window = None;
        }
        Ok(sight)
    }

    fn release(&mut self) {
        self.window = None;
        self.fallback = None;
    }

    fn holds_window(&self) -> bool {
        self.window.is_some()
    }
}

/// Reads with `pread` into a buffer of its own: for filesystems that cannot map, and as the oracle in tests.
pub struct PreadSource {
    file: Arc<dyn FileHandle>,
    buffer: Vec<u8>,
}

impl PreadSource {
    /// A source that reads `file`.
    #[must_use]
    pub fn new(file: Arc<dyn FileHandle>) -> PreadSource {
        PreadSource { file, buffer: Vec::new() }
    }
}

impl Source for PreadSource {
    fn show(&mut self, range: Range<u64>, look: &mut dyn FnMut(&[u8])) -> io::Result<WindowState> {
        let wanted = (range.end - range.start) as usize;
        if self.buffer.len() < wanted {
            self.buffer.resize(wanted, 0);
        }
        let got = self.file.read_at(&mut self.buffer[..wanted], range.start)?;
        look(&self.buffer[..got]);
        Ok(WindowState::Whole)
    }

    fn release(&mut self) {
        self.buffer = Vec::new();
    }

    fn holds_window(&self) -> bool {
        false
    }
}

/// Fills `buffer` from `offset` on, as far as the file goes. Returns how many bytes there were.
///
/// # Errors
/// What `pread` says.
pub fn read_at(file: &File, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
    let mut got = 0;
    while got < buffer.len() {
        match FileExt::read_at(file, &mut buffer[got..], offset + got as u64) {
            Ok(0) => break,
            Ok(n) => got += n,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(got)
}
