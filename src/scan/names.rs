//! The names of months and weekdays as programs write them, in English and the most common other languages.
//!
//! A name is known whole and by its usual abbreviations, in any case of its ASCII letters, with or without a dot behind an
//! abbreviation. Letters beyond ASCII are compared as they are, so they appear in each case in which they occur.

use std::collections::HashMap;
use std::sync::LazyLock;

/// The names of each month in English, German, French, Spanish, Portuguese, Italian, Dutch, Polish, Russian, Chinese and
/// Japanese.
const MONTHS: [&str; 12] = [
    "jan january januar jän jänner janv janvier ene enero janeiro gen gennaio januari sty stycznia янв января 一月 1月 01月",
    "feb february februar févr fév février febrero fev fevereiro febbraio februari lut lutego фев февр февраля 二月 2月 02月",
    "mar march mär märz mrz mars marzo março maart mrt marca мар марта 三月 3月 03月",
    "apr april avr avril abr abril aprile kwi kwietnia апр апреля 四月 4月 04月",
    "may mai mayo maio mag maggio mei maja мая май 五月 5月 05月",
    "jun june juni juin junio junho giu giugno cze czerwca июн июня 六月 6月 06月",
    "jul july juli juil juillet julio julho lug luglio lip lipca июл июля 七月 7月 07月",
    "aug august août aoû ago agosto augustus sie sierpnia авг августа 八月 8月 08月",
    "sep sept september septembre septiembre set setembro settembre wrz września сен сент сентября 九月 9月 09月",
    "oct october okt oktober octobre octubre out outubro ott ottobre paź października окт октября 十月 10月",
    "nov november novembre noviembre novembro lis listopada ноя нояб ноября 十一月 11月",
    "dec december dez dezember déc décembre dic diciembre dezembro dicembre gru grudnia дек декабря 十二月 12月",
];

/// The names of each weekday, from Monday on.
const WEEKDAYS: [&str; 7] = [
    "mon monday mo montag lun lundi lunes lunedì seg maandag pon пн 周一 星期一 月",
    "tue tues tuesday di dienstag mardi martes martedì ter dinsdag wto вт 周二 星期二 火",
    "wed wednesday mi mittwoch mer mercredi mié miércoles mercoledì qua woensdag śro ср 周三 星期三 水",
    "thu thur thurs thursday do donnerstag jeu jeudi jue jueves gio giovedì qui donderdag czw чт 周四 星期四 木",
    "fri friday fr freitag ven vendredi vie viernes venerdì sex vrijdag pią пт 周五 星期五 金",
    "sat saturday sa samstag sam samedi sáb sábado sab sabato zaterdag sob сб 周六 星期六 土",
    "sun sunday so sonntag dim dimanche dom domingo domenica zondag nie вс 周日 星期日 日",
];

/// The longest name, in bytes.
const NAME_BYTES_MAX: usize = 24;

/// Which bytes may be the first two of a name: by the first byte, a bit for the lower five bits of the second, in which the cases of a letter agree.
const fn starts(names: &[&str]) -> [u32; 256] {
    let mut starts = [0; 256];
    let mut group = 0;
    while group < names.len() {
        let names = names[group].as_bytes();
        let mut at = 0;
        while at + 1 < names.len() {
            if at == 0 || names[at - 1] == b' ' {
                let second = 1 << (names[at + 1] & 0x1F);
                starts[names[at] as usize] |= second;
                starts[names[at].to_ascii_uppercase() as usize] |= second;
            }
            at += 1;
        }
        group += 1;
    }
    starts
}

static MONTH_STARTS: [u32; 256] = starts(&MONTHS);
static WEEKDAY_STARTS: [u32; 256] = starts(&WEEKDAYS);

/// Each name in lower case, and the number of its group.
type Names = HashMap<&'static [u8], usize>;

static MONTH_NAMES: LazyLock<Names> = LazyLock::new(|| by_name(&MONTHS));
static WEEKDAY_NAMES: LazyLock<Names> = LazyLock::new(|| by_name(&WEEKDAYS));

fn by_name(groups: &[&'static str]) -> Names {
    let names =
        |(group, names): (usize, &&'static str)| names.split(' ').map(move |name| (name.as_bytes(), group));
    groups.iter().enumerate().flat_map(names).collect()
}

/// The month whose name `text` begins with, from 1, and the length of the name without a dot behind it.
pub(crate) fn month(text: &[u8]) -> Option<(u32, usize)> {
    find(text, &MONTHS, &MONTH_NAMES, &MONTH_STARTS).map(|(month, length)| (month as u32 + 1, length))
}

/// The length of the name of a weekday that `text` begins with, without a dot or comma behind it.
pub(crate) fn weekday(text: &[u8]) -> Option<usize> {
    find(text, &WEEKDAYS, &WEEKDAY_NAMES, &WEEKDAY_STARTS).map(|(_, length)| length)
}

/// Whether all of `text` is the English abbreviation of a month or a weekday, or a name of a month in any language that is
/// no word of another: capitalised, with a dot, or with letters beyond ASCII.
pub(crate) fn is_in_time(text: &[u8]) -> bool {
    let plain = text.strip_suffix(b".").unwrap_or(text);
    let is_whole = |found: Option<usize>| found == Some(plain.len());
    let is_marked = || plain.len() < text.len() || plain[0].is_ascii_uppercase() || plain[0] >= 0x80;
    let is_short = || plain.len() == 3 || plain.len() < text.len() || !plain.is_ascii();
    !plain.is_empty()
        && is_marked()
        && (is_whole(month(plain).map(|(_, length)| length)) || is_whole(weekday(plain)))
        && is_short()
}

fn find(
    text: &[u8],
    groups: &[&str],
    names: &LazyLock<Names>,
    starts: &[u32; 256],
) -> Option<(usize, usize)> {
    let (first, second) = (*text.first()?, *text.get(1)?);
    if starts[usize::from(first)] & (1 << (second & 0x1F)) == 0 {
        return None;
    }
    let is_part = |b: &u8| b.is_ascii_alphabetic() || *b >= 0x80;
    let digits = text.iter().take(2).take_while(|b| b.is_ascii_digit()).count();
    let letters = text[digits..].iter().take(NAME_BYTES_MAX + 1).take_while(|b| is_part(b)).count();
    let word = &text[..digits + letters];
    // The first name is the English abbreviation, which nearly every log has.
    let is_first = |names: &&str| word.len() == 3 && names.as_bytes()[..3].eq_ignore_ascii_case(word);
    let found = groups.iter().position(is_first).or_else(|| {
        let mut lower = [0; NAME_BYTES_MAX];
        let lower = lower.get_mut(..word.len())?;
        lower.copy_from_slice(word);
        lower.make_ascii_lowercase();
        names.get(&*lower).copied()
    })?;
    Some((found, word.len()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_in_any_case_and_language() {
        for (text, number, length) in [
            ("Nov 22", 11, 3),
            ("NOV 22", 11, 3),
            ("november, ", 11, 8),
            ("nov. 22", 11, 3),
            ("Okt 22", 10, 3),
            ("févr. 2", 2, 5),
            ("Mär 1", 3, 4),
            ("dicembre", 12, 8),
            ("11月-2026", 11, 5),
            ("十一月 22", 11, 9),
        ] {
            assert_eq!(month(text.as_bytes()), Some((number, length)), "{text}");
        }
        for text in ["Nova 1", "x", "", "Marchioness", "nove 2", "13月"] {
            assert_eq!(month(text.as_bytes()), None, "{text}");
        }
        assert_eq!(weekday("Sunday, ".as_bytes()), Some(6));
        assert_eq!(weekday("dim. 22".as_bytes()), Some(3));
    }

    #[test]
    fn no_name_means_two_months_and_none_is_too_long() {
        for (number, names) in MONTHS.iter().enumerate() {
            for name in names.split(' ') {
                assert_eq!(month(name.as_bytes()), Some((number as u32 + 1, name.len())), "{name}");
                assert!(name.len() <= NAME_BYTES_MAX, "{name}");
            }
        }
    }

    #[test]
    fn words_of_a_sentence_are_no_part_of_a_time() {
        for text in ["set", "out", "ago", "do", "so", "may", "March", "", "."] {
            assert!(!is_in_time(text.as_bytes()), "{text}");
        }
        for text in ["Nov", "Sun", "nov.", "Okt", "févr.", "Dez"] {
            assert!(is_in_time(text.as_bytes()), "{text}");
        }
    }
}
