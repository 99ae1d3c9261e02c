//! Reading and printing the text form.

use super::parser::OPEN_MAX;
use crate::language::generators::definition;
use crate::language::{DEPTH_MAX, LIST_MAX, NODES_MAX, PATTERNS_MAX, SEQUENCE_STEPS_MAX, TEXT_CHARS_MAX, parse};
use proptest::prelude::*;
use serde_json::{Value, json};

/// Text in its canonical form, and the same in JSON.
const CANONICAL: &[(&str, &str)] = &[
    ("country in (MX, AR)", r#"{"property":"country","in":["MX","AR"]}"#),
    ("country not in (MX, \"a b\", 5, true)", r#"{"property":"country","not_in":["MX","a b",5,true]}"#),
    ("gender is female", r#"{"property":"gender","is":"female"}"#),
    ("gender is not female", r#"{"property":"gender","is_not":"female"}"#),
    ("age is 5", r#"{"property":"age","is":5}"#),
    ("age exactly 5", r#"{"property":"age","exactly":5}"#),
    ("age is \"5\"", r#"{"property":"age","is":"5"}"#),
    ("vip is true", r#"{"property":"vip","is":true}"#),
    ("vip is \"true\"", r#"{"property":"vip","is":"true"}"#),
    ("vip exists", r#"{"property":"vip","exists":true}"#),
    ("vip is missing", r#"{"property":"vip","exists":false}"#),
    ("country in (IN, IS, \"in\")", r#"{"property":"country","in":["IN","IS","in"]}"#),
    ("status is cancelled", r#"{"property":"status","is":"cancelled"}"#),
    ("company.name contains Acme", r#"{"property":"company.name","contains":"Acme"}"#),
    ("\"is\" starts with \"a\\\"\\\\\"", r#"{"property":"is","starts_with":"a\"\\"}"#),
    ("\"clicked\" ends with \"\"", r#"{"property":"clicked","ends_with":""}"#),
    ("city matches \"^le(o|ó)n$\"", r#"{"property":"city","matches":"^le(o|ó)n$"}"#),
    ("age at least 18", r#"{"property":"age","at_least":18}"#),
    ("age more than -1.5", r#"{"property":"age","more_than":-1.5}"#),
    ("age at most 18", r#"{"property":"age","at_most":18}"#),
    ("age less than 18", r#"{"property":"age","less_than":18}"#),
    ("age between 18 and 30", r#"{"property":"age","between":[18,30]}"#),
    ("renews before 2026-03-01", r#"{"property":"renews","before":"2026-03-01"}"#),
    ("renews after 2026-03-01T10:00:00-03:00", r#"{"property":"renews","after":"2026-03-01T10:00:00-03:00"}"#),
    ("renews is 2026-03-01", r#"{"property":"renews","is":"2026-03-01"}"#),
    ("renews within the last 1 day", r#"{"property":"renews","within":{"last":"1d"}}"#),
    ("renews within the next 2 months", r#"{"property":"renews","within":{"next":"2mo"}}"#),
    ("birthday anniversary within the next 7 days", r#"{"property":"birthday","anniversary":{"next":"7d"}}"#),
    ("purchased", r#"{"event":"Order Completed"}"#),
    ("did anything today", r#"{"event":"*","window":{"calendar":"today"}}"#),
    ("did \"anything\" last month", r#"{"event":"anything","window":{"calendar":"last_month"}}"#),
    ("did \"Song Played\" this year", r#"{"event":"Song Played","window":{"calendar":"this_year"}}"#),
    ("viewed a product list", r#"{"event":"Product List Viewed"}"#),
    (
        "purchased at least 2 times in the last 30 days",
        r#"{"event":"Order Completed","count":{"at_least":2},"window":{"last":"30d"}}"#,
    ),
    (
        "purchased exactly 1 time since 2026-01-01",
        r#"{"event":"Order Completed","count":{"exactly":1},"window":{"since":"2026-01-01"}}"#,
    ),
    (
        "did X between 2 and 4 times before 2026-01-01",
        r#"{"event":"X","count":{"between":[2,4]},"window":{"before":"2026-01-01"}}"#,
    ),
    (
        "did X with the sum of total at least 500 between 2026-01-01 and 2026-02-01",
        r#"{"event":"X","sum":{"at_least":500},"of":"total","window":{"between":["2026-01-01","2026-02-01"]}}"#,
    ),
    ("did X with the average of n more than 1", r#"{"event":"X","avg":{"more_than":1},"of":"n"}"#),
    ("did X with the smallest n more than 1", r#"{"event":"X","min":{"more_than":1},"of":"n"}"#),
    ("did X with the largest n less than 1", r#"{"event":"X","max":{"less_than":1},"of":"n"}"#),
    ("did X with the number of different n at least 1", r#"{"event":"X","distinct":{"at_least":1},"of":"n"}"#),
    ("subscribed for the first time in the last 1 hour", r#"{"event":"Subscribed","first":{"last":"1h"}}"#),
    ("subscribed for the last time yesterday", r#"{"event":"Subscribed","last":{"calendar":"yesterday"}}"#),
    (
        "purchased where (a is 1 and b is 2) with an item where (sku is A1 and price at least 5) where (c is 3)",
        r#"{"event":"Order Completed","where":[{"property":"a","is":1},{"property":"b","is":2},
            {"item":[{"property":"sku","is":"A1"},{"property":"price","at_least":5}]},{"property":"c","is":3}]}"#,
    ),
    (
        "spent at least 500.5 MXN without tax and without shipping in the last 90 days",
        r#"{"spent":{"at_least":"500.5","currency":"MXN"},"without":["tax","shipping"],"window":{"last":"90d"}}"#,
    ),
    ("spent between 1 and 2 without shipping", r#"{"spent":{"between":["1","2"]},"without":["shipping"]}"#),
    (
        "viewed a product then not purchased the same product_id within 1 day",
        r#"{"event":"Product Viewed","then_not":{"event":"Order Completed","same":["product_id"],"within":"1d"}}"#,
    ),
    (
        "last did A in the last 2 weeks then did anything then not did C where (n is 1) the same (a, b)",
        r#"{"event":"A","of":"last","window":{"last":"2w"},"then":{"event":"*",
            "then_not":{"event":"C","where":[{"property":"n","is":1}],"same":["a","b"]}}}"#,
    ),
    ("in segment vip", r#"{"segment":"vip"}"#),
    ("not in segment \"a b\"", r#"{"not":{"segment":"a b"}}"#),
    ("entered segment vip in the last 7 days", r#"{"entered":"vip","window":{"last":"7d"}}"#),
    ("12.5 % of (in segment vip) with salt a", r#"{"sample":12.5,"of":{"segment":"vip"},"salt":"a"}"#),
    ("frozen (a is 1 and b is 2)", r#"{"frozen":{"all":[{"property":"a","is":1},{"property":"b","is":2}]}}"#),
    (
        "(a exists and b exists) or c exists",
        r#"{"any":[{"all":[{"property":"a","exists":true},{"property":"b","exists":true}]},{"property":"c","exists":true}]}"#,
    ),
    (
        "not (a exists or b exists) and all of (any of (not not c exists))",
        r#"{"all":[{"not":{"any":[{"property":"a","exists":true},{"property":"b","exists":true}]}},
            {"all":[{"any":[{"not":{"not":{"property":"c","exists":true}}}]}]}]}"#,
    ),
    ("not (did A then did B)", r#"{"not":{"event":"A","then":{"event":"B"}}}"#),
];

#[test]
fn both_forms_say_the_same_and_print_as_they_were_read() {
    for (text, json) in CANONICAL {
        let read = parse(text).unwrap_or_else(|why| panic!("{text}: {why}"));
        assert_eq!(read.to_json(), serde_json::from_str::<Value>(json).unwrap(), "{text}");
        assert_eq!(read.to_line(), *text);
        assert_eq!(parse(json).as_ref(), Ok(&read), "{text}");
        assert_eq!(parse(&read.to_text()), Ok(read), "{text}");
    }
}

#[test]
fn what_can_be_written_in_several_ways_is_printed_in_one() {
    let cases = [
        ("a is 1 and b is 2 or c is 3", "(a is 1 and b is 2) or c is 3"),
        ("((a is 1) and (b is 2))", "a is 1 and b is 2"),
        ("all of (a is 1, b is 2)", "a is 1 and b is 2"),
        ("any of (a is 1 and b is 2, c is 3)", "(a is 1 and b is 2) or c is 3"),
        ("\"country\" is in (\"MX\")", "country is MX"),
        ("a is not in (1, 2)", "a not in (1, 2)"),
        ("a is not missing", "a exists"),
        ("age is at least 18.50", "age at least 18.5"),
        ("age is between 1 and 2", "age between 1 and 2"),
        ("renews is before 2026-01-01", "renews before 2026-01-01"),
        ("renews is within the last 36h", "renews within the last 36 hours"),
        ("bought within the last 30d at least 2 times", "purchased at least 2 times in the last 30 days"),
        ("viewed product today", "viewed a product today"),
        ("added a product to cart", "error"),
        ("added to the cart", "added to cart"),
        ("did \" completed order \"", "purchased"),
        ("did \"*\"", "did anything"),
        ("did X with sum of n at least 1", "did X with the sum of n at least 1"),
        ("did X today for the first time", "did X for the first time today"),
        ("did X where (a is 1, b is 2)", "did X where (a is 1 and b is 2)"),
        ("did X with item where (a is 1)", "did X with an item where (a is 1)"),
        ("spent at least 5 mxn today without tax", "spent at least 5 MXN without tax today"),
        ("did A then did B within 1 mo with the same x", "did A then did B the same x within 1 month"),
        ("10% of (did X)", "10 % of (did X)"),
        ("a is 1e3", "a is 1000"),
        ("a is 100000000000000000000", "a is \"100000000000000000000\""),
        ("a is \"\\u{41}b\" # told\n\n# more\nand\tb is 1", "a is Ab and b is 1"),
        ("\u{feff}a is 1", "a is 1"),
    ];
    for (text, printed) in cases {
        match parse(text) {
            Ok(read) => assert_eq!(read.to_line(), printed, "{text}"),
            Err(why) => assert_eq!(printed, "error", "{text}: {why}"),
        }
    }
}

#[test]
fn long_definitions_are_wrapped() {
    let text = "country in (MX, AR)
  and gender is female
  and (purchased at least 2 times in the last 30 days
    or spent at least 500 MXN in the last 90 days)
  and not (clicked a link in the last 60 days
    or (did A where (first_name is missing)
      and did B where (first_name is missing))
    or did C)
  and 10 % of (viewed a product then not purchased the same product_id within 1 day
    and in segment vip)";
    let read = parse(text).unwrap();
    assert_eq!(read.to_text(), text);
    assert_eq!(parse(&read.to_line()), Ok(read));
}

/// What is wrong, and what is told of it: line, column, message.
const MISTAKES: &[(&str, &str)] = &[
    ("a is 1\n  and not (purchsed at least 2 times)", "2:12 unknown verb \"purchsed\"; did you mean \"purchased\"?"),
    ("purchsed in the last 30 days", "1:1 unknown verb \"purchsed\"; did you mean \"purchased\"?"),
    ("purchsed", "1:1 unknown verb \"purchsed\"; did you mean \"purchased\"?"),
    ("Purchased today", "1:1 unknown verb \"Purchased\"; did you mean \"purchased\"?"),
    ("clickd a link", "1:1 unknown verb \"clickd\"; did you mean \"clicked a link\"?"),
    ("vieewd the prodct", "1:1 unknown verb \"vieewd\"; did you mean \"viewed a product\"?"),
    ("viewed a prodct", "1:1 \"viewed\" what? Expected \"viewed a product\", \"viewed a product list\","),
    ("played today", "1:1 unknown verb \"played\"; other events are asked for by name: did \"Song Played\""),
    ("country iz MX", "1:9 unknown operator \"iz\"; did you mean \"is\"?"),
    ("country star with MX", "1:9 unknown operator \"star\"; did you mean \"starts with\"?"),
    ("country starts wit MX", "1:16 expected \"with\", found \"wit\"; did you mean \"with\"?"),
    ("country", "1:8 expected an operator such as \"is\", \"in\", \"at least\" or \"exists\", found the end"),
    ("country is and b is 1", "1:12 \"and\" is a word of the language; quote it to mean the text"),
    ("country is", "1:11 expected text, a number, true or false, found the end of the definition"),
    (
        "city is Mexico City",
        "1:16 expected \"and\", \"or\" or the end of the definition, found \"City\"; text of several",
    ),
    (
        "a is 1 adn b is 2",
        "1:8 expected \"and\", \"or\" or the end of the definition, found \"adn\"; did you mean \"and\"?",
    ),
    (
        "a is 1 AND b is 2",
        "1:8 expected \"and\", \"or\" or the end of the definition, found \"AND\"; did you mean \"and\"?",
    ),
    ("NOT purchased", "1:1 did you mean \"not\"? Words of the language are written in small letters"),
    ("subscribed is true", "1:1 \"subscribed\" is a verb; quote it to mean a property of this name"),
    ("where is 1", "1:1 expected a condition, found \"where\""),
    ("a is 1 and", "1:11 expected a condition, found the end of the definition"),
    ("a in MX", "1:6 expected \"(\", found \"MX\""),
    ("a in (MX", "1:6 the parenthesis is not closed"),
    ("a in (MX AR)", "1:10 expected \",\" or \")\", found \"AR\""),
    ("a in ()", "1:7 expected text, a number, true or false, found \")\""),
    ("(a is 1", "1:1 the parenthesis is not closed"),
    ("a is 1)", "1:7 expected \"and\", \"or\" or the end of the definition, found \")\""),
    ("a is 30d", "1:6 expected text, found \"30d\"; quote it to mean the text"),
    ("a contains 5", "1:12 expected text, found \"5\"; quote it to mean the text"),
    ("a at least many", "1:12 expected a number, found \"many\""),
    ("a at lest 5", "1:6 expected \"least\" or \"most\", found \"lest\"; did you mean \"least\"?"),
    ("a between 2 and 1", "1:3 the first number is greater than the second"),
    ("a before 2026-02-30", "1:10 expected an instant"),
    ("a before tomorrow", "1:10 expected a day such as 2026-03-01"),
    ("a matches \"(a\"", "1:11 no regular expression: unclosed group"),
    ("a anniversary within the last 7 days", "1:26 expected \"next\", found \"last\""),
    ("a within the last week", "1:19 expected a length of time such as \"30 days\", found \"week\""),
    (
        "a within the last 3 dayz",
        "1:21 expected minutes, hours, days, weeks, months or years, found \"dayz\"; did you mean \"days\"?",
    ),
    ("a within the last 0 days", "1:19 expected a length from 1 unit to 100 years"),
    ("a within the last 2.5 days", "1:19 expected a length of time"),
    ("\"\" is 1", "1:1 expected the name of a property"),
    ("did in the last 3 days", "1:5 \"in\" is a word of the language; quote it to mean the text"),
    ("did \" \"", "1:5 expected an event's name"),
    ("did X at least 2", "1:17 expected \"times\" or \"time\", found the end"),
    ("did X at least 2 times at most 3 times", "1:24 a second measure: a condition has one"),
    ("did X today since 2026-01-01", "1:13 a second window: a condition has one"),
    ("did X for the first time", "1:7 expected a window too"),
    ("did X in segment vip", "1:10 expected \"the\", found \"segment\""),
    ("did X this yeer", "1:12 expected \"week\", \"month\" or \"year\", found \"yeer\"; did you mean \"year\"?"),
    ("did X between 2026-03-01 and 2026-03-01", "1:7 ends before it begins"),
    ("did X where a is 1", "1:13 expected \"(\", found \"a\""),
    ("did X where (a is 1 or b is 2)", "1:21 tests of one event are joined by \"and\""),
    ("did X where (an item where (a is 1))", "1:14 line items are asked for behind the parenthesis"),
    ("did X with a sum of n at least 1", "1:12 expected \"sum\", \"average\""),
    ("did X the same y", "1:7 \"the same\" ties a step after \"then\""),
    ("did X within 7 days", "1:7 \"within\" a length belongs to a step after \"then\""),
    ("did X at least 2 times then did Y", "1:7 a step of a sequence is not counted or measured"),
    ("did X then did Y today", "1:18 only the first step of a sequence has a window"),
    ("did X then not did Y then did Z", "1:22 nothing follows what did not happen"),
    ("did X then purchsed", "1:12 unknown verb \"purchsed\"; did you mean \"purchased\"?"),
    ("did X then did Y the same (a, a)", "1:31 expected the name of a property, once"),
    ("last did X", "1:11 expected \"then\": \"last\" begins a sequence, found the end"),
    ("not did X then did Y", "1:1 what is not: the first step, or all of it?"),
    ("spent at least 5 pesos", "1:18 expected an ISO 4217 code such as \"MXN\""),
    ("spent at least 5 without taxes", "1:26 expected \"tax\" or \"shipping\", found \"taxes\""),
    ("spent 5", "1:7 expected \"at\", \"more\", \"less\", \"exactly\" or \"between\", found \"5\""),
    ("in segmnt vip", "1:4 expected \"segment\", found \"segmnt\"; did you mean \"segment\"?"),
    ("entered segment \"\"", "1:17 expected the id of a segment"),
    ("101 % of (did X)", "1:1 expected a percentage above 0, up to 100"),
    ("10 % of did X", "1:9 expected \"(\", found \"did\""),
    ("a is 1 and frozen (did X)", "1:12 \"frozen\" stands at the top alone"),
    ("not frozen (did X)", "1:5 \"frozen\" stands at the top alone"),
    ("# nothing\n", "2:1 expected a condition, found nothing"),
    ("", "1:1 expected a condition, found nothing"),
];

#[test]
fn mistakes_are_named_with_their_place() {
    for (text, expected) in MISTAKES {
        let error = parse(text).unwrap_err();
        let place = error.position.unwrap();
        let told = format!("{}:{} {}", place.line, place.column, error.message);
        assert!(told.starts_with(expected), "{text}\n  {told}\n  {expected}");
        assert!(error.to_string().starts_with(&format!("line {}, column {}: ", place.line, place.column)));
    }
}

fn refused(text: &str) -> String {
    parse(text).unwrap_err().to_string()
}

#[test]
fn every_limit_of_json_holds_on_both_sides() {
    let nested = |levels: usize| format!("{}did X", "not ".repeat(levels));
    assert!(parse(&nested(DEPTH_MAX)).is_ok());
    assert!(refused(&nested(DEPTH_MAX + 1)).contains("nested deeper than 24 levels"));
    assert!(refused(&nested(50_000)).contains("are open"));
    let closed = |levels: usize| format!("{}did X{}", "(".repeat(levels), ")".repeat(levels));
    assert!(parse(&closed(OPEN_MAX)).is_ok());
    assert!(refused(&closed(OPEN_MAX + 1)).contains("more than 72 parentheses"));
    let deepest = |levels: usize| format!("{}did X{}", "not (did Y or ".repeat(levels), ")".repeat(levels));
    assert!(parse(&deepest(DEPTH_MAX / 2)).is_ok());
    assert!(refused(&deepest(DEPTH_MAX / 2 + 1)).contains("nested deeper"));

    let wide = |count: usize| vec!["did X"; count].join(" or ");
    assert!(parse(&wide(NODES_MAX - 1)).is_ok());
    assert!(refused(&wide(NODES_MAX)).contains("more than 500 groups"));
    let filters = |count: usize| format!("did X where ({})", vec!["p is 1"; count].join(" and "));
    assert!(parse(&filters(NODES_MAX - 1)).is_ok());
    assert!(refused(&filters(NODES_MAX)).contains("more than 500"));

    let list = |count: usize| format!("x in ({})", vec!["1"; count].join(","));
    assert!(parse(&list(LIST_MAX)).is_ok());
    assert!(refused(&list(LIST_MAX + 1)).contains("expected 1 to 1000 entries"));

    let text = |count: usize| format!("x is \"{}\"", "\u{f3}".repeat(count));
    assert!(parse(&text(TEXT_CHARS_MAX)).is_ok());
    assert!(refused(&text(TEXT_CHARS_MAX + 1)).contains("longer than 1000 characters"));
    assert!(refused(&format!("{} is 1", "x".repeat(TEXT_CHARS_MAX + 1))).contains("longer than 1000 characters"));

    let patterns = |count: usize| vec!["x matches a"; count].join(" and ");
    assert!(parse(&patterns(PATTERNS_MAX)).is_ok());
    assert!(refused(&patterns(PATTERNS_MAX + 1)).contains("more than 20 regular expressions"));

    let steps = |count: usize| vec!["did X"; count].join(" then ");
    assert!(parse(&steps(SEQUENCE_STEPS_MAX)).is_ok());
    assert!(refused(&steps(SEQUENCE_STEPS_MAX + 1)).contains("more than 5 steps"));
    let same = |names: &str| format!("did X then did Y the same ({names})");
    assert!(parse(&same("a, b, c, d, e")).is_ok());
    assert!(refused(&same("a, b, c, d, e, f")).contains("more than 5 properties"));

    let long = |bytes: usize| format!("did X{}", " ".repeat(bytes - 5));
    assert!(parse(&long(crate::language::DEFINITION_BYTES_MAX)).is_ok());
    assert!(refused(&long(crate::language::DEFINITION_BYTES_MAX + 1)).contains("longer than 262144 bytes"));
}

#[test]
fn references_are_told_with_their_place() {
    let read = crate::language::parse_text("in segment vip\n  and entered segment \"a b\" today").unwrap();
    let places: Vec<(&str, usize, usize)> =
        read.references.iter().map(|(id, at)| (id.as_str(), at.line, at.column)).collect();
    assert_eq!(places, [("vip", 1, 12), ("a b", 2, 23)]);
}

/// Tokens of the language, mostly in the wrong place.
fn soup() -> impl Strategy<Value = String> {
    let tokens = vec![
        "and",
        "or",
        "not",
        "(",
        ")",
        ",",
        "%",
        "is",
        "in",
        "the",
        "last",
        "next",
        "within",
        "30",
        "days",
        "30d",
        "of",
        "at",
        "least",
        "between",
        "2026-01-01",
        "purchased",
        "viewed",
        "a",
        "product",
        "did",
        "anything",
        "then",
        "same",
        "where",
        "with",
        "an",
        "item",
        "times",
        "for",
        "first",
        "time",
        "spent",
        "MXN",
        "without",
        "tax",
        "segment",
        "entered",
        "frozen",
        "all",
        "any",
        "x",
        "\"y z\"",
        "5",
        "sum",
        "since",
        "today",
        "this",
        "week",
        "exists",
        "missing",
        "matches",
        "starts",
        "#",
        "\n",
        "\"",
        "salt",
        "10 % of (",
        "true",
    ];
    prop::collection::vec(prop::sample::select(tokens), 0..25).prop_map(|tokens| tokens.join(" "))
}

proptest! {
    #[test]
    fn printing_and_reading_give_the_same_definition(definition in definition()) {
        for printed in [definition.to_text(), definition.to_line()] {
            let read = parse(&printed);
            prop_assert_eq!(read.as_ref(), Ok(&definition), "{}", printed);
        }
        let printed = definition.to_text();
        prop_assert_eq!(parse(&printed).map(|read| read.to_text()), Ok(printed));
    }

    #[test]
    fn text_and_json_agree(definition in definition()) {
        let from_json = parse(&definition.to_json().to_string()).unwrap();
        let from_text = parse(&definition.to_text()).unwrap();
        prop_assert_eq!(from_json.to_text(), definition.to_text());
        prop_assert_eq!(from_text.to_json(), definition.to_json());
    }

    #[test]
    fn no_soup_of_tokens_is_too_odd(soup in soup(), text in "\\PC{0,40}", cut in 0..200usize) {
        for text in [soup, text] {
            if let Ok(definition) = parse(&text) {
                prop_assert_eq!(parse(&definition.to_text()), Ok(definition));
            }
        }
        // A definition that breaks off.
        let whole = CANONICAL[cut % CANONICAL.len()].0;
        let part: String = whole.chars().take(cut).collect();
        if let Ok(definition) = parse(&part) {
            prop_assert_eq!(parse(&definition.to_text()), Ok(definition));
        }
    }

    #[test]
    fn every_error_has_a_place_in_the_text(soup in soup()) {
        if let Err(error) = parse(&soup) {
            let place = error.position.unwrap();
            let line = soup.split('\n').nth(place.line - 1).unwrap();
            prop_assert!(place.column >= 1 && place.column <= line.chars().count() + 1, "{}: {}", soup, error);
        }
    }
}

#[test]
fn json_by_hand_is_read_too() {
    let value = json!({"all": [{"event": "X"}]});
    assert_eq!(parse(&format!("\n  {value}")).unwrap().to_text(), "all of (did X)");
}
