//! A simulated network with core nodes, endpoints and clients that run nothing of ours.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::time::Duration;

use crate::anycast::face::{AgentConfig, Question, Target};
use crate::anycast::facts::{Facts, Place, Shared, Site, Transport};
use crate::anycast::oasis::row::ROW;
use crate::anycast::server::ServerConfig;
use crate::anycast::{Call, Deed, Endpoint, Heard, Resident, Server, Told};
use crate::machine::sim::{Conditions, Sim};
use crate::machine::{Input, Machine, Output, Part, Port, Stream, StreamId, Time};
use crate::overlay::Peer;
use crate::overlay::id::Id;
use crate::overlay::key::Value;

pub(super) const SERVICE: &str = "music";

/// Whatever is on a host of the simulation.
pub(super) enum Host {
    Resident(Box<Resident>),
    Client(Client),
}

/// A program that knows nothing of ours: it sends what it is told, and keeps what it hears.
#[derive(Default)]
pub(super) struct Client {
    pub(super) heard: Vec<(SocketAddr, Vec<u8>)>,
    pub(super) streams: BTreeMap<StreamId, Vec<u8>>,
    pub(super) closed: Vec<StreamId>,
    /// Streams that others opened to it: probes.
    pub(super) probes: Vec<Time>,
    opened: u64,
    out: Vec<Output<Deed>>,
}

impl Client {
    pub(super) fn send(&mut self, to: SocketAddr, bytes: Vec<u8>) {
        self.out.push(Output::Datagram { from: Port::unicast(5353), to, bytes });
    }

    pub(super) fn open(&mut self, to: SocketAddr, bytes: Vec<u8>) -> StreamId {
        let id = StreamId::Ours(self.opened);
        self.opened += 1;
        self.out.push(Output::Stream(id, Stream::Open { at: Port::unicast(0), peer: to }));
        self.out.push(Output::Stream(id, Stream::Bytes(bytes)));
        id
    }
}

impl Client {
    /// More in a stream that it has opened.
    pub(super) fn more(&mut self, id: StreamId, bytes: Vec<u8>) {
        self.out.push(Output::Stream(id, Stream::Bytes(bytes)));
    }
}

impl Machine for Host {
    type Order = Told;
    type Fact = Deed;

    fn input(&mut self, now: Time, input: Input<'_, Told>) {
        match (self, input) {
            (Self::Resident(resident), input) => resident.input(now, input),
            (Self::Client(client), Input::Datagram { from, bytes, .. }) => client.heard.push((from, bytes.to_vec())),
            (Self::Client(client), Input::Stream(id @ StreamId::Theirs(_), Stream::Open { .. })) => {
                client.probes.push(now);
                client.out.push(Output::Stream(id, Stream::Close));
            }
            (Self::Client(client), Input::Stream(id, Stream::Bytes(bytes))) => {
                client.streams.entry(id).or_default().extend_from_slice(bytes);
            }
            (Self::Client(client), Input::Stream(id, Stream::Close)) => client.closed.push(id),
            (Self::Client(_), _) => {}
        }
    }

    fn output(&mut self) -> Option<Output<Deed>> {
        match self {
            Self::Resident(resident) => resident.output(),
            Self::Client(client) => (!client.out.is_empty()).then(|| client.out.remove(0)),
        }
    }

    fn due(&self) -> Option<Time> {
        match self {
            Self::Resident(resident) => resident.due(),
            Self::Client(_) => None,
        }
    }
}

/// What a network has.
#[derive(Clone)]
pub(super) struct Lab {
    pub(super) servers: usize,
    pub(super) endpoints: usize,
    pub(super) clients: usize,
    pub(super) seed: u64,
    pub(super) settings: BTreeMap<String, Value>,
    pub(super) groups: Vec<String>,
}

impl Default for Lab {
    fn default() -> Self {
        let groups = vec![SERVICE.to_owned(), "films/blue".to_owned()];
        Self { servers: 6, endpoints: 24, clients: 4, seed: 1, settings: BTreeMap::new(), groups }
    }
}

/// Host 0 and its neighbors are at longitude 0; the others go east around the equator. All of a kind are spread alike.
pub(super) fn longitude(lab: &Lab, host: usize) -> f64 {
    let (at, of) = match host {
        h if h < lab.servers => (h, lab.servers),
        h if h < lab.servers + lab.endpoints => (h - lab.servers, lab.endpoints),
        h => (h - lab.servers - lab.endpoints, lab.clients),
    };
    // Nobody is at the same place as another, or as far from two.
    let astray = (at as f64 * 0.618).fract() * 0.7;
    -60.0 + 120.0 * (at as f64 + 0.31 * (astray + 0.1)) / of as f64
}

pub(super) fn address(host: usize) -> IpAddr {
    Ipv4Addr::new(10, (host >> 8) as u8, (host & 255) as u8, 7).into()
}

pub(super) fn socket(host: usize) -> SocketAddr {
    SocketAddr::new(address(host), 4000)
}

/// Where a replica serves.
pub(super) fn member(host: usize) -> SocketAddr {
    SocketAddr::new(address(host), 8000)
}

pub(super) fn place(lab: &Lab, host: usize) -> Place {
    Place { lat: 0.0, lon: longitude(lab, host) }
}

impl Lab {
    pub(super) fn facts(&self) -> Facts {
        let site = |host: usize| Site {
            host: format!("core{host}"),
            peer: Peer { id: Id::hash(&[b"core", &host.to_be_bytes()]), address: socket(host) },
            place: Some(place(self, host)),
        };
        let shared = |(index, name): (usize, &String)| Shared {
            name: name.clone(),
            part: Part::nth(index + 1),
            address: "192.0.2.1:4000".parse().unwrap(),
            transport: Transport::Udp,
        };
        let hosts = self.servers + self.endpoints + self.clients;
        Facts {
            name: "oasis".to_owned(),
            servers: (0..self.servers).map(site).collect(),
            block: None,
            groups: self.groups.iter().enumerate().map(shared).collect(),
            settings: self.settings.clone(),
            prefixes: (0..hosts).map(|host| crate::anycast::oasis::prefixes::block(address(host), 24)).collect(),
        }
    }

    pub(super) fn server(&self, host: usize, now: Time) -> Box<dyn Server> {
        let config = ServerConfig { facts: self.facts(), host: format!("core{host}"), seed: self.seed };
        (ROW.server.as_ref().unwrap().make)(config, now)
    }

    pub(super) fn agent(&self, host: usize, group: &str) -> AgentConfig {
        AgentConfig {
            facts: self.facts(),
            group: group.to_owned(),
            address: None,
            host: format!("host{host}"),
            seed: self.seed,
            peer: Peer { id: Id(host as u128), address: member(host) },
            plain: false,
            place: Some(place(self, host)),
        }
    }

    /// One way takes 1 ms, and a third of one for each degree.
    pub(super) fn sim(&self) -> Net {
        let lab = self.clone();
        let make = move |host: usize, _: SocketAddr, now: Time| {
            if host < lab.servers {
                Host::Resident(Box::new(Resident::Server(lab.server(host, now))))
            } else if host < lab.servers + lab.endpoints {
                let config = lab.agent(host, SERVICE);
                let agent = (ROW.agent)(config.clone(), now);
                Host::Resident(Box::new(Resident::Endpoint(Box::new(Endpoint::new(config, agent)))))
            } else {
                Host::Client(Client::default())
            }
        };
        let hosts = self.servers + self.endpoints + self.clients;
        let lab = self.clone();
        let delay = move |a: usize, b: usize| {
            let apart = (longitude(&lab, a) - longitude(&lab, b)).abs();
            Duration::from_secs_f64((0.5 + apart / 3.0) / 1e3)
        };
        let conditions = Conditions {
            seed: self.seed,
            hosts: (0..hosts).map(socket).collect(),
            groups: Vec::new(),
            delay: Box::new(delay),
            loss: 0.0,
            propagation: Duration::from_millis(50),
        };
        let mut net = Net { lab: self.clone(), sim: Sim::new(conditions, make), token: 0 };
        // A machine that was told nothing has not said when it wants to be woken.
        for host in 0..self.servers {
            net.sim.tell(host, |host| host.input(Time::default(), Input::Timer));
        }
        net
    }
}

/// A simulation, and what it is asked.
pub(super) struct Net {
    pub(super) lab: Lab,
    pub(super) sim: Sim<Host>,
    token: u64,
}

impl Net {
    pub(super) fn endpoints(&self) -> std::ops::Range<usize> {
        self.lab.servers..self.lab.servers + self.lab.endpoints
    }

    pub(super) fn client(&self, n: usize) -> usize {
        self.lab.servers + self.lab.endpoints + n
    }

    pub(super) fn run(&mut self, seconds: f64) {
        self.sim.run_for(Duration::from_secs_f64(seconds));
    }

    pub(super) fn join(&mut self, host: usize) {
        self.sim.command(host, Told::Endpoint(Call::Join));
    }

    pub(super) fn leave(&mut self, host: usize) {
        self.sim.command(host, Told::Endpoint(Call::Leave));
    }

    /// All endpoints but the last `rest`, and time until all is known.
    pub(super) fn join_all(&mut self, rest: usize) {
        self.run(3.0);
        for host in self.endpoints().rev().skip(rest).rev() {
            self.join(host);
        }
        self.run(2.0);
    }

    /// The answer to a question, and how long it took; which must not be more than a few seconds.
    pub(super) fn ask_timed(&mut self, host: usize, question: Question) -> (Vec<SocketAddr>, Duration) {
        self.token += 1;
        let token = self.token;
        let since = self.sim.now();
        let before = self.sim.events().len();
        self.sim.command(host, Told::Endpoint(Call::Ask { token, question }));
        let is = |deed: &Deed| matches!(deed, Deed::Endpoint(Heard::Found { token: t, .. }) if *t == token);
        let answered =
            self.sim.run_until(Duration::from_secs(4), |sim| sim.events()[before..].iter().any(|e| is(&e.event)));
        assert!(answered, "host {host} got no answer");
        let event = self.sim.events()[before..].iter().find(|e| is(&e.event)).unwrap();
        let Deed::Endpoint(Heard::Found { targets, .. }) = &event.event else { unreachable!() };
        let address = |target: &Target| if let Target::Address(address) = target { *address } else { unreachable!() };
        (targets.iter().map(address).collect(), event.at - since)
    }

    pub(super) fn ask(&mut self, host: usize, question: Question) -> Vec<SocketAddr> {
        self.ask_timed(host, question).0
    }

    pub(super) fn server(&self, host: usize) -> &dyn Server {
        let Some(Host::Resident(resident)) = self.sim.machine(host) else { panic!("no server at {host}") };
        resident.server().unwrap()
    }

    /// Entries in a table of a core node.
    pub(super) fn table(&self, host: usize, name: &str) -> usize {
        self.server(host).tables().iter().find(|(n, _)| *n == name).unwrap().1
    }

    pub(super) fn of_client(&self, n: usize) -> &Client {
        let Some(Host::Client(client)) = self.sim.machine(self.client(n)) else { unreachable!() };
        client
    }

    pub(super) fn tell_client<T>(&mut self, n: usize, tell: impl FnOnce(&mut Client) -> T) -> T {
        let host = self.client(n);
        let mut told = None;
        self.sim.tell(host, |host| {
            if let Host::Client(client) = host {
                told = Some(tell(client));
            }
        });
        told.unwrap()
    }

    /// Members, nearest to a host first, itself left out.
    pub(super) fn nearest(&self, host: usize, of: &[usize]) -> Vec<SocketAddr> {
        let mut all: Vec<_> = of.iter().copied().filter(|h| *h != host).collect();
        all.sort_by(|a, b| {
            let far = |h: usize| (longitude(&self.lab, h) - longitude(&self.lab, host)).abs();
            far(*a).total_cmp(&far(*b))
        });
        all.into_iter().map(member).collect()
    }

    /// How often something was done, as core nodes tell it.
    pub(super) fn served(&self, what: &str) -> usize {
        let is = |deed: &Deed| matches!(deed, Deed::Server(served) if served.what == what);
        self.sim.events().iter().filter(|event| is(&event.event)).count()
    }

    pub(super) fn members(&self) -> usize {
        let is = |deed: &Deed| matches!(deed, Deed::Endpoint(Heard::Member { joined: true }));
        self.sim.events().iter().filter(|event| is(&event.event)).count()
    }
}
