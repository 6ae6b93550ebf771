//! Round trips of clients to a group's members.

use std::collections::BTreeMap;

use crate::measure::effect::Source;
use crate::measure::stats::quantile;
use crate::record::{Record, What};

/// What one client's round trips are, in milliseconds.
pub(crate) struct Paths<'a> {
    pub(crate) client: &'a str,
    pub(crate) site: Option<&'a str>,
    pub(crate) anycast: Option<f64>,
    /// To members that answer.
    pub(crate) members: BTreeMap<&'a str, f64>,
}

/// All clients of one group at one moment.
pub(crate) struct Taken<'a> {
    pub(crate) at: u64,
    pub(crate) group: &'a str,
    pub(crate) source: Source,
    pub(crate) clients: Vec<Paths<'a>>,
}

/// What each `stretch` measured, by time.
pub(crate) fn measured(record: &Record) -> Vec<Taken<'_>> {
    let mut found: Vec<Taken<'_>> = Vec::new();
    for event in &record.events {
        let What::Stretch { group, client, site, anycast, members } = &event.what else { continue };
        let members = members.iter().filter_map(|(member, times)| Some((member.as_str(), median(times)?))).collect();
        let paths = Paths { client, site: site.as_deref(), anycast: median(anycast), members };
        match found.iter_mut().find(|taken| taken.at == event.at && taken.group == group) {
            Some(taken) => taken.clients.push(paths),
            None => found.push(Taken { at: event.at, group, source: Source::Measured, clients: vec![paths] }),
        }
    }
    found
}

/// Milliseconds.
fn median(times: &[Option<u64>]) -> Option<f64> {
    let mut answered: Vec<f64> = times.iter().flatten().map(|ns| *ns as f64 / 1e6).collect();
    answered.sort_by(f64::total_cmp);
    quantile(&answered, 0.5)
}
