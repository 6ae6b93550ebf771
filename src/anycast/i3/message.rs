//! What agents and servers say to one another. Every message to a server bears the infrastructure's tag, every one to an
//! agent the tag that the agent has named.

use std::net::SocketAddr;

use serde::{Deserialize, Serialize};

use super::ident::Ident;
use crate::anycast::member::cookie::Cookie;
use crate::overlay::id::Id;
use crate::overlay::wire::Tag;

/// Most identifiers in a stack.
pub(super) const MAX_STACK: usize = 4;
/// So often servers pass a request on, copies of a packet counted together: what goes in circles ends.
pub(super) const CREDIT: u8 = 16;

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) enum ToServer<'a> {
    /// How far away are you?
    Ping {
        tag: Tag,
        nonce: u64,
    },
    /// For the server that is responsible for its prefix, through any.
    Request(Request),
    /// From one server to another, for whoever asked.
    Routed {
        from: SocketAddr,
        credit: u8,
        request: Request,
    },
    /// The ring's own.
    Ring(&'a [u8]),
    /// Are you in the ring?
    Hail,
    Hailed {
        member: bool,
    },
    /// Where does your ring find this key?
    Locate {
        nonce: u64,
        key: Id,
    },
    Located {
        nonce: u64,
        owner: Id,
    },
}

/// What an agent asks.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Request {
    /// What answers shall bear.
    pub(super) tag: Tag,
    pub(super) ask: Ask,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) enum Ask {
    /// Who is responsible for this?
    Where {
        prefix: Id,
    },
    /// Keep this trigger until its lease ends, or renew it.
    Insert {
        nonce: u64,
        ident: Ident,
        goal: Wish,
        cookie: Option<Cookie>,
    },
    Remove {
        nonce: u64,
        ident: Ident,
        goal: Wish,
        cookie: Option<Cookie>,
    },
    Packet(Packet),
}

/// Where a trigger leads.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) enum Wish {
    /// To the asker's address: nobody can have others' addresses flooded.
    Me,
    /// To these identifiers, one after another (§3.2: services composed).
    Stack(Vec<Ident>),
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Packet {
    /// Where it goes: to the first; and with what is left of the stack to the second when nothing matches the first.
    pub(super) stack: Vec<Ident>,
    /// Whether the sender wants to know who is responsible for the first, to send there from now on.
    pub(super) wonders: bool,
    /// The sender's private trigger, if it has one.
    pub(super) reply: Option<Ident>,
    pub(super) data: Vec<u8>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) enum ToAgent {
    Pong {
        nonce: u64,
    },
    /// From the server that is responsible for this prefix.
    Home {
        prefix: Id,
    },
    /// Say this too, to show that the address is yours.
    Challenge {
        nonce: u64,
        cookie: Cookie,
    },
    Inserted {
        nonce: u64,
    },
    Removed {
        nonce: u64,
    },
    /// The server keeps no more triggers, or not such ones.
    Refused {
        nonce: u64,
    },
    /// A packet has reached a trigger. `stack`: where it shall go from there.
    Delivered {
        from: SocketAddr,
        reply: Option<Ident>,
        stack: Vec<Ident>,
        data: Vec<u8>,
    },
}

impl Request {
    /// Whose server it is for; `None`: of a packet without a stack.
    pub(super) fn prefix(&self) -> Option<Id> {
        match &self.ask {
            Ask::Where { prefix } => Some(*prefix),
            Ask::Insert { ident, .. } | Ask::Remove { ident, .. } => Some(ident.prefix()),
            Ask::Packet(packet) => packet.stack.first().map(|ident| ident.prefix()),
        }
    }
}
