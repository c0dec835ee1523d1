//! Which characters a reader does not see, or sees as something else.

use std::ops::RangeInclusive;

use unicode_properties::{GeneralCategory, UnicodeEmoji, UnicodeGeneralCategory};

const ZERO_WIDTH_JOINER: char = '\u{200d}';
const EMOJI_SELECTOR: char = '\u{fe0f}';
const KEYCAP: char = '\u{20e3}';

/// Characters that are shown as nothing, though their category does not say so: Unicode's `Default_Ignorable_Code_Point` beyond the
/// category of formats. Selectors of variants and tags are among them, which can carry text that nobody sees.
const SHOWN_AS_NOTHING: [RangeInclusive<char>; 11] = [
    '\u{034f}'..='\u{034f}',
    '\u{115f}'..='\u{1160}',
    '\u{17b4}'..='\u{17b5}',
    '\u{180b}'..='\u{180f}',
    '\u{2065}'..='\u{2065}',
    '\u{3164}'..='\u{3164}',
    '\u{fdd0}'..='\u{fdef}',
    '\u{fe00}'..='\u{fe0f}',
    '\u{ffa0}'..='\u{ffa0}',
    '\u{fff0}'..='\u{fff8}',
    '\u{e0000}'..='\u{e0fff}',
];

/// Whether `c` stands for itself in text that people read, between what comes before and after it. What joins an emoji to another
/// (U+200D), or chooses the coloured form of one (U+FE0F), belongs to it.
pub(super) fn is_seen(c: char, before: Option<char>, after: Option<char>) -> bool {
    match c {
        ' '..='~' => true,
        ZERO_WIDTH_JOINER => before.is_some_and(ends_emoji) && after.is_some_and(is_emoji),
        EMOJI_SELECTOR => {
            before.is_some_and(is_emoji) || (before.is_some_and(is_key) && after == Some(KEYCAP))
        }
        c => !is_unseen(c),
    }
}

/// Controls, formats (bidirectional controls and tags among them), separators of lines, characters whose meaning is private, and
/// what is shown as nothing.
fn is_unseen(c: char) -> bool {
    use GeneralCategory::{Control, Format, LineSeparator, ParagraphSeparator, PrivateUse};
    matches!(c.general_category(), Control | Format | LineSeparator | ParagraphSeparator | PrivateUse)
        || SHOWN_AS_NOTHING.iter().any(|range| range.contains(&c))
        // The last two of each plane are no characters.
        || u32::from(c) & 0xfffe == 0xfffe
}

fn is_emoji(c: char) -> bool {
    !c.is_ascii() && c.is_emoji_char()
}

fn ends_emoji(c: char) -> bool {
    is_emoji(c) || c == EMOJI_SELECTOR
}

fn is_key(c: char) -> bool {
    matches!(c, '0'..='9' | '#' | '*')
}
