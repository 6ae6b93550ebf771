//! What flows are made of: numbered requests, and answers that name the member that has the flow's state.
//!
//! Over TCP a request is its number and an answer the number and the host, each of them one after
//! the other in the stream. Over UDP every datagram carries the connection's id; a member answers a
//! connection that was opened with it and says of any other that it does not know it, as QUIC servers
//! do (RFC 9000 §10.3).

use std::collections::{BTreeMap, VecDeque};

use serde::{Deserialize, Serialize};

use super::probe::MAX_HOST;
use crate::overlay::wire::{self, Dropped, Tag};

/// Bytes of a request over TCP.
pub const REQUEST: usize = 8;

/// Connections of which a member keeps the state; of more it forgets the idlest.
const MOST_KNOWN: usize = 1 << 16;

/// A flow's datagram.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Datagram {
    /// The first request of a connection, and all until one is answered. Padded, so that no answer is larger.
    Open {
        id: u64,
        seq: u64,
        padding: Vec<u8>,
    },
    Request {
        id: u64,
        seq: u64,
        padding: Vec<u8>,
    },
    Answer {
        id: u64,
        seq: u64,
        host: String,
    },
    /// `host` has no such connection.
    Unknown {
        id: u64,
        host: String,
    },
}

fn tag() -> Tag {
    Tag::of_protocol("flow")
}

impl Datagram {
    pub fn request(id: u64, seq: u64, open: bool) -> Self {
        let padding = vec![0; MAX_HOST];
        if open { Self::Open { id, seq, padding } } else { Self::Request { id, seq, padding } }
    }

    pub fn encode(&self) -> Vec<u8> {
        wire::encode(tag(), self).expect("hosts' names are cut, so a flow's datagrams are short")
    }

    pub fn decode(bytes: &[u8]) -> Result<Self, Dropped> {
        wire::decode(tag(), bytes)
    }
}

/// The connections that were opened with one member, and when each was last used.
#[derive(Debug, Default)]
pub struct Known {
    connections: BTreeMap<u64, u64>,
}

impl Known {
    /// What `host` answers at a clock reading; `None`: this is no request.
    pub fn answer(&mut self, host: &str, now: u64, bytes: &[u8]) -> Option<Datagram> {
        let (id, seq, opens) = match Datagram::decode(bytes).ok()? {
            Datagram::Open { id, seq, padding } if padding.len() >= MAX_HOST => (id, seq, true),
            Datagram::Request { id, seq, padding } if padding.len() >= MAX_HOST => (id, seq, false),
            _ => return None,
        };
        let host = cut(host).to_owned();
        if !opens && !self.connections.contains_key(&id) {
            return Some(Datagram::Unknown { id, host });
        }
        self.connections.insert(id, now);
        if self.connections.len() > MOST_KNOWN {
            let mut used: Vec<u64> = self.connections.values().copied().collect();
            let (_, median, _) = used.select_nth_unstable(MOST_KNOWN / 2);
            let median = *median;
            self.connections.retain(|_, used| *used >= median);
        }
        Some(Datagram::Answer { id, seq, host })
    }
}

/// A host's name as answers carry it.
fn cut(host: &str) -> &str {
    let ends = host.char_indices().map(|(at, c)| at + c.len_utf8());
    &host[..ends.take_while(|end| *end <= MAX_HOST).last().unwrap_or(0)]
}

/// An answer over TCP: the request's number, the length of the host's name, and the name.
pub fn encode_answer(seq: u64, host: &str) -> Vec<u8> {
    let host = cut(host).as_bytes();
    // At most MAX_HOST.
    [&seq.to_be_bytes()[..], &[host.len() as u8], host].concat()
}

/// Takes the first whole answer off a stream's bytes; `None` if there is none yet.
pub fn take_answer(bytes: &mut Vec<u8>) -> Option<(u64, String)> {
    let (seq, rest) = bytes.split_first_chunk::<8>()?;
    let (length, rest) = rest.split_first()?;
    let host = rest.get(..usize::from(*length))?;
    let answer = (u64::from_be_bytes(*seq), String::from_utf8_lossy(host).into_owned());
    bytes.drain(..9 + usize::from(*length));
    Some(answer)
}

/// Requests of one connection that have no answer yet. Times are clock readings.
#[derive(Debug, Default)]
pub struct Waiting {
    requests: VecDeque<(u64, u64)>,
}

impl Waiting {
    pub fn sent(&mut self, seq: u64, at: u64) {
        self.requests.push_back((seq, at));
    }

    /// Takes an answer, which also says that the connection has survived all requests before. Returns
    /// the round trip; `None` if nobody waits for it any more.
    pub fn answered(&mut self, seq: u64, at: u64) -> Option<u64> {
        let mut sent = None;
        while let Some((first, _)) = self.requests.front()
            && *first <= seq
        {
            sent = self.requests.pop_front().filter(|(first, _)| *first == seq).map(|(_, sent)| sent);
        }
        sent.map(|sent| at.saturating_sub(sent))
    }

    /// When the oldest request was sent.
    pub fn since(&self) -> Option<u64> {
        self.requests.front().map(|(_, sent)| *sent)
    }

    pub fn len(&self) -> usize {
        self.requests.len()
    }

    pub fn is_empty(&self) -> bool {
        self.requests.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_member_answers_what_was_opened_with_it_and_knows_nothing_else() {
        let (mut west, mut east) = (Known::default(), Known::default());
        let open = Datagram::request(7, 0, true).encode();
        let next = Datagram::request(7, 1, false).encode();
        let answer = |seq| Some(Datagram::Answer { id: 7, seq, host: "west.n1".into() });
        assert_eq!(west.answer("west.n1", 1, &open), answer(0));
        assert_eq!(west.answer("west.n1", 2, &next), answer(1));
        let unknown = Datagram::Unknown { id: 7, host: "east.n1".into() };
        assert_eq!(east.answer("east.n1", 3, &next), Some(unknown.clone()));
        assert_eq!(east.answer("east.n1", 3, &unknown.encode()), None, "answers are not answered");
        assert_eq!(east.answer("east.n1", 4, &next), Some(unknown), "asking again does not open it");
    }

    #[test]
    fn the_longest_name_that_a_lab_file_allows_travels_whole() {
        let longest = "n".repeat(MAX_HOST);
        let open = Datagram::request(7, 0, true).encode();
        let answer = Known::default().answer(&longest, 1, &open).unwrap();
        assert_eq!(Datagram::decode(&answer.encode()), Ok(Datagram::Answer { id: 7, seq: 0, host: longest.clone() }));
        assert_eq!(take_answer(&mut encode_answer(3, &longest)), Some((3, longest)));
    }

    #[test]
    fn no_answer_is_larger_than_the_request() {
        for request in [Datagram::request(u64::MAX, u64::MAX, true), Datagram::request(u64::MAX, u64::MAX, false)] {
            let bytes = request.encode();
            let answer = Known::default().answer(&"é".repeat(200), 0, &bytes).unwrap();
            assert!(answer.encode().len() <= bytes.len());
        }
        let short = Datagram::Open { id: 1, seq: 1, padding: vec![] }.encode();
        assert_eq!(Known::default().answer("west.n1", 0, &short), None);
    }

    #[test]
    fn of_too_many_connections_the_idlest_are_forgotten() {
        let mut known = Known::default();
        for id in 0..=MOST_KNOWN as u64 {
            known.answer("west.n1", id, &Datagram::request(id, 0, true).encode());
        }
        assert!(known.connections.len() <= MOST_KNOWN);
        assert!(known.connections.contains_key(&(MOST_KNOWN as u64)) && !known.connections.contains_key(&0));
    }

    #[test]
    fn a_stream_s_answers_are_taken_one_by_one_and_only_whole() {
        let stream = [encode_answer(1, "west.n1"), encode_answer(2, "")].concat();
        for split in 0..=stream.len() {
            let (mut bytes, mut taken) = (Vec::new(), Vec::new());
            for part in [&stream[..split], &stream[split..]] {
                bytes.extend_from_slice(part);
                taken.extend(std::iter::from_fn(|| take_answer(&mut bytes)));
            }
            assert_eq!(taken, [(1, "west.n1".to_owned()), (2, String::new())], "split at {split}");
        }
    }

    #[test]
    fn an_answer_ends_the_waiting_for_all_before_it() {
        let mut waiting = Waiting::default();
        assert_eq!((waiting.since(), waiting.answered(0, 5)), (None, None));
        for seq in 0..3 {
            waiting.sent(seq, 10 * seq);
        }
        assert_eq!(waiting.answered(1, 17), Some(7));
        assert_eq!((waiting.since(), waiting.len()), (Some(20), 1));
        assert_eq!(waiting.answered(0, 18), None, "late, and of no interest");
        assert_eq!((waiting.answered(2, 25), waiting.is_empty()), (Some(5), true));
    }
}
