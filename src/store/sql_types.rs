//! How our values stand in rows.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use rusqlite::Row;
use rusqlite::types::{FromSql, FromSqlError, FromSqlResult, ToSql, ToSqlOutput, Value, ValueRef};

use crate::file::checkpoint::FileCheckpoint;
use crate::file::identity::{ANCHOR_BYTES, Anchor, Fingerprint, HEAD_BYTES, Identity};
use crate::file::ownership::ReadPosition;
use crate::scan::cursor::LineCursor;

/// A path, which may be any bytes: text where it is UTF-8, so that people can read and write it.
pub(super) struct SqlPath<'a>(pub(super) &'a Path);

impl ToSql for SqlPath<'_> {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        let bytes = self.0.as_os_str().as_bytes();
        let is_text = std::str::from_utf8(bytes).is_ok();
        Ok(ToSqlOutput::Borrowed(if is_text { ValueRef::Text(bytes) } else { ValueRef::Blob(bytes) }))
    }
}

/// A path that was read.
pub(super) struct OwnedPath(pub(super) PathBuf);

impl FromSql for OwnedPath {
    fn column_result(value: ValueRef<'_>) -> FromSqlResult<OwnedPath> {
        match value {
            ValueRef::Text(bytes) | ValueRef::Blob(bytes) => {
                Ok(OwnedPath(PathBuf::from(OsStr::from_bytes(bytes))))
            }
            _ => Err(FromSqlError::InvalidType),
        }
    }
}

/// A value as JSON.
pub(super) fn json<T: serde::Serialize>(value: &T) -> rusqlite::Result<String> {
    serde_json::to_string(value).map_err(|error| rusqlite::Error::ToSqlConversionFailure(error.into()))
}

/// A number without a sign. SQLite has only those with one, so the greater half appears as negative.
#[derive(Clone, Copy)]
pub(super) struct Bits(pub(super) u64);

impl ToSql for Bits {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(ToSqlOutput::Owned(Value::Integer(self.0.cast_signed())))
    }
}

impl FromSql for Bits {
    fn column_result(value: ValueRef<'_>) -> FromSqlResult<Bits> {
        value.as_i64().map(|n| Bits(n.cast_unsigned()))
    }
}

/// The number in a column.
pub(super) fn bits(row: &Row<'_>, column: &str) -> rusqlite::Result<u64> {
    row.get::<_, Bits>(column).map(|bits| bits.0)
}

/// The path in the column `path`.
pub(super) fn path(row: &Row<'_>) -> rusqlite::Result<PathBuf> {
    row.get::<_, OwnedPath>("path").map(|path| path.0)
}

/// The identity in a row of `places` or `marks`.
pub(super) fn identity(row: &Row<'_>) -> rusqlite::Result<Identity> {
    Ok(Identity { dev: bits(row, "dev")?, ino: bits(row, "ino")?, born_ns: row.get("born_ns")? })
}

/// The mark in a row of `places` or `marks`.
pub(super) fn mark(row: &Row<'_>) -> rusqlite::Result<ReadPosition> {
    let cursor = LineCursor {
        offset: bits(row, "offset")?,
        searched: bits(row, "searched")?,
        inside_long_line: row.get("inside_long_line")?,
        counted: bits(row, "counted")?,
    };
    let anchor: Vec<u8> = row.get("anchor")?;
    let head = Fingerprint { len: bits(row, "head_bytes")? as usize, hash: bits(row, "head_hash")? };
    if head.len > HEAD_BYTES || anchor.len() > ANCHOR_BYTES {
        return Err(rusqlite::Error::IntegralValueOutOfRange(0, head.len.max(anchor.len()) as i64));
    }
    Ok(ReadPosition { cursor, head, anchor: Anchor::ending(&anchor) })
}

/// The place in a row of `places`.
pub(super) fn place(row: &Row<'_>) -> rusqlite::Result<FileCheckpoint> {
    Ok(FileCheckpoint {
        identity: identity(row)?,
        mark: mark(row)?,
        size: bits(row, "size_bytes")?,
        modified_ns: row.get("modified_ns")?,
        changed_ns: row.get("changed_ns")?,
        is_settled: row.get("is_settled")?,
    })
}
