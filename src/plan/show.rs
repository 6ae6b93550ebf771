//! The plan as text: the steps in the order in which they are carried out.

use std::fmt;

use crate::physics::Interface;
use crate::plan::{LinkPlan, NodePlan, Plan};

impl fmt::Display for Plan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for node in &self.nodes {
            write!(f, "namespace {}", node.name)?;
            for sysctl in &node.sysctls {
                write!(f, " {}={}", sysctl.key, sysctl.value)?;
            }
            writeln!(f)?;
        }
        for link in self.links.iter().filter(|link| !link.over) {
            let (a, b) = (self.interface(link.a), self.interface(link.b));
            write!(f, "link {} {} – {} {}", self.node(link.a.0).name, a.name, self.node(link.b.0).name, b.name)?;
            show_physics(f, link)?;
            writeln!(f)?;
        }
        for node in &self.nodes {
            show_addresses(f, node)?;
        }
        for (node, program) in self.nodes.iter().filter_map(|node| Some((node, node.routing()?))) {
            writeln!(f, "{} {}", program.process.name, node.name)?;
        }
        Ok(())
    }
}

/// What the link does to frames, after a colon; a bare link shows nothing.
fn show_physics(f: &mut fmt::Formatter<'_>, link: &LinkPlan) -> fmt::Result {
    let shown = link.impairments.map(|i| if i.is_none() { "unimpaired".to_owned() } else { i.to_string() });
    match shown {
        _ if !link.emulated => Ok(()),
        [there, back] if there == back => write!(f, ": {there}"),
        [there, back] => write!(f, ": → {there} ← {back}"),
    }
}

fn show_addresses(f: &mut fmt::Formatter<'_>, node: &NodePlan) -> fmt::Result {
    for address in &node.loopback {
        writeln!(f, "address {} lo {address}", node.name)?;
    }
    if let Some(segment) = &node.segment {
        let ports: Vec<_> = node.interfaces.iter().map(|port| port.name.as_str()).collect();
        writeln!(f, "bridge {} {} {}", node.name, segment.name, ports.join(" "))?;
    }
    for interface in node.interfaces.iter().chain(&node.segment) {
        show_interface(f, node, interface)?;
    }
    Ok(())
}

fn show_interface(f: &mut fmt::Formatter<'_>, node: &NodePlan, interface: &Interface) -> fmt::Result {
    for address in &interface.addresses {
        writeln!(f, "address {} {} {address}", node.name, interface.name)?;
    }
    for via in &interface.default_via {
        writeln!(f, "route {} default via {via}", node.name)?;
    }
    Ok(())
}
