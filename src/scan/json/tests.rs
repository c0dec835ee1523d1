use proptest::prelude::*;
use serde_json::Value as Json;

use super::*;

fn members(json: &str) -> Vec<(String, Value<'_>)> {
    let text = |key: &[u8]| String::from_utf8(key.to_vec()).unwrap();
    Members::new(json.as_bytes()).map(|(key, value)| (text(key), value)).collect()
}

#[test]
fn members_of_the_outermost_object_only() {
    let found = members(r#" {"a":"x\"y", "b" : {"c":[1,"}"]} ,"d":[{"e":1}],"f":-1.5e3,"g":null}"#);
    let wanted = [
        ("a", Value::Text(br#"x\"y"#)),
        ("b", Value::Object(br#"{"c":[1,"}"]}"#)),
        ("d", Value::Other(br#"[{"e":1}]"#)),
        ("f", Value::Other(b"-1.5e3")),
        ("g", Value::Other(b"null")),
    ];
    assert_eq!(found, wanted.map(|(key, value)| (key.to_owned(), value)));
}

#[test]
fn a_cut_object_has_the_members_before_the_cut() {
    assert_eq!(members(r#"{"a":1,"b":"cut he"#).len(), 2);
    assert_eq!(members(r#"{"a":1,"b":{"c""#).len(), 2);
    assert_eq!(members(r#"{"a":1,"b"#).len(), 1);
    assert_eq!(members(r#"{'a':1}"#).len(), 0);
    assert_eq!(members("not json").len(), 0);
}

#[test]
fn escapes_are_undone() {
    assert_eq!(unescaped(br#"a\"b\\c\nd\"#, 100), b"a\"b\\c\x01d\\");
    assert_eq!(unescaped(b"abc", 2), b"ab");
}

fn text_value() -> impl Strategy<Value = String> {
    "[a-c{}\\[\\]\",:\\\\ \n\u{e9}]{0,8}"
}

fn json_value() -> impl Strategy<Value = Json> {
    let leaf = prop_oneof![
        Just(Json::Null),
        any::<bool>().prop_map(Json::from),
        any::<i32>().prop_map(Json::from),
        text_value().prop_map(Json::from),
    ];
    leaf.prop_recursive(3, 12, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Json::from),
            prop::collection::btree_map(text_value(), inner, 0..4).prop_map(Json::from_iter),
        ]
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1_000))]

    /// A valid object has the members that a complete parser finds, whatever follows it.
    #[test]
    fn members_are_those_of_a_complete_parser(
        object in prop::collection::btree_map(text_value(), json_value(), 0..6),
        spaced in any::<bool>(),
        rest in "(| |, x)",
    ) {
        let json = Json::from_iter(object.clone());
        let mut line = if spaced { serde_json::to_string_pretty(&json) } else { serde_json::to_string(&json) }.unwrap();
        // One line has no line feeds; within texts they are escaped.
        line = line.replace('\n', " ") + &rest;
        let found: Vec<(Json, Json)> = Members::new(line.as_bytes()).map(|(key, value)| {
            let quoted = |text: &[u8]| serde_json::from_slice(&[b"\"", text, b"\""].concat()).unwrap();
            let value = match value {
                Value::Text(text) => quoted(text),
                Value::Object(bytes) | Value::Other(bytes) => serde_json::from_slice(bytes).unwrap(),
            };
            (quoted(key), value)
        }).collect();
        let wanted: Vec<_> = object.into_iter().map(|(key, value)| (Json::from(key), value)).collect();
        prop_assert_eq!(found, wanted, "{}", line);
    }

    /// A cut object has the same members, but for the last one.
    #[test]
    fn a_cut_changes_only_the_last_member(
        object in prop::collection::btree_map(text_value(), json_value(), 0..6),
        cut in any::<prop::sample::Index>(),
    ) {
        let line = serde_json::to_string(&Json::from_iter(object)).unwrap().into_bytes();
        let whole: Vec<_> = Members::new(&line).collect();
        let mut found: Vec<_> = Members::new(&line[..cut.index(line.len())]).collect();
        found.pop();
        prop_assert!(whole.starts_with(&found), "{:?} {:?}", whole, found);
    }

    #[test]
    fn any_bytes_end(bytes in prop::collection::vec(prop::sample::select(b"{}[]\",:\\ a1".to_vec()), 0..60)) {
        prop_assert!(Members::new(&bytes).count() <= bytes.len());
    }

    #[test]
    fn unescaped_text_is_bounded(bytes in prop::collection::vec(any::<u8>(), 0..60), max in 0usize..70) {
        prop_assert!(unescaped(&bytes, max).len() <= max.min(bytes.len()));
    }
}
