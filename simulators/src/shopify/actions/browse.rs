//! Carts and checkouts.

use super::super::model::{Cart, Checkout, Line};
use super::super::rest;
use super::super::world::World;
use super::{CheckoutChange, Goods};
use serde_json::{Value, json};

/// Lines of an order, a cart or a checkout.
pub(super) fn lines(world: &mut World, goods: &[Goods]) -> Vec<Line> {
    let one = |goods: &Goods| Line {
        id: world.id(),
        product_id: goods.product_id,
        variant_id: goods.variant_id,
        sku: goods.sku.clone(),
        title: goods.title.clone(),
        vendor: Some("Acme".to_owned()),
        quantity: goods.quantity,
        current_quantity: goods.quantity,
        price: goods.price,
        discount: goods.discount,
        gift_card: goods.gift_card,
    };
    goods.iter().map(one).collect()
}

fn token(world: &mut World) -> String {
    world.dice.hex(16)
}

pub(super) fn create_cart(world: &mut World, shop: &str, goods: &[Goods]) -> Result<Value, String> {
    let (now, token, lines) = (world.now(), token(world), lines(world, goods));
    let cart = Cart { token: token.clone(), lines, created_at: now, updated_at: now };
    let body = rest::cart(world.shop(shop)?, &cart);
    world.shop_mut(shop)?.carts.insert(token.clone(), cart);
    world.fire(shop, "carts/create", body);
    Ok(json!({"token": token}))
}

pub(super) fn update_cart(world: &mut World, shop: &str, token: &str, goods: &[Goods]) -> Result<Value, String> {
    let (now, lines) = (world.now(), lines(world, goods));
    let cart = world.shop_mut(shop)?.carts.get_mut(token).ok_or_else(|| format!("there is no cart {token}"))?;
    (cart.lines, cart.updated_at) = (lines, now);
    let cart = cart.clone();
    let body = rest::cart(world.shop(shop)?, &cart);
    world.fire(shop, "carts/update", body);
    Ok(json!({"token": token}))
}

fn change(world: &mut World, shop: &str, checkout: &mut Checkout, change: CheckoutChange) -> Result<(), String> {
    if let Some(customer) = change.customer {
        world.shop(shop)?.customer(customer).ok_or_else(|| format!("there is no customer {customer}"))?;
        checkout.customer = Some(customer);
    }
    if let Some(token) = change.cart_token {
        let cart = world.shop(shop)?.carts.get(&token).ok_or_else(|| format!("there is no cart {token}"))?;
        checkout.lines = cart.lines.clone();
        checkout.cart_token = Some(token);
    }
    if let Some(goods) = change.lines {
        checkout.lines = lines(world, &goods);
    }
    checkout.email = change.email.or(checkout.email.take());
    checkout.phone = change.phone.or(checkout.phone.take());
    checkout.accepts_marketing = change.accepts_marketing.unwrap_or(checkout.accepts_marketing);
    checkout.accepts_sms = change.accepts_sms.unwrap_or(checkout.accepts_sms);
    checkout.updated_at = world.now();
    Ok(())
}

pub(super) fn create_checkout(world: &mut World, shop: &str, given: CheckoutChange) -> Result<Value, String> {
    let (now, token) = (world.now(), token(world));
    let mut checkout = Checkout {
        token: token.clone(),
        number: world.id(),
        cart_token: None,
        email: None,
        phone: None,
        customer: None,
        accepts_marketing: false,
        accepts_sms: false,
        lines: Vec::new(),
        created_at: now,
        updated_at: now,
        completed_at: None,
    };
    change(world, shop, &mut checkout, given)?;
    let body = rest::checkout(world.shop(shop)?, &checkout);
    world.shop_mut(shop)?.checkouts.insert(token.clone(), checkout);
    world.fire(shop, "checkouts/create", body);
    Ok(json!({"token": token}))
}

pub(super) fn update_checkout(
    world: &mut World,
    shop: &str,
    token: &str,
    given: CheckoutChange,
) -> Result<Value, String> {
    let known = world.shop(shop)?.checkouts.get(token);
    let mut checkout = known.cloned().ok_or_else(|| format!("there is no checkout {token}"))?;
    change(world, shop, &mut checkout, given)?;
    tell(world, shop, checkout)?;
    Ok(json!({"token": token}))
}

/// A checkout became an order.
pub(super) fn complete(world: &mut World, shop: &str, token: &str, customer: Option<u64>) -> Result<(), String> {
    let Some(mut checkout) = world.shop(shop)?.checkouts.get(token).cloned() else { return Ok(()) };
    let now = world.now();
    checkout.customer = customer.or(checkout.customer);
    (checkout.completed_at, checkout.updated_at) = (Some(now), now);
    tell(world, shop, checkout)
}

fn tell(world: &mut World, shop: &str, checkout: Checkout) -> Result<(), String> {
    let body = rest::checkout(world.shop(shop)?, &checkout);
    world.shop_mut(shop)?.checkouts.insert(checkout.token.clone(), checkout);
    world.fire(shop, "checkouts/update", body);
    Ok(())
}
