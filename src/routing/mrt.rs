//! What daemons write down of their BGP sessions (BIRD's `mrtdump`): every message received, every change of state
//! (RFC 6396 §4.4).
//!
//! BIRD's time stamps are whole seconds; whoever reads the file as it grows knows better.

use std::collections::BTreeSet;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use super::daemon::{Heard, Said};

const HEADER: usize = 12;
/// Types: BGP4MP, and the same with microseconds before its body.
const BGP4MP: u16 = 16;
const BGP4MP_ET: u16 = 17;
/// BGP's own marker, length and type (RFC 4271 §4.1).
const MESSAGE_HEADER: usize = 19;
const UPDATE: u8 = 2;
const ESTABLISHED: u16 = 6;
/// Attributes that carry routes (RFC 4760), and the flag of a long one.
const MP_REACH: u8 = 14;
const MP_UNREACH: u8 = 15;
const LONG: u8 = 0x10;

/// The sessions of one BIRD that are up.
#[derive(Debug, Default)]
struct Sessions(BTreeSet<(u32, IpAddr)>);

impl Sessions {
    /// Takes a change in; returns the neighbor that it is about, unless that is one of several of the same AS.
    fn change(&mut self, peer: Option<IpAddr>, asn: u32, up: bool) -> Option<IpAddr> {
        let mut of_as = self.0.iter().filter(|(number, _)| *number == asn);
        let only = of_as.next().filter(|_| of_as.next().is_none()).map(|(_, peer)| *peer);
        let peer = peer.or(only)?;
        if up {
            self.0.insert((asn, peer))
        } else {
            self.0.remove(&(asn, peer))
        };
        Some(peer)
    }
}

/// Reads a dump. BIRD may have forgotten the address of a session whose connection is gone; this has not.
#[derive(Default)]
pub(super) struct Dump(Sessions);

impl Heard for Dump {
    fn read(&mut self, bytes: &[u8]) -> (Vec<Said>, usize) {
        let (mut found, taken) = parse(bytes);
        for said in &mut found {
            if let Said::Session { peer, asn, up } = said {
                *peer = self.0.change(*peer, *asn, *up);
            }
        }
        (found, taken)
    }
}

/// Reads whole records from the begin of `bytes`; returns what they say, and how many bytes they took.
/// Records of other kinds, and damaged ones, say nothing.
fn parse(bytes: &[u8]) -> (Vec<Said>, usize) {
    let (mut found, mut taken) = (Vec::new(), 0);
    while let Some((kind, subtype, body)) = record(&bytes[taken..]) {
        taken += HEADER + body.len();
        let body = match kind {
            BGP4MP => Some(body),
            BGP4MP_ET => body.get(4..),
            _ => None,
        };
        found.extend(body.and_then(|body| interpret(subtype, body)));
    }
    (found, taken)
}

fn record(bytes: &[u8]) -> Option<(u16, u16, &[u8])> {
    let mut rest = Reader(bytes.get(4..)?);
    let (kind, subtype, length) = (rest.u16()?, rest.u16()?, rest.u32()?);
    Some((kind, subtype, rest.take(length as usize)?))
}

fn interpret(subtype: u16, body: &[u8]) -> Option<Said> {
    // Subtypes 0 and 1 have AS numbers of two bytes, 4 and 5 of four.
    let (is_state, as_length) = match subtype {
        0 => (true, 2),
        1 => (false, 2),
        4 => (false, 4),
        5 => (true, 4),
        _ => return None,
    };
    let mut rest = Reader(body);
    let asn = if as_length == 4 { rest.u32()? } else { rest.u16()?.into() };
    rest.take(as_length + 2)?;
    let address_length = if rest.u16()? == 1 { 4 } else { 16 };
    let peer = address(rest.take(address_length)?)?;
    rest.take(address_length)?;
    if is_state {
        let (before, after) = (rest.u16()?, rest.u16()?);
        let up = after == ESTABLISHED;
        let peer = Some(peer).filter(|peer| !peer.is_unspecified());
        return (up != (before == ESTABLISHED)).then_some(Said::Session { peer, asn, up });
    }
    let (head, message) = rest.0.split_at_checked(MESSAGE_HEADER)?;
    let (announced, withdrawn) = if head[MESSAGE_HEADER - 1] == UPDATE { update(message)? } else { return None };
    (announced + withdrawn > 0).then_some(Said::Update { peer, announced, withdrawn })
}

/// Numbers of routes announced and withdrawn (RFC 4271 §4.3).
fn update(message: &[u8]) -> Option<(u32, u32)> {
    let mut rest = Reader(message);
    let length = rest.u16()?;
    let mut withdrawn = prefixes(rest.take(length.into())?)?;
    let length = rest.u16()?;
    let mut attributes = Reader(rest.take(length.into())?);
    let mut announced = prefixes(rest.0)?;
    while let Some(flags) = attributes.u8() {
        let kind = attributes.u8()?;
        let length = if flags & LONG == 0 { attributes.u8()?.into() } else { attributes.u16()?.into() };
        let mut value = Reader(attributes.take(length)?);
        match kind {
            MP_REACH => {
                value.take(3)?;
                let next_hop = value.u8()?;
                // One reserved byte follows.
                value.take(usize::from(next_hop) + 1)?;
                announced += prefixes(value.0)?;
            }
            MP_UNREACH => {
                value.take(3)?;
                withdrawn += prefixes(value.0)?;
            }
            _ => {}
        }
    }
    Some((announced, withdrawn))
}

fn prefixes(bytes: &[u8]) -> Option<u32> {
    let (mut rest, mut count) = (Reader(bytes), 0);
    while let Some(bits) = rest.u8() {
        rest.take(usize::from(bits).div_ceil(8))?;
        count += 1;
    }
    Some(count)
}

fn address(bytes: &[u8]) -> Option<IpAddr> {
    let v4 = <[u8; 4]>::try_from(bytes).map(|four| Ipv4Addr::from(four).into());
    v4.or_else(|_| <[u8; 16]>::try_from(bytes).map(|sixteen| Ipv6Addr::from(sixteen).into())).ok()
}

/// Bytes yet to be read.
struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    fn take(&mut self, count: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.0.split_at_checked(count)?;
        self.0 = rest;
        Some(taken)
    }

    fn u8(&mut self) -> Option<u8> {
        self.take(1).map(|bytes| bytes[0])
    }

    fn u16(&mut self) -> Option<u16> {
        self.take(2).map(|bytes| u16::from_be_bytes([bytes[0], bytes[1]]))
    }

    fn u32(&mut self) -> Option<u32> {
        self.take(4).map(|bytes| u32::from_be_bytes([bytes[0], bytes[1], bytes[2], bytes[3]]))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// From a BIRD 2.0.12: a session is established; a route; End-of-RIB; three routes of one UPDATE withdrawn.
    const DUMP: &str = "
        6b036617 0010 0005 00000018 000003e9 00000064 0003 0001 0a000002 0a000003 0005 0006
        6b036617 0010 0004 00000044 000003e9 00000064 0003 0001 0a000002 0a000003
            ffffffffffffffffffffffffffffffff 0030 02 0000 0014 400101004002060201000003e94003040a000002 1aac100040
        6b036617 0010 0004 0000002b 000003e9 00000064 0003 0001 0a000002 0a000003
            ffffffffffffffffffffffffffffffff 0017 02 0000 0000
        6b036617 0010 0004 00000034 000003e9 00000064 0003 0001 0a000002 0a000003
            ffffffffffffffffffffffffffffffff 0020 02 0009 1aac100040 18c63364 0000";

    fn bytes(hex: &str) -> Vec<u8> {
        let digits: Vec<u8> = hex.chars().filter_map(|c| c.to_digit(16)).map(|d| d as u8).collect();
        digits.chunks(2).map(|pair| pair[0] << 4 | pair[1]).collect()
    }

    #[test]
    fn a_dump_of_bird() {
        let (peer, asn, dump) = ("10.0.0.2".parse().unwrap(), 1001, bytes(DUMP));
        let (found, taken) = parse(&dump);
        assert_eq!(
            found,
            [
                Said::Session { peer: Some(peer), asn, up: true },
                Said::Update { peer, announced: 1, withdrawn: 0 },
                Said::Update { peer, announced: 0, withdrawn: 2 },
            ]
        );
        assert_eq!(taken, dump.len());
        // What is not whole yet stays.
        let (found, taken) = parse(&dump[..dump.len() - 1]);
        assert_eq!((found.len(), taken), (2, dump.len() - 64));
        for cut in 0..dump.len() {
            parse(&dump[cut..]);
        }
    }

    #[test]
    fn a_session_is_known_by_its_as_once_its_address_is_forgotten() {
        let [a, b] = ["10.0.0.2", "10.0.0.4"].map(|text| text.parse::<IpAddr>().unwrap());
        let mut sessions = Sessions::default();
        assert_eq!(sessions.change(Some(a), 100, true), Some(a));
        assert_eq!(sessions.change(Some(b), 200, true), Some(b));
        assert_eq!(sessions.change(None, 200, false), Some(b));
        assert_eq!(sessions.change(None, 200, false), None);
        sessions.change(Some(b), 100, true);
        assert_eq!(sessions.change(None, 100, false), None);
    }

    #[test]
    fn routes_of_ipv6_are_in_attributes() {
        let reach = "900e001e 0002 01 10 fd00000a000000000000000000000001 00 40fd00000500010000";
        let unreach = "800f0c 0002 01 40fd00000500010000";
        let attributes = bytes(&format!("{reach}{unreach}"));
        let message = [&[0, 0, 0, attributes.len() as u8][..], &attributes].concat();
        assert_eq!(update(&message), Some((1, 1)));
    }
}
