//! A trigger of one's own: put in place, renewed, taken back.

use std::net::SocketAddr;
use std::time::Duration;

use rand::RngExt;
use rand_chacha::ChaCha8Rng;

use super::ident::Ident;
use super::message::{Ask, Wish};
use crate::anycast::member::cookie::Cookie;
use crate::machine::Time;

/// An answer is waited for so long, then twice as long, and so on up to the most.
const PAUSE: Duration = Duration::from_millis(300);
const MAX_PAUSE: Duration = Duration::from_millis(1500);
/// A trigger is taken back in so many attempts, or ends with its lease.
const FAREWELLS: u32 = 3;
/// So many challenges are answered in one attempt.
const MAX_CHALLENGES: u8 = 2;

#[derive(Debug)]
pub(super) struct Own {
    pub(super) ident: Ident,
    /// A server keeps it, as far as is known.
    pub(super) held: bool,
    nonce: u64,
    cookie: Option<Cookie>,
    challenges: u8,
    /// Attempts since the last answer.
    tries: u32,
    asked: Option<SocketAddr>,
    leaving: bool,
    /// `None`: there is nothing more to do.
    pub(super) next: Option<Time>,
}

impl Own {
    pub(super) fn new(now: Time, ident: Ident) -> Self {
        Self {
            ident,
            held: false,
            nonce: 0,
            cookie: None,
            challenges: 0,
            tries: 0,
            asked: None,
            leaving: false,
            next: Some(now),
        }
    }

    pub(super) fn leave(&mut self, now: Time) {
        self.leaving = true;
        self.tries = 0;
        self.asked = None;
        self.next = Some(now);
    }

    /// Whether its time has come.
    pub(super) fn is_due(&self, now: Time) -> bool {
        self.next.is_some_and(|next| next <= now)
    }

    /// Who was asked and has not answered.
    pub(super) fn silent(&mut self) -> Option<SocketAddr> {
        self.asked.take()
    }

    /// The next attempt, through this server; `None`: that was the last.
    pub(super) fn attempt(&mut self, now: Time, to: SocketAddr, rng: &mut ChaCha8Rng) -> Option<Ask> {
        if self.leaving && self.tries >= FAREWELLS {
            self.next = None;
            return None;
        }
        let pause = (PAUSE * 2u32.pow(self.tries.min(4))).min(MAX_PAUSE);
        self.next = Some(now + pause.mul_f64(rng.random_range(0.8..1.2)));
        self.tries += 1;
        self.asked = Some(to);
        self.challenges = 0;
        self.nonce = rng.random();
        Some(self.ask())
    }

    fn ask(&self) -> Ask {
        let Self { nonce, ident, cookie, .. } = *self;
        let goal = Wish::Me;
        if self.leaving {
            Ask::Remove { nonce, ident, goal, cookie }
        } else {
            Ask::Insert { nonce, ident, goal, cookie }
        }
    }

    pub(super) fn is_about(&self, nonce: u64) -> bool {
        self.tries > 0 && self.nonce == nonce
    }

    /// What to say to a server that has asked for proof of the address.
    pub(super) fn challenged(&mut self, cookie: Cookie) -> Option<Ask> {
        self.cookie = Some(cookie);
        self.challenges += 1;
        (self.challenges <= MAX_CHALLENGES).then(|| self.ask())
    }

    /// A server keeps it; it is renewed after so long.
    pub(super) fn inserted(&mut self, now: Time, refresh: Duration, rng: &mut ChaCha8Rng) {
        if !self.leaving {
            self.held = true;
            self.tries = 0;
            self.asked = None;
            self.next = Some(now + refresh.mul_f64(rng.random_range(0.9..1.0)));
        }
    }

    pub(super) fn removed(&mut self) {
        if self.leaving {
            self.held = false;
            self.asked = None;
            self.next = None;
        }
    }
}
