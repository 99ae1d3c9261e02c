//! Connecting a core by the name and password of its REST API. Nothing is registered there: it has no webhooks.

use crate::api::{self, Api};
use crate::place;
use kit::failure::Failure;
use kit::install::{
    AuthorizeRequest, Callback, Identified, Install, InstallCapabilities, RefreshReuse, Registered, Way,
};
use kit::platform::{Connection, Platform};
use kit::token::Grant;
use reqwest::Url;
use secrecy::SecretString;
use serde_json::Map;

/// The install role.
pub(crate) struct MailmanInstall;

fn no_oauth() -> Failure {
    Failure::Refused("Mailman knows no OAuth: connect it by the name and password of its REST API".to_owned())
}

#[async_trait::async_trait]
impl Install for MailmanInstall {
    fn capabilities(&self) -> InstallCapabilities {
        InstallCapabilities {
            ways: &[Way::ApiKey],
            account_first: true,
            scopes: &[],
            refresh_reuse: RefreshReuse::UntilNewIsUsed,
        }
    }

    fn account(&self, typed: &str) -> Result<String, Failure> {
        let expected = || Failure::Refused("expected the address of a core, such as http://127.0.0.1:8001".to_owned());
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
        Err(Failure::NeedsAuthorization("a password can't be refreshed; connect the core again".to_owned()))
    }

    async fn identify(&self, connection: &Connection, _: Option<&[String]>) -> Result<Identified, Failure> {
        let token = connection.api.token().await?.value;
        if !api::is_credential(&token) {
            let why = "expected name and password of the REST API, as in mailman.cfg: restadmin:PASSWORD";
            return Err(Failure::Refused(why.to_owned()));
        }
        let versions = Api::new(connection)?.versions().await?;
        if versions.api_version != "3.1" {
            let why = format!("the core has answered with version {:?} of the API, not 3.1", versions.api_version);
            return Err(Failure::PlatformChanged(why));
        }
        let details = Map::from_iter([("version".to_owned(), versions.mailman_version.clone().into())]);
        let account = connection.account.clone();
        let name = format!("{} at {account}", versions.mailman_version);
        Ok(Identified { account, name, details, scopes: Vec::new(), missing: Vec::new() })
    }

    async fn register(&self, _: &Connection) -> Result<Registered, Failure> {
        Ok(Registered::default())
    }

    async fn unregister(&self, _: &Connection) -> Result<(), Failure> {
        Ok(())
    }
}
