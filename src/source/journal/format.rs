//! Headers and objects of a journal file, as they are stored.

use std::fmt;

/// The bytes of the header that every version has.
pub(super) const HEADER_BYTES: usize = 208;
/// The header of every object: type, flags, size.
pub(super) const OBJECT_BYTES: usize = 16;
/// Where the items of an entry begin.
pub(super) const ENTRY_ITEMS_AT: usize = 64;
/// Where the items of an array of entries begin.
pub(super) const ARRAY_ITEMS_AT: usize = 24;

pub(super) const TYPE_DATA: u8 = 1;
pub(super) const TYPE_ENTRY: u8 = 3;
pub(super) const TYPE_ENTRY_ARRAY: u8 = 6;

pub(super) const FLAG_XZ: u8 = 1;
pub(super) const FLAG_LZ4: u8 = 2;
pub(super) const FLAG_ZSTD: u8 = 4;

const INCOMPATIBLE_COMPACT: u32 = 16;
/// XZ, LZ4, keyed hashes, ZSTD, compact.
const INCOMPATIBLE_KNOWN: u32 = 1 | 2 | 4 | 8 | INCOMPATIBLE_COMPACT;

const STATE_ONLINE: u8 = 1;

/// An id of 128 bits.
#[derive(
    Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Default, serde::Serialize, serde::Deserialize,
)]
pub struct Id128(pub [u8; 16]);

impl Id128 {
    /// The id that is written like this.
    #[must_use]
    pub fn parse(text: &str) -> Option<Id128> {
        let is_hex = text.len() == 32 && text.bytes().all(|byte| byte.is_ascii_hexdigit());
        let number = is_hex.then(|| u128::from_str_radix(text, 16).ok()).flatten()?;
        Some(Id128(number.to_be_bytes()))
    }
}

impl fmt::Display for Id128 {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for Id128 {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// Why a journal file cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum JournalError {
    /// It is too short to have a header yet.
    #[error("its header is not written yet")]
    Unwritten,
    /// It was emptied when the journal made room.
    #[error("it was removed by the journal to make room")]
    Vacuumed,
    /// It is something else.
    #[error("it is no journal file; name the folder of the journal, such as /var/log/journal")]
    NotAJournal,
    /// It needs a newer version of this program.
    #[error("it uses features of a newer journal (flags {0:#x}); use a newer spiketail")]
    TooNew(u32),
    /// What the system says.
    #[error(transparent)]
    Io(#[from] std::io::Error),
}

/// What the header of a file says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Header {
    /// Which file it is, under whatever name.
    pub file_id: Id128,
    /// The machine that wrote it.
    pub machine_id: Id128,
    /// Which sequence of numbers its entries have.
    pub seqnum_id: Id128,
    /// Whether the journal writes to it.
    pub is_online: bool,
    /// Whether offsets are stored in 32 bits.
    pub is_compact: bool,
    /// How many entries are published.
    pub entries: u64,
    /// The sequence number of the newest entry, which may not be published yet.
    pub tail_seqnum: u64,
    /// When the oldest entry was received, in microseconds since the epoch.
    pub head_realtime_us: u64,
    pub(super) first_array: u64,
}

impl Header {
    pub(super) fn parse(bytes: &[u8]) -> Result<Header, JournalError> {
        if bytes.len() < HEADER_BYTES {
            return Err(JournalError::Unwritten);
        }
        if bytes.iter().all(|byte| *byte == 0) {
            return Err(JournalError::Vacuumed);
        }
        if !bytes.starts_with(b"LPKSHHRH") {
            return Err(JournalError::NotAJournal);
        }
        let incompatible = u32_at(bytes, 12);
        if incompatible & !INCOMPATIBLE_KNOWN != 0 {
            return Err(JournalError::TooNew(incompatible & !INCOMPATIBLE_KNOWN));
        }
        let id = |at: usize| Id128(bytes[at..at + 16].try_into().unwrap_or_default());
        Ok(Header {
            file_id: id(24),
            machine_id: id(40),
            seqnum_id: id(72),
            is_online: bytes[16] == STATE_ONLINE,
            is_compact: incompatible & INCOMPATIBLE_COMPACT != 0,
            entries: u64_at(bytes, 152),
            tail_seqnum: u64_at(bytes, 160),
            head_realtime_us: u64_at(bytes, 184),
            first_array: u64_at(bytes, 176),
        })
    }

    /// Where the payload of a data object begins.
    pub(super) fn payload_at(&self) -> usize {
        if self.is_compact { 72 } else { 64 }
    }

    /// The bytes of an item of an entry.
    pub(super) fn entry_item_bytes(&self) -> usize {
        if self.is_compact { 4 } else { 16 }
    }

    /// The bytes of an item of an array of entries.
    pub(super) fn array_item_bytes(&self) -> usize {
        if self.is_compact { 4 } else { 8 }
    }
}

/// The little-endian number at `at`; 0 beyond the end.
pub(super) fn u64_at(bytes: &[u8], at: usize) -> u64 {
    bytes.get(at..at + 8).map_or(0, |bytes| u64::from_le_bytes(bytes.try_into().unwrap_or_default()))
}

pub(super) fn u32_at(bytes: &[u8], at: usize) -> u32 {
    bytes.get(at..at + 4).map_or(0, |bytes| u32::from_le_bytes(bytes.try_into().unwrap_or_default()))
}

/// The offset in an item of `item_bytes`.
pub(super) fn item(bytes: &[u8], item_bytes: usize) -> u64 {
    if item_bytes == 4 { u64::from(u32_at(bytes, 0)) } else { u64_at(bytes, 0) }
}
