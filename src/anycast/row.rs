//! What is said of an anycast infrastructure, who stands behind an overlay's shared addresses.

use std::net::SocketAddr;
use std::time::Duration;

use super::config::NodeConfig;
use super::event::{Command, Digest, Event};
use super::face::{Agent, AgentConfig, Question, Unavailable};
use super::server::ServerRow;
use crate::machine::{Machine, Part, Time};
use crate::overlay::key::Key;
use crate::overlay::{Neighbors, Peer, Phase, Spent};

/// An infrastructure.
pub struct Row {
    /// As lab files have it.
    pub name: &'static str,
    /// As a text has it.
    pub title: &'static str,
    /// The groups of an overlay. The first is the one that the overlay's name and `address` stand for.
    pub groups: fn(&Asked) -> Vec<GroupSpec>,
    /// Its own keys of an `[[infrastructure]]`.
    pub keys: &'static [Key],
    /// What it cannot do, and why.
    pub can: fn(&Question) -> Result<(), Unavailable>,
    /// Its end on a host, which has been told nothing yet.
    pub agent: fn(AgentConfig, Time) -> Box<dyn Agent>,
    /// `None`: it needs no servers.
    pub server: Option<ServerRow>,
}

/// What an overlay asks of its groups.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Asked {
    /// 0: none.
    pub colors: u16,
    pub rendezvous: bool,
}

/// A group, for all who do not know what its owner does there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GroupSpec {
    pub part: Part,
    /// What follows the overlay's name in the group's.
    pub suffix: String,
    /// Which of the overlay's pool of addresses it has, from 1.
    pub address: usize,
    /// Whether clients have anything to ask there.
    pub public: bool,
    pub by: By,
}

/// Who announces a group.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum By {
    /// Every member.
    Member,
    /// One member of each island.
    Leader,
    /// The members of a color.
    Color(u16),
    /// The servers of the infrastructure, with the block that it is in.
    Servers,
    /// Nobody: it is found by other means.
    Nobody,
}

/// What a node has counted, for those who look on.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    /// Questions that its latest join took, one after another: those asked side by side count once.
    pub join_hops: u32,
    /// Hellos that reached it.
    pub hellos: u64,
}

/// What drivers, and those who look on, may expect of an infrastructure's node.
pub trait Node: Machine<Order = Command, Fact = Event> {
    fn config(&self) -> &NodeConfig;
    fn digest(&self) -> Digest;

    /// Where it stands with its overlay.
    fn phase(&self) -> Phase {
        self.digest().phase
    }

    /// Its neighbors, by what they are to it.
    fn neighbors(&self) -> Neighbors {
        self.digest().neighbors
    }

    /// All neighbors, each once.
    fn peers(&self) -> Vec<Peer>;

    /// Addresses of nodes that it knows, and their shortest round trips so far.
    fn round_trips(&self) -> Vec<(SocketAddr, Duration)>;

    fn tally(&self) -> Tally;

    /// What searches have cost it so far.
    fn spent(&self) -> Spent {
        self.digest().spent
    }

    /// The overlay's own messages so far, by what they were.
    fn counts(&self) -> Vec<(&'static str, u64)>;

    /// Joins the island of a member of another, without telling anybody in its own.
    fn link(&mut self, now: Time, peer: Peer);

    /// Tells it of a node and of how long that takes to answer.
    fn introduce(&mut self, now: Time, peer: Peer, round_trip: Duration);
}

impl Row {
    /// The groups of an overlay that get these addresses.
    pub fn addresses(&self, asked: &Asked, of: impl Fn(Part) -> SocketAddr) -> super::config::Addresses {
        (self.groups)(asked).into_iter().map(|spec| (spec.part, of(spec.part))).collect()
    }
}
