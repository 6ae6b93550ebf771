//! How the programs of a node are started.

use std::collections::BTreeSet;
use std::fs;
use std::net::SocketAddr;
use std::path::Path;

use anyhow::{Context, Result};

use super::Lab;
use super::nodes;
use super::process::Launch;
use crate::anycast::{Beyond, Hosted, NodeConfig, Offered, Rendezvous, Serving, Tenants};
use crate::kernel::namespace::Namespace;
use crate::node::announce::GroupConfig;
use crate::node::channel::HostConfig;
use crate::overlay::Peer;
use crate::overlay::id::Id;
use crate::plan::{PORT, deployed, speakers};
use crate::program::{Content, LOGS, Program};
use crate::routing::{Control, Daemon};
use crate::scenario::damage::Damage;
use crate::topology::{Addresses, GroupId, NodeId, Overlay, Topology};

impl Lab {
    /// Makes the folders of the run directory and writes every config that is known before its program starts.
    pub(super) fn write_files(&self) -> Result<()> {
        let plan = self.plan();
        let programs = plan.nodes.iter().flat_map(|node| &node.programs);
        let paths = programs.flat_map(|program| program.files.iter().map(|file| &file.path).chain([&program.log]));
        // Where logs are is there even if nothing but the supervisor logs.
        let folders: BTreeSet<&Path> = paths.filter_map(|path| path.parent()).chain([Path::new(LOGS)]).collect();
        for folder in folders {
            fs::create_dir_all(folder).with_context(|| format!("create {}", folder.display()))?;
        }
        plan.nodes.iter().flat_map(|node| &node.programs).try_for_each(write_texts)
    }

    /// How to start every process of `node`.
    pub(super) fn launches(&self, node: NodeId) -> Vec<Result<(Namespace, Launch)>> {
        let plan = self.plan();
        let programs = plan.node(node).programs.iter();
        programs.map(|program| self.launch(node, program, &Damage::default())).collect()
    }

    /// How to start a program of `node`, as the faults in force leave it.
    pub(super) fn launch(&self, node: NodeId, program: &Program, damage: &Damage) -> Result<(Namespace, Launch)> {
        for file in program.files.iter().filter(|file| file.content == Content::Host) {
            let (plan, daemon) = (self.plan(), self.daemon(node));
            let config = host_config(&self.topology, &plan.addresses, daemon, node, damage);
            let config = serde_json::to_string(&config);
            write(&file.path, &config.context("write a node's config as JSON")?)?;
        }
        // One that was killed has left it behind.
        if let Some(socket) = program.makes.as_deref().filter(|socket| socket.exists()) {
            fs::remove_file(socket).with_context(|| format!("remove {}", socket.display()))?;
        }
        let launch = Launch {
            node,
            process: program.process,
            program: self.fleet.executable(self.topology.node(node), program),
            arguments: program.arguments.clone(),
            log: program.log.clone(),
            after: program.after.clone(),
        };
        Ok((self.network.namespace(node).clone(), launch))
    }

    /// Connects to the routing daemon of a node.
    pub(super) async fn control(&self, node: NodeId) -> Result<Box<dyn Control>> {
        let daemon = self.daemon(node);
        daemon.control(&daemon.socket(&self.topology.node(node).name)).await
    }
}

/// Writes the files of a program whose content the plan has.
pub(super) fn write_texts(program: &Program) -> Result<()> {
    program.files.iter().try_for_each(|file| file.text().map_or(Ok(()), |text| write(&file.path, text)))
}

fn write(path: &Path, text: &str) -> Result<()> {
    fs::write(path, text).with_context(|| format!("write {}", path.display()))
}

fn host_config(
    topology: &Topology,
    addresses: &Addresses,
    daemon: &dyn Daemon,
    node: NodeId,
    damage: &Damage,
) -> HostConfig {
    let family = topology.family.families()[0];
    let name = &topology.node(node).name;
    let groups: Vec<GroupId> = speakers::groups_of(topology, node).collect();
    let config = |group: &GroupId| GroupConfig {
        name: topology.groups[group.0].name.clone(),
        addresses: topology.groups[group.0].addresses.clone(),
        within: deployed::within(topology, *group),
        protocol: speakers::group_protocol(topology, *group),
    };
    let wanted = groups.iter().filter(|g| !damage.is_withdrawn(node, **g)).map(|g| &topology.groups[g.0]);
    let plain = wanted.filter(|g| g.is_plain());
    let served = topology.flows.iter().flat_map(|flows| &flows.groups).map(|g| topology.groups[g.0].addresses[0]);
    let groups_of: Vec<GroupConfig> = groups.iter().map(config).collect();
    let flows = served.filter(|address| groups_of.iter().any(|group| group.all().any(|own| own == *address))).collect();
    HostConfig {
        host: name.clone(),
        address: addresses.host(node, family),
        routing: daemon.name().to_owned(),
        control: daemon.socket(name),
        supervisor: nodes::SOCKET.into(),
        tenants: tenants(topology, addresses, node),
        groups: groups_of,
        sites: plain.map(|g| g.name.clone()).collect(),
        flows,
        impersonates: damage.impersonated(node, topology),
    }
}

/// Everything that lives on a host.
pub(crate) fn tenants(topology: &Topology, addresses: &Addresses, node: NodeId) -> Tenants {
    let overlays = topology.overlays.iter().filter(|o| o.lives_on(node));
    let deployments = topology.infrastructures.iter().enumerate().filter(|(_, d)| d.hosts.contains(&node));
    let servers = deployments.map(|(index, d)| Serving {
        infrastructure: d.kind,
        server: deployed::server(topology, addresses, index, node),
    });
    let services = topology.services.iter().filter(|service| service.members.contains(&node));
    let services = services.map(|service| Offered {
        infrastructure: topology.infrastructures[service.via].kind,
        agent: deployed::program(topology, addresses, service, node),
    });
    Tenants {
        overlays: overlays.map(|o| hosted(topology, o, node_config(topology, addresses, o, node))).collect(),
        servers: servers.collect(),
        services: services.collect(),
    }
}

fn hosted(topology: &Topology, overlay: &Overlay, node: NodeConfig) -> Hosted {
    Hosted { infrastructure: topology.infrastructure(overlay), node }
}

/// What the node of a host is told about one of its overlays.
fn node_config(topology: &Topology, addresses: &Addresses, overlay: &Overlay, node: NodeId) -> NodeConfig {
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
        infrastructure: deployed::of_overlay(topology, addresses, overlay),
        place: topology.place(node),
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
        beyond: beyond(topology, overlay),
        key: overlay.key.clone(),
    }
}

fn beyond(topology: &Topology, overlay: &Overlay) -> Beyond {
    let name = |other: &usize| topology.overlays[*other].name.clone();
    let of = &overlay.beyond;
    Beyond {
        gateways: of.gateways.iter().map(name).collect(),
        hops: of.hops,
        cache: of.cache,
        over: of.over.as_ref().map(name),
        share_neighbors: of.share_neighbors,
    }
}
