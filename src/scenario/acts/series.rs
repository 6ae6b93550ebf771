//! Faults that come and go: `flap`, and `stop`, which ends it.

use std::fmt;
use std::time::Duration;

use super::verb::{Act, Class, Given, Verb, one_word, show};
use crate::scenario::words::{ActionError, Words};
use crate::topology::Topology;

/// Actions about actions.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SeriesAct<A> {
    /// `flap FAULT every PERIOD times COUNT`: the fault and its undo, again and again. The timeline has
    /// it spread out into these.
    Flap { fault: Box<A>, every: Duration, times: u32 },
    /// `stop FAULT`: ends its flapping, and undoes what it has done.
    Stop(Box<A>),
}

pub(super) const FLAP: Verb = Verb::new("flap", "flap FAULT every PERIOD times COUNT", Class::Series);
pub(super) const STOP: Verb = Verb::new("stop", "stop FAULT", Class::Series);

/// The most times, and the shortest period: what a flap makes is played entry by entry.
const MOST_TIMES: u32 = 10_000;
const SHORTEST: Duration = Duration::from_millis(20);

impl<A: AsRef<dyn Act>> Act for SeriesAct<A> {
    fn verb(&self) -> Verb {
        match self {
            Self::Flap { .. } => FLAP,
            Self::Stop(_) => STOP,
        }
    }

    fn target<'a>(&self, topology: &'a Topology) -> &'a str {
        match self {
            Self::Flap { fault, .. } | Self::Stop(fault) => (**fault).as_ref().target(topology),
        }
    }

    fn show(&self, f: &mut fmt::Formatter<'_>, topology: &Topology) -> fmt::Result {
        f.write_str(" ")?;
        match self {
            Self::Flap { fault, every, times } => {
                show((**fault).as_ref(), f, topology)?;
                write!(f, " every {} times {times}", one_word(*every))
            }
            Self::Stop(fault) => show((**fault).as_ref(), f, topology),
        }
    }
}

/// What reads one fault that has an undo, in a text that begins at this byte of what the user wrote.
type Fault<A> = fn(&str, usize, &Topology) -> Result<A, ActionError>;

pub(super) fn flap<A>(given: &mut Given<'_>, fault: Fault<A>) -> Result<SeriesAct<A>, ActionError> {
    let (inner, begin) = rest(given);
    let Some(every) = inner.rfind(" every ") else {
        return Err(given.words.missing("`every` is missing", format!("write `{}`", given.form)));
    };
    let fault = Box::new(fault(&inner[..every], begin, given.topology)?);
    given.words = Words::new(&inner[every..], begin + every);
    given.words.take("every");
    let period = given.expect("a period")?;
    let every = humantime::parse_duration(period.text).ok().filter(|t| *t >= SHORTEST);
    let every = every.ok_or_else(|| {
        let help = format!("a time of {} ms at least, with its unit, such as `2s`", SHORTEST.as_millis());
        period.error(format!("`{}` is no period", period.text), help)
    })?;
    given.words.demand("times", given.form)?;
    let count = given.expect("a number")?;
    let times = count.text.parse().ok().filter(|n| (1..=MOST_TIMES).contains(n));
    let help = format!("a whole number from 1 to {MOST_TIMES}");
    let times = times.ok_or_else(|| count.error(format!("`{}` is no number of times", count.text), help))?;
    Ok(SeriesAct::Flap { fault, every, times })
}

pub(super) fn stop<A>(given: &mut Given<'_>, fault: Fault<A>) -> Result<SeriesAct<A>, ActionError> {
    let (inner, begin) = rest(given);
    if inner.trim().is_empty() {
        let help = format!("write `{}`", given.form);
        return Err(given.words.missing("what has been flapping is missing", help));
    }
    let fault = fault(inner, begin, given.topology)?;
    while given.words.next().is_some() {}
    Ok(SeriesAct::Stop(Box::new(fault)))
}

/// The text after the verb, and where it begins.
fn rest<'t>(given: &Given<'t>) -> (&'t str, usize) {
    let end = given.verb.span.end - given.start;
    (&given.text[end..], given.verb.span.end)
}

/// When the faults and undos of a `flap` fall, from its begin on: a fault at the begin of each period
/// and its undo half a period later, each late by up to a tenth of the period as `draw` (0 to 1) says.
pub fn schedule(every: Duration, times: u32, mut draw: impl FnMut() -> f64) -> Vec<Duration> {
    let half = every / 2;
    (0..2 * times).map(|step| half * step + every.mul_f64(0.1 * draw())).collect()
}
