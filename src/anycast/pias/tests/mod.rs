//! A simulated network with proxies, members, programs and clients, and what is tested in it.

/// A number, for whoever runs the tests to see some.
macro_rules! show {
    ($($what:tt)*) => { show(&format!($($what)*)) };
}

mod busy;
mod course;
mod data;
mod draws;
mod failures;
mod fuzz;
mod overlay;
mod rules;
mod shapes;
mod streams;

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::rc::Rc;
use std::time::Duration;

use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

use self::busy::{Being, Busy, Fact, Wish};
use super::proxies::Proxies;
use crate::anycast::resident::{Deed, Resident, Told};
use crate::anycast::{
    AgentConfig, Call, Facts, Heard, Infrastructure, Question, ServerConfig, Shared, Site, Target, Transport,
};
use crate::machine::sim::{Conditions, Happened, Sim};
use crate::machine::{Input, Machine, Output, Part, Port, Stream, StreamId, Time};
use crate::overlay::Peer;
use crate::overlay::id::Id;
use crate::overlay::key::Value;

/// Where plain programs listen.
const PROGRAM: u16 = 8080;

/// Who is where: proxies first, then members' hosts, then clients.
#[derive(Clone)]
struct Plan {
    places: Vec<(f64, f64)>,
    servers: usize,
    members: usize,
    /// Members are programs that know nothing of tunnels.
    plain: bool,
    settings: Vec<(&'static str, Value)>,
    loss: f64,
    seed: u64,
}

/// How long routes take to follow.
const PROPAGATION: Duration = Duration::from_millis(300);

/// Groups of the lab: their names, in the order of their parts from 1. All are used by all.
const GROUPS: usize = 8;

/// The port at which the groups are.
const GROUP_PORT: u16 = 7000;

impl Plan {
    /// Random places of a plane 100 ms wide.
    fn random(servers: usize, members: usize, clients: usize, seed: u64) -> Self {
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        let places =
            (0..servers + members + clients).map(|_| (rng.random_range(0.0..50.0), rng.random_range(0.0..50.0)));
        Self { places: places.collect(), servers, members, plain: false, settings: Vec::new(), loss: 0.0, seed }
    }

    fn with(mut self, key: &'static str, value: impl Into<Value>) -> Self {
        self.settings.push((key, value.into()));
        self
    }

    fn time(mut self, key: &'static str, milliseconds: u64) -> Self {
        self.settings.push((key, Value::Time(Duration::from_millis(milliseconds))));
        self
    }

    fn facts(&self) -> Facts {
        let site = |server: usize| Site {
            host: format!("h{server}"),
            peer: Peer { id: Id::of_node(1, "pias", &format!("h{server}")), address: address(server, 4000) },
            place: None,
        };
        let shared = |group: usize| Shared {
            name: format!("g{group}"),
            part: Part::nth(group),
            address: group_address(group),
            transport: Transport::Udp,
        };
        Facts {
            name: "proxies".to_owned(),
            servers: (0..self.servers).map(site).collect(),
            block: Some("198.51.100.0".parse().unwrap()),
            groups: (1..=GROUPS).map(shared).collect(),
            settings: self.settings.iter().map(|(key, value)| ((*key).to_owned(), value.clone())).collect(),
            prefixes: Vec::new(),
        }
    }

    fn delay(&self, from: usize, to: usize) -> Duration {
        let ((ax, ay), (bx, by)) = (self.places[from], self.places[to]);
        Duration::from_secs_f64(((ax - bx).hypot(ay - by) + 0.1) / 1e3)
    }

    fn round_trip(&self, from: usize, to: usize) -> f64 {
        2.0 * self.delay(from, to).as_secs_f64() * 1e3
    }

    fn nearest(&self, host: usize, among: impl Iterator<Item = usize>) -> usize {
        among.min_by_key(|other| (self.delay(host, *other), *other)).unwrap()
    }

    fn members(&self) -> std::ops::Range<usize> {
        self.servers..self.servers + self.members
    }

    fn clients(&self) -> std::ops::Range<usize> {
        self.servers + self.members..self.places.len()
    }

    /// A machine of every host; every member's agent is of group 1.
    fn being(&self, host: usize, now: Time) -> Busy {
        self.being_of(host, 1, now)
    }

    fn being_of(&self, host: usize, group: usize, now: Time) -> Busy {
        let (pias, facts) = (Infrastructure::named("pias").unwrap(), self.facts());
        let resident = if host < self.servers {
            let config = ServerConfig { facts, host: format!("h{host}"), seed: self.seed };
            Some(Resident::Server((pias.server.as_ref().unwrap().make)(config, now)))
        } else if host < self.servers + self.members {
            let port = if self.plain { PROGRAM } else { 4000 };
            let config = AgentConfig {
                facts,
                group: format!("g{group}"),
                address: Some(group_address(group)),
                host: format!("h{host}"),
                seed: self.seed,
                peer: Peer { id: Id::of_node(1, "member", &host.to_string()), address: address(host, port) },
                place: None,
                plain: self.plain,
            };
            Some(Resident::Endpoint(Box::new(pias.endpoint(config, now))))
        } else {
            None
        };
        let program = self.plain && self.members().contains(&host);
        Busy { being: Being { host, resident, program }, out: Vec::new() }
    }

    fn world(self) -> World {
        self.world_of(|_| 1)
    }

    /// `group`: of which group a member is.
    fn world_of(self, group: impl Fn(usize) -> usize + 'static) -> World {
        self.world_made(move |plan, host, now| plan.being_of(host, group(host), now))
    }

    fn world_made(self, make: impl Fn(&Self, usize, Time) -> Busy + 'static) -> World {
        let plan = Rc::new(self);
        let (of_delay, of_make) = (plan.clone(), plan.clone());
        let conditions = Conditions {
            seed: plan.seed,
            hosts: (0..plan.places.len()).map(|host| address(host, 4000)).collect(),
            groups: std::iter::once("198.51.100.0:4000".parse().unwrap())
                .chain((1..=GROUPS).map(group_address))
                .collect(),
            delay: Box::new(move |from, to| of_delay.delay(from, to)),
            loss: plan.loss,
            propagation: PROPAGATION,
        };
        let mut sim = Sim::new(conditions, move |host, _, now| make(&of_make, host, now));
        for server in 0..plan.servers {
            sim.tell(server, |machine| machine.input(Time::default(), Input::Timer));
        }
        sim.run_for(Duration::from_secs(2));
        World { plan, sim, asked: 0 }
    }
}

#[expect(clippy::print_stdout, reason = "tests' output is hidden unless it is asked for")]
fn show(text: &str) {
    println!("{text}");
}

fn address(host: usize, port: u16) -> SocketAddr {
    SocketAddr::from(([10, 0, (host / 250) as u8, (host % 250 + 1) as u8], port))
}

/// Which host has this address.
fn host_of(address: SocketAddr) -> usize {
    let std::net::IpAddr::V4(ip) = address.ip() else { panic!("{address}") };
    let [_, _, high, low] = ip.octets();
    usize::from(high) * 250 + usize::from(low) - 1
}

fn group_address(group: usize) -> SocketAddr {
    SocketAddr::from(([198, 51, 100, group as u8], GROUP_PORT))
}

fn seconds(seconds: f64) -> Duration {
    Duration::from_secs_f64(seconds)
}

struct World {
    plan: Rc<Plan>,
    sim: Sim<Busy>,
    asked: u64,
}

impl World {
    fn call(&mut self, host: usize, call: Call) {
        self.sim.command(host, Wish::Told(Told::Endpoint(call)));
    }

    /// All members join, and have done so.
    fn join_all(&mut self) {
        for member in self.plan.members() {
            self.call(member, Call::Join);
        }
        self.sim.run_for(seconds(2.0));
        let joined =
            self.sim.events().iter().filter(|happened| heard(happened) == Some(&Heard::Member { joined: true }));
        assert_eq!(joined.count(), self.plan.members, "all have joined");
        self.sim.take_events();
    }

    /// Asks, and says whom the answer names; `None`: there was no answer within the time that the face allows.
    fn ask(&mut self, host: usize, question: Question) -> Option<Vec<usize>> {
        self.asked += 1;
        let token = self.asked;
        self.sim.take_events();
        self.call(host, Call::Ask { token, question });
        let found = |sim: &Sim<Busy>| {
            sim.events().iter().filter_map(heard).find_map(|heard| match heard {
                Heard::Found { token: of, targets } if *of == token => Some(targets.clone()),
                _ => None,
            })
        };
        self.sim.run_until(crate::anycast::PATIENCE, |sim| found(sim).is_some());
        let targets = found(&self.sim)?;
        let host = |target| if let Target::Address(address) = target { host_of(address) } else { panic!("{target:?}") };
        Some(targets.into_iter().map(host).collect())
    }

    /// A client sends this to a group; who got it, and after how long.
    fn send(&mut self, client: usize, group: usize, bytes: &[u8]) -> Option<(usize, Duration)> {
        self.sim.take_events();
        let start = self.sim.now();
        let bytes = bytes.to_vec();
        self.sim.command(client, Wish::Send { from: 5000, to: group_address(group), bytes: bytes.clone() });
        self.sim.run_for(seconds(0.6));
        self.sim.events().iter().find_map(|happened| match &happened.event {
            Fact::Deed(Deed::Endpoint(Heard::Delivered { from, bytes: got })) => {
                assert_eq!((*from, got), (address(client, 5000), &bytes), "as the client has sent it");
                Some((happened.host, happened.at - start))
            }
            Fact::Got { bytes: got, .. } if *got == bytes => Some((happened.host, happened.at - start)),
            _ => None,
        })
    }

    fn tables(&self, server: usize) -> BTreeMap<&'static str, usize> {
        let machine = self.sim.machine(server).unwrap();
        let server = machine.being.resident.as_ref().and_then(Resident::server).unwrap();
        server.tables().into_iter().collect()
    }

    fn table(&self, server: usize, name: &str) -> usize {
        self.tables(server)[name]
    }

    /// Targets of all proxies that run.
    fn targets(&self) -> usize {
        let running = (0..self.plan.servers).filter(|server| self.sim.machine(*server).is_some());
        running.map(|server| self.table(server, "targets")).sum()
    }

    /// Who is the RAP of a group, if all but these are alive.
    fn rap(&self, group: usize, dead: &[usize]) -> usize {
        rap(&self.plan.facts(), group, dead)
    }
}

fn heard(happened: &Happened<Fact>) -> Option<&Heard> {
    if let Fact::Deed(Deed::Endpoint(heard)) = &happened.event { Some(heard) } else { None }
}

/// By a naive walk around the ring.
fn rap(facts: &Facts, group: usize, dead: &[usize]) -> usize {
    let shared = &facts.groups[group - 1];
    let key = Id::hash(&[b"group", shared.name.as_bytes(), shared.address.to_string().as_bytes()]);
    let mut ring: Vec<_> = facts.servers.iter().enumerate().map(|(server, site)| (site.peer.id, server)).collect();
    ring.retain(|(_, server)| !dead.contains(server));
    ring.sort();
    ring.iter().find(|(id, _)| *id >= key).or(ring.first()).unwrap().1
}

fn proxies(facts: &Facts, host: &str) -> Proxies {
    Proxies::new(facts, host, Duration::from_millis(500), Time::default())
}
