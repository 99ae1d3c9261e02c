//! Calls to Corner: where it is, and what its answers mean.

use kit::api::bearer;
use kit::failure::Failure;
use kit::http::Request;
use kit::platform::Connection;
use reqwest::Method;
use serde::de::DeserializeOwned;
use serde_json::Value;

const ADDRESS: &str = "https://api.corner.example";

/// The address of a path.
fn url(connection: &Connection, path: &str) -> String {
    format!("{}{path}", connection.platform.base(&connection.account, ADDRESS))
}

/// Reads something.
pub(crate) async fn get<T: DeserializeOwned>(connection: &Connection, path: &str) -> Result<T, Failure> {
    let request = Request::get(url(connection, path));
    connection.api.send(request, bearer).await?.success()?.json()
}

/// Sends something.
pub(crate) async fn send<T: DeserializeOwned>(
    connection: &Connection,
    method: Method,
    path: &str,
    body: &Value,
) -> Result<T, Failure> {
    let request = Request::json(method, url(connection, path), body)?;
    connection.api.send(request, bearer).await?.success()?.json()
}
