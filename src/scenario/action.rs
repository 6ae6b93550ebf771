//! The grammar of actions: one for the timeline and for live faults.

use std::fmt;

use super::words::{Word, Words, host, overlay, stub};
use super::{Action, Victim};
use crate::topology::diagnose::suggest;
use crate::topology::{GroupId, GroupRole, LinkId, NodeId, NodeKind, Topology};

pub use super::words::ActionError;

/// Every verb and its form.
pub const FORMS: &[(&str, &str)] = &[
    ("cut", "cut LINK"),
    ("mend", "mend LINK"),
    ("fail", "fail STUB"),
    ("recover", "recover STUB"),
    ("crash", "crash NODE [node|bird|both]"),
    ("restart", "restart NODE [node|bird|both]"),
    ("join", "join OVERLAY | join HOST … [in OVERLAY]"),
    ("leave", "leave HOST … [in OVERLAY]"),
    ("announce", "announce HOST [GROUP]"),
    ("withdraw", "withdraw HOST [GROUP]"),
    ("put", "put COUNT in OVERLAY"),
    ("audit", "audit OVERLAY"),
];

/// The most keys of one `put`.
const MOST_KEYS: u32 = 1_000_000;

/// Reads one action. `join OVERLAY` and lists of hosts yield one [`Action`] per host.
///
/// # Errors
/// The text is no action, names what the lab has not, or asks for what cannot be done.
pub fn parse(text: &str, topology: &Topology) -> Result<Vec<Action>, ActionError> {
    let mut words = Words::new(text, 0);
    let verb = words.expect("an action", "fail STUB")?;
    let Some((_, form)) = FORMS.iter().find(|(name, _)| *name == verb.text) else {
        let message = format!("there is no action `{}`", verb.text);
        return Err(verb.error(message, suggest(verb.text, FORMS.iter().map(|(name, _)| *name))));
    };
    let actions = match verb.text {
        "cut" => vec![Action::Cut(link(&words.expect("a link", form)?, topology)?)],
        "mend" => vec![Action::Mend(link(&words.expect("a link", form)?, topology)?)],
        "fail" => vec![Action::Fail(stub(&words.expect("a stub", form)?, topology)?)],
        "recover" => vec![Action::Recover(stub(&words.expect("a stub", form)?, topology)?)],
        "crash" => process(&mut words, form, topology, Action::Crash)?,
        "restart" => process(&mut words, form, topology, Action::Restart)?,
        "join" => join(&mut words, form, topology)?,
        "leave" => per_host(&mut words, form, topology, |host, overlay| Action::Leave { host, overlay })?,
        "announce" => site(&mut words, form, topology, |host, group| Action::Announce { host, group })?,
        "withdraw" => site(&mut words, form, topology, |host, group| Action::Withdraw { host, group })?,
        "put" => put(&mut words, form, topology)?,
        _ => vec![Action::Audit { overlay: overlay(&words.expect("an overlay", form)?, topology)? }],
    };
    words.finish(form)?;
    Ok(actions)
}

/// A link by its name, or by its two ends in the other order.
fn link(word: &Word<'_>, topology: &Topology) -> Result<LinkId, ActionError> {
    if let Some(id) = topology.find_link(word.text) {
        return Ok(id);
    }
    let name = |id: NodeId| topology.node(id).name.as_str();
    let reversed = |l: &crate::topology::Link| word.text == format!("{}-{}", name(l.b), name(l.a));
    let found: Vec<_> = topology.links.iter().enumerate().filter(|(_, l)| reversed(l)).map(|(i, _)| i).collect();
    match found[..] {
        [one] => Ok(LinkId(one)),
        [] => {
            let known = topology.links.iter().map(|l| l.name.as_str());
            Err(word.error(format!("there is no link `{}`", word.text), suggest(word.text, known)))
        }
        _ => {
            let names: Vec<_> = found.iter().map(|i| topology.links[*i].name.as_str()).collect();
            Err(word
                .error(format!("`{}` can be {}", word.text, names.join(" or ")), "use one of these names".to_owned()))
        }
    }
}

fn process(
    words: &mut Words<'_>,
    form: &str,
    topology: &Topology,
    action: impl Fn(NodeId, Victim) -> Action,
) -> Result<Vec<Action>, ActionError> {
    let word = words.expect("a node", form)?;
    let Some(id) = topology.find(word.text) else {
        let known = topology.nodes.iter().filter(|n| n.kind.has_bird()).map(|n| n.name.as_str());
        return Err(word.error(format!("there is no node `{}`", word.text), suggest(word.text, known)));
    };
    let router = topology.node(id).kind.is_router();
    if topology.node(id).kind == NodeKind::Client {
        let help = "clients run neither a BIRD nor an overlay node".to_owned();
        return Err(word.error(format!("`{}` is a client", word.text), help));
    }
    let Some(victim) = words.next() else {
        return Ok(vec![action(id, if router { Victim::Bird } else { Victim::Both })]);
    };
    let meant = match victim.text {
        "node" => Victim::Node,
        "bird" => Victim::Bird,
        "both" => Victim::Both,
        other => {
            let message = format!("`{other}` is no process of a node");
            return Err(victim.error(message, suggest(other, ["node", "bird", "both"])));
        }
    };
    if router && meant != Victim::Bird {
        return Err(victim.error(format!("router `{}` runs only a BIRD", word.text), format!("write `{form}`")));
    }
    Ok(vec![action(id, meant)])
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
    for word in &hosts {
        let id = host(word, topology)?;
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
    let default: Vec<_> = groups().filter(|(_, g)| !matches!(g.role, GroupRole::Color(..))).collect();
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

fn put(words: &mut Words<'_>, form: &str, topology: &Topology) -> Result<Vec<Action>, ActionError> {
    let count = words.expect("a number of keys", form)?;
    let keys = match count.text.parse() {
        Ok(keys) if (1..=MOST_KEYS).contains(&keys) => keys,
        _ => {
            let message = format!("`{}` is no number of keys", count.text);
            return Err(count.error(message, format!("a whole number from 1 to {MOST_KEYS}")));
        }
    };
    let preposition = words.expect("`in`", form)?;
    if preposition.text != "in" {
        return Err(
            preposition.error(format!("`in` belongs here, not `{}`", preposition.text), format!("write `{form}`"))
        );
    }
    Ok(vec![Action::Put { overlay: overlay(&words.expect("an overlay", form)?, topology)?, keys }])
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
            Self::Fail(_) => "fail",
            Self::Recover(_) => "recover",
            Self::Crash(..) => "crash",
            Self::Restart(..) => "restart",
            Self::Join { .. } => "join",
            Self::Leave { .. } => "leave",
            Self::Announce { .. } => "announce",
            Self::Withdraw { .. } => "withdraw",
            Self::Put { .. } => "put",
            Self::Audit { .. } => "audit",
        }
    }

    /// What it is done to: a link, a stub, a node or an overlay.
    pub fn target<'a>(&self, topology: &'a Topology) -> &'a str {
        match self {
            Self::Cut(link) | Self::Mend(link) => &topology.links[link.0].name,
            Self::Fail(stub) | Self::Recover(stub) => &topology.ases[stub.0].name,
            Self::Crash(node, _) | Self::Restart(node, _) => &topology.node(*node).name,
            Self::Join { host, .. } | Self::Leave { host, .. } => &topology.node(*host).name,
            Self::Announce { host, .. } | Self::Withdraw { host, .. } => &topology.node(*host).name,
            Self::Put { overlay, .. } | Self::Audit { overlay } => &topology.overlays[*overlay].name,
        }
    }
}

impl fmt::Display for Shown<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self(action, topology) = self;
        let (verb, target) = (action.verb(), action.target(topology));
        match action {
            Action::Crash(_, victim) | Action::Restart(_, victim) => write!(f, "{verb} {target} {victim}"),
            Action::Join { overlay, .. } | Action::Leave { overlay, .. } => {
                write!(f, "{verb} {target} in {}", topology.overlays[*overlay].name)
            }
            Action::Announce { group, .. } | Action::Withdraw { group, .. } => {
                write!(f, "{verb} {target} {}", topology.groups[group.0].name)
            }
            Action::Put { keys, .. } => write!(f, "{verb} {keys} in {target}"),
            _ => write!(f, "{verb} {target}"),
        }
    }
}

impl fmt::Display for Victim {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Node => "node",
            Self::Bird => "bird",
            Self::Both => "both",
        })
    }
}
