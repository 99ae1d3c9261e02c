//! The platform's search syntax: `a:1 b:>='2' OR c:x -d:y`; OR binds before AND.

/// How a value is compared.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(in super::super) enum Op {
    /// `:`
    Is,
    /// `:<`
    Less,
    /// `:<=`
    LessOrSame,
    /// `:>`
    More,
    /// `:>=`
    MoreOrSame,
}

impl Op {
    /// Whether an order of two values is what is asked.
    pub(in super::super) fn holds<T: PartialOrd>(self, known: &T, given: &T) -> bool {
        match self {
            Op::Is => known == given,
            Op::Less => known < given,
            Op::LessOrSame => known <= given,
            Op::More => known > given,
            Op::MoreOrSame => known >= given,
        }
    }
}

/// A comparison.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(in super::super) struct Term {
    pub(in super::super) field: String,
    pub(in super::super) op: Op,
    pub(in super::super) value: String,
}

/// A filter.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(in super::super) enum Filter {
    All(Vec<Filter>),
    Any(Vec<Filter>),
    Not(Box<Filter>),
    Term(Term),
}

#[derive(Clone, PartialEq, Eq, Debug)]
enum Token {
    Open,
    Close,
    Or,
    And,
    Not,
    Term(Term),
}

const DEPTH_MAX: u32 = 16;

impl Filter {
    /// Reads a filter; an error says what is wrong.
    pub(in super::super) fn parse(text: &str) -> Result<Filter, String> {
        let tokens = tokens(text)?;
        let mut place = 0;
        let filter = all(&tokens, &mut place, 0)?;
        if place < tokens.len() {
            return Err("an unexpected )".to_owned());
        }
        Ok(filter)
    }

    /// Whether it holds, by what is said of each comparison.
    pub(in super::super) fn holds(&self, term: &dyn Fn(&Term) -> bool) -> bool {
        match self {
            Filter::All(parts) => parts.iter().all(|part| part.holds(term)),
            Filter::Any(parts) => parts.iter().any(|part| part.holds(term)),
            Filter::Not(part) => !part.holds(term),
            Filter::Term(one) => term(one),
        }
    }

    /// Whether it holds over texts, of which a field may have several: any of them counts.
    pub(in super::super) fn matches(&self, values: &dyn Fn(&str) -> Vec<String>) -> bool {
        self.holds(&|term| values(&term.field).iter().any(|known| compare(known, term)))
    }

    /// All comparisons in it.
    pub(in super::super) fn terms(&self) -> Vec<&Term> {
        match self {
            Filter::All(parts) | Filter::Any(parts) => parts.iter().flat_map(Filter::terms).collect(),
            Filter::Not(part) => part.terms(),
            Filter::Term(term) => vec![term],
        }
    }

    /// Comparisons that every row has to fulfil.
    pub(in super::super) fn required(&self) -> Vec<&Term> {
        match self {
            Filter::All(parts) => parts.iter().flat_map(Filter::required).collect(),
            Filter::Term(term) => vec![term],
            _ => Vec::new(),
        }
    }
}

fn compare(known: &str, term: &Term) -> bool {
    if let (Ok(known), Ok(given)) = (known.parse::<f64>(), term.value.parse::<f64>()) {
        return term.op.holds(&known, &given);
    }
    if term.op == Op::Is {
        return text_is(known, &term.value);
    }
    term.op.holds(&known, &term.value.as_str())
}

/// Whether a text is what is asked; `*` at the end stands for anything.
pub(in super::super) fn text_is(known: &str, given: &str) -> bool {
    match given.strip_suffix('*') {
        Some(start) => known.starts_with(start),
        None => known == given,
    }
}

fn all(tokens: &[Token], place: &mut usize, depth: u32) -> Result<Filter, String> {
    if depth > DEPTH_MAX {
        return Err("too deep".to_owned());
    }
    let mut parts = Vec::new();
    while let Some(token) = tokens.get(*place) {
        match token {
            Token::Close => break,
            Token::And => *place += 1,
            _ => parts.push(any(tokens, place, depth)?),
        }
    }
    Ok(if parts.len() == 1 { parts.remove(0) } else { Filter::All(parts) })
}

fn any(tokens: &[Token], place: &mut usize, depth: u32) -> Result<Filter, String> {
    let mut parts = vec![one(tokens, place, depth)?];
    while tokens.get(*place) == Some(&Token::Or) {
        *place += 1;
        parts.push(one(tokens, place, depth)?);
    }
    Ok(if parts.len() == 1 { parts.remove(0) } else { Filter::Any(parts) })
}

fn one(tokens: &[Token], place: &mut usize, depth: u32) -> Result<Filter, String> {
    let token = tokens.get(*place).ok_or("something is missing at the end")?;
    *place += 1;
    match token {
        Token::Term(term) => Ok(Filter::Term(term.clone())),
        Token::Not if depth <= DEPTH_MAX => Ok(Filter::Not(Box::new(one(tokens, place, depth + 1)?))),
        Token::Open => {
            let inner = all(tokens, place, depth + 1)?;
            if tokens.get(*place) != Some(&Token::Close) {
                return Err("a ( has no )".to_owned());
            }
            *place += 1;
            Ok(inner)
        }
        other => Err(format!("{other:?} is out of place")),
    }
}

fn tokens(text: &str) -> Result<Vec<Token>, String> {
    let letters: Vec<char> = text.chars().collect();
    let (mut at, mut found) = (0, Vec::new());
    while let Some(letter) = letters.get(at) {
        match letter {
            ' ' | '\n' | '\t' => at += 1,
            '(' | ')' => {
                found.push(if *letter == '(' { Token::Open } else { Token::Close });
                at += 1;
            }
            '-' => {
                found.push(Token::Not);
                at += 1;
            }
            _ => found.push(word(&letters, &mut at)?),
        }
    }
    Ok(found)
}

fn ends(letter: char) -> bool {
    matches!(letter, ' ' | '\n' | '\t' | '(' | ')')
}

fn word(letters: &[char], at: &mut usize) -> Result<Token, String> {
    let field = value(letters, at, true)?;
    match field.as_str() {
        "OR" => return Ok(Token::Or),
        "AND" => return Ok(Token::And),
        "NOT" => return Ok(Token::Not),
        _ => {}
    }
    if letters.get(*at) != Some(&':') {
        // A word alone searches everywhere.
        return Ok(Token::Term(Term { field: String::new(), op: Op::Is, value: field }));
    }
    *at += 1;
    let op = match (letters.get(*at), letters.get(*at + 1)) {
        (Some('>'), Some('=')) => Op::MoreOrSame,
        (Some('<'), Some('=')) => Op::LessOrSame,
        (Some('>'), _) => Op::More,
        (Some('<'), _) => Op::Less,
        _ => Op::Is,
    };
    *at += match op {
        Op::Is => 0,
        Op::Less | Op::More => 1,
        Op::LessOrSame | Op::MoreOrSame => 2,
    };
    let value = value(letters, at, false)?;
    Ok(Token::Term(Term { field, op, value }))
}

/// A word or a quoted text. A time without quotes ends at its first colon, which is how it gives wrong rows.
fn value(letters: &[char], at: &mut usize, is_field: bool) -> Result<String, String> {
    let mut text = String::new();
    if let Some(quote @ ('\'' | '"')) = letters.get(*at).copied() {
        *at += 1;
        loop {
            match letters.get(*at) {
                None => return Err("a quote has no end".to_owned()),
                Some('\\') => {
                    text.extend(letters.get(*at + 1));
                    *at += 2;
                }
                Some(letter) if *letter == quote => {
                    *at += 1;
                    return Ok(text);
                }
                Some(letter) => {
                    text.push(*letter);
                    *at += 1;
                }
            }
        }
    }
    while let Some(letter) = letters.get(*at).copied().filter(|letter| !ends(*letter)) {
        if letter == ':' {
            if is_field {
                break;
            }
            // The rest is lost.
            while letters.get(*at).is_some_and(|letter| !ends(*letter)) {
                *at += 1;
            }
            break;
        }
        text.push(letter);
        *at += 1;
    }
    Ok(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn holds(filter: &str, row: &[(&str, &str)]) -> bool {
        let values = |name: &str| {
            row.iter().filter(|(field, _)| *field == name).map(|(_, value)| (*value).to_owned()).collect::<Vec<_>>()
        };
        Filter::parse(filter).unwrap().matches(&values)
    }

    #[test]
    fn or_binds_before_and_and_minus_negates() {
        let row = [("a", "1"), ("b", "x"), ("tag", "vip"), ("tag", "new")];
        assert!(holds("a:1 b:x OR b:y", &row));
        assert!(!holds("a:2 b:x OR b:y", &row));
        assert!(holds("a:1 -b:y", &row));
        assert!(!holds("-tag:vip", &row));
        assert!(holds("(a:2 b:x) OR tag:'new'", &row));
        assert!(!holds("absent:1", &row));
        assert!(holds("a:>=1 a:<2", &row));
    }

    #[test]
    fn times_need_quotes() {
        let Ok(Filter::Term(term)) = Filter::parse("updated_at:>='2026-11-01T00:00:00Z'") else { panic!() };
        assert_eq!((term.op, term.value.as_str()), (Op::MoreOrSame, "2026-11-01T00:00:00Z"));
        let Ok(Filter::Term(term)) = Filter::parse("updated_at:>=2026-11-01T07:30:00Z") else { panic!() };
        assert_eq!(term.value, "2026-11-01T07");
    }

    #[test]
    fn what_is_wrong_is_said() {
        for wrong in ["(a:1", "a:1)", "OR a:1", "a:'x", "a:1 OR"] {
            assert!(Filter::parse(wrong).is_err(), "{wrong}");
        }
    }
}
