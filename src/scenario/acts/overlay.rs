//! Actions on an overlay: who joins and leaves, keys that are stored and looked for, floods of joiners.

use std::fmt;
use std::time::Duration;

use super::state::State;
use super::verb::{Act, Arm, Class, Given, Verb, one_word};
use super::{flood, keys, search};
use crate::scenario::deed::Deed;
use crate::scenario::words::{ActionError, hosts_of, overlay};
use crate::topology::{NodeId, Topology};

/// What an overlay's nodes are told, or suffer. `overlay` is a place among the lab's overlays.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum OverlayAct {
    /// `join OVERLAY` (all its members) or `join HOST … [in OVERLAY]`, one entry per host.
    Join { host: NodeId, overlay: usize },
    /// `leave HOST … [in OVERLAY]`: drain, withdraw, hand over, stop. One entry per host.
    Leave { host: NodeId, overlay: usize },
    /// `put COUNT in OVERLAY`: stores COUNT new keys through joined nodes.
    Put { overlay: usize, keys: u32 },
    /// `overwrite COUNT in OVERLAY [from HOST|STUB …]`: stores another value for each of the first COUNT keys put,
    /// through these members that have joined, or through all.
    Overwrite { overlay: usize, keys: u32, from: Vec<NodeId> },
    /// `audit OVERLAY [in OVERLAY] [from HOST|STUB …]`: fetches every key put so far, from joined nodes in turn, or from
    /// these hosts, by asking this overlay or another.
    Audit { overlay: usize, asked: usize, from: Vec<NodeId> },
    /// `share COUNT in OVERLAY`: joined nodes share COUNT new items, the first common, the others ever rarer.
    Share { overlay: usize, items: u32 },
    /// `search COUNT [of OVERLAY] in OVERLAY [from HOST|STUB …]`: searches for COUNT items of one overlay in turn, by
    /// asking it or another: by these hosts, or by all that have joined.
    Search { overlay: usize, of: usize, searches: u32, from: Vec<NodeId> },
    /// `flood OVERLAY from HOST|STUB at RATE for TIME`: so many first Hellos a second from one host to the
    /// overlay's join address, which lead to no join.
    Flood { overlay: usize, from: NodeId, rate: u32, time: Duration },
}

const JOIN: Verb = Verb::new("join", "join OVERLAY | join HOST|STUB … [in OVERLAY]", Class::Order);
const LEAVE: Verb = Verb::new("leave", "leave HOST|STUB … [in OVERLAY]", Class::Order);
const PUT: Verb = Verb::new("put", "put COUNT in OVERLAY", Class::Order);
const OVERWRITE: Verb = Verb::new("overwrite", "overwrite COUNT in OVERLAY [from HOST|STUB …]", Class::Order);
const AUDIT: Verb = Verb::new("audit", "audit OVERLAY [in OVERLAY] [from HOST|STUB …]", Class::Look);
const SHARE: Verb = Verb::new("share", "share COUNT in OVERLAY", Class::Order);
const SEARCH: Verb = Verb::new("search", "search COUNT [of OVERLAY] in OVERLAY [from HOST|STUB …]", Class::Look);
const FLOOD: Verb = Verb::new("flood", "flood OVERLAY from HOST|STUB at RATE for TIME", Class::Load)
    .not_simulated("is datagrams of a kernel's sockets over real routes, which are not there");

pub(super) const ARMS: &[Arm<OverlayAct>] = &[
    (JOIN, |given| join(given)),
    (LEAVE, |given| per_host(given, |host, overlay| OverlayAct::Leave { host, overlay })),
    (PUT, |given| keys::count(given).map(|(keys, overlay)| vec![OverlayAct::Put { overlay, keys }])),
    (OVERWRITE, |given| {
        let (keys, overlay) = keys::count(given)?;
        Ok(vec![OverlayAct::Overwrite { overlay, keys, from: keys::writers(given, overlay)? }])
    }),
    (AUDIT, |given| {
        let (overlay, asked, from) = search::audit(given)?;
        Ok(vec![OverlayAct::Audit { overlay, asked, from }])
    }),
    (SHARE, |given| search::share(given).map(|(items, overlay)| vec![OverlayAct::Share { overlay, items }])),
    (SEARCH, |given| {
        let (searches, of, overlay, from) = search::search(given)?;
        Ok(vec![OverlayAct::Search { overlay, of, searches, from }])
    }),
    (FLOOD, |given| {
        let (overlay, from, rate, time) = flood::flood(given)?;
        Ok(vec![OverlayAct::Flood { overlay, from, rate, time }])
    }),
];

impl OverlayAct {
    /// The overlay that it is about.
    pub fn overlay(&self) -> usize {
        match self {
            Self::Join { overlay, .. }
            | Self::Leave { overlay, .. }
            | Self::Put { overlay, .. }
            | Self::Overwrite { overlay, .. }
            | Self::Audit { overlay, .. }
            | Self::Share { overlay, .. }
            | Self::Search { overlay, .. }
            | Self::Flood { overlay, .. } => *overlay,
        }
    }
}

impl Act for OverlayAct {
    fn verb(&self) -> Verb {
        match self {
            Self::Join { .. } => JOIN,
            Self::Leave { .. } => LEAVE,
            Self::Put { .. } => PUT,
            Self::Overwrite { .. } => OVERWRITE,
            Self::Audit { .. } => AUDIT,
            Self::Share { .. } => SHARE,
            Self::Search { .. } => SEARCH,
            Self::Flood { .. } => FLOOD,
        }
    }

    fn target<'a>(&self, topology: &'a Topology) -> &'a str {
        match self {
            Self::Join { host, .. } | Self::Leave { host, .. } => &topology.node(*host).name,
            Self::Put { overlay, .. }
            | Self::Overwrite { overlay, .. }
            | Self::Audit { overlay, .. }
            | Self::Share { overlay, .. }
            | Self::Search { overlay, .. }
            | Self::Flood { overlay, .. } => &topology.overlays[*overlay].name,
        }
    }

    fn show(&self, f: &mut fmt::Formatter<'_>, topology: &Topology) -> fmt::Result {
        let target = self.target(topology);
        match self {
            Self::Join { overlay, .. } | Self::Leave { overlay, .. } => {
                write!(f, " {target} in {}", topology.overlays[*overlay].name)
            }
            Self::Put { keys: count, .. } | Self::Share { items: count, .. } => write!(f, " {count} in {target}"),
            Self::Overwrite { keys: count, from, .. } => {
                write!(f, " {count} in {target}")?;
                show_from(from, f, topology)
            }
            Self::Search { overlay, of, searches, from } => {
                let of = if of == overlay { String::new() } else { format!(" of {}", topology.overlays[*of].name) };
                write!(f, " {searches}{of} in {target}")?;
                show_from(from, f, topology)
            }
            Self::Audit { overlay, asked, from } => {
                write!(f, " {target}")?;
                if asked != overlay {
                    write!(f, " in {}", topology.overlays[*asked].name)?;
                }
                show_from(from, f, topology)
            }
            Self::Flood { from, rate, time, .. } => {
                write!(f, " {target} from {} at {rate}/s for {}", topology.node(*from).name, one_word(*time))
            }
        }
    }

    fn deed(&self) -> Deed {
        match self {
            Self::Join { .. } => Deed::Join,
            Self::Flood { .. } => Deed::Flood,
            Self::Leave { .. }
            | Self::Put { .. }
            | Self::Overwrite { .. }
            | Self::Audit { .. }
            | Self::Share { .. }
            | Self::Search { .. } => Deed::Other,
        }
    }

    fn lasts(&self) -> Duration {
        match self {
            Self::Flood { time, .. } => *time,
            _ => Duration::ZERO,
        }
    }

    fn possible(&self, state: &mut State<'_>) -> Result<(), String> {
        match self {
            Self::Join { host, overlay } => {
                if state.joined.insert((*host, *overlay), true) == Some(true) {
                    return Err("it has already joined".to_owned());
                }
                state.has_joined.insert(*overlay);
                state.joins_groups(*host, *overlay, true);
            }
            Self::Leave { host, overlay } => {
                if state.joined.insert((*host, *overlay), false) == Some(false) {
                    return Err("it has not joined".to_owned());
                }
                state.joins_groups(*host, *overlay, false);
            }
            Self::Overwrite { overlay, .. } | Self::Audit { overlay, .. } => {
                if !state.has_put.contains(overlay) {
                    return Err("no key has been put".to_owned());
                }
            }
            Self::Search { of, .. } => {
                if !state.has_shared.contains(of) {
                    return Err("no item has been shared".to_owned());
                }
            }
            Self::Put { overlay, .. } | Self::Share { overlay, .. } | Self::Flood { overlay, .. }
                if !state.has_joined.contains(overlay) =>
            {
                return Err("no node has joined the overlay".to_owned());
            }
            Self::Put { overlay, .. } => drop(state.has_put.insert(*overlay)),
            Self::Share { overlay, .. } => drop(state.has_shared.insert(*overlay)),
            Self::Flood { overlay, from, time, .. } => {
                let end = state.floods.insert((*from, *overlay), state.at + *time);
                if let Some(end) = end.filter(|end| *end > state.at) {
                    let end = humantime::format_duration(end);
                    return Err(format!("its flood of this overlay goes on until {end}"));
                }
            }
        }
        Ok(())
    }
}

fn show_from(from: &[NodeId], f: &mut fmt::Formatter<'_>, topology: &Topology) -> fmt::Result {
    let mut between = " from ";
    for host in from {
        write!(f, "{between}{}", topology.node(*host).name)?;
        between = " ";
    }
    Ok(())
}

fn join(given: &mut Given<'_>) -> Result<Vec<OverlayAct>, ActionError> {
    let whole = given.words.peek().and_then(|name| given.topology.overlays.iter().position(|o| o.name == name));
    let Some(overlay) = whole else {
        return per_host(given, |host, overlay| OverlayAct::Join { host, overlay });
    };
    given.words.next();
    let members = given.topology.overlays[overlay].members.iter();
    Ok(members.map(|host| OverlayAct::Join { host: *host, overlay }).collect())
}

fn per_host(
    given: &mut Given<'_>,
    action: impl Fn(NodeId, usize) -> OverlayAct,
) -> Result<Vec<OverlayAct>, ActionError> {
    let mut hosts = vec![given.expect("a host")?];
    while given.words.peek().is_some_and(|word| word != "in") {
        hosts.extend(given.words.next());
    }
    let topology = given.topology;
    let named = if given.words.take("in") { Some(overlay(&given.expect("an overlay")?, topology)?) } else { None };
    let mut actions = Vec::new();
    for (word, id) in hosts_of(&hosts, topology)? {
        let of: Vec<_> = (0..topology.overlays.len()).filter(|o| topology.overlays[*o].members.contains(&id)).collect();
        let name = |overlay: usize| topology.overlays[overlay].name.as_str();
        let overlay = match (named, &of[..]) {
            (Some(named), of) if of.contains(&named) => named,
            (Some(named), _) => {
                let message = format!("`{}` is not a member of overlay `{}`", word.text, name(named));
                return Err(word.error(message, "add it to the overlay's `members`".to_owned()));
            }
            (None, [one]) => *one,
            (None, []) => return Err(word.error(format!("`{}` is in no overlay", word.text), None)),
            (None, _) => {
                let names: Vec<_> = of.iter().map(|o| name(*o)).collect();
                let message = format!("`{}` is in several overlays: {}", word.text, names.join(", "));
                return Err(word.error(message, "say which one: `in OVERLAY`".to_owned()));
            }
        };
        actions.push(action(id, overlay));
    }
    Ok(actions)
}
