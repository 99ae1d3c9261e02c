//! The words of the text form.

use crate::language::ast::Unit;
use crate::language::error::{KEY_CHARS_SHOWN, distance};

/// Verbs, each with the event it stands for; the first of an event is the one that is printed. Articles can be
/// left out.
pub(super) const VERBS: &[(&str, &str)] = &[
    ("purchased", "Order Completed"),
    ("bought", "Order Completed"),
    ("was refunded", "Order Refunded"),
    ("cancelled an order", "Order Cancelled"),
    ("canceled an order", "Order Cancelled"),
    ("viewed a product", "Product Viewed"),
    ("viewed a product list", "Product List Viewed"),
    ("viewed a page", "Page Viewed"),
    ("viewed a screen", "Screen Viewed"),
    ("viewed the cart", "Cart Viewed"),
    ("added to cart", "Product Added"),
    ("removed from cart", "Product Removed"),
    ("updated the cart", "Cart Updated"),
    ("started checkout", "Checkout Started"),
    ("clicked a link", "Link Clicked"),
    ("installed the app", "Application Installed"),
    ("submitted a form", "Form Submitted"),
    ("completed a form", "Form Submitted"),
    ("subscribed", "Subscribed"),
    ("unsubscribed", "Unsubscribed"),
];
/// May stand before a word of a verb, or be left out.
pub(super) const ARTICLES: &[&str] = &["a", "an", "the"];
/// Begin what is asked of a property.
pub(super) const OPERATORS: &[&str] = &[
    "is",
    "in",
    "not",
    "exists",
    "contains",
    "starts",
    "ends",
    "matches",
    "at",
    "more",
    "less",
    "exactly",
    "between",
    "before",
    "after",
    "within",
    "anniversary",
];
/// No text constants without quotes, beside the operators.
const CONNECTIVES: &[&str] = &[
    "and",
    "or",
    "then",
    "where",
    "with",
    "without",
    "since",
    "for",
    "of",
    "the",
    "missing",
    "true",
    "false",
    "today",
    "yesterday",
    "this",
    "last",
    "next",
];
/// Begin a condition, beside the verbs: no names of properties without quotes.
const STARTS: &[&str] = &["all", "any", "frozen", "entered", "spent", "did", "anything"];
/// Units of time: the word, the short form of JSON.
pub(super) const UNITS: &[(&str, &str, Unit)] = &[
    ("minute", "m", Unit::Minute),
    ("hour", "h", Unit::Hour),
    ("day", "d", Unit::Day),
    ("week", "w", Unit::Week),
    ("month", "mo", Unit::Month),
    ("year", "y", Unit::Year),
];

/// Whether a word can't stand for a text without quotes.
pub(super) fn is_kept_from_texts(word: &str) -> bool {
    OPERATORS.contains(&word) || CONNECTIVES.contains(&word)
}

/// Whether a word can't name a property without quotes.
pub(super) fn is_kept_from_names(word: &str) -> bool {
    is_kept_from_texts(word) || STARTS.contains(&word) || VERBS.iter().any(|(verb, _)| first_word(verb) == word)
}

/// All of an operator by its first word.
pub(super) fn whole_operator(first: &str) -> &str {
    match first {
        "not" => "not in",
        "starts" => "starts with",
        "ends" => "ends with",
        "at" => "at least",
        "more" => "more than",
        "less" => "less than",
        "within" => "within the last",
        "anniversary" => "anniversary within the next",
        whole => whole,
    }
}

/// The first word of a verb.
pub(super) fn first_word(verb: &str) -> &str {
    verb.split(' ').next().unwrap_or_default()
}

/// The words of a verb without articles.
pub(super) fn parts(verb: &str) -> impl Iterator<Item = &str> {
    verb.split(' ').filter(|word| !ARTICLES.contains(word))
}

/// The nearest of some words, if one is near enough to be meant.
pub(super) fn nearest<'a>(word: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let word = word.to_lowercase();
    let edits = |known: &str| if letters(&word) == letters(known) { 0 } else { distance(&word, known) };
    let found = known.into_iter().map(|known| (edits(known), known)).min_by_key(|(edits, _)| *edits);
    found.filter(|(edits, known)| *edits <= (known.chars().count() / 3).max(1)).map(|(_, known)| known)
}

/// The letters of a word whatever their order: two that were swapped are one slip.
fn letters(word: &str) -> Vec<char> {
    let mut letters: Vec<char> = word.chars().take(KEY_CHARS_SHOWN).collect();
    letters.sort_unstable();
    letters
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_far_is_not_suggested() {
        let known = ["is", "contains", "purchased"];
        assert_eq!(nearest("iz", known), Some("is"));
        assert_eq!(nearest("IS", known), Some("is"));
        assert_eq!(nearest("purchsed", known), Some("purchased"));
        assert_eq!(nearest("si", known), Some("is"));
        assert_eq!(nearest("frobbed", known), None);
        assert_eq!(nearest("\u{e9}", []), None);
    }

    #[test]
    fn every_verb_is_of_a_canonical_event() {
        for (verb, event) in VERBS {
            assert_eq!(model::names::canonical_event_name(event), *event, "{verb}");
        }
        for event in model::names::BUILT_IN {
            assert!(VERBS.iter().any(|(_, known)| known == event), "{event} has no verb");
        }
    }
}
