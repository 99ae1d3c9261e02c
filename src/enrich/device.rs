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

/// Bytes of a client hint that is looked at.
const HINT_BYTES_MAX: usize = 64;

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
    "python-urllib",
    "aiohttp",
    "python-httpx",
    "apache-httpclient",
    "axios/",
    "node-fetch",
    "undici",
    "guzzlehttp",
    "postmanruntime",
    "mastodon",
    "iframely",
    "vkshare",
    "kakaotalk-scrap",
    "slack-imgproxy",
    "google-inspectiontool",
    "googleother",
    "adsbot",
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

/// What a browser tells of its device in headers of its own (`Sec-CH-UA-...`), each empty when absent.
#[derive(Clone, Copy, Default, Debug)]
pub struct Hints<'a> {
    /// `?1` on phones.
    pub mobile: &'a str,
    /// The system, quoted.
    pub platform: &'a str,
    /// The model, quoted; only sent to whom asked for it.
    pub model: &'a str,
}

fn brand(text: &str) -> Option<String> {
    BRANDS.iter().find(|(mark, _)| text.contains(mark)).map(|(_, brand)| (*brand).to_owned())
}

/// One name for each system, whatever its release: browsers freeze what they say of it.
fn system(name: &str) -> &str {
    match name {
        "iPhone" | "iPad" | "iPod" => "iOS",
        "Mac OSX" | "Mac OS Classic" => "macOS",
        "Chrome OS" => "ChromeOS",
        "Windows Phone OS" => "Windows Phone",
        name if name.starts_with("Windows ") => "Windows",
        name => name,
    }
}

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
        let brand = brand(agent);
        let os = (found.os != "UNKNOWN").then(|| system(found.os).to_owned());
        Some(Device { kind, brand, os })
    }

    /// What a browser's client hints add: Chrome's user agent says `Android 10; K` of every phone.
    pub fn hinted(mut self, hints: &Hints<'_>) -> Device {
        let unquoted = |text: &str| text.trim().trim_matches('"').to_owned();
        let platform = unquoted(hints.platform);
        if platform == "Android" {
            match hints.mobile.trim() {
                "?1" => self.kind = "phone",
                "?0" => self.kind = "tablet",
                _ => {}
            }
        }
        if self.os.is_none() && !platform.is_empty() && platform.len() <= HINT_BYTES_MAX && platform != "Unknown" {
            self.os = Some(system(&platform).to_owned());
        }
        let model = unquoted(hints.model);
        if self.brand.is_none() && model.len() <= HINT_BYTES_MAX {
            self.brand = brand(&model);
        }
        self
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
    // Proxies of mail programs say the bare minimum.
    matches!(folded.trim(), "" | "mozilla/5.0") || BOTS.iter().any(|mark| folded.contains(mark)) || crawler()
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
        let os = |agent| parse(agent).os.unwrap();
        assert_eq!([os(GALAXY), os(IPHONE), os(IPAD), os(DESKTOP)], ["Android", "iOS", "iOS", "Windows"]);
    }

    #[test]
    fn client_hints_tell_what_a_frozen_user_agent_hides() {
        const FROZEN: &str = "Mozilla/5.0 (Linux; Android 10; K) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/126.0.0.0 Mobile Safari/537.36";
        let frozen = Device::parse(FROZEN).unwrap();
        assert_eq!((frozen.kind, frozen.brand.as_deref(), frozen.os.as_deref()), ("phone", None, Some("Android")));
        let hints = Hints { mobile: "?1", platform: "\"Android\"", model: "\"SM-S911B\"" };
        assert_eq!(frozen.clone().hinted(&hints).brand.as_deref(), Some("Samsung"));
        assert_eq!(frozen.clone().hinted(&Hints { mobile: "?0", ..hints }).kind, "tablet");
        assert_eq!(frozen.clone().hinted(&Hints::default()), frozen);
        let desktop = Device::parse(DESKTOP).unwrap();
        let hints = Hints { mobile: "?0", platform: "\"Windows\"", model: "\"\"" };
        assert_eq!(desktop.clone().hinted(&hints), desktop);
    }

    #[test]
    fn previews_and_crawlers_are_no_people() {
        for agent in [
            "WhatsApp/2.23",
            "facebookexternalhit/1.1",
            "Slackbot-LinkExpanding 1.0",
            "curl/8.5",
            "",
            "Mozilla/5.0",
            "Snap URL Preview Service; bot; snapchat",
            "http.rb/5.2.0 (Mastodon/4.3.0; +https://social.example/) Bot",
            "Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)",
        ] {
            assert!(is_bot(agent), "{agent}");
        }
        let in_apps = [
            "Mozilla/5.0 (iPhone; CPU iPhone OS 17_5 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Mobile/15E148 [FBAN/FBIOS;FBAV/466.0.0.41.109]",
            "Mozilla/5.0 (iPhone; CPU iPhone OS 17_5 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Mobile/15E148 Instagram 335.0.3.24.96",
        ];
        for agent in [IPHONE, GALAXY, IPAD, DESKTOP].into_iter().chain(in_apps) {
            assert!(!is_bot(agent), "{agent}");
        }
    }
}
