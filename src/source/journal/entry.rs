//! An entry as rules and alerts see it, and what a field means for it.

use std::sync::Arc;

use crate::scan::level::{Level, level_of};
use crate::source::journal::format::Id128;

/// The name by which the journal knows this program.
const OWN_NAME: &str = "spiketail";
/// The longest name of a unit or program that is kept, in bytes.
const NAME_BYTES_MAX: usize = 256;
/// The priority that a service's output has unless the service says otherwise.
const PRIORITY_OF_OUTPUT: u8 = 6;

/// One entry. The fields that may occur several times have their first value.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct JournalEntry {
    /// Its number in the journal.
    pub seqnum: u64,
    /// When the journal received it, in microseconds since the epoch.
    pub realtime_us: u64,
    /// When the journal received it, in microseconds since the boot.
    pub monotonic_us: u64,
    /// Which boot that was.
    pub boot_id: Id128,
    /// The hash of its fields.
    pub xor_hash: u64,
    /// `MESSAGE`, which may have several lines.
    pub message: Vec<u8>,
    /// How many of its fields are damaged.
    pub damaged: u32,
    pub(super) names: Names,
}

/// The small fields of an entry.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Names {
    priority: Option<u8>,
    pid: Option<u32>,
    identifier: Option<Arc<str>>,
    command: Option<Arc<str>>,
    unit: Option<Arc<str>>,
    /// The unit of which an entry of the service manager tells.
    about_unit: Option<Arc<str>>,
    is_output: bool,
    has_message: bool,
}

/// What a field means.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Field {
    Message,
    Priority(u8),
    Pid(u32),
    Identifier(Arc<str>),
    Command(Arc<str>),
    Unit(Arc<str>),
    AboutUnit(Arc<str>),
    Output,
    Other,
}

/// The most bytes of a field that [`Field::of`] needs.
pub(super) const FIELD_START_BYTES: usize = 32 + NAME_BYTES_MAX;

impl Field {
    /// What the field means that begins with `start`.
    pub(super) fn of(start: &[u8]) -> Field {
        let Some(equals) = memchr::memchr(b'=', start) else { return Field::Other };
        let (name, value) = (&start[..equals], &start[equals + 1..]);
        let text = || Arc::from(String::from_utf8_lossy(&value[..value.len().min(NAME_BYTES_MAX)]));
        let number = || std::str::from_utf8(value).ok().and_then(|text| text.parse::<u32>().ok());
        match name {
            b"MESSAGE" => Field::Message,
            b"PRIORITY" => match value {
                [digit @ b'0'..=b'7'] => Field::Priority(digit - b'0'),
                _ => Field::Other,
            },
            b"_PID" => number().map_or(Field::Other, Field::Pid),
            b"SYSLOG_IDENTIFIER" => Field::Identifier(text()),
            b"_COMM" => Field::Command(text()),
            b"_SYSTEMD_UNIT" => Field::Unit(text()),
            b"UNIT" | b"OBJECT_SYSTEMD_UNIT" => Field::AboutUnit(text()),
            b"_TRANSPORT" if value == b"stdout" => Field::Output,
            _ => Field::Other,
        }
    }
}

impl JournalEntry {
    pub(super) fn put(&mut self, field: &Field) {
        let names = &mut self.names;
        let set = |slot: &mut Option<Arc<str>>, text: &Arc<str>| {
            slot.get_or_insert_with(|| Arc::clone(text));
        };
        match field {
            Field::Priority(priority) => names.priority = names.priority.or(Some(*priority)),
            Field::Pid(pid) => names.pid = names.pid.or(Some(*pid)),
            Field::Identifier(text) => set(&mut names.identifier, text),
            Field::Command(text) => set(&mut names.command, text),
            Field::Unit(text) => set(&mut names.unit, text),
            Field::AboutUnit(text) => set(&mut names.about_unit, text),
            Field::Output => names.is_output = true,
            Field::Message | Field::Other => {}
        }
    }

    pub(super) fn begin(&mut self) {
        self.message.clear();
        self.damaged = 0;
        self.names = Names::default();
    }

    /// Says that the message is read; a second one is not.
    pub(super) fn take_message(&mut self) -> bool {
        !std::mem::replace(&mut self.names.has_message, true)
    }

    /// `PRIORITY`, from 0 (emergency) to 7 (debug).
    #[must_use]
    pub fn priority(&self) -> Option<u8> {
        self.names.priority
    }

    /// `SYSLOG_IDENTIFIER`, or the name of the program.
    #[must_use]
    pub fn identifier(&self) -> Option<&Arc<str>> {
        self.names.identifier.as_ref().or(self.names.command.as_ref())
    }

    /// The unit that wrote the entry, or of which the service manager tells.
    #[must_use]
    pub fn unit(&self) -> Option<&Arc<str>> {
        let Names { unit, about_unit, .. } = &self.names;
        match unit {
            Some(unit) if &**unit != "init.scope" => Some(unit),
            _ => about_unit.as_ref().or(unit.as_ref()),
        }
    }

    /// What names the entry in counts and alerts: its unit, or its program.
    #[must_use]
    pub fn name(&self) -> &str {
        self.unit().or(self.identifier()).map_or("unnamed", |name| name)
    }

    /// The message without line feeds at its end.
    #[must_use]
    pub fn text(&self) -> &[u8] {
        let end = self.message.iter().rposition(|byte| !matches!(byte, b'\n' | b'\r'));
        &self.message[..end.map_or(0, |end| end + 1)]
    }

    /// The first line of the message: a trace belongs to the error before it.
    #[must_use]
    pub fn first_line(&self) -> &[u8] {
        let text = self.text();
        &text[..memchr::memchr(b'\n', text).unwrap_or(text.len())]
    }

    /// Its level: that of its priority. What a service prints has one priority whatever it says, so there the message
    /// decides where it shows a level; so it does where there is no priority.
    #[must_use]
    pub fn level(&self) -> Option<Level> {
        let of_message = || level_of(self.first_line());
        let names = &self.names;
        match names.priority {
            None => of_message(),
            Some(PRIORITY_OF_OUTPUT) if names.is_output => of_message().or(Some(Level::Info)),
            Some(priority) => Some(match priority {
                0..=2 => Level::Critical,
                3 => Level::Error,
                4 => Level::Warn,
                5 => Level::Notice,
                6 => Level::Info,
                _ => Level::Debug,
            }),
        }
    }

    /// Whether this program wrote it: such entries never count, or an alert would feed itself.
    #[must_use]
    pub fn is_own(&self) -> bool {
        let Names { pid, command, identifier, .. } = &self.names;
        let name = command.as_ref().or(identifier.as_ref());
        *pid == Some(std::process::id()) || name.is_some_and(|name| &**name == OWN_NAME)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(fields: &[&str]) -> JournalEntry {
        let mut entry = JournalEntry::default();
        for field in fields {
            let meaning = Field::of(field.as_bytes());
            if meaning == Field::Message && entry.take_message() {
                entry.message = field.as_bytes()["MESSAGE=".len()..].to_vec();
            }
            entry.put(&meaning);
        }
        entry
    }

    #[test]
    fn the_priority_is_the_level_and_the_message_where_there_is_none() {
        let level = |fields: &[&str]| entry(fields).level();
        assert_eq!(level(&["PRIORITY=3", "MESSAGE=INFO all is well"]), Some(Level::Error));
        assert_eq!(level(&["PRIORITY=6", "MESSAGE=ERROR x"]), Some(Level::Info));
        assert_eq!(level(&["MESSAGE=ERROR x"]), Some(Level::Error));
        assert_eq!(level(&["MESSAGE=x"]), None);
        assert_eq!(level(&["PRIORITY=12", "MESSAGE=WARN x"]), Some(Level::Warn));
        let output = ["_TRANSPORT=stdout", "PRIORITY=6"];
        assert_eq!(level(&[&output[..], &["MESSAGE=ERROR x"]].concat()), Some(Level::Error));
        assert_eq!(level(&[&output[..], &["MESSAGE=hello"]].concat()), Some(Level::Info));
        assert_eq!(level(&["_TRANSPORT=stdout", "PRIORITY=4", "MESSAGE=ERROR x"]), Some(Level::Warn));
    }

    #[test]
    fn the_unit_is_the_one_that_an_entry_tells_of() {
        let unit = |fields: &[&str]| entry(fields).unit().map(ToString::to_string);
        assert_eq!(unit(&["_SYSTEMD_UNIT=a.service"]).unwrap(), "a.service");
        assert_eq!(unit(&["_SYSTEMD_UNIT=init.scope", "UNIT=b.service"]).unwrap(), "b.service");
        assert_eq!(unit(&["_SYSTEMD_UNIT=c.service", "UNIT=b.service"]).unwrap(), "c.service");
        assert_eq!(unit(&["OBJECT_SYSTEMD_UNIT=b.service"]).unwrap(), "b.service");
        assert_eq!(unit(&["SYSLOG_IDENTIFIER=kernel"]), None);
    }

    #[test]
    fn own_entries_are_known_by_the_program() {
        assert!(entry(&["_COMM=spiketail", "SYSLOG_IDENTIFIER=x"]).is_own());
        assert!(entry(&["SYSLOG_IDENTIFIER=spiketail"]).is_own());
        assert!(entry(&[&format!("_PID={}", std::process::id())]).is_own());
        assert!(!entry(&["_COMM=systemd", "SYSLOG_IDENTIFIER=spiketail", "UNIT=spiketail.service"]).is_own());
        assert!(!entry(&["MESSAGE=spiketail"]).is_own());
    }
}
