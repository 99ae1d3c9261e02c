//! Connecting a store by an API key of its admin API.

use crate::api::{Api, Denied};
use crate::{hook, place, queries};
use kit::failure::Failure;
use kit::install::{
    AuthorizeRequest, Callback, Identified, Install, InstallCapabilities, RefreshReuse, Registered, Way,
};
use kit::platform::{Connection, Platform};
use kit::token::Grant;
use reqwest::Url;
use secrecy::SecretString;
use serde::Deserialize;
use serde_json::{Map, Value, json};

/// The custom field of customers that says yes or no to marketing, unless the setting `consent_field` names another.
const CONSENT_FIELD: &str = "acceptsMarketing";
/// Characters of a setting.
const SETTING_CHARS_MAX: usize = 200;

/// The install role.
pub(crate) struct VendureInstall;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Store {
    active_channel: Channel,
    global_settings: Settings,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Channel {
    code: String,
    default_currency_code: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Settings {
    server_config: ServerConfig,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct ServerConfig {
    #[serde(default)]
    money_strategy_precision: Option<u32>,
    #[serde(default)]
    entity_custom_fields: Vec<EntityFields>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct EntityFields {
    entity_name: String,
    custom_fields: Vec<Field>,
}

#[derive(Deserialize)]
struct Field {
    #[serde(default)]
    name: String,
}

impl ServerConfig {
    fn has(&self, entity: &str, name: &str) -> bool {
        let its = self.entity_custom_fields.iter().filter(|fields| fields.entity_name == entity);
        its.flat_map(|fields| &fields.custom_fields).any(|field| field.name == name)
    }
}

fn no_oauth() -> Failure {
    Failure::Refused("Vendure knows no OAuth: paste an API key of the store".to_owned())
}

/// Whether a text can be the name of a field.
fn is_name(text: &str) -> bool {
    let begins = text.starts_with(|char: char| char.is_ascii_alphabetic() || char == '_');
    begins && text.len() <= SETTING_CHARS_MAX && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
}

/// What the merchant may set.
fn check(settings: &Map<String, Value>) -> Result<(), Failure> {
    let wrong = |name: &str, expected: &str| Err(Failure::Refused(format!("{name}: expected {expected}")));
    for (name, value) in settings {
        let text = value.as_str().filter(|text| text.len() <= SETTING_CHARS_MAX);
        let plain = |text: &&str| !text.contains("..") && text.bytes().all(|byte| byte.is_ascii_graphic());
        match name.as_str() {
            "consent_field" if text.filter(|text| is_name(text)).is_none() => {
                return wrong(name, "the name of a boolean custom field of customers");
            }
            "admin_api" if text.filter(plain).is_none() => return wrong(name, "the path of the admin API"),
            "channel" if text.filter(plain).is_none() => return wrong(name, "the token of a channel"),
            "consent_field" | "admin_api" | "channel" => {}
            _ => return Err(Failure::Refused(format!("{name}: not a setting of a Vendure store"))),
        }
    }
    Ok(())
}

#[async_trait::async_trait]
impl Install for VendureInstall {
    fn capabilities(&self) -> InstallCapabilities {
        InstallCapabilities {
            ways: &[Way::ApiKey],
            account_first: true,
            scopes: &[],
            refresh_reuse: RefreshReuse::UntilNewIsUsed,
        }
    }

    fn account(&self, typed: &str) -> Result<String, Failure> {
        let expected = || Failure::Refused("expected the address of a store, such as https://shop.example".to_owned());
        place::account(typed).ok_or_else(expected)
    }

    fn authorize(&self, _: &Platform, _: &AuthorizeRequest<'_>) -> Result<Url, Failure> {
        Err(no_oauth())
    }

    fn callback(&self, _: &Platform, _: &[(String, String)], _: i64) -> Result<Callback, Failure> {
        Err(no_oauth())
    }

    fn arrival(&self, _: &Platform, _: &[(String, String)], _: i64) -> Option<Result<String, Failure>> {
        None
    }

    async fn exchange(&self, _: &Platform, _: &SecretString, _: &AuthorizeRequest<'_>) -> Result<Grant, Failure> {
        Err(no_oauth())
    }

    async fn refresh(&self, _: &Platform, _: &str, _: &SecretString) -> Result<Grant, Failure> {
        Err(Failure::NeedsAuthorization("a key can't be refreshed; connect the store again".to_owned()))
    }

    async fn identify(&self, connection: &Connection, _: Option<&[String]>) -> Result<Identified, Failure> {
        check(&connection.settings)?;
        let api = Api::new(connection)?;
        // Without orders there is nothing: that the key is good shows by them.
        api.ask::<Value>(queries::MAY_READ_ORDERS, &json!({})).await?;
        let (mut scopes, mut missing) = (vec!["orders".to_owned()], Vec::new());
        match api.try_ask::<Value>(queries::MAY_READ_CUSTOMERS, &json!({})).await {
            Ok(_) => scopes.push("customers".to_owned()),
            Err(Denied::Forbidden(_)) => {
                missing.push("ReadCustomer: customers can't be read, only what orders say of them".to_owned());
            }
            Err(denied) => return Err(denied.into()),
        }
        let store: Store = api.ask(queries::STORE, &json!({})).await?;
        let (channel, config) = (store.active_channel, store.global_settings.server_config);
        let field = connection.setting("consent_field").unwrap_or(CONSENT_FIELD);
        let at = format!("{field}At");
        let has = config.has("Customer", field);
        if !has {
            missing.push(format!("customers have no field {field}: nobody's consent is known from this store"));
        }
        if !config.has("GlobalSettings", "segmentdUrl") {
            missing.push("the store has no segmentd plugin: changes come by polls alone".to_owned());
        }
        let precision = config.money_strategy_precision.map(|precision| precision.to_string()).unwrap_or_default();
        let details: Map<String, Value> = [
            ("currency", channel.default_currency_code.as_str()),
            ("channel", channel.code.as_str()),
            ("precision", precision.as_str()),
            ("consent", if has { field } else { "" }),
            ("consent_at", if has && config.has("Customer", &at) { at.as_str() } else { "" }),
            ("customers", if scopes.len() > 1 { "readable" } else { "hidden" }),
        ]
        .into_iter()
        .filter(|(_, value)| !value.is_empty())
        .map(|(name, value)| (name.to_owned(), value.into()))
        .collect();
        let account = connection.account.clone();
        let name = account.clone();
        Ok(Identified { account, name, details, scopes, missing })
    }

    async fn register(&self, connection: &Connection) -> Result<Registered, Failure> {
        hook::register(connection).await
    }

    async fn unregister(&self, connection: &Connection) -> Result<(), Failure> {
        match hook::unregister(connection).await {
            // The key is no good any more: nothing can be done there.
            Err(Failure::NeedsAuthorization(_)) => Ok(()),
            other => other,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settings_are_checked() {
        let one = |name: &str, value: Value| check(&Map::from_iter([(name.to_owned(), value)]));
        assert!(one("consent_field", json!("newsletter")).is_ok() && one("admin_api", json!("api/admin")).is_ok());
        for (name, value) in [
            ("consent_field", json!("a b")),
            ("consent_field", json!("x}{y")),
            ("consent_field", json!(1)),
            ("admin_api", json!("../x")),
            ("channel", json!("a b")),
            ("shop", json!("x")),
        ] {
            let Err(Failure::Refused(why)) = one(name, value.clone()) else { panic!("{name} {value}") };
            assert!(why.contains(name), "{why}");
        }
    }
}
