//! What WordPress writes in place of data that it erased: nobody is to be known by it.

/// The top-level name that nobody can have.
const DOMAIN: &str = ".invalid";
/// What stands for a text.
const TEXT: &str = "[deleted]";

/// A text, if it was not erased.
pub(crate) fn kept(text: Option<&str>) -> Option<&str> {
    text.filter(|text| !text.eq_ignore_ascii_case(TEXT))
}

/// An address, if it was not erased; in its one spelling.
pub(crate) fn email(text: Option<&str>) -> Option<String> {
    kit::normalize::email(text?).filter(|address| !address.ends_with(DOMAIN))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nobody_is_known_by_what_was_erased() {
        assert_eq!(email(Some("deleted@site.invalid")), None);
        assert_eq!(email(Some(" Ana@X.mx ")).as_deref(), Some("ana@x.mx"));
        assert_eq!((kept(Some("[deleted]")), kept(Some("Ana"))), (None, Some("Ana")));
    }
}
