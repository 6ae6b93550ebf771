//! Messages of a servent, by what they were.

/// How many there have been.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Counts {
    /// Copies of queries that began here, or that it asked for a leaf.
    pub(super) queries_sent: u64,
    /// Copies of others' queries passed on.
    pub(super) queries_forwarded: u64,
    /// Queries that came for the first time.
    pub(super) queries_heard: u64,
    /// Queries that had come before.
    pub(super) queries_repeated: u64,
    /// Queries that had come too far.
    pub(super) queries_spent: u64,
    /// Copies that leaves were spared by their tables.
    pub(super) queries_spared: u64,
    pub(super) hits_sent: u64,
    pub(super) hits_forwarded: u64,
    /// Hits whose way back was gone.
    pub(super) hits_dropped: u64,
    pub(super) pings: u64,
    pub(super) pongs: u64,
    /// Links ended because of what was said.
    pub(super) nonsense: u64,
}

impl Counts {
    pub(super) fn all(&self) -> Vec<(&'static str, u64)> {
        vec![
            ("queries sent", self.queries_sent),
            ("queries forwarded", self.queries_forwarded),
            ("queries heard", self.queries_heard),
            ("queries repeated", self.queries_repeated),
            ("queries spent", self.queries_spent),
            ("queries spared", self.queries_spared),
            ("hits sent", self.hits_sent),
            ("hits forwarded", self.hits_forwarded),
            ("hits dropped", self.hits_dropped),
            ("pings", self.pings),
            ("pongs", self.pongs),
            ("nonsense", self.nonsense),
        ]
    }
}
