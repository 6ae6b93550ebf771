//! From the file's shape to links: inside ASes and between them.

use std::ops::Range;

use toml::Spanned;

use super::check::Builder;
use super::diagnose::suggest;
use super::file::{InnerLink, LinkEntry, LinkOptions};
use super::model::*;
use super::options::Settled;

impl Builder<'_> {
    pub(super) fn link(
        &mut self,
        a: NodeId,
        b: NodeId,
        kind: LinkKind,
        name: Option<&Spanned<String>>,
        options: Settled,
        span: Range<usize>,
    ) -> LinkId {
        let (from, to) = (&self.topology.node(a).name, &self.topology.node(b).name);
        let plain = name.map_or_else(|| format!("{from}-{to}"), |name| name.get_ref().clone());
        let numbered = (2..).map(|n| format!("{plain}#{n}"));
        let free = std::iter::once(plain.clone()).chain(numbered).find(|name| !self.link_names.contains(name));
        let free = free.expect("the numbers do not end");
        if let Some(name) = name {
            self.name_syntax(name);
            if free != plain {
                let found =
                    self.problems.error("duplicate-name", name.span(), format!("a link is already named `{name}`"));
                found.label("another link of the same name").help("a link without a name is called A-B".to_owned());
            }
        }
        self.link_names.insert(free.clone());
        let Settled { impairments, emulated, session } = options;
        self.topology.links.push(Link { name: free, a, b, kind, impairments, emulated, session, over: None });
        self.link_spans.push(span);
        LinkId(self.topology.links.len() - 1)
    }

    /// The router or gateway of this name; hosts and unknown names are reported.
    pub(super) fn find_router(&mut self, name: &Spanned<String>) -> Option<NodeId> {
        let found = self.nodes.get(name.get_ref()).copied();
        if let Some(id) = found
            && self.topology.node(id).kind.is_router()
        {
            return found;
        }
        let message = match (found, self.names.get(name.get_ref())) {
            (_, Some((what, _))) => format!("`{name}` is {what}, not a router"),
            (Some(_), None) => format!("`{name}` is a host, not a router"),
            (None, None) => format!("there is no router `{name}`"),
        };
        let routers = self.topology.nodes.iter().filter(|n| n.kind.is_router()).map(|n| n.name.as_str());
        let help = suggest(name.get_ref(), routers);
        self.problems.error("unknown-name", name.span(), message).label("unknown router").help(help);
        None
    }

    fn self_link(&mut self, a: NodeId, b: NodeId, span: Range<usize>) -> bool {
        if a == b {
            let name = &self.topology.node(a).name;
            self.problems
                .error("self-link", span, format!("a link from `{name}` to itself"))
                .label("both ends are the same");
        }
        a == b
    }

    pub(super) fn inner_link(&mut self, as_id: AsId, link: &InnerLink) {
        let bare = LinkOptions::default();
        let (a, b, cost, name, options, span) = match link {
            InnerLink::Short(text) => {
                let Some((a, b)) = self.split(as_id, text) else { return };
                (a, b, 10, None, &bare, text.span())
            }
            InnerLink::Long { a, b, cost, name, options } => {
                let (Some(from), Some(to)) = (self.find_router(a), self.find_router(b)) else { return };
                for (end, id) in [(a, from), (b, to)] {
                    let other = self.topology.node(id).as_id;
                    if other != as_id {
                        let message = format!("`{end}` is in AS `{}`", self.topology.ases[other.0].name);
                        let found = self.problems.error("not-internal", end.span(), message);
                        found
                            .label("not a router of this AS")
                            .help("a link between ASes is a [[link]] with a relation".to_owned());
                        return;
                    }
                }
                (from, to, *cost, name.as_ref(), &**options, a.span())
            }
        };
        if !self.self_link(a, b, span.clone()) {
            let options = self.settle(a, b, options);
            self.link(a, b, LinkKind::Internal { cost }, name, options, span);
        }
    }

    /// Finds the two routers of `A-B`; names may contain dashes themselves.
    fn split(&mut self, as_id: AsId, text: &Spanned<String>) -> Option<(NodeId, NodeId)> {
        let dashes: Vec<_> = text.get_ref().match_indices('-').map(|(i, _)| i).collect();
        let halves: Vec<_> = dashes.iter().map(|i| (&text.get_ref()[..*i], &text.get_ref()[i + 1..])).collect();
        let inside = |name: &str| self.nodes.get(name).copied().filter(|n| self.topology.node(*n).as_id == as_id);
        let known: Vec<_> = halves.iter().filter_map(|(a, b)| Some((inside(a)?, inside(b)?))).collect();
        let wide = halves.iter().any(|(a, b)| self.nodes.contains_key(*a) && self.nodes.contains_key(*b));
        match known[..] {
            [one] => return Some(one),
            [] => {}
            _ => {
                let found =
                    self.problems.error("ambiguous-link", text.span(), format!("`{text}` can be read in two ways"));
                found.label("names with dashes").help("write it as { a = \"…\", b = \"…\" }".to_owned());
                return None;
            }
        }
        let name = &self.topology.ases[as_id.0].name;
        if wide {
            let found = self.problems.error("not-internal", text.span(), format!("`{text}` is not inside AS `{name}`"));
            found.label("an end is in another AS").help("a link between ASes is a [[link]] with a relation".to_owned());
            return None;
        }
        let routers: Vec<_> =
            self.topology.ases[as_id.0].routers.iter().map(|n| self.topology.node(*n).name.as_str()).collect();
        let wrong = halves.iter().find_map(|(a, b)| match (inside(a), inside(b)) {
            (Some(_), None) => Some(*b),
            (None, Some(_)) => Some(*a),
            _ => None,
        });
        let help = wrong.or(halves.first().map(|(a, _)| *a)).and_then(|wrong| suggest(wrong, routers));
        let label = match wrong {
            Some(wrong) => format!("AS `{name}` has no router `{wrong}`"),
            None => format!("not A-B with two routers of AS `{name}`"),
        };
        let found =
            self.problems.error("unknown-name", text.span(), format!("`{text}` is no link between two routers"));
        found.label(label).help(help);
        None
    }

    pub(super) fn outer_link(&mut self, entry: &LinkEntry) {
        let (Some(a), Some(b)) = (self.find_router(&entry.a), self.find_router(&entry.b)) else { return };
        if self.self_link(a, b, entry.b.span()) {
            return;
        }
        let (home, other) = (self.topology.node(a).as_id, self.topology.node(b).as_id);
        if home == other {
            let message =
                format!("`{}` and `{}` are both in AS `{}`", entry.a, entry.b, self.topology.ases[home.0].name);
            let found = self.problems.error("not-external", entry.b.span(), message);
            found
                .label("same AS")
                .also(entry.a.span(), "as this")
                .help("a link inside an AS belongs to `links` of its [[as]]".to_owned());
            return;
        }
        let Some(over) = self.meet([a, b], entry.over.as_ref(), &entry.options) else { return };
        let options = self.settle(a, b, &entry.options);
        let link = self.link(a, b, LinkKind::External(entry.relation), entry.name.as_ref(), options, entry.a.span());
        self.share(link, over);
    }
}
