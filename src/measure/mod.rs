//! Measuring: from a record to a report, and the verdict on every expectation. No network, no clock.
//!
//! - [`Record`] reads `events.jsonl`; [`report()`] measures it; [`judge`] decides its expectations.
//! - Where packets went: `replay`, the one network that the record's routes, links and hosts make.
//! - Clients: `catchment` (who answers whom, from the probes), `snapshot` (and where the kernels' routes lead, as
//!   a second witness), `surveyed` (both at one moment, for every node). Routing: `predicted` (what it was to do, and
//!   did), `windows` (what each fault
//!   answers for), `convergence`, `transient` (loops and black holes), `updates`. Links: `distance` (round trips
//!   against configured delays). Sites: `announced` (who is one, when), `load` (who answers how many), `stretch`
//!   (and how much farther than the nearest), `derived` (the same from configured delays).
//! - Flows: `flows` attributes what broke to faults, or to none.
//! - Overlays: `overlay` replays joins, neighbors and faults through `islands` (membership, on top
//!   of `connectivity`) and judges lookups by them; `reach` knows what the links connect at all.
//! - [`Series`] has what was observed one by one, for files and pictures.
//!
//! Quantiles are exact, by nearest rank ([`quantile`]). [`Summary`] is of several runs: [`figures`] of
//! each, and how far they spread, with intervals that assume no distribution ([`Spread`]).

mod announced;
mod catchment;
mod connectivity;
mod convergence;
mod derived;
mod distance;
mod effect;
mod fault_model;
mod fidelity;
mod figures;
mod findings;
mod flood;
mod flow_model;
mod flows;
mod interval;
mod islands;
mod judge;
mod live;
mod load;
mod members;
mod model;
mod overlay;
mod overlay_model;
mod overlay_report;
mod paths;
mod predicted;
mod reach;
mod reading;
mod replay;
mod report;
mod runs;
mod searches;
mod series;
mod snapshot;
mod stats;
mod stretch;
mod surveyed;
mod transient;
mod updates;
mod windows;

pub(crate) use connectivity::Connectivity;
pub use convergence::QUIET_SECONDS;
pub use effect::*;

pub use fidelity::WORST_SCHED_DELAY_MS;
pub use figures::{Figure, Unit, figures};
pub use findings::Findings;
pub use flow_model::{FlowCounts, FlowReaction, FlowReport, ProtocolReaction};
pub use flows::FlowLife;
pub use interval::{ALPHA, Interval, Spread, quantile_interval, share_interval};
pub use judge::judge;
pub use live::Live;
pub use model::*;
pub use report::report;
pub use runs::{Combination, Expected, FigureOfRuns, RunOf, SUMMARY_SCHEMA, SetKeys, Summary, SummaryVerdict};
pub use series::{Answered, Joined, LinkState, Looked, Probe, RouteChange, Series, Updated};
pub use stats::{mean, quantile};
