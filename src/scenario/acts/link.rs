//! Actions on links and on parts of the network: what is cut, impaired, fails, is parted, and how it is mended.

use std::fmt;

use super::parts;
use super::verb::{Act, Arm, Class, Given, Verb};
use crate::physics::{PROPERTIES, Properties};
use crate::scenario::damage::{By, Damage, Fault};
use crate::scenario::deed::Deed;
use crate::scenario::scope::{Ends, Part, members};
use crate::scenario::words::{ActionError, Word, stub};
use crate::topology::diagnose::suggest;
use crate::topology::{AsId, Link, LinkId, NodeId, Topology};

/// What is done to links.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LinkAct {
    /// `cut LINK`: carrier lost at both ends.
    Cut(LinkId),
    /// `mend LINK`.
    Mend(LinkId),
    /// `blackhole LINK [from NODE]`: frames vanish, the carrier stays; those of one end, or all.
    Blackhole(LinkId, Ends),
    /// `impair LINK [from NODE] PROPERTY=VALUE …`: what one end sends, or both. Other properties stay.
    Impair(LinkId, Ends, Properties),
    /// `clear LINK [from NODE]`: undoes `blackhole` and `impair`.
    Clear(LinkId, Ends),
    /// `fail STUB [silently]`: all its uplinks cut, or turned into black holes, at once.
    Fail { stub: AsId, silently: bool },
    /// `recover STUB`.
    Recover(AsId),
    /// `partition NAME … [silently]`: these ASes, routers and hosts against the rest.
    Partition { parts: Vec<Part>, silently: bool },
    /// `heal NAME …`.
    Heal { parts: Vec<Part> },
}

const CUT: Verb = Verb::new("cut", "cut LINK", Class::Fault);
const MEND: Verb = Verb::new("mend", "mend LINK", Class::Fault);
const BLACKHOLE: Verb = Verb::new("blackhole", "blackhole LINK [from NODE]", Class::Fault);
const IMPAIR: Verb = Verb::new("impair", "impair LINK [from NODE] PROPERTY=VALUE …", Class::Fault);
const CLEAR: Verb = Verb::new("clear", "clear LINK [from NODE]", Class::Fault);
const FAIL: Verb = Verb::new("fail", "fail STUB [silently]", Class::Fault);
const RECOVER: Verb = Verb::new("recover", "recover STUB", Class::Fault);
const PARTITION: Verb = Verb::new("partition", "partition NAME … [silently]", Class::Fault);
const HEAL: Verb = Verb::new("heal", "heal NAME …", Class::Fault);

pub(super) const ARMS: &[Arm<LinkAct>] = &[
    (CUT, |given| Ok(vec![LinkAct::Cut(medium(given)?)])),
    (MEND, |given| Ok(vec![LinkAct::Mend(medium(given)?)])),
    (BLACKHOLE, |given| {
        let link = medium(given)?;
        Ok(vec![LinkAct::Blackhole(link, ends(given, link)?)])
    }),
    (IMPAIR, |given| {
        let link = medium(given)?;
        let ends = ends(given, link)?;
        Ok(vec![LinkAct::Impair(link, ends, properties(given)?)])
    }),
    (CLEAR, |given| {
        let link = medium(given)?;
        Ok(vec![LinkAct::Clear(link, ends(given, link)?)])
    }),
    (FAIL, |given| {
        let stub = stub(&given.expect("a stub")?, given.topology)?;
        Ok(vec![LinkAct::Fail { stub, silently: given.words.take("silently") }])
    }),
    (RECOVER, |given| Ok(vec![LinkAct::Recover(stub(&given.expect("a stub")?, given.topology)?)])),
    (PARTITION, |given| {
        let parts = parts::partition(given)?;
        Ok(vec![LinkAct::Partition { parts, silently: given.words.take("silently") }])
    }),
    (HEAL, |given| Ok(vec![LinkAct::Heal { parts: parts::partition(given)? }])),
];

impl Act for LinkAct {
    fn verb(&self) -> Verb {
        match self {
            Self::Cut(_) => CUT,
            Self::Mend(_) => MEND,
            Self::Blackhole(..) => BLACKHOLE,
            Self::Impair(..) => IMPAIR,
            Self::Clear(..) => CLEAR,
            Self::Fail { .. } => FAIL,
            Self::Recover(_) => RECOVER,
            Self::Partition { .. } => PARTITION,
            Self::Heal { .. } => HEAL,
        }
    }

    fn target<'a>(&self, topology: &'a Topology) -> &'a str {
        match self {
            Self::Cut(link)
            | Self::Mend(link)
            | Self::Blackhole(link, _)
            | Self::Clear(link, _)
            | Self::Impair(link, ..) => &topology.links[link.0].name,
            Self::Fail { stub, .. } | Self::Recover(stub) => &topology.ases[stub.0].name,
            Self::Partition { parts, .. } | Self::Heal { parts } => parts::first(parts, topology),
        }
    }

    fn show(&self, f: &mut fmt::Formatter<'_>, topology: &Topology) -> fmt::Result {
        let target = self.target(topology);
        match self {
            Self::Cut(_) | Self::Mend(_) | Self::Recover(_) => write!(f, " {target}"),
            Self::Blackhole(link, ends) | Self::Clear(link, ends) => {
                write!(f, " {target}{}", From(*link, *ends, topology))
            }
            Self::Impair(link, ends, properties) => {
                write!(f, " {target}{} {properties}", From(*link, *ends, topology))
            }
            Self::Fail { silently, .. } => write!(f, " {target}{}", how(*silently)),
            Self::Partition { parts, silently } => {
                write!(f, " {}{}", parts::names(parts, topology), how(*silently))
            }
            Self::Heal { parts } => write!(f, " {}", parts::names(parts, topology)),
        }
    }

    fn deed(&self) -> Deed {
        match self {
            Self::Mend(_) | Self::Clear(..) | Self::Recover(_) | Self::Heal { .. } => Deed::Repair,
            Self::Cut(_) | Self::Blackhole(..) | Self::Impair(..) | Self::Fail { .. } | Self::Partition { .. } => {
                Deed::Damage
            }
        }
    }

    fn impairs(&self) -> Option<LinkId> {
        match self {
            Self::Impair(link, ..) => Some(*link),
            _ => None,
        }
    }

    fn simulated(&self) -> Result<(), String> {
        match self {
            Self::Impair(_, _, p) if *p != (Properties { delay: p.delay, ..Properties::default() }) => {
                Err("with more than `delay` is not simulated".to_owned())
            }
            _ => self.verb().simulated.map_err(str::to_owned),
        }
    }

    fn inflict(&self, damage: &mut Damage, by: &By<'_>) -> Result<(), String> {
        let topology = by.topology;
        let named = |link: &LinkId| format!("link {}", topology.links[link.0].name);
        match self {
            Self::Cut(link) => damage.add([Fault::Cut(*link)], by, || format!("{} is cut already", named(link))),
            Self::Mend(link) => {
                damage.remove(|f| *f == Fault::Cut(*link), by, || format!("{} has not been cut", named(link)))
            }
            Self::Blackhole(link, ends) => {
                let faults = ends.sides().map(|side| Fault::Blackhole(*link, side));
                damage.add(faults, by, || format!("{} is a black hole already", named(link)))
            }
            Self::Impair(link, ends, properties) => damage.impair(*link, *ends, properties, by),
            Self::Clear(link, ends) => {
                damage.clear(*link, *ends, by, || format!("{} is neither impaired nor a black hole", named(link)))
            }
            Self::Fail { stub, silently } => {
                if damage.has(by, |f| matches!(f, Fault::Fail(s, _) if s == stub)) {
                    return Err(format!("{} has failed already", topology.ases[stub.0].name));
                }
                damage.add([Fault::Fail(*stub, *silently)], by, String::new)
            }
            Self::Recover(stub) => {
                let why = || format!("{} has not failed", topology.ases[stub.0].name);
                damage.remove(|f| matches!(f, Fault::Fail(s, _) if s == stub), by, why)
            }
            Self::Partition { parts, silently } => {
                let set = members(parts, topology);
                if damage.has(by, |f| matches!(f, Fault::Partition(s, _) if *s == set)) {
                    return Err("that partition is there already".to_owned());
                }
                damage.add([Fault::Partition(set, *silently)], by, String::new)
            }
            Self::Heal { parts } => {
                let set = members(parts, topology);
                let why = || "there is no partition between these and the rest".to_owned();
                damage.remove(|f| matches!(f, Fault::Partition(s, _) if *s == set), by, why)
            }
        }
    }

    fn undo(&self) -> Option<Self> {
        match self {
            Self::Cut(link) => Some(Self::Mend(*link)),
            Self::Blackhole(link, ends) | Self::Impair(link, ends, _) => Some(Self::Clear(*link, *ends)),
            Self::Fail { stub, .. } => Some(Self::Recover(*stub)),
            Self::Partition { parts, .. } => Some(Self::Heal { parts: parts.clone() }),
            Self::Mend(_) | Self::Clear(..) | Self::Recover(_) | Self::Heal { .. } => None,
        }
    }
}

fn how(silently: bool) -> &'static str {
    if silently { " silently" } else { "" }
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

/// A link by its name, or by its two ends in the other order.
pub(super) fn link(given: &mut Given<'_>) -> Result<LinkId, ActionError> {
    let (word, topology) = (given.expect("a link")?, given.topology);
    if let Some(id) = topology.find_link(word.text) {
        return Ok(id);
    }
    let name = |id: NodeId| topology.node(id).name.as_str();
    let reversed = |l: &Link| word.text == format!("{}-{}", name(l.b), name(l.a));
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

/// A link that frames pass: one over an exchange has ports for that.
fn medium(given: &mut Given<'_>) -> Result<LinkId, ActionError> {
    let verb = given.verb.clone();
    let (id, topology) = (link(given)?, given.topology);
    let found = &topology.links[id.0];
    match found.over.map(|exchange| &topology.node(exchange).name) {
        Some(exchange) => {
            let ports: Vec<_> = topology.passed(id).iter().map(|port| topology.links[port.0].name.as_str()).collect();
            let message = format!("{} is a session over {exchange}, not a link of its own", found.name);
            Err(verb.error(message, format!("its ports are {}", ports.join(" and "))))
        }
        None => Ok(id),
    }
}

/// `[from NODE]`.
pub(super) fn ends(given: &mut Given<'_>, link: LinkId) -> Result<Ends, ActionError> {
    if !given.words.take("from") {
        return Ok(Ends::Both);
    }
    let word = given.expect("an end of the link")?;
    let link = &given.topology.links[link.0];
    let names = [link.a, link.b].map(|id| given.topology.node(id).name.as_str());
    match names.iter().position(|name| *name == word.text) {
        Some(side) => Ok(Ends::One(side)),
        None => {
            let message = format!("`{}` is no end of link {}", word.text, link.name);
            Err(word.error(message, format!("its ends are `{}` and `{}`", names[0], names[1])))
        }
    }
}

fn properties(given: &mut Given<'_>) -> Result<Properties, ActionError> {
    let mut properties = Properties::default();
    let mut word = given.expect("a property")?;
    loop {
        property(&mut properties, &word)?;
        match given.words.next() {
            Some(next) => word = next,
            None => return Ok(properties),
        }
    }
}

fn property(properties: &mut Properties, word: &Word<'_>) -> Result<(), ActionError> {
    let Some((name, value)) = word.text.split_once('=') else {
        return Err(word.error(format!("`{}` has no value", word.text), "write it as `delay=80ms`".to_owned()));
    };
    let Some((_, example)) = PROPERTIES.iter().find(|(known, _)| *known == name) else {
        let help = suggest(name, PROPERTIES.iter().map(|(known, _)| *known));
        return Err(word.error(format!("there is no property `{name}` of a link"), help));
    };
    properties.set(name, value).map_err(|why| word.error(why, format!("such as `{name}={example}`")))
}
