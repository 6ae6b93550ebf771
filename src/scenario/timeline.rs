//! From the file's timeline to entries in play order, and whether they can be played in that order.

use std::ops::Range;
use std::time::Duration;

use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use toml::Spanned;

use super::acts::{self, Action, SeriesAct, State, schedule};
use super::damage::Damage;
use super::entry::Entry;
use super::scope::Origin;
use super::words::ActionError;
use crate::topology::Topology;
use crate::topology::diagnose::{Diagnostic, Problems};
use crate::topology::file::TimelineEntry;

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
    problems: &'f mut Problems,
) -> &'f mut Diagnostic {
    let whole = text.span();
    // Between its quotes a string without escapes stands as it is.
    let inner = whole.start + 1..whole.end.saturating_sub(1);
    let plain = problems.source.text.get(inner.clone()) == Some(text.get_ref());
    let span = if plain { inner.start + error.span.start..inner.start + error.span.end } else { whole };
    problems.error(code, span, error.message).label("here").help(error.help)
}

/// Reads every action, spreads those with `over` and those that flap, and sorts them by time.
pub(super) fn read(entries: &[TimelineEntry], topology: &Topology, problems: &mut Problems) -> Vec<Placed> {
    let mut rng = ChaCha8Rng::seed_from_u64(topology.seed);
    rng.set_stream(JITTER);
    let mut draw = || rng.random_range(0.0..1.0);
    let mut placed = Vec::new();
    let mut flaps = Flaps::default();
    for entry in entries {
        let mut actions = Vec::new();
        for text in &entry.actions {
            match acts::parse(text.get_ref(), topology) {
                Ok(several) => actions.extend(several.into_iter().map(|action| (action, text.span()))),
                Err(error) => {
                    report("action", text, error, problems);
                }
            }
        }
        let at = *entry.at.get_ref();
        let over = entry.over.as_ref().map_or(Duration::ZERO, |over| *over.get_ref());
        if let Some(given) = entry.over.as_ref().filter(|_| actions.len() == 1) {
            let found = problems.error("nothing-to-spread", given.span(), "`over` spreads several actions, not one");
            found.label("this entry has one action");
        }
        let step = over.div_f64(actions.len().max(1) as f64);
        for (index, (action, span)) in actions.into_iter().enumerate() {
            let jitter = if over.is_zero() { 0.0 } else { draw() };
            let at = at + step.mul_f64(index as f64 + jitter);
            match action {
                Action::Series(SeriesAct::Flap { fault, every, times }) => {
                    flaps.begin(*fault, at, schedule(every, times, &mut draw), span);
                }
                Action::Series(SeriesAct::Stop(fault)) => flaps.stops.push((at, *fault, span)),
                action => placed.push(Placed { entry: Entry { at, action, origin: Origin::Direct }, span }),
            }
        }
    }
    placed.extend(flaps.spread(topology, problems));
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
    fn spread(mut self, topology: &Topology, problems: &mut Problems) -> Vec<Placed> {
        for (at, fault, span) in self.stops {
            let runs = |flap: &&mut Flap| {
                let (first, last) = (flap.times.first(), flap.times.last());
                flap.fault == fault && first.is_some_and(|t| *t <= at) && last.is_some_and(|t| *t >= at)
            };
            let Some(flap) = self.flaps.iter_mut().find(runs) else {
                let message = format!("`{}` does not flap then", fault.display(topology));
                problems.error("nothing-to-stop", span, message).label("nothing to stop");
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

/// Reports actions that cannot be carried out after those before them.
pub(super) fn check_order(placed: &[Placed], topology: &Topology, problems: &mut Problems) {
    let (mut damage, mut state) = (Damage::default(), State::new(topology));
    for Placed { entry: Entry { at, action, origin }, span } in placed {
        state.at = *at;
        let done = damage.apply(action, *origin, topology).and_then(|()| action.possible(&mut state));
        if let Err(why) = done {
            let text = action.display(topology).to_string();
            let at = humantime::format_duration(Duration::from_millis(at.as_millis() as u64));
            let found = problems.error("impossible-action", span.clone(), format!("`{text}` at {at}: {why}"));
            found.label("cannot be done then");
        }
    }
}
