//! What BGP did beside what was predicted, as the record has it.

use crate::measure::model::Prediction;
use crate::record::{Record, What};

/// Each comparison, by when it ended.
pub(crate) fn reports(record: &Record) -> Vec<Prediction> {
    let found = record.events.iter().filter_map(|event| match &event.what {
        What::Predicted(found) => Some(Prediction { at: record.seconds(event.at), found: (**found).clone() }),
        _ => None,
    });
    found.collect()
}

/// A time for each route that was not as predicted.
pub(crate) fn differences(record: &Record) -> Vec<u64> {
    let found = record.events.iter().filter_map(|event| match &event.what {
        What::Predicted(found) => Some(std::iter::repeat_n(event.at, found.differences.len())),
        _ => None,
    });
    found.flatten().collect()
}
