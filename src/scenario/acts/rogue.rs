//! Actions on ASes that do in BGP what they should not: announce what is another's, or tell everything to everybody.

use std::fmt;

use super::verb::{Act, Arm, Class, Given, Verb};
use crate::routing::daemon::Feature;
use crate::routing::registry;
use crate::scenario::damage::{By, Damage, Fault};
use crate::scenario::deed::Deed;
use crate::scenario::scope::Hijack;
use crate::scenario::words::{ActionError, Word, asn, stub};
use crate::topology::diagnose::suggest;
use crate::topology::{AsId, GroupId, NodeId, Topology};

/// What an AS does, or does no more.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RogueAct {
    /// `hijack GROUP by STUB [more specific] [forging ORIGIN]`.
    Hijack { group: GroupId, stub: AsId, how: Hijack },
    /// `leak AS|STUB`: it tells all neighbors all that it knows.
    Leak(AsId),
    /// `end hijack GROUP by STUB`.
    EndHijack { group: GroupId, stub: AsId },
    /// `end leak AS|STUB`.
    EndLeak(AsId),
}

const NO_ROUTING: &str = "is routing, which is not simulated";

const HIJACK: Verb =
    Verb::new("hijack", "hijack GROUP by STUB [more specific] [forging AS]", Class::Fault).not_simulated(NO_ROUTING);
const LEAK: Verb = Verb::new("leak", "leak AS|STUB", Class::Fault).not_simulated(NO_ROUTING);
const END: Verb =
    Verb::new("end", "end hijack GROUP by STUB | end leak AS|STUB", Class::Fault).not_simulated(NO_ROUTING);

pub(super) const ARMS: &[Arm<RogueAct>] = &[
    (HIJACK, |given| {
        let (group, stub) = taken(given)?;
        let specific = given.words.take("more");
        if specific {
            let form = given.form;
            given.words.demand("specific", form)?;
            halves(given, group)?;
        }
        let forging = match given.words.take("forging") {
            true => Some(origin(&given.expect("an AS")?, given.topology)?),
            false => None,
        };
        Ok(vec![RogueAct::Hijack { group, stub, how: Hijack { specific, forging } }])
    }),
    (LEAK, |given| Ok(vec![RogueAct::Leak(any_as(given)?)])),
    (END, |given| {
        let what = given.expect("`hijack` or `leak`")?;
        match what.text {
            "hijack" => taken(given).map(|(group, stub)| vec![RogueAct::EndHijack { group, stub }]),
            "leak" => Ok(vec![RogueAct::EndLeak(any_as(given)?)]),
            other => Err(what.error(format!("`{other}` cannot be ended"), format!("write `{}`", given.form))),
        }
    }),
];

impl Act for RogueAct {
    fn verb(&self) -> Verb {
        match self {
            Self::Hijack { .. } => HIJACK,
            Self::Leak(_) => LEAK,
            Self::EndHijack { .. } | Self::EndLeak(_) => END,
        }
    }

    fn target<'a>(&self, topology: &'a Topology) -> &'a str {
        &topology.ases[self.by().0].name
    }

    fn show(&self, f: &mut fmt::Formatter<'_>, topology: &Topology) -> fmt::Result {
        let target = self.target(topology);
        match self {
            Self::Hijack { group, how, .. } => {
                write!(f, " {} by {target}", topology.groups[group.0].name)?;
                f.write_str(if how.specific { " more specific" } else { "" })?;
                how.forging.map_or(Ok(()), |asn| write!(f, " forging {asn}"))
            }
            Self::Leak(_) => write!(f, " {target}"),
            Self::EndHijack { group, .. } => write!(f, " hijack {} by {target}", topology.groups[group.0].name),
            Self::EndLeak(_) => write!(f, " leak {target}"),
        }
    }

    fn deed(&self) -> Deed {
        match self {
            Self::Hijack { .. } => Deed::Hijack,
            Self::Leak(_) | Self::EndHijack { .. } | Self::EndLeak(_) => Deed::Policy,
        }
    }

    fn inflict(&self, damage: &mut Damage, by: &By<'_>) -> Result<(), String> {
        let name = || self.target(by.topology);
        match self {
            Self::Hijack { group, stub, how } => {
                if damage.has(by, |f| matches!(f, Fault::Hijack(g, s, _) if (g, s) == (group, stub))) {
                    return Err(format!("{} hijacks it already", name()));
                }
                damage.add([Fault::Hijack(*group, *stub, *how)], by, String::new)
            }
            Self::Leak(id) => damage.add([Fault::Leak(*id)], by, || format!("{} leaks already", name())),
            Self::EndHijack { group, stub } => {
                let meant = |f: &Fault| matches!(f, Fault::Hijack(g, s, _) if (g, s) == (group, stub));
                damage.remove(meant, by, || format!("{} does not hijack it", name()))
            }
            Self::EndLeak(id) => damage.remove(|f| *f == Fault::Leak(*id), by, || format!("{} leaks nothing", name())),
        }
    }

    fn undo(&self) -> Option<Self> {
        match self {
            Self::Hijack { group, stub, .. } => Some(Self::EndHijack { group: *group, stub: *stub }),
            Self::Leak(id) => Some(Self::EndLeak(*id)),
            Self::EndHijack { .. } | Self::EndLeak(_) => None,
        }
    }
}

impl RogueAct {
    /// The AS that does it.
    pub fn by(&self) -> AsId {
        match self {
            Self::Hijack { stub, .. } | Self::EndHijack { stub, .. } => *stub,
            Self::Leak(id) | Self::EndLeak(id) => *id,
        }
    }

    /// The stub that takes a group, and which.
    pub fn takes(&self) -> Option<(AsId, GroupId)> {
        if let Self::Hijack { group, stub, .. } = self { Some((*stub, *group)) } else { None }
    }
}

/// `GROUP by STUB`, one that does not announce the group anyway.
fn taken(given: &mut Given<'_>) -> Result<(GroupId, AsId), ActionError> {
    let (word, topology) = (given.expect("a group")?, given.topology);
    let plain = || topology.groups.iter().filter(|group| group.is_plain()).map(|group| group.name.as_str());
    let found = topology.groups.iter().position(|group| group.name == word.text && group.is_plain());
    let group = found.ok_or_else(|| {
        let of_overlay = topology.groups.iter().any(|group| group.name == word.text);
        let message = match of_overlay {
            true => format!("`{}` is not a plain group", word.text),
            false => format!("there is no group `{}`", word.text),
        };
        word.error(message, suggest(word.text, plain()))
    })?;
    let form = given.form;
    given.words.demand("by", form)?;
    let by = given.expect("a stub")?;
    let stub = stub(&by, topology)?;
    let gateway = topology.node(topology.taker(stub));
    let row = registry::meant(gateway);
    if !row.has(Feature::Impersonation) {
        let message = format!("`{}` runs a {}, which announces nothing of others'", by.text, row.title());
        let able = registry::DAEMONS.iter().find(|row| row.has(Feature::Impersonation)).map(|row| row.make());
        return Err(by.error(message, able.map(|word| format!("`daemon = \"{word}\"` of this stub can"))));
    }
    let own = &topology.groups[group];
    let covering = topology.groups.iter().filter(|other| own.addresses.iter().any(|address| other.covers(*address)));
    let site = |member: &NodeId| topology.node(*member).as_id == stub;
    if let Some(other) = covering.into_iter().find(|other| other.members.iter().any(site)) {
        let message = format!("`{}` announces `{}` anyway", by.text, other.name);
        return Err(by.error(message, "name a stub without a member of the group".to_owned()));
    }
    Ok((GroupId(group), stub))
}

/// Whether the group's prefix has halves.
fn halves(given: &Given<'_>, group: GroupId) -> Result<(), ActionError> {
    let group = &given.topology.groups[group.0];
    match group.prefixes().find(|prefix| prefix.prefix_len() == prefix.max_prefix_len()) {
        None => Ok(()),
        Some(prefix) => {
            let help = format!("give `{}` a `prefix`", group.name);
            Err(given.words.missing(&format!("nothing is more specific than {prefix}"), help))
        }
    }
}

/// What a path may begin at.
fn origin(word: &Word<'_>, topology: &Topology) -> Result<u32, ActionError> {
    let help = || "name the AS that is to seem its origin".to_owned();
    let asn = asn(word, topology)?;
    if asn == 0 { Err(word.error("nobody is AS 0 (RFC 7607)".to_owned(), help())) } else { Ok(asn) }
}

fn any_as(given: &mut Given<'_>) -> Result<AsId, ActionError> {
    let (word, topology) = (given.expect("an AS or a stub")?, given.topology);
    let found = topology.ases.iter().position(|own| own.name == word.text);
    found.map(AsId).ok_or_else(|| {
        let known = topology.ases.iter().map(|own| own.name.as_str());
        word.error(format!("there is no AS or stub `{}`", word.text), suggest(word.text, known))
    })
}
