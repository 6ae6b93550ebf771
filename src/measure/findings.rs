//! All that is found in a record.

use crate::measure::announced::Sites;
use crate::measure::catchment::Probed;
use crate::measure::distance::{Measured, round_trips};
use crate::measure::flows::Flows;
use crate::measure::overlay::History;
use crate::measure::paths::{Taken, measured};
use crate::measure::reach::Reach;
use crate::measure::transient::{Transients, transients};
use crate::measure::updates::Heard;
use crate::measure::windows::{Window, windows};
use crate::record::Record;

/// All that is found in a record, from which the report and the verdicts are drawn.
pub struct Findings<'a> {
    pub(super) record: &'a Record,
    pub(super) windows: Vec<Window>,
    pub(super) probed: Vec<Probed<'a>>,
    pub(super) overlays: Vec<History<'a>>,
    pub(super) round_trips: Vec<Measured>,
    /// Of every group, in the lab's order.
    pub(super) sites: Vec<Sites<'a>>,
    pub(super) stretches: Vec<Taken<'a>>,
    pub(super) transients: Transients<'a>,
    pub(super) heard: Option<Heard<'a>>,
    pub(super) flows: Flows<'a>,
}

impl<'a> Findings<'a> {
    /// Goes through the record.
    pub fn of(record: &'a Record) -> Self {
        let reach = Reach::of(record);
        let overlays = record.facts.overlays.iter().map(|o| History::of(record, o, &reach)).collect();
        let probed = Probed::all(record);
        let sites = Sites::all(record, &probed, &reach);
        let windows = windows(record);
        Self {
            record,
            flows: Flows::of(record, &windows),
            transients: transients(record, &probed),
            windows,
            probed,
            overlays,
            heard: Heard::of(record),
            round_trips: round_trips(record),
            sites,
            stretches: measured(record),
        }
    }
}
