//! Phone numbers in E.164.

use phonenumber::country::Id;

/// A number in E.164, or `None` when it is no valid number. Numbers without a country code need
/// the region (ISO 3166 alpha-2).
///
/// Mexico's old prefixes are folded first: `1` after +52 (mobile, until 2019), and the trunk
/// prefixes 044, 045 and 01; numbering data no longer know them.
pub fn phone(text: &str, region: Option<&str>) -> Option<String> {
    let trimmed = text.trim();
    let plus = trimmed.starts_with('+') || trimmed.starts_with("00");
    let mut digits: String = trimmed.chars().filter(char::is_ascii_digit).collect();
    if trimmed.starts_with("00") {
        digits = digits.trim_start_matches('0').to_owned();
    }
    if digits.len() < 7 || digits.len() > 17 {
        return None;
    }
    let region = region.and_then(|region| region.to_uppercase().parse::<Id>().ok());
    let mexican = |national: &str| format!("+52{national}");
    let candidate = if plus {
        match digits.strip_prefix("521").filter(|national| national.len() == 10) {
            Some(national) => mexican(national),
            None => format!("+{digits}"),
        }
    } else if region == Some(Id::MX) {
        let national = ["044", "045", "01"].iter().find_map(|prefix| digits.strip_prefix(prefix)).unwrap_or(&digits);
        mexican(national)
    } else {
        trimmed.to_owned()
    };
    let number = phonenumber::parse(region, candidate).ok()?;
    phonenumber::is_valid(&number).then(|| number.format().mode(phonenumber::Mode::E164).to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mexican_mobile_forms_are_one_number() {
        let forms = ["+52 1 55 1234 5678", "+52 55 1234 5678", "0052 55 1234 5678"];
        for form in forms {
            assert_eq!(phone(form, None).as_deref(), Some("+525512345678"), "{form}");
        }
        for form in ["044 55 1234 5678", "01 55 1234 5678", "55 1234 5678"] {
            assert_eq!(phone(form, Some("MX")).as_deref(), Some("+525512345678"), "{form}");
        }
    }

    #[test]
    fn others_need_a_country_and_must_be_valid() {
        assert_eq!(phone("+1 650-253-0000", None).as_deref(), Some("+16502530000"));
        assert_eq!(phone("(650) 253-0000", Some("us")).as_deref(), Some("+16502530000"));
        for text in ["650-253-0000", "12345", "+1 111", "call me"] {
            assert_eq!(phone(text, None), None, "{text}");
        }
    }
}
