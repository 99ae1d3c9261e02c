//! The generic connector: a platform that one file describes, loaded without compiling.
//!
//! The file says how deliveries are signed and where they go, what the platform's JSON means, how it is read page by
//! page and how a list there is kept. What comes of it has the same roles as a connector that is written in code:
//! retries, the pace, tokens and everything durable are the kit's and the daemon's, never the file's. The form is in
//! docs/generic-connector.md.

#![warn(missing_docs)]

mod calls;
mod compile;
mod description;
mod exact;
mod expression;
mod file;
mod install;
mod instant;
mod list;
mod mapping;
mod nearest;
mod pages;
mod poll;
mod receive;
mod signature;
mod template;
pub mod trial;
mod walk;

pub use compile::read;
pub use description::Description;
pub use file::{Problem, Problems};

use file::{Knows, On};
use kit::connector::{Connector, Identifies, Limits, SyncRole};
use model::Channel;

/// Makes a connector of a description. It stays in memory until the process ends: connectors are known for good.
pub fn connector(description: Description) -> Connector {
    let of: &'static Description = Box::leak(Box::new(description));
    let receive = of.receive.as_ref().map(|receive| {
        let role: &'static receive::GenericReceive = Box::leak(Box::new(receive::GenericReceive { of, receive }));
        role as _
    });
    let install: &'static install::GenericInstall = Box::leak(Box::new(install::role(of)));
    let reads = !of.streams.is_empty() || of.things.iter().any(|thing| thing.fetch.is_some());
    let poll = reads.then(|| {
        let role: &'static poll::GenericPoll = Box::leak(Box::new(poll::role(of)));
        role as _
    });
    Connector {
        name: &of.name,
        limits: Limits { calls_per_second: of.calls.calls_per_second, calls_at_once: of.calls.calls_at_once },
        install: Some(install),
        receive,
        poll,
        sync: of.list.as_ref().map(|list| SyncRole {
            identifies: match list.identifies {
                Knows::Email => Identifies::Email,
                Knows::Phone => Identifies::Phone,
                Knows::Customer => Identifies::Customer,
            },
            consent: list.consent.map(|on| match on {
                On::Email => Channel::Email,
                On::Sms => Channel::Sms,
            }),
            capabilities: list::capabilities(list),
            connect: Box::leak(Box::new(move |setup: &_| list::connect(of, list, setup))),
        }),
    }
}
