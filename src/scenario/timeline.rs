//! From the file's timeline to entries in play order, and whether they can be played in that order.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;
use std::time::Duration;

use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use toml::Spanned;

use super::action::{self, ActionError};
use super::{Action, Entry, Victim};
use crate::topology::diagnose::{Diagnostic, Findings};
use crate::topology::file::TimelineEntry;
use crate::topology::{GroupId, GroupRole, LinkId, NodeId, Topology};

/// The ChaCha stream of the jitter of `over`: other random choices of the same seed have others.
const JITTER: u64 = u64::from_be_bytes(*b"jitter\0\0");

/// An entry and where the file says so.
pub(super) struct Placed {
    pub(super) entry: Entry,
    pub(super) span: Range<usize>,
}

/// Reports an error in a text that stands in the file as a TOML string.
pub(super) fn report<'f>(
    code: &'static str,
    text: &Spanned<String>,
    error: ActionError,
    findings: &'f mut Findings,
) -> &'f mut Diagnostic {
    let whole = text.span();
    // Between its quotes a string without escapes stands as it is.
    let inner = whole.start + 1..whole.end.saturating_sub(1);
    let plain = findings.source.text.get(inner.clone()) == Some(text.get_ref());
    let span = if plain { inner.start + error.span.start..inner.start + error.span.end } else { whole };
    findings.error(code, span, error.message).label("here").help(error.help)
}

/// Reads every action, spreads those with `over`, and sorts them by time.
pub(super) fn read(entries: &[TimelineEntry], topology: &Topology, findings: &mut Findings) -> Vec<Placed> {
    let mut rng = ChaCha8Rng::seed_from_u64(topology.seed);
    rng.set_stream(JITTER);
    let mut placed = Vec::new();
    for entry in entries {
        let mut actions = Vec::new();
        for text in &entry.actions {
            match action::parse(text.get_ref(), topology) {
                Ok(several) => actions.extend(several.into_iter().map(|action| (action, text.span()))),
                Err(error) => {
                    report("action", text, error, findings);
                }
            }
        }
        let at = *entry.at.get_ref();
        let over = entry.over.as_ref().map_or(Duration::ZERO, |over| *over.get_ref());
        if let Some(given) = entry.over.as_ref().filter(|_| actions.len() == 1) {
            let found = findings.error("nothing-to-spread", given.span(), "`over` spreads several actions, not one");
            found.label("this entry has one action");
        }
        let step = over.div_f64(actions.len().max(1) as f64);
        for (index, (action, span)) in actions.into_iter().enumerate() {
            let jitter: f64 = if over.is_zero() { 0.0 } else { rng.random_range(0.0..1.0) };
            let at = at + step.mul_f64(index as f64 + jitter);
            placed.push(Placed { entry: Entry { at, action }, span });
        }
    }
    placed.sort_by_key(|p| p.entry.at);
    placed
}

/// What the actions so far have done to the lab. A value that is missing is not known.
struct State<'a> {
    topology: &'a Topology,
    down: BTreeSet<LinkId>,
    /// Processes that have been crashed.
    dead: BTreeSet<(NodeId, bool)>,
    joined: BTreeMap<(NodeId, usize), bool>,
    announced: BTreeMap<(NodeId, GroupId), bool>,
    has_joined: BTreeSet<usize>,
    has_put: BTreeSet<usize>,
}

/// Reports actions that cannot be carried out after those before them.
pub(super) fn check_order(placed: &[Placed], topology: &Topology, findings: &mut Findings) {
    let mut announced = BTreeMap::new();
    for (index, group) in topology.groups.iter().enumerate() {
        let plain = group.role == GroupRole::Plain;
        announced.extend(group.members.iter().map(|m| ((*m, GroupId(index)), plain)));
    }
    let joined = topology.overlays.iter().enumerate();
    let joined = joined.flat_map(|(index, o)| o.members.iter().map(move |m| ((*m, index), false))).collect();
    let (down, dead, has_joined, has_put) = Default::default();
    let mut state = State { topology, down, dead, joined, announced, has_joined, has_put };
    for Placed { entry, span } in placed {
        if let Err(why) = state.apply(&entry.action) {
            let text = entry.action.display(topology).to_string();
            let at = humantime::format_duration(Duration::from_millis(entry.at.as_millis() as u64));
            let found = findings.error("impossible-action", span.clone(), format!("`{text}` at {at}: {why}"));
            found.label("cannot be done then");
        }
    }
}

impl State<'_> {
    fn apply(&mut self, action: &Action) -> Result<(), String> {
        let topology = self.topology;
        match action {
            Action::Cut(link) if !self.down.insert(*link) => Err("the link is already down".to_owned()),
            Action::Mend(link) if !self.down.remove(link) => Err("nothing has cut the link".to_owned()),
            Action::Cut(_) | Action::Mend(_) => Ok(()),
            Action::Fail(stub) => {
                let uplinks = topology.uplinks(*stub);
                let up = uplinks.iter().filter(|l| self.down.insert(**l)).count();
                if up == 0 { Err("all its uplinks are already down".to_owned()) } else { Ok(()) }
            }
            Action::Recover(stub) => {
                let uplinks = topology.uplinks(*stub);
                let down = uplinks.iter().filter(|l| self.down.remove(l)).count();
                if down == 0 { Err("nothing has cut its uplinks".to_owned()) } else { Ok(()) }
            }
            Action::Crash(node, victim) => self.crash(*node, *victim),
            Action::Restart(node, victim) => self.restart(*node, *victim),
            Action::Join { host, overlay } => {
                if self.joined.insert((*host, *overlay), true) == Some(true) {
                    return Err("it has already joined".to_owned());
                }
                self.has_joined.insert(*overlay);
                self.joins_groups(*host, *overlay, true);
                Ok(())
            }
            Action::Leave { host, overlay } => {
                if self.joined.insert((*host, *overlay), false) == Some(false) {
                    return Err("it has not joined".to_owned());
                }
                self.joins_groups(*host, *overlay, false);
                Ok(())
            }
            Action::Announce { host, group } => match self.announced.insert((*host, *group), true) {
                Some(true) => Err("it already announces the group".to_owned()),
                _ => Ok(()),
            },
            Action::Withdraw { host, group } => match self.announced.insert((*host, *group), false) {
                Some(false) => Err("it does not announce the group".to_owned()),
                _ => Ok(()),
            },
            Action::Put { overlay, .. } if !self.has_joined.contains(overlay) => {
                Err("no node has joined the overlay".to_owned())
            }
            Action::Put { overlay, .. } => {
                self.has_put.insert(*overlay);
                Ok(())
            }
            Action::Audit { overlay } if !self.has_put.contains(overlay) => Err("no key has been put".to_owned()),
            Action::Audit { .. } => Ok(()),
        }
    }

    fn joins_groups(&mut self, host: NodeId, overlay: usize, announced: bool) {
        let overlay = &self.topology.overlays[overlay];
        for group in std::iter::once(&overlay.join_group).chain(&overlay.color_groups) {
            if let Some(state) = self.announced.get_mut(&(host, *group)) {
                *state = announced;
            }
        }
    }

    fn crash(&mut self, node: NodeId, victim: Victim) -> Result<(), String> {
        let fresh = processes(victim).filter(|bird| self.dead.insert((node, *bird))).count();
        if fresh == 0 {
            return Err("it has already crashed".to_owned());
        }
        self.forget(node);
        Ok(())
    }

    fn restart(&mut self, node: NodeId, victim: Victim) -> Result<(), String> {
        let back = processes(victim).filter(|bird| self.dead.remove(&(node, *bird))).count();
        if back == 0 {
            return Err("nothing has crashed it".to_owned());
        }
        self.forget(node);
        Ok(())
    }

    /// After a crash, whether a host is a member or announces is for the run to find out.
    fn forget(&mut self, node: NodeId) {
        self.joined.retain(|(host, _), _| *host != node);
        self.announced.retain(|(host, _), _| *host != node);
    }
}

/// Whether BIRD, for each process that a crash kills.
fn processes(victim: Victim) -> impl Iterator<Item = bool> {
    [(false, victim != Victim::Bird), (true, victim != Victim::Node)].into_iter().filter(|p| p.1).map(|p| p.0)
}
