//! What faults did to clients and sites, as the report has it: load, fairness, flips, stretch.
//!
//! A **site** here is a member that announces the group and that links connect with one of the group's clients,
//! or that answers one. Several members of a stub are several sites.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// How a group's clients, and what they asked, were spread over its sites in a stretch of time.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Shares {
    /// Site to the number of clients that it answers at the end of the stretch; sites without a client too.
    pub clients: BTreeMap<String, usize>,
    /// Clients that nobody answers then.
    pub unanswered: usize,
    /// Member to the number of probes sent in the stretch that it answered.
    pub requests: BTreeMap<String, usize>,
    /// Jain's index of the clients per site: 1 if all have as many, 1/n if one of n has them all
    /// (Jain, Chiu and Hawe 1984). `null` if nobody is answered.
    pub fairness: Option<f64>,
    /// Clients of the busiest site over the mean of all sites.
    pub max_over_mean: Option<f64>,
}

/// One group's clients before and after a fault.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct LoadChange {
    pub group: String,
    /// From the fault before, or the play's begin.
    pub before: Shares,
    /// To the end of what is attributed to the fault.
    pub after: Shares,
}

/// What the members of one group were asked over the run.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct GroupLoad {
    pub group: String,
    /// Clients that probe it.
    pub clients: usize,
    /// Probes answered, of those sent while the lab played.
    pub requests: usize,
    pub requests_per_second: f64,
    /// Jain's index of the requests per member, those that announced it and were never asked included.
    pub fairness: Option<f64>,
    pub members: BTreeMap<String, MemberLoad>,
    /// Before the first fault, and from each fault to the next.
    pub stretches: Vec<LoadStretch>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct MemberLoad {
    /// Probes that it answered.
    pub requests: usize,
    pub requests_per_second: f64,
    /// Joins that it served, for the join group of an overlay.
    pub joins: usize,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct LoadStretch {
    pub from: f64,
    pub to: f64,
    /// The fault that it follows; `null` for the first.
    pub after: Option<String>,
    #[serde(flatten)]
    pub spread: Shares,
    pub requests_per_second: f64,
    /// Member to the number of joins that it served, for the join group of an overlay.
    pub joins: BTreeMap<String, usize>,
}

/// How evenly something counted is spread over those that could have had it, all of them counted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Balance {
    /// How many could have had it.
    pub over: usize,
    /// The most that one has, over the mean.
    pub max_over_mean: Option<f64>,
    /// Jain's index.
    pub fairness: Option<f64>,
    /// Gini coefficient: 0 if all have as much, near 1 if one has it all.
    pub gini: Option<f64>,
}

/// How often one client's answering member changed. A silence in between is no change.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct ClientFlips {
    pub client: String,
    pub group: String,
    pub flips: Vec<Flip>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Flip {
    /// When the first probe was sent that the new member answered.
    pub at: f64,
    pub from: String,
    pub to: String,
}

/// Where the round trips of a [`Stretch`] come from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "lowercase")]
pub enum Source {
    /// Medians of echoes, by a `stretch`.
    Measured,
    /// Sums of the configured delays of the links along the kernels' routes there and back: without hops' own
    /// cost, jitter, queues and load.
    Derived,
}

/// How much farther than the nearest member clients are from the one that anycast gives them.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Stretch {
    pub at: f64,
    pub group: String,
    pub source: Source,
    /// The fault that it follows; `null` before the first.
    pub after: Option<String>,
    /// Quantiles of the clients' stretch; `null` if none is known.
    pub p50: Option<f64>,
    pub p90: Option<f64>,
    pub p99: Option<f64>,
    /// Quantiles of the clients' absolute inflation.
    pub inflation_p50_ms: Option<f64>,
    pub inflation_p90_ms: Option<f64>,
    pub inflation_p99_ms: Option<f64>,
    /// Clients at their best site, of `clients`.
    pub at_best: usize,
    /// All clients, those that the group's address does not answer too.
    pub clients: usize,
    pub unanswered: usize,
    pub by_client: Vec<ClientStretch>,
}

/// Round trips in milliseconds.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct ClientStretch {
    pub client: String,
    /// The member that the kernels' routes led to.
    pub site: Option<String>,
    /// To the group's address; `null`: no answer.
    pub anycast_ms: Option<f64>,
    /// To the unicast address of `site`.
    pub site_ms: Option<f64>,
    /// The nearest of the members that announce the group.
    pub best: Option<String>,
    pub best_ms: Option<f64>,
    /// `anycast_ms` over `best_ms`, each at least 1 ms: below that, what hops and the scheduler take is all there is.
    pub stretch: Option<f64>,
    /// `anycast_ms` less `best_ms`. Negative, the way to the group's address is the quicker one, or it is noise.
    pub inflation_ms: Option<f64>,
    /// Its site is the best, or farther by 5 % at most, or 0.5 ms at most: less is noise.
    pub at_best: bool,
}
