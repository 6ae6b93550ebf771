//! Random numbers of one life of a machine.

use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;

use crate::machine::Time;
use crate::overlay::id::Id;

/// A stream for whom these name, since now: one that is restarted must not repeat its former self's numbers.
pub(super) fn draws(whose: &[&[u8]], now: Time) -> ChaCha8Rng {
    let since = now.0.as_nanos().to_be_bytes();
    let Id(hash) = Id::hash(&[whose, &[&since[..]]].concat());
    let mut seed = [0; 32];
    seed[..16].copy_from_slice(&hash.to_be_bytes());
    ChaCha8Rng::from_seed(seed)
}
