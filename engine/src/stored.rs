//! Records of people as they lie in the store, read from its bytes without a copy: who looks at a
//! million of them can't afford one of each, nor to read what is not asked for.
//!
//! The format is that of [`crate::storage`]'s records as postcard writes them: numbers in groups of seven bits,
//! signed ones zigzag; texts, bytes and lists after their length; an option after a byte that says if it is there.
//! `None` means that bytes are missing or mean nothing.

use crate::storage::{MessageKey, OrderKey};
use model::{Channel, ConsentChange, ConsentState, Identity, IdentityKey, IdentityKind, Time};

/// Bytes that are being read.
#[derive(Clone, Copy, Debug)]
struct Bytes<'a>(&'a [u8]);

impl<'a> Bytes<'a> {
    fn number(&mut self) -> Option<u64> {
        let (mut number, mut shift) = (0_u64, 0);
        loop {
            let (&byte, rest) = self.0.split_first()?;
            self.0 = rest;
            number |= u64::from(byte & 0x7f).checked_shl(shift)?;
            if byte & 0x80 == 0 {
                return Some(number);
            }
            shift += 7;
        }
    }

    fn small(&mut self) -> Option<u32> {
        self.number()?.try_into().ok()
    }

    fn signed(&mut self) -> Option<i64> {
        let number = self.number()?;
        Some((number >> 1) as i64 ^ -((number & 1) as i64))
    }

    fn take(&mut self, count: usize) -> Option<&'a [u8]> {
        let (head, rest) = self.0.split_at_checked(count)?;
        self.0 = rest;
        Some(head)
    }

    fn array<const N: usize>(&mut self) -> Option<[u8; N]> {
        let (head, rest) = self.0.split_first_chunk::<N>()?;
        self.0 = rest;
        Some(*head)
    }

    fn slice(&mut self) -> Option<&'a [u8]> {
        let count = usize::try_from(self.number()?).ok()?;
        self.take(count)
    }

    fn text(&mut self) -> Option<&'a str> {
        std::str::from_utf8(self.slice()?).ok()
    }

    fn one_of<T: Copy>(&mut self, all: &[T]) -> Option<T> {
        let place = usize::try_from(self.number()?).ok()?;
        all.get(place).copied()
    }
}

/// A [`crate::storage::PersonRecord`].
#[derive(Clone, Copy, Debug)]
pub struct StoredPerson<'a> {
    nodes: Bytes<'a>,
    chunks: Bytes<'a>,
    tail: StoredChunk<'a>,
}

impl<'a> StoredPerson<'a> {
    /// Finds the parts of a record.
    pub fn read(bytes: &'a [u8]) -> Option<StoredPerson<'a>> {
        let nodes = Bytes(bytes);
        let mut rest = nodes;
        for _ in 0..rest.number()? {
            skip_node(&mut rest)?;
        }
        let chunks = rest;
        for _ in 0..rest.number()? {
            rest.number()?;
            rest.number()?;
        }
        Some(StoredPerson { nodes, chunks, tail: StoredChunk::begin(rest)? })
    }

    /// Its identities.
    pub fn identities(&self) -> Option<Vec<Identity>> {
        let mut rest = self.nodes;
        (0..rest.number()?).map(|_| identity(&mut rest)).collect()
    }

    /// The ids of its closed chunks, oldest first.
    pub fn chunks(&self) -> Option<Vec<u64>> {
        let mut rest = self.chunks;
        let one = |rest: &mut Bytes<'_>| {
            let id = rest.number()?;
            rest.number().map(|_| id)
        };
        (0..rest.number()?).map(|_| one(&mut rest)).collect()
    }

    /// The facts that are not in a chunk yet.
    pub fn tail(&self) -> StoredChunk<'a> {
        self.tail
    }
}

/// An identity; its links are passed over.
fn identity(rest: &mut Bytes<'_>) -> Option<Identity> {
    let mut node = *rest;
    skip_node(rest)?;
    let (kind, scope, value) = (node.one_of(&IdentityKind::ALL)?, node.text()?, node.text()?);
    Some(Identity::scoped(kind, scope, value))
}

fn skip_node(rest: &mut Bytes<'_>) -> Option<()> {
    rest.number()?;
    rest.slice()?;
    rest.slice()?;
    for _ in 0..rest.number()? {
        rest.take(16)?;
        rest.number()?;
        rest.number()?;
        rest.slice()?;
    }
    Some(())
}

/// A [`crate::storage::ChunkRecord`].
#[derive(Clone, Copy, Debug)]
pub struct StoredChunk<'a> {
    anchors: &'a [[u8; 16]],
    facts: Bytes<'a>,
}

impl<'a> StoredChunk<'a> {
    /// Finds the parts of a record.
    pub fn read(bytes: &'a [u8]) -> Option<StoredChunk<'a>> {
        StoredChunk::begin(Bytes(bytes))
    }

    fn begin(mut rest: Bytes<'a>) -> Option<StoredChunk<'a>> {
        let count = usize::try_from(rest.number()?).ok()?;
        let (anchors, _) = rest.take(count.checked_mul(16)?)?.as_chunks::<16>();
        Some(StoredChunk { anchors, facts: rest })
    }

    /// An anchor by its index.
    pub fn anchor(&self, index: u32) -> Option<IdentityKey> {
        self.anchors.get(index as usize).map(|key| IdentityKey(*key))
    }

    /// Shows the facts in their order. There may be nothing after them.
    pub fn each(&self, mut show: impl FnMut(&StoredFact<'a>)) -> Option<()> {
        let mut rest = self.facts;
        for _ in 0..rest.number()? {
            show(&fact(&mut rest)?);
        }
        rest.0.is_empty().then_some(())
    }
}

/// A [`crate::storage::FactRecord`].
#[derive(Clone, Copy, Debug)]
pub struct StoredFact<'a> {
    /// Index of the anchor at which it is kept.
    pub anchor: u32,
    /// Index of the anchor of its own identities.
    pub own_anchor: u32,
    /// Its deduplication key.
    pub message: MessageKey,
    /// Number of its source.
    pub source: u32,
    /// Number of its name; `None` for changes of profile.
    pub name: Option<u32>,
    /// Event time, microseconds.
    pub time: i64,
    /// Receive time minus event time, microseconds.
    pub delay: i64,
    /// Properties, encoded by `person::bag`.
    pub properties: &'a [u8],
    /// Traits, encoded likewise.
    pub traits: &'a [u8],
    consent: Bytes<'a>,
    /// For facts of an order or a cart: its key and the message id.
    pub order: Option<(OrderKey, &'a str)>,
}

impl StoredFact<'_> {
    /// Whether it has statements of consent.
    pub fn has_consent(&self) -> bool {
        self.consent.0.first().is_some_and(|count| *count != 0)
    }

    /// Its statements of consent.
    pub fn consent(&self) -> Vec<ConsentChange> {
        let mut rest = self.consent;
        let count = rest.number().unwrap_or_default();
        (0..count).map_while(|_| change(&mut rest)).collect()
    }
}

fn fact<'a>(rest: &mut Bytes<'a>) -> Option<StoredFact<'a>> {
    let (anchor, own_anchor) = (rest.small()?, rest.small()?);
    let message = MessageKey(rest.array()?);
    let source = rest.small()?;
    let name = if option(rest)? { Some(rest.small()?) } else { None };
    let (time, delay) = (rest.signed()?, rest.signed()?);
    let (properties, traits) = (rest.slice()?, rest.slice()?);
    let consent = *rest;
    for _ in 0..rest.number()? {
        change(rest)?;
    }
    let order = if option(rest)? { Some((OrderKey(rest.array()?), rest.text()?)) } else { None };
    Some(StoredFact { anchor, own_anchor, message, source, name, time, delay, properties, traits, consent, order })
}

fn option(rest: &mut Bytes<'_>) -> Option<bool> {
    match rest.take(1)? {
        [0] => Some(false),
        [1] => Some(true),
        _ => None,
    }
}

fn change(rest: &mut Bytes<'_>) -> Option<ConsentChange> {
    Some(ConsentChange {
        time: Time(rest.signed()?),
        state: rest.one_of(&[ConsentState::Subscribed, ConsentState::Unsubscribed])?,
        channel: rest.one_of(&[Channel::Email, Channel::Sms])?,
        address: rest.text()?.to_owned(),
        evidence: rest.text()?.to_owned(),
    })
}
