//! What will be built, worked out before anything is touched: names, addresses, programs with their configs, in the
//! order of building. The same lab file and seed give the same plan, byte for byte.

mod backbone;
pub mod deployed;
mod interfaces;
mod programs;
pub mod reach;
pub mod renumber;
mod show;
pub mod speakers;
mod timers;

use std::net::IpAddr;

use ipnet::IpNet;

use crate::physics::{Interface, Sysctl};
use crate::program::{Process, ProcessKind, Program};
use crate::routing::{Fleet, RenderError};
use crate::topology::address::Addresses;
use crate::topology::{Family, FamilyChoice, Multipath, MultipathHash, NodeId, NodeKind, Topology};
pub use interfaces::LinkPlan;
pub(crate) use timers::unseen;

/// UDP port of overlay nodes and of plain sites.
pub use crate::anycast::PORT;

/// TCP and UDP port at which members serve flows.
pub const FLOW_PORT: u16 = 4001;

/// Everything to build.
#[derive(Clone, Debug)]
pub struct Plan {
    /// In the order of [`Topology::nodes`].
    pub nodes: Vec<NodePlan>,
    /// In the order of [`Topology::links`].
    pub links: Vec<LinkPlan>,
    pub addresses: Addresses,
}

#[derive(Clone, Debug)]
pub struct NodePlan {
    pub id: NodeId,
    pub name: String,
    pub sysctls: Vec<Sysctl>,
    /// Addresses on `lo` besides the kernel's own; groups come and go there later.
    pub loopback: Vec<IpNet>,
    pub interfaces: Vec<Interface>,
    /// Of an exchange: the bridge that its interfaces are ports of.
    pub segment: Option<Interface>,
    /// What runs here, in the order of its start.
    pub programs: Vec<Program>,
}

impl NodePlan {
    /// Every unicast address: a router's loopback first, then by interface.
    pub fn addresses(&self) -> Vec<IpAddr> {
        let interfaces = self.interfaces.iter().chain(&self.segment).flat_map(|i| &i.addresses);
        self.loopback.iter().chain(interfaces).map(|net| net.addr()).collect()
    }

    /// How a process that runs here is started. Panics for one that does not.
    pub fn program(&self, process: Process) -> &Program {
        let program = self.programs.iter().find(|program| program.process == process);
        program.expect("faults and the plan know the same processes")
    }

    /// Its routing daemon.
    pub fn routing(&self) -> Option<&Program> {
        self.programs.iter().find(|program| program.process.kind == ProcessKind::Routing)
    }
}

impl Plan {
    /// Plans the network of `topology` for these routing daemons.
    ///
    /// # Errors
    /// [`RenderError`] if a template cannot be rendered.
    pub fn new(topology: &Topology, fleet: &Fleet) -> Result<Self, RenderError> {
        let addresses = Addresses::of(topology);
        let (mut interfaces, links) = interfaces::lay_out(topology, &addresses);
        let attached = interfaces::attached(topology);
        let mut nodes = Vec::with_capacity(topology.nodes.len());
        for id in topology.ids() {
            let interfaces = std::mem::take(&mut interfaces[id.0]);
            let speaker = speakers::of(topology, &addresses, id, &attached, &interfaces);
            let node = topology.node(id);
            let programs = programs::of(topology, id, speaker, fleet)?;
            let loopback = loopback(topology, &addresses, id);
            nodes.push(NodePlan {
                id,
                name: node.name.clone(),
                sysctls: sysctls(node.kind, topology.family, topology.ases[node.as_id.0].multipath),
                loopback,
                interfaces,
                segment: topology.is_exchange(id).then(|| interfaces::segment(topology, &addresses, id)),
                programs,
            });
        }
        Ok(Self { nodes, links, addresses })
    }

    pub fn node(&self, id: NodeId) -> &NodePlan {
        &self.nodes[id.0]
    }

    pub fn interface(&self, end: (NodeId, usize)) -> &Interface {
        &self.node(end.0).interfaces[end.1]
    }
}

fn loopback(topology: &Topology, addresses: &Addresses, id: NodeId) -> Vec<IpNet> {
    if !topology.node(id).kind.is_router() {
        return Vec::new();
    }
    let families = topology.family.families();
    families.iter().map(|family| IpNet::from(addresses.loopback(id, *family))).collect()
}

fn sysctls(kind: NodeKind, family: FamilyChoice, multipath: Multipath) -> Vec<Sysctl> {
    let mut all = Vec::new();
    let mut set = |key, value| all.push(Sysctl { key, value });
    let families = family.families();
    if families.contains(&Family::Ipv6) {
        // Addresses are ours and unique: no detection of duplicates, and they stay over a link-down.
        set("ipv6/conf/default/accept_dad", "0");
        set("ipv6/conf/default/keep_addr_on_down", "1");
        set("ipv6/conf/default/accept_ra", "0");
        // Which of equal-cost routes a packet takes shall follow from its addresses, as in IPv4.
        set("ipv6/auto_flowlabels", "0");
        if kind.is_router() {
            set("ipv6/conf/all/forwarding", "1");
        }
    } else {
        // Spares every link its multicast reports and solicitations.
        set("ipv6/conf/default/disable_ipv6", "1");
    }
    if families.contains(&Family::Ipv4) {
        // The effective value is the larger of `all` and the interface's own, taken from `default`.
        set("ipv4/conf/all/rp_filter", "0");
        set("ipv4/conf/default/rp_filter", "0");
        if kind.is_router() {
            set("ipv4/ip_forward", "1");
        }
    }
    // A kernel without multipath has no such setting, so a lab that does not ask for it leaves it alone.
    if kind.is_router() && multipath != Multipath::default() {
        let policy = if multipath.hash == MultipathHash::L4 { "1" } else { "0" };
        for family in families {
            set(hash_policy(*family), policy);
        }
    }
    all
}

fn hash_policy(family: Family) -> &'static str {
    match family {
        Family::Ipv4 => "ipv4/fib_multipath_hash_policy",
        Family::Ipv6 => "ipv6/fib_multipath_hash_policy",
    }
}
