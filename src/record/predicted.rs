//! What BGP was predicted to do after something had been done, and what it did.

use serde::{Deserialize, Serialize};

/// Every router's best route to every plain group, predicted and real.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Predicted {
    /// The action; `None`: the lab had come up.
    pub after: Option<String>,
    pub outcome: Compared,
    /// Pairs of a router and a group's prefix.
    pub compared: usize,
    /// Since the action, until all were as predicted, or until it was clear that they would not be.
    pub seconds: f64,
    pub differences: Vec<Difference>,
    /// Why nothing is predicted.
    #[serde(default)]
    pub reason: Option<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
pub enum Compared {
    AsPredicted,
    /// No table has changed for a while, and something is not as predicted.
    Otherwise,
    /// The next action came before that.
    TooSoon,
    NotPredicted,
}

/// A router that uses another route than predicted.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Difference {
    pub router: String,
    pub prefix: String,
    /// AS paths; `None`: no route.
    pub predicted: Option<String>,
    pub real: Option<String>,
    /// The rule by which the predicted route was to win.
    pub step: Option<String>,
    /// Which route wins was said to depend on which came first.
    pub by_order: bool,
}
