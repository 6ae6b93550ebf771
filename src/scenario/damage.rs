//! What has been done to a lab and not undone, and the state that follows from it.
//!
//! A link's or a process's state is a function of the faults in force, so that faults overlap and are
//! undone in any order without leaking into one another. One set of rules serves the check of a
//! timeline and the running lab.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};

use super::programs;
use super::scope::{Ends, Hijack, Origin, Session, Victim};
use crate::physics::{Egress, Impairment, Properties};
use crate::program::{Process, ProcessKind};
use crate::topology::{AsId, Change, GroupId, LinkId, NodeId, Roa, Topology};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ProcessState {
    Running,
    Stopped,
    Dead,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LinkState {
    /// Both ends have a carrier.
    pub up: bool,
    /// Of the frames that `a` sends, and `b`.
    pub egress: [Egress; 2],
}

/// One fault in force, as small as it can be undone.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Fault {
    Cut(LinkId),
    Blackhole(LinkId, usize),
    Fail(AsId, Silently),
    Partition(BTreeSet<NodeId>, Silently),
    Crash(NodeId, Process),
    /// The whole host.
    Down(NodeId),
    Freeze(NodeId, Process),
    Withdraw(NodeId, GroupId),
    Hijack(GroupId, AsId, Hijack),
    Leak(AsId),
    Published(Roa),
}

impl Fault {
    /// Whether it changes what routing daemons are told.
    fn is_of_routing(&self) -> bool {
        matches!(self, Self::Withdraw(..) | Self::Hijack(..) | Self::Leak(_) | Self::Published(_))
    }
}

type Silently = bool;

/// Who has a fault put in force or undone, and in what words.
pub(crate) struct By<'a> {
    pub(crate) origin: Origin,
    pub(crate) text: String,
    pub(crate) topology: &'a Topology,
}

/// The faults in force.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Damage {
    /// Each with the action that put it in force.
    faults: BTreeMap<(Fault, Origin), String>,
    impaired: BTreeMap<(LinkId, usize, Origin), Properties>,
    policies: BTreeMap<(Session, Origin), Change>,
}

impl Damage {
    /// Puts faults in force; refused if all of them are.
    pub(super) fn add(
        &mut self,
        faults: impl IntoIterator<Item = Fault>,
        by: &By<'_>,
        why: impl FnOnce() -> String,
    ) -> Result<(), String> {
        let before = self.faults.len();
        for fault in faults {
            self.faults.entry((fault, by.origin)).or_insert_with(|| by.text.clone());
        }
        if self.faults.len() == before { Err(why()) } else { Ok(()) }
    }

    pub(super) fn remove(
        &mut self,
        meant: impl Fn(&Fault) -> bool,
        by: &By<'_>,
        why: impl FnOnce() -> String,
    ) -> Result<(), String> {
        let before = self.faults.len();
        self.faults.retain(|(fault, origin), _| *origin != by.origin || !meant(fault));
        if self.faults.len() == before { Err(why()) } else { Ok(()) }
    }

    /// Whether a fault like this is in force by the same hand.
    pub(super) fn has(&self, by: &By<'_>, meant: impl Fn(&Fault) -> bool) -> bool {
        self.faults.keys().any(|(fault, origin)| *origin == by.origin && meant(fault))
    }

    pub(super) fn impair(
        &mut self,
        link: LinkId,
        ends: Ends,
        properties: &Properties,
        by: &By<'_>,
    ) -> Result<(), String> {
        for side in ends.sides() {
            let now = self.impaired.entry((link, side, by.origin)).or_default();
            *now = properties.or(now);
        }
        let problem = self.link(link, by.topology).egress.iter().find_map(|e| e.impairment.problem());
        problem.map_or(Ok(()), |problem| Err(problem.to_owned()))
    }

    /// Takes impairments and black holes of a link back.
    pub(super) fn clear(
        &mut self,
        link: LinkId,
        ends: Ends,
        by: &By<'_>,
        why: impl FnOnce() -> String,
    ) -> Result<(), String> {
        let before = self.impaired.len();
        self.impaired.retain(|(l, side, origin), _| *l != link || *origin != by.origin || !ends.covers(*side));
        let impaired = self.impaired.len() < before;
        let meant = |f: &Fault| matches!(f, Fault::Blackhole(l, side) if *l == link && ends.covers(*side));
        let removed = self.remove(meant, by, why);
        if impaired { Ok(()) } else { removed }
    }

    /// What is said of a session again wins over what was said before.
    pub(super) fn set(&mut self, session: Session, change: &Change, by: &By<'_>) {
        self.policies.entry((session, by.origin)).or_default().take(change);
    }

    pub(super) fn unset(&mut self, session: Session, by: &By<'_>) -> Result<(), String> {
        let link = || &by.topology.links[session.link.0].name;
        let was = self.policies.remove(&(session, by.origin));
        was.map(drop).ok_or_else(|| format!("nothing of {} has been set", link()))
    }

    /// The network with what gateways announce, and the rules that hold, now.
    pub fn network<'t>(&self, topology: &'t Topology) -> Cow<'t, Topology> {
        let mut network = Cow::Borrowed(topology);
        for ((session, _), change) in &self.policies {
            let link = &topology.links[session.link.0];
            let at = [link.a, link.b][session.side];
            network.to_mut().change_policy(at, session.link, session.group, change);
        }
        if self.faults.keys().any(|(fault, _)| fault.is_of_routing()) {
            self.corrupt(network.to_mut());
        }
        network
    }

    /// What has been set: of which session, and what.
    pub(super) fn changed(&self) -> impl Iterator<Item = (Session, &Change)> {
        self.policies.iter().map(|((session, _), change)| (*session, change))
    }

    pub(super) fn crash(&mut self, node: NodeId, victim: Victim, by: &By<'_>) -> Result<(), String> {
        let processes = processes(node, victim, by.topology);
        if victim == Victim::Host {
            let name = &by.topology.node(node).name;
            self.add([Fault::Down(node)], by, || format!("host {name} has crashed already"))?;
        } else {
            // All or nothing: what is refused must not change what a restart brings back.
            self.all_alive(node, &processes, by)?;
            self.add(processes.iter().map(|p| Fault::Crash(node, *p)), by, String::new)?;
        }
        // A process that is dead is not frozen any more.
        self.faults.retain(|(f, _), _| !matches!(f, Fault::Freeze(n, p) if *n == node && processes.contains(p)));
        Ok(())
    }

    pub(super) fn restart(&mut self, node: NodeId, victim: Victim, by: &By<'_>) -> Result<(), String> {
        let name = &by.topology.node(node).name;
        if victim == Victim::Host {
            return self.remove(|f| *f == Fault::Down(node), by, || format!("host {name} has not crashed"));
        }
        let processes = processes(node, victim, by.topology);
        let crashed = |p: &&Process| self.is_in_force(&Fault::Crash(node, **p), by.origin);
        if let Some(running) = processes.iter().find(|p| !crashed(p)) {
            let by_other = |fault: Fault| self.faults.keys().any(|(f, origin)| *f == fault && *origin != by.origin);
            let also: Vec<&str> = processes.iter().filter(crashed).map(|process| process.name).collect();
            let help = if self.faults.keys().any(|(f, _)| *f == Fault::Down(node)) {
                ": the host has crashed as a whole"
            } else if by_other(Fault::Crash(node, *running)) {
                " flaps: only its flap restarts it"
            } else {
                " is running"
            };
            // `crash NODE PROCESS` has ended one of several.
            let hint = also.iter().map(|process| format!("; `restart {name} {process}` starts what has crashed"));
            return Err(format!("the {} of {name}{help}{}", running.name, hint.collect::<String>()));
        }
        self.remove(|f| matches!(f, Fault::Crash(n, p) if *n == node && processes.contains(p)), by, String::new)
    }

    pub(super) fn freeze(&mut self, node: NodeId, victim: Victim, by: &By<'_>) -> Result<(), String> {
        let name = &by.topology.node(node).name;
        let processes = processes(node, victim, by.topology);
        self.all_alive(node, &processes, by)?;
        let faults = processes.into_iter().map(|p| Fault::Freeze(node, p));
        self.add(faults, by, || format!("{name} is frozen already"))
    }

    pub(super) fn thaw(&mut self, node: NodeId, victim: Victim, by: &By<'_>) -> Result<(), String> {
        let processes = processes(node, victim, by.topology);
        let meant = |f: &Fault| matches!(f, Fault::Freeze(n, p) if *n == node && processes.contains(p));
        self.remove(meant, by, || format!("{} is not frozen", by.topology.node(node).name))
    }

    fn all_alive(&self, node: NodeId, processes: &[Process], by: &By<'_>) -> Result<(), String> {
        let dead = processes.iter().find(|p| self.process(node, **p) == ProcessState::Dead);
        let name = &by.topology.node(node).name;
        dead.map_or(Ok(()), |dead| Err(format!("the {} of {name} is not running", dead.name)))
    }

    pub(super) fn withdraw(&mut self, host: NodeId, group: GroupId, by: &By<'_>) -> Result<(), String> {
        self.can_obey(host, by.topology)?;
        if by.topology.groups[group.0].is_plain() {
            self.faults.insert((Fault::Withdraw(host, group), Origin::Direct), by.text.clone());
        }
        Ok(())
    }

    pub(super) fn announce(&mut self, host: NodeId, group: GroupId, by: &By<'_>) -> Result<(), String> {
        self.can_obey(host, by.topology)?;
        self.faults.retain(|(f, _), _| *f != Fault::Withdraw(host, group));
        Ok(())
    }

    /// Whether a host's node and its routing daemon can do as they are told; if not, they would do so much later.
    fn can_obey(&self, host: NodeId, topology: &Topology) -> Result<(), String> {
        let name = &topology.node(host).name;
        let mut obeying =
            programs::on(topology, host).into_iter().filter(|process| process.kind != ProcessKind::Service);
        let problem = obeying.find_map(|p| match self.process(host, p) {
            ProcessState::Running => None,
            ProcessState::Stopped => Some(format!("the {} of {name} is frozen", p.name)),
            ProcessState::Dead => Some(format!("the {} of {name} is not running", p.name)),
        });
        problem.map_or(Ok(()), Err)
    }

    /// The state of a link; of one over an exchange, that of both ports together.
    pub fn link(&self, id: LinkId, topology: &Topology) -> LinkState {
        if let [first, second] = topology.passed(id)[..] {
            return across(self.link(first, topology), self.link(second, topology));
        }
        let link = &topology.links[id.0];
        let mut state =
            LinkState { up: true, egress: link.impairments.map(|impairment| Egress { impairment, blackhole: false }) };
        for (fault, _) in self.faults.keys() {
            let (cut, silently) = match fault {
                Fault::Cut(cut) => (*cut == id, false),
                Fault::Down(node) => (link.a == *node || link.b == *node, false),
                Fault::Fail(stub, silently) => (topology.uplinks(*stub).contains(&id), *silently),
                Fault::Partition(set, silently) => (set.contains(&link.a) != set.contains(&link.b), *silently),
                Fault::Blackhole(blackhole, side) => {
                    state.egress[*side].blackhole |= *blackhole == id;
                    continue;
                }
                Fault::Crash(..)
                | Fault::Freeze(..)
                | Fault::Withdraw(..)
                | Fault::Hijack(..)
                | Fault::Leak(_)
                | Fault::Published(_) => {
                    continue;
                }
            };
            if cut && silently {
                state.egress.iter_mut().for_each(|egress| egress.blackhole = true);
            }
            state.up &= !cut || silently;
        }
        for ((impaired, side, _), properties) in &self.impaired {
            if *impaired == id {
                state.egress[*side].impairment = state.egress[*side].impairment.with(properties);
            }
        }
        state
    }

    /// The state of a process of `node`.
    pub fn process(&self, node: NodeId, process: Process) -> ProcessState {
        let mut state = ProcessState::Running;
        for (fault, _) in self.faults.keys() {
            match fault {
                Fault::Down(n) if *n == node => return ProcessState::Dead,
                Fault::Crash(n, p) if (*n, *p) == (node, process) => return ProcessState::Dead,
                Fault::Freeze(n, p) if (*n, *p) == (node, process) => state = ProcessState::Stopped,
                _ => {}
            }
        }
        state
    }

    /// The state of the routing daemon of `node`; where there is none, none runs.
    pub fn routing(&self, node: NodeId, topology: &Topology) -> ProcessState {
        programs::routing(topology, node).map_or(ProcessState::Dead, |process| self.process(node, process))
    }

    /// Whether a site of a plain group has been told to withdraw it.
    pub fn is_withdrawn(&self, host: NodeId, group: GroupId) -> bool {
        self.faults.contains_key(&(Fault::Withdraw(host, group), Origin::Direct))
    }

    /// Links without a carrier.
    pub fn cut_links(&self, topology: &Topology) -> BTreeSet<usize> {
        self.links_that(topology, |state| !state.up)
    }

    /// Links over which nothing passes at all: cut, or black holes in both directions.
    pub fn dead_links(&self, topology: &Topology) -> BTreeSet<usize> {
        self.links_that(topology, |state| !state.up || state.egress.iter().all(|e| e.blackhole))
    }

    /// Links over which nobody gets an answer: something passes in one direction at most.
    pub fn unanswering_links(&self, topology: &Topology) -> BTreeSet<usize> {
        self.links_that(topology, |state| !state.up || !state.egress.iter().all(Egress::passes))
    }

    fn links_that(&self, topology: &Topology, are: impl Fn(&LinkState) -> bool) -> BTreeSet<usize> {
        (0..topology.links.len()).filter(|index| are(&self.link(LinkId(*index), topology))).collect()
    }

    /// The faults in force, by whom, and the action that brought each about.
    pub(super) fn in_force(&self) -> impl Iterator<Item = (&Fault, Origin, &str)> {
        self.faults.iter().map(|((fault, origin), text)| (fault, *origin, text.as_str()))
    }

    pub(super) fn is_in_force(&self, fault: &Fault, origin: Origin) -> bool {
        self.faults.contains_key(&(fault.clone(), origin))
    }

    /// What has been impaired: the link, the end, and what its frames suffer.
    pub(super) fn impaired(&self) -> impl Iterator<Item = (LinkId, usize, &Properties)> {
        self.impaired.iter().map(|((link, side, _), properties)| (*link, *side, properties))
    }
}

/// From one port of an exchange to another, and back; a port's own frames come first.
fn across(from: LinkState, to: LinkState) -> LinkState {
    let pass = |near: &Egress, far: &Egress| {
        let impairment = Impairment { delay: near.impairment.delay + far.impairment.delay, ..Impairment::default() };
        Egress { impairment, blackhole: near.blackhole || far.blackhole }
    };
    let egress = [pass(&from.egress[0], &to.egress[1]), pass(&to.egress[0], &from.egress[1])];
    LinkState { up: from.up && to.up, egress }
}

/// The processes that a crash or a freeze of `node` concerns.
fn processes(node: NodeId, victim: Victim, topology: &Topology) -> Vec<Process> {
    let all = programs::on(topology, node).into_iter();
    let meant = |process: &Process| match victim {
        Victim::All | Victim::Host => true,
        Victim::Program(one) => *process == one,
    };
    all.filter(meant).collect()
}
