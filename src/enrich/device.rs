//! Devices by their user agent, and who is no person.

use woothee::parser::Parser;

/// What a user agent tells of a device.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Device {
    /// `phone`, `tablet`, `desktop`, `console` or `other`.
    pub kind: &'static str,
    /// Maker, when it can be told.
    pub brand: Option<String>,
    /// Operating system.
    pub os: Option<String>,
}

const BRANDS: &[(&str, &str)] = &[
    ("iPhone", "Apple"),
    ("iPad", "Apple"),
    ("Macintosh", "Apple"),
    ("SM-", "Samsung"),
    ("SAMSUNG", "Samsung"),
    ("Pixel", "Google"),
    ("moto", "Motorola"),
    ("Motorola", "Motorola"),
    ("Redmi", "Xiaomi"),
    ("Xiaomi", "Xiaomi"),
    ("POCO", "Xiaomi"),
    ("HUAWEI", "Huawei"),
    ("HONOR", "Honor"),
    ("OPPO", "Oppo"),
    ("CPH", "Oppo"),
    ("vivo", "Vivo"),
    ("ONEPLUS", "OnePlus"),
    ("Nokia", "Nokia"),
    ("LG-", "LG"),
    ("LM-", "LG"),
];

/// Programs that fetch a link to show a preview of it, or to index it.
const BOTS: &[&str] = &[
    "whatsapp",
    "facebookexternalhit",
    "facebot",
    "twitterbot",
    "slackbot",
    "telegrambot",
    "discordbot",
    "linkedinbot",
    "skypeuripreview",
    "googleimageproxy",
    "yahoomailproxy",
    "embedly",
    "pinterestbot",
    "pinterest/0",
    "redditbot",
    "bitlybot",
    "viber",
    "line-poker",
    "applebot",
    "googlebot",
    "bingbot",
    "bingpreview",
    "google-safety",
    "microsoftpreview",
    "barracuda",
    "proofpoint",
    "mimecast",
    "headlesschrome",
    "phantomjs",
    "curl/",
    "wget/",
    "python-requests",
    "go-http-client",
    "okhttp",
    "java/",
    "libwww",
    "bot/",
    "bot;",
    "spider",
    "crawler",
    "preview",
    "scanner",
];

impl Device {
    /// Reads a user agent; `None` when nothing can be told or no person stands behind it.
    pub fn parse(agent: &str) -> Option<Device> {
        let found = Parser::new().parse(agent)?;
        let tablet = agent.contains("iPad") || (agent.contains("Android") && !agent.contains("Mobile"));
        let kind = match found.category {
            "crawler" => return None,
            _ if tablet => "tablet",
            "smartphone" | "mobilephone" => "phone",
            "pc" => "desktop",
            "appliance" => "console",
            _ => "other",
        };
        let brand = BRANDS.iter().find(|(mark, _)| agent.contains(mark)).map(|(_, brand)| (*brand).to_owned());
        let os = (found.os != "UNKNOWN").then(|| found.os.to_owned());
        Some(Device { kind, brand, os })
    }

    /// As properties of a person.
    pub fn properties(self) -> Vec<(&'static str, String)> {
        let mut properties = vec![("device_kind", self.kind.to_owned())];
        properties.extend(self.brand.map(|brand| ("device_brand", brand)));
        properties.extend(self.os.map(|os| ("device_os", os)));
        properties
    }
}

/// Whether a user agent belongs to a preview, a crawler or a program. No agent at all is one.
pub fn is_bot(agent: &str) -> bool {
    let folded = agent.to_ascii_lowercase();
    let crawler = || Parser::new().parse(agent).is_some_and(|found| found.category == "crawler");
    folded.trim().is_empty() || BOTS.iter().any(|mark| folded.contains(mark)) || crawler()
}

#[cfg(test)]
mod tests {
    use super::*;

    const IPHONE: &str = "Mozilla/5.0 (iPhone; CPU iPhone OS 17_5 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/17.5 Mobile/15E148 Safari/604.1";
    const GALAXY: &str = "Mozilla/5.0 (Linux; Android 14; SM-S911B) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/126.0.0.0 Mobile Safari/537.36";
    const IPAD: &str = "Mozilla/5.0 (iPad; CPU OS 12_2 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/12.1 Mobile/15E148 Safari/604.1";
    const DESKTOP: &str = "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/126.0.0.0 Safari/537.36";

    #[test]
    fn devices_are_told_apart() {
        let parse = |agent| Device::parse(agent).unwrap();
        assert_eq!((parse(IPHONE).kind, parse(IPHONE).brand.as_deref()), ("phone", Some("Apple")));
        assert_eq!((parse(GALAXY).kind, parse(GALAXY).brand.as_deref()), ("phone", Some("Samsung")));
        assert_eq!(parse(IPAD).kind, "tablet");
        assert_eq!(parse(DESKTOP).kind, "desktop");
        assert!(parse(GALAXY).os.unwrap().contains("Android"));
    }

    #[test]
    fn previews_and_crawlers_are_no_people() {
        for agent in [
            "WhatsApp/2.23",
            "facebookexternalhit/1.1",
            "Slackbot-LinkExpanding 1.0",
            "curl/8.5",
            "",
            "Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)",
        ] {
            assert!(is_bot(agent), "{agent}");
        }
        for agent in [IPHONE, GALAXY, IPAD, DESKTOP] {
            assert!(!is_bot(agent), "{agent}");
        }
    }
}
