//! What has been done to a lab and not undone, and the state that follows from it.
//!
//! A link's or a process's state is a function of the faults in force, so that faults overlap and are
//! undone in any order without leaking into one another. One set of rules serves the check of a
//! timeline and the running lab.

use std::collections::{BTreeMap, BTreeSet};

use super::{Action, Ends, Origin, Part, Victim, programs};
use crate::physics::{Egress, Properties};
use crate::program::{Process, ProcessKind};
use crate::topology::{AsId, GroupId, GroupRole, LinkId, NodeId, Topology};

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
enum Fault {
    Cut(LinkId),
    Blackhole(LinkId, usize),
    Fail(AsId, Silently),
    Partition(BTreeSet<NodeId>, Silently),
    Crash(NodeId, Process),
    /// The whole host.
    Down(NodeId),
    Freeze(NodeId, Process),
    Withdraw(NodeId, GroupId),
}

type Silently = bool;

/// The faults in force.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Damage {
    faults: BTreeMap<(Fault, Origin), Action>,
    impaired: BTreeMap<(LinkId, usize, Origin), Properties>,
}

impl Damage {
    /// Takes in what is about to be done. Actions that are no faults change nothing.
    ///
    /// # Errors
    /// It has been done already, or has not been done and cannot be undone. Nothing has changed then.
    pub fn apply(&mut self, action: &Action, origin: Origin, topology: &Topology) -> Result<(), String> {
        let mut after = self.clone();
        after.take_in(action, origin, topology)?;
        *self = after;
        Ok(())
    }

    fn take_in(&mut self, action: &Action, origin: Origin, topology: &Topology) -> Result<(), String> {
        let link_name = |link: LinkId| format!("link {}", topology.links[link.0].name);
        match action {
            Action::Cut(link) => {
                self.add([Fault::Cut(*link)], origin, action, || format!("{} is cut already", link_name(*link)))
            }
            Action::Mend(link) => {
                self.remove(|f| *f == Fault::Cut(*link), origin, || format!("{} has not been cut", link_name(*link)))
            }
            Action::Blackhole(link, ends) => {
                let faults = sides(*ends).map(|side| Fault::Blackhole(*link, side));
                self.add(faults, origin, action, || format!("{} is a black hole already", link_name(*link)))
            }
            Action::Impair(link, ends, properties) => {
                for side in sides(*ends) {
                    let now = self.impaired.entry((*link, side, origin)).or_default();
                    *now = properties.or(now);
                }
                let problem = self.link(*link, topology).egress.iter().find_map(|e| e.impairment.problem());
                problem.map_or(Ok(()), |problem| Err(problem.to_owned()))
            }
            Action::Clear(link, ends) => self.clear(*link, *ends, origin, topology),
            Action::Fail { stub, silently } => {
                let name = &topology.ases[stub.0].name;
                if self.faults.keys().any(|(f, o)| *o == origin && matches!(f, Fault::Fail(s, _) if s == stub)) {
                    return Err(format!("{name} has failed already"));
                }
                self.add([Fault::Fail(*stub, *silently)], origin, action, String::new)
            }
            Action::Recover(stub) => {
                let name = &topology.ases[stub.0].name;
                self.remove(
                    |f| matches!(f, Fault::Fail(s, _) if s == stub),
                    origin,
                    || format!("{name} has not failed"),
                )
            }
            Action::Partition { parts, silently } => {
                let set = members(parts, topology);
                if self.faults.keys().any(|(f, o)| *o == origin && matches!(f, Fault::Partition(s, _) if *s == set)) {
                    return Err("that partition is there already".to_owned());
                }
                self.add([Fault::Partition(set, *silently)], origin, action, String::new)
            }
            Action::Heal { parts } => {
                let set = members(parts, topology);
                let why = || "there is no partition between these and the rest".to_owned();
                self.remove(|f| matches!(f, Fault::Partition(s, _) if *s == set), origin, why)
            }
            Action::Crash(node, victim) => self.crash(*node, *victim, origin, action, topology),
            Action::Restart(node, victim) => self.restart(*node, *victim, origin, topology),
            Action::Freeze(node, victim) => {
                let name = &topology.node(*node).name;
                let processes = processes(*node, *victim, topology);
                if let Some(dead) = processes.iter().find(|p| self.process(*node, **p) == ProcessState::Dead) {
                    return Err(format!("the {} of {name} is not running", dead.name));
                }
                let faults = processes.into_iter().map(|p| Fault::Freeze(*node, p));
                self.add(faults, origin, action, || format!("{name} is frozen already"))
            }
            Action::Thaw(node, victim) => {
                let processes = processes(*node, *victim, topology);
                let meant = |f: &Fault| matches!(f, Fault::Freeze(n, p) if n == node && processes.contains(p));
                self.remove(meant, origin, || format!("{} is not frozen", topology.node(*node).name))
            }
            // Whether a host announces is for the check of the timeline and for its node to say.
            Action::Withdraw { host, group } | Action::Drain { host, group } => {
                self.can_obey(*host, topology)?;
                if topology.groups[group.0].role == GroupRole::Plain {
                    self.faults.insert((Fault::Withdraw(*host, *group), Origin::Direct), action.clone());
                }
                Ok(())
            }
            Action::Announce { host, group } => {
                self.can_obey(*host, topology)?;
                self.faults.retain(|(f, _), _| *f != Fault::Withdraw(*host, *group));
                Ok(())
            }
            Action::Renumber(_) | Action::Join { .. } | Action::Leave { .. } => Ok(()),
            Action::Put { .. } | Action::Overwrite { .. } | Action::Audit { .. } | Action::Ping { .. } => Ok(()),
            Action::Catchment { .. } | Action::Stretch(_) | Action::Flood { .. } => Ok(()),
            Action::Flap { .. } | Action::Stop(_) => Ok(()),
        }
    }

    /// Puts faults in force; refused if all of them are.
    fn add(
        &mut self,
        faults: impl IntoIterator<Item = Fault>,
        origin: Origin,
        action: &Action,
        why: impl FnOnce() -> String,
    ) -> Result<(), String> {
        let before = self.faults.len();
        for fault in faults {
            self.faults.entry((fault, origin)).or_insert_with(|| action.clone());
        }
        if self.faults.len() == before { Err(why()) } else { Ok(()) }
    }

    fn remove(
        &mut self,
        meant: impl Fn(&Fault) -> bool,
        origin: Origin,
        why: impl FnOnce() -> String,
    ) -> Result<(), String> {
        let before = self.faults.len();
        self.faults.retain(|(fault, by), _| *by != origin || !meant(fault));
        if self.faults.len() == before { Err(why()) } else { Ok(()) }
    }

    fn clear(&mut self, link: LinkId, ends: Ends, origin: Origin, topology: &Topology) -> Result<(), String> {
        let before = self.impaired.len();
        self.impaired.retain(|(l, side, by), _| *l != link || *by != origin || !covers(ends, *side));
        let impaired = self.impaired.len() < before;
        let meant = |f: &Fault| matches!(f, Fault::Blackhole(l, side) if *l == link && covers(ends, *side));
        let removed = self.remove(meant, origin, || {
            format!("link {} is neither impaired nor a black hole", topology.links[link.0].name)
        });
        if impaired { Ok(()) } else { removed }
    }

    fn crash(
        &mut self,
        node: NodeId,
        victim: Victim,
        origin: Origin,
        action: &Action,
        topology: &Topology,
    ) -> Result<(), String> {
        let name = &topology.node(node).name;
        let processes = processes(node, victim, topology);
        if victim == Victim::Host {
            self.add([Fault::Down(node)], origin, action, || format!("host {name} has crashed already"))?;
        } else {
            // All or nothing: what is refused must not change what a restart brings back.
            if let Some(dead) = processes.iter().find(|p| self.process(node, **p) == ProcessState::Dead) {
                return Err(format!("the {} of {name} is not running", dead.name));
            }
            let faults = processes.iter().map(|p| Fault::Crash(node, *p));
            self.add(faults, origin, action, String::new)?;
        }
        // A process that is dead is not frozen any more.
        self.faults.retain(|(f, _), _| !matches!(f, Fault::Freeze(n, p) if *n == node && processes.contains(p)));
        Ok(())
    }

    fn restart(&mut self, node: NodeId, victim: Victim, origin: Origin, topology: &Topology) -> Result<(), String> {
        let name = &topology.node(node).name;
        if victim == Victim::Host {
            return self.remove(|f| *f == Fault::Down(node), origin, || format!("host {name} has not crashed"));
        }
        let processes = processes(node, victim, topology);
        let crashed = |p: &&Process| self.faults.contains_key(&(Fault::Crash(node, **p), origin));
        if let Some(running) = processes.iter().find(|p| !crashed(p)) {
            let by_other = |fault: Fault| self.faults.keys().any(|(f, by)| *f == fault && *by != origin);
            let help = if self.faults.keys().any(|(f, _)| *f == Fault::Down(node)) {
                ": the host has crashed as a whole"
            } else if by_other(Fault::Crash(node, *running)) {
                " flaps: only its flap restarts it"
            } else {
                " is running"
            };
            return Err(format!("the {} of {name}{help}", running.name));
        }
        self.remove(|f| matches!(f, Fault::Crash(n, p) if *n == node && processes.contains(p)), origin, String::new)
    }

    /// Whether a host's node and its routing daemon can do as they are told; if not, they would do so much later.
    fn can_obey(&self, host: NodeId, topology: &Topology) -> Result<(), String> {
        let name = &topology.node(host).name;
        let mut obeying = programs::on(topology, host).into_iter().filter(|p| p.kind != ProcessKind::Service);
        let problem = obeying.find_map(|p| match self.process(host, p) {
            ProcessState::Running => None,
            ProcessState::Stopped => Some(format!("the {} of {name} is frozen", p.name)),
            ProcessState::Dead => Some(format!("the {} of {name} is not running", p.name)),
        });
        problem.map_or(Ok(()), Err)
    }

    /// The state of a link.
    pub fn link(&self, id: LinkId, topology: &Topology) -> LinkState {
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
                Fault::Crash(..) | Fault::Freeze(..) | Fault::Withdraw(..) => continue,
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

    /// The actions that brought about what is in force, in words.
    pub fn report(&self, topology: &Topology) -> Vec<String> {
        let mut words: Vec<String> = Vec::new();
        for action in self.faults.iter().map(|((fault, origin), action)| self.narrowed(fault, *origin, action)) {
            let text = action.display(topology).to_string();
            if !words.contains(&text) {
                words.push(text);
            }
        }
        for ((link, side, _), properties) in &self.impaired {
            let twin = self.impaired.iter().any(|((l, s, _), p)| l == link && s != side && p == properties);
            let ends = if twin { Ends::Both } else { Ends::One(*side) };
            let text = Action::Impair(*link, ends, *properties).display(topology).to_string();
            if !words.contains(&text) {
                words.push(text);
            }
        }
        words
    }

    /// The part of an action that is still in force: half of `crash n1 both` may have been undone.
    fn narrowed(&self, fault: &Fault, origin: Origin, action: &Action) -> Action {
        match fault {
            Fault::Crash(node, process) => Action::Crash(*node, Victim::Program(*process)),
            Fault::Freeze(node, process) => Action::Freeze(*node, Victim::Program(*process)),
            Fault::Blackhole(link, side) => {
                let both = self.faults.contains_key(&(Fault::Blackhole(*link, 1 - side), origin));
                Action::Blackhole(*link, if both { Ends::Both } else { Ends::One(*side) })
            }
            _ => action.clone(),
        }
    }
}

fn sides(ends: Ends) -> impl Iterator<Item = usize> {
    (0..2).filter(move |side| covers(ends, *side))
}

fn covers(ends: Ends, side: usize) -> bool {
    ends == Ends::Both || ends == Ends::One(side)
}

/// The nodes that a partition names.
pub fn members(parts: &[Part], topology: &Topology) -> BTreeSet<NodeId> {
    let of = |part: &Part| match part {
        Part::As(id) => topology.ids().filter(|n| topology.node(*n).as_id == *id).collect(),
        Part::Node(id) => vec![*id],
    };
    parts.iter().flat_map(of).collect()
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
