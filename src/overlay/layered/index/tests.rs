//! Nodes above a map that is slow and answers out of order.

use std::collections::BTreeMap;
use std::time::Duration;

use proptest::prelude::*;
use rand::{RngExt, SeedableRng};

use super::*;
use crate::overlay::id::Id;
use crate::overlay::words::matches;
use crate::overlay::{Answer, Ask, Common, Hit, LookupMode, OverlayNode, Token, Values};

const LEASE: u64 = 60_000;

fn at(milliseconds: u64) -> Time {
    Time(Duration::from_millis(milliseconds))
}

fn peer(n: u16) -> Peer {
    Peer { id: Id(u128::from(n) + 1), address: ([10, 0, (n >> 8) as u8, n as u8], 4000).into() }
}

fn node(n: u16) -> Index {
    let common = Common {
        replicas: 1,
        stabilize_every: Duration::from_secs(1),
        rpc_timeout: Duration::from_millis(500),
        rpc_tries: 2,
        lookup: LookupMode::Iterative,
    };
    let settings = Settings::of(&Values::of(ROW.keys), common);
    Index::new(peer(n), settings, ChaCha8Rng::seed_from_u64(u64::from(n)))
}

/// What comes at a time.
enum Comes {
    Note { from: SocketAddr, to: SocketAddr, bytes: Vec<u8> },
    Ask { node: usize, number: u64, ask: Ask },
    Answer { node: usize, number: u64, answer: Answer },
}

struct World {
    now: u64,
    rng: ChaCha8Rng,
    nodes: Vec<Index>,
    below: BTreeMap<String, String>,
    coming: BTreeMap<(u64, u64), Comes>,
    sent: u64,
    done: Vec<(usize, Did)>,
    /// Milliseconds that the overlay below works at a question, if it takes one after another.
    work: Option<u64>,
    free_at: u64,
}

impl World {
    /// So many members, each of which has joined through an earlier one.
    fn new(count: u16, seed: u64) -> Self {
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        let mut nodes: Vec<Index> = (0..count).map(node).collect();
        nodes[0].begin(at(0));
        for n in 1..count {
            nodes[usize::from(n)].join(at(0), peer(rng.random_range(0..n)));
        }
        let (below, coming) = (BTreeMap::new(), BTreeMap::new());
        Self { now: 0, rng, nodes, below, coming, sent: 0, done: Vec::new(), work: None, free_at: 0 }
    }

    fn send(&mut self, comes: Comes) {
        self.sent += 1;
        let delay = self.rng.random_range(1..200);
        let mut when = self.now + delay;
        if let (Comes::Ask { .. }, Some(work)) = (&comes, self.work) {
            self.free_at = self.free_at.max(self.now) + work;
            when = self.free_at;
        }
        self.coming.insert((when, self.sent), comes);
    }

    fn drain(&mut self) {
        for n in 0..self.nodes.len() {
            while let Some((number, ask)) = self.nodes[n].poll_below() {
                self.send(Comes::Ask { node: n, number, ask });
            }
            while let Some((to, bytes)) = self.nodes[n].poll_transmit() {
                let from = self.nodes[n].me.address;
                self.send(Comes::Note { from, to, bytes });
            }
            while let Some(did) = self.nodes[n].poll_event() {
                self.done.push((n, did));
            }
        }
    }

    fn run(&mut self, milliseconds: u64) {
        let end = self.now + milliseconds;
        loop {
            self.drain();
            let timers = self.nodes.iter().filter_map(OverlayNode::poll_timeout);
            let timer = timers.min().map(|time| time.0.as_nanos().div_ceil(1_000_000) as u64);
            let comes = self.coming.first_key_value().map(|((when, _), _)| *when);
            let Some(next) = timer.into_iter().chain(comes).min().filter(|next| *next <= end) else { break };
            self.now = self.now.max(next);
            let now = at(self.now);
            self.nodes
                .iter_mut()
                .filter(|n| n.poll_timeout().is_some_and(|t| t <= now))
                .for_each(|n| n.handle_timeout(now));
            while let Some(first) = self.coming.first_entry().filter(|first| first.key().0 <= self.now) {
                match first.remove() {
                    Comes::Note { from, to, bytes } => {
                        if let Some(node) = self.nodes.iter_mut().find(|node| node.me.address == to) {
                            node.handle(now, from, &bytes);
                        }
                    }
                    Comes::Ask { node, number, ask } => {
                        let answer = match ask {
                            Ask::Put { key, value } => {
                                assert!(key.len() <= 64 && value.len() <= 256);
                                self.below.insert(key.clone(), value);
                                Answer::Put { key, stored: true }
                            }
                            Ask::Get { key } => {
                                let value = self.below.get(&key).cloned();
                                Answer::Got { key, value, others: Vec::new() }
                            }
                            ask => panic!("{ask:?}"),
                        };
                        self.send(Comes::Answer { node, number, answer });
                    }
                    Comes::Answer { node, number, answer } => self.nodes[node].answered_below(now, number, answer),
                }
            }
        }
        self.now = end;
    }

    fn ask(&mut self, n: usize, ask: Ask) {
        self.nodes[n].ask(at(self.now), Token::Command(0), ask);
    }

    fn share(&mut self, n: usize, name: &str) {
        self.ask(n, Ask::Share { name: name.to_owned() });
    }

    /// How many shares have ended, each with all its words found in their slots.
    fn shared(&self) -> usize {
        let stored = |did: &Did| matches!(did, Did::Done { outcome: Answer::Shared { stored: true, .. }, .. });
        self.done.iter().filter(|(_, did)| stored(did)).count()
    }

    fn found(&mut self, n: usize, words: &str) -> Vec<Hit> {
        self.done.clear();
        self.ask(n, Ask::Search { words: words.to_owned() });
        self.run(10_001);
        let searched = self.done.drain(..).find_map(|(_, did)| match did {
            Did::Done { outcome: Answer::Searched { hits, .. }, .. } => Some(hits),
            _ => None,
        });
        searched.unwrap()
    }
}

#[test]
fn what_is_shared_is_found_until_it_leaves() {
    let mut world = World::new(4, 1);
    world.share(1, "Red fox");
    world.share(2, "grey fox");
    world.run(10_000);
    assert_eq!(world.shared(), 2);
    let hit = |n: u16, name: &str| Hit { name: name.into(), at: peer(n).id };
    assert_eq!(world.found(3, "FOX"), [hit(1, "Red fox"), hit(2, "grey fox")]);
    assert_eq!(world.found(0, "fox gre"), [hit(2, "grey fox")], "first letters of a word, beside a whole one");
    assert_eq!(world.found(0, "blue"), []);
    world.run(10 * LEASE);
    assert_eq!(world.found(3, "fox").len(), 2, "renewed");
    world.nodes[1].leave(at(world.now));
    world.run(3_000);
    assert!(world.done.contains(&(1, Did::Left)) && world.below.values().filter(|v| v.is_empty()).count() == 2);
    assert_eq!(world.found(3, "fox"), [hit(2, "grey fox")]);
    world.nodes[2].abort();
    assert_eq!(world.found(3, "fox").len(), 1, "not expired yet");
    world.run(LEASE);
    assert_eq!(world.found(3, "fox"), []);
    world.nodes[2].begin(at(world.now));
    world.run(10_000);
    assert_eq!(world.found(3, "fox").len(), 1, "it still shares what it shared");
}

#[test]
fn who_shares_a_hot_word_at_once_moves_on() {
    for seed in 0..3 {
        let mut world = World::new(24, seed);
        (0..24).for_each(|n| world.share(n, &format!("fox {n}")));
        world.run(LEASE / 3);
        let slots = world.below.keys().filter(|key| key.starts_with("fox/")).count();
        assert!((24..=48).contains(&slots), "{slots}");
        let shared = world.shared();
        assert!(shared >= 12, "{shared}");
        world.run(LEASE / 3);
        assert_eq!(world.shared(), 24, "{seed}");
        assert_eq!(world.found(0, "fox").len(), 24, "{seed}");
    }
}

#[test]
fn an_overlay_too_busy_for_batches_is_no_obstacle() {
    let mut world = World::new(24, 5);
    // A batch of each takes 24 × 8 × 4 ms: longer than what is read of it is fresh.
    world.work = Some(4);
    (0..24).for_each(|n| world.share(n, &format!("wolf{n}")));
    world.run(10_000);
    assert_eq!(world.shared(), 24);
}

#[test]
fn what_was_confirmed_is_not_lost() {
    for seed in 0..3 {
        let mut world = World::new(24, seed);
        (0..24).for_each(|n| world.share(n, "fox"));
        for _ in 0..400 {
            world.run(50);
            let confirmed = world.nodes.iter().filter(|node| node.entries.values().all(|entry| entry.confirmed));
            for node in confirmed {
                let entry = node.entries.values().next().unwrap();
                let key = entry::slot("fox", entry.put_at().unwrap());
                let held = entry::holding(at(world.now), Duration::from_millis(LEASE), &world.below[&key]);
                assert_eq!(held.map(|hit| hit.at), Some(node.me.id), "{key} {seed}");
            }
        }
    }
}

#[test]
fn a_slot_that_another_takes_is_given_up() {
    let mut world = World::new(2, 3);
    world.share(0, "fox");
    world.run(5_000);
    let key = world.below.keys().next().unwrap().clone();
    world.below.insert(key.clone(), entry::value(at(100_000), Id(99), "fox"));
    world.run(LEASE / 3);
    assert!(
        world.below[&key].contains("fox") && world.found(1, "fox").contains(&Hit { name: "fox".into(), at: Id(1) })
    );
}

#[test]
fn silence_below_ends_what_was_asked() {
    let mut node = node(0);
    node.begin(at(0));
    node.ask(at(0), Token::Command(1), Ask::Share { name: "fox".into() });
    node.ask(at(0), Token::Command(2), Ask::Search { words: "fox".into() });
    let mut outcomes = Vec::new();
    for second in 1..=61 {
        while node.poll_below().is_some() {}
        node.handle_timeout(at(second * 1000));
        outcomes.extend(std::iter::from_fn(|| node.poll_event()).filter_map(|did| match did {
            Did::Done { token, outcome } => Some((token, outcome)),
            _ => None,
        }));
    }
    assert_eq!(outcomes.len(), 2, "{outcomes:?}");
    assert!(matches!(&outcomes[1], (Token::Command(1), Answer::Shared { stored: false, .. })), "{outcomes:?}");
    for refused in ["--", &"w".repeat(201)] {
        node.ask(at(62_000), Token::Command(3), Ask::Share { name: (*refused).to_owned() });
        let outcome = Answer::Shared { name: (*refused).to_owned(), stored: false };
        assert_eq!(node.poll_event(), Some(Did::Done { token: Token::Command(3), outcome }));
    }
    node.leave(at(62_000));
    node.handle_timeout(at(200_000));
    assert_eq!((node.phase(), std::iter::from_fn(|| node.poll_event()).last()), (Phase::Idle, Some(Did::Left)));
}

fn island(world: &World) -> bool {
    let told: Vec<(Id, Neighbors)> =
        world.nodes.iter().filter(|n| n.is_member()).map(|n| (n.me.id, n.neighbors())).collect();
    let told = told.iter().map(|(id, neighbors)| crate::overlay::oracle::Told { id: *id, neighbors });
    ROW.oracle.whole(&mut told.into_iter())
}

#[test]
fn members_are_one_graph_and_forget_the_dead() {
    for seed in 0..3 {
        let mut world = World::new(60, seed);
        world.run(5_000);
        assert!(island(&world), "{seed}");
        assert!(world.nodes.iter().all(|node| (1..=16).contains(&node.peers().len())));
        (30..40).for_each(|n| world.nodes[n].abort());
        world.run(10_000);
        assert!(island(&world), "{seed}");
    }
    let mut world = World::new(2, 7);
    world.nodes[1].begin(at(0));
    world.run(1_000);
    assert!(!island(&world));
    world.nodes[1].merge(at(world.now), peer(0));
    world.run(1_000);
    assert!(island(&world) && world.done.contains(&(1, Did::Merged { ok: true })));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]

    #[test]
    fn a_search_finds_what_has_all_words(
        names in prop::collection::vec("(a|b|c)( (a|b|c|d)){0,3}", 1..10),
        asked in "(a|b|c|d)( (a|b|c|d)){0,2}",
        seed: u64,
    ) {
        let mut world = World::new(3, seed);
        for (n, name) in names.iter().enumerate() {
            world.share(n % 3, name);
        }
        world.run(LEASE);
        let there = names.iter().enumerate().filter(|(_, name)| matches(&asked, name));
        let mut there: Vec<Hit> = there.map(|(n, name)| Hit { name: name.clone(), at: world.nodes[n % 3].me.id }).collect();
        there.sort();
        there.dedup();
        prop_assert_eq!(world.found(0, &asked), there);
    }

    #[test]
    fn strangers_and_bad_answers_do_no_harm(
        notes in prop::collection::vec((any::<u8>(), prop::collection::vec(any::<u8>(), 0..80)), 0..100),
        values in prop::collection::vec(prop::option::of("[0-9]{0,6} [0-9a-f]{0,33} ?fox.{0,3}"), 1..60),
    ) {
        let mut node = node(0);
        node.join(at(0), peer(1));
        node.ask(at(0), Token::Command(1), Ask::Share { name: "fox".into() });
        node.ask(at(0), Token::Command(2), Ask::Search { words: "fox".into() });
        for (n, (from, mut bytes)) in notes.into_iter().enumerate() {
            if let Some(first) = bytes.first_mut() {
                *first %= 4;
            }
            node.handle(at(n as u64), peer(u16::from(from)).address, &bytes);
        }
        for (n, value) in values.into_iter().cycle().take(600).enumerate() {
            let Some((number, _)) = node.poll_below() else { node.handle_timeout(at(n as u64 * 10)); continue };
            let others = value.clone().into_iter().collect();
            let answer = Answer::Got { key: String::new(), value, others };
            node.answered_below(at(n as u64 * 10), number, answer.clone());
            node.answered_below(at(n as u64 * 10), number, answer);
            let limits = BTreeMap::from([("peers", 16), ("greeted", 32), ("told", 16), ("searches", 1), ("questions below", 64)]);
            for (table, size) in node.tables() {
                prop_assert!(size <= *limits.get(table).unwrap_or(&1), "{} {}", table, size);
            }
        }
    }
}
