//! Actions on what routers announce and believe: rules of single sessions that come and go.

use std::fmt;

use super::link::{ends, link};
use super::verb::{Act, Arm, Class, Given, Verb};
use crate::routing::daemon::Feature;
use crate::routing::registry;
use crate::scenario::daemons::elsewhere;
use crate::scenario::damage::{By, Damage};
use crate::scenario::deed::Deed;
use crate::scenario::scope::{Ends, Session};
use crate::scenario::words::{ActionError, Word};
use crate::topology::diagnose::suggest;
use crate::topology::{Change, GroupId, LinkKind, NodeId, NodeKind, Topology};

/// What one end of a session is to do besides what the lab file says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PolicyAct {
    /// `set LINK [from NODE] [for GROUP] KEY=VALUE …`: what it does not name stays as it is.
    Set { session: Session, change: Change },
    /// `unset LINK [from NODE] [for GROUP]`.
    Unset { session: Session },
}

const NO_ROUTING: &str = "is routing, which is not simulated";

const SET: Verb =
    Verb::new("set", "set LINK [from NODE] [for GROUP] KEY=VALUE …", Class::Fault).not_simulated(NO_ROUTING);
const UNSET: Verb = Verb::new("unset", "unset LINK [from NODE] [for GROUP]", Class::Fault).not_simulated(NO_ROUTING);

pub(super) const ARMS: &[Arm<PolicyAct>] = &[
    (SET, |given| {
        let session = session(given)?;
        Ok(vec![PolicyAct::Set { session, change: change(given, session)? }])
    }),
    (UNSET, |given| Ok(vec![PolicyAct::Unset { session: session(given)? }])),
];

impl Act for PolicyAct {
    fn verb(&self) -> Verb {
        match self {
            Self::Set { .. } => SET,
            Self::Unset { .. } => UNSET,
        }
    }

    fn target<'a>(&self, topology: &'a Topology) -> &'a str {
        let (Self::Set { session, .. } | Self::Unset { session }) = self;
        &topology.links[session.link.0].name
    }

    fn show(&self, f: &mut fmt::Formatter<'_>, topology: &Topology) -> fmt::Result {
        let (Self::Set { session, .. } | Self::Unset { session }) = self;
        let link = &topology.links[session.link.0];
        write!(f, " {} from {}", link.name, topology.node([link.a, link.b][session.side]).name)?;
        if let Some(group) = session.group {
            write!(f, " for {}", topology.groups[group.0].name)?;
        }
        match self {
            Self::Set { change, .. } => write!(f, " {change}"),
            Self::Unset { .. } => Ok(()),
        }
    }

    fn deed(&self) -> Deed {
        Deed::Policy
    }

    fn inflict(&self, damage: &mut Damage, by: &By<'_>) -> Result<(), String> {
        match self {
            Self::Set { session, change } => {
                damage.set(*session, change, by);
                Ok(())
            }
            Self::Unset { session } => damage.unset(*session, by),
        }
    }

    fn undo(&self) -> Option<Self> {
        match self {
            Self::Set { session, .. } => Some(Self::Unset { session: *session }),
            Self::Unset { .. } => None,
        }
    }
}

impl PolicyAct {
    /// Whose rules change.
    pub fn speaker(&self, topology: &Topology) -> NodeId {
        let (Self::Set { session, .. } | Self::Unset { session }) = self;
        let link = &topology.links[session.link.0];
        [link.a, link.b][session.side]
    }
}

/// `LINK [from NODE] [for GROUP]`. Of an uplink, the stub's end is meant if none is named.
fn session(given: &mut Given<'_>) -> Result<Session, ActionError> {
    let verb = given.verb.clone();
    let id = link(given)?;
    let topology = given.topology;
    let link = &topology.links[id.0];
    if !matches!(link.kind, LinkKind::External(_)) {
        let message = format!("link {} is not between ASes", link.name);
        return Err(verb.error(message, "inside an AS and to hosts nothing is announced by policy".to_owned()));
    }
    let side = match ends(given, id)? {
        Ends::One(side) => side,
        Ends::Both => {
            let stub = |node: &NodeId| topology.node(*node).kind == NodeKind::Gateway;
            [link.a, link.b].iter().position(stub).ok_or_else(|| {
                let [a, b] = [link.a, link.b].map(|node| &topology.node(node).name);
                verb.error(format!("whose rule of {}?", link.name), format!("say it: `from {a}` or `from {b}`"))
            })?
        }
    };
    let group = if given.words.take("for") {
        let word = given.expect("a group")?;
        let known = || topology.groups.iter().map(|group| group.name.as_str());
        let found = known().position(|name| name == word.text);
        Some(GroupId(
            found
                .ok_or_else(|| word.error(format!("there is no group `{}`", word.text), suggest(word.text, known())))?,
        ))
    } else {
        None
    };
    Ok(Session { link: id, side, group })
}

fn change(given: &mut Given<'_>, session: Session) -> Result<Change, ActionError> {
    let mut change = Change::default();
    let mut word = given.expect("what is to be so")?;
    let link = &given.topology.links[session.link.0];
    let speaker = given.topology.node([link.a, link.b][session.side]);
    loop {
        one(&mut change, &word, given.topology)?;
        let row = registry::meant(speaker);
        if change.has_weight() && !row.has(Feature::Weight) {
            let message = format!("{} has no `weight`, and `{}` runs it", row.title(), speaker.name);
            return Err(word.error(message, elsewhere(Feature::Weight)));
        }
        match given.words.next() {
            Some(next) => word = next,
            None => return Ok(change),
        }
    }
}

fn one(change: &mut Change, word: &Word<'_>, topology: &Topology) -> Result<(), ActionError> {
    let Some((key, value)) = word.text.split_once('=') else {
        return Err(word.error(format!("`{}` has no value", word.text), "write it as `prepend=2`".to_owned()));
    };
    if !Change::KEYS.contains(&key) {
        return Err(word.error(format!("there is no `{key}` of a policy"), suggest(key, Change::KEYS.iter().copied())));
    }
    change.set(key, value, topology).map_err(|why| word.error(why, None))
}
