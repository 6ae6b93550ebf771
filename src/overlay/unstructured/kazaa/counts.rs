//! Messages of a node, by what they were.

/// How many there have been.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Counts {
    /// Copies of searches that began here, or that it asked for a child.
    pub(super) searches_sent: u64,
    /// Copies of others' passed on.
    pub(super) searches_forwarded: u64,
    /// Searches that came for the first time.
    pub(super) searches_heard: u64,
    /// That had come before.
    pub(super) searches_repeated: u64,
    /// Searches of children, and those of them that its own index had something for.
    pub(super) children_asked: u64,
    pub(super) answered_at_first: u64,
    pub(super) hits_sent: u64,
    pub(super) hits_passed: u64,
    /// Hits for a search that is over.
    pub(super) hits_dropped: u64,
    /// Items of children that came, and that there was no room for.
    pub(super) items_heard: u64,
    pub(super) items_refused: u64,
    pub(super) promotions: u64,
    pub(super) demotions: u64,
    pub(super) handed_over: u64,
    pub(super) pings: u64,
    /// Messages sent again.
    pub(super) again: u64,
    pub(super) nonsense: u64,
}

impl Counts {
    pub(super) fn all(&self) -> Vec<(&'static str, u64)> {
        vec![
            ("searches sent", self.searches_sent),
            ("searches forwarded", self.searches_forwarded),
            ("searches heard", self.searches_heard),
            ("searches repeated", self.searches_repeated),
            ("children asked", self.children_asked),
            ("answered at first", self.answered_at_first),
            ("hits sent", self.hits_sent),
            ("hits passed", self.hits_passed),
            ("hits dropped", self.hits_dropped),
            ("items heard", self.items_heard),
            ("items refused", self.items_refused),
            ("promotions", self.promotions),
            ("demotions", self.demotions),
            ("handed over", self.handed_over),
            ("pings", self.pings),
            ("sent again", self.again),
            ("nonsense", self.nonsense),
        ]
    }
}
