//! What a metric is about.

use serde::{Deserialize, Serialize};

/// What a metric is about, by name. The words are those of the lab file: `of X from STUB for GROUP to TARGET`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Subject {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub of: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from: Option<String>,
    #[serde(default, rename = "for", skip_serializing_if = "Option::is_none")]
    pub group: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub to: Option<Target>,
}

impl Subject {
    /// What stands after `of`; nothing does of what is about everything.
    pub fn name(&self) -> &str {
        self.of.as_deref().unwrap_or_default()
    }
}

/// Where packets are to go.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Target {
    Node(String),
    Group(String),
}
