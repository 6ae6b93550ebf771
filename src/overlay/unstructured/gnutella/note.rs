//! What nodes of the overlay tell each other beside Gnutella, in its datagrams: who they are, and whom they have met.

use std::net::{Ipv4Addr, SocketAddr, SocketAddrV4};

use serde::{Deserialize, Serialize};

use super::Gnutella;
use super::message::v4;
use super::quest::Wish;
use super::settings::Role;
use crate::overlay::id::Id;
use crate::overlay::wire::read;
use crate::overlay::{Did, Phase, Time};

/// A datagram.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
enum Note {
    /// Who is there? Here is this one.
    Who(Id),
    /// An answer to that.
    Here(Id),
    /// A leaf has met a node that may be of another island, where only ultrapeers join islands.
    Stranger(SocketAddrV4),
}

impl Gnutella {
    /// Asks whoever is at this address who it is.
    pub(super) fn ask_who(&mut self, ip: Ipv4Addr) {
        let to = self.beside(ip);
        self.note(to, Note::Who(self.me.id));
    }

    /// A leaf tells its ultrapeers of a node.
    pub(super) fn tell_of(&mut self, stranger: SocketAddrV4) {
        for number in self.up(|link| link.role == Role::Ultrapeer) {
            let to = self.beside(self.links[&number].ip());
            self.note(to, Note::Stranger(stranger));
        }
    }

    fn note(&mut self, to: SocketAddr, note: Note) {
        // There is nothing in it that cannot be encoded.
        if let Ok(bytes) = postcard::to_stdvec(&note) {
            self.notes.push_back((to, bytes));
        }
    }

    pub(super) fn noted(&mut self, now: Time, from: SocketAddr, bytes: &[u8]) {
        let (Ok(note), Some(at)) = (read::<Note>(bytes), v4(from)) else { return };
        if self.phase == Phase::Idle {
            return;
        }
        let ip = *at.ip();
        match note {
            Note::Who(id) => {
                self.known(now, ip, id);
                self.note(from, Note::Here(self.me.id));
            }
            Note::Here(id) => {
                self.known(now, ip, id);
                self.hosts.answered(now, ip);
            }
            Note::Stranger(at) => {
                let of_leaf = self.links.values().any(|link| link.ip() == ip && link.role == Role::Leaf);
                if of_leaf && self.role == Role::Ultrapeer && self.quest.is_none() && !self.is_near(now, *at.ip()) {
                    self.seek(now, Wish::Bridge, at);
                }
            }
        }
        self.settle();
    }

    fn known(&mut self, now: Time, ip: Ipv4Addr, id: Id) {
        let Some(link) = self.links.values_mut().find(|link| link.ip() == ip && id != self.me.id) else { return };
        link.id = Some(id);
        if link.is_up()
            && let Some(since) = self.renewing.take()
        {
            self.events.push_back(Did::Renewed { by: Some(id), milliseconds: now.millis_since(since) });
        }
    }
}
