//! Faults as the record has them, and the stretch of time each one answers for.

use crate::record::{Deed, Record, What};

/// Actions that begin this soon after the one before was done share one [`Window`]: the timeline
/// plays actions of the same moment one after another, and their effects cannot be told apart.
const SAME_MOMENT: u64 = 20_000_000;

/// Faults of one moment and the time until something else is done to the lab.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Window {
    /// The texts of its actions, joined by `, `.
    pub(crate) fault: String,
    pub(crate) begin: u64,
    /// The last system call of its last action had returned.
    pub(crate) done: u64,
    /// Begin of the next window, or the record's end. Not part of this window.
    pub(crate) end: u64,
    pub(crate) live: bool,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Role {
    Fault,
    /// A host joins an overlay: it may change routing, so it ends a fault's window, but it is no fault.
    Join,
    /// Stores or reads keys: changes neither routing nor membership.
    Quiet,
}

fn role(deed: &Deed) -> Role {
    match deed {
        Deed::Other => Role::Quiet,
        Deed::Join => Role::Join,
        _ => Role::Fault,
    }
}

/// The windows of all faults, by time.
pub(crate) fn windows(record: &Record) -> Vec<Window> {
    let mut found: Vec<(Role, Window)> = Vec::new();
    for event in &record.events {
        let What::Fault { action, deed: Some(deed), done, live, .. } = &event.what else { continue };
        let role = role(deed);
        if role == Role::Quiet {
            continue;
        }
        let done = (*done).max(event.at);
        match found.last_mut() {
            Some((last_role, last)) if *last_role == role && event.at <= last.done.saturating_add(SAME_MOMENT) => {
                last.fault = format!("{}, {action}", last.fault);
                last.done = last.done.max(done);
                last.live |= live;
            }
            last => {
                if let Some((_, last)) = last {
                    last.end = event.at;
                }
                let window = Window { fault: action.clone(), begin: event.at, done, end: record.end, live: *live };
                found.push((role, window));
            }
        }
    }
    found.into_iter().filter(|(role, _)| *role == Role::Fault).map(|(_, window)| window).collect()
}
