//! Datagrams of an overlay that has a key: who does not have it can neither make one nor use a
//! recorded one again.
//!
//! A datagram bears an HMAC over its addresses, its sender's session, a counter, and the *receiver's*
//! session. A session is a number that a node has not had before. What names the receiver's present one
//! was therefore made since then, and of all that was the receiver remembers what it has taken: nothing
//! is taken twice, and nobody needs a clock. A node that does not know the receiver's session is told it
//! by a challenge, no larger than what it sent, and sends the datagram again.

use std::collections::{BTreeMap, VecDeque};
use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use hmac::{Hmac, KeyInit, Mac};
use rand::RngExt;
use serde::{Deserialize, Serialize};
use sha2::Sha256;

use super::Time;
use super::id::Id;
use super::window::Window;
use super::wire::{Dropped, MAX_DATAGRAM, Tag};

/// First byte of a sealed datagram and of a challenge, where others have [`super::wire::VERSION`].
const SEALED: u8 = 2;
const CHALLENGE: u8 = 3;
/// Bytes of the authentication code: HMAC-SHA-256 cut to its first half (RFC 2104 §5).
const CODE: usize = 16;
/// What precedes the code: version, tag, the receiver's session, the sender's, the counter.
const HEAD: usize = 1 + 8 + 8 + 8 + 8;
/// Bytes that sealing adds to a message, the version and the tag included.
pub const OVERHEAD: usize = HEAD + CODE;
/// Most senders' sessions whose counters are remembered; one more, and all have to learn a new session.
pub const MAX_SESSIONS: usize = 4096;
/// Most addresses whose session is remembered.
pub const MAX_KNOWN: usize = 4096;
/// Datagrams kept to be sent again, and how long: by then a request is repeated anyway.
const MAX_SENT: usize = 64;
const RESEND_WITHIN: Duration = Duration::from_secs(2);

/// An overlay's passphrase. Not shown by `Debug`.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Key(String);

/// Shortest and longest passphrase, in bytes.
pub const KEY_LENGTH: std::ops::RangeInclusive<usize> = 8..=128;

/// What a node of an overlay with a key knows of others' sessions and of its own.
pub struct Seal {
    code: Hmac<Sha256>,
    tag: Tag,
    session: u64,
    counter: u64,
    /// What has been taken, by the sender's session. All of it named this node's present session.
    taken: BTreeMap<u64, Window>,
    /// Sessions of others, by address. One that is wrong costs a challenge.
    known: BTreeMap<SocketAddr, u64>,
    sent: VecDeque<Sent>,
    now: Time,
}

struct Sent {
    counter: u64,
    to: SocketAddr,
    at: Time,
    message: Vec<u8>,
}

/// What an authentic datagram is good for.
#[derive(Debug, PartialEq, Eq)]
pub enum Opened<'a> {
    /// It was sent once and is taken once.
    Fresh(&'a [u8]),
    /// It may be a repetition. Unless that does no harm, `challenge` is the answer.
    Unproven { message: &'a [u8], challenge: Vec<u8> },
    /// It was a challenge: these bytes are to be sent to whom it came from.
    Again(Vec<u8>),
}

impl Key {
    /// `None` when the passphrase is not as long as [`KEY_LENGTH`] says.
    pub fn new(passphrase: &str) -> Option<Self> {
        KEY_LENGTH.contains(&passphrase.len()).then(|| Self(passphrase.to_owned()))
    }
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Key(…)")
    }
}

impl Seal {
    /// `unique`: of what no other life of this node, and no other node, has been given.
    pub fn new(key: &Key, tag: Tag, unique: &[&[u8]]) -> Self {
        // Two overlays with one passphrase do not take each other's datagrams.
        let derived = hmac(key.0.as_bytes()).chain_update(b"anybed overlay 1").chain_update(tag.bytes());
        Self {
            code: hmac(&derived.finalize().into_bytes()),
            tag,
            session: session(unique),
            counter: 0,
            taken: BTreeMap::new(),
            known: BTreeMap::new(),
            sent: VecDeque::new(),
            now: Time::default(),
        }
    }

    /// What time it is from now on.
    pub fn tick(&mut self, now: Time) {
        self.now = now;
    }

    /// A datagram from `source` to `to` that carries `message`, or `None` when it would exceed
    /// [`MAX_DATAGRAM`].
    pub fn seal<T: Serialize>(&mut self, source: SocketAddr, to: SocketAddr, message: &T) -> Option<Vec<u8>> {
        let message = postcard::to_extend(message, Vec::with_capacity(128)).ok()?;
        (OVERHEAD + message.len() <= MAX_DATAGRAM).then(|| self.seal_bytes(source, to, message))
    }

    fn seal_bytes(&mut self, source: SocketAddr, to: SocketAddr, message: Vec<u8>) -> Vec<u8> {
        self.counter += 1;
        let theirs = self.known.get(&to).copied().unwrap_or(0);
        let bytes = self.datagram(SEALED, theirs, self.counter, (source, to), &message);
        let now = self.now;
        self.sent.retain(|sent| now - sent.at <= RESEND_WITHIN);
        if self.sent.len() >= MAX_SENT {
            self.sent.pop_front();
        }
        self.sent.push_back(Sent { counter: self.counter, to, at: now, message });
        bytes
    }

    /// What came from `from` to this node's address `to`.
    pub fn open<'a>(&mut self, from: SocketAddr, to: SocketAddr, bytes: &'a [u8]) -> Result<Opened<'a>, Dropped> {
        if bytes.len() > MAX_DATAGRAM {
            return Err(Dropped::Malformed);
        }
        let (head, rest) = bytes.split_first_chunk::<HEAD>().ok_or(Dropped::Foreign)?;
        if !matches!(head[0], SEALED | CHALLENGE) || head[1..9] != self.tag.bytes() {
            return Err(Dropped::Foreign);
        }
        let (code, message) = rest.split_first_chunk::<CODE>().ok_or(Dropped::Malformed)?;
        let expected = self.authenticate(head, (from, to), message);
        // In constant time.
        expected.verify_truncated_left(code).map_err(|_| Dropped::Forged)?;
        let [named, theirs, counter] = [9, 17, 25].map(|at| number(&head[at..at + 8]));
        if head[0] == CHALLENGE {
            let sent = self.challenged(from, named, counter).ok_or(Dropped::Repeated)?;
            self.learn(from, theirs);
            return Ok(Opened::Again(self.seal_bytes(to, from, sent)));
        }
        if named != self.session {
            // The address is authentic, the time is not.
            if self.known.len() < MAX_KNOWN {
                self.known.entry(from).or_insert(theirs);
            }
            let challenge = self.datagram(CHALLENGE, theirs, counter, (to, from), &[]);
            return Ok(Opened::Unproven { message, challenge });
        }
        if !self.taken.entry(theirs).or_default().take(counter) {
            return Err(Dropped::Repeated);
        }
        self.learn(from, theirs);
        if self.taken.len() > MAX_SESSIONS {
            self.renew();
        }
        Ok(Opened::Fresh(message))
    }

    /// Numbers of entries in its tables.
    pub fn tables(&self) -> [(&'static str, usize); 3] {
        [("sessions", self.taken.len()), ("known", self.known.len()), ("sent", self.sent.len())]
    }

    /// The receiver of something sent lately wants to see its present session in it: the message, once.
    fn challenged(&mut self, from: SocketAddr, named: u64, counter: u64) -> Option<Vec<u8>> {
        let at = self.sent.iter().position(|s| s.counter == counter && s.to == from)?;
        let wanted = named == self.session && self.now - self.sent[at].at <= RESEND_WITHIN;
        wanted.then(|| self.sent.remove(at))?.map(|sent| sent.message)
    }

    fn learn(&mut self, address: SocketAddr, session: u64) {
        if self.known.len() >= MAX_KNOWN && !self.known.contains_key(&address) {
            self.known.pop_first();
        }
        self.known.insert(address, session);
    }

    /// Forgets what was taken, and takes nothing any more that was made before.
    fn renew(&mut self) {
        self.session = session(&[b"next", &self.session.to_be_bytes()]);
        self.taken.clear();
    }

    fn datagram(&self, form: u8, theirs: u64, counter: u64, ways: (SocketAddr, SocketAddr), message: &[u8]) -> Vec<u8> {
        let mut head = [form; HEAD];
        head[1..9].copy_from_slice(&self.tag.bytes());
        for (at, number) in [(9, theirs), (17, self.session), (25, counter)] {
            head[at..at + 8].copy_from_slice(&number.to_be_bytes());
        }
        let code = self.authenticate(&head, ways, message).finalize().into_bytes();
        [&head[..], &code[..CODE], message].concat()
    }

    /// Everything but the message has a fixed length.
    fn authenticate(&self, head: &[u8; HEAD], (from, to): (SocketAddr, SocketAddr), message: &[u8]) -> Hmac<Sha256> {
        let ways = [from, to].map(address_bytes);
        self.code.clone().chain_update(head).chain_update(ways.as_flattened()).chain_update(message)
    }
}

/// A datagram as a node makes its first one to another, by somebody without the key: the code is a guess. `None`
/// when it would exceed [`MAX_DATAGRAM`].
pub fn forge<T: Serialize>(tag: Tag, rng: &mut impl RngExt, message: &T) -> Option<Vec<u8>> {
    let mut bytes = Vec::with_capacity(128);
    bytes.push(SEALED);
    bytes.extend_from_slice(&tag.bytes());
    for number in [0, rng.random::<u64>().max(1), 1] {
        bytes.extend_from_slice(&number.to_be_bytes());
    }
    bytes.extend_from_slice(&rng.random::<[u8; CODE]>());
    let bytes = postcard::to_extend(message, bytes).ok()?;
    (bytes.len() <= MAX_DATAGRAM).then_some(bytes)
}

fn hmac(key: &[u8]) -> Hmac<Sha256> {
    Hmac::new_from_slice(key).expect("an HMAC's key may have any length")
}

/// Never 0, which stands for a session that is not known.
fn session(unique: &[&[u8]]) -> u64 {
    let Id(hash) = Id::hash(unique);
    ((hash >> 64) as u64).max(1)
}

fn number(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0, |number, byte| number << 8 | u64::from(*byte))
}

fn address_bytes(address: SocketAddr) -> [u8; 18] {
    let mut bytes = [0; 18];
    let ip = match address.ip() {
        IpAddr::V4(ip) => ip.to_ipv6_mapped(),
        IpAddr::V6(ip) => ip,
    };
    bytes[..16].copy_from_slice(&ip.octets());
    bytes[16..].copy_from_slice(&address.port().to_be_bytes());
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address(n: u8) -> SocketAddr {
        SocketAddr::from(([10, 0, 0, n], 4000))
    }

    fn seal(passphrase: &str, life: u8) -> Seal {
        Seal::new(&Key::new(passphrase).unwrap(), Tag::of_overlay("music"), &[&[life]])
    }

    /// Sends a text from 1 to 2, with a challenge and its answer if need be; the datagram that was taken.
    fn deliver(from: &mut Seal, to: &mut Seal, text: &str) -> Vec<u8> {
        let bytes = from.seal(address(1), address(2), &text).unwrap();
        let challenge = match to.open(address(1), address(2), &bytes).unwrap() {
            Opened::Unproven { challenge, .. } => challenge,
            taken => {
                assert_eq!(taken, Opened::Fresh(&postcard::to_stdvec(text).unwrap()));
                return bytes;
            }
        };
        assert!(challenge.len() <= bytes.len());
        let Ok(Opened::Again(again)) = from.open(address(2), address(1), &challenge) else {
            panic!("a challenge is answered");
        };
        assert!(from.open(address(2), address(1), &challenge).is_err(), "once");
        assert_eq!(to.open(address(1), address(2), &again), Ok(Opened::Fresh(&postcard::to_stdvec(text).unwrap())));
        again
    }

    #[test]
    fn what_was_sealed_is_taken_once_from_and_at_its_addresses() {
        let (mut alice, mut bob) = (seal("correct horse", 1), seal("correct horse", 2));
        let bytes = deliver(&mut alice, &mut bob, "hello");
        assert_eq!(bob.open(address(1), address(2), &bytes), Err(Dropped::Repeated));
        assert_eq!(bob.open(address(3), address(2), &bytes), Err(Dropped::Forged));
        assert_eq!(bob.open(address(1), address(3), &bytes), Err(Dropped::Forged));
        let next = alice.seal(address(1), address(2), &"next").unwrap();
        assert!(matches!(bob.open(address(1), address(2), &next), Ok(Opened::Fresh(_))), "no second challenge");
        let answer = bob.seal(address(2), address(1), &"yes").unwrap();
        assert!(matches!(alice.open(address(2), address(1), &answer), Ok(Opened::Fresh(_))), "nor the other way");
    }

    #[test]
    fn a_restarted_receiver_takes_nothing_recorded() {
        let (mut alice, mut bob) = (seal("correct horse", 1), seal("correct horse", 2));
        let recorded = deliver(&mut alice, &mut bob, "hello");
        let mut bob = seal("correct horse", 3);
        let opened = bob.open(address(1), address(2), &recorded).unwrap();
        let Opened::Unproven { challenge, .. } = opened else { panic!("{opened:?}") };
        alice.tick(Time(RESEND_WITHIN * 2));
        assert_eq!(alice.open(address(2), address(1), &challenge), Err(Dropped::Repeated), "too long ago");
        deliver(&mut alice, &mut bob, "what is new is taken");
    }

    #[test]
    fn another_passphrase_or_overlay_or_none_is_refused() {
        let (mut alice, mut bob) = (seal("correct horse", 1), seal("battery staple", 2));
        let bytes = alice.seal(address(1), address(2), &"hello").unwrap();
        assert_eq!(bob.open(address(1), address(2), &bytes), Err(Dropped::Forged));
        let open = super::super::wire::encode(Tag::of_overlay("music"), &"hello").unwrap();
        assert_eq!(bob.open(address(1), address(2), &open), Err(Dropped::Foreign));
        let films = Tag::of_overlay("films");
        let mut films = Seal::new(&Key::new("correct horse").unwrap(), films, &[b"3"]);
        assert_eq!(films.open(address(1), address(2), &bytes), Err(Dropped::Foreign));
        assert_eq!((Key::new("seven 7"), Key::new(&"k".repeat(129))), (None, None));
    }

    #[test]
    fn every_bit_counts() {
        let (mut alice, mut bob) = (seal("correct horse", 1), seal("correct horse", 2));
        let bytes = alice.seal(address(1), address(2), &"hello").unwrap();
        for bit in 0..bytes.len() * 8 {
            let mut changed = bytes.clone();
            changed[bit / 8] ^= 1 << (bit % 8);
            assert!(bob.open(address(1), address(2), &changed).is_err(), "bit {bit}");
        }
    }

    #[test]
    fn more_senders_than_are_remembered_cost_a_challenge_not_safety() {
        let mut bob = seal("correct horse", 0);
        let mut alice = seal("correct horse", 1);
        let recorded = deliver(&mut alice, &mut bob, "hello");
        for sender in 0..=MAX_SESSIONS as u64 {
            let key = Key::new("correct horse").unwrap();
            let mut other = Seal::new(&key, Tag::of_overlay("music"), &[&sender.to_be_bytes(), b"other"]);
            deliver(&mut other, &mut bob, "hello");
        }
        assert!(bob.tables().iter().all(|(_, entries)| *entries <= MAX_SESSIONS));
        assert!(!matches!(bob.open(address(1), address(2), &recorded), Ok(Opened::Fresh(_))));
        deliver(&mut alice, &mut bob, "hello again");
    }
}
