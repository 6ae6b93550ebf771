//! The plan after a host has been given new addresses.

use super::{Plan, interfaces, programs, speakers};
use crate::routing::{Fleet, RenderError};
use crate::topology::{LinkId, LinkKind, NodeId, Topology};

impl Plan {
    /// Moves `host` to the next free addresses of its stub. What follows from them is its own end of its
    /// access link, its gateway's, and the configs of both; all else stays, byte for byte. Panics for
    /// a router.
    ///
    /// # Errors
    /// [`RenderError`] if a template cannot be rendered.
    pub fn renumbered(&self, topology: &Topology, fleet: &Fleet, host: NodeId) -> Result<Self, RenderError> {
        let mut plan = self.clone();
        plan.addresses.renumber(topology, host);
        let link = access_link(topology, host);
        let attached = interfaces::attached(topology);
        for (side, (node, position)) in (0..).zip(self.ends(link)) {
            let planned = &mut plan.nodes[node.0];
            interfaces::number(&mut planned.interfaces[position], topology, &plan.addresses, link, side);
            let (addresses, interfaces) = (&plan.addresses, &planned.interfaces);
            let speaker = speakers::of(topology, addresses, node, &attached, interfaces);
            planned.programs = programs::of(topology, node, speaker, fleet)?;
        }
        Ok(plan)
    }

    /// Of a node only the configs change, as rules of its sessions have: those of `topology`.
    ///
    /// # Errors
    /// [`RenderError`] if a template cannot be rendered.
    pub fn announcing(&self, topology: &Topology, fleet: &Fleet, node: NodeId) -> Result<Self, RenderError> {
        let mut plan = self.clone();
        let planned = &mut plan.nodes[node.0];
        let attached = interfaces::attached(topology);
        let speaker = speakers::of(topology, &plan.addresses, node, &attached, &planned.interfaces);
        planned.programs = programs::of(topology, node, speaker, fleet)?;
        Ok(plan)
    }

    /// The nodes at both ends of a link, with the positions of their interfaces.
    pub fn ends(&self, link: LinkId) -> [(NodeId, usize); 2] {
        [self.links[link.0].a, self.links[link.0].b]
    }
}

/// The link of a host to its gateway, which is the `a` side. Panics for a router.
pub fn access_link(topology: &Topology, host: NodeId) -> LinkId {
    let is_access = |link: &crate::topology::Link| link.kind == LinkKind::Access && link.b == host;
    LinkId(topology.links.iter().position(is_access).expect("every host has an access link"))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::net::IpAddr;
    use std::path::Path;

    use super::*;
    use crate::topology::{Family, Overrides};

    const LAB: &str = r#"
        [lab]
        family = "dual"
        [[as]]
        name = "r"
        [[stub]]
        name = "s"
        uplinks = ["r"]
        members = 9
        clients = 8
        [[stub]]
        name = "t"
        uplinks = ["r"]
        members = 1
    "#;

    fn lab() -> (Topology, Fleet, Plan) {
        let lab = crate::scenario::read_text(Path::new("lab.toml"), LAB, &Overrides::default());
        let (topology, _) = lab.unwrap_or_else(|e| panic!("{e}"));
        let fleet = Fleet::meant(&topology, None).expect("the templates that the program carries");
        let plan = Plan::new(&topology, &fleet).expect("they can be rendered");
        (topology, fleet, plan)
    }

    fn hosts(topology: &Topology) -> Vec<NodeId> {
        topology.of_kind(|kind| kind.is_host()).collect()
    }

    #[test]
    fn each_renumbering_takes_the_next_pair_and_none_in_use() {
        let (topology, _, plan) = lab();
        let mut addresses = plan.addresses;
        let host = topology.find("s.n2").expect("a member");
        let stub = topology.node(host).as_id;
        let mut had = BTreeSet::new();
        // 64 pairs, of which 17 were given out.
        for n in 0..200 {
            addresses.renumber(&topology, host);
            let own = [Family::Ipv4, Family::Ipv6].map(|family| addresses.host(host, family));
            assert!(addresses.stub_prefix(stub, Family::Ipv4).contains(&own[0]), "{own:?}");
            assert!(addresses.stub_prefix(stub, Family::Ipv6).contains(&own[1]), "{own:?}");
            let all: Vec<IpAddr> = hosts(&topology).iter().map(|h| addresses.host(*h, Family::Ipv4)).collect();
            assert_eq!(all.iter().collect::<BTreeSet<_>>().len(), all.len(), "one address, one host");
            let fresh = had.insert(own);
            assert_eq!(fresh, n < 48, "those given back come last, the {n}th is {own:?}");
        }
    }

    #[test]
    fn one_course_of_renumberings_one_plan() {
        let (topology, _, plan) = lab();
        let course = || {
            let mut addresses = plan.addresses.clone();
            for host in hosts(&topology).iter().cycle().step_by(5).take(100) {
                addresses.renumber(&topology, *host);
            }
            addresses
        };
        assert_eq!(course(), course());
    }

    #[test]
    fn only_the_two_ends_change() {
        let (topology, fleet, before) = lab();
        for (name, is_member) in [("s.n2", true), ("s.c3", false)] {
            let host = topology.find(name).expect("a host");
            let after = before.renumbered(&topology, &fleet, host).expect("the templates are the same");
            let gateway = topology.find("s").expect("the gateway");
            for (was, is) in before.nodes.iter().zip(&after.nodes) {
                let moves = [host, gateway].contains(&is.id);
                assert_eq!(was.interfaces != is.interfaces, moves, "{}", is.name);
                assert_eq!(was.programs != is.programs, moves && is_member, "{}", is.name);
            }
            let uplink = &after.node(host).interfaces[0];
            let at_gateway = after.interface(after.ends(access_link(&topology, host))[0]);
            let theirs: Vec<IpAddr> = at_gateway.addresses.iter().map(|net| net.addr()).collect();
            assert_eq!(uplink.default_via, theirs);
            assert!(theirs.iter().all(|via| uplink.neighbors.iter().any(|(address, _)| address == via)));
        }
    }
}
