//! The texts of which a line with a severe level holds at least one, by the bucket of the search in which they are.
//!
//! A bucket is good if its texts have few bytes in each place: then little else is a hit.

use crate::scan::level::colours::ESCAPE;
use crate::scan::level::keys::TAILS;
use crate::scan::rarity::rarest;
use crate::sys::beginnings::{SET, WIDTH};

/// The shortest text of a rule that can be searched for together with levels, in bytes.
pub const TEXT_BYTES_MIN: usize = 4;

/// What must stand around a text that is found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// The beginning of a name, which must be a whole word.
    Name,
    /// Nothing: it is rare.
    Rare,
    /// A letter before a date, of a header of glog.
    Glog,
    /// The severity of a network device.
    Device,
    /// A mark of Huawei's devices, before the severity.
    Huawei,
    /// A letter as the value of a pair.
    PairLetter,
    /// A quoted letter.
    QuotedLetter,
    /// The end of the name of a member; the quote after it is that far from the beginning.
    Number(usize),
    /// A quoted number or the beginning of one.
    QuotedNumber,
    /// A priority of syslog.
    Priority,
    /// An escape character, which may itself be escaped.
    Escape,
    /// Part of the text with this number of a rule, and where in the text it is.
    Text { number: usize, key_at: usize },
}

/// A text that is searched for.
#[derive(Debug, Clone)]
pub(super) struct Text {
    pub(super) kind: Kind,
    pub(super) bytes: Vec<u8>,
    /// One of these bytes, all of them ASCII, follows it; any if empty.
    pub(super) after: &'static [u8],
    /// Its first bytes, and the bits that count of so many bytes.
    key: u32,
    mask: u32,
    /// A bit for each byte of `after`.
    after_bits: u128,
}

impl Text {
    fn new(kind: Kind, bytes: &[u8], after: &'static [u8]) -> Text {
        let length = bytes.len().min(WIDTH);
        let mut first = [0; WIDTH];
        first[..length].copy_from_slice(&bytes[..length]);
        Text {
            kind,
            bytes: bytes.to_vec(),
            after,
            key: u32::from_le_bytes(first),
            mask: u32::MAX >> (8 * (WIDTH - length)),
            after_bits: after.iter().fold(0, |bits, byte| bits | 1 << (byte & 127)),
        }
    }

    /// Whether `rest` begins with it; `first` are the first bytes of `rest`.
    pub(super) fn begins(&self, rest: &[u8], first: u32) -> bool {
        if first & self.mask != self.key {
            return false;
        }
        let length = self.bytes.len();
        let is_after = |byte: &u8| byte.is_ascii() && self.after_bits >> byte & 1 == 1;
        (length < WIDTH || rest.starts_with(&self.bytes))
            && (self.after.is_empty() || rest.get(length).is_some_and(is_after))
    }
}

/// What the mnemonics of network devices begin with.
const MNEMONICS: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789";

/// The texts of each bucket of a set.
pub(super) type Buckets = [Vec<Text>; SET];

fn all<'a>(kind: Kind, texts: impl IntoIterator<Item = &'a str>) -> Vec<Text> {
    followed(kind, texts, b"")
}

fn followed<'a>(kind: Kind, texts: impl IntoIterator<Item = &'a str>, after: &'static [u8]) -> Vec<Text> {
    texts.into_iter().map(|text| Text::new(kind, text.as_bytes(), after)).collect()
}

/// Texts in which a letter stands for a level, and what else is short.
pub(super) fn of_letters(letters: &[u8]) -> Buckets {
    let mut buckets = Buckets::default();
    let [names, brackets, spaces, lines, quotes, pairs, devices, others] = &mut buckets;
    let is_severe = letters != b"W";
    for letter in letters.iter().copied() {
        let small = letter.to_ascii_lowercase();
        for (first, bucket) in [(b' ', &mut *spaces), (b'\n', &mut *lines), (b'"', &mut *quotes)] {
            bucket.push(Text::new(Kind::Rare, &[first, letter], b" :/"));
            bucket.push(Text::new(Kind::Glog, &[first, letter], b"012"));
        }
        spaces.push(Text::new(Kind::Rare, &[b' ', letter], b"!>"));
        lines.push(Text::new(Kind::Rare, &[b'\n', 0, letter], b""));
        brackets.push(Text::new(Kind::Rare, &[b'[', letter], b"] "));
        brackets.push(Text::new(Kind::Rare, &[b'|', letter, b'|'], b""));
        brackets.push(Text::new(Kind::Rare, &[b'(', letter, letter], b""));
        for letter in [letter, small] {
            quotes.push(Text::new(Kind::QuotedLetter, &[b'"', letter], b"\"\\"));
            pairs.extend(b"lLyY".map(|key| Text::new(Kind::PairLetter, &[key, b'=', letter], b"")));
        }
    }
    if is_severe {
        names.extend(all(Kind::Name, ["err", "ERR", "Err", "eror", "EROR"]));
        brackets.extend(all(Kind::Name, ["FTL"]));
        // A hole before a line.
        lines.extend(all(Kind::Rare, ["\n\0\0", "\n\0 ", "\n\0<", "\u{feff}"]));
        others.extend(all(Kind::Huawei, ["%%0", "%%1"]));
        others.extend(all(Kind::Number(0), ["\" : "]));
        // The other members are in the other set, where this one would make texts such as `GET"` hits.
        others.extend(followed(Kind::Number(3), ["ber"], b"\"\\"));
        others.extend(all(Kind::Escape, ["#033[", r"\u001b", r"\u001B"]));
    } else {
        names.extend(all(Kind::Name, ["wrn", "WRN", "Wrn"]));
        spaces.extend(all(Kind::Rare, [" # "]));
    }
    for digit in if is_severe { b'0'..=b'3' } else { b'4'..=b'4' } {
        devices.push(Text::new(Kind::Device, &[b'-', digit, b'-'], MNEMONICS));
        pairs.push(Text::new(Kind::QuotedNumber, &[b'"', digit, b'"'], b""));
    }
    pairs.extend(all(Kind::QuotedNumber, ["\"4\""]));
    buckets
}

/// Names of levels, members of JSON with a number, and marks.
pub(super) fn of_members_and_names() -> Buckets {
    let members = |before: &str, after: &'static [u8]| -> Vec<Text> {
        let tails = TAILS.iter().filter(|tail| tail.len() == 1);
        let text = |tail: &&[u8]| Text::new(Kind::Number(1), &[tail, before.as_bytes()].concat(), after);
        tails.map(text).collect()
    };
    let tails = TAILS.iter().filter(|tail| tail.len() > 1);
    let tails = tails.map(|tail| Text::new(Kind::Number(tail.len()), tail, b"\"\\"));
    let tails = tails.filter(|text| !text.bytes.ends_with(b"r"));
    let of_other_languages = [
        "ОШИБ",
        "ошиб",
        "ПОМИ",
        "ВАЖН",
        "ПА",
        "ФА",
        "BŁĄD",
        "错误",
        "錯誤",
        "严重",
        "嚴重",
        "重大",
        "灾难",
        "エラー",
        "致命",
        "오류",
        "치명",
        "손상",
        "심각",
    ];
    let of_other_languages = all(Kind::Rare, of_other_languages);
    [
        members("\":", b"012345678"),
        // In JSON within JSON, the quote is escaped.
        [members("\\\":", b""), members("\": ", b"")].concat(),
        tails.chain(of_other_languages).collect(),
        [all(Kind::QuotedNumber, QUOTED), all(Kind::QuotedNumber, QUOTED_HUNDREDS)].concat(),
        all(Kind::Name, ["crit", "severe", "fata", "fail:"]),
        all(Kind::Name, ["pani", "emerg", "alert"]),
        [
            all(Kind::Name, ["CRIT", "SEVERE", "SCHWERW", "FATA", "FEHLER", "GRAVE", "PANI", "EMERG"]),
            all(Kind::Name, ["ALERT", "Crit", "Fata", "Pani", "Alert", "ALLV", "HATA", "FEL:", "Fehl"]),
        ]
        .concat(),
        [vec![Text::new(Kind::Escape, &[ESCAPE], b"")], vec![Text::new(Kind::Priority, b"<", b"0123456789")]]
            .concat(),
    ]
}

/// Quoted numbers of two digits that are severe on some scale.
const QUOTED: [&str; 16] = [
    "\"13\"", "\"14\"", "\"15\"", "\"16\"", "\"17\"", "\"18\"", "\"19\"", "\"20\"", "\"21\"", "\"22\"",
    "\"23\"", "\"24\"", "\"30\"", "\"40\"", "\"50\"", "\"60\"",
];
/// The beginnings of such numbers of three digits.
const QUOTED_HUNDREDS: [&str; 6] = ["\"300", "\"400", "\"500", "\"600", "\"700", "\"800"];

/// Names of warnings.
pub(super) fn of_warnings() -> Buckets {
    let mut buckets = Buckets::default();
    buckets[0] = all(Kind::Name, ["warn", "WARN", "Warn"]);
    buckets[1] =
        all(Kind::Name, ["AVERT", "ATTEN", "ADVERT", "AVISO", "AVVERT", "Warnung", "atten", "VARN", "UYARI"]);
    buckets[2] = all(Kind::Rare, ["ПРЕДУПР", "предупр", "ПОПЕР", "OSTRZE", "경고", "警告"]);
    buckets
}

/// The rarest bytes of each of `texts`.
pub(super) fn of_texts(texts: &[String]) -> Buckets {
    let mut buckets = Buckets::default();
    for (number, text) in texts.iter().enumerate() {
        if let Some((key_at, key)) = rarest::<TEXT_BYTES_MIN>(text.as_bytes(), &[]) {
            buckets[number % SET].push(Text::new(Kind::Text { number, key_at }, &key, b""));
        }
    }
    buckets
}
