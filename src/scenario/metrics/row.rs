//! What every family of metrics says of them: a row for each.

use super::asked::Asked;
use super::subject::Subject;
use crate::scenario::acts::Action;
use crate::scenario::deed::Deed;
use crate::scenario::words::ActionError;
use crate::topology::Topology;

/// What a metric's value is, and so how the file writes it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A whole number.
    Count,
    /// `95%` or 0.95.
    Ratio,
    /// `1.2`: so many times as much.
    Factor,
    /// `4s`.
    Seconds,
    /// `yes` or `no`.
    YesNo,
    /// A host or a stub.
    Site,
    /// ASes, by name or number, the nearest first.
    Path,
}

/// When a metric has a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shape {
    /// At every moment.
    State,
    /// Of a window: it counts or measures what happens there.
    Counter,
    /// From the last repair of a link on: no window can be chosen.
    SinceRepair,
}

/// The values that runs can bring about.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Bounds {
    pub least: f64,
    pub most: Option<f64>,
    /// There may be no value, which is neither small nor large.
    pub absent: bool,
}

impl Bounds {
    pub(super) const SHARE: Self = Self { least: 0.0, most: Some(1.0), absent: false };

    pub(super) fn up_to(most: Option<usize>) -> Self {
        Self { most: most.map(|most| most as f64), ..Self::default() }
    }
}

/// What is done to the lab, of which an expectation sees a window.
pub(crate) struct Play<'a> {
    pub(crate) topology: &'a Topology,
    /// With the seconds at which they are done.
    pub(crate) actions: Vec<(f64, &'a Action)>,
    pub(crate) from: f64,
    pub(crate) to: f64,
}

impl<'a> Play<'a> {
    /// Whether anything like this is ever done.
    pub(super) fn has(&self, meant: impl Fn(&Action) -> bool) -> bool {
        self.actions.iter().any(|(_, action)| meant(action))
    }

    /// Whether anything like this is done in the window.
    pub(super) fn sees(&self, meant: impl Fn(&Action) -> bool) -> bool {
        self.actions.iter().any(|(at, action)| (self.from..=self.to).contains(at) && meant(action))
    }

    pub(super) fn lacks_join(&self) -> Option<&'static str> {
        (!self.has(|action| action.deed() == Deed::Join)).then_some("`join`")
    }
}

/// A metric: one row of its family. What it reads in a record has the same name in [`crate::measure`].
#[derive(Clone, Copy)]
pub struct Row {
    pub name: &'static str,
    /// As the lab file has it.
    pub form: &'static str,
    pub kind: Kind,
    pub shape: Shape,
    /// Whether a simulation of overlays can tell, which has neither routers nor clients.
    pub simulated: bool,
    /// Reads what it is about.
    pub(super) subject: fn(&mut Asked<'_, '_>) -> Result<Subject, ActionError>,
    /// What the timeline lacks so that it says something; `None`: nothing.
    pub(super) needs: fn(&Subject, &Play<'_>) -> Option<&'static str>,
    pub(super) bounds: fn(&Subject, &Topology) -> Bounds,
}

impl Row {
    /// A metric that needs nothing, is not negative, and is not simulated.
    pub(super) const fn new(
        name: &'static str,
        form: &'static str,
        kind: Kind,
        shape: Shape,
        subject: fn(&mut Asked<'_, '_>) -> Result<Subject, ActionError>,
    ) -> Self {
        Self {
            name,
            form,
            kind,
            shape,
            simulated: false,
            subject,
            needs: |_, _| None,
            bounds: |_, _| Bounds::default(),
        }
    }

    pub(super) const fn needs(self, needs: fn(&Subject, &Play<'_>) -> Option<&'static str>) -> Self {
        Self { needs, ..self }
    }

    pub(super) const fn bounds(self, bounds: fn(&Subject, &Topology) -> Bounds) -> Self {
        Self { bounds, ..self }
    }

    pub(super) const fn simulated(self) -> Self {
        Self { simulated: true, ..self }
    }
}
