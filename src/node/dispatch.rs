//! Whose a datagram is. A host's members share its sockets, and each datagram names its overlay by a tag: it is
//! opened by the one member that it is for. Probes are for the host, which answers each of them once.
//!
//! All of it is one machine: a host without its sockets, clock and BIRD.

use std::collections::VecDeque;
use std::net::SocketAddr;

use super::announce::GroupConfig;
use crate::anycast::{self, Command, Digest, GroupRef, Member, NodeConfig, probe};
use crate::overlay::sim::Machine;
use crate::overlay::wire::Tag;
use crate::overlay::{Time, Transmit, Via};

/// A host's members. Groups are counted as the host's configuration lists them, also in [`Via::Group`].
pub struct Dispatch {
    host: String,
    members: Vec<Resident>,
    /// Answers to probes.
    answers: VecDeque<Transmit>,
    /// Datagrams that were nobody's.
    foreign: u64,
}

struct Resident {
    tag: Tag,
    member: Member,
    /// Which of the host's groups are its own, and what they are to it.
    groups: Vec<(usize, GroupRef)>,
}

/// What a host's members did, or ask its driver to do.
#[derive(Clone, Debug, PartialEq)]
pub enum Event {
    /// A request, as [`anycast::Event::Announce`].
    Announce { group: usize },
    /// Likewise.
    Withdraw { group: usize },
    /// All else.
    Did { overlay: String, what: anycast::Event },
}

impl Resident {
    fn new(config: &NodeConfig, groups: &[GroupConfig], now: Time) -> Self {
        let at = |(group, address): (GroupRef, SocketAddr)| {
            let index = groups.iter().position(|g| g.addresses.contains(&address.ip()))?;
            Some((index, group))
        };
        let groups = config.groups().filter_map(at).collect();
        Self { tag: Tag::of_overlay(&config.overlay), member: Member::new(config.clone(), now), groups }
    }

    /// At which of its addresses a datagram arrived; `None`: at none.
    fn via(&self, via: Via) -> Option<Via> {
        let Via::Group(index) = via else { return Some(via) };
        let found = self.groups.iter().find(|(group, _)| *group == index);
        found.map(|(_, group)| Via::Group(group.index()))
    }

    fn index(&self, group: GroupRef) -> Option<usize> {
        self.groups.iter().find(|(_, own)| *own == group).map(|(index, _)| *index)
    }
}

impl Dispatch {
    /// `groups`: all that the host may announce.
    pub fn new(host: &str, overlays: &[NodeConfig], groups: &[GroupConfig], now: Time) -> Self {
        let members = overlays.iter().map(|config| Resident::new(config, groups, now)).collect();
        Self { host: host.to_owned(), members, answers: VecDeque::new(), foreign: 0 }
    }

    /// The member that this datagram is for, and at which of its addresses it is.
    fn whose(&mut self, via: Via, bytes: &[u8]) -> Option<(&mut Member, Via)> {
        let tag = Tag::of_datagram(bytes)?;
        let resident = self.members.iter_mut().find(|resident| resident.tag == tag)?;
        let via = resident.via(via)?;
        Some((&mut resident.member, via))
    }

    fn named(&self, overlay: &str) -> Option<usize> {
        self.members.iter().position(|resident| resident.member.config().overlay == overlay)
    }

    /// Tells the host's member of an overlay; whether there is one.
    pub fn order(&mut self, now: Time, overlay: &str, command: Command) -> bool {
        let at = self.named(overlay);
        if let Some(at) = at {
            self.members[at].member.command(now, command);
        }
        at.is_some()
    }

    /// The host has another unicast address.
    pub fn renumber(&mut self, now: Time, address: SocketAddr) {
        for resident in &mut self.members {
            resident.member.command(now, Command::Renumber { address });
        }
    }

    /// The state of its member of an overlay.
    pub fn digest(&self, overlay: &str) -> Option<Digest> {
        self.named(overlay).map(|at| self.members[at].member.digest())
    }

    /// Datagrams so far that were for nobody here.
    pub fn foreign(&self) -> u64 {
        self.foreign
    }
}

impl Machine for Dispatch {
    /// To the member of this overlay.
    type Command = (String, Command);
    type Event = Event;

    fn handle(&mut self, now: Time, from: SocketAddr, via: Via, bytes: &[u8]) {
        if let Some(answer) = probe::answer(&self.host, bytes) {
            self.answers.push_back(Transmit { to: from, bytes: answer });
        } else if let Some((member, via)) = self.whose(via, bytes) {
            member.handle(now, from, via, bytes);
        } else {
            self.foreign += 1;
        }
    }

    fn command(&mut self, now: Time, (overlay, command): (String, Command)) {
        self.order(now, &overlay, command);
    }

    fn handle_timeout(&mut self, now: Time) {
        for Resident { member, .. } in &mut self.members {
            if member.poll_timeout().is_some_and(|due| due <= now) {
                member.handle_timeout(now);
            }
        }
    }

    fn poll_transmit(&mut self) -> Option<Transmit> {
        let answer = self.answers.pop_front();
        answer.or_else(|| self.members.iter_mut().find_map(|resident| resident.member.poll_transmit()))
    }

    fn poll_timeout(&self) -> Option<Time> {
        self.members.iter().filter_map(|resident| resident.member.poll_timeout()).min()
    }

    fn poll_event(&mut self) -> Option<Event> {
        self.members.iter_mut().find_map(|resident| {
            let what = resident.member.poll_event()?;
            let own = match what {
                anycast::Event::Announce { group } => resident.index(group).map(|group| Event::Announce { group }),
                anycast::Event::Withdraw { group } => resident.index(group).map(|group| Event::Withdraw { group }),
                _ => None,
            };
            Some(own.unwrap_or_else(|| Event::Did { overlay: resident.member.config().overlay.clone(), what }))
        })
    }

    fn routing_request(event: &Event) -> Option<(usize, bool)> {
        match event {
            Event::Announce { group } => Some((*group, true)),
            Event::Withdraw { group } => Some((*group, false)),
            Event::Did { .. } => None,
        }
    }

    /// Of a group that is no member's nobody is told.
    fn routing_done(&mut self, now: Time, group: usize, announced: bool) {
        for Resident { member, groups, .. } in &mut self.members {
            if let Some((_, group)) = groups.iter().find(|(index, _)| *index == group) {
                if announced { member.announced(now, *group) } else { member.withdrawn(now, *group) }
            }
        }
    }
}
