//! From the file's shape to the checked network: names, ASes, routers, stubs and hosts.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;
use std::path::Path;

use toml::Spanned;

use super::LONGEST_NAME;
use super::diagnose::Problems;
use super::file::{AsEntry, Conduct, LabFile, LinkOptions};
use super::graphml;
use super::model::*;
use super::multipath::Multipath;
use super::origin::Rov;

/// What a lab file's `lab` table says when nothing else overrides it.
#[derive(Clone, Debug, Default)]
pub struct Overrides {
    /// Instead of the file's seed.
    pub seed: Option<u64>,
    /// Instead of the file's family.
    pub family: Option<FamilyChoice>,
    /// Instead of the file's timers.
    pub timers: Option<TimerPreset>,
}

/// The network under construction.
pub(super) struct Builder<'f> {
    pub(super) topology: Topology,
    /// The routing daemon of whoever has no other.
    daemon: Option<String>,
    pub(super) problems: &'f mut Problems,
    /// Of ASes, stubs and routers: what has the name, and where it got it.
    pub(super) names: BTreeMap<String, (&'static str, Range<usize>)>,
    pub(super) nodes: BTreeMap<String, NodeId>,
    pub(super) link_names: BTreeSet<String>,
    /// ASes one of whose links was refused: their parts say nothing.
    pub(super) incomplete: BTreeSet<AsId>,
    /// Where each AS and each link stands in the file.
    pub(super) as_spans: Vec<Range<usize>>,
    pub(super) link_spans: Vec<Range<usize>>,
}

/// Checks the network part of a lab file. Problems go to `problems`; what is returned is whole only
/// if there were none.
pub(crate) fn check(
    file: &LabFile,
    default_name: &str,
    directory: &Path,
    overrides: &Overrides,
    problems: &mut Problems,
) -> Topology {
    let topology = Topology {
        name: file.name.as_ref().map_or(default_name, |n| n.get_ref()).to_owned(),
        seed: overrides.seed.unwrap_or(file.seed),
        family: overrides.family.unwrap_or(file.family),
        timers: overrides.timers.unwrap_or(file.timers),
        mrai: file.mrai.as_ref().map_or(0, |mrai| *mrai.get_ref()),
        backend: file.backend,
        distance_factor: file.distance_factor,
        ases: Vec::new(),
        nodes: Vec::new(),
        links: Vec::new(),
        policies: Vec::new(),
        originations: Vec::new(),
        rogues: Vec::new(),
        roas: Vec::new(),
        rtr: None,
        groups: Vec::new(),
        infrastructures: Vec::new(),
        services: Vec::new(),
        overlays: Vec::new(),
        probe: None,
        flows: None,
    };
    let (names, nodes, link_names, incomplete) = Default::default();
    let (as_spans, link_spans) = Default::default();
    let daemon = file.daemon.as_ref().map(|word| word.get_ref().clone());
    let mut builder =
        Builder { topology, daemon, problems, names, nodes, link_names, incomplete, as_spans, link_spans };
    if let Some(name) = &file.name {
        builder.name_syntax(name);
    }
    builder.network(file, directory);
    builder.connected(file);
    builder.groups(file);
    builder.policies(file);
    builder.roas(file);
    builder.rtr(file);
    builder.probe(file);
    builder.flows(file);
    builder.sizes();
    builder.topology
}

impl Builder<'_> {
    fn network(&mut self, file: &LabFile, directory: &Path) {
        if file.ases.is_empty() {
            let found = self.problems.error("no-as", 0..0, "the lab has no AS");
            found.help("a lab has at least one transit AS: [[as]] with name = \"r1\"".to_owned());
        }
        let taken: BTreeSet<u32> = file
            .ases
            .iter()
            .map(|a| &a.asn)
            .chain(file.stubs.iter().map(|s| &s.asn))
            .chain(file.exchanges.iter().map(|e| &e.asn))
            .flatten()
            .map(|n| *n.get_ref())
            .collect();
        self.unique_asns(file);
        let mut free = (100..).filter(|n| *n != 23456 && !taken.contains(n));
        let mut graph_links = Vec::new();
        for entry in &file.ases {
            let asn = entry.asn.as_ref().map(|n| *n.get_ref()).or_else(|| free.next()).unwrap_or_default();
            graph_links.push(self.transit(entry, asn, entry.multipath.within(file.multipath), directory));
            self.behave(&entry.conduct, file);
        }
        let used: BTreeSet<u32> = self.topology.ases.iter().map(|a| a.asn).collect();
        let mut free = (1000..).filter(|n| *n != 23456 && !taken.contains(n) && !used.contains(n));
        for entry in &file.stubs {
            let asn = entry.asn.as_ref().map(|n| *n.get_ref()).or_else(|| free.next()).unwrap_or_default();
            self.stub(entry, asn, entry.multipath.within(file.multipath));
            self.behave(&entry.conduct, file);
        }
        for (index, (entry, links)) in file.ases.iter().zip(graph_links).enumerate() {
            for (a, b) in links {
                let span = entry.graphml.as_ref().map(Spanned::span).unwrap_or_default();
                let options = self.settle(a, b, &LinkOptions::default());
                self.link(a, b, LinkKind::Internal { cost: 10 }, None, options, span);
            }
            for link in &entry.links {
                let before = self.topology.links.len();
                self.inner_link(AsId(index), link);
                if self.topology.links.len() == before {
                    self.incomplete.insert(AsId(index));
                }
            }
        }
        self.exchanges(file, &taken);
        for entry in &file.links {
            self.outer_link(entry);
        }
        for (index, entry) in file.stubs.iter().enumerate() {
            self.stub_links(AsId(file.ases.len() + index), entry);
        }
    }

    /// Of the AS that came last.
    fn behave(&mut self, conduct: &Conduct, file: &LabFile) {
        if let Some(own) = self.topology.ases.last_mut() {
            own.roles = conduct.roles.unwrap_or(file.roles);
            own.rov = conduct.rov.as_ref().map_or(Rov::Off, |rov| *rov.get_ref());
            own.compare_med = conduct.compare_med;
            (own.prefer_older, own.add_paths) = (conduct.prefer_older, conduct.add_paths);
        }
    }

    fn unique_asns(&mut self, file: &LabFile) {
        let mut seen = BTreeMap::new();
        let given = file.ases.iter().map(|a| &a.asn).chain(file.stubs.iter().map(|s| &s.asn));
        let given = given.chain(file.exchanges.iter().map(|e| &e.asn));
        for asn in given.flatten() {
            if let Some(first) = seen.insert(*asn.get_ref(), asn.span()) {
                let found = self.problems.error("duplicate-asn", asn.span(), format!("AS number {asn} is taken"));
                found.label("given again").also(first, "first given here");
            }
        }
    }

    pub(super) fn name_syntax(&mut self, name: &Spanned<String>) -> bool {
        let text = name.get_ref();
        let ok = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit();
        let starts = text.starts_with(ok);
        if starts && text.len() <= LONGEST_NAME && text.chars().all(|c| ok(c) || c == '-' || c == '_') {
            return true;
        }
        let found = self.problems.error("bad-name", name.span(), format!("`{text}` cannot be a name"));
        found.label(format!("names are 1 to {LONGEST_NAME} of a-z 0-9 - _, and begin with a letter or a digit"));
        false
    }

    /// Takes a name for an AS, a stub or a router; all of them share one space of names.
    pub(super) fn declare(&mut self, what: &'static str, name: &Spanned<String>) {
        self.name_syntax(name);
        if let Some((other, first)) = self.names.get(name.get_ref()) {
            let message = format!("the name `{name}` is taken");
            let found = self.problems.error("duplicate-name", name.span(), message);
            found.label(format!("{what} of the same name")).also(first.clone(), format!("{other} `{name}`"));
            return;
        }
        self.names.insert(name.get_ref().clone(), (what, name.span()));
    }

    pub(super) fn add_node(
        &mut self,
        name: String,
        kind: NodeKind,
        place: Option<Place>,
        daemon: Option<&Spanned<String>>,
    ) -> NodeId {
        let id = NodeId(self.topology.nodes.len());
        self.nodes.entry(name.clone()).or_insert(id);
        let daemon = daemon.map_or_else(|| self.daemon.clone(), |word| Some(word.get_ref().clone()));
        self.topology.nodes.push(Node { name, kind, as_id: AsId(self.topology.ases.len()), place, daemon });
        id
    }

    /// Adds a transit AS and its routers; returns the links of its GraphML file.
    fn transit(&mut self, entry: &AsEntry, asn: u32, multipath: Multipath, directory: &Path) -> Vec<(NodeId, NodeId)> {
        self.declare("an AS", &entry.name);
        let graph = entry.graphml.as_ref().and_then(|path| self.graph(entry, path, directory));
        let mut routers = Vec::new();
        let mut links = Vec::new();
        if let (Some(graph), Some(path)) = (&graph, &entry.graphml) {
            for router in &graph.routers {
                let name = Spanned::new(path.span(), router.name.clone());
                self.router(entry, &name, router.place, None, &mut routers);
            }
            links.extend(graph.links.iter().map(|(a, b)| (routers[*a], routers[*b])));
        } else if let Some(entries) = &entry.routers {
            for router in entries {
                self.router(entry, &router.name, router.place, router.daemon.as_ref(), &mut routers);
            }
        } else if entry.graphml.is_none() {
            self.router(entry, &entry.name, None, None, &mut routers);
        }
        self.as_spans.push(entry.name.span());
        let (name, damping) = (entry.name.get_ref().clone(), entry.damping.as_ref().map(|d| *d.get_ref()));
        self.topology.ases.push(As { damping, ..As::new(name, asn, false, routers, multipath) });
        links
    }

    fn router(
        &mut self,
        entry: &AsEntry,
        name: &Spanned<String>,
        place: Option<Place>,
        daemon: Option<&Spanned<String>>,
        routers: &mut Vec<NodeId>,
    ) {
        self.router_name(&entry.name, name);
        let daemon = daemon.or(entry.daemon.as_ref());
        routers.push(self.add_node(name.get_ref().clone(), NodeKind::Router, place, daemon));
    }

    /// A router may be named as its own AS, once.
    pub(super) fn router_name(&mut self, of: &Spanned<String>, name: &Spanned<String>) {
        let own = name.get_ref() == of.get_ref() && !self.nodes.contains_key(name.get_ref());
        if !own {
            self.declare("a router", name);
        }
    }

    fn graph(&mut self, entry: &AsEntry, path: &Spanned<String>, directory: &Path) -> Option<graphml::Graph> {
        if entry.routers.is_some() || !entry.links.is_empty() {
            let found = self.problems.error(
                "graphml-and-routers",
                path.span(),
                "`graphml` stands instead of `routers` and `links`",
            );
            found
                .label("remove this, or remove them")
                .help("`anybed import` prints a GraphML file as routers and links to edit".to_owned());
        }
        let choice = graphml::Choice { largest_part: entry.largest_part, ..graphml::Choice::default() };
        match graphml::read(&directory.join(path.get_ref()), choice) {
            Ok(graph) => {
                self.problems.found.0.extend(graph.warnings.0.iter().cloned());
                Some(graph)
            }
            Err(errors) => {
                let message = format!("`{path}` cannot be used");
                self.problems.error("graphml", path.span(), message).label("its problems are listed with it");
                self.problems.found.0.extend(errors.0);
                None
            }
        }
    }
}
