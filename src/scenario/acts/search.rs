//! How many items a `share` has shared, and how many searches a `search` is.

use super::keys;
use super::verb::Given;
use crate::overlay::AskKind;
use crate::scenario::words::ActionError;
use crate::topology::NodeId;

/// The most items of one `share`, and searches of one `search`.
const MOST: u32 = 10_000;

/// `COUNT in OVERLAY`.
pub(super) fn share(given: &mut Given<'_>) -> Result<(u32, usize), ActionError> {
    keys::number(given, "items", MOST, AskKind::Share)
}

/// `COUNT in OVERLAY [from HOST|STUB …]`.
pub(super) fn search(given: &mut Given<'_>) -> Result<(u32, usize, Vec<NodeId>), ActionError> {
    let (count, overlay) = keys::number(given, "searches", MOST, AskKind::Search)?;
    Ok((count, overlay, keys::writers(given, overlay)?))
}
