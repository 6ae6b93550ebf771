//! OASIS (Freedman, Lakshminarayanan, Mazières, NSDI 2006): anycast by servers that know beforehand where every
//! prefix of the network is, and so answer a question without probing.
//!
//! Core nodes are the servers: each has a full view of them by gossip, and consistent hashing says which of them know
//! the replicas of a service, and which look after a prefix. Members are replicas: they register, send heartbeats with
//! their load, and are landmarks. In the background a closest-node search (Meridian) finds the landmark nearest to a
//! prefix that somebody asked from; its place on earth stands for the prefix's from then on.
//!
//! - `agent`: a member's end, and a client's; `end`: what its parts work with; `asking`: its questions; `chooser`: which
//!   core node it asks
//! - `server`: a core node; `base`: what its parts work with; `view`, `hashing`: who does what; `services`, `prefixes`,
//!   `pending`, `streams`: its tables
//! - `mapping`: prefixes get their places; `query`: the course of a question; `select`: which replicas are the answer
//! - `dns`, `http`, `clients`: for clients that run nothing of ours
//! - `meridian`: rings, gossip, the closest-node search
//! - `settings`, `row`, `message`, `landmarks`

mod agent;
mod asking;
mod base;
mod chooser;
mod clients;
mod dns;
mod end;
mod hashing;
mod http;
mod landmarks;
mod mapping;
mod meridian;
mod message;
mod pending;
mod prefixes;
mod query;
pub(super) mod row;
mod select;
mod server;
mod services;
mod settings;
mod streams;
#[cfg(test)]
mod tests;
mod view;
