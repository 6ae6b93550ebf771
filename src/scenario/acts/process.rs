//! Actions on the processes of a node: killed, stopped, and going on.

use std::fmt;

use super::state::State;
use super::verb::{Act, Arm, Class, Given, Verb};
use crate::program::ProcessKind;
use crate::routing::registry;
use crate::scenario::damage::{By, Damage};
use crate::scenario::deed::{Deed, ProcessDeed};
use crate::scenario::programs;
use crate::scenario::scope::Victim;
use crate::scenario::words::ActionError;
use crate::topology::diagnose::suggest;
use crate::topology::{NodeId, Topology};

/// What is done to processes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ProcessAct {
    /// `crash NODE [node|bird|both|host]`: SIGKILL. A router has only a BIRD.
    Crash(NodeId, Victim),
    /// `restart NODE [node|bird|both|host]`.
    Restart(NodeId, Victim),
    /// `freeze NODE [node|bird|both]`: SIGSTOP.
    Freeze(NodeId, Victim),
    /// `thaw NODE [node|bird|both]`.
    Thaw(NodeId, Victim),
}

const NO_TIME: &str = "is not simulated: a node computes in no time, or is gone";

const CRASH: Verb = Verb::new("crash", "crash NODE [node|bird|both|host]", Class::Fault);
const RESTART: Verb = Verb::new("restart", "restart NODE [node|bird|both|host]", Class::Fault);
const FREEZE: Verb = Verb::new("freeze", "freeze NODE [node|bird|both]", Class::Fault).not_simulated(NO_TIME);
const THAW: Verb = Verb::new("thaw", "thaw NODE [node|bird|both]", Class::Fault).not_simulated(NO_TIME);

pub(super) const ARMS: &[Arm<ProcessAct>] = &[
    (CRASH, |given| process(given, ProcessAct::Crash)),
    (RESTART, |given| process(given, ProcessAct::Restart)),
    (FREEZE, |given| process(given, ProcessAct::Freeze)),
    (THAW, |given| process(given, ProcessAct::Thaw)),
];

impl Act for ProcessAct {
    fn verb(&self) -> Verb {
        match self {
            Self::Crash(..) => CRASH,
            Self::Restart(..) => RESTART,
            Self::Freeze(..) => FREEZE,
            Self::Thaw(..) => THAW,
        }
    }

    fn target<'a>(&self, topology: &'a Topology) -> &'a str {
        &topology.node(self.meant().0).name
    }

    fn show(&self, f: &mut fmt::Formatter<'_>, topology: &Topology) -> fmt::Result {
        write!(f, " {} {}", self.target(topology), self.meant().1)
    }

    fn deed(&self) -> Deed {
        match self {
            Self::Crash(_, victim) => Deed::process(ProcessDeed::Crash, *victim),
            Self::Restart(_, victim) => Deed::process(ProcessDeed::Restart, *victim),
            Self::Freeze(_, victim) => Deed::process(ProcessDeed::Freeze, *victim),
            Self::Thaw(_, victim) => Deed::process(ProcessDeed::Thaw, *victim),
        }
    }

    fn simulated(&self) -> Result<(), String> {
        match self {
            Self::Crash(_, Victim::Program(process)) | Self::Restart(_, Victim::Program(process))
                if process.kind == ProcessKind::Routing =>
            {
                Err(format!("of a {} is nothing here: there is none", registry::preferred().title()))
            }
            Self::Crash(_, Victim::Program(one)) | Self::Restart(_, Victim::Program(one))
                if one.kind == ProcessKind::Service =>
            {
                Err("is about routing, which is not simulated".to_owned())
            }
            _ => self.verb().simulated.map_err(str::to_owned),
        }
    }

    fn possible(&self, state: &mut State<'_>) -> Result<(), String> {
        match self {
            Self::Crash(node, _) | Self::Restart(node, _) => state.forget(*node),
            Self::Freeze(..) | Self::Thaw(..) => {}
        }
        Ok(())
    }

    fn inflict(&self, damage: &mut Damage, by: &By<'_>) -> Result<(), String> {
        match self {
            Self::Crash(node, victim) => damage.crash(*node, *victim, by),
            Self::Restart(node, victim) => damage.restart(*node, *victim, by),
            Self::Freeze(node, victim) => damage.freeze(*node, *victim, by),
            Self::Thaw(node, victim) => damage.thaw(*node, *victim, by),
        }
    }

    fn undo(&self) -> Option<Self> {
        match self {
            Self::Crash(node, victim) => Some(Self::Restart(*node, *victim)),
            Self::Freeze(node, victim) => Some(Self::Thaw(*node, *victim)),
            Self::Restart(..) | Self::Thaw(..) => None,
        }
    }
}

impl ProcessAct {
    fn meant(&self) -> (NodeId, Victim) {
        match self {
            Self::Crash(node, victim)
            | Self::Restart(node, victim)
            | Self::Freeze(node, victim)
            | Self::Thaw(node, victim) => (*node, *victim),
        }
    }
}

fn process(
    given: &mut Given<'_>,
    action: impl Fn(NodeId, Victim) -> ProcessAct,
) -> Result<Vec<ProcessAct>, ActionError> {
    let (word, form, topology) = (given.expect("a node")?, given.form, given.topology);
    let Some(id) = topology.find(word.text) else {
        let known = topology.nodes.iter().filter(|n| n.kind.speaks_bgp()).map(|n| n.name.as_str());
        return Err(word.error(format!("there is no node `{}`", word.text), suggest(word.text, known)));
    };
    let running = programs::on(topology, id);
    if running.is_empty() {
        let help = format!("clients run neither a {} nor an overlay node", registry::preferred().title());
        return Err(word.error(format!("`{}` is a client", word.text), help));
    }
    let Some(victim) = given.words.next() else {
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
