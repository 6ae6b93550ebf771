//! Challenges: a trigger is kept only for who has shown that the address is its own (§4.5 of the paper; the form is
//! that of DNS cookies, RFC 7873).

use std::net::SocketAddr;
use std::time::Duration;

use sha2::{Digest, Sha256};

use super::ident::Ident;
use crate::machine::Time;

/// A cookie is good for at least this long and at most twice as long.
const EPOCH: Duration = Duration::from_secs(60);

pub(super) type Cookie = [u8; 16];

/// Keeps nothing but a secret.
pub(super) struct Jar([u8; 32]);

impl Jar {
    pub(super) fn new(secret: [u8; 32]) -> Self {
        Self(secret)
    }

    pub(super) fn issue(&self, now: Time, to: SocketAddr, ident: Ident) -> Cookie {
        self.bake(epoch(now), to, ident)
    }

    pub(super) fn accepts(&self, now: Time, from: SocketAddr, ident: Ident, cookie: &Cookie) -> bool {
        let now = epoch(now);
        [Some(now), now.checked_sub(1)].into_iter().flatten().any(|e| self.bake(e, from, ident) == *cookie)
    }

    /// All but the last input have a fixed length, and the result is cut: it cannot be extended.
    fn bake(&self, epoch: u64, address: SocketAddr, ident: Ident) -> Cookie {
        let mut hash = Sha256::new();
        hash.update(self.0);
        hash.update(epoch.to_be_bytes());
        hash.update(ident.0);
        hash.update(address.to_string());
        let mut cookie = Cookie::default();
        cookie.copy_from_slice(&hash.finalize()[..16]);
        cookie
    }
}

fn epoch(now: Time) -> u64 {
    now.0.as_secs() / EPOCH.as_secs()
}
