//! What a shop holds.

pub mod cart;
pub mod customer;
pub mod order;

pub use cart::{Cart, Checkout};
pub use customer::{Address, Consent, Customer, OptIn};
pub use order::{Kind, Line, Order, Refund, RefundLine, Status, Transaction};
