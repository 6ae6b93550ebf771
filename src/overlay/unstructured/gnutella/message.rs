//! Gnutella's messages, byte by byte ("The Gnutella Protocol Specification v0.4"; RFC-Gnutella 0.6 §2.2): 23 bytes
//! of header and a payload. Numbers are little endian, addresses big endian.

use std::net::{Ipv4Addr, SocketAddr, SocketAddrV4};

/// Bytes of a header.
pub(super) const HEADER: usize = 23;
/// No payload is longer: whoever sends one speaks another language.
pub(super) const MAX_PAYLOAD: usize = 64 * 1024;
/// Most results in one message: their number is one byte.
const MAX_RESULTS: usize = 255;
/// Bytes of results after which another message begins.
const ENOUGH: usize = 4096;

/// Names a message or a servent.
pub(super) type Guid = [u8; 16];

pub(super) const PING: u8 = 0x00;
pub(super) const PONG: u8 = 0x01;
pub(super) const BYE: u8 = 0x02;
pub(super) const ROUTES: u8 = 0x30;
pub(super) const PUSH: u8 = 0x40;
pub(super) const QUERY: u8 = 0x80;
pub(super) const HIT: u8 = 0x81;

/// The head of a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Head {
    pub(super) guid: Guid,
    pub(super) kind: u8,
    pub(super) ttl: u8,
    pub(super) hops: u8,
}

/// A servent, as a pong tells of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Pong {
    pub(super) at: SocketAddrV4,
    pub(super) files: u32,
    pub(super) kilobytes: u32,
}

/// What is found at one servent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Hits {
    pub(super) at: SocketAddrV4,
    pub(super) results: Vec<(u32, String)>,
    pub(super) servent: Guid,
}

/// The first message of these bytes: its head, its payload, and how long it is. `Ok(None)`: not all of it is there.
///
/// # Errors
/// It is none.
pub(super) fn first(bytes: &[u8]) -> Result<Option<(Head, &[u8])>, ()> {
    let Some((head, rest)) = bytes.split_first_chunk::<HEADER>() else { return Ok(None) };
    let mut guid = [0; 16];
    guid.copy_from_slice(&head[..16]);
    let [.., a, b, c, d] = *head;
    let length = usize::try_from(u32::from_le_bytes([a, b, c, d])).map_err(drop)?;
    if length > MAX_PAYLOAD {
        return Err(());
    }
    let head = Head { guid, kind: head[16], ttl: head[17], hops: head[18] };
    Ok(rest.get(..length).map(|payload| (head, payload)))
}

pub(super) fn frame(head: Head, payload: &[u8]) -> Vec<u8> {
    let length = u32::try_from(payload.len()).unwrap_or(u32::MAX);
    [&head.guid[..], &[head.kind, head.ttl, head.hops], &length.to_le_bytes(), payload].concat()
}

impl Pong {
    pub(super) fn bytes(self) -> Vec<u8> {
        let counts = [self.files.to_le_bytes(), self.kilobytes.to_le_bytes()].concat();
        [&self.at.port().to_le_bytes()[..], &self.at.ip().octets(), &counts].concat()
    }

    /// What follows it is an extension.
    pub(super) fn read(payload: &[u8]) -> Option<Self> {
        let (at, rest) = address(payload)?;
        let (files, rest) = rest.split_first_chunk()?;
        let (kilobytes, _) = rest.split_first_chunk()?;
        Some(Self { at, files: u32::from_le_bytes(*files), kilobytes: u32::from_le_bytes(*kilobytes) })
    }
}

fn address(payload: &[u8]) -> Option<(SocketAddrV4, &[u8])> {
    let (port, rest) = payload.split_first_chunk()?;
    let (ip, rest) = rest.split_first_chunk::<4>()?;
    Some((SocketAddrV4::new(Ipv4Addr::from(*ip), u16::from_le_bytes(*port)), rest))
}

/// A query of any speed.
pub(super) fn query(text: &str) -> Vec<u8> {
    [&[0, 0], text.as_bytes(), &[0]].concat()
}

/// What a query asks for; after the NUL extensions follow.
pub(super) fn asked(payload: &[u8]) -> Option<&str> {
    let (_, text) = payload.split_first_chunk::<2>()?;
    let end = text.iter().position(|byte| *byte == 0)?;
    std::str::from_utf8(&text[..end]).ok()
}

impl Hits {
    /// As many messages as it takes.
    pub(super) fn payloads(&self) -> Vec<Vec<u8>> {
        let mut payloads = Vec::new();
        let (mut count, mut body) = (0u8, Vec::new());
        for (index, name) in &self.results {
            if usize::from(count) == MAX_RESULTS || body.len() >= ENOUGH {
                payloads.push(self.payload(std::mem::take(&mut count), &std::mem::take(&mut body)));
            }
            // Its size is that of its name: there is nothing else.
            let size = u32::try_from(name.len()).unwrap_or(u32::MAX);
            body.extend([&index.to_le_bytes()[..], &size.to_le_bytes(), name.as_bytes(), &[0, 0]].concat());
            count += 1;
        }
        if count > 0 {
            payloads.push(self.payload(count, &body));
        }
        payloads
    }

    fn payload(&self, count: u8, body: &[u8]) -> Vec<u8> {
        let (port, ip, speed) = (self.at.port().to_le_bytes(), self.at.ip().octets(), 1000u32.to_le_bytes());
        [&[count][..], &port, &ip, &speed, body, &self.servent].concat()
    }

    /// A result is a number, a size, a name, NUL, extensions, NUL; before the servent's GUID there may be more.
    pub(super) fn read(payload: &[u8]) -> Option<Self> {
        let (body, servent) = payload.split_last_chunk::<16>()?;
        let (count, rest) = body.split_first()?;
        let (at, rest) = address(rest)?;
        let (_, mut rest) = rest.split_first_chunk::<4>()?;
        let mut results = Vec::new();
        for _ in 0..*count {
            let (index, after) = rest.split_first_chunk()?;
            let (_, after) = after.split_first_chunk::<4>()?;
            let end = after.iter().position(|byte| *byte == 0)?;
            let (name, after) = (&after[..end], &after[end + 1..]);
            let end = after.iter().position(|byte| *byte == 0)?;
            rest = &after[end + 1..];
            results.push((u32::from_le_bytes(*index), String::from_utf8_lossy(name).into_owned()));
        }
        Some(Self { at, results, servent: *servent })
    }
}

/// The servent that a push is for.
pub(super) fn pushed(payload: &[u8]) -> Option<Guid> {
    payload.split_first_chunk::<16>().filter(|(_, rest)| rest.len() >= 10).map(|(guid, _)| *guid)
}

pub(super) fn bye(code: u16, why: &str) -> Vec<u8> {
    [&code.to_le_bytes()[..], why.as_bytes(), &[0]].concat()
}

/// The IPv4 form of an address.
pub(super) fn v4(address: SocketAddr) -> Option<SocketAddrV4> {
    if let SocketAddr::V4(address) = address { Some(address) } else { None }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_bytes_are_the_published_ones() {
        let at = SocketAddrV4::new(Ipv4Addr::new(10, 1, 2, 3), 6346);
        let pong = Pong { at, files: 0x0102, kilobytes: 3 };
        assert_eq!(pong.bytes(), [0xca, 0x18, 10, 1, 2, 3, 2, 1, 0, 0, 3, 0, 0, 0]);
        assert_eq!(Pong::read(&pong.bytes()), Some(pong));
        let head = Head { guid: [7; 16], kind: QUERY, ttl: 5, hops: 2 };
        let bytes = frame(head, &query("fox"));
        assert_eq!(bytes[16..], *b"\x80\x05\x02\x06\0\0\0\0\0fox\0");
        assert_eq!(first(&bytes), Ok(Some((head, &b"\0\0fox\0"[..]))));
        assert_eq!((first(&bytes[..27]), asked(b"\0\0fox\0more")), (Ok(None), Some("fox")));
        let hits = Hits { at, results: vec![(1, "red fox".into()), (9, "fox".into())], servent: [8; 16] };
        let payload = &hits.payloads()[0];
        assert_eq!(payload[..11], [2, 0xca, 0x18, 10, 1, 2, 3, 0xe8, 3, 0, 0]);
        assert_eq!(payload[11..28], *b"\x01\0\0\0\x07\0\0\0red fox\0\0");
        assert_eq!(Hits::read(payload), Some(hits));
        assert_eq!(bye(200, "x"), *b"\xc8\0x\0");
    }

    #[test]
    fn many_results_take_several_messages() {
        let at = SocketAddrV4::new(Ipv4Addr::LOCALHOST, 1);
        let results: Vec<_> = (0..1000).map(|n| (n, format!("item {n}"))).collect();
        let hits = Hits { at, results: results.clone(), servent: [8; 16] };
        let read: Vec<_> = hits.payloads().iter().map(|payload| Hits::read(payload).unwrap()).collect();
        assert!(read.len() > 3 && hits.payloads().iter().all(|payload| payload.len() < 5000));
        assert_eq!(read.into_iter().flat_map(|hits| hits.results).collect::<Vec<_>>(), results);
    }

    #[test]
    fn too_long_is_none() {
        let mut bytes = frame(Head { guid: [0; 16], kind: 0, ttl: 1, hops: 0 }, &[]);
        bytes[21] = 2;
        assert_eq!(first(&bytes), Err(()));
    }
}
