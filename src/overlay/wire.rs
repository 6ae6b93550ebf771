//! Datagrams: version, whose they are, and a postcard-encoded message.

use serde::{Deserialize, Serialize};

use super::id::Id;

/// Version of the encoding; the first byte of every datagram.
pub const VERSION: u8 = 1;

/// No datagram is longer, so none is fragmented on a path with IPv6's minimum MTU.
pub const MAX_DATAGRAM: usize = 1200;

/// Which overlay (or which other protocol) a datagram belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Tag([u8; 8]);

/// Why a datagram was dropped unread.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Dropped {
    #[error("of another overlay or version")]
    Foreign,
    #[error("malformed")]
    Malformed,
    #[error("made without the overlay's key, or for another address")]
    Forged,
    #[error("taken before, or too old to tell")]
    Repeated,
}

impl Tag {
    /// The tag of the overlay with this name.
    pub fn of_overlay(name: &str) -> Self {
        Self::hash(b"overlay", name)
    }

    /// The tag of a protocol that stands outside any overlay.
    pub fn of_protocol(name: &str) -> Self {
        Self::hash(b"protocol", name)
    }

    /// The tag of what is said to the servers of the infrastructure with this name.
    pub fn of_infrastructure(name: &str) -> Self {
        Self::hash(b"infrastructure", name)
    }

    /// The tag of what is said to the agents of a group that uses this infrastructure.
    pub fn of_agent(infrastructure: &str, group: &str) -> Self {
        Self::hash(b"agent", &format!("{infrastructure}/{group}"))
    }

    /// The tag that a datagram bears, be it sealed, a challenge or open: whose it is, if it is anybody's.
    pub fn of_datagram(bytes: &[u8]) -> Option<Self> {
        let (_, rest) = bytes.split_first()?;
        rest.first_chunk().copied().map(Self)
    }

    pub(super) fn bytes(self) -> [u8; 8] {
        self.0
    }

    fn hash(kind: &[u8], name: &str) -> Self {
        let Id(hash) = Id::hash(&[kind, name.as_bytes()]);
        Self(((hash >> 64) as u64).to_be_bytes())
    }
}

/// A datagram that carries `message`, or `None` when it would exceed [`MAX_DATAGRAM`].
pub fn encode<T: Serialize>(tag: Tag, message: &T) -> Option<Vec<u8>> {
    let mut head = Vec::with_capacity(128);
    head.push(VERSION);
    head.extend_from_slice(&tag.0);
    let bytes = postcard::to_extend(message, head).ok()?;
    (bytes.len() <= MAX_DATAGRAM).then_some(bytes)
}

/// The message in a datagram.
pub fn decode<'a, T: Deserialize<'a>>(tag: Tag, bytes: &'a [u8]) -> Result<T, Dropped> {
    if bytes.len() > MAX_DATAGRAM {
        return Err(Dropped::Malformed);
    }
    let (version, rest) = bytes.split_first().ok_or(Dropped::Malformed)?;
    let (theirs, body) = rest.split_first_chunk::<8>().ok_or(Dropped::Malformed)?;
    if *version != VERSION || *theirs != tag.0 {
        return Err(Dropped::Foreign);
    }
    read(body)
}

/// The message that these bytes are.
pub fn read<'a, T: Deserialize<'a>>(bytes: &'a [u8]) -> Result<T, Dropped> {
    match postcard::take_from_bytes(bytes) {
        Ok((message, [])) => Ok(message),
        _ => Err(Dropped::Malformed),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_encoded_is_decoded_by_its_own_overlay_only() {
        let bytes = encode(Tag::of_overlay("music"), &"hello").unwrap();
        assert_eq!(decode::<String>(Tag::of_overlay("music"), &bytes).unwrap(), "hello");
        assert_eq!(decode::<String>(Tag::of_overlay("films"), &bytes), Err(Dropped::Foreign));
        assert_eq!(decode::<String>(Tag::of_overlay("music"), &bytes[..12]), Err(Dropped::Malformed));
        let longer = [&bytes[..], &[0]].concat();
        assert_eq!(decode::<String>(Tag::of_overlay("music"), &longer), Err(Dropped::Malformed));
    }

    #[test]
    fn nothing_too_long_is_sent() {
        assert_eq!(encode(Tag::of_overlay("music"), &vec![1u8; MAX_DATAGRAM]), None);
    }
}
