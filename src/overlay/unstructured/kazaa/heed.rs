//! Which part of a node a message concerns.

use std::net::SocketAddr;

use super::calls::{Call, Reason, Why};
use super::kept::For;
use super::message::{Head, Message, State};
use super::{Kazaa, Role};
use crate::overlay::{Did, Peer, Phase, Time};

impl Kazaa {
    pub(super) fn heed(&mut self, now: Time, from: SocketAddr, bytes: &[u8]) {
        if self.phase == Phase::Idle {
            return;
        }
        let Some((head, message)) = Message::read(bytes).filter(|(head, _)| head.id != self.me.id) else {
            self.counts.nonsense += 1;
            return;
        };
        let peer = Peer { id: head.id, address: from };
        self.touch(now, peer);
        if head.answer == 0 {
            return self.asked(now, peer, head, message);
        }
        let Some(call) = self.calls.answered(now, head.answer, head.turn, from) else { return };
        self.answered(now, peer, &call, message);
        self.farewell();
    }

    /// What this answers has ended.
    fn answered(&mut self, now: Time, peer: Peer, call: &Call, message: Message) {
        let round_trip = call.round_trip;
        match (call.why, message) {
            (Why::Join, Message::Joined(state)) => self.taken(now, peer, state, round_trip),
            (Why::Join, Message::Nodes(others)) => {
                self.known.told(now, self.me.id, &others);
                self.turned_down(now, peer.address, Some(&others));
            }
            (Why::Join, _) => self.turned_down(now, peer.address, None),
            (Why::Link(reason), Message::Linked(state)) => self.linked(now, peer, &state, reason),
            (Why::Link(reason), Message::Nodes(others)) => {
                if !matches!(reason, Reason::Merge | Reason::Bridge) {
                    self.known.told(now, self.me.id, &others);
                }
                self.refused_link(now, reason, Some(&others));
            }
            (Why::Link(reason), _) => self.refused_link(now, reason, None),
            (Why::Share { count }, Message::Ack(())) => self.uploaded(now, count),
            (Why::Met, Message::Pong(state)) => self.known_better(now, peer, &state, round_trip),
            (Why::There, Message::Pong(state)) => {
                self.renewed(now, peer);
                self.stands(now, peer, &state);
                if let Some(parent) = self.parent.as_mut().filter(|parent| parent.peer.id == peer.id) {
                    parent.round_trip = round_trip.or(parent.round_trip);
                }
            }
            (Why::There | Why::Share { .. }, Message::Bye(())) => self.bye(now, peer.id),
            _ => {}
        }
    }

    fn asked(&mut self, now: Time, peer: Peer, head: Head, message: Message) {
        let from = peer.address;
        match message {
            Message::Join(wish) => self.wished(now, from, head, wish),
            Message::Link(must) => self.asked_link(now, from, head, must),
            Message::Ping(state) => self.pinged(now, peer, head, &state),
            Message::Who(()) if self.phase == Phase::Member => {
                let state = self.state(now);
                self.answer(from, head, &Message::Pong(state));
            }
            Message::Search(query) => self.queried(now, from, head, query),
            Message::Forward(asked) | Message::Onward(asked) => self.forwarded(now, from, head, asked),
            Message::Reply(found) => self.replied(now, from, head, found),
            Message::Share(shared) => self.shared(now, from, head, shared),
            Message::Nodes(others) => self.known.told(now, self.me.id, &others),
            message => {
                self.answer(from, head, &Message::Ack(()));
                self.told(now, peer, message);
            }
        }
    }

    /// What needs no other answer than that it has arrived.
    fn told(&mut self, now: Time, peer: Peer, message: Message) {
        let from_parent = self.parent.as_ref().is_some_and(|parent| parent.peer == peer);
        match message {
            Message::Unshare(()) => drop(self.children.remove(&peer.id)),
            Message::End(search) if !self.relays.contains_key(&search) => self.finish(now, search),
            Message::Bye(()) => self.bye(now, peer.id),
            Message::HandOver(to) if from_parent && self.role == Role::Ordinary => {
                let busy = self.quest.as_ref().is_some_and(|quest| quest.what != For::Move);
                if !busy && !to.is_empty() {
                    self.seek(now, For::Sent, to.iter().map(|peer| peer.address).collect());
                }
            }
            Message::Promote(()) => self.asked_to_serve(now, peer),
            Message::Introduce(next) if self.links.contains_key(&peer.id) && self.is_supernode() => {
                self.link(now, next.address, Reason::Mend);
            }
            Message::Stranger(stranger) => self.told_of(now, peer.id, stranger),
            // A push would be for this node or one of its children: nobody downloads anything.
            _ => {}
        }
    }

    fn pinged(&mut self, now: Time, peer: Peer, head: Head, state: &State) {
        self.readdress(peer);
        let below = self.children.get_mut(&peer.id).filter(|_| !state.serves);
        let above = self.parent.as_ref().is_some_and(|parent| parent.peer.id == peer.id);
        if let Some(child) = below {
            child.heard = now;
        } else if !(above || (state.serves && self.links.contains_key(&peer.id))) {
            self.children.remove(&peer.id);
            return self.disown(peer.address, head);
        }
        self.stands(now, peer, state);
        let state = self.state(now);
        self.answer(peer.address, head, &Message::Pong(state));
    }

    /// How a neighbor stands.
    fn stands(&mut self, now: Time, peer: Peer, state: &State) {
        self.known.told(now, self.me.id, &state.links);
        if state.serves {
            self.known.heard(peer, state.load, now);
        }
        if let Some(link) = self.links.get_mut(&peer.id) {
            link.says(now, state);
            if !state.serves {
                self.bye(now, peer.id);
            }
        }
        match &mut self.parent {
            Some(parent) if parent.peer.id == peer.id && state.serves => {
                parent.load = state.load;
                parent.heirs.clone_from(&state.heirs);
            }
            Some(parent) if parent.peer.id == peer.id => self.bye(now, peer.id),
            _ => {}
        }
    }

    /// A neighbor is elsewhere now.
    fn readdress(&mut self, peer: Peer) {
        let link = self.links.get_mut(&peer.id).map(|link| &mut link.peer);
        let child = self.children.get_mut(&peer.id).map(|child| &mut child.peer);
        let parent = self.parent.as_mut().map(|parent| &mut parent.peer).filter(|parent| parent.id == peer.id);
        let mut moved = false;
        for known in [link, child, parent].into_iter().flatten() {
            moved |= known.address != peer.address;
            known.address = peer.address;
        }
        if moved {
            self.calls.readdress(peer.id, peer.address);
        }
    }

    /// A neighbor has said something.
    fn touch(&mut self, now: Time, peer: Peer) {
        let link = self.links.get_mut(&peer.id).filter(|link| link.peer == peer).map(|link| &mut link.heard);
        let child = self.children.get_mut(&peer.id).filter(|child| child.peer == peer).map(|child| &mut child.heard);
        let parent = self.parent.as_mut().filter(|parent| parent.peer == peer).map(|parent| &mut parent.heard);
        [link, child, parent].into_iter().flatten().for_each(|heard| *heard = now);
    }

    fn renewed(&mut self, now: Time, peer: Peer) {
        if let Some(since) = self.renewing.take() {
            self.events.push_back(Did::Renewed { by: Some(peer.id), milliseconds: now.millis_since(since) });
        }
    }
}
