//! Requests made before any clock starts: what the client of another machine does would cost nothing here.

use crate::feed::track;
use crate::http;
use crate::input::Event;
use std::fmt::Write;
use std::ops::Range;

/// Requests in the order in which they are sent, as they go over the wire.
pub struct Requests {
    bytes: Vec<u8>,
    /// Where each one ends, and the place behind its last event.
    ends: Vec<(usize, usize)>,
    first: usize,
}

impl Requests {
    /// Of the events from a place on, so many in each.
    pub fn of(events: &[Event<'_>], places: Range<usize>, batch: usize, authorization: &str) -> Requests {
        let mut requests = Requests { bytes: Vec::new(), ends: Vec::new(), first: places.start };
        let mut body = String::new();
        let mut place = places.start;
        for some in events.get(places).unwrap_or_default().chunks(batch.max(1)) {
            body.clear();
            let path = match some {
                [one] if batch == 1 => {
                    track(&mut body, one);
                    "/v1/track"
                }
                some => {
                    together(&mut body, some);
                    "/v1/batch"
                }
            };
            http::request(&mut requests.bytes, ("POST", path), authorization, &body);
            place += some.len();
            requests.ends.push((requests.bytes.len(), place));
        }
        requests
    }

    /// One of them, and the places of its events.
    pub fn get(&self, number: usize) -> Option<(&[u8], Range<usize>)> {
        let (end, behind) = *self.ends.get(number)?;
        let before = number.checked_sub(1).and_then(|before| self.ends.get(before));
        let (begin, first) = before.copied().unwrap_or((0, self.first));
        Some((self.bytes.get(begin..end)?, first..behind))
    }
}

fn together(body: &mut String, events: &[Event<'_>]) {
    body.push_str("{\"batch\":[");
    for (place, event) in events.iter().enumerate() {
        if place > 0 {
            body.push(',');
        }
        track(body, event);
    }
    // Writing to a string does not fail.
    let _ = write!(body, "]}}");
}

#[cfg(test)]
mod tests {
    use super::Requests;
    use crate::input;

    #[test]
    fn every_event_is_in_one_request() {
        let line = |id: u64| format!("{id},3,Page Viewed,1767225610314,,,{id}\n");
        let text = ["head\n".to_owned()].into_iter().chain((0..7).map(line)).collect::<String>();
        let events: Vec<_> = input::events(&text).collect();
        let requests = Requests::of(&events, 1..7, 4, "Basic x");
        let body = |number: usize| {
            let (bytes, places) = requests.get(number).unwrap();
            let text = std::str::from_utf8(bytes).unwrap();
            let (head, body) = text.split_once("\r\n\r\n").unwrap();
            assert!(head.starts_with("POST /v1/batch HTTP/1.1\r\n"), "{head}");
            assert!(head.contains(&format!("content-length: {}", body.len())), "{head}");
            let body: serde_json::Value = serde_json::from_str(body).unwrap();
            (body["batch"].as_array().unwrap().len(), places)
        };
        assert_eq!((body(0), body(1)), ((4, 1..5), (2, 5..7)));
        assert!(requests.get(2).is_none());
        let single = Requests::of(&events, 6..7, 1, "Basic x");
        let (bytes, places) = single.get(0).unwrap();
        assert!(bytes.starts_with(b"POST /v1/track ") && places == (6..7));
    }
}
