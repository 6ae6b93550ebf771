//! Surveys: who of a group catches whom, by packets, by the kernels' routes, by echoes.

use std::collections::BTreeSet;
use std::fs;
use std::net::{IpAddr, SocketAddr};
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use serde::{Deserialize, Serialize};

use super::Lab;
use super::branches::Branches;
use super::walk::Walker;
use crate::anycast::probe::{Probe, ProbeReply};
use crate::kernel::catch::catch;
use crate::kernel::follow::{Followed, Follower, Wording};
use crate::kernel::namespace::{Namespace, enter};
use crate::plan::PORT;
use crate::record::What;
use crate::record::survey::{Cost, Echo, Packet, Survey, Surveyed, Witness};
use crate::scenario::damage::Damage;
use crate::topology::{Family, GroupId, NodeId, NodeKind};

/// How long a packet may be under way besides the delays of the links.
const PATIENCE: Duration = Duration::from_millis(500);
/// Surveys of a lab that changes meanwhile, before one is shown as it is.
const TRIES: usize = 3;

const WORDING: Wording = Wording {
    ask: |number| Probe { seq: number }.encode(),
    asked: |bytes| Probe::decode(bytes).ok().map(|probe| probe.seq),
    answered: |bytes| ProbeReply::decode(bytes).ok().map(|reply| (reply.seq, reply.host)),
};

/// `POST /catchment`
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct SurveyRequest {
    /// `None`: the lab's only one.
    pub group: Option<String>,
    pub from: From,
    pub witnesses: BTreeSet<Witness>,
}

/// Which nodes are asked.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum From {
    #[default]
    Clients,
    /// Routers and gateways.
    Routers,
    /// Members and clients.
    Hosts,
    All,
}

impl From {
    fn includes(self, kind: NodeKind) -> bool {
        match self {
            Self::Clients => kind == NodeKind::Client,
            Self::Routers => kind.is_router(),
            Self::Hosts => kind.is_host(),
            Self::All => true,
        }
    }
}

impl Lab {
    /// One survey for each address of the group.
    ///
    /// # Errors
    /// No such group, nobody to ask, or a kernel that does not answer.
    pub(super) async fn surveys(&self, request: &SurveyRequest) -> Result<Vec<Survey>> {
        let group = self.surveyed_group(request.group.as_deref())?;
        let nodes: Vec<NodeId> = self.topology.of_kind(|kind| request.from.includes(kind)).collect();
        ensure!(!nodes.is_empty(), "lab {} has no such nodes: ask others with `--from`", self.topology.name);
        let mut surveys = Vec::new();
        for (address, family) in self.topology.groups[group.0].addresses.iter().zip(self.topology.family.families()) {
            let mut tries = 1;
            let found = loop {
                let found = self.survey(group, (*address, *family), &nodes, &request.witnesses).await?;
                if found.settled || tries == TRIES {
                    break found;
                }
                tries += 1;
            };
            surveys.push(found);
        }
        Ok(surveys)
    }

    /// Surveys all nodes for the timeline, and records what was found.
    pub(super) async fn record_survey(&self, group: GroupId) {
        let group = Some(self.topology.groups[group.0].name.clone());
        let witnesses = BTreeSet::from([Witness::Packets, Witness::Routes]);
        match self.surveys(&SurveyRequest { group, from: From::All, witnesses }).await {
            Ok(surveys) => surveys.into_iter().for_each(|survey| self.recorder.now(What::Survey(Box::new(survey)))),
            Err(error) => self.fail(format!("catchment: {error:#}")),
        }
    }

    /// The group of this name, or the only one that is not an overlay's color.
    pub(super) fn surveyed_group(&self, name: Option<&str>) -> Result<GroupId> {
        let groups = || self.topology.groups.iter().enumerate();
        let named = |names: Vec<&str>| if names.is_empty() { "it has none".to_owned() } else { names.join(", ") };
        if let Some(name) = name {
            let found = groups().find(|(_, group)| group.name == name).map(|(index, _)| GroupId(index));
            let all = || named(groups().map(|(_, group)| group.name.as_str()).collect());
            return found.with_context(|| format!("lab {} has no group {name}: {}", self.topology.name, all()));
        }
        let plain: Vec<_> = groups().filter(|(_, group)| group.is_public()).collect();
        let [(only, _)] = plain[..] else {
            let names = named(plain.iter().map(|(_, group)| group.name.as_str()).collect());
            anyhow::bail!("which group of lab {}? {names}", self.topology.name);
        };
        Ok(GroupId(only))
    }

    async fn survey(
        &self,
        group: GroupId,
        (address, family): (IpAddr, Family),
        nodes: &[NodeId],
        witnesses: &BTreeSet<Witness>,
    ) -> Result<Survey> {
        let damage = self.damage.lock().await.clone();
        let before = (self.fibs.changes(), self.faults.load(Ordering::Relaxed));
        let patience = PATIENCE + self.longest_delay(&damage);
        let topology = &self.topology;
        let members = &topology.groups[group.0].members;
        let mut survey = Survey {
            group: topology.groups[group.0].name.clone(),
            address,
            nodes: nodes.iter().map(|id| self.unasked(*id)).collect(),
            sites: members.iter().map(|id| (self.name(*id), self.unasked(*id).as_name)).collect(),
            ases: self.topology.ids().map(|id| (self.name(id), self.unasked(id).as_name)).collect(),
            hash_policies: self.hash_policies(family).await?,
            settled: true,
            echoed_by: None,
            cost: Vec::new(),
        };
        for witness in witnesses {
            let begun = Instant::now();
            let (sockets, sent) = match witness {
                Witness::Packets => self.ask_packets(&mut survey, nodes, patience).await?,
                Witness::Routes => self.ask_routes(&mut survey, nodes, family, &damage).await?,
                Witness::Echoes => self.ask_echoes(&mut survey, group, nodes, family, patience).await?,
            };
            let milliseconds = begun.elapsed().as_secs_f64() * 1e3;
            survey.cost.push(Cost { witness: *witness, sockets, sent, milliseconds });
        }
        survey.settled = before == (self.fibs.changes(), self.faults.load(Ordering::Relaxed));
        Ok(survey)
    }

    fn unasked(&self, id: NodeId) -> Surveyed {
        let node = self.topology.node(id);
        let as_name = self.topology.ases[node.as_id.0].name.clone();
        let (node, kind) = (node.name.clone(), node.kind.name().to_owned());
        Surveyed { node, kind, as_name, packet: None, routes: None, echo: None }
    }

    /// Sends a probe from each node, and sees where it comes to.
    async fn ask_packets(&self, survey: &mut Survey, nodes: &[NodeId], patience: Duration) -> Result<(usize, usize)> {
        // Everywhere, not only in members' namespaces: a packet may end where nobody expects it.
        let stepper = self.network.stepper();
        let target = SocketAddr::new(survey.address, PORT);
        let follower = Follower::open(stepper, self.namespaces(self.topology.ids()), target).await?;
        let found = follower.follow(stepper, self.namespaces(nodes.iter().copied()), WORDING, patience).await?;
        let sockets = nodes.len() + 2 * self.topology.nodes.len();
        let sent = found.iter().map(|one| one.tries).sum();
        for (node, Followed { taken_by, hops, answer, .. }) in survey.nodes.iter_mut().zip(found) {
            let name = |index: usize| self.name(NodeId(index));
            let (answered_by, rtt) = answer.unzip();
            let hops = hops.into_iter().map(name).collect();
            node.packet = Some(Packet { member: taken_by.map(name), hops, answered_by, rtt });
        }
        Ok((sockets, sent))
    }

    async fn ask_routes(
        &self,
        survey: &mut Survey,
        nodes: &[NodeId],
        family: Family,
        damage: &Damage,
    ) -> Result<(usize, usize)> {
        let mut branches = Branches::new(Walker::new(self, damage).await?, survey.address);
        for (node, id) in survey.nodes.iter_mut().zip(nodes) {
            let source = self.plan().addresses.known(&self.topology, *id, family);
            node.routes = Some(branches.from(*id, source).await?);
        }
        Ok((self.topology.nodes.len(), branches.asked()))
    }

    /// The first member that announces the group asks every node.
    async fn ask_echoes(
        &self,
        survey: &mut Survey,
        group: GroupId,
        nodes: &[NodeId],
        family: Family,
        patience: Duration,
    ) -> Result<(usize, usize)> {
        let members = &self.topology.groups[group.0].members;
        let announces = |id: &&NodeId| self.nodes.is_announced(&self.topology.node(**id).name, &survey.group);
        let sender = members.iter().find(announces);
        let sender = sender.with_context(|| format!("no member announces {}: nobody can ask", survey.group))?;
        let asked: Vec<usize> =
            (0..nodes.len()).filter(|index| self.can_be_echoed(nodes[*index], &survey.group)).collect();
        let address = |index: &usize| self.plan().addresses.known(&self.topology, nodes[*index], family);
        let targets = asked.iter().map(address).collect();
        let from = (self.network.namespace(*sender).clone(), survey.address);
        let catchers = self.namespaces(members.iter().copied());
        let (caught, sent) = catch(self.network.stepper(), from, catchers, targets, patience).await?;
        for (index, catcher) in asked.into_iter().zip(caught) {
            survey.nodes[index].echo = Some(Echo { member: catcher.map(|index| self.name(members[index])) });
        }
        survey.echoed_by = Some(self.name(*sender));
        Ok((members.len() + 1, sent))
    }

    /// A router's loopback is not known outside its AS, and a kernel drops a packet that comes from an address
    /// of its own, as the group's is where it is announced.
    fn can_be_echoed(&self, id: NodeId, group: &str) -> bool {
        let node = self.topology.node(id);
        node.kind != NodeKind::Router && !self.nodes.is_announced(&node.name, group)
    }

    async fn hash_policies(&self, family: Family) -> Result<BTreeSet<u8>> {
        let namespaces = self.namespaces(self.topology.ids());
        let path = match family {
            Family::Ipv4 => "/proc/sys/net/ipv4/fib_multipath_hash_policy",
            Family::Ipv6 => "/proc/sys/net/ipv6/fib_multipath_hash_policy",
        };
        let read = move |namespace: Namespace| {
            enter(&namespace)?;
            Ok(fs::read_to_string(path).ok().and_then(|text| text.trim().parse().ok()))
        };
        let values: Result<Vec<Option<u8>>> =
            self.network.stepper().run(move || namespaces.into_iter().map(read).collect()).await;
        Ok(values?.into_iter().flatten().collect())
    }

    fn namespaces(&self, nodes: impl Iterator<Item = NodeId>) -> Vec<Namespace> {
        nodes.map(|id| self.network.namespace(id).clone()).collect()
    }

    pub(super) fn name(&self, id: NodeId) -> String {
        self.topology.node(id).name.clone()
    }
}
