//! The record: what a run writes to `events.jsonl`, one JSON object a line, and how it is read back.
//!
//! The lab writes it, [`crate::measure`] reads it, and nothing else passes between them: a report
//! can be rebuilt from the record alone. Names, not indices, appear in it.

mod deed;
mod event;
mod facts;
mod flows;
pub mod moves;
mod predicted;
mod read;
pub mod survey;
mod told;

pub use crate::physics::FibChange;
pub use crate::program::ProcessKind;
pub use crate::scenario::deed::{Deed, ProcessDeed};
pub use event::{Event, Found, Lateness, NodeDid, Passed, ProbeResult, SCHEMA, Strain, What};
pub use facts::{DaemonFacts, GroupFacts, LabFacts, LinkFacts, LinkRole, NodeFacts, OverlayFacts};
pub use flows::{BreakReason, FlowChange, FlowDid, FlowFacts};
pub use predicted::{Compared, Difference, Predicted};
pub use read::{BUILT, PLAYED, Record, RecordError};
pub(crate) use told::told;
