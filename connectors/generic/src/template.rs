//! Texts with places to fill in: `/orders/{id}`. `{{` and `}}` are the signs themselves; `{name|else}` has something to
//! say where there is nothing.

use form_urlencoded::byte_serialize;

/// Characters of a template.
const CHARS_MAX: usize = 4_000;

/// A template.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(crate) struct Template {
    parts: Vec<Part>,
}

#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum Part {
    Text(String),
    Hole { name: String, otherwise: Option<String> },
}

/// What is wrong with a template, and after how many characters.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct TemplateError {
    pub(crate) offset: usize,
    pub(crate) why: String,
}

/// A place for which there is nothing.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[error("there is nothing for {{{0}}}")]
pub(crate) struct Nothing(pub(crate) String);

impl Template {
    /// Reads one. `known` says whether a name means something here, else what would.
    pub(crate) fn read(text: &str, known: &dyn Fn(&str) -> Result<(), String>) -> Result<Template, TemplateError> {
        if text.chars().count() > CHARS_MAX {
            return Err(TemplateError { offset: 0, why: format!("at most {CHARS_MAX} characters") });
        }
        let (mut parts, mut plain) = (Vec::new(), String::new());
        let mut chars = text.chars().enumerate().peekable();
        while let Some((offset, c)) = chars.next() {
            match c {
                '{' | '}' if chars.peek().is_some_and(|(_, next)| *next == c) => {
                    chars.next();
                    plain.push(c);
                }
                '{' => {
                    let mut inside = String::new();
                    let closed = chars.by_ref().any(|(_, c)| {
                        let ends = c == '}';
                        if !ends {
                            inside.push(c);
                        }
                        ends
                    });
                    if !closed {
                        return Err(TemplateError {
                            offset,
                            why: "a { that is not closed; write {{ for the sign".to_owned(),
                        });
                    }
                    let (name, otherwise) = match inside.split_once('|') {
                        Some((name, otherwise)) => (name.trim().to_owned(), Some(otherwise.to_owned())),
                        None => (inside.trim().to_owned(), None),
                    };
                    known(&name).map_err(|why| TemplateError { offset, why })?;
                    if !plain.is_empty() {
                        parts.push(Part::Text(std::mem::take(&mut plain)));
                    }
                    parts.push(Part::Hole { name, otherwise });
                }
                '}' => {
                    return Err(TemplateError {
                        offset,
                        why: "a } that opens nothing; write }} for the sign".to_owned(),
                    });
                }
                c => plain.push(c),
            }
        }
        if !plain.is_empty() {
            parts.push(Part::Text(plain));
        }
        Ok(Template { parts })
    }

    pub(crate) fn parts(&self) -> &[Part] {
        &self.parts
    }

    /// Whether a name is in it.
    pub(crate) fn has(&self, wanted: &str) -> bool {
        self.parts.iter().any(|part| matches!(part, Part::Hole { name, .. } if name == wanted))
    }

    /// The name, if it is nothing but one place.
    pub(crate) fn only(&self) -> Option<&str> {
        match self.parts.as_slice() {
            [Part::Hole { name, otherwise: None }] => Some(name),
            _ => None,
        }
    }

    /// Filled in as it is.
    pub(crate) fn plain(&self, fill: &dyn Fn(&str) -> Option<String>) -> Result<String, Nothing> {
        self.filled(fill, &|text| text.to_owned())
    }

    /// Filled in as a part of an address: what is filled in has no sign that means something there.
    pub(crate) fn address(&self, fill: &dyn Fn(&str) -> Option<String>) -> Result<String, Nothing> {
        self.filled(fill, &encoded)
    }

    fn filled(&self, fill: &dyn Fn(&str) -> Option<String>, spell: &dyn Fn(&str) -> String) -> Result<String, Nothing> {
        let mut whole = String::new();
        for part in &self.parts {
            match part {
                Part::Text(text) => whole.push_str(text),
                Part::Hole { name, otherwise } => {
                    let found = fill(name).or_else(|| otherwise.clone()).ok_or_else(|| Nothing(name.clone()))?;
                    whole.push_str(&spell(&found));
                }
            }
        }
        Ok(whole)
    }
}

/// Percent-encoded, good for a path and for a query.
pub(crate) fn encoded(text: &str) -> String {
    byte_serialize(text.as_bytes()).collect::<String>().replace('+', "%20")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<Template, TemplateError> {
        let known = |name: &str| if ["id", "who"].contains(&name) { Ok(()) } else { Err(format!("no {name}")) };
        Template::read(text, &known)
    }

    #[test]
    fn places_are_filled_and_can_do_no_harm_in_an_address() {
        let fill = |name: &str| (name == "id").then(|| "a/b?c d&e".to_owned());
        let template = read("/x/{id}?q={{{id}}}&w={who|me}").unwrap();
        assert_eq!(template.address(&fill).unwrap(), "/x/a%2Fb%3Fc%20d%26e?q={a%2Fb%3Fc%20d%26e}&w=me");
        assert_eq!(read("{id}").unwrap().plain(&fill).unwrap(), "a/b?c d&e");
        assert_eq!(read("{who}").unwrap().plain(&fill), Err(Nothing("who".to_owned())));
        assert_eq!((read("{id}").unwrap().only(), read("x{id}").unwrap().only()), (Some("id"), None));
    }

    #[test]
    fn slips_are_told_with_their_place() {
        for (text, offset, why) in [("/a/{id", 3, "not closed"), ("a}", 1, "opens nothing"), ("ab{ix}", 2, "no ix")] {
            let error = read(text).unwrap_err();
            assert!(error.offset == offset && error.why.contains(why), "{text}: {error:?}");
        }
    }
}
