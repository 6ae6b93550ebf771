//! Stateless cookies: proof that a source address is real, before anything larger than the request
//! is sent to it (as in DNS, RFC 7873).

use std::net::SocketAddr;
use std::time::Duration;

use sha2::{Digest, Sha256};

use crate::overlay::Time;

pub(in crate::anycast) type Cookie = [u8; 16];

/// Issues cookies and recognizes them. Keeps nothing but a secret.
pub(in crate::anycast) struct Jar {
    secret: [u8; 32],
    window: Duration,
}

impl Jar {
    /// A cookie is good for at least this window of time, in whole seconds, and at most twice as long.
    pub(in crate::anycast) fn new(secret: [u8; 32], window: Duration) -> Self {
        Self { secret, window }
    }

    /// `what` else it is bound to: of a jar always as long.
    pub(in crate::anycast) fn issue(&self, now: Time, to: SocketAddr, what: &[u8]) -> Cookie {
        self.bake(self.epoch(now), to, what)
    }

    pub(in crate::anycast) fn accepts(&self, now: Time, from: SocketAddr, what: &[u8], cookie: &Cookie) -> bool {
        let now = self.epoch(now);
        [Some(now), now.checked_sub(1)].into_iter().flatten().any(|e| self.bake(e, from, what) == *cookie)
    }

    fn epoch(&self, now: Time) -> u64 {
        now.0.as_secs() / self.window.as_secs().max(1)
    }

    /// Every input has a fixed length or is hashed after the fixed ones, and the result is cut to
    /// half the hash, so its length cannot be extended.
    fn bake(&self, epoch: u64, address: SocketAddr, what: &[u8]) -> Cookie {
        let mut hash = Sha256::new();
        hash.update(self.secret);
        hash.update(epoch.to_be_bytes());
        hash.update(what);
        hash.update(address.to_string());
        let mut cookie = Cookie::default();
        cookie.copy_from_slice(&hash.finalize()[..16]);
        cookie
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cookie_is_good_for_its_address_time_and_what_it_is_bound_to() {
        let window = Duration::from_secs(30);
        let jar = Jar::new([7; 32], window);
        let at = |s| Time(Duration::from_secs(s));
        let (alice, bob) = ("10.0.0.1:4000".parse().unwrap(), "10.0.0.2:4000".parse().unwrap());
        let cookie = jar.issue(at(29), alice, &[5]);
        assert!(jar.accepts(at(29), alice, &[5], &cookie));
        assert!(jar.accepts(at(59), alice, &[5], &cookie));
        assert!(!jar.accepts(at(60), alice, &[5], &cookie), "expired");
        assert!(!jar.accepts(at(29), bob, &[5], &cookie));
        assert!(!jar.accepts(at(29), alice, &[6], &cookie));
        assert!(!Jar::new([8; 32], window).accepts(at(29), alice, &[5], &cookie));
    }
}
