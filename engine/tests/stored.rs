//! What is read from a record's bytes is what the record holds.

#![allow(missing_docs)]

use model::{Channel, ConsentChange, ConsentState, Identity, IdentityKey, IdentityKind, Time};
use proptest::prelude::*;
use segmentd_engine::storage::{ChunkRecord, FactRecord, LinkRecord, MessageKey, NodeRecord, OrderKey, PersonRecord};
use segmentd_engine::stored::{StoredChunk, StoredPerson};

fn kind() -> impl Strategy<Value = IdentityKind> {
    (0..IdentityKind::ALL.len()).prop_map(|place| IdentityKind::ALL[place])
}

fn key() -> impl Strategy<Value = IdentityKey> {
    any::<[u8; 16]>().prop_map(IdentityKey)
}

fn consent() -> impl Strategy<Value = ConsentChange> {
    (any::<i64>(), any::<[bool; 2]>(), ".{0,9}", ".{0,9}").prop_map(|(time, [state, channel], address, evidence)| {
        let state = if state { ConsentState::Subscribed } else { ConsentState::Unsubscribed };
        let channel = if channel { Channel::Email } else { Channel::Sms };
        ConsentChange { time: Time(time), state, channel, address, evidence }
    })
}

fn fact() -> impl Strategy<Value = FactRecord> {
    let numbers = (any::<u32>(), any::<u32>(), any::<u32>(), any::<Option<u32>>());
    let bytes = (any::<Vec<u8>>(), any::<Vec<u8>>(), any::<[u8; 12]>());
    let order = prop::option::of((any::<[u8; 16]>().prop_map(OrderKey), ".{0,9}"));
    let consent = prop::collection::vec(consent(), 0..3);
    (numbers, bytes, any::<[i64; 2]>(), consent, order).prop_map(
        |((anchor, own_anchor, source, name), (properties, traits, message), [time, delay], consent, order)| {
            let message = MessageKey(message);
            FactRecord { anchor, own_anchor, message, source, name, time, delay, properties, traits, consent, order }
        },
    )
}

fn chunk() -> impl Strategy<Value = ChunkRecord> {
    (prop::collection::vec(key(), 0..4), prop::collection::vec(fact(), 0..5))
        .prop_map(|(anchors, facts)| ChunkRecord { anchors, facts })
}

fn person() -> impl Strategy<Value = PersonRecord> {
    let link = (key(), kind(), any::<i64>(), ".{0,9}").prop_map(|(key, kind, time, canonical)| LinkRecord {
        key,
        kind,
        time: Time(time),
        canonical,
    });
    let node = (kind(), ".{0,5}", ".{0,9}", prop::collection::vec(link, 0..3))
        .prop_map(|(kind, scope, value, links)| NodeRecord { identity: Identity::scoped(kind, &scope, &value), links });
    (prop::collection::vec(node, 0..4), any::<Vec<(u64, u32)>>(), chunk())
        .prop_map(|(nodes, chunks, tail)| PersonRecord { nodes, chunks, tail })
}

fn read_back(chunk: &StoredChunk<'_>, anchors: usize) -> Option<ChunkRecord> {
    let anchors = (0..anchors as u32).map(|index| chunk.anchor(index)).collect::<Option<Vec<_>>>()?;
    let mut facts = Vec::new();
    chunk.each(|fact| {
        assert_eq!(fact.has_consent(), !fact.consent().is_empty());
        facts.push(FactRecord {
            anchor: fact.anchor,
            own_anchor: fact.own_anchor,
            message: fact.message,
            source: fact.source,
            name: fact.name,
            time: fact.time,
            delay: fact.delay,
            properties: fact.properties.to_vec(),
            traits: fact.traits.to_vec(),
            consent: fact.consent(),
            order: fact.order.map(|(key, message)| (key, message.to_owned())),
        });
    })?;
    Some(ChunkRecord { anchors, facts })
}

proptest! {
    #[test]
    fn a_record_is_read_as_it_was_written(person in person()) {
        let bytes = postcard::to_allocvec(&person).unwrap();
        let stored = StoredPerson::read(&bytes).unwrap();
        let identities: Vec<Identity> = person.nodes.iter().map(|node| node.identity.clone()).collect();
        prop_assert_eq!(stored.identities().unwrap(), identities);
        let chunks: Vec<u64> = person.chunks.iter().map(|(id, _)| *id).collect();
        prop_assert_eq!(stored.chunks().unwrap(), chunks);
        prop_assert_eq!(read_back(&stored.tail(), person.tail.anchors.len()).unwrap(), person.tail.clone());
        let bytes = postcard::to_allocvec(&person.tail).unwrap();
        let chunk = StoredChunk::read(&bytes).unwrap();
        prop_assert_eq!(read_back(&chunk, person.tail.anchors.len()).unwrap(), person.tail);
    }

    #[test]
    fn damage_is_told_or_read_and_never_a_panic(person in person(), at in any::<u16>(), by in 1..=255_u8) {
        let mut bytes = postcard::to_allocvec(&person).unwrap();
        let at = at as usize % bytes.len();
        let cut = StoredPerson::read(&bytes[..at]);
        prop_assert!(cut.and_then(|cut| cut.tail().each(|_| ())).is_none());
        bytes[at] ^= by;
        if let Some(stored) = StoredPerson::read(&bytes) {
            let _ = (stored.identities(), stored.chunks(), read_back(&stored.tail(), 0));
        }
    }
}
