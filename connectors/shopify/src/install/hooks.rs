//! Webhook subscriptions: what is missing is made, what is wrong or double goes. The platform deletes those that
//! fail eight times in a row, so this runs on a schedule too.

use crate::api::{Nodes, UserError, call, first_error};
use crate::{config, documents};
use kit::failure::Failure;
use kit::install::Registered;
use kit::platform::Connection;
use serde::Deserialize;
use serde_json::json;
use std::collections::BTreeSet;

/// Topics with the scope that each needs; the privacy topics are the app's, not the shop's.
const TOPICS: &[(&str, Option<&str>)] = &[
    ("APP_UNINSTALLED", None),
    ("APP_SCOPES_UPDATE", None),
    ("ORDERS_CREATE", Some("read_orders")),
    ("ORDERS_UPDATED", Some("read_orders")),
    ("ORDERS_PAID", Some("read_orders")),
    ("ORDERS_CANCELLED", Some("read_orders")),
    ("ORDERS_EDITED", Some("read_orders")),
    ("ORDERS_DELETE", Some("read_orders")),
    ("REFUNDS_CREATE", Some("read_orders")),
    ("ORDER_TRANSACTIONS_CREATE", Some("read_orders")),
    ("CARTS_CREATE", Some("read_orders")),
    ("CARTS_UPDATE", Some("read_orders")),
    ("CHECKOUTS_CREATE", Some("read_orders")),
    ("CHECKOUTS_UPDATE", Some("read_orders")),
    ("CUSTOMERS_CREATE", Some("read_customers")),
    ("CUSTOMERS_UPDATE", Some("read_customers")),
    ("CUSTOMERS_DELETE", Some("read_customers")),
    ("CUSTOMERS_EMAIL_MARKETING_CONSENT_UPDATE", Some("read_customers")),
    ("CUSTOMERS_MARKETING_CONSENT_UPDATE", Some("read_customers")),
    ("CUSTOMER_TAGS_ADDED", Some("read_customers")),
    ("CUSTOMER_TAGS_REMOVED", Some("read_customers")),
    ("CUSTOMERS_MERGE", Some("read_customer_merge")),
];
/// Pages of subscriptions; an app has far fewer.
const PAGES_MAX: usize = 20;

#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Hook {
    id: String,
    topic: String,
    uri: String,
    format: String,
    #[serde(default)]
    filter: Option<String>,
    #[serde(default)]
    include_fields: Vec<String>,
}

impl Hook {
    /// Whether it was made by us, for this address or an earlier one.
    fn is_ours(&self) -> bool {
        self.uri.split('?').next().is_some_and(|uri| uri.ends_with(config::HOOK_PATH))
    }

    /// Whether it brings whole bodies to the address. A filter on a field that is absent silences everything.
    fn is_right(&self, uri: &str) -> bool {
        let whole = self.filter.as_deref().is_none_or(str::is_empty) && self.include_fields.is_empty();
        self.uri == uri && self.format == "JSON" && whole
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Listed {
    webhook_subscriptions: Nodes<Hook>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Created {
    webhook_subscription_create: Outcome,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Deleted {
    webhook_subscription_delete: Outcome,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Outcome {
    user_errors: Vec<UserError>,
}

async fn list(connection: &Connection) -> Result<Vec<Hook>, Failure> {
    let (mut hooks, mut after) = (Vec::new(), None::<String>);
    for _ in 0..PAGES_MAX {
        let page: Listed = call(connection, documents::HOOKS, json!({ "after": after })).await?.data;
        hooks.extend(page.webhook_subscriptions.nodes);
        after = page.webhook_subscriptions.page_info.next(after.as_deref())?;
        if after.is_none() {
            return Ok(hooks);
        }
    }
    Err(Failure::PlatformChanged("thousands of webhook subscriptions".to_owned()))
}

/// Deletes a subscription; one that is gone is as asked.
async fn delete(connection: &Connection, id: &str) -> Result<(), Failure> {
    let done: Deleted = call(connection, documents::HOOK_DELETE, json!({ "id": id })).await?.data;
    if let Some(error) = first_error(&done.webhook_subscription_delete.user_errors) {
        tracing::debug!(error, "a webhook subscription could not be deleted");
    }
    Ok(())
}

pub(super) async fn register(connection: &Connection) -> Result<Registered, Failure> {
    let mut done = Registered::default();
    let Some(uri) = config::hook(&connection.platform) else {
        done.refused.push("webhooks: the platform can't reach us without a public_url; set it".to_owned());
        return Ok(done);
    };
    let granted = |scope: &Option<&str>| scope.is_none_or(|scope| connection.granted(scope));
    let mut missing: BTreeSet<&str> =
        TOPICS.iter().filter(|(_, scope)| granted(scope)).map(|(topic, _)| *topic).collect();
    let mut wrong = Vec::new();
    for hook in list(connection).await? {
        if hook.is_right(&uri) && missing.remove(hook.topic.as_str()) {
            done.kept += 1;
        } else if hook.is_ours() {
            wrong.push(hook);
        }
    }
    // What is wrong goes first: the platform takes no second subscription of a topic to one address.
    for hook in wrong {
        delete(connection, &hook.id).await?;
    }
    for (topic, _) in TOPICS.iter().filter(|(topic, _)| missing.contains(topic)) {
        let hook = json!({ "uri": uri, "format": "JSON" });
        let variables = json!({ "topic": topic, "hook": hook });
        let made: Created = call(connection, documents::HOOK_CREATE, variables).await?.data;
        match first_error(&made.webhook_subscription_create.user_errors) {
            None => done.made.push((*topic).to_owned()),
            Some(error) => done.refused.push(format!("{topic}: {error}")),
        }
    }
    Ok(done)
}

pub(super) async fn unregister(connection: &Connection) -> Result<(), Failure> {
    for hook in list(connection).await?.into_iter().filter(Hook::is_ours) {
        delete(connection, &hook.id).await?;
    }
    Ok(())
}
