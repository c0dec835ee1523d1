//! Reads parts of journal files through a bounded number of blocks, which all files share.

use std::fs::File;
use std::io;

use crate::file::source::read_at;

/// The size of a block, in bytes.
const BLOCK_BYTES: u64 = 64 << 10;
/// How many blocks are kept.
const BLOCKS: usize = 32;

/// Which file a block is of: files are numbered by who opens them.
pub(super) type FileNumber = u32;

struct Block {
    key: Option<(FileNumber, u64)>,
    bytes: Vec<u8>,
}

/// The blocks that were read last.
pub(super) struct Blocks {
    blocks: Vec<Block>,
    /// A part that lies in several blocks.
    across: Vec<u8>,
}

impl Blocks {
    pub(super) fn new() -> Blocks {
        let blocks = (0..BLOCKS).map(|_| Block { key: None, bytes: Vec::new() }).collect();
        Blocks { blocks, across: Vec::new() }
    }

    /// Forgets the blocks of a file that has changed.
    pub(super) fn forget(&mut self, number: FileNumber) {
        for block in &mut self.blocks {
            if block.key.is_some_and(|(known, _)| known == number) {
                block.key = None;
            }
        }
    }

    /// The `len` bytes at `at`.
    ///
    /// # Errors
    /// `UnexpectedEof` if the file ends before, or what the system says.
    pub(super) fn get(&mut self, file: &File, number: FileNumber, at: u64, len: usize) -> io::Result<&[u8]> {
        let (block, start) = (at / BLOCK_BYTES, (at % BLOCK_BYTES) as usize);
        if start + len > BLOCK_BYTES as usize {
            if self.across.capacity() > (1 << 20) && len <= (1 << 20) {
                self.across = Vec::new();
            }
            self.across.clear();
            read_exactly(file, &mut self.across, at, len)?;
            return Ok(&self.across);
        }
        let slot = (block.wrapping_add(u64::from(number) * 7) % BLOCKS as u64) as usize;
        let slot = &mut self.blocks[slot];
        if slot.key != Some((number, block)) {
            slot.key = None;
            slot.bytes.resize(BLOCK_BYTES as usize, 0);
            let got = read_at(file, &mut slot.bytes, block * BLOCK_BYTES)?;
            slot.bytes.truncate(got);
            slot.key = Some((number, block));
        }
        slot.bytes.get(start..start + len).ok_or_else(|| io::ErrorKind::UnexpectedEof.into())
    }
}

/// Reads piece by piece, so that a length that is not true takes no memory.
fn read_exactly(file: &File, into: &mut Vec<u8>, mut at: u64, len: usize) -> io::Result<()> {
    while into.len() < len {
        let from = into.len();
        let piece = (len - from).min(1 << 20);
        into.resize(from + piece, 0);
        let got = read_at(file, &mut into[from..], at)?;
        if got < piece {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        at += piece as u64;
    }
    Ok(())
}
