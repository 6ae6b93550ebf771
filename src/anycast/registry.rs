//! The infrastructures that there are.

use std::fmt;
use std::ops::Deref;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::config::NodeConfig;
use super::endpoint::Endpoint;
use super::face::AgentConfig;
use super::member::node::Member;
use super::resident::Resident;
use super::row::{Node, Row};
use super::server::ServerConfig;
use crate::machine::Time;
use crate::overlay::key::Key;

/// One more infrastructure is one more line.
static INFRASTRUCTURES: &[&Row] =
    &[&super::ip::row::ROW, &super::pias::row::ROW, &super::i3::row::ROW, &super::oasis::row::ROW];

/// One of the rows.
#[derive(Clone, Copy)]
pub struct Infrastructure(&'static Row);

impl Infrastructure {
    /// All of them, in the order of the table.
    pub fn all() -> impl Iterator<Item = Self> {
        INFRASTRUCTURES.iter().copied().map(Self)
    }

    /// Keys of all of them, each once.
    pub fn all_keys() -> Vec<&'static Key> {
        let mut keys: Vec<&'static Key> = Vec::new();
        for key in Self::all().flat_map(|kind| kind.keys) {
            if !keys.iter().any(|known| known.name == key.name) {
                keys.push(key);
            }
        }
        keys
    }

    /// The node of an overlay on a host, which has been told nothing yet.
    pub fn node(self, config: NodeConfig, now: Time) -> Box<dyn Node> {
        let agent = (self.agent)(config.agent(), now);
        Box::new(Member::new(config, agent, now))
    }

    /// One of its servers; of an infrastructure without servers, a machine that does nothing.
    pub fn server(self, config: ServerConfig, now: Time) -> Resident {
        match &self.server {
            Some(server) => Resident::Server((server.make)(config, now)),
            None => Resident::Nobody,
        }
    }

    /// An agent that stands alone.
    pub fn endpoint(self, config: AgentConfig, now: Time) -> Endpoint {
        let agent = (self.agent)(config.clone(), now);
        Endpoint::new(config, agent)
    }

    pub fn named(name: &str) -> Option<Self> {
        Self::all().find(|infrastructure| infrastructure.name == name)
    }
}

impl Member {
    /// Over plain IP anycast.
    pub fn plain(config: NodeConfig, now: Time) -> Self {
        let agent = (super::ip::row::ROW.agent)(config.agent(), now);
        Self::new(config, agent, now)
    }
}

/// The first of the table: what an overlay has whose lab file does not say.
impl Default for Infrastructure {
    fn default() -> Self {
        Self(INFRASTRUCTURES[0])
    }
}

impl Deref for Infrastructure {
    type Target = Row;

    fn deref(&self) -> &Row {
        self.0
    }
}

impl PartialEq for Infrastructure {
    fn eq(&self, other: &Self) -> bool {
        self.name == other.name
    }
}

impl Eq for Infrastructure {}

impl fmt::Debug for Infrastructure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.title)
    }
}

impl Serialize for Infrastructure {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.name)
    }
}

impl<'de> Deserialize<'de> for Infrastructure {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let name = String::deserialize(deserializer)?;
        let none = || serde::de::Error::custom(format!("there is no infrastructure `{name}`"));
        Self::named(&name).ok_or_else(none)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::anycast::row::{Asked, By};

    #[test]
    fn names_differ_and_are_read_back() {
        for infrastructure in Infrastructure::all() {
            assert_eq!(Infrastructure::named(infrastructure.name), Some(infrastructure), "{infrastructure:?}");
            let text = serde_json::to_string(&infrastructure).unwrap();
            assert_eq!(serde_json::from_str::<Infrastructure>(&text).unwrap(), infrastructure);
        }
        assert!(serde_json::from_str::<Infrastructure>("\"ipv9\"").is_err());
    }

    #[test]
    fn groups_differ_and_the_first_is_the_overlays() {
        for infrastructure in Infrastructure::all() {
            for asked in [(0, false), (16, false), (0, true), (64, true)] {
                let groups = (infrastructure.groups)(&Asked { colors: asked.0, rendezvous: asked.1 });
                let distinct: BTreeSet<_> = groups.iter().map(|g| (g.part, &g.suffix, g.address)).collect();
                for count in [
                    distinct.iter().map(|d| d.0).collect::<BTreeSet<_>>().len(),
                    distinct.iter().map(|d| d.1).collect::<BTreeSet<_>>().len(),
                    distinct.iter().map(|d| d.2).collect::<BTreeSet<_>>().len(),
                ] {
                    assert_eq!(count, groups.len(), "{infrastructure:?} {asked:?}");
                }
                assert!(groups[0].suffix.is_empty() && groups[0].address == 1);
                assert!(matches!(groups[0].by, By::Member | By::Servers | By::Nobody), "{infrastructure:?}");
                assert!(groups[1..].iter().all(|g| g.suffix.starts_with('/') && (2..255).contains(&g.address)));
            }
        }
    }
}
