//! What all parts of a proxy work with.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::net::SocketAddr;
use std::time::Duration;

use rand::RngExt;
use rand_chacha::ChaCha8Rng;

use super::lists::Lists;
use super::message::{Between, Jap, Message, Reply, encode};
use super::proxies::Proxies;
use super::settings::Settings;
use super::targets::Targets;
use crate::anycast::config::PORT;
use crate::anycast::facts::Shared;
use crate::anycast::life::draws;
use crate::anycast::member::Jar;
use crate::anycast::server::{Served, ServerConfig};
use crate::machine::{Output, Port, Time};
use crate::overlay::id::Id;
use crate::overlay::wire::Tag;

/// How long a cookie is good at least.
const COOKIES: Duration = Duration::from_secs(30);

/// A group, as proxies need it.
pub(super) struct Group {
    name: String,
    pub(super) port: u16,
    /// Its place on the ring of proxies.
    key: Id,
}

pub(super) struct Core {
    pub(super) config: ServerConfig,
    pub(super) settings: Settings,
    pub(super) tag: Tag,
    pub(super) rng: ChaCha8Rng,
    pub(super) jar: Jar,
    /// By the numbers of their parts.
    pub(super) groups: BTreeMap<u16, Group>,
    pub(super) proxies: Proxies,
    pub(super) targets: Targets,
    pub(super) lists: Lists,
    /// Datagrams that were not carried.
    pub(super) dropped: u64,
    pub(super) out: VecDeque<Output<Served>>,
}

impl Core {
    pub(super) fn new(config: ServerConfig, now: Time) -> Self {
        let mut rng = draws(&[b"pias", &config.seed.to_be_bytes(), config.host.as_bytes()], now);
        let settings = Settings::of(&config.facts);
        Self {
            settings,
            tag: config.facts.tag(),
            jar: Jar::new(rng.random(), COOKIES),
            rng,
            groups: config.facts.groups.iter().map(|shared| (shared.part.0, Group::of(shared))).collect(),
            proxies: Proxies::new(&config.facts, &config.host, settings.heartbeat, now),
            targets: Targets::default(),
            lists: Lists::default(),
            dropped: 0,
            out: VecDeque::new(),
            config,
        }
    }

    pub(super) fn me(&self) -> u16 {
        self.proxies.me as u16
    }

    pub(super) fn group(&self, group: u16) -> Option<&Group> {
        self.groups.get(&group)
    }

    pub(super) fn emit(&mut self, what: &str, group: u16, who: Option<SocketAddr>) {
        let group = self.group(group).map(|group| group.name.clone());
        self.out.push_back(Output::Said(Served { what: what.to_owned(), group, who: who.map(|who| who.to_string()) }));
    }

    pub(super) fn transmit(&mut self, from: Port, to: SocketAddr, bytes: Vec<u8>) {
        self.out.push_back(Output::Datagram { from, to, bytes });
    }

    /// To another proxy.
    pub(super) fn send(&mut self, server: usize, message: &Message<'_>) {
        match (self.proxies.address(server), encode(self.tag, message)) {
            (Some(to), Some(bytes)) => self.transmit(Port::unicast(PORT), to, bytes),
            _ => self.dropped += 1,
        }
    }

    pub(super) fn tell(&mut self, server: usize, between: Between) {
        self.send(server, &Message::Proxy(between));
    }

    /// To an agent.
    pub(super) fn reply(&mut self, to: SocketAddr, tag: Tag, reply: &Reply<'_>) {
        match encode(tag, reply) {
            Some(bytes) => self.transmit(Port::unicast(PORT), to, bytes),
            None => self.dropped += 1,
        }
    }

    /// The RAP of a group, as this proxy sees it.
    pub(super) fn rap(&self, now: Time, group: u16) -> usize {
        let key = self.group(group).map_or_else(|| Id::hash(&[&group.to_be_bytes()]), |group| group.key);
        self.proxies.responsible(now, key)
    }

    /// The group's JAPs; `None`: the RAP has to be asked.
    pub(super) fn japs(&self, now: Time, group: u16) -> Option<Vec<Jap>> {
        if self.rap(now, group) == self.proxies.me {
            return Some(self.lists.counts(now, group, &self.proxies));
        }
        let japs = self.lists.known(now, group)?;
        // Of a list all of whose JAPs have died meanwhile nothing is left to believe.
        let alive = japs.is_empty() || japs.iter().any(|jap| self.proxies.alive(now, usize::from(jap.server)));
        alive.then(|| japs.to_vec())
    }

    /// Tells the RAP how many targets there are here, if that is due.
    pub(super) fn report(&mut self, now: Time, group: u16) {
        let (rap, (count, flows)) = (self.rap(now, group), self.targets.count(group));
        if rap == self.proxies.me {
            let jap = Jap { server: self.me(), count, flows };
            self.lists.counted(now, group, jap, &self.settings);
        }
        if self.lists.has_to_tell(now, group, rap, count, &self.settings) && rap != self.proxies.me {
            self.tell(rap, Between::Count { group, count, flows });
        }
    }

    pub(super) fn report_all(&mut self, now: Time) {
        let of: BTreeSet<_> = self.targets.groups().chain(self.lists.groups()).collect();
        for group in of {
            self.report(now, group);
        }
    }
}

impl Group {
    fn of(shared: &Shared) -> Self {
        let key = Id::hash(&[b"group", shared.name.as_bytes(), shared.address.to_string().as_bytes()]);
        Self { name: shared.name.clone(), port: shared.address.port(), key }
    }
}
