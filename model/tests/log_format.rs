//! What the log holds can be read by later versions: variants keep their numbers, new ones come last.

#![allow(missing_docs)]

use segmentd_model::{Command, Identity, ListDefinition, ListIdentifier, ListMode, SegmentDefinition};

fn bytes(command: &Command) -> Vec<u8> {
    let bytes = postcard::to_stdvec(command).unwrap();
    assert_eq!(&postcard::from_bytes::<Command>(&bytes).unwrap(), command, "what goes in comes out");
    bytes
}

#[test]
fn commands_keep_their_numbers() {
    let identity = Identity::email("a@x.mx");
    let erase = Command::Erase { identity: identity.clone() };
    assert_eq!(bytes(&erase), b"\x0a\x03\x00\x06a@x.mx");
    let unlink = Command::Unlink { left: identity.clone(), right: Identity::phone("+1") };
    assert_eq!(bytes(&unlink), b"\x0b\x03\x00\x06a@x.mx\x02\x00\x02+1");
    let redact = Command::Redact { source: "s".into(), identity: identity.clone() };
    assert_eq!(bytes(&redact), b"\x0c\x01s\x03\x00\x06a@x.mx");
    let withdraw = Command::Withdraw { source: "s".into(), identity };
    assert_eq!(bytes(&withdraw), b"\x0d\x01s\x03\x00\x06a@x.mx");
    let put = SegmentDefinition { id: "s".into(), name: "n".to_owned(), definition: "{}".to_owned() };
    assert_eq!(bytes(&Command::SegmentPrepare(put)), b"\x0e\x01s\x01n\x02{}");
    assert_eq!(bytes(&Command::SegmentCancel { id: "s".into(), version: 7 }), b"\x0f\x01s\x07");
}

#[test]
fn identifiers_of_lists_keep_their_numbers() {
    let list = |identifier| ListDefinition {
        id: "l".into(),
        segment: "s".into(),
        identifier,
        consent: None,
        mode: ListMode::Mirror,
    };
    for (identifier, golden) in [
        (ListIdentifier::Person, &b"\x08\x01l\x01s\x00\x00\x01"[..]),
        (ListIdentifier::Email, b"\x08\x01l\x01s\x01\x00\x01"),
        (ListIdentifier::Phone, b"\x08\x01l\x01s\x02\x00\x01"),
        (ListIdentifier::User("w".into()), b"\x08\x01l\x01s\x03\x01w\x00\x01"),
        (ListIdentifier::Platform("w".into()), b"\x08\x01l\x01s\x04\x01w\x00\x01"),
    ] {
        assert_eq!(bytes(&Command::ListPut(list(identifier))), golden);
    }
}
