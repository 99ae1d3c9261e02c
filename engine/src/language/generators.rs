//! Random definitions, for the tests of both forms.

use super::ast::*;
use proptest::prelude::*;
use rust_decimal::Decimal;

fn number() -> impl Strategy<Value = Decimal> {
    (-1_000_000_000i64..1_000_000_000, 0..6u32).prop_map(|(digits, scale)| Decimal::new(digits, scale))
}

/// Texts of every kind: plain, words of the language, what looks like something else, and what is odd.
pub(super) fn odd_text() -> impl Strategy<Value = String> {
    let words = vec![
        "and",
        "or",
        "not",
        "is",
        "in",
        "true",
        "false",
        "missing",
        "last",
        "spent",
        "purchased",
        "viewed",
        "AND",
        "anything",
        "the",
        "within",
        "5",
        "-2.5",
        "30d",
        "2026-03-01",
        "1e5",
        "a b",
        "*",
        "",
    ];
    prop_oneof![
        "[a-z_]{1,8}(\\.[a-z]{1,5})?",
        prop::sample::select(words).prop_map(str::to_owned),
        ".{0,12}",
        "[\"\\\\\n\t\r#(){},%'\u{200b}\u{202e} a-c0-9.@-]{0,10}",
    ]
}

/// A property's name.
fn name() -> impl Strategy<Value = String> {
    prop_oneof![3 => "[a-z_]{1,8}(\\.[a-z]{1,5})?".boxed(), 1 => odd_text().prop_filter("a name", |name| !name.is_empty()).boxed()]
}

/// An event's canonical name.
fn event() -> impl Strategy<Value = String> {
    let built_in = prop::sample::select(model::names::BUILT_IN).prop_map(str::to_owned);
    let odd = odd_text().prop_map(|name| model::names::canonical_event_name(&name));
    let odd = odd.prop_filter("a name", |name| !name.is_empty() && name != "*");
    prop_oneof!["[A-Z][a-z]{2,6}".boxed(), built_in.boxed(), odd.boxed()]
}

/// A segment's id.
fn segment() -> impl Strategy<Value = String> {
    prop_oneof![3 => "[a-z][a-z0-9_-]{0,8}".boxed(), 1 => odd_text().prop_filter("an id", |id| !id.is_empty()).boxed()]
}

fn constant() -> impl Strategy<Value = Const> {
    prop_oneof![any::<bool>().prop_map(Const::Bool), number().prop_map(Const::Number), odd_text().prop_map(Const::Text)]
}

fn constants() -> impl Strategy<Value = Vec<Const>> {
    prop::collection::vec(constant(), 1..5)
}

/// Bounds that JSON has a word for.
fn bounds() -> impl Strategy<Value = Bounds> {
    (number(), number(), 0..6).prop_map(|(one, other, word)| match word {
        0 => Bounds { low: Some((one, true)), high: None },
        1 => Bounds { low: Some((one, false)), high: None },
        2 => Bounds { low: None, high: Some((one, true)) },
        3 => Bounds { low: None, high: Some((one, false)) },
        4 => Bounds { low: Some((one, true)), high: Some((one, true)) },
        _ => Bounds { low: Some((one.min(other), true)), high: Some((one.max(other), true)) },
    })
}

fn span() -> impl Strategy<Value = Span> {
    let unit = prop::sample::select(vec![Unit::Minute, Unit::Hour, Unit::Day, Unit::Week, Unit::Month, Unit::Year]);
    (1..100u32, unit).prop_map(|(count, unit)| Span { count, unit })
}

/// An instant of a year.
fn instant(year: u32) -> impl Strategy<Value = String> {
    (1..13u32, 1..29u32, any::<bool>()).prop_map(move |(month, day, with_time)| match with_time {
        true => format!("{year}-{month:02}-{day:02}T10:30:00-03:00"),
        false => format!("{year}-{month:02}-{day:02}"),
    })
}

fn window() -> impl Strategy<Value = Window> {
    use Calendar::*;
    let words = vec![Today, Yesterday, ThisWeek, LastWeek, ThisMonth, LastMonth, ThisYear, LastYear];
    prop_oneof![
        span().prop_map(Window::Last),
        instant(2025).prop_map(Window::Since),
        instant(2025).prop_map(Window::Before),
        (instant(2025), instant(2026)).prop_map(|(from, until)| Window::Between(from, until)),
        prop::sample::select(words).prop_map(Window::Calendar),
    ]
}

fn test() -> impl Strategy<Value = Test> {
    prop_oneof![
        constants().prop_map(Test::OneOf),
        constants().prop_map(Test::NoneOf),
        any::<bool>().prop_map(Test::Exists),
        odd_text().prop_map(Test::Contains),
        odd_text().prop_map(Test::StartsWith),
        odd_text().prop_map(Test::EndsWith),
        "[a-z]{0,5}\\.\\*".prop_map(Test::Matches),
        bounds().prop_map(Test::Number),
        instant(2026).prop_map(Test::Before),
        instant(2026).prop_map(Test::After),
        (prop::sample::select(vec![Direction::Last, Direction::Next]), span())
            .prop_map(|(direction, span)| Test::Within(direction, span)),
        span().prop_map(Test::Anniversary),
    ]
}

fn property() -> impl Strategy<Value = PropertyTest> {
    (name(), test()).prop_map(|(name, test)| PropertyTest { name, test })
}

fn activity() -> impl Strategy<Value = Activity> {
    let figures = vec![Figure::Sum, Figure::Avg, Figure::Min, Figure::Max, Figure::Distinct];
    let measure = prop_oneof![
        Just(Measure::Once),
        bounds().prop_map(Measure::Count),
        (prop::sample::select(figures), name(), bounds())
            .prop_map(|(figure, of, bounds)| Measure::Figure(figure, of, bounds)),
        window().prop_map(Measure::First),
        window().prop_map(Measure::Last),
    ];
    (step(), prop::option::of(window()), measure).prop_map(|(Step { event, filters }, window, measure)| {
        let own = matches!(measure, Measure::First(_) | Measure::Last(_));
        Activity { event, filters, window: window.filter(|_| !own), measure }
    })
}

fn step() -> impl Strategy<Value = Step> {
    let filter = prop_oneof![
        property().prop_map(Filter::Property),
        prop::collection::vec(property(), 1..3).prop_map(Filter::Item),
    ];
    let event = prop::option::of(event());
    (event, prop::collection::vec(filter, 0..3)).prop_map(|(event, filters)| Step { event, filters })
}

fn next() -> impl Strategy<Value = Next> {
    let same = prop::collection::btree_set(name(), 0..3).prop_map(|names| names.into_iter().collect());
    (step(), same, prop::option::of(span())).prop_map(|(step, same, within)| Next { step, same, within })
}

fn sequence() -> impl Strategy<Value = Sequence> {
    let follow = (prop::collection::vec(next(), 0..3), next(), any::<bool>()).prop_map(|(before, last, not)| {
        let last = if not { Follow::ThenNot(last) } else { Follow::Then(last, None) };
        before.into_iter().fold(last, |follow, next| Follow::Then(next, Some(Box::new(follow))))
    });
    let which = prop::sample::select(vec![Which::Any, Which::Last]);
    (step(), prop::option::of(window()), which, follow).prop_map(|(first, window, which, follow)| Sequence {
        first,
        window,
        which,
        follow,
    })
}

/// A definition that JSON has words for.
pub(super) fn definition() -> impl Strategy<Value = Definition> {
    let spending = (bounds(), prop::option::of("[A-Z]{3}"), prop::option::of(window()), any::<(bool, bool)>())
        .prop_map(|(bounds, currency, window, (without_tax, without_shipping))| Spending {
            bounds,
            currency,
            without_tax,
            without_shipping,
            window,
        });
    let entered = (segment(), prop::option::of(window())).prop_map(|(segment, window)| Entered { segment, window });
    let leaf = prop_oneof![
        property().prop_map(Definition::Property),
        activity().prop_map(Definition::Activity),
        spending.prop_map(Definition::Spent),
        sequence().prop_map(Definition::Sequence),
        segment().prop_map(Definition::Segment),
        entered.prop_map(Definition::Entered),
    ];
    let tree = leaf.prop_recursive(4, 20, 4, |inner| {
        let list = prop::collection::vec(inner.clone(), 1..4);
        let sample = (1..=100_000_000i64, prop::option::of(odd_text()), inner.clone()).prop_map(|(part, salt, of)| {
            Definition::Sample(Sample { percent: Decimal::new(part, 6).normalize(), salt, of: Box::new(of) })
        });
        prop_oneof![
            list.clone().prop_map(Definition::All),
            list.prop_map(Definition::Any),
            inner.prop_map(|child| Definition::Not(Box::new(child))),
            sample,
        ]
    });
    (tree, prop::bool::weighted(0.1)).prop_map(|(tree, frozen)| match frozen {
        true => Definition::Frozen(Box::new(tree)),
        false => tree,
    })
}
