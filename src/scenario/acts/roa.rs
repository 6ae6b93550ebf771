//! Actions on who may originate what: ROAs that are published while a lab runs.

use std::fmt;

use ipnet::IpNet;

use super::verb::{Act, Arm, Class, Given, Verb};
use crate::scenario::damage::{By, Damage, Fault};
use crate::scenario::deed::Deed;
use crate::scenario::words::{ActionError, asn};
use crate::topology::{NodeId, NodeKind, Roa, Topology};

/// What becomes of a ROA.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RoaAct {
    /// `publish PREFIX of AS [max LENGTH]`.
    Publish(Roa),
    /// `revoke PREFIX of AS [max LENGTH]`: one that was published so.
    Revoke(Roa),
}

const NO_ROUTING: &str = "is about routing, which is not simulated";

const PUBLISH: Verb = Verb::new("publish", "publish PREFIX of AS [max LENGTH]", Class::Fault).not_simulated(NO_ROUTING);
const REVOKE: Verb = Verb::new("revoke", "revoke PREFIX of AS [max LENGTH]", Class::Fault).not_simulated(NO_ROUTING);

pub(super) const ARMS: &[Arm<RoaAct>] = &[
    (PUBLISH, |given| Ok(vec![RoaAct::Publish(roa(given)?)])),
    (REVOKE, |given| Ok(vec![RoaAct::Revoke(roa(given)?)])),
];

impl Act for RoaAct {
    fn verb(&self) -> Verb {
        match self {
            Self::Publish(_) => PUBLISH,
            Self::Revoke(_) => REVOKE,
        }
    }

    /// The AS that may, if it is one of the lab.
    fn target<'a>(&self, topology: &'a Topology) -> &'a str {
        let (Self::Publish(roa) | Self::Revoke(roa)) = self;
        topology.ases.iter().find(|own| own.asn == roa.origin).map_or("", |own| &own.name)
    }

    fn show(&self, f: &mut fmt::Formatter<'_>, topology: &Topology) -> fmt::Result {
        let (Self::Publish(roa) | Self::Revoke(roa)) = self;
        write!(f, " {} of ", roa.prefix)?;
        match self.target(topology) {
            "" => write!(f, "{}", roa.origin)?,
            name => f.write_str(name)?,
        }
        match roa.max_length {
            length if length > roa.prefix.prefix_len() => write!(f, " max {length}"),
            _ => Ok(()),
        }
    }

    fn deed(&self) -> Deed {
        Deed::Policy
    }

    fn inflict(&self, damage: &mut Damage, by: &By<'_>) -> Result<(), String> {
        match self {
            Self::Publish(roa) => {
                let known = by.topology.roas.contains(roa);
                let why = || "there is such a ROA already".to_owned();
                if known { Err(why()) } else { damage.add([Fault::Published(*roa)], by, why) }
            }
            Self::Revoke(roa) => damage.remove(
                |f| *f == Fault::Published(*roa),
                by,
                || "no such ROA has been published since the lab began".to_owned(),
            ),
        }
    }

    fn undo(&self) -> Option<Self> {
        if let Self::Publish(roa) = self { Some(Self::Revoke(*roa)) } else { None }
    }
}

impl RoaAct {
    /// Routers that look at ROAs; with an RTR server, those that ask it.
    pub fn readers(topology: &Topology) -> Vec<NodeId> {
        topology.of_kind(NodeKind::is_router).filter(|router| topology.looks_at_roas(*router)).collect()
    }
}

/// `PREFIX of AS [max LENGTH]`.
fn roa(given: &mut Given<'_>) -> Result<Roa, ActionError> {
    let (word, form, topology) = (given.expect("a prefix")?, given.form, given.topology);
    let prefix = word.text.parse::<IpNet>().ok().filter(|prefix| prefix.trunc() == *prefix);
    let prefix = prefix
        .ok_or_else(|| word.error(format!("`{}` is no prefix", word.text), "such as 198.51.100.0/24".to_owned()))?;
    given.words.demand("of", form)?;
    let by = given.expect("an AS")?;
    let origin = asn(&by, topology)?;
    let mut max_length = prefix.prefix_len();
    if given.words.take("max") {
        let length = given.expect("a length")?;
        let read = length.text.parse().ok().filter(|n| (max_length..=prefix.max_prefix_len()).contains(n));
        let help = format!("from {max_length} to {}", prefix.max_prefix_len());
        max_length =
            read.ok_or_else(|| length.error(format!("`{}` is no length of a part of it", length.text), help))?;
    }
    if RoaAct::readers(topology).is_empty() {
        let help = "give an [[as]] `rov = true`".to_owned();
        return Err(given.verb.error("nobody in this lab looks at ROAs", help));
    }
    Ok(Roa { prefix, max_length, origin })
}
