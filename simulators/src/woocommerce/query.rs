//! Parameters of a list, validated as WordPress does: what is known and wrong is refused, what is not known is not
//! seen.

use super::problem::{Reply, invalid};
use super::time;
use std::collections::BTreeMap;

/// A query, decoded.
pub(super) type Query = BTreeMap<String, String>;

/// A page of a list.
#[derive(Clone, Copy, Debug)]
pub(super) struct Paging {
    pub(super) offset: usize,
    pub(super) size: usize,
    pub(super) descending: bool,
}

pub(super) fn decode(query: &str) -> Query {
    form_urlencoded::parse(query.as_bytes()).into_owned().collect()
}

pub(super) fn text<'a>(query: &'a Query, name: &str) -> &'a str {
    query.get(name).map(String::as_str).unwrap_or_default()
}

/// Page, size and direction; `descending` unless the query says.
pub(super) fn paging(query: &Query, descending: bool) -> Result<Paging, Reply> {
    let number = |name: &'static str, usual: usize, allowed: std::ops::RangeInclusive<usize>| {
        let Some(text) = query.get(name) else { return Ok(usual) };
        let read: Option<usize> = text.parse().ok().filter(|number| allowed.contains(number));
        let (least, most) = (allowed.start(), allowed.end());
        read.ok_or_else(|| {
            invalid(&[(name, format!("{name} must be between {least} (inclusive) and {most} (inclusive)"))])
        })
    };
    let size = number("per_page", 10, 1..=100)?;
    let page = number("page", 1, 1..=usize::MAX / 1_000)?;
    let offset = number("offset", (page - 1) * size, 0..=usize::MAX / 2)?;
    let descending = match text(query, "order") {
        "" => descending,
        "asc" => false,
        "desc" => true,
        _ => return Err(invalid(&[("order", "order is not one of asc and desc.".to_owned())])),
    };
    Ok(Paging { offset, size, descending })
}

/// The order that is asked for, of those that there are.
pub(super) fn order_by<'a>(query: &'a Query, allowed: &[&'a str], usual: &'a str) -> Result<&'a str, Reply> {
    match text(query, "orderby") {
        "" => Ok(usual),
        asked if allowed.contains(&asked) => Ok(asked),
        _ => Err(invalid(&[("orderby", format!("orderby is not one of {}.", allowed.join(", ")))])),
    }
}

/// A bound of time; times of the site unless `dates_are_gmt` is set.
pub(super) fn bound(query: &Query, name: &'static str, offset_hours: i64) -> Result<Option<i64>, Reply> {
    let Some(text) = query.get(name) else { return Ok(None) };
    let gmt = matches!(query.get("dates_are_gmt").map(String::as_str), Some("true" | "1"));
    let read = time::read(text, if gmt { 0 } else { offset_hours });
    read.map(Some).ok_or_else(|| invalid(&[(name, "Invalid date.".to_owned())]))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pages_have_a_hundred_at_most() {
        let read = |text: &str| paging(&decode(text), true).map_err(|reply| reply.status);
        let usual = read("").unwrap();
        assert_eq!((usual.offset, usual.size, usual.descending), (0, 10, true));
        let third = read("per_page=100&page=3&order=asc").unwrap();
        assert_eq!((third.offset, third.size, third.descending), (200, 100, false));
        for wrong in ["per_page=101", "per_page=0", "per_page=x", "page=0", "offset=-1", "order=up"] {
            assert_eq!(read(wrong).err(), Some(400), "{wrong}");
        }
    }
}
