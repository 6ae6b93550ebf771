//! Generated networks of any size, as the text of a lab file: for benchmarks and first steps.
//!
//! Every router is its own AS. Providers always have the smaller number, so relations have no circle; those without a
//! provider are peers of one another, as the Internet's tier 1 is. So a stub's route reaches every router: up to the
//! top, across, and down again.

mod internet;
mod shapes;

use std::fmt::Write;

use crate::physics::Properties;
pub use internet::internet;
pub use shapes::{barabasi_albert, clique, random, tree, waxman};

#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum GenerateError {
    #[error("a generated lab has {least} to {most} routers, not {nodes}")]
    Nodes { nodes: usize, least: usize, most: usize },
    #[error("every router of a tree but the last level has 1 or more children, not 0")]
    Branching,
    #[error("{nodes} routers need {least} to {most} links, not {links}")]
    Links { nodes: usize, links: usize, least: usize, most: usize },
    #[error("{name} is {least} to {most}, not {given}")]
    Parameter { name: &'static str, least: String, most: String, given: String },
    #[error("a generated lab has 0 to {most} stubs, not {stubs}")]
    Stubs { stubs: usize, most: usize },
    #[error("{0}")]
    Delay(String),
}

/// What two neighbors are to each other.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Bond {
    /// The one with the higher number is a customer of the other.
    Customer,
    Peer,
}

/// A network of ASes by number, from 0.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Shape {
    pub name: String,
    /// What it was drawn with, if anything of it is random.
    pub seed: Option<u64>,
    pub nodes: usize,
    /// Lower number first, sorted.
    pub links: Vec<(usize, usize, Bond)>,
    /// The members of each exchange, sorted.
    pub exchanges: Vec<Vec<usize>>,
}

/// What is at the edge of a generated network, and how far apart its nodes are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Edge {
    /// Each has one site of the anycast group.
    pub stubs: usize,
    /// One way, of every link but those to hosts; as a lab file has it, such as `5ms`.
    pub delay: Option<String>,
}

/// Most routers of a generated lab.
const MOST: usize = 2000;

fn in_range(nodes: usize, least: usize) -> Result<(), GenerateError> {
    if (least..=MOST).contains(&nodes) { Ok(()) } else { Err(GenerateError::Nodes { nodes, least, most: MOST }) }
}

impl Shape {
    /// Sorts the links, and makes peers of those who have no provider.
    fn new(name: String, seed: Option<u64>, nodes: usize, mut links: Vec<(usize, usize, Bond)>) -> Self {
        let mut top = vec![true; nodes];
        links.iter().filter(|link| link.2 == Bond::Customer).for_each(|(_, customer, _)| top[*customer] = false);
        let tops: Vec<usize> = (0..nodes).filter(|node| top[*node]).collect();
        for (at, a) in tops.iter().enumerate() {
            links.extend(tops[at + 1..].iter().map(|b| (*a, *b, Bond::Peer)));
        }
        links.sort_unstable();
        links.dedup_by_key(|(a, b, _)| (*a, *b));
        Self { name, seed, nodes, links, exchanges: Vec::new() }
    }

    /// The text of a lab file, with stubs spread over the edge.
    ///
    /// # Errors
    /// More stubs than there is room for; what is no delay.
    pub fn lab_file(&self, edge: &Edge) -> Result<String, GenerateError> {
        let Self { name, nodes, .. } = self;
        let stubs = edge.stubs;
        if let Some(delay) = &edge.delay {
            Properties::default().set("delay", delay).map_err(GenerateError::Delay)?;
        }
        if stubs > 2 * nodes {
            return Err(GenerateError::Stubs { stubs, most: 2 * nodes });
        }
        let mut out = format!("[lab]\nname = \"{name}\"\n");
        if let Some(seed) = self.seed {
            let _ = writeln!(out, "seed = {seed}");
        }
        for node in 1..=*nodes {
            let _ = writeln!(out, "\n[[as]]\nname = \"r{node}\"");
        }
        for (a, b, bond) in &self.links {
            let relation = if *bond == Bond::Peer { "peer" } else { "customer" };
            let (a, b) = (a + 1, b + 1);
            let _ = writeln!(out, "\n[[link]]\na = \"r{a}\"\nb = \"r{b}\"\nrelation = \"{relation}\"");
            if let Some(delay) = &edge.delay {
                let _ = writeln!(out, "delay = \"{delay}\"");
            }
        }
        for (number, members) in self.exchanges.iter().enumerate() {
            let port = |node: &usize| match &edge.delay {
                None => format!("\"r{}\"", node + 1),
                Some(delay) => format!("{{ router = \"r{}\", delay = \"{delay}\" }}", node + 1),
            };
            let members: Vec<_> = members.iter().map(port).collect();
            let (number, members) = (number + 1, members.join(", "));
            let _ = writeln!(out, "\n[[exchange]]\nname = \"ix{number}\"\nmembers = [{members}]");
        }
        for stub in 1..=stubs {
            // From the last router backwards, evenly: high numbers are the edge of any of these graphs.
            let router = nodes - ((stub - 1) * nodes.div_ceil(2) / stubs) % nodes;
            let uplink = match &edge.delay {
                None => format!("\"r{router}\""),
                Some(delay) => format!("{{ to = \"r{router}\", delay = \"{delay}\" }}"),
            };
            let _ = writeln!(out, "\n[[stub]]\nname = \"s{stub}\"\nuplinks = [{uplink}]\nmembers = 1");
        }
        if stubs > 0 {
            let members: Vec<_> = (1..=stubs).map(|stub| format!("\"s{stub}\"")).collect();
            let _ = writeln!(out, "\n[[group]]\nname = \"anycast\"\nmembers = [{}]", members.join(", "));
        }
        Ok(out)
    }

    /// As CAIDA writes AS relationships (serial-1): AS numbers from 1, `PROVIDER|CUSTOMER|-1` and `PEER|PEER|0`, which
    /// members of an exchange are to each other unless one is the other's customer.
    pub fn as_rel(&self) -> String {
        let mut out = format!("# {}: generated, not measured\n", self.name);
        let pairs = self.exchanges.iter().flat_map(|members| {
            let after = |at: usize| members[at + 1..].iter();
            members.iter().enumerate().flat_map(move |(at, a)| after(at).map(|b| (*a, *b, Bond::Peer)))
        });
        let mut links: Vec<_> = self.links.iter().copied().chain(pairs).collect();
        links.sort_unstable();
        links.dedup_by_key(|(a, b, _)| (*a, *b));
        for (a, b, bond) in &links {
            let _ = writeln!(out, "{}|{}|{}", a + 1, b + 1, if *bond == Bond::Peer { 0 } else { -1 });
        }
        out
    }
}
