//! The page on which a merchant agrees, and the key that the store's server posts then.

use super::Shared;
use super::problem::Reply;
use super::query::{Query, text};
use super::world::Shop;
use serde_json::json;

/// What has to be given.
const NEEDED: [&str; 5] = ["app_name", "user_id", "return_url", "callback_url", "scope"];

fn error(message: &str) -> Reply {
    Reply::html(401, &format!("<h1>Access denied</h1><p>Error: {message}.</p>"))
}

fn with_scheme(url: &str) -> String {
    if url.contains("://") { url.to_owned() } else { format!("https://{url}") }
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('"', "&quot;")
}

fn encoded(pairs: &[(&str, &str)]) -> String {
    form_urlencoded::Serializer::new(String::new()).extend_pairs(pairs).finish()
}

fn checked(query: &Query) -> Result<(), Reply> {
    if let Some(missing) = NEEDED.into_iter().find(|name| text(query, name).is_empty()) {
        return Err(error(&format!("Missing parameter {missing}")));
    }
    if !["read", "write", "read_write"].contains(&text(query, "scope")) {
        return Err(error(&format!("Invalid scope {}", escaped(text(query, "scope")))));
    }
    if !with_scheme(text(query, "callback_url")).to_lowercase().starts_with("https://") {
        return Err(error("The callback_url needs to be over SSL"));
    }
    Ok(())
}

/// The pages in front of the grant; `None` for the grant itself.
pub(super) fn page(shop: &mut Shop, at: &str, route: &str, query: &Query, logged_in: bool) -> Option<Reply> {
    if let Err(reply) = checked(query) {
        return Some(reply);
    }
    let same: Vec<(&str, &str)> = NEEDED.iter().map(|name| (*name, text(query, name))).collect();
    match route {
        "login" => {
            let form = "<form method=\"post\"><button name=\"login\" value=\"login\">Log in</button></form>";
            Some(Reply::html(200, form))
        }
        "authorize" if shop.options.must_log_in && !logged_in => {
            Some(Reply::redirect(format!("{at}/wc-auth/v1/login?{}", encoded(&same))))
        }
        "authorize" => {
            let nonce = shop.random.hex(10);
            shop.consents.insert(nonce.clone());
            let mut granted = same.clone();
            granted.extend([("wc_auth_nonce", nonce.as_str()), ("sim_approve", "1")]);
            let back = with_scheme(text(query, "return_url"));
            let no = encoded(&[("success", "0"), ("user_id", text(query, "user_id"))]);
            let app = escaped(text(query, "app_name"));
            Some(Reply::html(
                200,
                &format!(
                    "<h1>{app} would like to connect to your store</h1><p>This will give {app} {} access.</p>\
                     <a class=\"button\" href=\"{}\">Approve</a> <a class=\"button\" href=\"{}\">No thank you</a>",
                    text(query, "scope"),
                    escaped(&format!("{at}/wc-auth/v1/access_granted?{}", encoded(&granted))),
                    escaped(&format!("{back}?{no}")),
                ),
            ))
        }
        "access_granted" if shop.consents.remove(text(query, "wc_auth_nonce")) => None,
        "access_granted" => Some(error("Invalid nonce verification")),
        _ => Some(Reply::html(404, "not found")),
    }
}

/// Makes the key, posts it, and sends the browser back; a key that nobody took goes again.
pub(super) async fn grant(shared: &Shared, path: &str, query: &Query) -> Reply {
    let (id, key) = {
        let mut world = shared.world();
        let Some(shop) = world.shops.get_mut(path) else { return error("No store") };
        (shop.id(), shop.make_key(text(query, "scope")))
    };
    let user_id = text(query, "user_id");
    let body = json!({"key_id": id, "user_id": user_id, "consumer_key": key.key, "consumer_secret": key.secret,
        "key_permissions": key.permissions});
    let url = shared.behind_proxies(&with_scheme(text(query, "callback_url")));
    let request = shared.http.post(url).header("content-type", "application/json;charset=UTF-8").body(body.to_string());
    let answered = request.send().await.ok().map(|answer| answer.status().as_u16());
    if answered != Some(200) {
        if let Some(shop) = shared.world().shops.get_mut(path) {
            shop.keys.retain(|one| one.key != key.key);
        }
        return error("An error occurred in the request and at the time were unable to send the consumer data");
    }
    let back = with_scheme(text(query, "return_url"));
    let mark = if back.contains('?') { '&' } else { '?' };
    Reply::redirect(format!("{back}{mark}{}", encoded(&[("success", "1"), ("user_id", user_id)])))
}
