//! How links lie in the store: keys, and values with a version byte in front.
//!
//! `c/CODE` holds a link, `w/WORKSPACE\0CAMPAIGN\0CODE` finds those of a campaign, `i/` those of a
//! subscriber, `n/CODE` counts clicks.

use super::{Clicks, Link};
use model::{Identity, IdentityKind, Time, WorkspaceId};
use serde::{Deserialize, Serialize};

const FORMAT: u8 = 1;

/// A link's value. The order of the fields is the format.
#[derive(Serialize, Deserialize)]
struct LinkRecord {
    workspace: String,
    campaign: String,
    url: String,
    created_us: i64,
    subscriber: Option<(u8, String, String)>,
}

pub(super) fn link_key(code: &str) -> Vec<u8> {
    [b"c/", code.as_bytes()].concat()
}

pub(super) fn clicks_key(code: &str) -> Vec<u8> {
    [b"n/", code.as_bytes()].concat()
}

/// The prefix of a campaign's entries; the code follows.
pub(super) fn campaign_prefix(workspace: &WorkspaceId, campaign: &str) -> Vec<u8> {
    [b"w/", workspace.as_str().as_bytes(), b"\0", campaign.as_bytes(), b"\0"].concat()
}

/// The prefix of a subscriber's entries; the code follows. Holds a hash, not the address.
pub(super) fn subscriber_prefix(workspace: &WorkspaceId, subscriber: &Identity) -> Vec<u8> {
    [b"i/", workspace.as_str().as_bytes(), b"\0", subscriber.key().0.as_slice()].concat()
}

pub(super) fn encode(link: &Link) -> Result<Vec<u8>, String> {
    let kind =
        |identity: &Identity| IdentityKind::ALL.iter().position(|kind| *kind == identity.kind).unwrap_or(0) as u8;
    let record = LinkRecord {
        workspace: link.workspace.to_string(),
        campaign: link.campaign.clone(),
        url: link.url.clone(),
        created_us: link.created.0,
        subscriber: link.subscriber.as_ref().map(|who| (kind(who), who.scope.clone(), who.value.clone())),
    };
    postcard::to_extend(&record, vec![FORMAT]).map_err(|why| why.to_string())
}

pub(super) fn decode(code: &str, bytes: &[u8]) -> Result<Link, String> {
    let Some((&FORMAT, rest)) = bytes.split_first() else { return Err("written by another version".to_owned()) };
    let (record, left): (LinkRecord, _) = postcard::take_from_bytes(rest).map_err(|why| why.to_string())?;
    if !left.is_empty() {
        return Err("bytes are left over".to_owned());
    }
    let subscriber = match record.subscriber {
        Some((kind, scope, value)) => {
            let kind = *IdentityKind::ALL.get(usize::from(kind)).ok_or("an unknown kind of identity")?;
            Some(Identity { kind, scope, value })
        }
        None => None,
    };
    Ok(Link {
        code: code.to_owned(),
        workspace: WorkspaceId(record.workspace),
        campaign: record.campaign,
        url: record.url,
        created: Time(record.created_us),
        subscriber,
    })
}

pub(super) fn encode_clicks(clicks: Clicks) -> Vec<u8> {
    [&[FORMAT][..], &clicks.counted.to_le_bytes(), &clicks.bots.to_le_bytes()].concat()
}

pub(super) fn decode_clicks(bytes: &[u8]) -> Result<Clicks, String> {
    let counts: Option<(&[u8; 8], &[u8; 8])> = match bytes.split_first() {
        Some((&FORMAT, rest)) => {
            rest.split_at_checked(8).and_then(|(left, right)| Some((left.try_into().ok()?, right.try_into().ok()?)))
        }
        _ => None,
    };
    let (counted, bots) = counts.ok_or("written by another version")?;
    Ok(Clicks { counted: u64::from_le_bytes(*counted), bots: u64::from_le_bytes(*bots) })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn link(subscriber: Option<Identity>) -> Link {
        Link {
            code: "abcd1234".to_owned(),
            workspace: "shop".into(),
            campaign: "may".to_owned(),
            url: "https://x.example/".to_owned(),
            created: Time(1),
            subscriber,
        }
    }

    #[test]
    fn links_read_back_as_they_were_written() {
        for subscriber in
            [None, Some(Identity::email("a@x.mx")), Some(Identity::scoped(IdentityKind::ALL[6], "s", "t"))]
        {
            let link = link(subscriber);
            assert_eq!(decode("abcd1234", &encode(&link).unwrap()), Ok(link));
        }
        let clicks = Clicks { counted: 3, bots: u64::MAX };
        assert_eq!(decode_clicks(&encode_clicks(clicks)), Ok(clicks));
    }

    #[test]
    fn the_bytes_of_version_1_stay() {
        let bytes = encode(&link(Some(Identity::email("a@x.mx")))).unwrap();
        assert_eq!(bytes, b"\x01\x04shop\x03may\x12https://x.example/\x02\x01\x03\x00\x06a@x.mx");
    }

    #[test]
    fn damage_is_told() {
        let mut bytes = encode(&link(None)).unwrap();
        bytes.push(0);
        assert!(decode("c", &bytes).is_err());
        for bytes in [&b""[..], b"\x02", b"\x01\x04sh"] {
            assert!(decode("c", bytes).is_err());
            assert!(decode_clicks(bytes).is_err());
        }
    }
}
