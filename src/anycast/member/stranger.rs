//! What somebody can ask of an overlay who knows no more of it than everybody does: its name and its address.

use rand::RngExt;
use rand_chacha::ChaCha8Rng;

use super::message::Message;
use crate::overlay::auth;
use crate::overlay::wire::{self, Tag};

/// Makes first Hellos of joiners, each as if from another one, and has no use for the answers.
#[derive(Debug)]
pub struct Stranger {
    tag: Tag,
    keyed: bool,
    rng: ChaCha8Rng,
}

impl Stranger {
    /// `keyed`: the overlay has a key, which a stranger does not have.
    pub fn new(overlay: &str, keyed: bool, rng: ChaCha8Rng) -> Self {
        Self { tag: Tag::of_overlay(overlay), keyed, rng }
    }

    /// The datagram of a new joiner. Of an overlay with a key it is whole but for the code, which is a guess: a
    /// member has to compute the right one before it can tell.
    pub fn hello(&mut self) -> Vec<u8> {
        let hello = Message::hello(self.rng.random());
        let made =
            if self.keyed { auth::forge(self.tag, &mut self.rng, &hello) } else { wire::encode(self.tag, &hello) };
        made.unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use std::net::SocketAddr;

    use rand::SeedableRng;

    use super::*;
    use crate::anycast::member::message::PADDING;
    use crate::overlay::auth::{Key, Seal};
    use crate::overlay::wire::Dropped;

    fn stranger(keyed: bool) -> Stranger {
        Stranger::new("music", keyed, ChaCha8Rng::seed_from_u64(1))
    }

    #[test]
    fn each_hello_is_a_new_joiners() {
        let mut stranger = stranger(false);
        let mut nonces = std::collections::BTreeSet::new();
        for _ in 0..100 {
            let bytes = stranger.hello();
            let Ok(Message::Hello { nonce, padding }) = wire::decode(Tag::of_overlay("music"), &bytes) else {
                panic!("{bytes:?}");
            };
            assert!(padding.len() == PADDING && nonces.insert(nonce));
        }
    }

    #[test]
    fn without_the_key_a_hello_is_as_long_as_with_it_and_costs_a_code() {
        let (from, to) = (SocketAddr::from(([10, 0, 0, 1], 4000)), SocketAddr::from(([10, 0, 0, 2], 4000)));
        let key = Key::new("correct horse").unwrap();
        let seal = |life: &[u8]| Seal::new(&key, Tag::of_overlay("music"), &[life]);
        let honest = seal(b"joiner").seal(from, to, &Message::hello(u64::MAX)).unwrap();
        let mut member = seal(b"member");
        for _ in 0..100 {
            let forged = stranger(true).hello();
            assert!(forged.len().abs_diff(honest.len()) <= 1, "a nonce has a variable length");
            assert_eq!(member.open(from, to, &forged).unwrap_err(), Dropped::Forged);
        }
        assert_eq!(member.open(from, to, &stranger(false).hello()).unwrap_err(), Dropped::Foreign);
        assert!(member.open(from, to, &honest).is_ok());
    }
}
