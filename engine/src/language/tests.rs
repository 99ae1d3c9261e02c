//! Reading and printing definitions.

use super::generators::definition;
use super::*;
use crate::plan::Referred;
use proptest::prelude::*;
use serde_json::{Value, json};

const CANONICAL: &[&str] = &[
    r#"{"all":[{"property":"country","in":["MX","AR"]},{"not":{"event":"Link Clicked","window":{"last":"60d"}}}]}"#,
    r#"{"any":[{"count":{"at_least":2},"event":"*","window":{"last":"1mo"}},{"property":"age","between":[18,30]}]}"#,
    r#"{"spent":{"at_least":"500.5","currency":"MXN"},"window":{"calendar":"this_month"}}"#,
    r#"{"spent":{"between":["1","2.5"]}}"#,
    r#"{"event":"Played","of":"total","avg":{"more_than":10.25},"where":[{"item":[{"property":"sku","is":"A1"}]}]}"#,
    r#"{"event":"*","first":{"between":["2026-01-01","2026-02-01"]}}"#,
    r#"{"event":"*","last":{"since":"2026-01-01T00:00:00-06:00"},"where":[{"property":"n","not_in":[1,"x",true]}]}"#,
    r#"{"property":"birthday","anniversary":{"next":"7d"}}"#,
    r#"{"event":"Product Viewed","then_not":{"event":"Order Completed","same":["product_id"],"within":"1d"}}"#,
    r#"{"event":"A","of":"last","then":{"event":"*","then_not":{"event":"C","where":[{"property":"n","is":1}]}}}"#,
    r#"{"segment":"vip"}"#,
    r#"{"entered":"vip","window":{"last":"7d"}}"#,
    r#"{"sample":12.5,"of":{"segment":"vip"},"salt":"a"}"#,
    r#"{"frozen":{"spent":{"at_least":"500"},"without":["tax","shipping"]}}"#,
    r#"{"property":"renews","within":{"last":"2y"}}"#,
    r#"{"property":"vip","exists":false}"#,
    r#"{"property":"vip","is":true}"#,
    r#"{"property":"city","matches":"^le(o|\u00f3)n$"}"#,
];

fn refused(text: &str) -> String {
    parse(text).unwrap_err().to_string()
}

#[test]
fn a_canonical_form_prints_as_it_was_read() {
    for text in CANONICAL {
        let parsed = parse(text).unwrap();
        assert_eq!(parsed.to_json(), serde_json::from_str::<Value>(text).unwrap());
        assert_eq!(parse(&parsed.to_json().to_string()).unwrap(), parsed);
    }
}

#[test]
fn what_can_be_written_in_several_ways_is_printed_in_one() {
    let cases = [
        (r#"{"property":"x","in":["a"]}"#, json!({"property": "x", "is": "a"})),
        (r#"{"property":"x","exactly":"5.0"}"#, json!({"property": "x", "exactly": 5})),
        (
            r#"{"event":"completed order","count":{"is":2}}"#,
            json!({"event": "Order Completed", "count": {"exactly": 2}}),
        ),
        (
            r#"{"event":" Played ","window":{"calendar":"This Week"}}"#,
            json!({"event": "Played", "window": {"calendar": "this_week"}}),
        ),
        (r#"{"spent":{"at_least":500,"currency":"mxn"}}"#, json!({"spent": {"at_least": "500", "currency": "MXN"}})),
        (r#"{"event":"x","window":{"last":" 07 d"}}"#, json!({"event": "x", "window": {"last": "7d"}})),
        (r#"{"property":"x","is":1e20}"#, json!({"property": "x", "is": "100000000000000000000"})),
    ];
    for (text, printed) in cases {
        let parsed = parse(text).unwrap();
        assert_eq!(parsed.to_json(), printed, "{text}");
        assert_eq!(parse(&printed.to_string()).unwrap(), parsed, "{text}");
    }
}

#[test]
fn mistakes_are_named_with_their_place() {
    let cases = [
        (r#"{"all":[{"propery":"x","is":1}]}"#, "all[0]: unknown key \"propery\"; did you mean \"property\"?"),
        (r#"{"event":"x","window":{"last":"30x"}}"#, "window.last: expected a length such as \"30d\""),
        (r#"{"event":"x","window":{"lst":"30d"}}"#, "window: unknown key \"lst\"; did you mean \"last\"?"),
        (
            r#"{"event":"x","window":{"calendar":"this yeer"}}"#,
            "unknown word \"this_yeer\"; did you mean \"this_year\"?",
        ),
        (r#"{"event":"x","cuont":{"at_least":1}}"#, "did you mean \"count\"?"),
        (r#"{"event":"x","count":{"at_lest":1}}"#, "count: unknown key \"at_lest\"; did you mean \"at_least\"?"),
        (r#"{"event":"x","count":{}}"#, "count: expected a comparison"),
        (r#"{"event":"x","count":{"at_least":1,"at_most":2}}"#, "count: expected one comparison"),
        (r#"{"event":"x","count":{"between":[2,1]}}"#, "count.between: the first number is greater"),
        (r#"{"event":"x","sum":{"at_least":1}}"#, "\"sum\" needs \"of\""),
        (r#"{"event":"x","count":{"at_least":1},"of":"n"}"#, "\"of\" can't stand beside \"count\""),
        (r#"{"event":"x","of":"n"}"#, "\"of\" needs sum, avg, min, max or distinct"),
        (r#"{"event":"x","count":{"is":1},"last":{"last":"1d"}}"#, "can't stand beside"),
        (r#"{"event":"x","first":{"last":"1d"},"window":{"last":"1d"}}"#, "carry their own window"),
        (r#"{"event":" "}"#, "event: expected an event's name"),
        (r#"{"event":"x","where":[{"item":[{"property":"sku"}]}]}"#, "where[0].item[0]: expected an operator"),
        (r#"{"event":"x","where":[{"item":[],"property":"x"}]}"#, "where[0]: \"item\" stands alone"),
        (r#"{"property":"x","is_nt":1}"#, "did you mean \"is_not\"?"),
        (r#"{"property":"x","is":1,"contains":"a"}"#, "expected one operator"),
        (r#"{"property":"x","in":["a",{"b":1}]}"#, "in[1]: expected text, a number, true or false"),
        (r#"{"property":"x","is":null}"#, "is: expected text"),
        (r#"{"property":"","is":1}"#, "expected the name of a property"),
        (r#"{"any":[{"property":"x","matches":"(a"}]}"#, "any[0].matches: no regular expression: unclosed group"),
        (r#"{"property":"x","anniversary":{"last":"7d"}}"#, "anniversary: expected {\"next\": \"7d\"}"),
        (r#"{"property":"x","before":"2026-03-01T12:00"}"#, "before: expected an instant"),
        (r#"{"event":"x","window":{"between":["2026-03-01","2026-03-01"]}}"#, "window.between: ends before it begins"),
        (r#"{"segment":7}"#, "segment: expected text"),
        (r#"{"entered":"vip","windw":{"last":"7d"}}"#, "unknown key \"windw\"; did you mean \"window\"?"),
        (r#"{"sample":10}"#, "\"sample\" needs \"of\": a definition"),
        (r#"{"sample":101,"of":{"event":"x"}}"#, "sample: expected a percentage above 0, up to 100"),
        (r#"{"all":[{"frozen":{"event":"x"}}]}"#, "all[0]: \"frozen\" stands at the top alone"),
        (r#"{"spent":{"at_least":"5"},"without":["taxes"]}"#, "without[0]: unknown part of an amount \"taxes\""),
        (r#"{"event":"x","count":{"at_least":2},"then":{"event":"y"}}"#, "unknown key \"count\""),
        (r#"{"event":"x","of":"all","then":{"event":"y"}}"#, "of: unknown word \"all\""),
        (r#"{"event":"x","then":{"event":"y"},"then_not":{"event":"y"}}"#, "can't stand beside \"then\""),
        (
            r#"{"event":"x","then_not":{"event":"y","then":{"event":"z"}}}"#,
            "then_not: nothing follows what did not happen",
        ),
        (
            r#"{"event":"x","then":{"event":"y","same":["a","a"]}}"#,
            "then.same[1]: expected the name of a property, once",
        ),
        (
            r#"{"event":"1","then":{"event":"2","then":{"event":"3","then":{"event":"4","then":{"event":"5","then_not":{"event":"6"}}}}}}"#,
            "then.then.then.then.then_not: more than 5 steps",
        ),
        (r#"{"all":[]}"#, "all: expected 1 to 1000 entries"),
        (r#"{"all":[{"event":"x"}],"any":[]}"#, "\"any\" can't stand beside \"all\""),
        (r#"{"not":[{"event":"x"}]}"#, "not: expected an object"),
        (r#"{"spent":{"at_least":"many"}}"#, "spent.at_least: expected a number"),
        (r#"{"spent":{"at_least":"1","currency":"pesos"}}"#, "spent.currency: expected an ISO 4217 code"),
        (r#"{"event":"x","event":"y"}"#, "\"event\" is given twice"),
        ("{}", "definition: expected a condition, found nothing"),
        ("{nonsense", "definition: no JSON"),
        ("[]", "line 1, column 1: unexpected \"[\""),
        ("nonsense", "line 1, column 9: expected an operator"),
    ];
    for (text, expected) in cases {
        let error = refused(text);
        assert!(error.contains(expected), "{text}: {error}");
    }
}

#[test]
fn every_limit_holds_on_both_sides() {
    let nested = |levels: usize| format!("{}{}{}", r#"{"not":"#.repeat(levels), r#"{"event":"x"}"#, "}".repeat(levels));
    assert!(parse(&nested(DEPTH_MAX)).is_ok());
    assert!(refused(&nested(DEPTH_MAX + 1)).contains("nested deeper than 24 levels"));
    assert!(refused(&nested(500)).contains("no JSON: recursion limit exceeded"));

    let wide = |count: usize| json!({"any": vec![json!({"event": "x"}); count]}).to_string();
    assert!(parse(&wide(NODES_MAX - 1)).is_ok());
    assert!(refused(&wide(NODES_MAX)).contains("more than 500 groups"));
    let filters =
        |count: usize| json!({"event": "x", "where": vec![json!({"property": "p", "is": 1}); count]}).to_string();
    assert!(parse(&filters(NODES_MAX - 1)).is_ok());
    assert!(refused(&filters(NODES_MAX)).contains("where[499]: more than 500"));

    let list = |count: usize| json!({"property": "x", "in": vec![1; count]}).to_string();
    assert!(parse(&list(LIST_MAX)).is_ok());
    assert!(refused(&list(LIST_MAX + 1)).contains("in: expected 1 to 1000 entries"));

    let text = |count: usize| json!({"property": "x", "is": "\u{f3}".repeat(count)}).to_string();
    assert!(parse(&text(TEXT_CHARS_MAX)).is_ok());
    assert!(refused(&text(TEXT_CHARS_MAX + 1)).contains("is: longer than 1000 characters"));

    let patterns = |count: usize| json!({"all": vec![json!({"property": "x", "matches": "a"}); count]}).to_string();
    assert!(parse(&patterns(PATTERNS_MAX)).is_ok());
    assert!(refused(&patterns(PATTERNS_MAX + 1)).contains("all[20].matches: more than 20 regular expressions"));

    let long = |bytes: usize| format!("{}{}", r#"{"event":"x"}"#, " ".repeat(bytes - 13));
    assert!(parse(&long(DEFINITION_BYTES_MAX)).is_ok());
    assert!(refused(&long(DEFINITION_BYTES_MAX + 1)).contains("longer than 262144 bytes"));

    for span in ["1m", "100y", "1200mo"] {
        assert!(parse(&json!({"event": "x", "window": {"last": span}}).to_string()).is_ok(), "{span}");
    }
    for span in ["0d", "101y", "-1d", "1.5d", "d", "", "99999999999999999999d"] {
        assert!(parse(&json!({"event": "x", "window": {"last": span}}).to_string()).is_err(), "{span}");
    }
}

/// JSON made of the language's own words, mostly in the wrong place.
fn jumble() -> impl Strategy<Value = Value> {
    let words = vec![
        "all",
        "any",
        "not",
        "property",
        "event",
        "spent",
        "window",
        "where",
        "item",
        "last",
        "next",
        "between",
        "is",
        "in",
        "count",
        "sum",
        "of",
        "first",
        "currency",
        "matches",
        "within",
        "30d",
        "*",
        "2026-01-01",
        "calendar",
        "today",
    ];
    let word = prop::sample::select(words);
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        word.clone().prop_map(Value::from),
    ];
    leaf.prop_recursive(5, 30, 4, move |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::vec((word.clone(), inner), 0..4)
                .prop_map(|entries| entries.into_iter().map(|(key, value)| (key.to_owned(), value)).collect()),
        ]
    })
}

proptest! {
    #[test]
    fn printing_and_reading_give_the_same_definition(definition in definition()) {
        let printed = definition.to_json().to_string();
        let read = parse(&printed);
        prop_assert_eq!(read.as_ref(), Ok(&definition), "{}", printed);
        prop_assert_eq!(read.map(|read| read.to_json().to_string()), Ok(printed));
    }

    #[test]
    fn whatever_can_be_read_can_be_compiled_in_every_zone(definition in definition()) {
        for zone in ["UTC", "America/Sao_Paulo", "Pacific/Apia"] {
            let zone = jiff::tz::TimeZone::get(zone).unwrap();
            prop_assert!(crate::plan::compile(&definition, zone, "MXN", 30, &|_| Ok(Referred::Held)).is_ok());
        }
    }

    #[test]
    fn no_text_is_too_odd_to_be_refused(json in jumble(), text in ".{0,40}") {
        if let Ok(definition) = parse(&json.to_string()) {
            prop_assert_eq!(parse(&definition.to_json().to_string()), Ok(definition));
        }
        prop_assert!(parse(&text).is_err());
    }
}
