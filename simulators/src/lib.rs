//! Doubles of platforms and endpoints: real HTTP servers with their documented rules.
//!
//! A double shares no code with the connector that talks to it.

#![warn(missing_docs)]
#![recursion_limit = "512"]

pub mod brevo;
mod browser;
mod daemon;
pub mod demo;
pub mod hubspot;
pub mod klaviyo;
pub mod mailchimp;
pub mod measure;
pub mod mercadolibre;
pub mod receiver;
pub mod shopify;
pub mod tiendanube;
pub mod woocommerce;
