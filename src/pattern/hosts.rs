//! Names with dots: of hosts, and of packages and classes.

use crate::pattern::bytes::{LETTER, is};

/// Names of packages and classes.
pub(super) fn is_dotted_name(text: &[u8]) -> bool {
    const ROOTS: [&[u8]; 13] = [
        b"com.",
        b"org.",
        b"net.",
        b"io.",
        b"edu.",
        b"gov.",
        b"cn.",
        b"java.",
        b"javax.",
        b"android.",
        b"sun.",
        b"scala.",
        b"kotlin.",
    ];
    let labels = text.iter().filter(|b| **b == b'.').count() + 1;
    labels >= 4 || labels >= 3 && ROOTS.iter().any(|root| text.starts_with(root))
}

/// Whether a dotted name ends like a host's.
pub(super) fn is_host(text: &[u8]) -> bool {
    const CODE_ROOTS: [&[u8]; 6] = [b"com.", b"org.", b"net.", b"java.", b"javax.", b"io."];
    let text = text.strip_suffix(b".").unwrap_or(text);
    let Some(dot) = text.iter().rposition(|b| *b == b'.') else { return false };
    let is_plain = text.iter().all(|b| is(*b, LETTER) || matches!(b, b'.' | b'-'));
    dot > 0
        && is_plain
        && !text.starts_with(b".")
        && is_top_level_domain(&text[dot + 1..])
        && !CODE_ROOTS.iter().any(|root| text.starts_with(root))
}

fn is_top_level_domain(label: &[u8]) -> bool {
    matches!(
        label,
        b"com"
            | b"net"
            | b"org"
            | b"edu"
            | b"gov"
            | b"mil"
            | b"info"
            | b"biz"
            | b"arpa"
            | b"local"
            | b"internal"
            | b"localdomain"
            | b"jp"
            | b"kr"
            | b"tw"
            | b"cn"
            | b"hk"
            | b"sg"
            | b"in"
            | b"au"
            | b"nz"
            | b"uk"
            | b"de"
            | b"fr"
            | b"it"
            | b"es"
            | b"nl"
            | b"be"
            | b"ch"
            | b"at"
            | b"se"
            | b"no"
            | b"fi"
            | b"dk"
            | b"cz"
            | b"hu"
            | b"ro"
            | b"ru"
            | b"ua"
            | b"gr"
            | b"tr"
            | b"il"
            | b"br"
            | b"ar"
            | b"mx"
            | b"cl"
            | b"ca"
            | b"us"
            | b"pt"
            | b"za"
            | b"io"
            | b"eu"
    )
}
