//! What merchants and buyers do: each changes the shop and fires the topics that the platform fires.

mod browse;
mod customers;
mod install;
mod orders;
mod pay;

use super::model::{Address, Consent};
use super::money::{as_optional_text, as_text};
use super::world::World;
use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// Goods of a cart, a checkout or an order.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Goods {
    /// Product; absent for something that is not one.
    pub product_id: Option<u64>,
    /// Variant.
    pub variant_id: Option<u64>,
    /// Stock keeping unit.
    pub sku: Option<String>,
    /// Title.
    pub title: String,
    /// How many.
    pub quantity: u64,
    /// Price of one, shop currency.
    #[serde(with = "as_text")]
    pub price: Decimal,
    /// Discount on the line, shop currency.
    #[serde(with = "as_text")]
    pub discount: Decimal,
    /// Whether it is a gift card.
    pub gift_card: bool,
}

impl Default for Goods {
    fn default() -> Goods {
        Goods {
            product_id: Some(788_032_119_674_292_922),
            variant_id: Some(704_912_205_188_288_575),
            sku: Some("SKU-1".to_owned()),
            title: "T-shirt".to_owned(),
            quantity: 1,
            price: Decimal::from(100),
            discount: Decimal::ZERO,
            gift_card: false,
        }
    }
}

impl Goods {
    /// So many of something at a price.
    pub fn of(title: &str, quantity: u64, price: Decimal) -> Goods {
        let number = super::faults::mix(title.bytes().fold(7, |sum, byte| super::faults::mix(sum ^ u64::from(byte))));
        // Products of one title are one product, with an id beyond what a JavaScript number keeps.
        let id = (1 << 53) + 1 + number % (1 << 40) * 2;
        let sku = title.to_uppercase().replace(' ', "-");
        Goods {
            product_id: Some(id),
            variant_id: Some(id + 2),
            sku: Some(sku),
            title: title.to_owned(),
            quantity,
            price,
            ..Goods::default()
        }
    }
}

/// What a customer is made of, or what changes of one: what is absent stays.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct CustomerChange {
    /// First name.
    pub first_name: Option<String>,
    /// Last name.
    pub last_name: Option<String>,
    /// E-mail address.
    pub email: Option<String>,
    /// Phone number.
    pub phone: Option<String>,
    /// Language.
    pub locale: Option<String>,
    /// All the tags.
    pub tags: Option<Vec<String>>,
    /// Default address.
    pub address: Option<Address>,
    /// Consent by e-mail.
    pub email_consent: Option<Consent>,
    /// Consent by SMS.
    pub sms_consent: Option<Consent>,
    /// A note.
    pub note: Option<String>,
    /// When it came to be, Unix seconds; only at the beginning.
    pub created_at: Option<i64>,
}

/// How an order is paid as it comes to be.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Payment {
    /// In full.
    #[default]
    Paid,
    /// Not at all.
    Pending,
    /// `paid` of it.
    Partial,
    /// Reserved.
    Authorized,
}

/// A new order.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct NewOrder {
    /// The customer; found or made by e-mail or phone when absent.
    pub customer: Option<u64>,
    /// E-mail address; the customer's when absent.
    pub email: Option<String>,
    /// Phone number.
    pub phone: Option<String>,
    /// No customer is made although there is an address.
    pub guest: bool,
    /// Goods.
    pub lines: Vec<Goods>,
    /// Shipping, shop currency.
    #[serde(with = "as_text")]
    pub shipping: Decimal,
    /// Taxes on top, shop currency.
    #[serde(with = "as_text")]
    pub tax: Decimal,
    /// How it is paid.
    pub payment: Payment,
    /// The part that is paid, shop currency, with `Payment::Partial`.
    #[serde(with = "as_optional_text")]
    pub paid: Option<Decimal>,
    /// A test.
    pub test: bool,
    /// Currency that the buyer sees; the shop's when absent.
    pub presentment_currency: Option<String>,
    /// How much of it one of the shop's currency is; 1 when absent.
    #[serde(with = "as_optional_text")]
    pub rate: Option<Decimal>,
    /// The cart that it came from.
    pub cart_token: Option<String>,
    /// The checkout that it came from.
    pub checkout_token: Option<String>,
    /// `web` when absent.
    pub source_name: Option<String>,
    /// Where the visit began.
    pub landing_site: Option<String>,
    /// Where the visitor came from.
    pub referring_site: Option<String>,
    /// Tags.
    pub tags: Vec<String>,
    /// A discount code.
    pub discount_code: Option<String>,
    /// Whether the buyer accepts marketing.
    pub buyer_accepts_marketing: bool,
    /// When it came to be, Unix seconds; now when absent.
    pub created_at: Option<i64>,
    /// When it was processed; `created_at` when absent.
    pub processed_at: Option<i64>,
}

/// A refund.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct NewRefund {
    /// Money that goes back, shop currency; none when absent.
    #[serde(with = "as_optional_text")]
    pub amount: Option<Decimal>,
    /// Goods: the line's place in the order, and how many.
    pub lines: Vec<(usize, u64)>,
    /// The money is on its way: `settle_refund` decides.
    pub pending: bool,
    /// A note.
    pub note: Option<String>,
}

/// A request for privacy, which goes to the app's own subscriptions.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "topic")]
pub enum Privacy {
    /// `customers/data_request`.
    DataRequest {
        /// Whose data.
        customer: u64,
    },
    /// `customers/redact`.
    CustomerRedact {
        /// Whose data.
        customer: u64,
    },
    /// `shop/redact`.
    ShopRedact,
}

/// What happens in a shop; `action` in JSON.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "action", deny_unknown_fields)]
#[allow(missing_docs)]
pub enum Action {
    /// A customer comes to be: `{"id"}`.
    AddCustomer { customer: CustomerChange },
    /// A customer changes.
    UpdateCustomer { id: u64, change: CustomerChange },
    /// Tags come to a customer.
    AddTags { id: u64, tags: Vec<String> },
    /// Tags go.
    RemoveTags { id: u64, tags: Vec<String> },
    /// A customer goes.
    DeleteCustomer { id: u64 },
    /// Two customers become one; `fails` plays the platform's refusal.
    MergeCustomers {
        keep: u64,
        delete: u64,
        #[serde(default)]
        fails: bool,
    },
    /// A cart with goods: `{"token"}`.
    CreateCart { lines: Vec<Goods> },
    /// A cart holds these goods now.
    UpdateCart { token: String, lines: Vec<Goods> },
    /// A checkout begins: `{"token"}`.
    CreateCheckout { checkout: CheckoutChange },
    /// A checkout changes.
    UpdateCheckout { token: String, change: CheckoutChange },
    /// An order: `{"id"}`.
    CreateOrder { order: NewOrder },
    /// Money comes in; all that is open when `amount` is absent.
    Pay {
        id: u64,
        #[serde(default, with = "as_optional_text")]
        amount: Option<Decimal>,
    },
    /// Reserved money is taken; all of it when `amount` is absent.
    Capture {
        id: u64,
        #[serde(default, with = "as_optional_text")]
        amount: Option<Decimal>,
    },
    /// A payment is refused.
    FailPayment { id: u64 },
    /// Goods are added or taken out (the line's place, and how many).
    EditOrder {
        id: u64,
        #[serde(default)]
        add: Vec<Goods>,
        #[serde(default)]
        remove: Vec<(usize, u64)>,
    },
    /// The order's own tags.
    TagOrder { id: u64, tags: Vec<String> },
    /// The order is off; `refund` sends the money back.
    CancelOrder {
        id: u64,
        #[serde(default)]
        reason: Option<String>,
        #[serde(default)]
        refund: bool,
    },
    /// A refund: `{"id"}`.
    RefundOrder { id: u64, refund: NewRefund },
    /// Pending money of a refund arrives, or does not.
    SettleRefund { id: u64, refund: u64, succeeds: bool },
    /// The order goes.
    DeleteOrder { id: u64 },
    /// The merchant removes the app.
    Uninstall,
    /// The app is installed without the walk through the browser: tokens as the token endpoint answers them.
    Install { scopes: Vec<String> },
    /// The merchant changes what the app may do.
    ChangeScopes { scopes: Vec<String> },
    /// Privacy.
    Privacy { request: Privacy },
    /// The platform closes the API: 402, 403 or 423; 0 opens it.
    Block { status: u16 },
}

/// A checkout, or what changes of one: what is absent stays.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct CheckoutChange {
    /// The cart.
    pub cart_token: Option<String>,
    /// E-mail address.
    pub email: Option<String>,
    /// Phone number.
    pub phone: Option<String>,
    /// The customer who is logged in.
    pub customer: Option<u64>,
    /// The box for e-mail marketing.
    pub accepts_marketing: Option<bool>,
    /// The box for SMS marketing.
    pub accepts_sms: Option<bool>,
    /// Goods; the cart's when absent.
    pub lines: Option<Vec<Goods>>,
}

/// Plays an action; its answer, or why it can't be.
pub(super) fn play(world: &mut World, shop: &str, action: Action) -> Result<Value, String> {
    if !world.shops.contains_key(shop) {
        return Err(format!("there is no shop {shop}"));
    }
    world.begin_action();
    match action {
        Action::AddCustomer { customer } => customers::add(world, shop, customer),
        Action::UpdateCustomer { id, change } => customers::update(world, shop, id, change),
        Action::AddTags { id, tags } => customers::add_tags(world, shop, id, &tags),
        Action::RemoveTags { id, tags } => customers::remove_tags(world, shop, id, &tags),
        Action::DeleteCustomer { id } => customers::delete(world, shop, id),
        Action::MergeCustomers { keep, delete, fails } => customers::merge(world, shop, keep, delete, fails),
        Action::CreateCart { lines } => browse::create_cart(world, shop, &lines),
        Action::UpdateCart { token, lines } => browse::update_cart(world, shop, &token, &lines),
        Action::CreateCheckout { checkout } => browse::create_checkout(world, shop, checkout),
        Action::UpdateCheckout { token, change } => browse::update_checkout(world, shop, &token, change),
        Action::CreateOrder { order } => orders::create(world, shop, order),
        Action::Pay { id, amount } => pay::pay(world, shop, id, amount),
        Action::Capture { id, amount } => pay::capture(world, shop, id, amount),
        Action::FailPayment { id } => pay::fail(world, shop, id),
        Action::EditOrder { id, add, remove } => orders::edit(world, shop, id, &add, &remove),
        Action::TagOrder { id, tags } => orders::tag(world, shop, id, &tags),
        Action::CancelOrder { id, reason, refund } => orders::cancel(world, shop, id, reason, refund),
        Action::RefundOrder { id, refund } => pay::refund(world, shop, id, &refund),
        Action::SettleRefund { id, refund, succeeds } => pay::settle(world, shop, id, refund, succeeds),
        Action::DeleteOrder { id } => orders::delete(world, shop, id),
        Action::Uninstall => install::uninstall(world, shop),
        Action::Install { scopes } => install::install(world, shop, &scopes),
        Action::ChangeScopes { scopes } => install::change_scopes(world, shop, scopes),
        Action::Privacy { request } => install::privacy(world, shop, request),
        Action::Block { status } => install::block(world, shop, status),
    }
}

pub(super) use customers::{set_email_consent, set_sms_consent};
