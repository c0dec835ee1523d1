//! Small forms in which figures are answered.

use jiff::Timestamp;

use crate::detect::baseline::Usual as KnownUsual;
use crate::serve::api::Usual;
use crate::serve::http::HttpResponse;

pub(super) fn band(usual: KnownUsual) -> Option<Usual> {
    match usual {
        KnownUsual::Band(band) => Some(Usual { lo: band.lo, mid: tenth(band.mid), hi: band.hi }),
        KnownUsual::Learning { .. } => None,
    }
}

pub(super) fn json(value: &impl serde::Serialize) -> HttpResponse {
    let body = serde_json::to_vec(value).unwrap_or_default();
    HttpResponse { status: 200, content_type: "application/json".to_owned(), body }
}

/// What is wrong with a question.
pub(super) fn refused(why: &str) -> HttpResponse {
    HttpResponse {
        status: 400,
        content_type: "text/plain; charset=utf-8".to_owned(),
        body: format!("{why}\n").into_bytes(),
    }
}

pub(super) fn now_s() -> f64 {
    seconds(Timestamp::now().as_millisecond())
}

pub(super) fn seconds(ms: i64) -> f64 {
    ms as f64 / 1e3
}

pub(super) fn tenth(number: f64) -> f64 {
    (number * 10.0).round() / 10.0
}

/// The values of a question, with what `%` stands for.
pub(super) fn asked(question: &str, key: &str) -> Option<String> {
    let value = question.split('&').find_map(|pair| pair.strip_prefix(key)?.strip_prefix('='))?;
    let (mut bytes, mut rest) = (Vec::new(), value.as_bytes());
    while let Some((first, after)) = rest.split_first() {
        let hex = |at: usize| rest.get(at).and_then(|digit| char::from(*digit).to_digit(16));
        match (first, hex(1), hex(2)) {
            (b'%', Some(high), Some(low)) => {
                bytes.push((high * 16 + low) as u8);
                rest = &rest[3..];
            }
            (b'+', _, _) => {
                bytes.push(b' ');
                rest = after;
            }
            _ => {
                bytes.push(*first);
                rest = after;
            }
        }
    }
    String::from_utf8(bytes).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_question_asks() {
        let question = "range=1h&path=%2Fvar%2Flog%2Fa+b%25.log&q=%zz&e=%e4";
        assert_eq!(asked(question, "path").as_deref(), Some("/var/log/a b%.log"));
        assert_eq!(asked(question, "range").as_deref(), Some("1h"));
        assert_eq!(asked(question, "q").as_deref(), Some("%zz"));
        assert_eq!((asked(question, "e"), asked(question, "ran")), (None, None));
    }
}
