//! The files of the fixtures were written by `systemd-journal-remote` 252 (`zstd`) and 257 (the others) from one export with all
//! kinds of fields.

use std::io::Write;
use std::path::{Path, PathBuf};

use super::*;

/// Every format: name of the fixture, whether it is compact.
const FIXTURES: [(&str, bool); 4] =
    [("zstd", false), ("zstd-compact", true), ("xz", false), ("lz4-compact", true)];

fn fixture(name: &str) -> Vec<u8> {
    let path =
        Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/journal").join(format!("{name}.zst"));
    zstd::decode_all(std::fs::File::open(path).unwrap()).unwrap()
}

struct Place {
    _folder: tempfile::TempDir,
    path: PathBuf,
}

fn place(bytes: &[u8]) -> Place {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("system.journal");
    std::fs::write(&path, bytes).unwrap();
    Place { _folder: folder, path }
}

/// What `journalctl -o export` prints of the file, without the cursors.
fn export(reader: &mut EntryReader, file: &JournalFile) -> Vec<u8> {
    let (mut position, mut entry, mut out) = (FilePosition::default(), JournalEntry::default(), Vec::new());
    while reader.next(file, &mut position, &mut entry) == Next::Entry {
        write!(
            out,
            "__REALTIME_TIMESTAMP={}\n__MONOTONIC_TIMESTAMP={}\n_BOOT_ID={}\n",
            entry.realtime_us, entry.monotonic_us, entry.boot_id
        )
        .unwrap();
        let mut see = |field: &[u8]| {
            if field.starts_with(b"_BOOT_ID=") {
                return;
            }
            let is_text =
                std::str::from_utf8(field).is_ok() && field.iter().all(|byte| *byte >= 32 || *byte == b'\t');
            if is_text {
                out.extend_from_slice(field);
            } else {
                let equals = field.iter().position(|byte| *byte == b'=').unwrap();
                let value = &field[equals + 1..];
                out.extend_from_slice(&field[..equals]);
                out.push(b'\n');
                out.extend_from_slice(&(value.len() as u64).to_le_bytes());
                out.extend_from_slice(value);
            }
            out.push(b'\n');
        };
        reader.fields(file, &position, &mut see).unwrap();
        out.push(b'\n');
    }
    out
}

#[test]
fn all_fields_are_those_of_journalctl() {
    let expected = fixture("entries.export");
    for (name, is_compact) in FIXTURES {
        let place = place(&fixture(&format!("{name}.journal")));
        let mut reader = EntryReader::default();
        let file = reader.open(&place.path).unwrap();
        assert_eq!(file.header().is_compact, is_compact, "{name}");
        assert_eq!(file.header().entries, 240, "{name}");
        assert!(export(&mut reader, &file) == expected, "{name} differs");
    }
}

#[test]
fn an_entry_has_its_message_unit_and_priority() {
    for (name, _) in FIXTURES {
        let place = place(&fixture(&format!("{name}.journal")));
        let mut reader = EntryReader::default();
        let file = reader.open(&place.path).unwrap();
        let (mut position, mut entry, mut errors) = (FilePosition::default(), JournalEntry::default(), 0);
        while reader.next(&file, &mut position, &mut entry) == Next::Entry {
            let n = position.entries - 1;
            errors += usize::from(memchr::memmem::find(&entry.message, b"ERROR").is_some());
            assert_eq!(entry.seqnum, position.entries);
            assert_eq!(entry.priority().is_none(), n % 10 == 9);
            let units = ["nginx.service", "app-a.service", "app-b.service", "sshd.service"];
            assert_eq!(&**entry.unit().unwrap(), units[(n % 4) as usize]);
            assert!(!entry.is_own());
            if n == 13 {
                assert!(entry.message.starts_with(b"ERROR request 13 failed\n  at"));
                assert!(entry.message.len() > 1_000);
            }
        }
        assert_eq!(position.entries, 240);

        assert_eq!(errors, 87, "{name}");
    }
}

#[test]
fn reading_goes_on_from_any_position() {
    let place = place(&fixture("zstd.journal"));
    let mut reader = EntryReader::default();
    let file = reader.open(&place.path).unwrap();
    let (mut position, mut entry) = (FilePosition::default(), JournalEntry::default());
    let mut seen = Vec::new();
    while reader.next(&file, &mut position, &mut entry) == Next::Entry {
        assert!(reader.is_valid(&file, &position));
        seen.push((position, entry.clone()));
    }
    for (at, (position, _)) in seen.iter().enumerate() {
        let mut reader = EntryReader::default();
        let file = reader.open(&place.path).unwrap();
        let mut position = *position;
        let next = reader.next(&file, &mut position, &mut entry);
        match seen.get(at + 1) {
            Some((_, expected)) => assert_eq!((next, &entry), (Next::Entry, expected)),
            None => assert_eq!(next, Next::End),
        }
    }
    let mut end = FilePosition::default();
    reader.skip_to_end(&file, &mut end);
    assert_eq!(end, seen.last().unwrap().0);
    let other = FilePosition { seqnum: 7, ..end };
    assert!(!reader.is_valid(&file, &other));
}

/// Reads all that can be read, and returns how many entries that are.
fn count(path: &Path) -> u64 {
    let mut reader = EntryReader::default();
    let Ok(file) = reader.open(path) else { return 0 };
    let (mut position, mut entry, mut entries) = (FilePosition::default(), JournalEntry::default(), 0);
    loop {
        match reader.next(&file, &mut position, &mut entry) {
            Next::Entry => entries += 1,
            Next::Damaged | Next::Lost(_) => {}
            Next::End => break,
        }
        assert!(entries <= 10_000, "the file does not end");
    }
    reader.skip_to_end(&file, &mut FilePosition::default());
    entries
}

/// A fixture on disk that is damaged for one look.
struct Victim {
    place: Place,
    /// Where entries and fields are stored: the hash tables before them are not read.
    objects: std::ops::Range<usize>,
    whole: Vec<u8>,
}

impl Victim {
    fn new(name: &str) -> Victim {
        let whole = fixture(&format!("{name}.journal"));
        let end = (whole.iter().rposition(|byte| *byte != 0).unwrap() + 1).next_multiple_of(4096);
        let place = place(&whole[..end]);
        let file = EntryReader::default().open(&place.path).unwrap();
        let start = end.min(file.header().first_array as usize) & !4095;
        Victim { objects: start..end, whole, place }
    }

    /// How many entries can be read while the bytes at `at` are others.
    fn count_with(&self, at: usize, bytes: &[u8]) -> u64 {
        use std::os::unix::fs::FileExt;
        let file = std::fs::OpenOptions::new().write(true).open(&self.place.path).unwrap();
        file.write_all_at(bytes, at as u64).unwrap();
        let entries = count(&self.place.path);
        file.write_all_at(&self.whole[at..at + bytes.len()], at as u64).unwrap();
        entries
    }
}

#[test]
fn flipped_bits_cost_only_what_they_hit() {
    let mut random = fastrand::Rng::with_seed(23);
    for (name, _) in FIXTURES {
        let victim = Victim::new(name);
        let mut lost = 0;
        for _ in 0..150 {
            let at = random.usize(victim.objects.clone());
            let read = victim.count_with(at, &[victim.whole[at] ^ (1 << random.u8(0..8))]);
            lost += 240 - read.min(240);
        }
        assert!(lost <= 300, "{name}: {lost} entries lost by 150 flips");
    }
}

#[test]
fn damaged_headers_and_zeroed_pages_do_no_harm() {
    let mut random = fastrand::Rng::with_seed(24);
    for (name, _) in FIXTURES {
        let victim = Victim::new(name);
        for _ in 0..60 {
            let at = random.usize(0..208);
            victim.count_with(at, &[victim.whole[at] ^ (1 << random.u8(0..8))]);
            let page = random.usize(victim.objects.start / 4096..victim.objects.end / 4096) * 4096;
            victim.count_with(page, &[0; 4096]);
        }
    }
}

#[test]
fn a_file_that_is_cut_gives_what_is_before_the_cut() {
    for (name, _) in FIXTURES {
        let Victim { place, objects, .. } = Victim::new(name);
        assert_eq!(count(&place.path), 240);
        let file = std::fs::OpenOptions::new().write(true).open(&place.path).unwrap();
        let (mut before, mut sum) = (240, 0);
        for cut in (0..objects.end).rev().step_by(4_003).take_while(|cut| *cut > objects.start) {
            file.set_len(cut as u64).unwrap();
            let read = count(&place.path);
            assert!(read <= before, "{name}: {read} of {before} at {cut}");
            (before, sum) = (read, sum + read);
        }
        assert!(sum > 240, "{name}: {sum}");
        for cut in [4_096, 208, 100, 0] {
            file.set_len(cut).unwrap();
            assert_eq!(count(&place.path), 0);
        }
    }
}

#[test]
fn what_is_no_journal_is_refused() {
    let mut reader = EntryReader::default();
    let mut open =
        |bytes: &[u8]| reader.open(&place(bytes).path).err().map(|error| error.to_string()).unwrap();
    assert!(open(&[0; 4096]).contains("make room"));
    assert!(open(b"LPKSHHRH").contains("not written yet"));
    assert!(open(&[b'x'; 4096]).contains("no journal file"));
    let mut newer = fixture("zstd.journal");
    newer[12] |= 0x40;
    assert!(open(&newer).contains("newer journal (flags 0x40)"));
}
