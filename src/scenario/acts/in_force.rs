//! Actions and the faults in force: what an action adds to them, and which actions tell of them.

use super::{Action, LinkAct, PolicyAct, ProcessAct};
use crate::scenario::damage::{By, Damage, Fault};
use crate::scenario::scope::{Ends, Origin, Victim};
use crate::topology::Topology;

impl Damage {
    /// Takes in what is about to be done. Actions that are no faults change nothing.
    ///
    /// # Errors
    /// It has been done already, or has not been done and cannot be undone. Nothing has changed then.
    pub fn apply(&mut self, action: &Action, origin: Origin, topology: &Topology) -> Result<(), String> {
        let mut after = self.clone();
        let text = action.display(topology).to_string();
        action.act().inflict(&mut after, &By { origin, text, topology })?;
        *self = after;
        Ok(())
    }

    /// The actions that brought about what is in force, in words.
    pub fn report(&self, topology: &Topology) -> Vec<String> {
        let mut words: Vec<String> = Vec::new();
        let faults = self.in_force().map(|(fault, origin, text)| {
            // Half of `crash n1 both` may have been undone.
            let left = self.left(fault, origin);
            left.map_or_else(|| text.to_owned(), |action| action.display(topology).to_string())
        });
        let impaired = self.impaired().map(|(link, side, properties)| {
            let twin = self.impaired().any(|(l, s, p)| l == link && s != side && p == properties);
            let ends = if twin { Ends::Both } else { Ends::One(side) };
            Action::Link(LinkAct::Impair(link, ends, *properties)).display(topology).to_string()
        });
        let changed = self.changed().map(|(session, change)| {
            Action::Policy(PolicyAct::Set { session, change: change.clone() }).display(topology).to_string()
        });
        for text in faults.chain(impaired).chain(changed) {
            if !words.contains(&text) {
                words.push(text);
            }
        }
        words
    }

    /// What is left of an action that can be undone in parts.
    fn left(&self, fault: &Fault, origin: Origin) -> Option<Action> {
        match fault {
            Fault::Crash(node, process) => Some(Action::Process(ProcessAct::Crash(*node, Victim::Program(*process)))),
            Fault::Freeze(node, process) => Some(Action::Process(ProcessAct::Freeze(*node, Victim::Program(*process)))),
            Fault::Blackhole(link, side) => {
                let both = self.is_in_force(&Fault::Blackhole(*link, 1 - side), origin);
                let ends = if both { Ends::Both } else { Ends::One(*side) };
                Some(Action::Link(LinkAct::Blackhole(*link, ends)))
            }
            _ => None,
        }
    }
}
