//! Reads the entries of journal files, one after the other.

use std::io;
use std::path::Path;

use crate::source::journal::blocks::{Blocks, FileNumber};
use crate::source::journal::data::{FIELD_BYTES_MAX, unpack};
use crate::source::journal::entry::{FIELD_START_BYTES, Field, JournalEntry};
use crate::source::journal::file::{FilePosition, JournalFile};
use crate::source::journal::format::{
    ARRAY_ITEMS_AT, ENTRY_ITEMS_AT, FLAG_LZ4, FLAG_XZ, FLAG_ZSTD, Id128, JournalError, OBJECT_BYTES,
    TYPE_DATA, TYPE_ENTRY, TYPE_ENTRY_ARRAY, item, u64_at,
};

/// The longest message that is read, in bytes; rules see its beginning.
const MESSAGE_BYTES_MAX: u64 = 1 << 20;
/// The most fields of an entry. The journal itself takes 1,024.
const FIELDS_MAX: usize = 65_536;
/// How many meanings of fields are remembered.
const MEANINGS: usize = 1 << 14;
/// How many items of an array are read at once.
const ITEMS_AT_ONCE: u64 = 512;

/// What [`EntryReader::next`] found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Next {
    /// An entry.
    Entry,
    /// An entry that cannot be read. The position is behind it.
    Damaged,
    /// So many published entries that cannot be found. The position is behind them.
    Lost(u64),
    /// No more entries are published.
    End,
}

/// What a recurring field means, by where it is stored.
struct Meaning {
    key: (FileNumber, u64),
    field: Field,
}

/// Reads files with memory that they share.
pub struct EntryReader {
    blocks: Blocks,
    meanings: Vec<Option<Meaning>>,
    files: FileNumber,
    /// The items of the array at the position: of which file, from which offset.
    items: Vec<u64>,
    items_of: (FileNumber, u64),
    /// The items of an entry.
    fields: Vec<u64>,
    stored: Vec<u8>,
    unpacked: Vec<u8>,
}

impl Default for EntryReader {
    fn default() -> EntryReader {
        EntryReader {
            blocks: Blocks::new(),
            meanings: (0..MEANINGS).map(|_| None).collect(),
            files: 0,
            items: Vec::new(),
            items_of: (0, 0),
            fields: Vec::new(),
            stored: Vec::new(),
            unpacked: Vec::new(),
        }
    }
}

fn damaged() -> io::Error {
    io::Error::from(io::ErrorKind::InvalidData)
}

/// What the header of an object says.
struct Object {
    kind: u8,
    flags: u8,
    size: u64,
}

impl EntryReader {
    /// Opens the file at `path`.
    ///
    /// # Errors
    /// See [`JournalError`].
    pub fn open(&mut self, path: &Path) -> Result<JournalFile, JournalError> {
        self.files = self.files.wrapping_add(1);
        JournalFile::open(path, self.files)
    }

    /// Forgets what is kept of a file that has grown.
    pub fn forget(&mut self, file: &JournalFile) {
        self.blocks.forget(file.number);
        self.items.clear();
    }

    /// Reads the entry after `position` into `entry`, and moves the position behind it.
    pub fn next(
        &mut self,
        file: &JournalFile,
        position: &mut FilePosition,
        entry: &mut JournalEntry,
    ) -> Next {
        match self.find_next(file, position) {
            Ok(None) => Next::End,
            Ok(Some(offset)) => {
                position.index += 1;
                position.entries += 1;
                match self.read(file, offset, entry) {
                    Ok(()) => {
                        (position.seqnum, position.xor_hash) = (entry.seqnum, entry.xor_hash);
                        Next::Entry
                    }
                    Err(_) => Next::Damaged,
                }
            }
            Err(_) => {
                let lost = file.header().entries.saturating_sub(position.entries);
                position.entries = file.header().entries;
                Next::Lost(lost)
            }
        }
    }

    /// Moves `position` behind all published entries, without reading them.
    pub fn skip_to_end(&mut self, file: &JournalFile, position: &mut FilePosition) {
        while position.entries < file.header().entries {
            let left = file.header().entries - position.entries;
            match self.find_next(file, position) {
                Ok(Some(_)) => {
                    let room = self.room(file, position).unwrap_or(1);
                    let skipped = room.clamp(1, left);
                    position.index += skipped;
                    position.entries += skipped;
                }
                Ok(None) | Err(_) => {
                    position.entries = file.header().entries;
                    return;
                }
            }
        }
        self.remember_last(file, position);
    }

    /// Notes which entry is before `position`.
    fn remember_last(&mut self, file: &JournalFile, position: &mut FilePosition) {
        let mut entry = JournalEntry::default();
        if self.last(file, position, &mut entry).is_ok() {
            (position.seqnum, position.xor_hash) = (entry.seqnum, entry.xor_hash);
        }
    }

    /// Reads the entry before `position`, without its fields.
    ///
    /// # Errors
    /// There is none, or it is damaged.
    pub fn last(
        &mut self,
        file: &JournalFile,
        position: &FilePosition,
        entry: &mut JournalEntry,
    ) -> io::Result<()> {
        let index = position.index.checked_sub(1).ok_or_else(damaged)?;
        let entries = position.entries.checked_sub(1).ok_or_else(damaged)?;
        let offset = self.find_next(file, &mut FilePosition { index, entries, ..*position })?;
        self.head(file, offset.ok_or_else(damaged)?, entry)
    }

    /// Whether the entry before `position` is the one that was read there.
    pub fn is_valid(&mut self, file: &JournalFile, position: &FilePosition) -> bool {
        if position.entries == 0 || position.index == 0 {
            return true;
        }
        if position.entries > file.header().entries {
            return false;
        }
        let mut seen = *position;
        self.remember_last(file, &mut seen);
        (seen.seqnum, seen.xor_hash) == (position.seqnum, position.xor_hash)
    }

    /// Calls `see` with every field of the entry before `position`, in the order in which they are stored.
    ///
    /// # Errors
    /// The entry is damaged.
    pub fn fields(
        &mut self,
        file: &JournalFile,
        position: &FilePosition,
        see: &mut dyn FnMut(&[u8]),
    ) -> io::Result<()> {
        self.last(file, position, &mut JournalEntry::default())?;
        for offset in std::mem::take(&mut self.fields) {
            self.payload(file, offset, FIELD_BYTES_MAX)?;
            see(&self.unpacked);
        }
        Ok(())
    }

    /// Where the next published entry is stored. Moves `position` to the array that lists it.
    fn find_next(&mut self, file: &JournalFile, position: &mut FilePosition) -> io::Result<Option<u64>> {
        if position.entries >= file.header().entries {
            return Ok(None);
        }
        if position.array == 0 {
            (position.array, position.index) = (file.header().first_array, 0);
        }
        loop {
            let capacity = self.capacity(file, position.array)?;
            if position.index < capacity {
                return self.item(file, position, capacity).map(Some);
            }
            let next = u64_at(
                self.blocks.get(&file.file, file.number, position.array, ARRAY_ITEMS_AT)?,
                OBJECT_BYTES,
            );
            // Arrays go forward only, so they form no circle.
            if next <= position.array {
                return Err(damaged());
            }
            (position.array, position.index) = (next, 0);
        }
    }

    /// How many items the array at the position has from there on.
    fn room(&mut self, file: &JournalFile, position: &FilePosition) -> io::Result<u64> {
        Ok(self.capacity(file, position.array)?.saturating_sub(position.index))
    }

    fn capacity(&mut self, file: &JournalFile, array: u64) -> io::Result<u64> {
        let object = self.object(file, array)?;
        if object.kind != TYPE_ENTRY_ARRAY || object.size < ARRAY_ITEMS_AT as u64 {
            return Err(damaged());
        }
        Ok((object.size - ARRAY_ITEMS_AT as u64) / file.header().array_item_bytes() as u64)
    }

    fn item(&mut self, file: &JournalFile, position: &FilePosition, capacity: u64) -> io::Result<u64> {
        let item_bytes = file.header().array_item_bytes();
        let at = position.array + ARRAY_ITEMS_AT as u64 + position.index * item_bytes as u64;
        let from = self.items_of.1;
        if self.items_of.0 == file.number && at >= from {
            let known = (at - from) as usize / item_bytes;
            if let Some(offset) =
                self.items.get(known).filter(|_| (at - from).is_multiple_of(item_bytes as u64))
            {
                return Ok(*offset);
            }
        }
        let published = file.header().entries - position.entries;
        let count = (capacity - position.index).min(published).min(ITEMS_AT_ONCE) as usize;
        let bytes = self.blocks.get(&file.file, file.number, at, count * item_bytes)?;
        self.items.clear();
        self.items.extend(bytes.chunks_exact(item_bytes).map(|bytes| item(bytes, item_bytes)));
        self.items_of = (file.number, at);
        self.items.first().copied().ok_or_else(damaged)
    }

    fn object(&mut self, file: &JournalFile, offset: u64) -> io::Result<Object> {
        // Objects are aligned, and none stands in the header.
        if offset < 208 || !offset.is_multiple_of(8) {
            return Err(damaged());
        }
        let bytes = self.blocks.get(&file.file, file.number, offset, OBJECT_BYTES)?;
        let object = Object { kind: bytes[0], flags: bytes[1], size: u64_at(bytes, 8) };
        if object.size < OBJECT_BYTES as u64 || object.size > u64::MAX / 4 {
            return Err(damaged());
        }
        Ok(object)
    }

    /// Reads what an entry is without its fields, of which it notes where they are stored.
    fn head(&mut self, file: &JournalFile, offset: u64, entry: &mut JournalEntry) -> io::Result<()> {
        let object = self.object(file, offset)?;
        let item_bytes = file.header().entry_item_bytes();
        let items = usize::try_from(object.size.saturating_sub(ENTRY_ITEMS_AT as u64))
            .map_err(|_| damaged())?
            / item_bytes;
        if object.kind != TYPE_ENTRY || items == 0 || items > FIELDS_MAX {
            return Err(damaged());
        }
        let bytes = self.blocks.get(&file.file, file.number, offset, ENTRY_ITEMS_AT + items * item_bytes)?;
        entry.seqnum = u64_at(bytes, 16);
        entry.realtime_us = u64_at(bytes, 24);
        entry.monotonic_us = u64_at(bytes, 32);
        entry.boot_id = Id128(bytes[40..56].try_into().unwrap_or_default());
        entry.xor_hash = u64_at(bytes, 56);
        self.fields.clear();
        self.fields
            .extend(bytes[ENTRY_ITEMS_AT..].chunks_exact(item_bytes).map(|bytes| item(bytes, item_bytes)));
        Ok(())
    }

    fn read(&mut self, file: &JournalFile, offset: u64, entry: &mut JournalEntry) -> io::Result<()> {
        entry.begin();
        self.head(file, offset, entry)?;
        let fields = std::mem::take(&mut self.fields);
        for offset in &fields {
            match self.meaning(file, *offset) {
                Ok(Field::Message) if entry.take_message() => {
                    match self.payload(file, *offset, MESSAGE_BYTES_MAX + 8) {
                        Ok(()) => entry.message.extend_from_slice(self.unpacked.get(8..).unwrap_or_default()),
                        Err(_) => entry.damaged += 1,
                    }
                }
                Ok(field) => entry.put(&field),
                Err(_) => entry.damaged += 1,
            }
        }
        self.fields = fields;
        Ok(())
    }

    /// What the field at `offset` means.
    fn meaning(&mut self, file: &JournalFile, offset: u64) -> io::Result<Field> {
        let key = (file.number, offset);
        let slot = ((offset >> 3).wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 50) as usize % MEANINGS;
        if let Some(known) = self.meanings[slot].as_ref().filter(|known| known.key == key) {
            return Ok(known.field.clone());
        }
        self.payload(file, offset, FIELD_START_BYTES as u64)?;
        let field = Field::of(&self.unpacked);
        // A message rarely comes twice, and would push out what does.
        if field != Field::Message {
            self.meanings[slot] = Some(Meaning { key, field: field.clone() });
        }
        Ok(field)
    }

    /// The first `limit` bytes of the field at `offset`, into `unpacked`.
    fn payload(&mut self, file: &JournalFile, offset: u64, limit: u64) -> io::Result<()> {
        let object = self.object(file, offset)?;
        let skipped = file.header().payload_at() as u64;
        let stored = object.size.checked_sub(skipped).ok_or_else(damaged)?;
        if object.kind != TYPE_DATA || stored == 0 {
            return Err(damaged());
        }
        let is_packed = object.flags & (FLAG_XZ | FLAG_LZ4 | FLAG_ZSTD) != 0;
        let wanted = if is_packed { stored } else { stored.min(limit) };
        if wanted > FIELD_BYTES_MAX {
            return Err(damaged());
        }
        let bytes = self.blocks.get(&file.file, file.number, offset + skipped, wanted as usize)?;
        if !is_packed {
            self.unpacked.clear();
            self.unpacked.extend_from_slice(bytes);
            return Ok(());
        }
        self.stored.clear();
        self.stored.extend_from_slice(bytes);
        unpack(object.flags, &self.stored, limit, &mut self.unpacked)
    }
}
