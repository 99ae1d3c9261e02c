//! Countries as ISO 3166-1 alpha-2 codes.

use super::country_table::COUNTRIES;
use std::collections::HashMap;
use std::sync::LazyLock;

/// Codes in use that are not the country's own.
const OTHER_CODES: [(&str, &str); 2] = [("uk", "GB"), ("el", "GR")];
/// Bytes of a text that can be a country's name.
const NAME_BYTES_MAX: usize = 100;

static CODES: LazyLock<HashMap<String, &'static str>> = LazyLock::new(|| {
    let mut codes = HashMap::new();
    for (two, three, names) in COUNTRIES {
        codes.insert(two.to_lowercase(), *two);
        codes.insert(three.to_lowercase(), *two);
        codes.extend(names.split('|').map(|name| (name.to_owned(), *two)));
    }
    codes.extend(OTHER_CODES.map(|(code, two)| (code.to_owned(), two)));
    codes
});

/// The alpha-2 code of a country given by a code or by its name in English, Spanish or Portuguese, without
/// regard to case and accents; what is not known stays as it came, trimmed.
pub fn country(text: &str) -> String {
    let trimmed = text.trim();
    if trimmed.len() > NAME_BYTES_MAX {
        return trimmed.to_owned();
    }
    let folded: String = trimmed.chars().flat_map(char::to_lowercase).filter_map(plain).collect();
    CODES.get(&folded).map_or_else(|| trimmed.to_owned(), |code| (*code).to_owned())
}

/// A letter without its accent; accents that stand alone are dropped.
fn plain(letter: char) -> Option<char> {
    Some(match letter {
        'á' | 'à' | 'â' | 'ã' | 'ä' | 'å' => 'a',
        'é' | 'è' | 'ê' | 'ë' => 'e',
        'í' | 'ì' | 'î' | 'ï' => 'i',
        'ó' | 'ò' | 'ô' | 'õ' | 'ö' => 'o',
        'ú' | 'ù' | 'û' | 'ü' => 'u',
        'ç' => 'c',
        'ñ' => 'n',
        '’' => '\'',
        '\u{300}'..='\u{36f}' => return None,
        other => other,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_codes_become_alpha_2() {
        for (text, code) in [
            ("mx", "MX"),
            ("México", "MX"),
            ("Me\u{301}xico", "MX"),
            ("MEXICO", "MX"),
            ("BRA", "BR"),
            ("UK", "GB"),
            (" us ", "US"),
            ("Estados Unidos", "US"),
            ("España", "ES"),
            ("Spain", "ES"),
            ("Alemanha", "DE"),
            ("Perú", "PE"),
            ("Curaçao", "CW"),
            ("República Dominicana", "DO"),
        ] {
            assert_eq!(country(text), code, "{text}");
        }
    }

    #[test]
    fn the_unknown_stays() {
        assert_eq!(country(" Atlantis "), "Atlantis");
        assert_eq!(country("ZZ"), "ZZ");
        assert_eq!(country(""), "");
        assert_eq!(country(&"x".repeat(1_000)).len(), 1_000);
    }

    #[test]
    fn no_code_or_name_means_two_countries() {
        let mut seen = HashMap::new();
        for (two, three, names) in COUNTRIES {
            assert!(two.len() == 2 && three.len() == 3, "{two}");
            let (two_folded, three_folded) = (two.to_lowercase(), three.to_lowercase());
            for name in names.split('|').chain([two_folded.as_str(), three_folded.as_str()]) {
                assert_eq!(seen.insert(name.to_owned(), *two), None, "{name}");
                assert_eq!(country(name), *two);
            }
        }
        assert_eq!(COUNTRIES.len(), 249);
    }
}
