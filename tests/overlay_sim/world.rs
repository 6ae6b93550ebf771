//! An overlay of members in the simulated network, and what the tests ask of it.

use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::time::Duration;

use anybed::anycast::{
    Asked, Coloring, Command, Drain, Event, Facts, Healing, Infrastructure, Member, NodeConfig, Redirect, Rendezvous,
};
use anybed::machine::Part;
use anybed::machine::sim::{Conditions, Happened, Sim};
use anybed::overlay::auth::Key;
use anybed::overlay::id::Id;
use anybed::overlay::{Answer, Given, Phase, Protocol};
use anybed::sim::{Crowd, Crowded, Delays};
use anybed::topology::{Bootstrap, LookupMode};

use crate::oracle;

pub(crate) type Happening = Happened<Event>;

/// The group that every member announces, and the one of the islands' leaders.
pub(crate) const JOIN: Part = Part(0);
pub(crate) const RENDEZVOUS: Part = Part(1);

/// Number of colors, where there are any.
pub(crate) const COLORS: u16 = 8;

#[derive(Clone, Debug)]
pub(crate) struct Options {
    pub(crate) hosts: usize,
    pub(crate) seed: u64,
    pub(crate) protocol: Given,
    pub(crate) lookup: LookupMode,
    pub(crate) healing: Healing,
    pub(crate) bootstrap: Bootstrap,
    pub(crate) loss: f64,
    pub(crate) coloring: Coloring,
    pub(crate) remember: Duration,
    pub(crate) redirect: Redirect,
    pub(crate) join_capacity: u32,
    pub(crate) drain: Option<Drain>,
    /// The first so many hosts never ask the other colors.
    pub(crate) silent: usize,
    /// The overlay's passphrase.
    pub(crate) key: Option<&'static str>,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            hosts: 8,
            seed: 1,
            protocol: chord(8),
            lookup: LookupMode::Iterative,
            healing: Healing::None,
            bootstrap: Bootstrap::Anycast,
            loss: 0.0,
            coloring: Coloring::Random,
            remember: Duration::from_secs(600),
            redirect: Redirect::Nearest,
            join_capacity: 4,
            drain: None,
            silent: 0,
            key: None,
        }
    }
}

pub(crate) struct World {
    pub(crate) sim: Sim<Member>,
    options: Options,
    keys: Vec<(String, String)>,
    next_token: u64,
    /// Events that [`World::note_acknowledged`] has seen.
    noted: usize,
    renumbered: u16,
}

#[derive(Debug)]
pub(crate) struct Looked {
    pub(crate) unanswered: usize,
    pub(crate) wrong: usize,
    pub(crate) mean_hops: f64,
    pub(crate) mean_milliseconds: f64,
}

/// A protocol, told nothing but its name.
pub(crate) fn given(protocol: &str) -> Given {
    Given::of(Protocol::named(protocol).expect("a row of the table"))
}

pub(crate) fn chord(successors: u64) -> Given {
    given("chord").with("successors", successors)
}

pub(crate) fn id(host: usize) -> Id {
    Id::of_node(1, "music", &format!("h{host}"))
}

pub(crate) fn color(host: usize) -> u16 {
    (id(host).0 % u128::from(COLORS)) as u16
}

pub(crate) fn address(host: usize) -> SocketAddr {
    SocketAddr::from(([10, 0, (host / 250) as u8, (host % 250) as u8], 4000))
}

pub(crate) fn group(index: u16) -> SocketAddr {
    SocketAddr::from(([198, 51, 100, index as u8], 4000))
}

/// Hosts lie on a line, six to a stub: 1 ms within a stub, 5 ms and more between stubs.
pub(crate) fn delay(a: usize, b: usize) -> Duration {
    let stubs = (a / 6).abs_diff(b / 6) as u64;
    let apart = a.abs_diff(b) as u64;
    Duration::from_micros(if a == b { 10 } else { 1000 + 5000 * stubs + 10 * apart })
}

pub(crate) fn config(options: Options, host: usize) -> NodeConfig {
    let (colored, rendezvous) = (options.healing.has_colors(), options.healing.has_rendezvous());
    let asked = Asked { colors: if colored { COLORS } else { 0 }, rendezvous };
    NodeConfig {
        beyond: Default::default(),
        overlay: "music".into(),
        host: format!("h{host}"),
        seed: options.seed,
        id: id(host),
        address: address(host),
        infrastructure: Facts::plain(),
        place: None,
        groups: Infrastructure::default().addresses(&asked, |part| group(part.0)),
        color: colored.then(|| color(host)).filter(|_| options.coloring != Coloring::Farthest),
        bootstrap: options.bootstrap,
        well_known: vec![address(0)],
        healing: options.healing,
        coloring: options.coloring,
        remember: options.remember,
        rendezvous: options
            .healing
            .has_rendezvous()
            .then(|| Rendezvous { epoch: Duration::from_secs(20), listen: Duration::from_secs(1) }),
        redirect: options.redirect,
        join_capacity: options.join_capacity,
        drain: options.drain,
        heal_every: Duration::from_secs(if host < options.silent { 1_000_000 } else { 2 }),
        lookup: options.lookup,
        protocol: options.protocol,
        replicas: 3,
        stabilize_every: Duration::from_millis(500),
        rpc_timeout: Duration::from_millis(200),
        rpc_tries: 3,
        key: options.key.and_then(Key::new),
    }
}

impl World {
    pub(crate) fn new(options: Options) -> Self {
        let settings = Conditions {
            seed: options.seed,
            hosts: (0..options.hosts).map(address).collect(),
            groups: (0..2 + COLORS).map(group).collect(),
            delay: Box::new(delay),
            loss: options.loss,
            propagation: Duration::from_millis(50),
        };
        let of = options.clone();
        let make = move |host, address, now| Member::plain(NodeConfig { address, ..config(of.clone(), host) }, now);
        let sim = Sim::new(settings, make);
        Self { sim, options, keys: Vec::new(), next_token: 0, noted: 0, renumbered: 0 }
    }

    /// Host 0 begins, the others join 100 ms apart; waits until all are members.
    pub(crate) fn join_all(&mut self) {
        self.sim.command(0, Command::Join { found: true });
        let announced = |h: &Happening| matches!(h.event, Event::Announced { .. });
        assert!(self.sim.run_until(Duration::from_secs(30), |sim| sim.events().iter().any(announced)));
        for host in 1..self.options.hosts {
            self.sim.command(host, Command::Join { found: false });
            self.sim.run_for(Duration::from_millis(100));
        }
        let joined = self.sim.run_until(Duration::from_secs(60), |sim| sim.machines().all(|(_, m)| is_member(m)));
        assert!(
            joined,
            "not joined: {:?}",
            self.sim.machines().filter(|(_, m)| !is_member(m)).map(|(h, _)| h).collect::<Vec<_>>()
        );
    }

    /// Gives a host an address that nobody has had.
    pub(crate) fn renumber(&mut self, host: usize) {
        self.renumbered += 1;
        let [high, low] = self.renumbered.to_be_bytes();
        let address = SocketAddr::from(([10, 1, high, low], 4000));
        self.sim.renumber(host, address);
        self.sim.command(host, Command::Renumber { address });
    }

    /// Members in ring order.
    pub(crate) fn ring(&self) -> Vec<usize> {
        let mut members: Vec<usize> = self.sim.machines().filter(|(_, m)| is_member(m)).map(|(h, _)| h).collect();
        members.sort_by_key(|h| id(*h));
        members
    }

    /// The hosts that it would route through besides its nearest neighbors (in CAN all its neighbors), in
    /// order of their ids.
    pub(crate) fn neighbors(&self, host: usize) -> Vec<usize> {
        let known = self.sim.machine(host).expect("it runs").digest().neighbors.fingers;
        let mut hosts: Vec<usize> = (0..self.options.hosts).filter(|h| known.contains(&id(*h))).collect();
        hosts.sort_by_key(|h| id(*h));
        hosts
    }

    pub(crate) fn expect_whole(&mut self, within: Duration) {
        let everyone: BTreeSet<usize> = self.ring().into_iter().collect();
        self.expect_islands(within, &[everyone]);
    }

    /// Waits until each set is an overlay of its own: everybody has the right neighbors.
    pub(crate) fn expect_islands(&mut self, within: Duration, islands: &[BTreeSet<usize>]) {
        let protocol = &self.options.protocol;
        let wrong = |sim: &Sim<Member>, island: &BTreeSet<usize>| oracle::wrong_neighbors(sim, island, protocol);
        let whole = |sim: &Sim<Member>| islands.iter().all(|island| wrong(sim, island).is_empty());
        if !self.sim.run_until(within, whole) {
            let wrong: Vec<String> = islands.iter().flat_map(|island| wrong(&self.sim, island)).collect();
            panic!("not whole after {within:?}:\n{}", wrong.join("\n"));
        }
    }

    pub(crate) fn nearest_other(&self, host: usize) -> usize {
        let others = self.ring().into_iter().filter(|h| *h != host);
        others.min_by_key(|h| (delay(host, *h), *h)).expect("there are others")
    }

    fn token(&mut self) -> u64 {
        self.next_token += 1;
        self.next_token
    }

    /// Waits for the outcomes of these tokens, in their order.
    pub(crate) fn outcomes(&mut self, tokens: &[u64]) -> Vec<Answer> {
        let since = self.sim.events().len();
        let wanted: BTreeSet<u64> = tokens.iter().copied().collect();
        let of = |h: &Happening| match &h.event {
            Event::Done { token, outcome, .. } if wanted.contains(token) => Some((*token, outcome.clone())),
            _ => None,
        };
        let first = since.saturating_sub(tokens.len() * 4 + 64);
        let done = |sim: &Sim<Member>| sim.events()[first..].iter().filter_map(of).count() >= tokens.len();
        assert!(self.sim.run_until(Duration::from_secs(60), done), "commands without an outcome");
        let mut outcomes: Vec<(u64, Answer)> = self.sim.events()[first..].iter().filter_map(of).collect();
        outcomes.sort_by_key(|(token, _)| *token);
        outcomes.into_iter().map(|(_, outcome)| outcome).collect()
    }

    /// Puts new keys through the members in turn; how many were acknowledged. Acknowledged ones are
    /// remembered for [`World::missing`].
    pub(crate) fn put(&mut self, count: usize) -> usize {
        let through = self.ring();
        self.put_through(&through, count)
    }

    pub(crate) fn put_through(&mut self, hosts: &[usize], count: usize) -> usize {
        let mut tokens = Vec::new();
        for n in 0..count {
            let token = self.token();
            let (key, value) = (format!("key {token}"), format!("value of {token}"));
            tokens.push(token);
            self.sim.command(hosts[n % hosts.len()], Command::Put { token, key, value });
        }
        let outcomes = self.outcomes(&tokens);
        let stored = outcomes.iter().zip(&tokens).filter(|(o, _)| matches!(o, Answer::Put { stored: true, .. }));
        let stored: Vec<u64> = stored.map(|(_, token)| *token).collect();
        self.keys.extend(stored.iter().map(|token| (format!("key {token}"), format!("value of {token}"))));
        stored.len()
    }

    pub(crate) fn put_one(&mut self, host: usize, key: &str, value: &str) -> bool {
        let token = self.token();
        self.sim.command(host, Command::Put { token, key: key.into(), value: value.into() });
        self.outcomes(&[token]) == [Answer::Put { key: key.into(), stored: true }]
    }

    pub(crate) fn get_one(&mut self, host: usize, key: &str) -> Option<String> {
        self.get_all(host, key).0
    }

    /// The key's value, and others that were written in another island.
    pub(crate) fn get_all(&mut self, host: usize, key: &str) -> (Option<String>, Vec<String>) {
        let token = self.token();
        self.sim.command(host, Command::Get { token, key: key.into() });
        match self.outcomes(&[token]).remove(0) {
            Answer::Got { value, others, .. } => (value, others),
            other => panic!("{other:?} is no answer to a get"),
        }
    }

    /// Puts a new key; whether it is acknowledged is seen by [`World::note_acknowledged`].
    pub(crate) fn put_and_forget(&mut self, host: usize) {
        let token = self.token();
        let (key, value) = (format!("key {token}"), format!("value of {token}"));
        self.sim.command(host, Command::Put { token, key, value });
    }

    pub(crate) fn look_up_and_forget(&mut self, host: usize) {
        let token = self.token();
        self.sim.command(host, Command::Lookup { token, key: Id::of_key(&format!("looked up {token}")) });
    }

    /// Remembers the keys acknowledged since this was done last.
    pub(crate) fn note_acknowledged(&mut self) {
        let new = &self.sim.events()[self.noted..];
        self.keys.extend(new.iter().filter_map(|h| match &h.event {
            Event::Done { token, outcome: Answer::Put { key, stored: true }, .. } => {
                Some((key.clone(), format!("value of {token}")))
            }
            _ => None,
        }));
        self.noted = self.sim.events().len();
    }

    /// These keys are no longer asked for.
    pub(crate) fn give_up_keys(&mut self, keys: &BTreeSet<String>) {
        self.keys.retain(|(key, _)| !keys.contains(key));
    }

    /// Acknowledged keys that a get through some member does not return.
    pub(crate) fn missing(&mut self) -> Vec<String> {
        let through = self.ring();
        let mut tokens = Vec::new();
        let keys = self.keys.clone();
        for (n, (key, _)) in keys.iter().enumerate() {
            let token = self.token();
            tokens.push(token);
            self.sim.command(through[n * 7 % through.len()], Command::Get { token, key: key.clone() });
        }
        let outcomes = self.outcomes(&tokens);
        let right = |o: &Answer, value: &String| matches!(o, Answer::Got { value: Some(v), .. } if v == value);
        keys.iter().zip(&outcomes).filter(|((_, v), o)| !right(o, v)).map(|((k, _), _)| k.clone()).collect()
    }

    pub(crate) fn lookups(&mut self, count: usize) -> Looked {
        let members: BTreeSet<usize> = self.ring().into_iter().collect();
        self.lookups_among(&members, count)
    }

    /// Lookups of random keys by the island's members; owners are judged among them.
    pub(crate) fn lookups_among(&mut self, island: &BTreeSet<usize>, count: usize) -> Looked {
        let hosts: Vec<usize> = island.iter().copied().collect();
        let mut tokens = Vec::new();
        for n in 0..count {
            let token = self.token();
            tokens.push(token);
            let key = Id::of_key(&format!("looked up {token}"));
            self.sim.command(hosts[n % hosts.len()], Command::Lookup { token, key });
        }
        let mut looked = Looked { unanswered: 0, wrong: 0, mean_hops: 0.0, mean_milliseconds: 0.0 };
        for outcome in self.outcomes(&tokens) {
            let Answer::Looked { key, owner, hops, milliseconds } = outcome else { panic!("no lookup: {outcome:?}") };
            looked.mean_hops += f64::from(hops) / count as f64;
            looked.mean_milliseconds += milliseconds / count as f64;
            let right = oracle::owner(&self.sim, island, self.options.protocol.protocol, key);
            looked.unanswered += usize::from(owner.is_none());
            looked.wrong += usize::from(owner.is_some() && owner != right);
        }
        looked
    }
}

pub(crate) fn is_member(member: &Member) -> bool {
    member.digest().phase == Phase::Member
}

/// A crowd that comes within a second to an overlay of four, all hosts 52 ms apart one way.
pub(crate) fn crowd(size: usize, protocol: Given, seed: u64) -> Crowded {
    let mut crowd = Crowd::of(size, protocol, seed);
    let nodes = crowd.options.nodes;
    crowd.options.network.delays = Delays::of_one_way(nodes, vec![Duration::from_millis(52); nodes * nodes]);
    let of = crowd.play();
    assert_eq!((of.joined, of.noticed, of.failed), (size, size, 0));
    assert!(of.whole_rounds.is_some_and(|rounds| rounds <= 3.0), "{:?}", of.whole_rounds);
    of
}
