//! Phone numbers in E.164.

use phonenumber::country::Id;

/// What may stand before the ten digits of a Mexican number: the country, mobile's former `1` after it,
/// and the former trunk prefixes. Numbering data no longer know the old ones.
const MEXICO_BEFORE: [&str; 9] = ["", "52", "521", "044", "045", "01", "52044", "52045", "5201"];
/// Digits of a number with everything in front of it.
const DIGITS: std::ops::RangeInclusive<usize> = 7..=17;

/// A number in E.164, or `None` when it is no valid number. Numbers without a country code need
/// the region (ISO 3166 alpha-2).
pub fn phone(text: &str, region: Option<&str>) -> Option<String> {
    let text = text.trim();
    let number = match text.find(char::is_alphabetic) {
        Some(at) if is_extension(text.get(at..)?) => text.get(..at)?.trim(),
        Some(_) => return None,
        None => text,
    };
    let mut digits: String = number.chars().filter(char::is_ascii_digit).collect();
    let mut international = number.starts_with('+');
    if !international && let Some(rest) = digits.strip_prefix("00") {
        digits = rest.to_owned();
        international = true;
    }
    if !DIGITS.contains(&digits.len()) {
        return None;
    }
    let region = region.and_then(|region| region.to_uppercase().parse::<Id>().ok());
    let mexican = if international { digits.starts_with("52") } else { region == Some(Id::MX) };
    let candidate = match mexican.then(|| mexican_number(&digits)).flatten() {
        Some(national) => format!("+52{national}"),
        None if international => format!("+{digits}"),
        None => digits,
    };
    let number = phonenumber::parse(region, candidate).ok()?;
    phonenumber::is_valid(&number).then(|| number.format().mode(phonenumber::Mode::E164).to_string())
}

/// The country (ISO 3166 alpha-2) of a number in E.164; `None` if it is of none, or can't be told.
pub fn phone_country(number: &str) -> Option<String> {
    let number = phonenumber::parse(None, number).ok()?;
    number.country().id().map(|id| id.as_ref().to_owned())
}

/// The ten digits of a Mexican number in any of its forms.
fn mexican_number(digits: &str) -> Option<&str> {
    MEXICO_BEFORE.iter().find_map(|before| digits.strip_prefix(before).filter(|national| national.len() == 10))
}

/// Whether letters begin an extension, which is no part of the number.
fn is_extension(text: &str) -> bool {
    let text = text.to_lowercase();
    ["ext", "x"].iter().any(|word| text.strip_prefix(word).is_some_and(|rest| !rest.contains(char::is_alphabetic)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_tells_its_country_also_where_several_share_a_code() {
        for (number, country) in [
            ("+525512345678", Some("MX")),
            ("+12125550100", Some("US")),
            ("+14165550100", Some("CA")),
            ("+5491123456789", Some("AR")),
            ("+77012345678", Some("KZ")),
            ("+87012345678", None),
            ("no number", None),
        ] {
            assert_eq!(phone_country(number).as_deref(), country, "{number}");
        }
    }

    #[test]
    fn mexican_mobile_forms_are_one_number() {
        let forms = ["+52 1 55 1234 5678", "+52 55 1234 5678", "0052 55 1234 5678", "+52 (044) 55-1234-5678"];
        for form in forms {
            assert_eq!(phone(form, None).as_deref(), Some("+525512345678"), "{form}");
        }
        for form in [
            "044 55 1234 5678",
            "045 55 1234 5678",
            "01 55 1234 5678",
            "55 1234 5678",
            "55.1234.5678 ext. 12",
            "5215512345678",
            "52 55 1234 5678",
        ] {
            assert_eq!(phone(form, Some("MX")).as_deref(), Some("+525512345678"), "{form}");
        }
    }

    #[test]
    fn others_need_a_country_and_must_be_valid() {
        assert_eq!(phone("+1 650-253-0000", None).as_deref(), Some("+16502530000"));
        assert_eq!(phone("(650) 253-0000", Some("us")).as_deref(), Some("+16502530000"));
        assert_eq!(phone("+55 11 91234-5678", Some("MX")).as_deref(), Some("+5511912345678"));
        assert_eq!(phone("+54 9 11 2345-6789", None).as_deref(), Some("+5491123456789"));
        for text in ["650-253-0000", "12345", "+1 111", "call me", "call 5512345678", "+52 55 1234 567", "+"] {
            assert_eq!(phone(text, None), None, "{text}");
        }
    }
}
