//! Questions to a running lab that its kernels and routing daemons answer.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::time::Duration;

use anyhow::{Context, Result, anyhow, bail, ensure};
use serde::{Deserialize, Serialize};

use super::Lab;
pub use super::walk::PathEnd;
use super::walk::Walker;
use crate::kernel::ping::Pinger;
use crate::routing::Destination;
use crate::routing::route::Route;
use crate::scenario::damage::ProcessState;
use crate::topology::NodeId;

/// `POST /routes`
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RoutesRequest {
    pub node: String,
    /// A prefix, an address or a group; `None`: all.
    pub prefix: Option<String>,
}

/// `POST /trace`
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct TraceRequest {
    pub from: String,
    /// A node, a group or an address.
    pub to: String,
}

/// A packet's way, and beside it BGP's.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Trace {
    pub from: String,
    /// The address that was asked for.
    pub target: IpAddr,
    pub hops: Vec<TraceHop>,
    pub end: PathEnd,
    /// The AS path of the best route at the first routing daemon on the way, and where that runs.
    pub bgp: Option<BgpPath>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct TraceHop {
    pub node: String,
    #[serde(rename = "as")]
    pub as_name: String,
    pub asn: u32,
    /// The link to it.
    pub link: String,
    /// Round trip from the first node; `None`: no answer.
    pub rtt_ms: Option<f64>,
    /// Who answered a packet that may take so many hops, if it was not this node.
    pub answered_by: Option<String>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct BgpPath {
    pub at: String,
    pub prefix: String,
    pub as_path: Vec<u32>,
    /// Names of these ASes, if the lab has them.
    pub names: Vec<String>,
}

/// How long an answer may take besides the delays of the links.
const PATIENCE: Duration = Duration::from_millis(500);

impl Lab {
    /// Routes of a node's routing daemon, all or those to one destination, the best first.
    ///
    /// # Errors
    /// No such node, or none with a routing daemon that runs; no prefix, no group and no address.
    pub(super) async fn routes(&self, request: &RoutesRequest) -> Result<Vec<Route>> {
        let node = self.named(&request.node)?;
        let title = self.daemon(node).title();
        ensure!(self.topology.node(node).kind.speaks_bgp(), "{} is a client and has no {title}", request.node);
        let state = self.damage.lock().await.routing(node, &self.topology);
        ensure!(state == ProcessState::Running, "the {title} of {} does not run", request.node);
        let which = match &request.prefix {
            None => Destination::All,
            Some(prefix) if prefix.contains('/') => {
                Destination::Prefix(prefix.parse().map_err(|_| anyhow!("`{prefix}` is no prefix"))?)
            }
            Some(target) => Destination::Address(self.target(target)?),
        };
        self.control(node).await?.routes(&which).await
    }

    /// Where a packet goes, by the kernels' own answers, and how long it takes.
    ///
    /// # Errors
    /// An unknown name.
    pub(super) async fn trace(&self, request: &TraceRequest) -> Result<Trace> {
        let (from, target) = (self.named(&request.from)?, self.target(&request.to)?);
        let damage = self.damage.lock().await.clone();
        let path = Walker::new(self, &damage).await?.follow(from, target).await?;
        let source = (self.network.namespace(from).clone(), self.address(from));
        let patience = PATIENCE + self.longest_delay(&damage);
        let pinger = Pinger::open(self.network.stepper(), vec![source]).await?;
        let answers = pinger.trace(target, path.hops.len() as u32, patience).await?;
        let owners = self.owners();
        let hops = path.hops.iter().zip(answers).map(|((link, id), answer)| {
            let node = self.topology.node(*id);
            let own = &self.topology.ases[node.as_id.0];
            let from =
                answer.and_then(|(address, _)| owners.get(&address).copied().filter(|o| address != target && o != id));
            TraceHop {
                node: node.name.clone(),
                as_name: own.name.clone(),
                asn: own.asn,
                link: self.topology.links[link.0].name.clone(),
                rtt_ms: answer.map(|(_, time)| time as f64 / 1e6),
                answered_by: from.map(|other| self.topology.node(other).name.clone()),
            }
        });
        let hops = hops.collect();
        let mut on_the_way = std::iter::once(from).chain(path.hops.iter().map(|(_, node)| *node));
        let bgp = match on_the_way.find(|id| self.topology.node(*id).kind.is_router()) {
            Some(first) => self.bgp_path(first, target).await?,
            None => None,
        };
        Ok(Trace { from: request.from.clone(), target, hops, end: path.end, bgp })
    }

    /// `None`: its routing daemon does not run, or has no BGP route.
    async fn bgp_path(&self, at: NodeId, target: IpAddr) -> Result<Option<BgpPath>> {
        if self.damage.lock().await.routing(at, &self.topology) != ProcessState::Running {
            return Ok(None);
        }
        let routes = self.control(at).await?.routes(&Destination::Address(target)).await?;
        let Some(best) = routes.iter().find(|route| route.best && !route.as_path().is_empty()) else { return Ok(None) };
        let as_path: Vec<u32> = best.as_path().iter().filter_map(|asn| asn.parse().ok()).collect();
        let name = |asn: &u32| self.topology.ases.iter().find(|a| a.asn == *asn).map(|a| a.name.clone());
        let names = as_path.iter().map(|asn| name(asn).unwrap_or_else(|| asn.to_string())).collect();
        let at = self.topology.node(at).name.clone();
        Ok(Some(BgpPath { at, prefix: best.prefix.clone(), as_path, names }))
    }

    pub(super) fn named(&self, name: &str) -> Result<NodeId> {
        self.topology.find(name).with_context(|| format!("lab {} has no node {name}", self.topology.name))
    }

    /// The address that a word means: a node's, a group's, or its own.
    fn target(&self, word: &str) -> Result<IpAddr> {
        if let Some(node) = self.topology.find(word) {
            return Ok(self.address(node));
        }
        if let Some(group) = self.topology.groups.iter().find(|group| group.name == word) {
            return Ok(group.addresses[0]);
        }
        match word.parse() {
            Ok(address) => Ok(address),
            Err(_) => bail!("`{word}` is no node, no group and no address of lab {}", self.topology.name),
        }
    }

    /// Whose each unicast address is.
    fn owners(&self) -> BTreeMap<IpAddr, NodeId> {
        let plan = self.plan();
        plan.nodes.iter().flat_map(|node| node.addresses().into_iter().map(|address| (address, node.id))).collect()
    }
}
