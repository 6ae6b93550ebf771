//! How the BIRD and the node of a host are started.

use std::fs;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

use super::Lab;
use super::nodes;
use super::process::Launch;
use super::sandbox::{OUT, PRIVATE};
use super::updates::write_wrapper;
use crate::anycast::{NodeConfig, Rendezvous};
use crate::kernel::namespace::Namespace;
use crate::node::announce::GroupConfig;
use crate::node::channel::{HostConfig, Hosted};
use crate::overlay::Peer;
use crate::overlay::id::Id;
use crate::plan::{NodePlan, PORT, bird};
use crate::scenario::damage::{Damage, Process};
use crate::topology::{Addresses, GroupId, NodeId, Overlay, Topology};

/// The control socket of a node's BIRD, inside the sandbox.
pub(super) fn bird_socket(node: &str) -> PathBuf {
    Path::new(PRIVATE).join(format!("{node}.ctl"))
}

impl Lab {
    /// The file a process logs to, inside the sandbox.
    pub(super) fn log(&self, node: NodeId, process: Process) -> PathBuf {
        Path::new(OUT).join("logs").join(format!("{}.{}.log", self.topology.node(node).name, process.name()))
    }

    /// Writes every BIRD config to the run directory.
    pub(super) fn write_configs(&self) -> Result<()> {
        for directory in ["bird", "logs"] {
            let path = Path::new(OUT).join(directory);
            fs::create_dir_all(&path).with_context(|| format!("create {}", path.display()))?;
        }
        for node in &self.plan().nodes {
            write_config(node)?;
        }
        Ok(())
    }

    /// How to start every process of `node`.
    pub(super) fn launches(&self, node: NodeId) -> Vec<Result<(Namespace, Launch)>> {
        let processes = Process::all_of(self.topology.node(node).kind);
        processes.iter().map(|process| self.launch(node, *process, &Damage::default())).collect()
    }

    /// How to start a process of `node`, as the faults in force leave it.
    pub(super) fn launch(&self, node: NodeId, process: Process, damage: &Damage) -> Result<(Namespace, Launch)> {
        let name = &self.topology.node(node).name;
        let (program, arguments) = match process {
            Process::Bird => {
                let (config, socket) = (write_wrapper(name, &config_path(name))?, bird_socket(name));
                let arguments = ["-f", "-c", &config.to_string_lossy(), "-s", &socket.to_string_lossy()];
                (self.bird.path.clone(), arguments.map(str::to_owned).to_vec())
            }
            Process::Node => {
                let path = nodes::config_path(name);
                let config = serde_json::to_string(&host_config(&self.topology, &self.plan().addresses, node, damage));
                fs::write(&path, config.context("write a node's config as JSON")?)
                    .with_context(|| format!("write {}", path.display()))?;
                // This very program, even if its file has been replaced since.
                (PathBuf::from("/proc/self/exe"), vec!["node".into(), "--config".into(), path.display().to_string()])
            }
        };
        let launch = Launch { node, process, program, arguments, log: self.log(node, process) };
        Ok((self.network.namespace(node).clone(), launch))
    }
}

/// Writes the BIRD config of a node to the run directory, if it has one.
pub(super) fn write_config(node: &NodePlan) -> Result<()> {
    let Some(config) = &node.bird else { return Ok(()) };
    let path = config_path(&node.name);
    fs::write(&path, config).with_context(|| format!("write {}", path.display()))
}

fn config_path(node: &str) -> PathBuf {
    Path::new(OUT).join("bird").join(format!("{node}.conf"))
}

fn host_config(topology: &Topology, addresses: &Addresses, node: NodeId, damage: &Damage) -> HostConfig {
    let family = topology.family.families()[0];
    let name = &topology.node(node).name;
    let groups: Vec<GroupId> = bird::groups_of(topology, node).collect();
    let config = |group: &GroupId| GroupConfig {
        name: topology.groups[group.0].name.clone(),
        addresses: topology.groups[group.0].addresses.clone(),
        protocol: bird::group_protocol(topology, *group),
    };
    let wanted = groups.iter().filter(|g| !damage.is_withdrawn(node, **g)).map(|g| &topology.groups[g.0]);
    let plain = wanted.filter(|g| g.is_plain());
    let overlays = topology.overlays.iter().filter(|o| o.members.contains(&node));
    let served = topology.flows.iter().flat_map(|flows| &flows.groups).filter(|g| groups.contains(g));
    HostConfig {
        host: name.clone(),
        address: addresses.host(node, family),
        bird: bird_socket(name),
        supervisor: nodes::SOCKET.into(),
        overlays: overlays.map(|o| hosted(o, node_config(topology, addresses, o, node))).collect(),
        groups: groups.iter().map(config).collect(),
        sites: plain.map(|g| g.name.clone()).collect(),
        flows: served.map(|g| topology.groups[g.0].addresses[0]).collect(),
    }
}

fn hosted(overlay: &Overlay, node: NodeConfig) -> Hosted {
    Hosted { infrastructure: overlay.infrastructure, node }
}

/// What the node of a host is told about one of its overlays.
pub(crate) fn node_config(topology: &Topology, addresses: &Addresses, overlay: &Overlay, node: NodeId) -> NodeConfig {
    let family = topology.family.families()[0];
    let unicast = |host: NodeId| SocketAddr::new(addresses.host(host, family), PORT);
    let anycast = |group: &GroupId| {
        let group = &topology.groups[group.0];
        group.owner.map(|owner| (owner.part, SocketAddr::new(group.addresses[0], PORT)))
    };
    let name = &topology.node(node).name;
    let own = overlay.members.iter().position(|m| *m == node);
    let peer = |host: NodeId| {
        let id = Id::of_node(topology.seed, &overlay.name, &topology.node(host).name);
        Peer { id, address: unicast(host) }
    };
    let named =
        |(key, hosts): &(&'static str, Vec<NodeId>)| (*key, hosts.iter().map(|host| peer(*host)).collect::<Vec<_>>());
    let protocol =
        overlay.hosts.iter().map(named).fold(overlay.settings.clone(), |given, (key, hosts)| given.with(key, hosts));
    NodeConfig {
        overlay: overlay.name.clone(),
        host: name.clone(),
        seed: topology.seed,
        id: Id::of_node(topology.seed, &overlay.name, name),
        address: unicast(node),
        groups: overlay.groups.iter().filter_map(anycast).collect(),
        color: own.and_then(|at| overlay.colors.get(at).copied()),
        bootstrap: overlay.bootstrap,
        well_known: overlay.well_known.iter().map(|host| unicast(*host)).collect(),
        healing: overlay.healing,
        coloring: overlay.coloring,
        heal_every: overlay.heal_every,
        remember: overlay.remember,
        rendezvous: overlay.rendezvous.map(|r| Rendezvous { epoch: r.epoch, listen: r.listen }),
        redirect: overlay.redirect,
        join_capacity: overlay.join_capacity,
        drain: overlay.drain,
        lookup: overlay.lookup,
        protocol,
        replicas: overlay.replicas,
        stabilize_every: overlay.stabilize_every,
        rpc_timeout: overlay.rpc_timeout,
        rpc_tries: overlay.rpc_tries,
        key: overlay.key.clone(),
    }
}
