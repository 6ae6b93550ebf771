//! What every family of actions says of its verbs: a row for each, and how one of them is read.

use std::fmt;
use std::time::Duration;

use super::state::State;
use crate::scenario::damage::{By, Damage};
use crate::scenario::deed::Deed;
use crate::scenario::words::{ActionError, Word, Words};
use crate::topology::{LinkId, Topology};

/// What kind of deed an action is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Class {
    /// Something done to the network, or its undo.
    Fault,
    /// Something that nodes are told to do with their overlay.
    Order,
    /// Traffic sent into the lab.
    Load,
    /// A question; it changes nothing.
    Look,
    /// Several faults in turn, or their end.
    Series,
}

/// A verb: one row of its family.
#[derive(Clone, Copy, Debug)]
pub struct Verb {
    pub name: &'static str,
    /// As the lab file has it.
    pub form: &'static str,
    pub class: Class,
    /// Whether a simulation plays it; if not, why.
    pub simulated: Result<(), &'static str>,
}

impl Verb {
    /// A verb that a simulation plays.
    pub(super) const fn new(name: &'static str, form: &'static str, class: Class) -> Self {
        Self { name, form, class, simulated: Ok(()) }
    }

    pub(super) const fn not_simulated(self, why: &'static str) -> Self {
        Self { simulated: Err(why), ..self }
    }
}

/// A verb with what reads it: there is none without.
pub(super) type Arm<A> = (Verb, fn(&mut Given<'_>) -> Result<Vec<A>, ActionError>);

/// The text of an action: its first word has been read.
pub(super) struct Given<'t> {
    pub(super) verb: Word<'t>,
    pub(super) words: Words<'t>,
    pub(super) form: &'static str,
    pub(super) topology: &'t Topology,
    /// All of it, and the byte of what the user wrote at which it begins.
    pub(super) text: &'t str,
    pub(super) start: usize,
}

impl<'t> Given<'t> {
    /// The next word, or an error that says what should stand there.
    pub(super) fn expect(&mut self, what: &str) -> Result<Word<'t>, ActionError> {
        self.words.expect(what, self.form)
    }
}

/// One action of a family.
pub(crate) trait Act {
    fn verb(&self) -> Verb;

    /// What it is done to: a link, a stub, a node or an overlay; of a partition, the first that it names.
    fn target<'a>(&self, topology: &'a Topology) -> &'a str;

    /// Writes what follows the verb.
    fn show(&self, f: &mut fmt::Formatter<'_>, topology: &Topology) -> fmt::Result {
        write!(f, " {}", self.target(topology))
    }

    /// What the record is told.
    fn deed(&self) -> Deed {
        Deed::Other
    }

    /// How long it goes on, of what goes on for a time that it says.
    fn lasts(&self) -> Duration {
        Duration::ZERO
    }

    /// The link that must be able to do more than a bare one.
    fn impairs(&self) -> Option<LinkId> {
        None
    }

    /// Whether a simulation plays this one; if not, why.
    ///
    /// # Errors
    /// It is about what a simulation has not.
    fn simulated(&self) -> Result<(), String> {
        self.verb().simulated.map_err(str::to_owned)
    }

    /// Takes in what it does to the lab, if it can be done after all that has been done before.
    fn possible(&self, _state: &mut State<'_>) -> Result<(), String> {
        Ok(())
    }

    /// What undoes it; `None`: nothing does.
    fn undo(&self) -> Option<Self>
    where
        Self: Sized,
    {
        None
    }

    /// Puts faults in force or takes them back. What is no fault changes nothing.
    fn inflict(&self, _damage: &mut Damage, _by: &By<'_>) -> Result<(), String> {
        Ok(())
    }
}

/// An action as the lab file has it.
pub(super) fn show(act: &dyn Act, f: &mut fmt::Formatter<'_>, topology: &Topology) -> fmt::Result {
    f.write_str(act.verb().name)?;
    act.show(f, topology)
}

/// `1m30s`.
pub(super) fn one_word(time: Duration) -> String {
    humantime::format_duration(time).to_string().replace(' ', "")
}
