//! Orders, their money and what became of it.

use super::super::money::Currency;
use super::customer::Address;
use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};

/// What a transaction does.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// Authorized and captured at once.
    Sale,
    /// Money is reserved.
    Authorization,
    /// Reserved money is taken.
    Capture,
    /// A reservation ends.
    Void,
    /// Money goes back.
    Refund,
}

impl Kind {
    /// Lower case.
    pub fn text(self) -> &'static str {
        match self {
            Kind::Sale => "sale",
            Kind::Authorization => "authorization",
            Kind::Capture => "capture",
            Kind::Void => "void",
            Kind::Refund => "refund",
        }
    }
}

/// How far a transaction is.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Status {
    /// Money moved.
    #[default]
    Success,
    /// Not decided.
    Pending,
    /// Refused.
    Failure,
}

impl Status {
    /// Lower case.
    pub fn text(self) -> &'static str {
        match self {
            Status::Success => "success",
            Status::Pending => "pending",
            Status::Failure => "failure",
        }
    }
}

/// A movement of money, in shop currency.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Transaction {
    /// Its number.
    pub id: u64,
    /// What it does.
    pub kind: Kind,
    /// How far it is.
    pub status: Status,
    /// How much, shop currency.
    pub amount: Decimal,
    /// The transaction that it is about.
    pub parent: Option<u64>,
    /// The refund that it belongs to.
    pub refund: Option<u64>,
    /// When, Unix seconds.
    pub created_at: i64,
}

/// A line of goods.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Line {
    /// Its number.
    pub id: u64,
    /// Product, if it is one.
    pub product_id: Option<u64>,
    /// Variant.
    pub variant_id: Option<u64>,
    /// Stock keeping unit.
    pub sku: Option<String>,
    /// Title.
    pub title: String,
    /// Who makes it.
    pub vendor: Option<String>,
    /// How many were bought.
    pub quantity: u64,
    /// How many are left after edits and refunds.
    pub current_quantity: u64,
    /// Price of one, shop currency.
    pub price: Decimal,
    /// Discount on the line, shop currency.
    pub discount: Decimal,
    /// Whether it is a gift card.
    pub gift_card: bool,
}

impl Line {
    /// What the whole line cost.
    pub fn total(&self) -> Decimal {
        self.price * Decimal::from(self.quantity) - self.discount
    }

    /// What is left of that.
    pub fn current_total(&self) -> Decimal {
        if self.quantity == 0 {
            return Decimal::ZERO;
        }
        self.total() * Decimal::from(self.current_quantity) / Decimal::from(self.quantity)
    }
}

/// Goods that a refund is about.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct RefundLine {
    /// Its number.
    pub id: u64,
    /// The line of the order.
    pub line: u64,
    /// How many.
    pub quantity: u64,
    /// What they had cost, shop currency.
    pub subtotal: Decimal,
}

/// A refund: of goods, of money, or of both.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Refund {
    /// Its number.
    pub id: u64,
    /// When, Unix seconds.
    pub created_at: i64,
    /// A note.
    pub note: Option<String>,
    /// Goods.
    pub lines: Vec<RefundLine>,
}

/// An order.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Order {
    /// Its number on the platform.
    pub id: u64,
    /// Its number in the shop: 1001 and on.
    pub number: u64,
    /// When it came to be, Unix seconds.
    pub created_at: i64,
    /// When it was processed: imported orders have it in the past.
    pub processed_at: i64,
    /// When it changed last.
    pub updated_at: i64,
    /// When it was cancelled.
    pub cancelled_at: Option<i64>,
    /// Why.
    pub cancel_reason: Option<String>,
    /// Whether it is a test.
    pub test: bool,
    /// Currencies.
    pub currency: Currency,
    /// The customer.
    pub customer: Option<u64>,
    /// E-mail address of the order.
    pub email: Option<String>,
    /// Phone number of the order.
    pub phone: Option<String>,
    /// Whether the buyer accepted marketing.
    pub buyer_accepts_marketing: bool,
    /// Cart that it came from.
    pub cart_token: Option<String>,
    /// Checkout that it came from.
    pub checkout_token: Option<String>,
    /// `web`, `pos`, ...
    pub source_name: String,
    /// Where the visit began.
    pub landing_site: Option<String>,
    /// Where the visitor came from.
    pub referring_site: Option<String>,
    /// Tags.
    pub tags: Vec<String>,
    /// A discount code.
    pub discount_code: Option<String>,
    /// Goods.
    pub lines: Vec<Line>,
    /// Shipping, shop currency.
    pub shipping: Decimal,
    /// Taxes on top of prices, shop currency.
    pub tax: Decimal,
    /// What the order cost when it came to be.
    pub original_total: Decimal,
    /// Movements of money.
    pub transactions: Vec<Transaction>,
    /// Refunds.
    pub refunds: Vec<Refund>,
    /// Where to.
    pub address: Option<Address>,
    /// Whether it was edited.
    pub edited: bool,
}

impl Order {
    fn moved(&self, kinds: &[Kind]) -> Decimal {
        let counts = |one: &&Transaction| one.status == Status::Success && kinds.contains(&one.kind);
        self.transactions.iter().filter(counts).map(|one| one.amount).sum()
    }

    /// Goods at their price less discounts.
    pub fn subtotal(&self) -> Decimal {
        self.lines.iter().map(Line::total).sum()
    }

    /// The whole, before returns.
    pub fn total(&self) -> Decimal {
        self.subtotal() + self.shipping + self.tax
    }

    /// What is left of the goods after edits and returns.
    pub fn current_subtotal(&self) -> Decimal {
        self.lines.iter().map(Line::current_total).sum()
    }

    /// The whole after edits and returns.
    pub fn current_total(&self) -> Decimal {
        self.current_subtotal() + self.shipping + self.tax
    }

    /// Discounts.
    pub fn discounts(&self) -> Decimal {
        self.lines.iter().map(|line| line.discount).sum()
    }

    /// Money that came in.
    pub fn received(&self) -> Decimal {
        self.moved(&[Kind::Sale, Kind::Capture])
    }

    /// Money that went back.
    pub fn refunded(&self) -> Decimal {
        self.moved(&[Kind::Refund])
    }

    /// Money that stayed.
    pub fn net(&self) -> Decimal {
        self.received() - self.refunded()
    }

    /// Money that is reserved and not taken.
    pub fn authorized(&self) -> Decimal {
        if self.moved(&[Kind::Void]) > Decimal::ZERO { Decimal::ZERO } else { self.moved(&[Kind::Authorization]) }
    }

    /// What is still to be paid.
    pub fn outstanding(&self) -> Decimal {
        (self.current_total() - self.received()).max(Decimal::ZERO)
    }

    /// What the refund sent back, by its transactions that succeeded.
    pub fn refund_money(&self, refund: u64) -> Decimal {
        let of = |one: &&Transaction| one.refund == Some(refund) && one.status == Status::Success;
        self.transactions.iter().filter(of).map(|one| one.amount).sum()
    }

    /// The financial status, lower case.
    pub fn financial_status(&self) -> &'static str {
        let (received, refunded) = (self.received(), self.refunded());
        if refunded > Decimal::ZERO {
            return if refunded >= received { "refunded" } else { "partially_refunded" };
        }
        if received > Decimal::ZERO || self.total() == Decimal::ZERO {
            return if received >= self.current_total() { "paid" } else { "partially_paid" };
        }
        if self.authorized() > Decimal::ZERO {
            return "authorized";
        }
        let voided = self.moved(&[Kind::Void]) > Decimal::ZERO || self.cancelled_at.is_some();
        if voided { "voided" } else { "pending" }
    }
}
