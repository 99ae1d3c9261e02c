//! A shop as a test or the demo plays it.

use super::actions::{Action, CheckoutChange, CustomerChange, Goods, NewOrder, NewRefund, Privacy};
use super::truth::Truth;
use super::{ShopifySim, actions, oauth::Installed, truth};
use rust_decimal::Decimal;
use serde_json::Value;

/// A shop. All methods act at once, fire the topics that the platform fires, and say why if something can't be.
#[derive(Clone)]
pub struct Shop {
    sim: ShopifySim,
    domain: String,
}

fn number(value: &Value) -> u64 {
    value.get("id").and_then(Value::as_u64).unwrap_or_default()
}

fn token(value: &Value) -> String {
    value.get("token").and_then(Value::as_str).unwrap_or_default().to_owned()
}

impl Shop {
    pub(super) fn new(sim: ShopifySim, domain: &str) -> Shop {
        Shop { sim, domain: domain.to_owned() }
    }

    /// `{name}.myshopify.com`.
    pub fn domain(&self) -> &str {
        &self.domain
    }

    /// The shop's own base: what stands for `https://{domain}`.
    pub fn base(&self) -> String {
        format!("{}/{}", self.sim.base(), self.domain)
    }

    /// Plays any action.
    pub fn act(&self, action: Action) -> Result<Value, String> {
        actions::play(&mut self.sim.lock(), &self.domain, action)
    }

    /// A customer comes to be; its id.
    pub fn add_customer(&self, customer: CustomerChange) -> Result<u64, String> {
        self.act(Action::AddCustomer { customer }).map(|answer| number(&answer))
    }

    /// A customer changes: names, address, tags, consent.
    pub fn update_customer(&self, id: u64, change: CustomerChange) -> Result<(), String> {
        self.act(Action::UpdateCustomer { id, change }).map(drop)
    }

    /// Tags come to a customer.
    pub fn add_tags(&self, id: u64, tags: &[&str]) -> Result<(), String> {
        let tags = tags.iter().map(|tag| (*tag).to_owned()).collect();
        self.act(Action::AddTags { id, tags }).map(drop)
    }

    /// Tags go.
    pub fn remove_tags(&self, id: u64, tags: &[&str]) -> Result<(), String> {
        let tags = tags.iter().map(|tag| (*tag).to_owned()).collect();
        self.act(Action::RemoveTags { id, tags }).map(drop)
    }

    /// A customer goes; one with orders can't.
    pub fn delete_customer(&self, id: u64) -> Result<(), String> {
        self.act(Action::DeleteCustomer { id }).map(drop)
    }

    /// Two customers become one.
    pub fn merge_customers(&self, keep: u64, delete: u64) -> Result<(), String> {
        self.act(Action::MergeCustomers { keep, delete, fails: false }).map(drop)
    }

    /// A cart with goods; its token.
    pub fn create_cart(&self, lines: Vec<Goods>) -> Result<String, String> {
        self.act(Action::CreateCart { lines }).map(|answer| token(&answer))
    }

    /// A cart holds these goods now.
    pub fn update_cart(&self, token: &str, lines: Vec<Goods>) -> Result<(), String> {
        self.act(Action::UpdateCart { token: token.to_owned(), lines }).map(drop)
    }

    /// A checkout begins; its token.
    pub fn create_checkout(&self, checkout: CheckoutChange) -> Result<String, String> {
        self.act(Action::CreateCheckout { checkout }).map(|answer| token(&answer))
    }

    /// A checkout changes.
    pub fn update_checkout(&self, token: &str, change: CheckoutChange) -> Result<(), String> {
        self.act(Action::UpdateCheckout { token: token.to_owned(), change }).map(drop)
    }

    /// An order; its id.
    pub fn create_order(&self, order: NewOrder) -> Result<u64, String> {
        self.act(Action::CreateOrder { order }).map(|answer| number(&answer))
    }

    /// Money comes in; all that is open when no amount is given.
    pub fn pay(&self, id: u64, amount: Option<Decimal>) -> Result<(), String> {
        self.act(Action::Pay { id, amount }).map(drop)
    }

    /// Reserved money is taken.
    pub fn capture(&self, id: u64, amount: Option<Decimal>) -> Result<(), String> {
        self.act(Action::Capture { id, amount }).map(drop)
    }

    /// Goods are added, or taken out of a line (its place, and how many).
    pub fn edit_order(&self, id: u64, add: Vec<Goods>, remove: Vec<(usize, u64)>) -> Result<(), String> {
        self.act(Action::EditOrder { id, add, remove }).map(drop)
    }

    /// The order is off; `refund` sends the money back.
    pub fn cancel_order(&self, id: u64, refund: bool) -> Result<(), String> {
        self.act(Action::CancelOrder { id, reason: None, refund }).map(drop)
    }

    /// A refund; its id.
    pub fn refund_order(&self, id: u64, refund: NewRefund) -> Result<u64, String> {
        self.act(Action::RefundOrder { id, refund }).map(|answer| number(&answer))
    }

    /// Pending money of a refund arrives, or does not.
    pub fn settle_refund(&self, id: u64, refund: u64, succeeds: bool) -> Result<(), String> {
        self.act(Action::SettleRefund { id, refund, succeeds }).map(drop)
    }

    /// The order goes.
    pub fn delete_order(&self, id: u64) -> Result<(), String> {
        self.act(Action::DeleteOrder { id }).map(drop)
    }

    /// The merchant removes the app: its tokens and subscriptions end.
    pub fn uninstall(&self) -> Result<(), String> {
        self.act(Action::Uninstall).map(drop)
    }

    /// The app is installed, also again, without the walk through the browser.
    pub fn install(&self, scopes: &[&str]) -> Result<Installed, String> {
        let scopes = scopes.iter().map(|scope| (*scope).to_owned()).collect();
        let answer = self.act(Action::Install { scopes })?;
        serde_json::from_value(answer).map_err(|why| why.to_string())
    }

    /// The merchant changes what the app may do.
    pub fn change_scopes(&self, scopes: &[&str]) -> Result<(), String> {
        let scopes = scopes.iter().map(|scope| (*scope).to_owned()).collect();
        self.act(Action::ChangeScopes { scopes }).map(drop)
    }

    /// A privacy request goes to the app's own subscriptions.
    pub fn privacy(&self, request: Privacy) -> Result<(), String> {
        self.act(Action::Privacy { request }).map(drop)
    }

    /// The platform closes the API with 402, 403 or 423; 0 opens it.
    pub fn block(&self, status: u16) -> Result<(), String> {
        self.act(Action::Block { status }).map(drop)
    }

    /// The body that a webhook has of something as it is now: of the order or the customer of a number.
    pub fn hook_body(&self, topic: &str, id: u64) -> Result<Value, String> {
        let world = self.sim.lock();
        let shop = world.shop(&self.domain)?;
        match topic {
            "orders/updated" => shop.order(id).map(|order| super::rest::order(shop, &order)),
            "customers/update" => shop.customer(id).map(|customer| super::rest::customer(shop, &customer)),
            _ => None,
        }
        .ok_or_else(|| format!("there is no {id} for {topic}"))
    }

    /// The body that a webhook has of a cart as it is now.
    pub fn cart_body(&self, token: &str) -> Result<Value, String> {
        let world = self.sim.lock();
        let shop = world.shop(&self.domain)?;
        let cart = shop.carts.get(token).ok_or_else(|| format!("there is no cart {token}"))?;
        Ok(super::rest::cart(shop, cart))
    }

    /// What is true of each customer, by id.
    pub fn truth(&self) -> Vec<Truth> {
        truth::of_shop(&self.sim.lock(), &self.domain)
    }

    /// The query, signed, with which the platform opens the app's URL to begin an installation.
    pub fn install_query(&self) -> String {
        super::oauth::install_query(&mut self.sim.lock(), &self.domain)
    }

    /// A query signed as the app proxy signs it.
    pub fn proxy_query(&self, path_prefix: &str, customer: Option<u64>) -> String {
        super::oauth::proxy_query(&self.sim.lock(), &self.domain, path_prefix, customer)
    }
}
