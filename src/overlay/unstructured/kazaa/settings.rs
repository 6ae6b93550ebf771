//! What a node is configured with, beside what all overlays have in common.

use std::time::Duration;

use crate::overlay::Values;

/// Most children, and most links, whatever is configured.
pub(super) const MAX_CHILDREN: usize = 400;
pub(super) const MAX_LINKS: usize = 100;

/// A lab file's keys.
#[derive(Clone, Copy, Debug)]
pub(super) struct Settings {
    /// Links to other supernodes that one opens until it has so many.
    pub(super) links: usize,
    /// Children that a supernode takes without need.
    pub(super) children: usize,
    /// With fewer it is not needed.
    pub(super) least: usize,
    /// The least capacity of one that may be a supernode.
    pub(super) able: u32,
    pub(super) uptime: Duration,
    pub(super) refresh: Duration,
    pub(super) ttl: u8,
    pub(super) wait: Duration,
}

impl Settings {
    pub(super) fn of(given: &Values) -> Self {
        Self {
            links: given.size("supernode_links"),
            children: given.size("children"),
            least: given.size("least_children"),
            able: ((1.0 - given.float("capable")) * f64::from(u32::MAX)) as u32,
            uptime: given.time("uptime"),
            refresh: given.time("refresh"),
            ttl: u8::try_from(given.int("ttl")).unwrap_or(u8::MAX),
            wait: given.time("query_wait"),
        }
    }

    /// Most children with need.
    pub(super) fn most_children(&self) -> usize {
        (2 * self.children).min(MAX_CHILDREN)
    }

    /// Most links without need: others may open as many as it opens itself.
    pub(super) fn most_links(&self) -> usize {
        (2 * self.links).min(MAX_LINKS)
    }

    /// Percent.
    pub(super) fn load(&self, children: usize) -> u8 {
        u8::try_from(children * 100 / self.children.max(1)).unwrap_or(u8::MAX)
    }
}
