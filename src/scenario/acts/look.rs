//! Questions about the network: round trips, stretch, catchments.

use std::fmt;

use super::parts;
use super::verb::{Act, Arm, Class, Given, Verb};
use crate::scenario::scope::{Part, pinged};
use crate::scenario::words::{ActionError, probed};
use crate::topology::diagnose::suggest;
use crate::topology::{GroupId, NodeKind, Topology};

/// What is measured at one moment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LookAct {
    /// `ping NAME …`: measures the round trip between every pair of these ASes' routers, routers and hosts.
    Ping { parts: Vec<Part> },
    /// `stretch [GROUP]`: measures each client's round trip to the group's address and to every member that
    /// announces it; without a group, of all that clients probe.
    Stretch(Option<GroupId>),
    /// `catchment [GROUP]`: surveys which member of the group each node's packets reach.
    Catchment { group: GroupId },
}

const NO_NETWORK: &str = "measures the network, which is not there";

const PING: Verb = Verb::new("ping", "ping NAME …", Class::Look).not_simulated(NO_NETWORK);
const STRETCH: Verb = Verb::new("stretch", "stretch [GROUP]", Class::Look).not_simulated(NO_NETWORK);
const CATCHMENT: Verb = Verb::new("catchment", "catchment [GROUP]", Class::Look).not_simulated(NO_NETWORK);

pub(super) const ARMS: &[Arm<LookAct>] =
    &[(PING, |given| ping(given)), (STRETCH, |given| stretch(given)), (CATCHMENT, |given| catchment(given))];

impl Act for LookAct {
    fn verb(&self) -> Verb {
        match self {
            Self::Ping { .. } => PING,
            Self::Stretch(_) => STRETCH,
            Self::Catchment { .. } => CATCHMENT,
        }
    }

    fn target<'a>(&self, topology: &'a Topology) -> &'a str {
        match self {
            Self::Ping { parts } => parts::first(parts, topology),
            Self::Stretch(group) => group.map_or("", |id| &topology.groups[id.0].name),
            Self::Catchment { group } => &topology.groups[group.0].name,
        }
    }

    fn show(&self, f: &mut fmt::Formatter<'_>, topology: &Topology) -> fmt::Result {
        match self {
            Self::Ping { parts } => write!(f, " {}", parts::names(parts, topology)),
            Self::Stretch(None) => Ok(()),
            Self::Stretch(Some(_)) | Self::Catchment { .. } => write!(f, " {}", self.target(topology)),
        }
    }
}

/// Two nodes at least.
fn ping(given: &mut Given<'_>) -> Result<Vec<LookAct>, ActionError> {
    let (first, parts) = parts::several(given)?;
    if pinged(&parts, given.topology).len() < 2 {
        let help = "name an AS of several routers, or several nodes".to_owned();
        return Err(first.error("that is one node, which has nobody to ping", help));
    }
    Ok(vec![LookAct::Ping { parts }])
}

fn stretch(given: &mut Given<'_>) -> Result<Vec<LookAct>, ActionError> {
    let (verb, topology) = (&given.verb, given.topology);
    if topology.of_kind(|k| k == NodeKind::Client).next().is_none() {
        let help = "give a stub `clients`".to_owned();
        return Err(verb.error("no client to measure from in this lab", help));
    }
    let Some(word) = given.words.next() else {
        if probed(topology).is_empty() {
            return Err(verb.error("no client probes a group in this lab", "say which one: `stretch GROUP`".to_owned()));
        }
        return Ok(vec![LookAct::Stretch(None)]);
    };
    match topology.groups.iter().position(|g| g.name == word.text) {
        Some(index) => Ok(vec![LookAct::Stretch(Some(GroupId(index)))]),
        None => {
            let known = topology.groups.iter().map(|g| g.name.as_str());
            Err(word.error(format!("there is no group `{}`", word.text), suggest(word.text, known)))
        }
    }
}

/// The groups that a `stretch` measures.
pub fn stretched_groups(group: Option<GroupId>, topology: &Topology) -> Vec<GroupId> {
    group.map_or_else(|| probed(topology).to_vec(), |group| vec![group])
}

/// The lab's only public group, unless one is named.
fn catchment(given: &mut Given<'_>) -> Result<Vec<LookAct>, ActionError> {
    let topology = given.topology;
    let groups = || topology.groups.iter().enumerate();
    if let Some(word) = given.words.next() {
        let found = groups().find(|(_, group)| group.name == word.text);
        let known = || suggest(word.text, topology.groups.iter().map(|group| group.name.as_str()));
        let found = found.ok_or_else(|| word.error(format!("there is no group `{}`", word.text), known()));
        return found.map(|(index, _)| vec![LookAct::Catchment { group: GroupId(index) }]);
    }
    let public: Vec<_> = groups().filter(|(_, group)| group.is_public()).collect();
    if let [(only, _)] = public[..] {
        return Ok(vec![LookAct::Catchment { group: GroupId(only) }]);
    }
    let names: Vec<_> = public.iter().map(|(_, group)| group.name.as_str()).collect();
    let help =
        if names.is_empty() { "the lab has none".to_owned() } else { format!("say which one: {}", names.join(", ")) };
    Err(given.words.missing("a group is missing", help))
}
