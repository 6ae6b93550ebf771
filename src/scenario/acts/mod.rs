//! Everything that can be done to a lab: one grammar for the timeline and for live faults.
//!
//! A verb is a row and an arm of its family's file, which has all that the scenario knows of it; what does it is in
//! the lab's `act`.

mod flood;
mod in_force;
mod keys;
mod link;
mod look;
mod overlay;
mod parts;
mod policy;
mod process;
mod roa;
mod rogue;
mod search;
mod series;
mod site;
mod state;
mod verb;

use std::fmt;
use std::time::Duration;

use super::deed::Deed;
use super::words::{ActionError, Words};
use crate::topology::diagnose::suggest;
use crate::topology::{LinkId, Topology};

pub use link::LinkAct;
pub use look::{LookAct, stretched_groups};
pub use overlay::OverlayAct;
pub use policy::PolicyAct;
pub use process::ProcessAct;
pub use roa::RoaAct;
pub use rogue::RogueAct;
pub use series::{SeriesAct, schedule};
pub use site::SiteAct;
pub(super) use state::State;
use verb::{Act, Arm, Given};
pub use verb::{Class, Verb};

/// Families of actions: a line for each, with the verbs that it reads.
macro_rules! families {
    ($($family:ident($act:ty) reads $arms:expr;)+) => {
        /// Something done to a lab, by the timeline or live by `anybed fault`. `Action::display` gives the text back.
        #[derive(Clone, Debug, PartialEq, Eq)]
        pub enum Action {
            $($family($act),)+
        }

        /// Every verb.
        pub fn verbs() -> impl Iterator<Item = Verb> {
            let mut all = Vec::new();
            $(all.extend(rows($arms));)+
            all.into_iter()
        }

        /// Reads an action by the family of its verb; `None`: no family has it.
        fn read(given: &mut Given<'_>) -> Option<Result<Vec<Action>, ActionError>> {
            let read = None;
            $(let read = read.or_else(|| family(given, $arms, Action::$family));)+
            read
        }

        impl Action {
            fn act(&self) -> &(dyn Act + 'static) {
                match self {
                    $(Self::$family(act) => act,)+
                }
            }

            /// What undoes it; `None`: nothing does.
            pub fn undo(&self) -> Option<Self> {
                match self {
                    $(Self::$family(act) => act.undo().map(Self::$family),)+
                }
            }
        }
    };
}

families! {
    Link(LinkAct) reads link::ARMS;
    Process(ProcessAct) reads process::ARMS;
    Site(SiteAct) reads site::ARMS;
    Policy(PolicyAct) reads policy::ARMS;
    Rogue(RogueAct) reads rogue::ARMS;
    Roa(RoaAct) reads roa::ARMS;
    Overlay(OverlayAct) reads overlay::ARMS;
    Look(LookAct) reads look::ARMS;
    Series(SeriesAct<Self>) reads SERIES;
}

const SERIES: &[Arm<SeriesAct<Action>>] = &[
    (series::FLAP, |given| Ok(vec![series::flap(given, undoable)?])),
    (series::STOP, |given| Ok(vec![series::stop(given, undoable)?])),
];

fn rows<A>(arms: &'static [Arm<A>]) -> impl Iterator<Item = Verb> {
    arms.iter().map(|(verb, _)| *verb)
}

/// Reads one action. `join OVERLAY` and lists of hosts yield one [`Action`] per host.
///
/// # Errors
/// The text is no action, names what the lab has not, or asks for what cannot be done.
pub fn parse(text: &str, topology: &Topology) -> Result<Vec<Action>, ActionError> {
    parse_at(text, 0, topology)
}

/// As [`parse`], of a text that begins at byte `start` of what the user wrote.
fn parse_at(text: &str, start: usize, topology: &Topology) -> Result<Vec<Action>, ActionError> {
    let mut words = Words::new(text, start);
    let verb = words.expect("an action", "fail STUB")?;
    let given = &mut Given { verb, words, form: "", topology, text, start };
    read(given).unwrap_or_else(|| {
        let message = format!("there is no action `{}`", given.verb.text);
        Err(given.verb.error(message, suggest(given.verb.text, verbs().map(|verb| verb.name))))
    })
}

/// Reads the action if its verb is of this family.
fn family<A>(
    given: &mut Given<'_>,
    arms: &'static [Arm<A>],
    action: fn(A) -> Action,
) -> Option<Result<Vec<Action>, ActionError>> {
    let (verb, read) = arms.iter().find(|(verb, _)| verb.name == given.verb.text)?;
    given.form = verb.form;
    let acts = read(given).and_then(|acts| given.words.finish(verb.form).map(|()| acts));
    Some(acts.map(|acts| acts.into_iter().map(action).collect()))
}

/// One action that has an undo.
fn undoable(text: &str, start: usize, topology: &Topology) -> Result<Action, ActionError> {
    let mut actions = parse_at(text, start, topology)?;
    match actions.pop() {
        Some(action) if actions.is_empty() && action.undo().is_some() => Ok(action),
        _ => Err(ActionError {
            message: format!("`{}` cannot flap", text.trim()),
            span: start + (text.len() - text.trim_start().len())..start + text.trim_end().len(),
            help: Some("a fault that has an undo can, such as `cut LINK`".to_owned()),
        }),
    }
}

/// An action's canonical text.
struct Shown<'a>(&'a Action, &'a Topology);

impl fmt::Display for Shown<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        verb::show(self.0.act(), f, self.1)
    }
}

impl AsRef<dyn Act> for Action {
    fn as_ref(&self) -> &(dyn Act + 'static) {
        self.act()
    }
}

impl Action {
    /// The text that [`parse`] reads back to exactly this action.
    pub fn display<'a>(&'a self, topology: &'a Topology) -> impl fmt::Display + 'a {
        Shown(self, topology)
    }

    /// The first word of the text.
    pub fn verb(&self) -> &'static str {
        self.act().verb().name
    }

    /// What kind of deed it is.
    pub fn class(&self) -> Class {
        self.act().verb().class
    }

    /// Whether the record keeps it as a fault. Joins and the like are told by the nodes, looks by what they find;
    /// each step of a flap is a fault of its own.
    pub fn is_fault(&self) -> bool {
        matches!(self.class(), Class::Fault | Class::Load)
    }

    /// What it is done to: a link, a stub, a node or an overlay; of a partition, the first that it names.
    pub fn target<'a>(&self, topology: &'a Topology) -> &'a str {
        self.act().target(topology)
    }

    /// How long it goes on, of what goes on for a time that it says.
    pub fn lasts(&self) -> Duration {
        self.act().lasts()
    }

    /// What the record is told.
    pub fn deed(&self) -> Deed {
        self.act().deed()
    }

    /// Whether a simulation of overlays plays it; if not, why.
    ///
    /// # Errors
    /// It is about what a simulation has not.
    pub fn simulated(&self) -> Result<(), String> {
        self.act().simulated()
    }

    /// The link that must be able to do more than a bare one.
    pub(super) fn impairs(&self) -> Option<LinkId> {
        self.act().impairs()
    }

    /// Takes in what it does, if it can be done after all that has been done before.
    pub(super) fn possible(&self, state: &mut State<'_>) -> Result<(), String> {
        self.act().possible(state)
    }
}
