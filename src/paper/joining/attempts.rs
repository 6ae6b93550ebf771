//! Joins as a lab's record has them: who began when, and what came of it.

use std::collections::BTreeMap;

use crate::record::{NodeDid, Record, What};

/// A join that was begun.
#[derive(Clone, Debug, PartialEq)]
pub(in crate::paper) struct Attempt {
    pub(in crate::paper) host: String,
    /// Seconds of play.
    pub(in crate::paper) begun: f64,
    /// `None`: not before the record ended.
    pub(in crate::paper) joined: Option<f64>,
    pub(in crate::paper) served_by: Option<String>,
}

impl Attempt {
    /// `campus` of `campus.n4`.
    pub(in crate::paper) fn stub(&self) -> &str {
        self.host.split('.').next().unwrap_or(&self.host)
    }

    pub(in crate::paper) fn seconds(&self) -> Option<f64> {
        Some(self.joined? - self.begun)
    }

    pub(in crate::paper) fn within(&self, seconds: f64) -> bool {
        self.seconds().is_some_and(|took| took <= seconds)
    }
}

/// What the nodes of an overlay said, by time.
fn said<'a>(record: &'a Record, overlay: &str) -> impl Iterator<Item = (f64, &'a str, &'a NodeDid)> {
    record.events.iter().filter_map(move |event| match &event.what {
        What::Node { node, overlay: of, did } if of == overlay => Some((record.seconds(event.at), node.as_str(), did)),
        _ => None,
    })
}

/// All joins of an overlay, in the order in which they were begun; not those that found nobody and began it.
pub(in crate::paper) fn attempts(record: &Record, overlay: &str) -> Vec<Attempt> {
    let mut found: Vec<Attempt> = Vec::new();
    let mut founders = Vec::new();
    for (at, node, did) in said(record, overlay) {
        match did {
            NodeDid::Joining => {
                found.push(Attempt { host: node.to_owned(), begun: at, joined: None, served_by: None });
            }
            NodeDid::Joined { served_by, .. } => {
                if served_by.is_none() {
                    founders.push(node);
                }
                if let Some(one) = found.iter_mut().rfind(|a| a.host == node && a.joined.is_none()) {
                    (one.joined, one.served_by) = (Some(at), served_by.clone());
                }
            }
            _ => {}
        }
    }
    found.retain(|one| !founders.contains(&one.host.as_str()));
    found
}

/// Seconds between two moments in which each host announced a group.
pub(super) fn announced(record: &Record, overlay: &str, (from, to): (f64, f64)) -> BTreeMap<String, f64> {
    let mut since: BTreeMap<&str, f64> = BTreeMap::new();
    let mut found: BTreeMap<String, f64> = BTreeMap::new();
    let mut add = |node: &str, begin: f64, end: f64| {
        let seconds = end.min(to) - begin.max(from);
        if seconds > 0.0 {
            *found.entry(node.to_owned()).or_default() += seconds;
        }
    };
    for (at, node, did) in said(record, overlay) {
        match did {
            NodeDid::Announced { group } if group == overlay => drop(since.entry(node).or_insert(at)),
            NodeDid::Withdrew { group } if group == overlay => {
                if let Some(begin) = since.remove(node) {
                    add(node, begin, at);
                }
            }
            _ => {}
        }
    }
    since.into_iter().for_each(|(node, begin)| add(node, begin, to));
    found
}

/// Of probes by when they were sent and answered, in order: the longest run of lost ones, from the first one's sending to
/// the next answer, in seconds; and since when a run lasts that no answer has ended.
pub(in crate::paper) fn lost_runs(probes: impl IntoIterator<Item = (f64, Option<f64>)>) -> (f64, Option<f64>) {
    let (mut since, mut longest) = (None, 0.0_f64);
    for (sent, answered) in probes {
        match answered {
            None => since = since.or(Some(sent)),
            Some(at) => longest = longest.max(since.take().map_or(0.0, |since: f64| at - since)),
        }
    }
    (longest, since)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::Event;

    fn record() -> Record {
        let text = include_str!("../../../tests/fixtures/records/flood/events.jsonl");
        Record::from_reader(text.as_bytes()).unwrap()
    }

    #[test]
    fn joins_are_those_of_the_report() {
        let record = record();
        let found = attempts(&record, "music");
        assert_eq!(found.len(), 23, "and one that began the overlay");
        assert!(found.iter().all(|a| a.within(5.0) && a.served_by.is_some()), "{found:?}");
        assert_eq!(found.iter().filter(|a| a.stub() == "campus").count(), 8);
    }

    #[test]
    fn a_join_without_an_end_is_there_too() {
        let mut record = record();
        let joined =
            |e: &Event| matches!(&e.what, What::Node { node, did: NodeDid::Joined { .. }, .. } if node == "lake.n5");
        record.events.retain(|e| !joined(e));
        let found = attempts(&record, "music");
        let [late] = &found.iter().filter(|a| a.joined.is_none()).collect::<Vec<_>>()[..] else { panic!("{found:?}") };
        assert!(late.host == "lake.n5" && !late.within(100.0));
    }

    #[test]
    fn who_announces_later_could_serve_for_less() {
        let found = announced(&record(), "music", (2.5, 4.0));
        assert!((found["campus.n1"] - 1.5).abs() < 1e-9);
        // Since 2.875 s.
        assert!((found["lake.n1"] - 1.125).abs() < 0.001, "{found:?}");
        assert!(!found.contains_key("port.n5"));
    }
}
