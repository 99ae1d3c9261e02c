//! Writes small city databases in MaxMind's format (version 2.0, records of 24 bits, IPv4), for tests.
//! <https://maxmind.github.io/MaxMind-DB/>

use std::net::Ipv4Addr;

const TEXT: u8 = 2;
const UINT16: u8 = 5;
const UINT32: u8 = 6;
const MAP: u8 = 7;
const UINT64: u8 = 9;
/// Bits of an address, and so the depth of the tree.
const BITS: usize = 32;

/// The first bytes of a value: its type and size. Types above 7 stand in a byte of their own.
fn head(kind: u8, size: usize) -> Vec<u8> {
    assert!(size < 29, "larger sizes are written otherwise");
    if kind > 7 { vec![size as u8, kind - 7] } else { vec![kind << 5 | size as u8] }
}

fn text(value: &str) -> Vec<u8> {
    [head(TEXT, value.len()), value.as_bytes().to_vec()].concat()
}

fn number(kind: u8, value: u64) -> Vec<u8> {
    let bytes: Vec<u8> = value.to_be_bytes().into_iter().skip_while(|byte| *byte == 0).collect();
    [head(kind, bytes.len()), bytes].concat()
}

fn map(entries: &[(&str, Vec<u8>)]) -> Vec<u8> {
    let mut bytes = head(MAP, entries.len());
    for (name, value) in entries {
        bytes.extend(text(name));
        bytes.extend(value);
    }
    bytes
}

/// A database that knows these addresses: country code and English name of the city of each.
pub fn city_database(places: &[(Ipv4Addr, &str, &str)]) -> Vec<u8> {
    // Of each node its two sides: another node, a place, or nothing.
    #[derive(Clone, Copy)]
    enum Side {
        Nothing,
        Node(usize),
        Data(usize),
    }
    let (mut nodes, mut data) = (vec![[Side::Nothing; 2]], Vec::new());
    for (address, country, city) in places {
        let mut at = 0;
        for bit in (0..BITS).rev() {
            let side = usize::from(u32::from(*address) >> bit & 1 == 1);
            if bit == 0 {
                nodes[at][side] = Side::Data(data.len());
            } else if let Side::Node(next) = nodes[at][side] {
                at = next;
            } else {
                nodes.push([Side::Nothing; 2]);
                nodes[at][side] = Side::Node(nodes.len() - 1);
                at = nodes.len() - 1;
            }
        }
        let names = map(&[("en", text(city))]);
        let country = map(&[("iso_code", text(country))]);
        data.extend(map(&[("city", map(&[("names", names)])), ("country", country)]));
    }
    let mut file = Vec::new();
    for side in nodes.iter().flatten() {
        let record = match side {
            Side::Nothing => nodes.len(),
            Side::Node(node) => *node,
            Side::Data(offset) => nodes.len() + 16 + offset,
        };
        file.extend(&(record as u32).to_be_bytes()[1..]);
    }
    file.extend([0; 16]);
    file.extend(data);
    file.extend(b"\xab\xcd\xefMaxMind.com");
    file.extend(map(&[
        ("binary_format_major_version", number(UINT16, 2)),
        ("binary_format_minor_version", number(UINT16, 0)),
        ("build_epoch", number(UINT64, 1_790_000_000)),
        ("database_type", text("Test-City")),
        ("description", map(&[("en", text("places of tests"))])),
        ("ip_version", number(UINT16, 4)),
        ("languages", [head(11, 1), text("en")].concat()),
        ("node_count", number(UINT32, nodes.len() as u64)),
        ("record_size", number(UINT16, 24)),
    ]));
    file
}
