//! The Internet Indirection Infrastructure (Stoica, Adkins, Zhuang, Shenker, Surana, SIGCOMM 2002): applications send to
//! identifiers, and receivers leave triggers that say where packets to them go.
//!
//! Servers are nodes of a Chord ring; the first 128 bits of an identifier are its key there, so all triggers of a group
//! are at one server, and it carries all the group's packets. A trigger is soft state: its owner renews it.
//!
//! Anycast: members share the first 128 bits, a hash of the group's name. What follows is the number of the landmark
//! nearest to the member, then random bits. A packet finds the trigger with the longest common prefix, so one with the
//! sender's own landmark finds a member of the same bin, if the bin has any, else one of a bin with a similar number,
//! which means nothing. A random suffix does not find members with equal probability: each has the share of
//! identifiers that are nearest to its own in the binary trie. Nobody is left out: what a member sends to its own bin
//! may come back to itself. A region is a bin too: if it has no members, those of another answer.
//!
//! When a server dies, its groups are silent until their members renew their triggers, which the server that follows
//! in the ring takes; when one joins or comes back, those that it takes over likewise. Triggers are not handed over, and
//! have no second identifier for that case.
//!
//! - `ident`: identifiers; `triggers`: the table, and the rule of the longest prefix
//! - `message`
//! - `server`: what a server does; `ring`: its place in the ring; `waiting`: what waits for lookups
//! - `agent`: a member's or sender's end; `survey`: which servers are near; `own`: its triggers
//! - `homes`: who is responsible for what, as far as both have heard

mod agent;
mod homes;
mod ident;
mod message;
mod own;
mod ring;
pub(super) mod row;
mod server;
mod settings;
mod survey;
mod triggers;
mod waiting;

#[cfg(test)]
mod tests;
