//! From `[[policy]]` and the short keys of uplinks to rules of sessions.

use toml::Spanned;

use super::check::Builder;
use super::communities::{Unread, number_of, read_community};
use super::diagnose::{Problems, suggest};
use super::file::{LabFile, PolicyEntry, PolicyOptions};
use super::model::*;
use super::policy::{Community, Direction, MOST_PREPENDS, Pattern, Policy, Then, Which};
use super::prefixes::prefix_of;
use super::table::Table;

impl PolicyOptions {
    /// The keys that an uplink has too.
    pub(super) fn read(table: &Table<'_>, f: &mut Problems) -> Self {
        let any = 0..=u64::from(u32::MAX);
        Self {
            prepend: table.integer("prepend", 1..=MOST_PREPENDS.into(), f),
            weight: table.integer("weight", 0..=u64::from(u16::MAX), f),
            local_pref: table.integer("local_pref", any.clone(), f),
            med: table.integer("med", any, f),
        }
    }
}

impl PolicyEntry {
    pub(super) fn read(table: &Table<'_>, f: &mut Problems) -> Option<Self> {
        if table.get("of").is_none() {
            table.missing("of", f);
        }
        let of = table.one_or_more("of", f);
        let (to, from) = (table.one_or_more("to", f), table.one_or_more("from", f));
        match (table.get("to"), table.get("from")) {
            (None, None) => {
                let found = f.error("missing-key", table.span.clone(), "[[policy]] needs `to` or `from`");
                found.label("announced to whom, or heard from whom?");
            }
            (Some(to), Some(from)) => {
                let found = f.error("to-and-from", from.span(), "`to` and `from` exclude one another");
                found.label("what is heard").also(to.span(), "what is announced").help("write two rules".to_owned());
            }
            _ => {}
        }
        let list = |key, f: &mut Problems| table.one_or_more(key, f).unwrap_or_default();
        let does = ["prepend", "weight", "local_pref", "med", "add", "remove", "reject"];
        if !does.iter().any(|key| table.get(key).is_some()) {
            let found = f.error("idle-policy", table.span.clone(), "the rule changes nothing");
            found
                .label("and then?")
                .help("add `prepend`, `weight`, `local_pref`, `med`, `add`, `remove` or `reject`".to_owned());
        }
        let entry = Self {
            of: of.unwrap_or_default(),
            direction: if table.get("to").is_some() { Direction::Export } else { Direction::Import },
            neighbors: to.or(from).unwrap_or_default(),
            groups: list("groups", f),
            prefixes: list("prefixes", f),
            communities: list("communities", f),
            through: list("through", f),
            options: PolicyOptions::read(table, f),
            add: list("add", f),
            remove: list("remove", f),
            reject: table.boolean("reject", f).unwrap_or(false),
        };
        (!entry.of.is_empty() && !entry.neighbors.is_empty()).then_some(entry)
    }
}

impl Builder<'_> {
    pub(super) fn policies(&mut self, file: &LabFile) {
        for entry in &file.policies {
            self.policy(entry);
        }
    }

    /// The stub's own end: what it announces over the link, and how it likes what it hears.
    pub(super) fn short_policy(&mut self, at: NodeId, link: LinkId, options: &PolicyOptions) {
        let Then { prepend, weight, local_pref, med, .. } = options.then();
        let told = Then { prepend, med, ..Then::default() };
        let heard = Then { weight, local_pref, ..Then::default() };
        for (direction, then) in [(Direction::Export, told), (Direction::Import, heard)] {
            if then != Then::default() {
                self.topology.policies.push(Policy { at, link, direction, which: Which::default(), then });
            }
        }
    }

    fn policy(&mut self, entry: &PolicyEntry) {
        let which = Which {
            prefixes: self.patterns(entry),
            communities: self.communities(&entry.communities),
            through: entry.through.iter().filter_map(|name| self.asn_of(name)).collect(),
        };
        let (add, remove) = (self.communities(&entry.add), self.communities(&entry.remove));
        let then = Then { add, remove, reject: entry.reject, ..entry.options.then() };
        self.sensible(entry);
        let own: Vec<NodeId> = entry.of.iter().flat_map(|name| self.speakers(name)).collect();
        for neighbor in &entry.neighbors {
            for (at, link) in self.sessions(&own, neighbor) {
                let (which, then) = (which.clone(), then.clone());
                self.topology.policies.push(Policy { at, link, direction: entry.direction, which, then });
            }
        }
    }

    /// What cannot have an effect.
    fn sensible(&mut self, entry: &PolicyEntry) {
        let local_pref = entry.options.local_pref.as_ref().filter(|_| entry.direction == Direction::Export);
        if let Some(value) = local_pref {
            let found = self.problems.error("idle-policy", value.span(), "`local_pref` stays within an AS");
            found.label("not told to another AS (RFC 4271 §5.1.5)");
            found.help("give it to what is heard (`from`), or use `prepend` or `med`".to_owned());
        }
        let weight = entry.options.weight.as_ref().filter(|_| entry.direction == Direction::Export);
        if let Some(value) = weight {
            let found = self.problems.error("idle-policy", value.span(), "`weight` stays within a router");
            found
                .label("told to nobody")
                .help("give it to what is heard (`from`), or use `prepend` or `med`".to_owned());
        }
    }

    fn patterns(&mut self, entry: &PolicyEntry) -> Vec<Pattern> {
        let mut patterns = Vec::new();
        for name in &entry.groups {
            let groups = &self.topology.groups;
            let of_overlay = |group: &&Group| group.name.split('/').next() == Some(name.get_ref());
            let found: Vec<_> = groups.iter().filter(of_overlay).flat_map(Group::prefixes).collect();
            if found.is_empty() {
                let help = suggest(name.get_ref(), groups.iter().map(|group| group.name.as_str()));
                let message = format!("there is no group or overlay `{name}`");
                self.problems.error("unknown-name", name.span(), message).label("not announced").help(help);
            }
            patterns.extend(found.into_iter().map(|prefix| Pattern { prefix, longer: false }));
        }
        for text in &entry.prefixes {
            let (plain, longer) =
                text.get_ref().strip_suffix('+').map_or((text.get_ref().as_str(), false), |p| (p, true));
            let such_as = "such as \"198.51.100.0/24\", or with longer ones \"198.51.100.0/24+\"";
            let prefix = prefix_of(plain, text, such_as, self.problems);
            patterns.extend(prefix.map(|prefix| Pattern { prefix, longer }));
        }
        patterns
    }

    fn communities(&mut self, texts: &[Spanned<String>]) -> Vec<Community> {
        texts.iter().filter_map(|text| self.community(text)).collect()
    }

    fn community(&mut self, text: &Spanned<String>) -> Option<Community> {
        match read_community(text.get_ref(), &self.topology) {
            Ok(community) => Some(community),
            Err(Unread { code, message, label, help }) => {
                self.problems.error(code, text.span(), message).label(label).help(help);
                None
            }
        }
    }

    fn asn_of(&mut self, name: &Spanned<String>) -> Option<u32> {
        let found = number_of(name.get_ref(), &self.topology);
        if found.is_none() {
            self.unknown_as(name);
        }
        found
    }

    fn unknown_as(&mut self, name: &Spanned<String>) {
        let known = self.topology.ases.iter().map(|own| own.name.as_str());
        let known = known.chain(self.topology.nodes.iter().filter(|n| n.kind.is_router()).map(|n| n.name.as_str()));
        let help = suggest(name.get_ref(), known);
        let message = format!("there is no AS, stub or router `{name}`");
        self.problems.error("unknown-name", name.span(), message).label("unknown").help(help);
    }

    /// The routers of an AS or stub, or one router.
    fn speakers(&mut self, name: &Spanned<String>) -> Vec<NodeId> {
        let found = self.topology.routers_of(name.get_ref());
        if found.is_empty() {
            self.unknown_as(name);
        }
        found
    }

    /// Sessions of `own` with another AS: that of this name, that of its router, or over the link of this name.
    fn sessions(&mut self, own: &[NodeId], neighbor: &Spanned<String>) -> Vec<(NodeId, LinkId)> {
        let name = neighbor.get_ref();
        let by_link = self.topology.links.iter().any(|link| link.name == *name);
        let others = self.topology.routers_of(name);
        if others.is_empty() && !by_link {
            self.unknown_as(neighbor);
            return Vec::new();
        }
        let mut sessions = Vec::new();
        for (index, link) in self.topology.links.iter().enumerate() {
            if !matches!(link.kind, LinkKind::External(_)) {
                continue;
            }
            for (at, other) in [(link.a, link.b), (link.b, link.a)] {
                if own.contains(&at) && (link.name == *name || others.contains(&other)) {
                    sessions.push((at, LinkId(index)));
                }
            }
        }
        if sessions.is_empty() && !own.is_empty() {
            let message = format!("there is no session with `{name}`");
            let found = self.problems.error("no-session", neighbor.span(), message);
            found.label("not a neighbor of whose rule it is").help("policies are about links between ASes".to_owned());
        }
        sessions
    }
}

impl PolicyOptions {
    pub(super) fn is_given(&self) -> bool {
        self.prepend.is_some() || self.local_pref.is_some() || self.med.is_some()
    }

    fn then(&self) -> Then {
        let number = |given: &Option<Spanned<u64>>| given.as_ref().and_then(|n| u32::try_from(*n.get_ref()).ok());
        let prepend = number(&self.prepend).and_then(|n| u8::try_from(n).ok()).unwrap_or(0);
        let weight = number(&self.weight).and_then(|n| u16::try_from(n).ok());
        Then { prepend, weight, local_pref: number(&self.local_pref), med: number(&self.med), ..Then::default() }
    }
}
