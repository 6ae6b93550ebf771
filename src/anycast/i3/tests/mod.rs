//! i3 in the simulated network: servers first, then endpoints of one group.

#![expect(clippy::print_stdout, reason = "what is measured is of interest beside whether it is within bounds")]

mod endings;
mod hostile;
mod overlays;
mod packets;
mod places;
mod rules;

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::time::Duration;

use crate::anycast::endpoint::{Call, Heard};
use crate::anycast::face::{AgentConfig, Question, Target};
use crate::anycast::facts::{Facts, Site};
use crate::anycast::registry::Infrastructure;
use crate::anycast::resident::{Deed, Resident, Told};
use crate::anycast::server::ServerConfig;
use crate::machine::Time;
use crate::machine::sim::{Conditions, Sim};
use crate::overlay::Peer;
use crate::overlay::id::Id;
use crate::overlay::key::Value;

pub(super) const GROUP: &str = "music";

pub(super) fn seconds(seconds: f64) -> Duration {
    Duration::from_secs_f64(seconds)
}

pub(super) fn address(host: usize) -> SocketAddr {
    SocketAddr::from(([10, 0, (host / 250) as u8, (host % 250) as u8 + 1], 4000))
}

pub(super) fn facts(servers: usize, settings: &[(&str, Value)]) -> Facts {
    let site = |index: usize| {
        let host = format!("s{index}");
        Site { peer: Peer { id: Id::of_node(1, "i3", &host), address: address(index) }, host, place: None }
    };
    let settings: BTreeMap<String, Value> = settings.iter().map(|(k, v)| ((*k).to_owned(), v.clone())).collect();
    Facts { name: "i3".into(), servers: (0..servers).map(site).collect(), settings, ..Facts::default() }
}

/// The agent of an endpoint.
pub(super) fn agent(facts: &Facts, host: usize, seed: u64) -> AgentConfig {
    let name = format!("h{host}");
    AgentConfig {
        facts: facts.clone(),
        group: GROUP.into(),
        address: None,
        seed,
        peer: Peer { id: Id::of_node(seed, GROUP, &name), address: address(host) },
        place: None,
        host: name,
        plain: false,
    }
}

pub(super) fn i3() -> Infrastructure {
    Infrastructure::named("i3").unwrap()
}

pub(super) fn endpoint(config: AgentConfig, now: Time) -> Resident {
    Resident::Endpoint(Box::new(i3().endpoint(config, now)))
}

pub(super) struct World {
    pub(super) sim: Sim<Resident>,
    pub(super) servers: usize,
    pub(super) all: usize,
    tokens: u64,
}

impl World {
    /// Hosts stand around as many places as there are landmarks, one server at each, the others anywhere: an endpoint
    /// is 1 to 5 ms from its own server and tens of milliseconds from others.
    pub(super) fn new(seed: u64, servers: usize, endpoints: usize, settings: &[(&str, Value)]) -> Self {
        Self::with(seed, servers, endpoints, settings, move |facts, host, now| endpoint(agent(facts, host, seed), now))
    }

    /// The same with others than endpoints of one group.
    pub(super) fn with(
        seed: u64,
        servers: usize,
        endpoints: usize,
        settings: &[(&str, Value)],
        other: impl Fn(&Facts, usize, Time) -> Resident + 'static,
    ) -> Self {
        let facts = facts(servers, settings);
        let all = servers + endpoints;
        let delay = move |a: usize, b: usize| {
            let (at, bt) = (a % servers, b % servers);
            let own = |host: usize| if host < servers { 0.2 } else { 1.0 + (host / servers * 3 % 5) as f64 };
            let apart = at.abs_diff(bt).min(servers - at.abs_diff(bt)) as f64;
            seconds((own(a) + own(b) + apart * 96.0 / servers as f64) / 1e3)
        };
        let conditions = Conditions {
            seed,
            hosts: (0..all).map(address).collect(),
            groups: Vec::new(),
            delay: Box::new(delay),
            loss: 0.0,
            propagation: seconds(0.1),
        };
        let sim = Sim::new(conditions, move |host, _, now| {
            if host < servers {
                let config = ServerConfig { facts: facts.clone(), host: format!("s{host}"), seed };
                Resident::Server((i3().server.as_ref().unwrap().make)(config, now))
            } else {
                other(&facts, host, now)
            }
        });
        Self { sim, servers, all, tokens: 0 }
    }

    pub(super) fn endpoints(&self) -> std::ops::Range<usize> {
        self.servers..self.all
    }

    pub(super) fn run(&mut self, time: f64) {
        self.sim.run_for(seconds(time));
    }

    pub(super) fn tell(&mut self, host: usize, call: Call) {
        self.sim.command(host, Told::Endpoint(call));
    }

    /// A ring of servers, and all endpoints members.
    pub(super) fn joined(seed: u64, servers: usize, endpoints: usize, settings: &[(&str, Value)]) -> Self {
        let mut world = Self::new(seed, servers, endpoints, settings);
        world.run(5.0);
        let before = world.sim.now();
        for host in world.endpoints() {
            world.tell(host, Call::Join);
        }
        world.run(3.0);
        assert_eq!(world.members(before), endpoints, "all are members");
        world
    }

    /// Who has become a member since then.
    pub(super) fn members(&self, since: Time) -> usize {
        let joined = |deed: &Deed| *deed == Deed::Endpoint(Heard::Member { joined: true });
        self.sim.events().iter().filter(|e| e.at >= since && joined(&e.event)).count()
    }

    /// The answer to a question.
    pub(super) fn ask(&mut self, host: usize, question: Question) -> Heard {
        self.tokens += 1;
        let token = self.tokens;
        self.tell(host, Call::Ask { token, question });
        let answer = |sim: &Sim<Resident>| {
            let of = |event: &Deed| match event {
                Deed::Endpoint(heard @ (Heard::Found { token: t, .. } | Heard::Unavailable { token: t, .. }))
                    if *t == token =>
                {
                    Some(heard.clone())
                }
                _ => None,
            };
            sim.events().iter().rev().find_map(|e| of(&e.event))
        };
        self.sim.run_until(seconds(3.0), |sim| answer(sim).is_some());
        answer(&self.sim).unwrap()
    }

    pub(super) fn targets(&mut self, host: usize, question: Question) -> Vec<Target> {
        match self.ask(host, question) {
            Heard::Found { targets, .. } => targets,
            other => panic!("{other:?}"),
        }
    }

    /// Sends there, and says who gets it within a second.
    pub(super) fn reach(&mut self, host: usize, to: Target) -> Option<usize> {
        self.tokens += 1;
        let bytes = self.tokens.to_be_bytes().to_vec();
        self.tell(host, Call::Send { to, bytes: bytes.clone() });
        let got = |sim: &Sim<Resident>| {
            let mut events = sim.events().iter().rev();
            events.find_map(|e| match &e.event {
                Deed::Endpoint(Heard::Delivered { from, bytes: b }) if *b == bytes && *from == address(host) => {
                    Some(e.host)
                }
                _ => None,
            })
        };
        self.sim.run_until(seconds(1.0), |sim| got(sim).is_some());
        got(&self.sim)
    }

    /// Whom a question leads to.
    pub(super) fn found(&mut self, host: usize, question: Question) -> Option<usize> {
        let target = *self.targets(host, question).first()?;
        self.reach(host, target)
    }

    /// The landmark that an endpoint stands at.
    pub(super) fn bin(&self, host: usize) -> usize {
        host % self.servers
    }

    /// Who keeps triggers, and how many.
    pub(super) fn keepers(&self) -> Vec<(usize, usize)> {
        let triggers = |resident: &Resident| resident.server().map(|server| server.tables()[0].1);
        self.sim.machines().filter_map(|(host, r)| Some((host, triggers(r)?))).filter(|(_, n)| *n > 0).collect()
    }
}
