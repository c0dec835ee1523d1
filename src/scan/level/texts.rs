//! The texts of which a line with a severe level holds at least one, by the bucket of the search in which they are.

use crate::scan::level::teddy::BUCKETS;
use crate::scan::rarity::rarest;

/// The shortest text of a rule that can be searched for together with levels, in bytes.
pub const TEXT_BYTES_MIN: usize = 4;

/// What must stand around a text that is found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// The beginning of a name, which must be a whole word.
    Name,
    /// Nothing: it is rare.
    Rare,
    /// A letter and a digit, of a header of glog.
    Glog,
    /// The severity of a network device.
    Device,
    /// A mark of Huawei's devices, before the severity.
    Huawei,
    /// A letter as the value of a pair.
    PairLetter,
    /// A quoted letter.
    QuotedLetter,
    /// The end of a key and the first digit of a number; the quote after the key is that far from the beginning.
    Number(usize),
    /// A quoted number or the beginning of one.
    QuotedNumber,
    /// An escape character that is itself escaped.
    Escape,
    /// Part of the text with this number of a rule, and where in the text it is.
    Text { number: usize, key_at: usize },
}

/// The texts of each bucket.
pub(super) type Buckets = [Vec<(Kind, Vec<u8>)>; BUCKETS];

fn all<'a>(kind: Kind, texts: impl IntoIterator<Item = &'a str>) -> Vec<(Kind, Vec<u8>)> {
    texts.into_iter().map(|text| (kind, text.as_bytes().to_vec())).collect()
}

/// Texts of three bytes and more in which a letter stands for a level, and what else is that short.
pub(super) fn of_letters(letters: &[u8]) -> Buckets {
    let mut buckets = Buckets::default();
    let [names, brackets, spaces, lines, quotes, pairs, devices, others] = &mut buckets;
    let is_severe = letters != b"W";
    for letter in letters.iter().copied() {
        let small = letter.to_ascii_lowercase();
        for (first, bucket) in [(b' ', &mut *spaces), (b'\n', &mut *lines), (b'"', &mut *quotes)] {
            bucket.extend([b' ', b':', b'/'].map(|after| (Kind::Rare, vec![first, letter, after])));
            bucket.extend([b'0', b'1', b'2'].map(|digit| (Kind::Glog, vec![first, letter, digit])));
        }
        spaces.extend([b'!', b'>'].map(|after| (Kind::Rare, vec![b' ', letter, after])));
        lines.push((Kind::Rare, vec![b'\n', 0, letter]));
        brackets.push((Kind::Rare, vec![b'[', letter, b']']));
        brackets.push((Kind::Rare, vec![b'[', letter, b' ']));
        brackets.push((Kind::Rare, vec![b'|', letter, b'|']));
        brackets.push((Kind::Rare, vec![b'(', letter, letter]));
        for letter in [letter, small] {
            quotes.extend([b'"', b'\\'].map(|after| (Kind::QuotedLetter, vec![b'"', letter, after])));
            pairs.extend(b"lLyY".map(|key| (Kind::PairLetter, vec![key, b'=', letter])));
        }
    }
    if is_severe {
        names.extend(all(Kind::Name, ["err", "ERR", "Err", "eror", "EROR"]));
        brackets.extend(all(Kind::Name, ["FTL"]));
        // A hole before a line.
        lines.extend(all(Kind::Rare, ["\n\0\0", "\n\0 ", "\n\0<", "\u{feff}"]));
        others.extend(all(Kind::Huawei, ["%%0", "%%1"]));
        others.extend(all(Kind::Escape, ["#033[", r"\u001b", r"\u001B"]));
    } else {
        names.extend(all(Kind::Name, ["wrn", "WRN", "Wrn"]));
        spaces.extend(all(Kind::Rare, [" # "]));
    }
    for digit in if is_severe { b'0'..=b'3' } else { b'4'..=b'4' } {
        devices.push((Kind::Device, vec![b'-', digit, b'-']));
        pairs.push((Kind::QuotedNumber, vec![b'"', digit, b'"']));
    }
    pairs.push((Kind::QuotedNumber, b"\"4\"".to_vec()));
    buckets
}

/// Texts of four bytes and more: names of levels, and members of JSON with a number.
pub(super) fn of_members_and_names() -> Buckets {
    let numbers = |quote: usize, before: &str, digits: &str| -> Vec<(Kind, Vec<u8>)> {
        digits.bytes().map(|digit| (Kind::Number(quote), [before.as_bytes(), &[digit]].concat())).collect()
    };
    let any = "012345678";
    [
        [numbers(1, "l\":", "0123456"), numbers(1, "\\\":", any)].concat(),
        [numbers(1, "y\":", any), numbers(1, "Y\":", any)].concat(),
        [numbers(1, "o\":", "345"), numbers(1, "r\":", "12345"), numbers(1, "e\":", "345")].concat(),
        numbers(0, "\": ", any),
        all(Kind::QuotedNumber, QUOTED),
        [numbers(0, "\" : ", any), all(Kind::QuotedNumber, QUOTED_HUNDREDS)].concat(),
        all(Kind::Name, ["crit", "CRIT", "Crit", "severe", "SEVERE", "SCHWERW"])
            .into_iter()
            .chain(all(Kind::Name, ["fata", "FATA", "Fata", "fail:", "FEHLER", "GRAVE"]))
            .collect(),
        all(Kind::Name, ["pani", "PANI", "Pani", "emerg", "EMERG", "alert", "ALERT", "Alert"])
            .into_iter()
            .chain(all(Kind::Rare, ["ОШИБ", "错误", "严重", "エラー", "致命"]))
            .collect(),
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
    buckets[1] = all(Kind::Name, ["AVERT", "ATTEN", "ADVERT", "AVISO", "AVVERT"]);
    buckets[2] = all(Kind::Rare, ["ПРЕДУПР", "警告"]);
    buckets
}

/// The rarest bytes of each of `texts`.
pub(super) fn of_texts(texts: &[String]) -> Buckets {
    let mut buckets = Buckets::default();
    for (number, text) in texts.iter().enumerate() {
        if let Some((key_at, key)) = rarest::<TEXT_BYTES_MIN>(text.as_bytes(), &[]) {
            buckets[number % BUCKETS].push((Kind::Text { number, key_at }, key.to_vec()));
        }
    }
    buckets
}
