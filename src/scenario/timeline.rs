//! From the file's timeline to entries in play order, and whether they can be played in that order.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;
use std::time::Duration;

use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use toml::Spanned;

use super::action::{self, ActionError};
use super::damage::Damage;
use super::faults::schedule;
use super::{Action, Entry, Origin};
use crate::topology::diagnose::{Diagnostic, Findings};
use crate::topology::file::TimelineEntry;
use crate::topology::{By, GroupId, NodeId, Topology};

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

/// Reads every action, spreads those with `over` and those that flap, and sorts them by time.
pub(super) fn read(entries: &[TimelineEntry], topology: &Topology, findings: &mut Findings) -> Vec<Placed> {
    let mut rng = ChaCha8Rng::seed_from_u64(topology.seed);
    rng.set_stream(JITTER);
    let mut draw = || rng.random_range(0.0..1.0);
    let mut placed = Vec::new();
    let mut flaps = Flaps::default();
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
            let jitter = if over.is_zero() { 0.0 } else { draw() };
            let at = at + step.mul_f64(index as f64 + jitter);
            match action {
                Action::Flap { fault, every, times } => {
                    flaps.begin(*fault, at, schedule(every, times, &mut draw), span);
                }
                Action::Stop(fault) => flaps.stops.push((at, *fault, span)),
                action => placed.push(Placed { entry: Entry { at, action, origin: Origin::Direct }, span }),
            }
        }
    }
    placed.extend(flaps.spread(topology, findings));
    placed.sort_by_key(|p| p.entry.at);
    placed
}

/// The timeline's flaps, and where they are stopped.
#[derive(Default)]
struct Flaps {
    flaps: Vec<Flap>,
    stops: Vec<(Duration, Action, Range<usize>)>,
}

struct Flap {
    fault: Action,
    /// Of the fault, its undo, the fault, …
    times: Vec<Duration>,
    span: Range<usize>,
}

impl Flaps {
    fn begin(&mut self, fault: Action, at: Duration, offsets: Vec<Duration>, span: Range<usize>) {
        self.flaps.push(Flap { fault, times: offsets.into_iter().map(|offset| at + offset).collect(), span });
    }

    /// Every fault and undo of every flap, up to where it is stopped.
    fn spread(mut self, topology: &Topology, findings: &mut Findings) -> Vec<Placed> {
        for (at, fault, span) in self.stops {
            let runs = |flap: &&mut Flap| {
                let (first, last) = (flap.times.first(), flap.times.last());
                flap.fault == fault && first.is_some_and(|t| *t <= at) && last.is_some_and(|t| *t >= at)
            };
            let Some(flap) = self.flaps.iter_mut().find(runs) else {
                let message = format!("`{}` does not flap then", fault.display(topology));
                findings.error("nothing-to-stop", span, message).label("nothing to stop");
                continue;
            };
            let done = flap.times.partition_point(|t| *t < at);
            flap.times.truncate(done);
            if done % 2 == 1 {
                flap.times.push(at);
            }
        }
        let entries = self.flaps.into_iter().enumerate().flat_map(|(number, flap)| {
            let Flap { fault, times, span } = flap;
            let origin = Origin::Flap(number as u32);
            times.into_iter().enumerate().filter_map(move |(step, at)| {
                let action = if step % 2 == 0 { fault.clone() } else { fault.undo()? };
                Some(Placed { entry: Entry { at, action, origin }, span: span.clone() })
            })
        });
        entries.collect()
    }
}

/// What the actions so far have done to the lab. A value that is missing is not known.
struct State<'a> {
    topology: &'a Topology,
    damage: Damage,
    joined: BTreeMap<(NodeId, usize), bool>,
    announced: BTreeMap<(NodeId, GroupId), bool>,
    has_joined: BTreeSet<usize>,
    has_put: BTreeSet<usize>,
    /// When the latest flood of an overlay from a host is over.
    floods: BTreeMap<(NodeId, usize), Duration>,
}

/// Reports actions that cannot be carried out after those before them.
pub(super) fn check_order(placed: &[Placed], topology: &Topology, findings: &mut Findings) {
    let mut announced = BTreeMap::new();
    for (index, group) in topology.groups.iter().enumerate() {
        let plain = group.is_plain();
        announced.extend(group.members.iter().map(|m| ((*m, GroupId(index)), plain)));
    }
    let joined = topology.overlays.iter().enumerate();
    let joined = joined.flat_map(|(index, o)| o.members.iter().map(move |m| ((*m, index), false))).collect();
    let (damage, has_joined, has_put, floods) = Default::default();
    let mut state = State { topology, damage, joined, announced, has_joined, has_put, floods };
    for Placed { entry, span } in placed {
        if let Err(why) = state.apply(entry) {
            let text = entry.action.display(topology).to_string();
            let at = humantime::format_duration(Duration::from_millis(entry.at.as_millis() as u64));
            let found = findings.error("impossible-action", span.clone(), format!("`{text}` at {at}: {why}"));
            found.label("cannot be done then");
        }
    }
}

impl State<'_> {
    fn apply(&mut self, Entry { at, action, origin }: &Entry) -> Result<(), String> {
        self.damage.apply(action, *origin, self.topology)?;
        match action {
            // After a crash, whether a host is a member or announces is for the run to find out.
            Action::Crash(node, _) | Action::Restart(node, _) | Action::Renumber(node) => {
                self.joined.retain(|(host, _), _| host != node);
                self.announced.retain(|(host, _), _| host != node);
                Ok(())
            }
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
            Action::Withdraw { host, group } | Action::Drain { host, group } => {
                match self.announced.insert((*host, *group), false) {
                    Some(false) => Err("it does not announce the group".to_owned()),
                    _ => Ok(()),
                }
            }
            Action::Overwrite { overlay, .. } | Action::Audit { overlay } if !self.has_put.contains(overlay) => {
                Err("no key has been put".to_owned())
            }
            Action::Put { overlay, .. } | Action::Flood { overlay, .. } if !self.has_joined.contains(overlay) => {
                Err("no node has joined the overlay".to_owned())
            }
            Action::Put { overlay, .. } => {
                self.has_put.insert(*overlay);
                Ok(())
            }
            Action::Flood { overlay, from, time, .. } => {
                let end = self.floods.insert((*from, *overlay), *at + *time);
                end.filter(|end| end > at).map_or(Ok(()), |end| {
                    Err(format!("its flood of this overlay goes on until {}", humantime::format_duration(end)))
                })
            }
            _ => Ok(()),
        }
    }

    fn joins_groups(&mut self, host: NodeId, overlay: usize, announced: bool) {
        let overlay = &self.topology.overlays[overlay];
        // Whether it will announce the rendezvous, and which color it chooses, is not known before.
        let known = |group: &&GroupId| match self.topology.groups[group.0].owner.map(|owner| owner.by) {
            Some(By::Color(_)) => !overlay.colors.is_empty(),
            Some(By::Leader) => false,
            Some(By::Member) | None => true,
        };
        for group in overlay.groups.iter().filter(known) {
            if let Some(state) = self.announced.get_mut(&(host, *group)) {
                *state = announced;
            }
        }
    }
}
