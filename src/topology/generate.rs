//! Generated networks of any size, as the text of a lab file: for benchmarks and first steps.
//!
//! Every router is its own AS. Providers always have the smaller number, so relations have no
//! circle, and a stub's route reaches every router: up to r1, the provider of all, and down again.

use std::collections::BTreeSet;
use std::fmt::Write;

use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

use crate::physics::Properties;

#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum GenerateError {
    #[error("a generated lab has 1 to 2000 routers, not {0}")]
    Nodes(usize),
    #[error("every router of a tree but the last level has 1 or more children, not 0")]
    Branching,
    #[error("{nodes} routers need {least} to {most} links, not {links}")]
    Links { nodes: usize, links: usize, least: usize, most: usize },
    #[error("a generated lab has 0 to {most} stubs, not {stubs}")]
    Stubs { stubs: usize, most: usize },
    #[error("{0}")]
    Delay(String),
}

/// What is at the edge of a generated network, and how far apart its nodes are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Edge {
    /// Each has one site of the anycast group.
    pub stubs: usize,
    /// One way, of every link but those to hosts; as a lab file has it, such as `5ms`.
    pub delay: Option<String>,
}

/// A tree of `nodes` routers in which each has `branching` customers, filled level by level, with
/// stubs spread over its leaves.
///
/// # Errors
/// A size out of range.
pub fn tree(nodes: usize, branching: usize, edge: &Edge) -> Result<String, GenerateError> {
    if branching == 0 {
        return Err(GenerateError::Branching);
    }
    in_range(nodes)?;
    let links: Vec<_> = (1..nodes).map(|child| ((child - 1) / branching, child)).collect();
    lab_file(&format!("tree-{nodes}"), nodes, &links, edge, None)
}

/// A random connected graph: a random tree, then random further links up to `links`.
///
/// # Errors
/// A size out of range.
pub fn random(nodes: usize, links: usize, edge: &Edge, seed: u64) -> Result<String, GenerateError> {
    in_range(nodes)?;
    let (least, most) = (nodes.saturating_sub(1), nodes * nodes.saturating_sub(1) / 2);
    if !(least..=most).contains(&links) {
        return Err(GenerateError::Links { nodes, links, least, most });
    }
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    let mut pairs: BTreeSet<_> = (1..nodes).map(|child| (rng.random_range(0..child), child)).collect();
    while pairs.len() < links {
        let (a, b) = (rng.random_range(0..nodes), rng.random_range(0..nodes));
        if a != b {
            pairs.insert((a.min(b), a.max(b)));
        }
    }
    let links: Vec<_> = pairs.into_iter().collect();
    lab_file(&format!("random-{nodes}-{}", links.len()), nodes, &links, edge, Some(seed))
}

fn in_range(nodes: usize) -> Result<(), GenerateError> {
    if (1..=2000).contains(&nodes) { Ok(()) } else { Err(GenerateError::Nodes(nodes)) }
}

fn lab_file(
    name: &str,
    nodes: usize,
    links: &[(usize, usize)],
    edge: &Edge,
    seed: Option<u64>,
) -> Result<String, GenerateError> {
    let stubs = edge.stubs;
    if let Some(delay) = &edge.delay {
        Properties::default().set("delay", delay).map_err(GenerateError::Delay)?;
    }
    if stubs > 2 * nodes {
        return Err(GenerateError::Stubs { stubs, most: 2 * nodes });
    }
    let mut out = format!("[lab]\nname = \"{name}\"\n");
    if let Some(seed) = seed {
        let _ = writeln!(out, "seed = {seed}");
    }
    for node in 1..=nodes {
        let _ = writeln!(out, "\n[[as]]\nname = \"r{node}\"");
    }
    for (provider, customer) in links {
        let (a, b) = (provider + 1, customer + 1);
        let _ = writeln!(out, "\n[[link]]\na = \"r{a}\"\nb = \"r{b}\"\nrelation = \"customer\"");
        if let Some(delay) = &edge.delay {
            let _ = writeln!(out, "delay = \"{delay}\"");
        }
    }
    for stub in 1..=stubs {
        // From the last router backwards, evenly: high numbers are the edge of either graph.
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
