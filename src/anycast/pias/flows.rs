//! Datagrams of clients: which JAP and which target a flow has, and the rewriting for plain programs.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::time::Duration;

use super::core::Core;
use super::lists::Choice;
use super::message::{Between, Data, Jap, MAX_LISTED, Message, Reply, Step};
use super::ports::NAT;
use super::settings::{Selection, Settings};
use super::soft::Soft;
use crate::machine::{Part, Port, Time, Via};

/// Most flows, of each role.
const MAX_FLOWS: usize = 8192;

/// How often a datagram is passed on between proxies.
const MAX_HOPS: u8 = 4;

/// A port that was used within this time is not given to another client: a late answer would reach the wrong one.
const GRACE: Duration = Duration::from_secs(1);

/// A client, with its port, and a group.
type Flow = (SocketAddr, u16);

pub(super) struct Flows {
    /// At the IAP: the flow's JAP.
    entries: Soft<Flow, usize>,
    /// At the JAP: the flow's target, and the port from which a plain program is sent to.
    exits: Soft<Flow, Exit>,
    /// Whose answers come to a port from a target.
    ports: BTreeMap<(SocketAddr, u16), Flow>,
}

#[derive(Clone, Copy, Debug)]
struct Exit {
    target: SocketAddr,
    port: Option<u16>,
}

impl Flows {
    pub(super) fn new(settings: &Settings) -> Self {
        Self {
            entries: Soft::new(MAX_FLOWS, settings.flow),
            exits: Soft::new(MAX_FLOWS, settings.flow),
            ports: BTreeMap::new(),
        }
    }

    /// A client has sent this to the group's address: this proxy is the IAP.
    pub(super) fn arrived(&mut self, core: &mut Core, now: Time, group: u16, client: SocketAddr, payload: &[u8]) {
        let iap = core.me();
        let data = Data { group, client, step: Step::Find, iap, past: None, hops: MAX_HOPS, payload };
        let jap = self.entries.get(now, &(client, group)).filter(|jap| core.proxies.alive(now, *jap));
        if let Some(jap) = jap {
            return self.deliver(core, now, jap, data);
        }
        let near = core.settings.selection == Selection::Proximity && core.targets.has_for(group, client);
        let japs = if near { None } else { core.japs(now, group) };
        match japs {
            None if near => self.enter(core, now, core.proxies.me, data),
            None => core.send(core.rap(now, group), &Message::Data(data)),
            Some(japs) => match choice(core, &data).among(now, &japs, &core.proxies) {
                Some(jap) => self.enter(core, now, jap, data),
                None => core.dropped += 1,
            },
        }
    }

    /// A new flow at the IAP.
    fn enter(&mut self, core: &mut Core, now: Time, jap: usize, data: Data<'_>) {
        self.entries.insert(now, (data.client, data.group), jap);
        core.lists.flow(data.group, jap);
        self.deliver(core, now, jap, data);
    }

    fn deliver(&mut self, core: &mut Core, now: Time, jap: usize, data: Data<'_>) {
        if jap == core.proxies.me {
            self.exit(core, now, data);
        } else {
            core.send(jap, &Message::Data(Data { step: Step::Deliver, ..data }));
        }
    }

    /// From another proxy.
    pub(super) fn passed(&mut self, core: &mut Core, now: Time, data: Data<'_>) {
        let Some(hops) = data.hops.checked_sub(1).filter(|_| core.group(data.group).is_some()) else {
            return core.dropped += 1;
        };
        let data = Data { hops, ..data };
        match data.step {
            Step::Find => self.find(core, now, data),
            Step::Deliver => self.exit(core, now, data),
        }
    }

    /// As the RAP. One that knows of no JAP and believes another to be the RAP asks that.
    fn find(&mut self, core: &mut Core, now: Time, data: Data<'_>) {
        let Data { group, iap, client, .. } = data;
        let japs = core.lists.counts(now, group, &core.proxies);
        let rap = core.rap(now, group);
        if japs.is_empty() && rap != core.proxies.me {
            return core.send(rap, &Message::Data(data));
        }
        let chosen = choice(core, &data).among(now, &japs, &core.proxies);
        if usize::from(iap) == core.proxies.me {
            chosen.map(|jap| self.entries.insert(now, (client, group), jap));
        } else {
            list(core, group, usize::from(iap), japs, chosen.map(|jap| (client, jap as u16)));
        }
        match chosen {
            Some(jap) => {
                core.lists.flow(group, jap);
                self.deliver(core, now, jap, data);
            }
            None => core.dropped += 1,
        }
    }

    /// The RAP has sent the flow's first datagram there.
    pub(super) fn chosen(&mut self, now: Time, group: u16, client: SocketAddr, jap: usize) {
        self.entries.insert(now, (client, group), jap);
    }

    /// A JAP has nobody for this client.
    pub(super) fn gone(&mut self, core: &mut Core, (client, group): Flow, jap: usize, empty: bool) {
        if self.entries.peek(&(client, group)).is_some_and(|(_, of)| of == jap) {
            self.entries.remove(&(client, group));
        }
        if empty {
            core.lists.gone(group, jap);
        }
    }

    /// As the JAP.
    fn exit(&mut self, core: &mut Core, now: Time, data: Data<'_>) {
        let Data { group, client, payload, .. } = data;
        let known = self.exits.get(now, &(client, group)).filter(|exit| core.targets.get(group, exit.target).is_some());
        let Some(exit) = known.or_else(|| self.open(core, now, group, client)) else {
            return self.refuse(core, now, data);
        };
        let Some(target) = core.targets.get(group, exit.target) else { return };
        let (agent, tag) = (target.agent, target.tag);
        match exit.port {
            Some(port) => core.transmit(Port::unicast(port), exit.target, payload.to_vec()),
            None => core.reply(agent, tag, &Reply::Data { client, payload }),
        }
    }

    /// A new flow at the JAP.
    fn open(&mut self, core: &mut Core, now: Time, group: u16, client: SocketAddr) -> Option<Exit> {
        let fixed = core.settings.selection == Selection::Affinity;
        let target = core.targets.pick(group, client, fixed)?;
        let (address, plain) = (target.address, target.plain);
        let port = if plain { Some(self.port(core, now, address)?) } else { None };
        let exit = Exit { target: address, port };
        if let Some(port) = port {
            self.ports.insert((address, port), (client, group));
        }
        if let Some((flow, before)) = self.exits.insert(now, (client, group), exit) {
            self.closed(core, flow, before, exit);
        }
        core.targets.flow(group, address, true);
        Some(exit)
    }

    /// A port from which nobody's datagrams are sent to this target; else that of its idlest client.
    fn port(&mut self, core: &mut Core, now: Time, target: SocketAddr) -> Option<u16> {
        let all = NAT..NAT.saturating_add(core.settings.nat_ports);
        if let Some(free) = all.clone().find(|port| !self.ports.contains_key(&(target, *port))) {
            return Some(free);
        }
        let used = |port: &u16| {
            let flow = self.ports.get(&(target, *port))?;
            self.exits.peek(flow).map(|(used, _)| (used, *flow))
        };
        let idlest = all.filter_map(|port| Some((used(&port)?, port))).min();
        let ((_, flow), port) = idlest.filter(|((used, _), _)| now - *used > GRACE)?;
        self.close(core, flow);
        Some(port)
    }

    fn close(&mut self, core: &mut Core, flow: Flow) {
        if let Some(exit) = self.exits.remove(&flow) {
            self.closed(core, flow, exit, Exit { port: None, ..exit });
        }
    }

    /// A flow is no more, or is another's: its port is free, unless the new one has it.
    fn closed(&mut self, core: &mut Core, (client, group): Flow, exit: Exit, new: Exit) {
        if let Some(port) = exit.port.filter(|port| (exit.target, Some(*port)) != (new.target, new.port)) {
            let mine = self.ports.get(&(exit.target, port)) == Some(&(client, group));
            mine.then(|| self.ports.remove(&(exit.target, port)));
        }
        core.targets.flow(group, exit.target, false);
    }

    /// There is nobody for this client here: the IAP hears it, and the RAP finds another.
    fn refuse(&mut self, core: &mut Core, now: Time, data: Data<'_>) {
        let Data { group, client, iap, .. } = data;
        let (me, empty) = (core.me(), core.targets.count(group).0 == 0);
        if iap == me {
            self.gone(core, (client, group), usize::from(me), empty);
        } else {
            core.tell(usize::from(iap), Between::Gone { group, client, empty });
        }
        let on = Data { step: Step::Find, past: Some(me), ..data };
        match core.rap(now, group) {
            rap if rap != core.proxies.me => core.send(rap, &Message::Data(on)),
            _ => match on.hops.checked_sub(1) {
                Some(hops) => self.find(core, now, Data { hops, ..on }),
                None => core.dropped += 1,
            },
        }
    }

    /// A plain program has answered to a port: from the group's address to its client.
    pub(super) fn answered(&mut self, core: &mut Core, now: Time, port: u16, from: SocketAddr, bytes: &[u8]) {
        let Some((client, group)) = self.ports.get(&(from, port)).copied() else { return core.dropped += 1 };
        self.exits.get(now, &(client, group));
        let Some(number) = core.group(group).map(|group| group.port) else { return };
        core.transmit(Port { via: Via::Group(Part(group)), number }, client, bytes.to_vec());
    }

    /// A target is no more.
    pub(super) fn bereft(&mut self, core: &mut Core, group: u16, target: SocketAddr) {
        for (flow, exit) in self.exits.take(|(_, of), exit| *of == group && exit.target == target) {
            self.closed(core, flow, exit, Exit { port: None, ..exit });
        }
    }

    pub(super) fn expire(&mut self, core: &mut Core, now: Time) {
        self.entries.expire(now);
        for (flow, exit) in self.exits.expire(now) {
            self.closed(core, flow, exit, Exit { port: None, ..exit });
        }
    }

    pub(super) fn tables(&self) -> [(&'static str, usize); 3] {
        [("entries", self.entries.len()), ("exits", self.exits.len()), ("nat", self.ports.len())]
    }

    pub(super) fn bytes(&self) -> usize {
        self.entries.len() * Soft::<Flow, usize>::entry()
            + self.exits.len() * Soft::<Flow, Exit>::entry()
            + self.ports.len() * size_of::<((SocketAddr, u16), Flow)>()
    }
}

fn choice(core: &Core, data: &Data<'_>) -> Choice {
    let selection = core.settings.selection;
    Choice { selection, iap: usize::from(data.iap), client: data.client.ip(), past: data.past }
}

/// Tells a proxy the group's JAPs: of too many those nearest to it.
pub(super) fn list(core: &mut Core, group: u16, to: usize, mut japs: Vec<Jap>, chosen: Option<(SocketAddr, u16)>) {
    if japs.len() > MAX_LISTED {
        japs.sort_by_key(|jap| core.proxies.distance(to, usize::from(jap.server)));
        japs.truncate(MAX_LISTED);
    }
    core.tell(to, Between::List { group, japs, chosen });
}
