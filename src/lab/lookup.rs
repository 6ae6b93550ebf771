//! A lookup on request, and whether its answer is right by the membership of now.

use std::collections::BTreeSet;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use futures_util::future::join_all;
use serde::{Deserialize, Serialize};
use tokio::time::timeout;

use super::Lab;
use crate::anycast::Command;
use crate::overlay::id::Id;
use crate::overlay::oracle::Told;
use crate::overlay::{Answer, Neighbors};
use crate::program::Process;
use crate::scenario::damage::ProcessState;
use crate::topology::{NodeId, Overlay};

/// A node that does not tell of its neighbors within this time is not asked further: it is frozen, or gone.
const PATIENCE: Duration = Duration::from_secs(1);

/// `POST /lookup`
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct LookupRequest {
    pub overlay: String,
    /// A key, or an id: 32 hexadecimal digits.
    pub key: String,
    /// Who asks; `None`: the first member by name.
    pub from: Option<String>,
}

/// A lookup's outcome.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Lookup {
    pub overlay: String,
    pub from: String,
    pub key: String,
    pub id: Id,
    /// `None`: nobody answered.
    pub owner: Option<String>,
    /// Nodes that it was passed to.
    pub hops: u32,
    pub milliseconds: f64,
    /// Who owns the id among the members of now.
    pub expected: Option<String>,
    /// Among the members that answer the asker's echo, if that is somebody else: while the network is divided,
    /// that is as right.
    pub expected_here: Option<String>,
    pub right: bool,
}

impl Lab {
    /// Has a node look a key up.
    ///
    /// # Errors
    /// An unknown name, or a node that is neither member nor guest, or does not run.
    pub(super) async fn look_up_now(&self, request: &LookupRequest) -> Result<Lookup> {
        let known = || self.topology.overlays.iter().map(|o| o.name.as_str()).collect::<Vec<_>>().join(", ");
        let overlay = self.topology.overlays.iter().find(|overlay| overlay.name == request.overlay);
        let overlay = overlay.with_context(|| {
            let known = if known().is_empty() { "it has none".to_owned() } else { known() };
            format!("lab {} has no overlay {}: {known}", self.topology.name, request.overlay)
        })?;
        let protocol = overlay.settings.protocol;
        ensure!(protocol.is_keyed(), "no key has an owner in {}: it has {}", overlay.name, protocol.title);
        let before = self.nodes.members(&overlay.name);
        let from = match &request.from {
            Some(name) => {
                let guest = overlay.lives_on(self.named(name)?);
                ensure!(guest, "{name} has nothing of {}: it is none of its `members` or `guests`", overlay.name);
                name.clone()
            }
            None => before.first().with_context(|| format!("{} has no members", overlay.name))?.clone(),
        };
        let asker = self.named(&from)?;
        let state = self.damage.lock().await.process(asker, Process::NODE);
        ensure!(state == ProcessState::Running, "the node of {from} does not run: ask another with `--from`");
        let given = Some(&request.key).filter(|key| key.len() == 32).and_then(|key| key.parse().ok());
        let id = given.unwrap_or_else(|| Id::of_key(&request.key));
        let outcome = self.nodes.ask(&overlay.name, &from, |token| Command::Lookup { token, key: id }).await;
        let Some(Answer::Looked { owner, hops, milliseconds, .. }) = outcome else {
            anyhow::bail!("the node of {from} did not say how the lookup ended");
        };
        let owner = owner.map(|owner| self.host_of(overlay, owner));
        let after = self.nodes.members(&overlay.name);
        let expected_before = self.owner(overlay, &before, id, &owner).await;
        let expected = self.owner(overlay, &after, id, &owner).await;
        let mut right = owner.is_some() && (owner == expected_before || owner == expected);
        let mut expected_here = None;
        if owner.is_some() && !right {
            expected_here = self.owner(overlay, &self.within_reach(asker, &after).await?, id, &owner).await;
            right = expected_here == owner;
        }
        let (overlay, key) = (overlay.name.clone(), request.key.clone());
        Ok(Lookup { overlay, from, key, id, owner, hops, milliseconds, expected, expected_here, right })
    }

    /// The members that answer an echo of this node, and itself.
    async fn within_reach(&self, asker: NodeId, members: &[String]) -> Result<Vec<String>> {
        let others: Vec<NodeId> = members.iter().filter_map(|name| self.topology.find(name)).collect();
        let pairs: Vec<_> = others.iter().filter(|id| **id != asker).map(|id| (asker, *id)).collect();
        let damage = self.damage.lock().await.clone();
        let times = self.echo(&pairs, Duration::ZERO, &damage).await?;
        let reached = pairs.iter().zip(times).filter(|(_, time)| time.is_some()).map(|((_, id), _)| *id);
        let all: BTreeSet<NodeId> = reached.chain([asker]).collect();
        Ok(all.into_iter().map(|id| self.name(id)).collect())
    }

    /// Who of these members should own the key, by the protocol's rule. Of several that are as right,
    /// `answered` if it is one of them.
    async fn owner(&self, overlay: &Overlay, members: &[String], key: Id, answered: &Option<String>) -> Option<String> {
        let oracle = overlay.settings.protocol.oracle;
        let id = |host: &str| Id::of_node(self.topology.seed, &overlay.name, host);
        let told = async |host: &String| {
            if oracle.by_ids() {
                return Some((id(host), Neighbors::default()));
            }
            let digest = timeout(PATIENCE, self.nodes.digest(&overlay.name, host)).await.ok().flatten()?;
            Some((id(host), digest.neighbors))
        };
        let mut all: Vec<_> = join_all(members.iter().map(told)).await.into_iter().flatten().collect();
        all.sort_unstable_by_key(|(id, _)| *id);
        let all: Vec<Told<'_>> = all.iter().map(|(id, neighbors)| Told { id: *id, neighbors }).collect();
        if let Some(answered) = answered.as_ref().filter(|host| oracle.is_owner(key, id(host), &all)) {
            return Some(answered.clone());
        }
        oracle.owner(key, &all).map(|owner| self.host_of(overlay, owner))
    }

    fn host_of(&self, overlay: &Overlay, owner: Id) -> String {
        let id = |host: &&NodeId| Id::of_node(self.topology.seed, &overlay.name, &self.topology.node(**host).name);
        overlay.members.iter().find(|host| id(host) == owner).map_or_else(|| owner.to_string(), |host| self.name(*host))
    }
}
