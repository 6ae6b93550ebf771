//! The probes with which clients measure who answers a group's address.

use serde::{Deserialize, Serialize};

use crate::overlay::wire::{self, Dropped, Tag};

/// Longest host name in an answer, in bytes. No host of a lab has a longer one; strangers' are cut.
pub const MAX_HOST: usize = 65;

/// A client's question.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Probe {
    pub seq: u64,
}

/// Its answer, from whichever member got it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProbeReply {
    pub seq: u64,
    pub host: String,
}

#[derive(Serialize, Deserialize)]
enum Message {
    /// Padded, so that no answer is larger.
    Probe {
        seq: u64,
        padding: Vec<u8>,
    },
    Reply {
        seq: u64,
        host: String,
    },
}

fn tag() -> Tag {
    Tag::of_protocol("probe")
}

impl Probe {
    /// The datagram to send to the group's address.
    pub fn encode(self) -> Vec<u8> {
        let message = Message::Probe { seq: self.seq, padding: vec![0; MAX_HOST] };
        wire::encode(tag(), &message).expect("a probe's length is fixed, far below a datagram's")
    }

    pub fn decode(bytes: &[u8]) -> Result<Self, Dropped> {
        match wire::decode(tag(), bytes)? {
            Message::Probe { seq, padding } if padding.len() >= MAX_HOST => Ok(Self { seq }),
            _ => Err(Dropped::Malformed),
        }
    }
}

impl ProbeReply {
    pub fn encode(&self) -> Vec<u8> {
        let ends = self.host.char_indices().map(|(at, c)| at + c.len_utf8());
        let end = ends.take_while(|end| *end <= MAX_HOST).last().unwrap_or(0);
        let message = Message::Reply { seq: self.seq, host: self.host[..end].to_owned() };
        wire::encode(tag(), &message).expect("the host's name was cut")
    }

    pub fn decode(bytes: &[u8]) -> Result<Self, Dropped> {
        match wire::decode(tag(), bytes)? {
            Message::Reply { seq, host } => Ok(Self { seq, host }),
            Message::Probe { .. } => Err(Dropped::Malformed),
        }
    }
}

/// What a site on this host answers to this datagram, if it is a probe.
pub fn answer(host: &str, bytes: &[u8]) -> Option<Vec<u8>> {
    let Probe { seq } = Probe::decode(bytes).ok()?;
    Some(ProbeReply { seq, host: host.to_owned() }.encode())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_probe_is_answered_with_its_number_and_the_host() {
        let probe = Probe { seq: 77 }.encode();
        let reply = answer("campus.n3", &probe).unwrap();
        assert_eq!(ProbeReply::decode(&reply), Ok(ProbeReply { seq: 77, host: "campus.n3".into() }));
        assert_eq!(answer("campus.n3", &reply), None, "answers are not answered");
    }

    #[test]
    fn the_longest_name_that_a_lab_file_allows_travels_whole() {
        let longest = "n".repeat(MAX_HOST);
        let reply = answer(&longest, &Probe { seq: u64::MAX }.encode()).unwrap();
        assert_eq!(ProbeReply::decode(&reply).unwrap().host, longest);
    }

    #[test]
    fn no_answer_is_larger_than_the_probe() {
        for seq in [0, u64::MAX] {
            let probe = Probe { seq }.encode();
            assert!(answer(&"é".repeat(200), &probe).unwrap().len() <= probe.len());
        }
    }
}
