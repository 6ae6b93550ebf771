//! What has happened at a node, by what it was.

/// How often.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Counts {
    /// Requests that came, each once a node.
    pub(super) requests: u64,
    /// Probes of inserts, likewise.
    pub(super) probes: u64,
    /// Requests and probes sent on, to each node that was tried.
    pub(super) forwarded: u64,
    /// Of others' requests and probes: those that were here before, or found no room.
    pub(super) elsewhere: u64,
    /// Tried another node after one had nobody left to ask.
    pub(super) backtracked: u64,
    /// Requests and probes that this node's store has ended.
    pub(super) found: u64,
    /// Those that have come to as many nodes as they may, here.
    pub(super) spent: u64,
    /// Things passed back.
    pub(super) returned: u64,
    /// Things stored.
    pub(super) stored: u64,
    /// Sources that this node has put itself in the place of.
    pub(super) reset: u64,
    /// Things that were not what their keys stand for.
    pub(super) forged: u64,
    /// Announcements that came.
    pub(super) announced: u64,
    /// Seeds that were not those that had been promised.
    pub(super) disagreed: u64,
    /// Messages that were none, or that nothing was waiting for.
    pub(super) nonsense: u64,
    /// Datagrams sent, repeated ones and acknowledgments too.
    pub(super) datagrams: u64,
}

impl Counts {
    pub(super) fn all(&self) -> Vec<(&'static str, u64)> {
        vec![
            ("requests", self.requests),
            ("insert probes", self.probes),
            ("forwarded", self.forwarded),
            ("elsewhere", self.elsewhere),
            ("backtracked", self.backtracked),
            ("found", self.found),
            ("spent", self.spent),
            ("returned", self.returned),
            ("stored", self.stored),
            ("sources reset", self.reset),
            ("forged", self.forged),
            ("announcements", self.announced),
            ("disagreed", self.disagreed),
            ("nonsense", self.nonsense),
            ("datagrams", self.datagrams),
        ]
    }
}
