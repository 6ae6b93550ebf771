//! Things and their keys: whoever has a thing can tell whether it is what its key stands for.
//!
//! Three kinds of names, of which a lab uses the first (Clarke et al. 2000 on keys):
//!
//! - any text, with or without `KSK@`: a pair of keys is made of the text, so whoever knows the text can sign for it;
//!   the thing's key is the hash of the public one
//! - `CHK@` and the hash of the thing, which is its key
//! - `SSK@`, the hash of a node's public key, `/` and a text: only that node can sign for it; the thing's key is the
//!   hash of the two hashes' difference by bits
//!
//! Hashes are the first 128 bits of a SHA-256, as all ids are here; signatures are Ed25519. The original also encrypts
//! things by their names; these are not encrypted.

use ed25519_dalek::{Signature, Signer, SigningKey, VerifyingKey};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::overlay::id::Id;
use crate::overlay::store::{MAX_KEY, MAX_VALUE};

/// A text and what shows that it belongs to its key.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Thing {
    pub(super) value: String,
    pub(super) proof: Proof,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum Proof {
    /// Its key is its hash.
    Content,
    /// Its key is that of who signed it, or is made of that and the hash of a text.
    Signed { public: [u8; 32], text: Option<Id>, signature: ([u8; 32], [u8; 32]) },
}

/// What a name of a thing says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Name {
    Keyword(String),
    /// `None`: of whatever is stored.
    Content(Option<Id>),
    /// `None`: of whoever stores it.
    Subspace(Option<Id>, String),
}

impl Name {
    /// `None`: it is no name.
    pub(super) fn of(text: &str) -> Option<Self> {
        if text.is_empty() || text.len() > MAX_KEY {
            return None;
        }
        let hash = |text: &str| (text.len() == 32).then(|| text.parse().ok()).flatten();
        if let Some(rest) = text.strip_prefix("CHK@") {
            return if rest.is_empty() {
                Some(Self::Content(None))
            } else {
                hash(rest).map(|id| Self::Content(Some(id)))
            };
        }
        if let Some(rest) = text.strip_prefix("SSK@") {
            let (space, name) = rest.split_once('/').filter(|(_, name)| !name.is_empty())?;
            let owner = if space.is_empty() { None } else { Some(hash(space)?) };
            return Some(Self::Subspace(owner, name.to_owned()));
        }
        Some(Self::Keyword(text.strip_prefix("KSK@").unwrap_or(text).to_owned()))
    }

    /// The key of what has this name; `own`: the key that stands for the asking node's subspace.
    pub(super) fn key(&self, own: impl Fn() -> SigningKey) -> Option<Id> {
        match self {
            Self::Keyword(text) => Some(signed_key(&keyword(text).verifying_key().to_bytes(), None)),
            Self::Content(id) => *id,
            Self::Subspace(owner, text) => {
                let owner = owner.unwrap_or_else(|| public_hash(&own().verifying_key().to_bytes()));
                Some(subspace_key(owner, text_hash(text)))
            }
        }
    }

    /// The thing of this name and value, if this node can make it, with its key and the name by which all others find it.
    pub(super) fn make(&self, value: String, own: impl Fn() -> SigningKey) -> Option<(Thing, Id, String)> {
        if value.len() > MAX_VALUE {
            return None;
        }
        match self {
            Self::Content(named) => {
                let key = content_key(&value);
                let thing = Thing { value, proof: Proof::Content };
                named.is_none_or(|named| named == key).then(|| (thing, key, format!("CHK@{key}")))
            }
            Self::Keyword(text) => {
                let (thing, key) = Thing::signed(value, &keyword(text), None);
                Some((thing, key, format!("KSK@{text}")))
            }
            Self::Subspace(named, text) => {
                let secret = own();
                let owner = public_hash(&secret.verifying_key().to_bytes());
                let (thing, key) = Thing::signed(value, &secret, Some(text_hash(text)));
                named.is_none_or(|named| named == owner).then(|| (thing, key, format!("SSK@{owner}/{text}")))
            }
        }
    }
}

impl Thing {
    fn signed(value: String, secret: &SigningKey, text: Option<Id>) -> (Self, Id) {
        let public = secret.verifying_key().to_bytes();
        let signature = secret.sign(&statement(&value, text));
        let key = signed_key(&public, text);
        let proof = Proof::Signed { public, text, signature: (*signature.r_bytes(), *signature.s_bytes()) };
        (Self { value, proof }, key)
    }

    /// Whether it is what this key stands for.
    pub(super) fn is(&self, key: Id) -> bool {
        if self.value.len() > MAX_VALUE {
            return false;
        }
        match &self.proof {
            Proof::Content => content_key(&self.value) == key,
            Proof::Signed { public, text, signature: (r, s) } => {
                let signature = Signature::from_components(*r, *s);
                signed_key(public, *text) == key
                    && VerifyingKey::from_bytes(public)
                        .is_ok_and(|public| public.verify_strict(&statement(&self.value, *text), &signature).is_ok())
            }
        }
    }
}

/// The pair of keys that a text stands for.
fn keyword(text: &str) -> SigningKey {
    let mut hash = Sha256::new();
    hash.update(b"freenet keyword");
    hash.update(text.as_bytes());
    SigningKey::from_bytes(&hash.finalize().into())
}

fn content_key(value: &str) -> Id {
    Id::hash(&[b"content", value.as_bytes()])
}

fn text_hash(text: &str) -> Id {
    Id::hash(&[b"text", text.as_bytes()])
}

fn public_hash(public: &[u8; 32]) -> Id {
    Id::hash(&[b"public", public])
}

fn subspace_key(owner: Id, text: Id) -> Id {
    Id::hash(&[b"subspace", &(owner.0 ^ text.0).to_be_bytes()])
}

fn signed_key(public: &[u8; 32], text: Option<Id>) -> Id {
    let owner = public_hash(public);
    text.map_or(owner, |text| subspace_key(owner, text))
}

/// What is signed.
fn statement(value: &str, text: Option<Id>) -> [u8; 16] {
    let text = text.map_or(Vec::new(), |text| text.0.to_be_bytes().to_vec());
    Id::hash(&[b"statement", &text, value.as_bytes()]).0.to_be_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn own(n: u8) -> SigningKey {
        SigningKey::from_bytes(&[n; 32])
    }

    fn make(name: &str, value: &str) -> Option<(Thing, Id, String)> {
        Name::of(name)?.make(value.into(), || own(1))
    }

    #[test]
    fn a_thing_is_found_under_its_full_name_by_anybody() {
        for name in ["fox", "KSK@fox", "CHK@", "SSK@/fox"] {
            let (thing, key, full) = make(name, "red").unwrap();
            assert!(thing.is(key) && !thing.is(Id(key.0 ^ 1)), "{name}");
            assert!(full.len() <= MAX_KEY && Name::of(&full).unwrap().key(|| own(2)) == Some(key), "{full}");
            assert_eq!(Name::of(name).unwrap().key(|| own(1)).is_none(), name == "CHK@");
        }
        assert_eq!(make("fox", "red").unwrap().1, make("KSK@fox", "grey").unwrap().1);
        assert_ne!(make("SSK@/fox", "red").unwrap().1, make("SSK@/owl", "red").unwrap().1);
    }

    #[test]
    fn what_is_no_name_or_not_its_own_is_refused() {
        let other = format!("SSK@{}/fox", Id(7));
        let content = format!("CHK@{}", Id(7));
        for name in ["", "CHK@xyz", "SSK@fox", "SSK@/", "SSK@12/fox", &other, &content, &"k".repeat(MAX_KEY + 1)] {
            assert!(make(name, "red").is_none(), "{name}");
        }
        assert!(make("fox", &"v".repeat(MAX_VALUE)).is_some() && make("fox", &"v".repeat(MAX_VALUE + 1)).is_none());
    }

    #[test]
    fn what_is_changed_is_not_it() {
        for name in ["fox", "CHK@", "SSK@/fox"] {
            let (thing, key, _) = make(name, "red").unwrap();
            assert!(!Thing { value: "rad".into(), ..thing.clone() }.is(key));
            assert!(!Thing { proof: make("owl", "red").unwrap().0.proof, ..thing.clone() }.is(key));
            assert!(name == "CHK@" || !Thing { proof: Proof::Content, ..thing.clone() }.is(key));
            let Proof::Signed { public, text, signature } = thing.proof.clone() else { continue };
            for byte in 0..64 {
                let mut changed = signature;
                if byte < 32 {
                    changed.0[byte] ^= 1
                } else {
                    changed.1[byte - 32] ^= 1
                }
                let proof = Proof::Signed { public, text, signature: changed };
                assert!(!Thing { proof, ..thing.clone() }.is(key), "{name}, byte {byte}");
            }
            // Signed by another, under the same text.
            let (forged, elsewhere) = Thing::signed("red".into(), &own(3), text);
            assert!(forged.is(elsewhere) && !forged.is(key));
        }
    }
}
