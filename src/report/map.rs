//! The map: the network once, and over it who answers whom at a moment.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;

use super::layout::Layout;
use super::network::{LinkWord, Network};
use super::sites::{Sites, color, letter};
use super::svg::{dots, escape, n};
use crate::topology::NodeKind;

/// Above this many routers, their names are left out; above as many hosts, their letters.
const MOST_NAMES: usize = 90;

/// A network with a place for everything.
pub struct Map<'a> {
    network: &'a Network,
    layout: Layout,
    index: BTreeMap<&'a str, usize>,
    named: bool,
}

/// What the lab was like at a moment.
pub(crate) struct State<'a> {
    /// Client to answering member.
    pub(crate) clients: &'a BTreeMap<String, Option<String>>,
    /// Router to the member that its routes lead to.
    pub(crate) routed: Option<&'a BTreeMap<&'a str, &'a str>>,
    /// Links that let nothing through.
    pub(crate) down: BTreeSet<&'a str>,
}

impl<'a> Map<'a> {
    pub fn of(network: &'a Network) -> Self {
        let index = network.nodes.iter().enumerate().map(|(i, node)| (node.name.as_str(), i)).collect();
        let routers = network.nodes.iter().filter(|n| !n.is_host()).count();
        Self { network, layout: Layout::of(network), index, named: routers <= MOST_NAMES }
    }

    pub(crate) fn view_box(&self) -> String {
        format!("0 0 {} {}", n(self.layout.width), n(self.layout.height))
    }

    pub(crate) fn width(&self) -> f64 {
        self.layout.width
    }

    fn hosts(&self) -> usize {
        self.network.nodes.iter().filter(|n| n.is_host()).count()
    }

    /// Diameters of routers and hosts.
    fn sizes(&self) -> (f64, f64) {
        if self.network.nodes.len() > 250 { (5.0, 5.0) } else { (11.0, 15.0) }
    }

    /// Links, routers and names.
    pub(crate) fn base(&self) -> String {
        let point = |i: usize| self.layout.points[i];
        let mut text = String::new();
        let fine = if self.network.links.len() > 250 { " fine" } else { "" };
        for (class, kind) in [
            ("access", LinkWord::Access),
            ("peer", LinkWord::Peer),
            ("customer", LinkWord::Customer),
            ("internal", LinkWord::Internal),
        ] {
            let lines = self.network.links.iter().filter(|l| l.kind == kind);
            let d: String = lines.map(|l| super::svg::line([point(l.a), point(l.b)])).collect();
            if !d.is_empty() {
                let _ = write!(text, "<path class=\"link {class}{fine}\" d=\"{d}\"/>");
            }
        }
        for (class, kind) in
            [("router", NodeKind::Router), ("gateway", NodeKind::Gateway), ("exchange", NodeKind::Exchange)]
        {
            let of_kind = (0..self.network.nodes.len()).filter(|i| self.network.nodes[*i].kind == kind);
            let d = dots(of_kind.map(point));
            if !d.is_empty() {
                let size = n(self.sizes().0 * if kind == NodeKind::Gateway { 0.8 } else { 1.0 });
                let _ = write!(text, "<path class=\"dot {class}\" stroke-width=\"{size}\" d=\"{d}\"/>");
            }
        }
        text
    }

    /// Names of routers and stubs, where there is room for them.
    pub(crate) fn names(&self) -> String {
        let mut text = String::new();
        let mut hosts_above = vec![0.0; self.network.nodes.len()];
        for link in self.network.links.iter().filter(|l| l.kind == LinkWord::Access) {
            hosts_above[link.a] += self.layout.points[link.a].1 - self.layout.points[link.b].1;
        }
        for (i, (node, (x, y))) in self.network.nodes.iter().zip(&self.layout.points).enumerate() {
            if self.named && !node.is_host() {
                let class = if node.kind == NodeKind::Gateway { "name stub" } else { "name" };
                // On the side where no hosts are.
                let (x, y) = (n(*x), n(if hosts_above[i] > 1.0 { y + 19.0 } else { y - 11.0 }));
                let _ = write!(text, "<text class=\"{class}\" x=\"{x}\" y=\"{y}\">{}</text>", escape(node.label()));
            }
        }
        text
    }

    /// Hosts without a moment: members are squares, clients discs.
    pub(crate) fn plain_hosts(&self) -> String {
        self.hosts_as(&BTreeMap::new(), None)
    }

    /// What is different from moment to moment.
    pub(crate) fn state(&self, state: &State<'_>, sites: &Sites) -> String {
        let mut text = String::new();
        if let Some(routed) = state.routed {
            let mut reached: BTreeMap<usize, Vec<(f64, f64)>> = BTreeMap::new();
            for (router, member) in routed {
                if let (Some(&i), Some(site)) = (self.index.get(router), sites.find(member)) {
                    reached.entry(site).or_default().push(self.layout.points[i]);
                }
            }
            for (site, points) in reached {
                let (class, size) = (color(site), n(self.sizes().0));
                let _ = write!(text, "<path class=\"dot {class}\" stroke-width=\"{size}\" d=\"{}\"/>", dots(points));
            }
        }
        let down = self.network.links.iter().filter(|l| state.down.contains(l.name.as_str()));
        for link in down {
            let (a, b) = (self.layout.points[link.a], self.layout.points[link.b]);
            let (x, y) = ((a.0 + b.0) / 2.0, (a.1 + b.1) / 2.0);
            let cross = format!("M{} {}l8 8m0 -8l-8 8", n(x - 4.0), n(y - 4.0));
            let _ = write!(text, "<path class=\"down\" d=\"{}\"/>", super::svg::line([a, b]));
            let _ = write!(
                text,
                "<path class=\"cross\" d=\"{cross}\"><title>{} is down</title></path>",
                escape(&link.name)
            );
        }
        text + &self.hosts_as(state.clients, Some(sites))
    }

    fn hosts_as(&self, clients: &BTreeMap<String, Option<String>>, sites: Option<&Sites>) -> String {
        let mut text = String::new();
        if self.hosts() > MOST_NAMES {
            return self.many_hosts(clients, sites);
        }
        let size = self.sizes().1;
        for (node, (x, y)) in self.network.nodes.iter().zip(&self.layout.points) {
            let (answer, site) = match node.kind {
                NodeKind::Client => {
                    let member = clients.get(&node.name).cloned().flatten();
                    let site = member.as_deref().and_then(|m| sites?.find(m));
                    (member.map_or_else(|| "nobody answers".to_owned(), |m| format!("answered by {m}")), site)
                }
                NodeKind::Member => ("a member".to_owned(), sites.and_then(|s| s.find(&node.name))),
                _ => continue,
            };
            let answer = if sites.is_none() { node.kind.name().to_owned() } else { answer };
            let class = site.map_or_else(|| "none".to_owned(), color);
            let title = format!("<title>{}: {}</title>", escape(&node.name), escape(&answer));
            let (left, top) = (n(x - size / 2.0), n(y - size / 2.0));
            let _ = match node.kind {
                NodeKind::Member => write!(
                    text,
                    "<rect class=\"{class}\" x=\"{left}\" y=\"{top}\" width=\"{0}\" height=\"{0}\">{title}</rect>",
                    n(size)
                ),
                _ => write!(
                    text,
                    "<circle class=\"{class}\" cx=\"{}\" cy=\"{}\" r=\"{}\">{title}</circle>",
                    n(*x),
                    n(*y),
                    n(size / 2.0 + 0.5)
                ),
            };
            let word = match (site, node.kind) {
                (Some(site), _) => letter(site),
                (None, NodeKind::Client) if sites.is_some() && clients.contains_key(&node.name) => "–".to_owned(),
                _ => continue,
            };
            let _ = write!(text, "<text class=\"letter t{class}\" x=\"{}\" y=\"{}\">{word}</text>", n(*x), n(y + 3.6));
        }
        text
    }

    /// A dot for each host, one path for all of a site.
    fn many_hosts(&self, clients: &BTreeMap<String, Option<String>>, sites: Option<&Sites>) -> String {
        let mut of_class: BTreeMap<String, Vec<(f64, f64)>> = BTreeMap::new();
        for (node, point) in self.network.nodes.iter().zip(&self.layout.points) {
            if node.is_host() {
                let member = match node.kind {
                    NodeKind::Client => clients.get(&node.name).cloned().flatten(),
                    _ => Some(node.name.clone()),
                };
                let site = member.and_then(|m| sites?.find(&m));
                of_class.entry(site.map_or_else(|| "none".to_owned(), color)).or_default().push(*point);
            }
        }
        let size = n(self.sizes().1);
        of_class.into_iter().fold(String::new(), |mut text, (class, points)| {
            let d = dots(points);
            let _ = write!(text, "<path class=\"dot {class}\" stroke-width=\"{size}\" d=\"{d}\"/>");
            text
        })
    }

    /// The network alone, as a file of its own.
    pub fn svg(&self) -> String {
        let (view, height) = (self.view_box(), n(self.layout.height));
        let about = format!("The network of the lab {}", self.network.name);
        format!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"{view}\" width=\"{}\" height=\"{height}\" role=\"img\" \
             aria-label=\"{}\"><style>{}</style>{}{}{}</svg>\n",
            n(self.layout.width),
            escape(&about),
            include_str!("html/map.css"),
            self.base(),
            self.plain_hosts(),
            self.names()
        )
    }
}
