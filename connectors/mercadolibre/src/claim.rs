//! What a claim is about. What it changes of amounts stands in the order's payments: the order is read again.

use crate::api::Api;
use crate::wire::Claim;
use kit::failure::Failure;

/// What a claim is about, as far as it can be read.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum About {
    /// An order.
    Order(String),
    /// A cart.
    Pack(String),
    /// Something that has no money of its own.
    Nothing,
}

impl Claim {
    /// The order or the cart that it is about.
    pub(crate) async fn about(&self, api: &Api<'_>) -> Result<About, Failure> {
        let Some(id) = self.resource_id.clone() else { return Ok(About::Nothing) };
        Ok(match self.resource.as_deref().unwrap_or_default() {
            "order" => About::Order(id),
            "payment" => api.order_of_payment(&id).await?.map_or(About::Nothing, About::Order),
            "purchase" => About::Pack(id),
            _ => About::Nothing,
        })
    }
}
