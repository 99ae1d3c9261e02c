//! Fields of the shop, the app, subscriptions, bulk operations and segments.

use super::super::hooks::{Subscription, topics};
use super::super::oauth::scopes;
use super::super::rest::gid;
use super::super::segments::Segment;
use super::super::time::{in_zone, utc};
use super::execute::Run;
use super::objects::{Failure, Object, Out};
use super::plan::Field;
use serde_json::{Value, json};

type Found = Result<Out, Failure>;

/// A field of the shop.
pub(super) fn shop(run: &Run, field: &Field) -> Found {
    let shop = run.shop()?;
    let options = &shop.options;
    let (domain, name) = (&options.domain, options.domain.split('.').next().unwrap_or_default());
    let offset = in_zone(run.now(), &shop.zone);
    let offset = &offset[offset.len() - 6..];
    Ok(match field.name.as_str() {
        "id" => Out::leaf(gid("Shop", shop.id)),
        "name" => Out::leaf(name),
        "myshopifyDomain" => Out::leaf(domain.clone()),
        "url" => Out::leaf(format!("https://{domain}")),
        "email" | "contactEmail" => Out::leaf(format!("owner@{name}.example")),
        "shopOwnerName" => Out::leaf("Shop Owner"),
        "currencyCode" => Out::leaf(options.currency.clone()),
        "enabledPresentmentCurrencies" => Out::leaf(vec![options.currency.clone()]),
        "ianaTimezone" => Out::leaf(options.timezone.clone()),
        "timezoneOffset" => Out::leaf(offset.replace(':', "")),
        "timezoneAbbreviation" => Out::leaf("CST"),
        "createdAt" | "updatedAt" => Out::leaf(utc(0)),
        "taxesIncluded" | "taxShipping" | "setupRequired" | "transactionalSmsDisabled" => Out::leaf(false),
        "marketingSmsConsentEnabledAtCheckout" => Out::leaf(true),
        "plan" => Out::One(Object::plain(
            "ShopPlan",
            json!({"displayName": "Basic", "publicDisplayName": "Basic", "partnerDevelopment": false, "shopifyPlus": false}),
        )),
        "primaryDomain" => Out::One(Object::plain(
            "Domain",
            json!({
                "id": gid("Domain", shop.id), "host": domain, "sslEnabled": true, "url": format!("https://{domain}"),
            }),
        )),
        other => return Err(Failure::not_played("Shop", other)),
    })
}

/// A field of the app.
pub(super) fn app(run: &Run, field: &Field) -> Found {
    let app = &run.world.options.app;
    Ok(match field.name.as_str() {
        "id" => Out::leaf(gid("App", 1)),
        "apiKey" => Out::leaf(app.client_id.clone()),
        "title" => Out::leaf(app.title.clone()),
        "handle" => Out::leaf(app.title.to_lowercase()),
        "embedded" => Out::leaf(false),
        "webhookApiVersion" => Out::leaf(app.hook_version.clone()),
        "installation" => Out::One(Object::Installation),
        other => return Err(Failure::not_played("App", other)),
    })
}

/// A field of the app in the shop.
pub(super) fn installation(run: &Run, field: &Field) -> Found {
    let shop = run.shop()?;
    let installation = shop.installation.as_ref().ok_or_else(|| Failure::bad("The app is not installed"))?;
    Ok(match field.name.as_str() {
        "id" => Out::leaf(gid("AppInstallation", installation.id)),
        "app" => Out::One(Object::App),
        "launchUrl" => Out::leaf(format!("https://{}/admin/apps/1", shop.options.domain)),
        "uninstallUrl" => Out::NULL,
        "accessScopes" => {
            // With those that are implied, as the platform lists them.
            let all = scopes::expand(&installation.scopes);
            let one = |scope: String| {
                Object::plain("AccessScope", json!({"handle": scope, "description": format!("May {scope}")}))
            };
            Out::Many(all.into_iter().map(one).collect())
        }
        other => return Err(Failure::not_played("AppInstallation", other)),
    })
}

/// A field of a subscription.
pub(super) fn hook(run: &Run, hook: &Subscription, field: &Field) -> Found {
    let version = &run.world.options.app.hook_version;
    Ok(match field.name.as_str() {
        "id" => Out::leaf(gid("WebhookSubscription", hook.id)),
        "legacyResourceId" => Out::leaf(hook.id.to_string()),
        "topic" => Out::leaf(topics::api_name(&hook.topic)),
        "uri" | "callbackUrl" => Out::leaf(hook.uri.clone()),
        "endpoint" => Out::One(Object::plain("WebhookHttpEndpoint", json!({"callbackUrl": hook.uri}))),
        "format" => Out::leaf("JSON"),
        "filter" => Out::leaf(hook.filter.clone()),
        "includeFields" => Out::leaf(hook.include_fields.clone()),
        "metafieldNamespaces" => Out::leaf(hook.metafield_namespaces.clone()),
        "name" => Out::leaf(hook.name.clone()),
        "createdAt" => Out::leaf(utc(hook.created_at)),
        "updatedAt" => Out::leaf(utc(hook.updated_at)),
        "apiVersion" => {
            Out::One(Object::plain("ApiVersion", json!({"handle": version, "displayName": version, "supported": true})))
        }
        other => return Err(Failure::not_played("WebhookSubscription", other)),
    })
}

/// A field of a bulk operation.
pub(super) fn bulk(run: &Run, id: u64, field: &Field) -> Found {
    let shop = run.shop()?;
    let bulk = shop.bulks.get(&id).ok_or_else(|| Failure::bad("The operation is not known"))?;
    let shown = bulk.status(run.now());
    let url = |wanted: bool| {
        let there = wanted && bulk.objects > 0 && shown != "EXPIRED" && bulk.finished_at.is_some();
        Out::leaf(there.then(|| bulk.url(&run.world.base, &run.shop, run.world.options.bulk.result_s)))
    };
    Ok(match field.name.as_str() {
        "id" => Out::leaf(gid("BulkOperation", id)),
        "status" => Out::leaf(shown),
        "errorCode" => Out::leaf(bulk.error_code.clone()),
        "createdAt" => Out::leaf(utc(bulk.created_at)),
        "completedAt" => Out::leaf(bulk.finished_at.map(utc)),
        "objectCount" => Out::leaf(bulk.objects.to_string()),
        "rootObjectCount" => Out::leaf(bulk.roots.to_string()),
        "fileSize" => Out::leaf(bulk.finished_at.filter(|_| bulk.objects > 0).map(|_| bulk.bytes.to_string())),
        "url" => url(shown == "COMPLETED"),
        "partialDataUrl" => url(matches!(shown, "FAILED" | "CANCELED")),
        "query" => Out::leaf(bulk.query.clone()),
        "type" => Out::leaf(if bulk.mutation { "MUTATION" } else { "QUERY" }),
        other => return Err(Failure::not_played("BulkOperation", other)),
    })
}

/// A field of a segment.
pub(super) fn segment(segment: &Segment, field: &Field) -> Found {
    Ok(match field.name.as_str() {
        "id" => Out::leaf(gid("Segment", segment.id)),
        "name" => Out::leaf(segment.name.clone()),
        "query" => Out::leaf(segment.query.clone()),
        "creationDate" => Out::leaf(utc(segment.created_at)),
        "lastEditDate" => Out::leaf(utc(segment.edited_at)),
        other => return Err(Failure::not_played("Segment", other)),
    })
}

/// A field of a plain object.
pub(super) fn plain(kind: &'static str, fields: &serde_json::Map<String, Value>, field: &Field) -> Found {
    match fields.get(&field.name) {
        Some(Value::Object(inner)) => Ok(Out::One(Object::Plain("Object", inner.clone()))),
        Some(Value::Array(items)) if items.iter().any(Value::is_object) => {
            let one = |item: &Value| Object::plain("UserError", item.clone());
            Ok(Out::Many(items.iter().map(one).collect()))
        }
        Some(value) => Ok(Out::Leaf(value.clone())),
        None => Err(Failure::not_played(kind, &field.name)),
    }
}
