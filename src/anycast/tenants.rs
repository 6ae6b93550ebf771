//! What a host is told of the machines that live on it.

use serde::{Deserialize, Serialize};

use super::config::NodeConfig;
use super::face::AgentConfig;
use super::registry::Infrastructure;
use super::server::ServerConfig;

/// The node of an overlay, and whose room it is built in.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Hosted {
    pub infrastructure: Infrastructure,
    pub node: NodeConfig,
}

/// Everything that lives on a host as a machine.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Tenants {
    pub overlays: Vec<Hosted>,
    pub servers: Vec<Serving>,
    pub services: Vec<Offered>,
}

impl Tenants {
    pub fn is_empty(&self) -> bool {
        self.overlays.is_empty() && self.servers.is_empty() && self.services.is_empty()
    }
}

/// A server of an infrastructure.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Serving {
    pub infrastructure: Infrastructure,
    pub server: ServerConfig,
}

/// A program that an infrastructure makes known.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Offered {
    pub infrastructure: Infrastructure,
    pub agent: AgentConfig,
}
