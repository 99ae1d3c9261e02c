//! The role that takes notifications in. Nothing is signed: the secret of the app's address, the app and the seller
//! that it names are what can be held against it, and nothing that it says is believed beyond what is to be read.

use crate::notification::Notification;
use kit::receive::{Delivery, Facts, Receive, Received, Receiver, Rejection, SignedBy};
use secrecy::SecretString;
use serde_json::Value;

/// The receive role.
pub(crate) struct MeliReceive;

impl Receive for MeliReceive {
    fn signed_by(&self) -> SignedBy {
        SignedBy::Nobody
    }

    fn account(&self, delivery: &Delivery<'_>) -> Option<String> {
        Notification::read(delivery.body)?.user_id
    }

    fn verify(&self, _delivery: &Delivery<'_>, _secrets: &[SecretString], _now: i64) -> Result<(), Rejection> {
        Ok(())
    }

    fn read(&self, delivery: &Delivery<'_>, receiver: &Receiver<'_>) -> Result<Received, Rejection> {
        let said = Notification::read(delivery.body);
        let said = said.ok_or_else(|| Rejection::Unreadable("no notification in JSON".to_owned()))?;
        if said.user_id.as_deref() != Some(receiver.account) {
            return Err(Rejection::Untrusted("it is for another seller".to_owned()));
        }
        let ours = receiver.details.get("app_id").and_then(Value::as_str);
        if ours.is_none() || said.application_id.as_deref() != ours {
            return Err(Rejection::Untrusted("it is for another app".to_owned()));
        }
        let facts = Facts { pointers: said.pointer().into_iter().collect(), ..Facts::default() };
        let delivery_id = said.id().map(str::to_owned);
        Ok(Received { delivery_id, topic: said.topic.unwrap_or_default(), facts })
    }
}
