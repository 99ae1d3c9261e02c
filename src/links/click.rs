//! What one visit to a link is: a person's click, or a preview.

use super::{Link, SOURCE};
use crate::enrich::{Enrich, Hints, is_bot};
use axum::http::{HeaderMap, HeaderName, Method, header};
use model::names::LINK_CLICKED;
use model::{Event, EventKind, Map, SourceId, Time, Value, WorkspaceId};

/// A visit, to be recorded.
#[derive(Clone, PartialEq, Debug)]
pub(super) struct Visit {
    /// The link's code.
    pub(super) code: String,
    /// Whether no person is behind it.
    pub(super) bot: bool,
    /// What happened, when it was a person whom the link was made for.
    pub(super) event: Option<(WorkspaceId, Event)>,
}

/// Headers by which browsers and previewing apps say that nobody asked for the page yet.
const AHEAD: [&str; 5] = ["purpose", "sec-purpose", "x-purpose", "x-moz", "x-preview"];

/// Whether a request comes from a preview, a crawler, a scanner of mail or a prefetch.
pub(super) fn is_automatic(method: &Method, headers: &HeaderMap) -> bool {
    let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let ahead = |name: &&str| {
        let value = text(name).to_ascii_lowercase();
        ["prefetch", "preview", "prerender"].iter().any(|word| value.contains(word))
    };
    *method != Method::GET || AHEAD.iter().any(ahead) || is_bot(text(header::USER_AGENT.as_str()))
}

/// The visit as it is recorded. Its message id is fixed here, so that what is tried again counts once.
pub(super) fn visit(link: &Link, bot: bool, now: Time, headers: &HeaderMap, enrich: &Enrich) -> Visit {
    let event = match &link.subscriber {
        Some(subscriber) if !bot => {
            let traits = surroundings(headers, enrich);
            // Of the click it is its place; of the person it is what the network says of theirs.
            let own = |name: &String| name.strip_prefix("geo_").unwrap_or(name).to_owned();
            let mut properties: Map = traits.iter().map(|(name, value)| (own(name), value.clone())).collect();
            properties.insert("link_id".to_owned(), Value::text(&link.code));
            properties.insert("url".to_owned(), Value::text(&link.url));
            if !link.campaign.is_empty() {
                properties.insert("campaign".to_owned(), Value::text(&link.campaign));
            }
            let event = Event {
                source: SourceId::from(SOURCE),
                message_id: uuid::Uuid::now_v7().to_string(),
                kind: EventKind::Activity(LINK_CLICKED.to_owned()),
                time: now,
                received: now,
                identities: vec![subscriber.clone()],
                properties,
                traits,
                consent: Vec::new(),
            };
            Some((link.workspace.clone(), event))
        }
        _ => None,
    };
    Visit { code: link.code.clone(), bot, event }
}

/// Device and place of the visitor.
fn surroundings(headers: &HeaderMap, enrich: &Enrich) -> Map {
    let text = |name: HeaderName| headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let mut found = Map::new();
    let mut tell = |name: &str, value: Value| drop(found.insert(name.to_owned(), value));
    let hint = |name: &'static str| text(HeaderName::from_static(name));
    let hints = Hints {
        mobile: hint("sec-ch-ua-mobile"),
        platform: hint("sec-ch-ua-platform"),
        model: hint("sec-ch-ua-model"),
    };
    enrich.device(text(header::USER_AGENT), &hints, &mut tell);
    enrich.place(text(crate::ops::PEER_ADDRESS), &mut tell);
    found
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::http::HeaderValue;
    use model::Identity;

    const PHONE: &str = "Mozilla/5.0 (Linux; Android 14; SM-S911B) AppleWebKit/537.36 (KHTML, like Gecko) \
         Chrome/126.0.0.0 Mobile Safari/537.36";

    fn headers(pairs: &[(&'static str, &'static str)]) -> HeaderMap {
        let header = |(name, value): &(&'static str, &'static str)| {
            (HeaderName::from_static(name), HeaderValue::from_static(value))
        };
        pairs.iter().map(header).collect()
    }

    fn link(subscriber: Option<Identity>) -> Link {
        let (campaign, url) = ("may".to_owned(), "https://x.example/".to_owned());
        Link { code: "abcd1234".to_owned(), workspace: "w".into(), campaign, url, created: Time(0), subscriber }
    }

    #[test]
    fn only_a_get_by_a_browser_that_was_asked_for_is_a_click() {
        let person = headers(&[("user-agent", PHONE)]);
        assert!(!is_automatic(&Method::GET, &person));
        assert!(is_automatic(&Method::HEAD, &person));
        for (name, value) in [
            ("sec-purpose", "prefetch;prerender"),
            ("purpose", "prefetch"),
            ("x-purpose", "preview"),
            ("x-moz", "prefetch"),
            ("user-agent", "WhatsApp/2.23.20.0"),
            ("user-agent", ""),
        ] {
            let mut ahead = person.clone();
            ahead.insert(name, HeaderValue::from_static(value));
            assert!(is_automatic(&Method::GET, &ahead), "{name}: {value}");
        }
        assert!(is_automatic(&Method::GET, &HeaderMap::new()), "no user agent");
    }

    #[test]
    fn a_click_says_which_link_and_which_device() {
        let ana = Identity::email("ana@x.mx");
        let visit =
            visit(&link(Some(ana.clone())), false, Time(7), &headers(&[("user-agent", PHONE)]), &Enrich::default());
        let (workspace, event) = visit.event.unwrap();
        assert_eq!(workspace, "w".into());
        assert_eq!((event.time, event.identities.as_slice()), (Time(7), &[ana][..]));
        let expect = [
            ("campaign", "may"),
            ("device_brand", "Samsung"),
            ("device_kind", "phone"),
            ("device_os", "Android"),
            ("link_id", "abcd1234"),
            ("url", "https://x.example/"),
        ];
        let expect: Map = expect.iter().map(|(name, value)| ((*name).to_owned(), Value::text(value))).collect();
        assert_eq!(event.properties, expect);
        assert_eq!(event.traits["device_kind"], Value::text("phone"));
    }

    #[test]
    fn previews_and_links_for_nobody_make_no_event() {
        let agent = headers(&[("user-agent", PHONE)]);
        let ana = Some(Identity::email("ana@x.mx"));
        assert_eq!(visit(&link(ana), true, Time(0), &agent, &Enrich::default()).event, None);
        assert_eq!(visit(&link(None), false, Time(0), &agent, &Enrich::default()).event, None);
    }
}
