//! The reader of JSON against a general one: what one accepts the other accepts, with the same values.

use super::json::{Json, Kind, Malformed};
use proptest::prelude::*;
use serde_json::Value;

fn tree(json: &mut Json<'_>) -> Result<Value, Malformed> {
    Ok(match json.kind()? {
        Kind::Text => Value::String(json.string()?.into_owned()),
        Kind::Number => json.number().map(|text| serde_json::from_str(text).unwrap_or(Value::Null))?,
        Kind::Object => {
            let mut map = serde_json::Map::new();
            let mut next = json.first_name()?;
            while let Some(name) = next {
                map.insert(name.into_owned(), tree(json)?);
                next = json.next_name()?;
            }
            Value::Object(map)
        }
        Kind::List => {
            let mut list = Vec::new();
            let mut more = json.first_item()?;
            while more {
                list.push(tree(json)?);
                more = json.next_item()?;
            }
            Value::Array(list)
        }
        constant => {
            json.constant(constant)?;
            match constant {
                Kind::True => Value::Bool(true),
                Kind::False => Value::Bool(false),
                _ => Value::Null,
            }
        }
    })
}

fn read(text: &str) -> Option<Value> {
    let mut json = Json::new(text);
    let tree = tree(&mut json).ok()?;
    json.end().ok().map(|()| tree)
}

fn skips(text: &str) -> bool {
    let mut json = Json::new(text);
    json.skip().is_ok() && json.end().is_ok()
}

/// Half a surrogate pair is an error to the other reader, and a number can be too large for it.
fn comparable(text: &str) -> bool {
    !text.contains("\\u") && !text.contains(['e', 'E'])
}

fn values() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<i32>().prop_map(|eighths| Value::from(f64::from(eighths) / 8.0)),
        ".*".prop_map(Value::from),
    ];
    leaf.prop_recursive(6, 40, 6, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..6).prop_map(Value::from),
            prop::collection::btree_map(".*", inner, 0..6).prop_map(|map| Value::Object(map.into_iter().collect())),
        ]
    })
}

proptest! {
    #[test]
    fn any_value_reads_back(value in values(), pretty: bool) {
        let text = if pretty { serde_json::to_string_pretty(&value) } else { serde_json::to_string(&value) }.unwrap();
        prop_assert_eq!(read(&text), Some(value));
        prop_assert!(skips(&text));
    }

    #[test]
    fn what_is_nearly_json_is_judged_alike(
        value in values(),
        at: prop::sample::Index,
        new in prop::sample::select(vec!["", " ", "\"", "\\", ",", "]", "{", "}", "[", ":", "0", "-", ".", "\n", "t", "\u{1}"]),
    ) {
        let mut text = serde_json::to_string(&value).unwrap();
        let place = text.floor_char_boundary(at.index(text.len()));
        let end = text.ceil_char_boundary(place + 1);
        text.replace_range(place..end, new);
        prop_assume!(comparable(&text));
        let other = serde_json::from_str::<Value>(&text).ok();
        prop_assert_eq!(read(&text), other.clone(), "{}", text);
        prop_assert_eq!(skips(&text), other.is_some(), "{}", text);
    }

    #[test]
    fn any_text_is_judged_alike(text in r#"[\[\]{}",:0-9.eE+\-truefalsn \\/bu]{0,24}"#) {
        prop_assume!(comparable(&text));
        let other = serde_json::from_str::<Value>(&text).ok();
        prop_assert_eq!(read(&text), other.clone());
        prop_assert_eq!(skips(&text), other.is_some());
    }
}

#[test]
fn escapes_are_read_and_half_pairs_replaced() {
    for (text, expect) in [
        (r#""\"\\\/\b\f\n\r\t""#, "\"\\/\u{8}\u{c}\n\r\t"),
        (r#""\u00f1\u00F1""#, "ññ"),
        (r#""\ud83c\udf89""#, "🎉"),
        (r#""\ud83c""#, "\u{fffd}"),
        (r#""\ud83cx""#, "\u{fffd}x"),
        (r#""\ud83c\u0041""#, "\u{fffd}A"),
        (r#""\udf89\ud83c""#, "\u{fffd}\u{fffd}"),
    ] {
        assert_eq!(read(text), Some(Value::from(expect)), "{text}");
    }
    for text in [r#""\x""#, r#""\u12""#, r#""\u12g4""#, r#""\"#, "\"\u{1}\"", r#"""#] {
        assert_eq!(read(text), None, "{text}");
    }
}

#[test]
fn numbers_are_those_of_json() {
    for text in ["0", "-0", "10", "1.5", "-0.5e-10", "1E+5", "1e400"] {
        assert!(skips(text), "{text}");
    }
    for text in ["01", "+1", ".5", "1.", "1e", "1e+", "-", "0x1", "NaN", "Infinity", "-Infinity", "1_000"] {
        assert!(!skips(text), "{text}");
    }
}

#[test]
fn depth_costs_no_stack_when_a_value_is_passed() {
    let depth = 2_000_000;
    assert!(skips(&format!("{}{}", "[".repeat(depth), "]".repeat(depth))));
    assert!(!skips(&"{\"a\":".repeat(depth)));
}
