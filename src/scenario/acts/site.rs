//! Actions on a host as a site: what it announces, and the address that it has.

use std::fmt;

use super::state::State;
use super::verb::{Act, Arm, Class, Given, Verb};
use crate::scenario::damage::{By, Damage};
use crate::scenario::deed::Deed;
use crate::scenario::words::{ActionError, host};
use crate::topology::diagnose::suggest;
use crate::topology::{GroupId, NodeId, Topology};

/// What a site is told to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SiteAct {
    /// `renumber HOST`: a new unicast address, as after a change of its DHCP lease.
    Renumber(NodeId),
    /// `announce HOST|STUB [GROUP]`: a stub whose gateway announces the group.
    Announce { host: NodeId, group: GroupId },
    /// `withdraw HOST|STUB [GROUP]`.
    Withdraw { host: NodeId, group: GroupId },
    /// `drain HOST|STUB [GROUP]`: tag the route for graceful shutdown (RFC 8326), wait, withdraw.
    Drain { host: NodeId, group: GroupId },
}

const NO_ROUTING: &str = "is routing, which is not simulated";

const RENUMBER: Verb = Verb::new("renumber", "renumber HOST", Class::Fault).not_simulated("is not simulated");
const ANNOUNCE: Verb = Verb::new("announce", "announce HOST|STUB [GROUP]", Class::Fault).not_simulated(NO_ROUTING);
const WITHDRAW: Verb = Verb::new("withdraw", "withdraw HOST|STUB [GROUP]", Class::Fault).not_simulated(NO_ROUTING);
const DRAIN: Verb = Verb::new("drain", "drain HOST|STUB [GROUP]", Class::Fault).not_simulated(NO_ROUTING);

pub(super) const ARMS: &[Arm<SiteAct>] = &[
    (RENUMBER, |given| Ok(vec![SiteAct::Renumber(host(&given.expect("a host")?, given.topology)?)])),
    (ANNOUNCE, |given| site(given, |host, group| SiteAct::Announce { host, group })),
    (WITHDRAW, |given| site(given, |host, group| SiteAct::Withdraw { host, group })),
    (DRAIN, |given| site(given, |host, group| SiteAct::Drain { host, group })),
];

impl Act for SiteAct {
    fn verb(&self) -> Verb {
        match self {
            Self::Renumber(_) => RENUMBER,
            Self::Announce { .. } => ANNOUNCE,
            Self::Withdraw { .. } => WITHDRAW,
            Self::Drain { .. } => DRAIN,
        }
    }

    fn target<'a>(&self, topology: &'a Topology) -> &'a str {
        match self {
            Self::Renumber(host)
            | Self::Announce { host, .. }
            | Self::Withdraw { host, .. }
            | Self::Drain { host, .. } => &topology.node(*host).name,
        }
    }

    fn show(&self, f: &mut fmt::Formatter<'_>, topology: &Topology) -> fmt::Result {
        let target = self.target(topology);
        match self {
            Self::Renumber(_) => write!(f, " {target}"),
            Self::Announce { group, .. } | Self::Withdraw { group, .. } | Self::Drain { group, .. } => {
                write!(f, " {target} {}", topology.groups[group.0].name)
            }
        }
    }

    fn deed(&self) -> Deed {
        match self {
            Self::Renumber(_) => Deed::Renumber,
            Self::Announce { .. } | Self::Withdraw { .. } | Self::Drain { .. } => Deed::Site,
        }
    }

    fn possible(&self, state: &mut State<'_>) -> Result<(), String> {
        match self {
            Self::Renumber(host) => state.forget(*host),
            Self::Announce { host, group } => {
                if state.announced.insert((*host, *group), true) == Some(true) {
                    return Err("it already announces the group".to_owned());
                }
            }
            Self::Withdraw { host, group } | Self::Drain { host, group } => {
                if state.announced.insert((*host, *group), false) == Some(false) {
                    return Err("it does not announce the group".to_owned());
                }
            }
        }
        Ok(())
    }

    /// Whether a host announces is for the check of the timeline and for its node to say.
    fn inflict(&self, damage: &mut Damage, by: &By<'_>) -> Result<(), String> {
        match self {
            Self::Renumber(host) if by.topology.rtr.as_ref().is_some_and(|server| server.host == *host) => {
                Err("routers know the RTR server, which runs there, by its address".to_owned())
            }
            Self::Renumber(_) => Ok(()),
            Self::Withdraw { host, group } | Self::Drain { host, group } => damage.withdraw(*host, *group, by),
            Self::Announce { host, group } => damage.announce(*host, *group, by),
        }
    }

    fn undo(&self) -> Option<Self> {
        match self {
            Self::Withdraw { host, group } | Self::Drain { host, group } => {
                Some(Self::Announce { host: *host, group: *group })
            }
            Self::Renumber(_) | Self::Announce { .. } => None,
        }
    }
}

fn site(given: &mut Given<'_>, action: impl Fn(NodeId, GroupId) -> SiteAct) -> Result<Vec<SiteAct>, ActionError> {
    let (word, topology) = (given.expect("a host")?, given.topology);
    // Where gateways announce a group, its sites are stubs.
    let mut border = topology.routers_of(word.text);
    border.retain(|at| (0..topology.groups.len()).any(|group| topology.originates(*at, GroupId(group))));
    let all = if border.is_empty() { vec![host(&word, topology)?] } else { border };
    let id = all[0];
    let each = |group| Ok(all.iter().map(|id| action(*id, group)).collect());
    let is_site =
        |group: usize| topology.groups[group].members.contains(&id) || topology.originates(id, GroupId(group));
    let groups = || topology.groups.iter().enumerate().filter(|(index, _)| is_site(*index));
    if let Some(group) = given.words.next() {
        if let Some((index, _)) = groups().find(|(_, g)| g.name == group.text) {
            return each(GroupId(index));
        }
        let message = if topology.groups.iter().any(|g| g.name == group.text) {
            format!("`{}` is not a member of group `{}`", word.text, group.text)
        } else {
            format!("there is no group `{}`", group.text)
        };
        return Err(group.error(message, suggest(group.text, groups().map(|(_, g)| g.name.as_str()))));
    }
    let default: Vec<_> = groups().filter(|(_, g)| g.is_public()).collect();
    match default[..] {
        [(index, _)] => each(GroupId(index)),
        [] => Err(word.error(format!("`{}` is in no group", word.text), None)),
        _ => {
            let names: Vec<_> = default.iter().map(|(_, g)| g.name.as_str()).collect();
            let message = format!("`{}` is in several groups: {}", word.text, names.join(", "));
            Err(word.error(message, format!("say which one: `{}`", given.form)))
        }
    }
}
