//! Faults and their undos, drawn by a seed.

use std::collections::BTreeSet;

use rand::seq::{IndexedRandom, IteratorRandom};
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

use super::network::{Link, Network};

/// A fault and what undoes it, in the words of `anybed fault`.
#[derive(Clone, Debug)]
pub(super) struct Pair {
    pub(super) fault: String,
    pub(super) undo: String,
    /// While this one is in force, none with the same key is drawn: one undo would undo both.
    key: String,
}

pub(super) struct Draws<'a> {
    network: &'a Network,
    rng: ChaCha8Rng,
    pub(super) in_force: Vec<Pair>,
}

const IMPAIRMENTS: [&str; 6] = [
    "delay=30ms jitter=10ms",
    "loss=30%",
    "loss=100%",
    "rate=1mbit queue=20p",
    "delay=5ms reorder=20% duplicate=5%",
    "corrupt=5%",
];

impl<'a> Draws<'a> {
    pub(super) fn new(network: &'a Network, seed: u64) -> Self {
        Self { network, rng: ChaCha8Rng::seed_from_u64(seed), in_force: Vec::new() }
    }

    /// Whether the next step is a fault, when up to `most` are to be in force.
    pub(super) fn is_fault(&mut self, most: usize) -> bool {
        self.in_force.is_empty() || self.in_force.len() < most && self.rng.random_bool(0.55)
    }

    /// Whether the faults in force are left alone for a while.
    pub(super) fn is_pause(&mut self) -> bool {
        self.rng.random_bool(0.03)
    }

    pub(super) fn fault(&mut self) -> Pair {
        let taken: BTreeSet<String> = self.in_force.iter().map(|pair| pair.key.clone()).collect();
        loop {
            let kind = self.rng.random_range(0..10);
            let pair = if kind == 9 { self.flap() } else { self.plain(kind) };
            if !taken.contains(&pair.key) {
                return pair;
            }
        }
    }

    /// Takes one of those in force out, to be undone.
    pub(super) fn undo(&mut self) -> Pair {
        let at = self.rng.random_range(0..self.in_force.len());
        self.in_force.swap_remove(at)
    }

    fn plain(&mut self, kind: usize) -> Pair {
        let silently = if self.rng.random_bool(0.5) { " silently" } else { "" };
        let link = self.link();
        let from = match self.rng.random_range(0..3) {
            2 => String::new(),
            side => format!(" from {}", link.ends[side]),
        };
        match kind {
            0 => pair("cut", "mend", &link.name, ""),
            1 => Pair { key: format!("shape {}", link.name), ..pair("blackhole", "clear", &(link.name + &from), "") },
            2 if link.emulated => {
                let how = IMPAIRMENTS.choose(&mut self.rng).copied().unwrap_or_default();
                let what = format!("{}{from}", link.name);
                Pair { key: format!("shape {}", link.name), ..pair("impair", "clear", &what, &format!(" {how}")) }
            }
            2 | 3 => pair("fail", "recover", &self.one(|n| &n.stubs), silently),
            4 => pair("partition", "heal", &self.side(), silently),
            5 => self.process("crash", "restart", &["node", "bird", "both", "host"]),
            6 => self.process("freeze", "thaw", &["node", "bird", "both"]),
            7 => self.site("withdraw"),
            _ => {
                // A drain takes half a second: as seldom as a silence is long.
                let drains = self.rng.random_bool(0.2);
                if drains { self.site("drain") } else { self.process("crash", "restart", &["bird", "host"]) }
            }
        }
    }

    fn flap(&mut self) -> Pair {
        let kind = self.rng.random_range(0..7);
        let fault = self.plain(kind).fault;
        let every = self.rng.random_range(100..1000);
        let undo = format!("stop {fault}");
        Pair { fault: format!("flap {fault} every {every}ms times 30"), key: undo.clone(), undo }
    }

    fn process(&mut self, fault: &str, undo: &str, of_members: &[&str]) -> Pair {
        let is_member = self.rng.random_bool(0.4);
        let node = self.one(|n| if is_member { &n.members } else { &n.routers });
        let whole = of_members.contains(&"host") && self.rng.random_bool(0.3);
        let victim = match is_member {
            true => of_members.choose(&mut self.rng).copied().unwrap_or_default(),
            false if whole => "host",
            false => "bird",
        };
        // Killing and stopping by halves and as a whole overlap where one undo would do for both.
        let key = format!("{fault} {} {node}", if victim == "host" { "host" } else { "process" });
        Pair { key, ..pair(fault, undo, &format!("{node} {victim}"), "") }
    }

    fn site(&mut self, verb: &str) -> Pair {
        let host = if self.rng.random_bool(0.5) { self.one(|n| &n.members) } else { "s1.n1".to_owned() };
        let group =
            if ["s1.n1", "s2.n1"].contains(&host.as_str()) && self.rng.random_bool(0.5) { "two" } else { "all" };
        let what = format!("{host} {group}");
        Pair { key: format!("site {what}"), ..pair(verb, "announce", &what, "") }
    }

    /// Some ASes, routers and hosts.
    fn side(&mut self) -> String {
        let all = [&self.network.ases, &self.network.routers, &self.network.members, &self.network.clients];
        let size = self.rng.random_range(1..5);
        // Of an AS and a router of the same name, the AS is meant.
        let mut side: BTreeSet<&String> = all.into_iter().flatten().sample(&mut self.rng, size).into_iter().collect();
        if side.is_empty() {
            side.extend(self.network.ases.first());
        }
        side.into_iter().cloned().collect::<Vec<_>>().join(" ")
    }

    fn link(&mut self) -> Link {
        self.network.links.choose(&mut self.rng).cloned().unwrap_or_else(|| panic!("a network without links"))
    }

    fn one(&mut self, of: impl Fn(&Network) -> &Vec<String>) -> String {
        of(self.network).choose(&mut self.rng).cloned().unwrap_or_default()
    }
}

fn pair(fault: &str, undo: &str, what: &str, how: &str) -> Pair {
    Pair { fault: format!("{fault} {what}{how}"), undo: format!("{undo} {what}"), key: format!("{fault} {what}") }
}
