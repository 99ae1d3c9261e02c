//! The consent screen.

use super::super::world::World;
use super::{Code, admin_host, scopes, signed};
use axum::http::StatusCode;
use axum::http::header::LOCATION;
use axum::response::{Html, IntoResponse, Response};

/// What the app asked for.
struct Asked {
    scopes: Vec<String>,
    redirect_uri: String,
    state: String,
    online: bool,
}

fn one<'a>(query: &'a [(String, String)], name: &str) -> Result<&'a str, String> {
    let mut found = query.iter().filter(|(own, _)| own == name).map(|(_, value)| value.as_str());
    match (found.next(), found.next()) {
        (Some(value), None) => Ok(value),
        (Some(_), Some(_)) => Err(format!("{name} is given twice")),
        (None, _) => Err(format!("{name} is missing")),
    }
}

fn read(world: &World, query: &[(String, String)]) -> Result<Asked, String> {
    let app = &world.options.app;
    if one(query, "client_id")? != app.client_id {
        return Err("Oauth error invalid_request: Could not find Shopify API application with api_key".to_owned());
    }
    let redirect_uri = one(query, "redirect_uri")?;
    if !app.redirect_uris.iter().any(|known| known == redirect_uri) {
        return Err("Oauth error invalid_request: The redirect_uri is not whitelisted".to_owned());
    }
    let state = one(query, "state")?;
    if state.is_empty() {
        return Err("state is empty".to_owned());
    }
    let scopes = scopes::parse(one(query, "scope")?);
    if let Some(wrong) = scopes.iter().find(|scope| !scopes::is_scope(scope)) {
        return Err(format!("Oauth error invalid_scope: {wrong}"));
    }
    let online = query.iter().any(|(name, value)| name == "grant_options[]" && value == "per-user");
    Ok(Asked { scopes, redirect_uri: redirect_uri.to_owned(), state: state.to_owned(), online })
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

fn screen(world: &World, shop: &str, query: &[(String, String)], asked: &Asked) -> String {
    let title = escaped(&world.options.app.title);
    let rows: String = asked.scopes.iter().map(|scope| format!("<li>{}</li>", escaped(scope))).collect();
    let hidden = |(name, value): &(String, String)| {
        format!(r#"<input type="hidden" name="{}" value="{}">"#, escaped(name), escaped(value))
    };
    let hidden: String = query.iter().map(hidden).collect();
    format!(
        r#"<!doctype html><meta charset="utf-8"><title>Install {title}</title>
<h1>Install {title} in {shop}</h1><p>It will be able to:</p><ul id="scopes">{rows}</ul>
<form method="post" action="authorize">{hidden}
<button id="approve" name="decision" value="approve">Install</button>
<button id="deny" name="decision" value="deny">Cancel</button></form>"#
    )
}

fn refused(why: &str) -> Response {
    (StatusCode::BAD_REQUEST, Html(format!("<!doctype html><h1>Oauth error</h1><p>{}</p>", escaped(why))))
        .into_response()
}

fn redirect(world: &mut World, shop: &str, asked: Asked) -> Response {
    let (now, code) = (world.now(), world.dice.hex(16));
    let expires_at = now + world.options.app.code_s;
    let only = world.shop(shop).ok().and_then(|state| state.options.grants_only.clone());
    let granted = scopes::grant(&asked.scopes, only.as_deref());
    if let Ok(state) = world.shop_mut(shop) {
        state.codes.insert(code.clone(), Code { scopes: granted, expires_at, online: asked.online });
    }
    let pairs = [
        ("code", code),
        ("host", admin_host(shop)),
        ("shop", shop.to_owned()),
        ("state", asked.state),
        ("timestamp", now.to_string()),
    ];
    let query = signed(world, pairs.map(|(name, value)| (name.to_owned(), value)).to_vec());
    let join = if asked.redirect_uri.contains('?') { '&' } else { '?' };
    (StatusCode::FOUND, [(LOCATION, format!("{}{join}{query}", asked.redirect_uri))]).into_response()
}

/// `GET /admin/oauth/authorize`: shows the screen; who has the scopes already, or says `sim_approve=1`, goes on.
pub(in super::super) fn authorize(world: &mut World, shop: &str, query: &[(String, String)]) -> Response {
    let asked = match read(world, query) {
        Ok(asked) => asked,
        Err(why) => return refused(&why),
    };
    let has_all = world.shop(shop).ok().and_then(|state| state.installation.as_ref()).is_some_and(|installation| {
        !asked.scopes.is_empty() && asked.scopes.iter().all(|scope| installation.allows(scope))
    });
    let at_once = query.iter().any(|(name, value)| name == "sim_approve" && value == "1");
    if has_all || at_once {
        return redirect(world, shop, asked);
    }
    Html(screen(world, shop, query, &asked)).into_response()
}

/// `POST /admin/oauth/authorize`: the merchant decided.
pub(in super::super) fn approve(world: &mut World, shop: &str, form: &[(String, String)]) -> Response {
    let asked = match read(world, form) {
        Ok(asked) => asked,
        Err(why) => return refused(&why),
    };
    if form.iter().any(|(name, value)| name == "decision" && value == "approve") {
        return redirect(world, shop, asked);
    }
    // The platform does not lead back to the app.
    Html("<!doctype html><h1>The app was not installed</h1>".to_owned()).into_response()
}
