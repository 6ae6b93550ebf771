//! What must hold of a run, as the record keeps it.

use serde::{Deserialize, Serialize};

use super::metrics::Metric;

/// The path to a target in a node's own AS.
pub const LOCAL: &str = "local";

/// What must hold, in the form the record keeps: names, not indices, so that a record is judged
/// without its lab file.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Expectation {
    /// The file's `name`, or the expression itself.
    pub name: String,
    pub metric: Metric,
    pub op: Op,
    pub value: Value,
    pub when: When,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Op {
    #[serde(rename = "==")]
    Eq,
    #[serde(rename = "!=")]
    Ne,
    #[serde(rename = "<")]
    Lt,
    #[serde(rename = "<=")]
    Le,
    #[serde(rename = ">")]
    Gt,
    #[serde(rename = ">=")]
    Ge,
    /// Of a path: the AS is on it.
    #[serde(rename = "contains")]
    Contains,
    #[serde(rename = "lacks")]
    Lacks,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Value {
    /// Counts, ratios (0..=1; the file may say `95%`), seconds (the file says `4s`).
    Number(f64),
    Name(String),
    Yes,
    No,
    /// Names of ASes, the nearest first; empty: the target is in the node's own AS.
    Path(Vec<String>),
    /// Another metric of the same kind, over the same time.
    Metric(Box<Metric>),
}

/// Seconds since the play began.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum When {
    /// State: at the end. Counter: over the whole play.
    End,
    /// State: at this moment, or (`within` > 0) at some moment up to `within` later.
    /// Counter: from the play's begin to then.
    At { at: f64, within: f64 },
    /// State: throughout. Counter and ratio: counted in this window.
    During { from: f64, to: f64 },
    /// State: throughout, from `from` on or from when it is first known. Counter and ratio: counted in this window.
    Until { from: f64, to: f64 },
    /// State: at no moment, from `from` on or from when it is first known; `None`: to the end.
    Never { from: f64, to: Option<f64> },
}
