//! Single things as they are now. Whatever points at an order comes to one reading of it, and of its cart.

use crate::api::Api;
use crate::claim::About;
use crate::context::{CLAIM, Context, ORDER, PACK, PAYMENT, QUESTION, add};
use crate::fields::is_id;
use crate::purchase;
use crate::wire::Order;
use kit::failure::Failure;
use kit::platform::Connection;
use kit::receive::{Facts, Pointer};
use std::collections::{BTreeMap, BTreeSet};

/// Pointers of one fetch: as many calls or some more.
pub(super) const FETCH_MAX: usize = 20;

/// What is to be read.
#[derive(Default)]
struct Wanted {
    orders: BTreeSet<String>,
    packs: BTreeSet<String>,
}

/// Reads what pointers point at. What is not there, or another seller's, says nothing: whoever forges a pointer comes
/// no further than that.
pub(super) async fn fetch(
    connection: &Connection,
    pointers: &[Pointer],
    context: &Context<'_>,
) -> Result<Facts, Failure> {
    let api = Api(connection);
    let (mut wanted, mut facts) = (Wanted::default(), Facts::default());
    for Pointer { kind, id } in pointers.iter().filter(|pointer| is_id(&pointer.id)) {
        match kind.as_str() {
            ORDER => drop(wanted.orders.insert(id.clone())),
            PACK => drop(wanted.packs.insert(id.clone())),
            PAYMENT => wanted.orders.extend(api.order_of_payment(id).await?),
            QUESTION => {
                let question = api.question(id).await?;
                add(&mut facts, question.map(|question| question.facts(context)).unwrap_or_default());
            }
            CLAIM => {
                let Some(claim) = api.claim(id).await? else { continue };
                match claim.about(&api).await? {
                    About::Order(order) => drop(wanted.orders.insert(order)),
                    About::Pack(pack) => drop(wanted.packs.insert(pack)),
                    About::Nothing => {}
                }
            }
            _ => {}
        }
    }
    add(&mut facts, purchases(&api, wanted, context).await?);
    // What a cart brought along was pointed at by nobody: it tells nothing of how complete notifications are.
    let asked: BTreeSet<&Pointer> = pointers.iter().collect();
    facts.versions.retain(|version| asked.contains(&version.thing));
    Ok(facts)
}

/// The orders that are wanted, each with the others of its cart.
async fn purchases(api: &Api<'_>, wanted: Wanted, context: &Context<'_>) -> Result<Facts, Failure> {
    let (mut alone, mut of_packs) = (Vec::new(), BTreeMap::new());
    let mut packs = wanted.packs;
    for id in wanted.orders {
        let Some(order) = api.order(&id).await? else { continue };
        match &order.pack_id {
            Some(pack) => {
                packs.insert(pack.clone());
                of_packs.insert(id, order);
            }
            None => alone.push(order),
        }
    }
    let mut facts = Facts::default();
    for order in alone {
        add(&mut facts, purchase::facts(&[order], None, context));
    }
    for pack in packs {
        for id in api.pack(&pack).await?.unwrap_or_default() {
            if !of_packs.contains_key(&id)
                && let Some(order) = api.order(&id).await?
            {
                of_packs.insert(id, order);
            }
        }
        let (members, others): (BTreeMap<_, _>, BTreeMap<_, _>) =
            of_packs.into_iter().partition(|(_, order): &(String, Order)| order.pack_id.as_deref() == Some(&pack));
        of_packs = others;
        let members: Vec<Order> = members.into_values().collect();
        add(&mut facts, purchase::facts(&members, Some(&pack), context));
    }
    Ok(facts)
}
