//! How nodes draw a key together that none of them chooses (Clarke et al. 2000 on adding nodes).
//!
//! The newcomer draws a seed and passes its hash on. Each node draws one too, combines it bit by bit with the hash that
//! it got, and passes the hash of that on; the last only draws. Then all tell their seeds, the last first. Each is bound
//! by the hash that the next one got before any seed was told, and the last knew none of the others when it told its own.

use sha2::{Digest, Sha256};

use crate::overlay::id::Id;

pub(super) type Seed = [u8; 32];
pub(super) type Hash = [u8; 32];

/// What the newcomer passes on.
pub(super) fn first(seed: &Seed) -> Hash {
    Sha256::digest(seed).into()
}

/// What a node passes on.
pub(super) fn next(seed: &Seed, before: &Hash) -> Hash {
    Sha256::digest(xor(seed, before)).into()
}

/// The key that all seeds make.
pub(super) fn key<'a>(seeds: impl IntoIterator<Item = &'a Seed>) -> Id {
    let all = seeds.into_iter().fold([0; 32], |all, seed| xor(&all, seed));
    Id::hash(&[b"announced", &all])
}

/// Whether a node that got the hash `before`, drew `own` and was told `tail` by those after it may believe that these
/// are the seeds.
pub(super) fn agree(seeds: &[Seed], before: &Hash, own: &Seed, tail: &[Seed]) -> bool {
    let Some(at) = seeds.len().checked_sub(tail.len() + 1).filter(|at| *at > 0) else { return false };
    let hash = seeds[1..at].iter().fold(first(&seeds[0]), |hash, seed| next(seed, &hash));
    hash == *before && seeds[at] == *own && seeds[at + 1..] == *tail
}

fn xor(a: &[u8; 32], b: &[u8; 32]) -> [u8; 32] {
    std::array::from_fn(|byte| a[byte] ^ b[byte])
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        /// All agree on the truth, and whoever changes its own seed, or one that it passes on, is noticed.
        #[test]
        fn a_seed_is_told_as_it_was_drawn(
            seeds in prop::collection::vec(any::<Seed>(), 2..8), liar: prop::sample::Index, byte in 0usize..32, bit in 0u8..8,
        ) {
            let mut hashes = vec![first(&seeds[0])];
            for seed in &seeds[1..] {
                let before = *hashes.last().unwrap();
                hashes.push(next(seed, &before));
            }
            let believes = |told: &[Seed], at: usize| agree(told, &hashes[at - 1], &seeds[at], &seeds[at + 1..]);
            prop_assert!((1..seeds.len()).all(|at| believes(&seeds, at)));
            let mut told = seeds.clone();
            let liar = liar.index(told.len());
            told[liar][byte] ^= 1 << bit;
            prop_assert!((1..seeds.len()).all(|at| !believes(&told, at)), "each has what shows the lie");
            prop_assert_ne!(key(&told), key(&seeds), "each seed counts");
            prop_assert!(!believes(&seeds[1..], 1) && !believes(&[], 1) && !believes(&[&seeds[..], &seeds].concat(), 1));
        }
    }
}
