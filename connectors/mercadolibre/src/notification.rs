//! A notification: nothing but a pointer, and never twice the same form.

use crate::context::{CLAIM, ORDER, PAYMENT, QUESTION, pointer};
use crate::fields::{id, is_id, text};
use kit::receive::Pointer;
use serde::Deserialize;

/// Bytes of the id of a notification that is taken for one.
const ID_BYTES_MAX: usize = 200;
/// What is read of each topic. The others say nothing that is kept here.
const TOPICS: [(&str, &str); 7] = [
    ("orders_v2", ORDER),
    ("orders", ORDER),
    ("orders_feedback", ORDER),
    ("payments", PAYMENT),
    ("post_purchase", CLAIM),
    ("claims", CLAIM),
    ("questions", QUESTION),
];

/// A notification, or one that the platform gave up.
#[derive(Deserialize, Default)]
#[serde(default)]
pub(crate) struct Notification {
    #[serde(rename = "_id", deserialize_with = "text")]
    own: Option<String>,
    #[serde(rename = "id", deserialize_with = "text")]
    typed: Option<String>,
    #[serde(deserialize_with = "text")]
    pub(crate) topic: Option<String>,
    #[serde(deserialize_with = "text")]
    resource: Option<String>,
    #[serde(deserialize_with = "id")]
    pub(crate) user_id: Option<String>,
    #[serde(deserialize_with = "id")]
    pub(crate) application_id: Option<String>,
}

impl Notification {
    /// Reads one; `None` when it is none.
    pub(crate) fn read(body: &[u8]) -> Option<Notification> {
        serde_json::from_slice(body).ok()
    }

    /// Its id; some have none.
    pub(crate) fn id(&self) -> Option<&str> {
        self.own.as_deref().or(self.typed.as_deref()).filter(|id| id.len() <= ID_BYTES_MAX)
    }

    /// What is to be read because of it: the number that its resource ends with, with or without a slash before it.
    pub(crate) fn pointer(&self) -> Option<Pointer> {
        let kind = TOPICS.iter().find(|(topic, _)| Some(*topic) == self.topic.as_deref()).map(|(_, kind)| *kind)?;
        let path = self.resource.as_deref()?.split(['?', '#']).next()?;
        let mut parts = path.split('/').filter(|part| !part.is_empty());
        // The topic of claims tells of returns, too, whose numbers are others.
        if kind == CLAIM && path.contains('/') && !parts.clone().any(|part| part == "claims") {
            return None;
        }
        // What follows the number (`/feedback`) belongs to the thing.
        parts.rfind(|part| is_id(part)).map(|id| pointer(kind, id))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn points(topic: &str, resource: &str) -> Option<(String, String)> {
        let body = serde_json::json!({ "topic": topic, "resource": resource }).to_string();
        Notification::read(body.as_bytes()).unwrap().pointer().map(|pointer| (pointer.kind, pointer.id))
    }

    #[test]
    fn every_form_of_a_resource_is_read() {
        let order = Some(("order".to_owned(), "2195160686".to_owned()));
        for resource in ["/orders/2195160686", "orders/2195160686", "2195160686", "/orders/2195160686/feedback?x=1"] {
            assert_eq!(points("orders_v2", resource), order, "{resource}");
        }
        let claim = Some(("claim".to_owned(), "5108684499".to_owned()));
        assert_eq!(points("post_purchase", "post-purchase/v1/claims/5108684499"), claim);
        assert_eq!(points("claims", "/v1/claims/5108684499"), claim);
        assert_eq!(points("payments", "/collections/7"), Some(("payment".to_owned(), "7".to_owned())));
        let returned = ("post_purchase", "post-purchase/v2/returns/7");
        for (topic, resource) in
            [("items", "/items/1"), ("orders_v2", "/orders/"), ("orders_v2", "../x"), ("", "/1"), returned]
        {
            assert_eq!(points(topic, resource), None, "{topic} {resource}");
        }
    }

    #[test]
    fn ids_come_under_two_names_or_not_at_all() {
        let read = |json: &str| Notification::read(json.as_bytes()).unwrap();
        assert_eq!(read(r#"{"_id":"a","id":"b"}"#).id(), Some("a"));
        assert_eq!(read(r#"{"id":"b","user_id":"77","recieved":"x"}"#).id(), Some("b"));
        assert_eq!((read("{}").id(), read(r#"{"user_id":77}"#).user_id.as_deref()), (None, Some("77")));
        assert!(Notification::read(b"<html>").is_none() && Notification::read(b"").is_none());
    }
}
