//! Carts and checkouts: neither is kept by the Admin API, only their webhooks tell of them.

use super::order::Line;

/// A cart of the online store.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Cart {
    /// Its token, which is its id too.
    pub token: String,
    /// What is in it.
    pub lines: Vec<Line>,
    /// When it came to be, Unix seconds.
    pub created_at: i64,
    /// When it changed last.
    pub updated_at: i64,
}

/// A checkout.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Checkout {
    /// Its token.
    pub token: String,
    /// A number, for its name.
    pub number: u64,
    /// The cart that it came from.
    pub cart_token: Option<String>,
    /// E-mail address that was typed.
    pub email: Option<String>,
    /// Phone number that was typed.
    pub phone: Option<String>,
    /// The customer, once one is known.
    pub customer: Option<u64>,
    /// Whether the box for e-mail marketing is ticked.
    pub accepts_marketing: bool,
    /// Whether the box for SMS marketing is ticked.
    pub accepts_sms: bool,
    /// What is in it.
    pub lines: Vec<Line>,
    /// When it came to be, Unix seconds.
    pub created_at: i64,
    /// When it changed last.
    pub updated_at: i64,
    /// When it became an order.
    pub completed_at: Option<i64>,
}
