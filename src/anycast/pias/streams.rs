//! Streams of clients, relayed to plain programs: client–IAP, IAP–JAP, JAP–target.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::time::Duration;

use super::core::Core;
use super::lists::Choice;
use super::message::{Between, Opening, decode, encode};
use super::ports::{BLOCK, RELAY};
use super::settings::Selection;
use crate::machine::{Output, Part, Port, Stream, StreamId, Time, Via};

/// Most ends of streams; a relayed one has two here.
const MAX_ENDS: usize = 2048;

/// What is kept of a stream that leads nowhere yet.
const MAX_KEPT: usize = 1 << 14;

/// A stream leads somewhere within this time, or ends.
const PATIENCE: Duration = Duration::from_secs(3);

/// A list is asked for again after this.
const AGAIN: Duration = Duration::from_millis(400);

#[derive(Debug, Default)]
pub(super) struct Streams {
    opened: u64,
    ends: BTreeMap<StreamId, End>,
}

#[derive(Debug)]
struct End {
    state: State,
    used: Time,
}

#[derive(Debug)]
enum State {
    /// Of a client: the group's JAPs are not known yet.
    Waits { opening: Opening, kept: Vec<u8>, since: Time, asked: Time },
    /// Of another proxy, which has not said yet for whom.
    Unread { kept: Vec<u8>, since: Time },
    /// What comes here goes there; `target`: this end leads to it.
    Relays { to: StreamId, target: Option<(u16, SocketAddr)> },
}

impl Streams {
    pub(super) fn len(&self) -> usize {
        self.ends.len()
    }

    pub(super) fn input(&mut self, core: &mut Core, now: Time, id: StreamId, part: Stream<&[u8]>) {
        match part {
            Stream::Open { at, peer } => self.accept(core, now, id, at, peer),
            Stream::Bytes(bytes) => self.bytes_came(core, now, id, bytes),
            Stream::Close | Stream::Lost => self.end(core, id, false),
        }
    }

    fn accept(&mut self, core: &mut Core, now: Time, id: StreamId, at: Port, peer: SocketAddr) {
        let state = match at {
            Port { via: Via::Unicast, number: RELAY } if core.proxies.has_host(peer) => {
                State::Unread { kept: Vec::new(), since: now }
            }
            Port { via: Via::Group(Part(group)), .. } if Part(group) != BLOCK && core.group(group).is_some() => {
                State::Waits { opening: Opening { group, client: peer }, kept: Vec::new(), since: now, asked: now }
            }
            _ => return close(core, id),
        };
        if self.ends.len() >= MAX_ENDS {
            core.dropped += 1;
            return close(core, id);
        }
        let waits = if let State::Waits { opening, .. } = &state { Some(*opening) } else { None };
        self.ends.insert(id, End { state, used: now });
        if let Some(Opening { group, .. }) = waits
            && !self.enter(core, now, id)
        {
            core.tell(core.rap(now, group), Between::Ask { group });
        }
    }

    /// As the IAP: on to the JAP, if one can be chosen; else whether there is no point in waiting.
    fn enter(&mut self, core: &mut Core, now: Time, id: StreamId) -> bool {
        let Some(End { state: State::Waits { opening, .. }, .. }) = self.ends.get(&id) else { return true };
        let Opening { group, client } = *opening;
        let (me, selection) = (core.proxies.me, core.settings.selection);
        let near = selection == Selection::Proximity && core.targets.has_for(group, client);
        let jap = match core.japs(now, group) {
            _ if near => Some(me),
            None => return false,
            Some(japs) => {
                Choice { selection, iap: me, client: client.ip(), past: None }.among(now, &japs, &core.proxies)
            }
        };
        match jap.map(|jap| (jap, core.proxies.address(jap))) {
            Some((jap, _)) if jap == me => {
                core.lists.flow(group, jap);
                self.exit(core, now, id, Opening { group, client });
            }
            Some((jap, Some(address))) => {
                core.lists.flow(group, jap);
                let header = header(core, &Opening { group, client });
                self.lead(core, now, id, SocketAddr::new(address.ip(), RELAY), None, header);
            }
            _ => self.end(core, id, true),
        }
        true
    }

    /// As the JAP: on to a target.
    fn exit(&mut self, core: &mut Core, now: Time, id: StreamId, Opening { group, client }: Opening) {
        let fixed = core.settings.selection == Selection::Affinity;
        let target = core.targets.pick(group, client, fixed).map(|target| target.address);
        match target {
            Some(target) => {
                core.targets.flow(group, target, true);
                self.lead(core, now, id, target, Some((group, target)), Vec::new());
            }
            None => self.end(core, id, true),
        }
    }

    /// Opens a stream, for what comes from `id`.
    fn lead(
        &mut self,
        core: &mut Core,
        now: Time,
        id: StreamId,
        peer: SocketAddr,
        target: Option<(u16, SocketAddr)>,
        mut first: Vec<u8>,
    ) {
        let far = StreamId::Ours(self.opened);
        self.opened += 1;
        let Some(end) = self.ends.get_mut(&id) else { return };
        if let State::Waits { kept, .. } | State::Unread { kept, .. } = &mut end.state {
            first.append(kept);
        }
        end.state = State::Relays { to: far, target: None };
        self.ends.insert(far, End { state: State::Relays { to: id, target }, used: now });
        core.out.push_back(Output::Stream(far, Stream::Open { at: Port::unicast(0), peer }));
        if !first.is_empty() {
            core.out.push_back(Output::Stream(far, Stream::Bytes(first)));
        }
    }

    fn bytes_came(&mut self, core: &mut Core, now: Time, id: StreamId, bytes: &[u8]) {
        let Some(end) = self.ends.get_mut(&id) else { return };
        end.used = now;
        match &mut end.state {
            State::Relays { to, .. } => {
                let to = *to;
                core.out.push_back(Output::Stream(to, Stream::Bytes(bytes.to_vec())));
                if let Some(far) = self.ends.get_mut(&to) {
                    far.used = now;
                }
            }
            State::Waits { kept, .. } | State::Unread { kept, .. } if kept.len() + bytes.len() > MAX_KEPT => {
                core.dropped += 1;
                self.end(core, id, true);
            }
            State::Waits { kept, .. } => kept.extend_from_slice(bytes),
            State::Unread { kept, .. } => {
                kept.extend_from_slice(bytes);
                let Some(length) = kept.first_chunk().map(|length| usize::from(u16::from_be_bytes(*length))) else {
                    return;
                };
                let Some(header) = kept.get(2..2 + length) else { return };
                let opening = decode::<Opening>(core.tag, header);
                kept.drain(..2 + length);
                match opening {
                    Ok(opening) if core.group(opening.group).is_some() => self.exit(core, now, id, opening),
                    _ => {
                        core.dropped += 1;
                        self.end(core, id, true);
                    }
                }
            }
        }
    }

    /// One end is no more, and so the other. `here`: its driver does not know yet.
    fn end(&mut self, core: &mut Core, id: StreamId, here: bool) {
        let Some(end) = self.ends.remove(&id) else { return };
        if here {
            close(core, id);
        }
        if let State::Relays { to, target } = end.state {
            let far = self.ends.remove(&to);
            if far.is_some() {
                close(core, to);
            }
            let of_far = far.and_then(|far| if let State::Relays { target, .. } = far.state { target } else { None });
            if let Some((group, address)) = target.or(of_far) {
                core.targets.flow(group, address, false);
            }
        }
    }

    /// The RAP has told the JAPs of a group.
    pub(super) fn listed(&mut self, core: &mut Core, now: Time, group: u16) {
        let waits = |end: &End| matches!(&end.state, State::Waits { opening, .. } if opening.group == group);
        for id in self.those(waits) {
            self.enter(core, now, id);
        }
    }

    /// A target is no more.
    pub(super) fn bereft(&mut self, core: &mut Core, group: u16, address: SocketAddr) {
        let led =
            |end: &End| matches!(end.state, State::Relays { target: Some(target), .. } if target == (group, address));
        for id in self.those(led) {
            self.end(core, id, true);
        }
    }

    pub(super) fn expire(&mut self, core: &mut Core, now: Time) {
        let idle = core.settings.stream_idle;
        let old = |end: &End| match &end.state {
            State::Waits { since, .. } | State::Unread { since, .. } => now - *since > PATIENCE,
            State::Relays { .. } => now - end.used > idle,
        };
        for id in self.those(old) {
            self.end(core, id, true);
        }
        let mut groups = Vec::new();
        for end in self.ends.values_mut() {
            if let State::Waits { opening, asked, .. } = &mut end.state
                && now - *asked > AGAIN
            {
                *asked = now;
                groups.push(opening.group);
            }
        }
        groups.dedup();
        for group in groups {
            core.tell(core.rap(now, group), Between::Ask { group });
        }
    }

    fn those(&self, which: impl Fn(&End) -> bool) -> Vec<StreamId> {
        self.ends.iter().filter(|(_, end)| which(end)).map(|(id, _)| *id).collect()
    }

    pub(super) fn bytes(&self) -> usize {
        let kept = self.ends.values().map(|end| match &end.state {
            State::Waits { kept, .. } | State::Unread { kept, .. } => kept.len(),
            State::Relays { .. } => 0,
        });
        self.ends.len() * size_of::<(StreamId, End)>() + kept.sum::<usize>()
    }
}

fn close(core: &mut Core, id: StreamId) {
    core.out.push_back(Output::Stream(id, Stream::Close));
}

/// What a stream to a JAP begins with.
fn header(core: &Core, opening: &Opening) -> Vec<u8> {
    let header = encode(core.tag, opening).unwrap_or_default();
    let length = (header.len() as u16).to_be_bytes();
    [&length[..], &header].concat()
}
