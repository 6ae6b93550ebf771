//! The grammar of actions: one for the timeline and for live faults.

use std::fmt;
use std::time::Duration;

use super::effects::stretch;
use super::faults::{catchment, clear, flap, impair, link, partition, ping, stop};
use super::flood::flood;
use super::put::{overwrite, put};
use super::words::{Word, Words, host, overlay, stub};
use super::{Action, Ends, Part, Victim, programs};
use crate::routing::registry;
use crate::topology::diagnose::suggest;
use crate::topology::{GroupId, LinkId, NodeId, NodeKind, Topology};

pub use super::faults::{pinged, schedule};
pub use super::words::ActionError;

/// Every verb and its form.
pub const FORMS: &[(&str, &str)] = &[
    ("cut", "cut LINK"),
    ("mend", "mend LINK"),
    ("blackhole", "blackhole LINK [from NODE]"),
    ("impair", "impair LINK [from NODE] PROPERTY=VALUE …"),
    ("clear", "clear LINK [from NODE]"),
    ("fail", "fail STUB [silently]"),
    ("recover", "recover STUB"),
    ("partition", "partition NAME … [silently]"),
    ("heal", "heal NAME …"),
    ("crash", "crash NODE [node|bird|both|host]"),
    ("restart", "restart NODE [node|bird|both|host]"),
    ("freeze", "freeze NODE [node|bird|both]"),
    ("thaw", "thaw NODE [node|bird|both]"),
    ("renumber", "renumber HOST"),
    ("join", "join OVERLAY | join HOST|STUB … [in OVERLAY]"),
    ("leave", "leave HOST|STUB … [in OVERLAY]"),
    ("announce", "announce HOST [GROUP]"),
    ("withdraw", "withdraw HOST [GROUP]"),
    ("drain", "drain HOST [GROUP]"),
    ("put", "put COUNT in OVERLAY"),
    ("overwrite", "overwrite COUNT in OVERLAY [from HOST|STUB …]"),
    ("audit", "audit OVERLAY"),
    ("flood", "flood OVERLAY from HOST|STUB at RATE for TIME"),
    ("ping", "ping NAME …"),
    ("stretch", "stretch [GROUP]"),
    ("catchment", "catchment [GROUP]"),
    ("flap", "flap FAULT every PERIOD times COUNT"),
    ("stop", "stop FAULT"),
];

/// Reads one action. `join OVERLAY` and lists of hosts yield one [`Action`] per host.
///
/// # Errors
/// The text is no action, names what the lab has not, or asks for what cannot be done.
pub fn parse(text: &str, topology: &Topology) -> Result<Vec<Action>, ActionError> {
    parse_at(text, 0, topology)
}

/// As [`parse`], of a text that begins at byte `start` of what the user wrote.
pub(super) fn parse_at(text: &str, start: usize, topology: &Topology) -> Result<Vec<Action>, ActionError> {
    let mut words = Words::new(text, start);
    let verb = words.expect("an action", "fail STUB")?;
    let Some((_, form)) = FORMS.iter().find(|(name, _)| *name == verb.text) else {
        let message = format!("there is no action `{}`", verb.text);
        return Err(verb.error(message, suggest(verb.text, FORMS.iter().map(|(name, _)| *name))));
    };
    let actions = match verb.text {
        "cut" => vec![Action::Cut(link(&words.expect("a link", form)?, topology)?)],
        "mend" => vec![Action::Mend(link(&words.expect("a link", form)?, topology)?)],
        "blackhole" => vec![clear(&mut words, form, topology, Action::Blackhole)?],
        "impair" => vec![impair(&mut words, form, topology)?],
        "clear" => vec![clear(&mut words, form, topology, Action::Clear)?],
        "fail" => {
            let stub = stub(&words.expect("a stub", form)?, topology)?;
            vec![Action::Fail { stub, silently: words.take("silently") }]
        }
        "recover" => vec![Action::Recover(stub(&words.expect("a stub", form)?, topology)?)],
        "partition" => {
            let parts = partition(&mut words, form, topology)?;
            vec![Action::Partition { parts, silently: words.take("silently") }]
        }
        "heal" => vec![Action::Heal { parts: partition(&mut words, form, topology)? }],
        "crash" => process(&mut words, form, topology, Action::Crash)?,
        "restart" => process(&mut words, form, topology, Action::Restart)?,
        "freeze" => process(&mut words, form, topology, Action::Freeze)?,
        "thaw" => process(&mut words, form, topology, Action::Thaw)?,
        "renumber" => vec![Action::Renumber(host(&words.expect("a host", form)?, topology)?)],
        "join" => join(&mut words, form, topology)?,
        "leave" => per_host(&mut words, form, topology, |host, overlay| Action::Leave { host, overlay })?,
        "announce" => site(&mut words, form, topology, |host, group| Action::Announce { host, group })?,
        "withdraw" => site(&mut words, form, topology, |host, group| Action::Withdraw { host, group })?,
        "drain" => site(&mut words, form, topology, |host, group| Action::Drain { host, group })?,
        "put" => vec![put(&mut words, form, topology)?],
        "overwrite" => vec![overwrite(&mut words, form, topology)?],
        "flood" => vec![flood(&mut words, form, topology)?],
        "ping" => vec![ping(&mut words, form, topology)?],
        "stretch" => vec![stretch(&verb, &mut words, topology)?],
        "catchment" => vec![catchment(&mut words, form, topology)?],
        "flap" => return Ok(vec![flap(text, start, form, topology)?]),
        "stop" => return Ok(vec![stop(text, start, form, topology)?]),
        "audit" => vec![Action::Audit { overlay: overlay(&words.expect("an overlay", form)?, topology)? }],
        other => return Err(verb.error(format!("`{other}` cannot be read yet"), None)),
    };
    words.finish(form)?;
    Ok(actions)
}

fn process(
    words: &mut Words<'_>,
    form: &str,
    topology: &Topology,
    action: impl Fn(NodeId, Victim) -> Action,
) -> Result<Vec<Action>, ActionError> {
    let word = words.expect("a node", form)?;
    let Some(id) = topology.find(word.text) else {
        let known = topology.nodes.iter().filter(|n| n.kind.speaks_bgp()).map(|n| n.name.as_str());
        return Err(word.error(format!("there is no node `{}`", word.text), suggest(word.text, known)));
    };
    let running = programs::on(topology, id);
    if running.is_empty() {
        let help = format!("clients run neither a {} nor an overlay node", registry::preferred().title());
        return Err(word.error(format!("`{}` is a client", word.text), help));
    }
    let Some(victim) = words.next() else {
        return Ok(vec![action(id, if let [one] = running[..] { Victim::Program(one) } else { Victim::All })]);
    };
    if let Some(process) = running.iter().find(|process| process.name == victim.text) {
        return Ok(vec![action(id, Victim::Program(*process))]);
    }
    match victim.text {
        "both" if running.len() > 1 => Ok(vec![action(id, Victim::All)]),
        "host" if form.contains("host") => Ok(vec![action(id, Victim::Host)]),
        other => {
            let names: Vec<_> = running.iter().map(|process| format!("`{}`", process.name)).collect();
            let message = format!("`{other}` is no process of `{}`", word.text);
            Err(victim.error(message, format!("`{}` runs {}: `{form}`", word.text, names.join(" and "))))
        }
    }
}

fn join(words: &mut Words<'_>, form: &str, topology: &Topology) -> Result<Vec<Action>, ActionError> {
    let whole = words.peek().and_then(|name| topology.overlays.iter().position(|o| o.name == name));
    let Some(overlay) = whole else {
        return per_host(words, form, topology, |host, overlay| Action::Join { host, overlay });
    };
    words.next();
    Ok(topology.overlays[overlay].members.iter().map(|host| Action::Join { host: *host, overlay }).collect())
}

fn per_host(
    words: &mut Words<'_>,
    form: &str,
    topology: &Topology,
    action: impl Fn(NodeId, usize) -> Action,
) -> Result<Vec<Action>, ActionError> {
    let mut hosts = vec![words.expect("a host", form)?];
    while words.peek().is_some_and(|word| word != "in") {
        hosts.extend(words.next());
    }
    let named = if words.take("in") { Some(overlay(&words.expect("an overlay", form)?, topology)?) } else { None };
    let mut actions = Vec::new();
    for (word, id) in members(&hosts, topology)? {
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

/// The hosts named, and every member of the stubs named.
pub(super) fn members<'a, 'w>(
    words: &'a [Word<'w>],
    topology: &Topology,
) -> Result<Vec<(&'a Word<'w>, NodeId)>, ActionError> {
    let mut found = Vec::new();
    for word in words {
        match topology.find_stub(word.text) {
            Some(stub) => {
                let members = topology.of_kind(|kind| kind == NodeKind::Member);
                found.extend(members.filter(|id| topology.node(*id).as_id == stub).map(|id| (word, id)));
            }
            None => found.push((word, host(word, topology)?)),
        }
    }
    Ok(found)
}

fn site(
    words: &mut Words<'_>,
    form: &str,
    topology: &Topology,
    action: impl Fn(NodeId, GroupId) -> Action,
) -> Result<Vec<Action>, ActionError> {
    let word = words.expect("a host", form)?;
    let id = host(&word, topology)?;
    let groups = || topology.groups.iter().enumerate().filter(|(_, g)| g.members.contains(&id));
    if let Some(group) = words.next() {
        if let Some((index, _)) = groups().find(|(_, g)| g.name == group.text) {
            return Ok(vec![action(id, GroupId(index))]);
        }
        let message = if topology.groups.iter().any(|g| g.name == group.text) {
            format!("`{}` is not a member of group `{}`", word.text, group.text)
        } else {
            format!("there is no group `{}`", group.text)
        };
        return Err(group.error(message, suggest(group.text, groups().map(|(_, g)| g.name.as_str()))));
    }
    let default: Vec<_> = groups().filter(|(_, g)| g.role.is_public()).collect();
    match default[..] {
        [(index, _)] => Ok(vec![action(id, GroupId(index))]),
        [] => Err(word.error(format!("`{}` is in no group", word.text), None)),
        _ => {
            let names: Vec<_> = default.iter().map(|(_, g)| g.name.as_str()).collect();
            let message = format!("`{}` is in several groups: {}", word.text, names.join(", "));
            Err(word.error(message, format!("say which one: `{form}`")))
        }
    }
}

fn part_name(part: Part, topology: &Topology) -> &str {
    match part {
        Part::As(id) => &topology.ases[id.0].name,
        Part::Node(id) => &topology.node(id).name,
    }
}

fn names(parts: &[Part], topology: &Topology) -> String {
    parts.iter().map(|part| part_name(*part, topology)).collect::<Vec<_>>().join(" ")
}

/// `1m30s`.
fn one_word(time: Duration) -> String {
    humantime::format_duration(time).to_string().replace(' ', "")
}

/// ` from NODE`, if only what one end sends is meant.
struct From<'a>(LinkId, Ends, &'a Topology);

impl fmt::Display for From<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self(link, ends, topology) = self;
        let link = &topology.links[link.0];
        match ends {
            Ends::Both => Ok(()),
            Ends::One(side) => write!(f, " from {}", topology.node([link.a, link.b][*side]).name),
        }
    }
}

/// What kind of deed an action is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Class {
    /// Something done to the network, or its undo.
    Fault,
    /// Something that nodes are told to do with their overlay.
    Order,
    /// Traffic sent into the lab.
    Load,
    /// A question; it changes nothing.
    Look,
    /// Several faults in turn, or their end.
    Series,
}

/// An action's canonical text.
struct Shown<'a>(&'a Action, &'a Topology);

impl Action {
    /// The text that [`parse`] reads back to exactly this action.
    pub fn display<'a>(&'a self, topology: &'a Topology) -> impl fmt::Display + 'a {
        Shown(self, topology)
    }

    /// The first word of the text.
    pub fn verb(&self) -> &'static str {
        match self {
            Self::Cut(_) => "cut",
            Self::Mend(_) => "mend",
            Self::Blackhole(..) => "blackhole",
            Self::Impair(..) => "impair",
            Self::Clear(..) => "clear",
            Self::Partition { .. } => "partition",
            Self::Heal { .. } => "heal",
            Self::Freeze(..) => "freeze",
            Self::Thaw(..) => "thaw",
            Self::Renumber(_) => "renumber",
            Self::Drain { .. } => "drain",
            Self::Ping { .. } => "ping",
            Self::Stretch(_) => "stretch",
            Self::Catchment { .. } => "catchment",
            Self::Flap { .. } => "flap",
            Self::Stop(_) => "stop",
            Self::Fail { .. } => "fail",
            Self::Recover(_) => "recover",
            Self::Crash(..) => "crash",
            Self::Restart(..) => "restart",
            Self::Join { .. } => "join",
            Self::Leave { .. } => "leave",
            Self::Announce { .. } => "announce",
            Self::Withdraw { .. } => "withdraw",
            Self::Put { .. } => "put",
            Self::Overwrite { .. } => "overwrite",
            Self::Audit { .. } => "audit",
            Self::Flood { .. } => "flood",
        }
    }

    /// What kind of deed it is.
    pub fn class(&self) -> Class {
        match self {
            Self::Join { .. } | Self::Leave { .. } | Self::Put { .. } | Self::Overwrite { .. } => Class::Order,
            Self::Flap { .. } | Self::Stop(_) => Class::Series,
            Self::Audit { .. } | Self::Ping { .. } | Self::Stretch(_) | Self::Catchment { .. } => Class::Look,
            Self::Flood { .. } => Class::Load,
            Self::Cut(_)
            | Self::Mend(_)
            | Self::Blackhole(..)
            | Self::Impair(..)
            | Self::Clear(..)
            | Self::Fail { .. }
            | Self::Recover(_)
            | Self::Partition { .. }
            | Self::Heal { .. }
            | Self::Crash(..)
            | Self::Restart(..)
            | Self::Freeze(..)
            | Self::Thaw(..)
            | Self::Renumber(_)
            | Self::Announce { .. }
            | Self::Withdraw { .. }
            | Self::Drain { .. } => Class::Fault,
        }
    }

    /// Whether the record keeps it as a fault. Joins and the like are told by the nodes, looks by what they find;
    /// each step of a flap is a fault of its own.
    pub fn is_fault(&self) -> bool {
        matches!(self.class(), Class::Fault | Class::Load)
    }

    /// What undoes it; `None`: nothing does.
    pub fn undo(&self) -> Option<Self> {
        Some(match self {
            Self::Cut(link) => Self::Mend(*link),
            Self::Blackhole(link, ends) | Self::Impair(link, ends, _) => Self::Clear(*link, *ends),
            Self::Fail { stub, .. } => Self::Recover(*stub),
            Self::Partition { parts, .. } => Self::Heal { parts: parts.clone() },
            Self::Crash(node, victim) => Self::Restart(*node, *victim),
            Self::Freeze(node, victim) => Self::Thaw(*node, *victim),
            Self::Withdraw { host, group } | Self::Drain { host, group } => {
                Self::Announce { host: *host, group: *group }
            }
            _ => return None,
        })
    }

    /// What it is done to: a link, a stub, a node or an overlay; of a partition, the first that it names.
    pub fn target<'a>(&self, topology: &'a Topology) -> &'a str {
        match self {
            Self::Cut(link) | Self::Mend(link) => &topology.links[link.0].name,
            Self::Blackhole(link, _) | Self::Clear(link, _) => &topology.links[link.0].name,
            Self::Impair(link, ..) => &topology.links[link.0].name,
            Self::Fail { stub, .. } | Self::Recover(stub) => &topology.ases[stub.0].name,
            Self::Partition { parts, .. } | Self::Heal { parts } | Self::Ping { parts } => {
                parts.first().map_or("", |part| part_name(*part, topology))
            }
            Self::Crash(node, _) | Self::Restart(node, _) => &topology.node(*node).name,
            Self::Freeze(node, _) | Self::Thaw(node, _) | Self::Renumber(node) => &topology.node(*node).name,
            Self::Flap { fault, .. } | Self::Stop(fault) => fault.target(topology),
            Self::Join { host, .. } | Self::Leave { host, .. } => &topology.node(*host).name,
            Self::Announce { host, .. } | Self::Withdraw { host, .. } | Self::Drain { host, .. } => {
                &topology.node(*host).name
            }
            Self::Catchment { group } => &topology.groups[group.0].name,
            Self::Put { overlay, .. }
            | Self::Overwrite { overlay, .. }
            | Self::Audit { overlay }
            | Self::Flood { overlay, .. } => &topology.overlays[*overlay].name,
            Self::Stretch(group) => group.map_or("", |id| &topology.groups[id.0].name),
        }
    }
}

impl fmt::Display for Shown<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self(action, topology) = self;
        let (verb, target) = (action.verb(), action.target(topology));
        match action {
            Action::Crash(_, victim) | Action::Restart(_, victim) => write!(f, "{verb} {target} {victim}"),
            Action::Freeze(_, victim) | Action::Thaw(_, victim) => write!(f, "{verb} {target} {victim}"),
            Action::Blackhole(link, ends) | Action::Clear(link, ends) => {
                write!(f, "{verb} {target}{}", From(*link, *ends, topology))
            }
            Action::Impair(link, ends, properties) => {
                write!(f, "{verb} {target}{} {properties}", From(*link, *ends, topology))
            }
            Action::Fail { silently: true, .. } => write!(f, "{verb} {target} silently"),
            Action::Partition { parts, silently } => {
                write!(f, "{verb} {}{}", names(parts, topology), if *silently { " silently" } else { "" })
            }
            Action::Heal { parts } | Action::Ping { parts } => write!(f, "{verb} {}", names(parts, topology)),
            Action::Flap { fault, every, times } => {
                write!(f, "{verb} {} every {} times {times}", Shown(fault, topology), one_word(*every))
            }
            Action::Stop(fault) => write!(f, "{verb} {}", Shown(fault, topology)),
            Action::Join { overlay, .. } | Action::Leave { overlay, .. } => {
                write!(f, "{verb} {target} in {}", topology.overlays[*overlay].name)
            }
            Action::Announce { group, .. } | Action::Withdraw { group, .. } | Action::Drain { group, .. } => {
                write!(f, "{verb} {target} {}", topology.groups[group.0].name)
            }
            Action::Put { keys, .. } => write!(f, "{verb} {keys} in {target}"),
            Action::Overwrite { keys, from, .. } => {
                write!(f, "{verb} {keys} in {target}")?;
                let mut between = " from ";
                for host in from {
                    write!(f, "{between}{}", topology.node(*host).name)?;
                    between = " ";
                }
                Ok(())
            }
            Action::Flood { from, rate, time, .. } => {
                write!(f, "{verb} {target} from {} at {rate}/s for {}", topology.node(*from).name, one_word(*time))
            }
            Action::Stretch(None) => f.write_str(verb),
            _ => write!(f, "{verb} {target}"),
        }
    }
}

impl fmt::Display for Victim {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Program(process) => process.name,
            Self::All => "both",
            Self::Host => "host",
        })
    }
}
