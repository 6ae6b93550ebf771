//! What happens in a lab and what must hold: the timeline's actions and the expectations.

pub mod acts;
mod daemons;
pub mod damage;
pub mod deed;
mod entry;
pub mod expect;
mod expectation;
pub(crate) mod items;
pub(crate) mod keys;
pub mod metrics;
pub mod programs;
mod read;
mod rogues;
pub mod scope;
mod sweep;
mod timeline;
mod ways;
mod when;
mod words;

pub use acts::{Action, LinkAct, LookAct, OverlayAct, PolicyAct, ProcessAct, RoaAct, RogueAct, SeriesAct, SiteAct};
pub use entry::{Entry, Scenario};
pub use expectation::{Expectation, LOCAL, Op, Value, When};
pub use metrics::{Metric, Subject, Target};
pub use read::{read, read_for, read_text, read_with};
pub use scope::{Ends, Hijack, Origin, Part, Victim};
pub use sweep::{Setting, Sweep, SweepError, combinations, read_set};
pub use words::ActionError;
