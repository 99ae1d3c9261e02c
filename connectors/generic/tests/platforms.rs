//! The descriptions that are shipped are right, and what is wrong with one is told with its place.

use segmentd_connector_generic::read;

const TIENDANUBE: &str = include_str!("../platforms/tiendanube.toml");
const BREVO: &str = include_str!("../platforms/brevo.toml");

#[test]
fn the_shipped_descriptions_are_right() {
    for (name, text) in [("tiendanube", TIENDANUBE), ("brevo", BREVO)] {
        match read(&format!("{name}.toml"), text) {
            Ok(description) => assert_eq!(description.name(), name),
            Err(problems) => panic!("{problems}"),
        }
    }
}

/// The problems of a description that is changed in one place.
fn problems(text: &str, from: &str, to: &str) -> String {
    assert!(text.contains(from), "{from}");
    let changed = text.replacen(from, to, 1);
    let problems = read("f.toml", &changed).map(|_| ()).unwrap_err();
    let line = changed.lines().position(|line| line.contains(to.lines().next().unwrap())).unwrap() + 1;
    let said = problems.to_string();
    assert!(said.contains(&format!("f.toml:{line}:")), "expected line {line}: {said}");
    said
}

#[test]
fn what_is_wrong_is_told_with_line_column_and_the_nearest_name() {
    for (from, to, column, why) in [
        ("signs = \"digits\"", "sings = \"digits\"", 1, "there is no key sings; did you mean signs?"),
        ("signs = \"digits\"", "signs = \"digit\"", 9, "there is no digit; did you mean digits?"),
        ("header = \"x-linked", "headre = \"x-linked", 1, "did you mean header?"),
        ("fetch = \"order\"", "fetch = \"oder\"", 9, "no [[things]] are of the kind oder; did you mean order?"),
        ("status = \"status\"", "status = \"lowr(status)\"", 11, "there is no function lowr; did you mean lower?"),
        ("/orders/{id}", "/orders/{ident}", 18, "{ident} means nothing here; did you mean id?"),
        ("total = \"number(total)\"", "total = \"number(total\"", 0, ""),
        ("authorize?state={state}", "authorize?state=x", 0, "the address needs {state}"),
        ("Authentication = \"bearer {token}\"", "Authentication = \"bearer\"", 0, ""),
        ("calls_per_second = 2", "calls_per_second = 2000", 20, "expected 1 to 100"),
        ("spelling = \"hex\"", "spelling = \"octal\"", 12, "there is no octal"),
        ("method = \"DELETE\"", "method = \"DELET\"", 0, "did you mean DELETE?"),
        ("when = \"payment_status == 'refunded'\"", "when = \"payment_status == `7`\"", 0, "write '7'"),
        ("results_max = 10000", "results_max = \"many\"", 0, "expected u64"),
        ("updated_at_min = \"{since}\"", "updated_at_min = \"{sinse}\"", 0, "did you mean since?"),
    ] {
        let changed = TIENDANUBE.replacen(from, to, 1);
        let line = changed.lines().position(|line| line.contains(to)).unwrap() + 1;
        let Err(found) = read("f.toml", &changed) else { panic!("{to} is taken") };
        let said = found.to_string();
        assert!(said.contains(why), "{to}: {said}");
        if !why.is_empty() && !to.starts_with("authorize") && !to.starts_with("Authentication") {
            let place = if column > 0 { format!("f.toml:{line}:{column}: ") } else { format!("f.toml:{line}:") };
            assert!(said.contains(&place), "{to}: expected {place} in {said}");
        }
    }
}

#[test]
fn everything_that_is_wrong_is_told_at_once() {
    let text = TIENDANUBE.replacen("id = \"id\"", "id = \"id(\"", 1).replacen("time(updated_at)", "tim(updated_at)", 1);
    let Err(found) = read("f.toml", &text) else { panic!("it is taken") };
    assert_eq!(found.0.len(), 2, "{found}");
    assert!(found.0[0].line < found.0[1].line);
}

#[test]
fn of_a_list_what_does_not_fit_is_told() {
    for (from, to, why) in [
        ("body = { emails = \"{identifiers}\" }", "body = { emails = [] }", "a batch needs {identifiers}"),
        (
            "done = \"contacts.success || success\"\nfailed = \"contacts.failure || failure\"",
            "# neither",
            "expected failed or done",
        ),
        ("/contacts/lists/{list.list}/contacts/add", "/contacts/lists/{list.lits}/contacts/add", "did you mean list?"),
        ("next = { by = \"offset\", size = 500 }", "next = { by = \"offset\" }", "expected size"),
        ("[install.api_key]", "", "nobody can connect"),
    ] {
        let Err(found) = read("f.toml", &BREVO.replacen(from, to, 1)) else { panic!("{to} is taken") };
        assert!(found.to_string().contains(why), "{to}: {found}");
    }
    let said = problems(BREVO, "kind = \"flag\"", "kind = \"flga\"");
    assert!(said.contains("did you mean flag?"), "{said}");
}
