//! The nearest of the names that there are.

/// Names further away are no help.
const DISTANCE_MAX: usize = 3;

/// `; did you mean NAME?`, or else the names that there are.
pub(crate) fn nearest(name: &str, known: &[&str]) -> String {
    let near = known.iter().map(|known| (distance(name, known), known)).min();
    match near.filter(|(distance, _)| *distance <= DISTANCE_MAX.min(name.chars().count())) {
        Some((_, near)) => format!("; did you mean {near}?"),
        None if known.is_empty() => String::new(),
        None => format!("; there is {}", known.join(", ")),
    }
}

/// How many characters have to be put in, taken out or changed.
fn distance(one: &str, other: &str) -> usize {
    let other: Vec<char> = other.chars().collect();
    let mut row: Vec<usize> = (0..=other.len()).collect();
    for (i, c) in one.chars().enumerate() {
        let mut next = vec![i + 1];
        for ((j, d), above) in other.iter().enumerate().zip(row.windows(2)) {
            let (corner, up) = (above.first().copied().unwrap_or(j), above.last().copied().unwrap_or(j));
            let left = next.last().copied().unwrap_or(i);
            next.push((corner + usize::from(c != *d)).min(up + 1).min(left + 1));
        }
        row = next;
    }
    row.last().copied().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slip_is_understood_and_anything_else_is_answered_with_what_there_is() {
        assert_eq!(distance("kitten", "sitting"), 3);
        assert_eq!(nearest("adress", &["account", "address"]), "; did you mean address?");
        assert_eq!(nearest("zebra", &["account", "address"]), "; there is account, address");
        assert_eq!(nearest("x", &[]), "");
    }
}
