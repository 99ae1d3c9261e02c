use super::*;
use model::Value;
use serde_json::json;

fn of(expression: &str, thing: &str) -> Rcvar {
    let thing = Rcvar::new(crate::exact::read(thing).unwrap());
    compile(expression).unwrap().of(&thing).unwrap()
}

fn says(expression: &str, thing: &str) -> Option<String> {
    text(&of(expression, thing))
}

#[test]
fn amounts_and_ids_keep_every_digit() {
    let order = r#"{"id": 12345678901234567890123, "total": 10.50, "paid": "3.10", "cents": 123456, "q": "2"}"#;
    for (expression, expected) in [
        ("id", "12345678901234567890123"),
        ("total", "10.50"),
        ("plus(total, paid)", "13.60"),
        ("minus(total, paid)", "7.40"),
        ("times(total, q)", "21.00"),
        ("shift(cents, '2')", "1234.56"),
        ("shift(q, '-2')", "200"),
        ("minor(cents, 'clp')", "123456"),
        ("minor(cents, 'KWD')", "123.456"),
        ("sum([total, paid, nothing])", "13.60"),
        ("more(total, '9.5') && 'dear'", "dear"),
        ("same(total, '10.5') && 'same'", "same"),
        ("concat('order:', id)", "order:12345678901234567890123"),
    ] {
        assert_eq!(says(expression, order).as_deref(), Some(expected), "{expression}");
    }
    let number = property(&of("number(total)", order)).unwrap();
    assert_eq!(number, Value::Number("10.50".parse().unwrap()));
    let lines = r#"{"products": [{"name": "Taza", "price": 7.10, "quantity": "2", "extra": null}]}"#;
    let list = property(&of("products[].{name: name, price: number(price), extra: extra}", lines)).unwrap();
    assert_eq!(list.to_json(), json!([{"name": "Taza", "price": 7.1}]));
}

#[test]
fn what_is_not_there_is_nothing_and_no_error() {
    for expression in
        ["a.b.c", "concat('x', a)", "number(a)", "time(a)", "contains(a, 'x')", "lower(a)", "a[0]", "a[].b", "email(a)"]
    {
        assert!(!of(expression, "{}").is_truthy(), "{expression}");
    }
    assert_eq!(says("a || b || 'else'", r#"{"a": "", "b": null}"#).as_deref(), Some("else"));
    assert_eq!(says("if(a == 'x', 'yes', 'no')", r#"{"a": "x"}"#).as_deref(), Some("yes"));
    assert_eq!(says("contains(ids, '7') && 'in'", r#"{"ids": [6, 7]}"#).as_deref(), Some("in"));
    assert_eq!(says("join(', ', ids)", r#"{"ids": [6, null, 7]}"#).as_deref(), Some("6, 7"));
    assert_eq!(says("count(ids)", r#"{"ids": [6, 7]}"#).as_deref(), Some("2"));
}

#[test]
fn times_come_in_many_forms() {
    for (text, expected) in [
        ("2022-02-23T12:25:18+0000", "2022-02-23T12:25:18.000000Z"),
        ("2022-02-23T12:25:18-0300", "2022-02-23T15:25:18.000000Z"),
        ("2022-02-23T12:25:18-03:00", "2022-02-23T15:25:18.000000Z"),
        ("2022-02-23 12:25:18", "2022-02-23T12:25:18.000000Z"),
        ("2022-02-23 12:25:18.500000", "2022-02-23T12:25:18.500000Z"),
        ("1645619118", "2022-02-23T12:25:18.000000Z"),
        ("1645619118000", "2022-02-23T12:25:18.000000Z"),
    ] {
        let thing = json!({ "at": text }).to_string();
        assert_eq!(says("time(at)", &thing).as_deref(), Some(expected), "{text}");
    }
    let zoned = "time('23/02/2022 12:25', '%d/%m/%Y %H:%M', 'America/Sao_Paulo')";
    assert_eq!(says(zoned, "{}").as_deref(), Some("2022-02-23T15:25:00.000000Z"));
    assert_eq!(says("time('soon')", "{}"), None);
    assert_eq!(says("time('0')", "{}"), None);
}

#[test]
fn what_is_wrong_is_told_with_its_place() {
    for (expression, offset, expected) in [
        ("custmer.", 8, "Expected identifier"),
        ("lowr(a)", 0, "there is no function lowr; did you mean lower?"),
        ("a || avg(b)", 5, "there is no function avg"),
        ("a == `1`", 5, "write '1'"),
        ("shift(a)", 0, "shift takes 2 arguments, not 1"),
        ("a[99999]", 2, "at most 10000"),
        ("", 0, "expected an expression"),
        ("a[][][][]", 0, "at most 3 times []"),
    ] {
        let error = compile(expression).unwrap_err();
        assert!(error.why.contains(expected), "{expression}: {error:?}");
        assert!(error.offset.abs_diff(offset) <= 7, "{expression}: {error:?}");
    }
}

#[test]
fn nothing_that_is_written_makes_it_hang_or_panic() {
    let deep = ["(".repeat(900), "!".repeat(900), "[".repeat(500), "a".repeat(5_000), "&".repeat(100)];
    assert!(deep.iter().all(|text| compile(text).is_err()));
    // Doubled again and again.
    let doubled = vec!["[@,@][]"; 100].join("|");
    assert!(compile(&doubled).is_err());
    let joined = vec!["concat(@,@)"; 60].join("|");
    assert!(!of(&joined, "\"abc\"").is_truthy());
    // Every beginning and every middle of what is right.
    let right = "merge({a: items[?price > '1'].{x: join('-', [a, b])}}, `{\"k\": [true]}`) | sort_by(keys(@), &@)[-1:]";
    let thing = Rcvar::new(crate::exact::read(r#"{"items": [{"price": "2", "a": 1}], "a": [1]}"#).unwrap());
    let places: Vec<usize> = right.char_indices().map(|(place, _)| place).collect();
    for from in &places {
        for to in &places {
            if let Some(Ok(expression)) = right.get(*from..*to).map(compile) {
                let _ = expression.of(&thing);
            }
        }
    }
}
