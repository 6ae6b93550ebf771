//! Sites: who answers clients, each with a color and a letter.
//!
//! The colors are Okabe and Ito's, which people with any kind of color vision tell apart; the letters
//! do it in print, and when there are more sites than colors.

use std::collections::{BTreeMap, BTreeSet};

use crate::measure::Report;
use crate::report::network::Network;

/// Colors of `style.css`, `.c0` to `.c6`.
pub(crate) const COLORS: usize = 7;
/// Above this many members that answer, a stub's members are one site.
const MOST: usize = 10;

/// All sites of a run.
pub(crate) struct Sites {
    /// Member to index into `names`.
    of: BTreeMap<String, usize>,
    /// In the lab's order.
    names: Vec<String>,
}

impl Sites {
    pub(crate) fn of(report: &Report, network: &Network) -> Self {
        let answering: BTreeSet<&str> =
            report.catchments.iter().flat_map(|c| c.clients.values().flatten()).map(String::as_str).collect();
        let mut sites = Self { of: BTreeMap::new(), names: Vec::new() };
        for node in network.nodes.iter().filter(|n| answering.contains(n.name.as_str())) {
            let name = if answering.len() > MOST { &node.network } else { &node.name };
            let index = sites.names.iter().position(|n| n == name).unwrap_or(sites.names.len());
            if index == sites.names.len() {
                sites.names.push(name.clone());
            }
            sites.of.insert(node.name.clone(), index);
        }
        sites
    }

    /// The site that a member belongs to, if it ever answered.
    pub(crate) fn find(&self, member: &str) -> Option<usize> {
        self.of.get(member).copied()
    }

    pub(crate) fn name(&self, site: usize) -> &str {
        &self.names[site]
    }

    pub(crate) fn len(&self) -> usize {
        self.names.len()
    }
}

/// `A` to `Z`, then `AA`.
pub(crate) fn letter(site: usize) -> String {
    let last = char::from(b'A' + (site % 26) as u8);
    if site < 26 { last.to_string() } else { letter(site / 26 - 1) + &last.to_string() }
}

/// Class of its color.
pub(crate) fn color(site: usize) -> String {
    format!("c{}", site % COLORS)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn letters_do_not_end() {
        assert_eq!([letter(0), letter(25), letter(26), letter(53)], ["A", "Z", "AA", "BB"]);
        assert_eq!([color(0), color(7)], ["c0", "c0"]);
    }
}
