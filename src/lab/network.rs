//! Builds the network of a plan: namespaces, links, addresses.

use std::collections::BTreeMap;
use std::sync::Arc;

use anyhow::{Context, Result, bail};
use futures_util::future::try_join_all;
use futures_util::{StreamExt, TryStreamExt, stream};
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};

use super::media::{Media, Traffic};
use crate::kernel::fib::{Monitor, Stamped};
use crate::kernel::interface::Netlink;
use crate::kernel::link;
use crate::kernel::namespace::{self, Namespace, Stepper};
use crate::kernel::sysctl;
use crate::kernel::wire::Wires;
use crate::physics::{Interface, Sysctl};
use crate::plan::{NodePlan, Plan};
use crate::scenario::damage::LinkState;
use crate::topology::{LinkId, NodeId, Topology};

/// Nodes set up at once: enough to keep the kernel busy while answers are read.
const CHUNK: usize = 32;

/// Links asked for and not confirmed.
const IN_FLIGHT: usize = 16;

/// What a link was, and what it is to become.
#[derive(Clone, Copy, Debug)]
pub(super) struct LinkChange {
    pub(super) link: LinkId,
    pub(super) before: LinkState,
    pub(super) after: LinkState,
}

/// The built network.
pub(super) struct Network {
    stepper: Stepper,
    /// In the order of the plan's nodes.
    namespaces: Vec<Namespace>,
    monitor: Arc<Monitor>,
    media: Media,
}

impl Network {
    /// Creates every namespace.
    pub(super) async fn create(
        topology: &Topology,
        plan: &Plan,
        stepper: Stepper,
    ) -> Result<(Self, UnboundedReceiver<Stamped>)> {
        let wanted: Vec<_> = plan.nodes.iter().map(|n| (n.name.clone(), n.sysctls.clone())).collect();
        let create_all = move || {
            let mut fresh = BTreeMap::new();
            let create = |(name, sysctls): (String, Vec<Sysctl>)| {
                let namespace = namespace::create(&name)?;
                sysctl::apply(&sysctls, &mut fresh).with_context(|| format!("set up namespace {name}"))?;
                Ok(namespace)
            };
            wanted.into_iter().map(create).collect()
        };
        let namespaces = stepper.run(create_all).await?;
        let (out, notices) = unbounded_channel();
        let media = Media::new(topology)?;
        Ok((Self { stepper, namespaces, monitor: Arc::new(Monitor::start(out)?), media }, notices))
    }

    /// Watches the routes of these nodes from now on: before their BIRDs start.
    pub(super) async fn watch(&self, plan: &Plan, nodes: &[NodeId]) -> Result<()> {
        let wanted: Vec<_> = nodes.iter().map(|id| (*id, self.namespace(*id).clone(), names(plan, *id))).collect();
        let monitor = self.monitor.clone();
        let watch_all = move || {
            for (node, namespace, interfaces) in wanted {
                namespace::enter(&namespace)?;
                monitor.watch(node.0, interfaces)?;
            }
            Ok(())
        };
        self.stepper.run(watch_all).await
    }

    /// The threads that carry the wires' frames, if there are wires.
    pub(super) fn wires(&self) -> Option<Wires> {
        self.media.wires()
    }

    /// Creates every link: a veth pair, or a wire. Returns what is worth saying of them.
    pub(super) async fn link(&self, plan: &Plan) -> Result<String> {
        // The supervisor's own namespace has nothing but `lo`, as `link::create` asks for.
        let here = Netlink::here("the supervisor's namespace")?;
        let single = self.media.uses_netem(plan);
        let made = plan.links.iter().filter(|planned| !planned.over);
        let (wires, pairs): (Vec<_>, Vec<_>) = made.partition(|planned| self.media.is_wire(planned));
        let links = stream::iter(pairs).map(|planned| {
            let end = |at: (NodeId, usize)| {
                let Interface { name, index, mac, .. } = plan.interface(at);
                link::End { namespace: self.namespace(at.0).raw_fd(), name, index: *index, mac: *mac }
            };
            Ok(link::create(here.handle(), end(planned.a), end(planned.b), single))
        });
        // The kernel creates one after the other; the next request waits for no answer.
        links.try_buffer_unordered(IN_FLIGHT).try_for_each(|()| std::future::ready(Ok(()))).await?;
        self.media.create_wires(&self.stepper, plan, &wires, |node| self.namespace(node).clone()).await?;
        Ok(self.media.note(plan))
    }

    /// Gives every interface its addresses and brings it up; tells `ready` of each node that is done.
    pub(super) async fn configure(&self, plan: &Plan, ready: UnboundedSender<NodeId>) -> Result<()> {
        let ends = self.media.shaped_ends(plan);
        for chunk in plan.nodes.chunks(CHUNK) {
            let namespaces = chunk.iter().map(|node| self.namespace(node.id).clone()).collect();
            let controls = Netlink::open_all(&self.stepper, namespaces).await?;
            let set_up = |(node, control): (&NodePlan, Netlink)| {
                let (node, ready, ends) = (node.clone(), ready.clone(), &ends);
                async move {
                    control.set_up_loopback(&node.loopback).await?;
                    for (position, interface) in node.interfaces.iter().enumerate() {
                        // Before it comes up: the kernel then need not wait for frames under way.
                        if let Some((end, egress)) = ends.get(&(node.id, position)) {
                            self.media.shape(&control, interface.index, *end, egress).await?;
                        }
                        control.set_up(interface).await?;
                    }
                    if let Some(segment) = &node.segment {
                        control.bridge(segment, &node.interfaces).await?;
                    }
                    // Nobody listens any more only when the build has failed elsewhere.
                    let _ = ready.send(node.id);
                    anyhow::Ok(())
                }
            };
            try_join_all(chunk.iter().zip(controls).map(set_up)).await?;
        }
        Ok(())
    }

    pub(super) fn namespace(&self, node: NodeId) -> &Namespace {
        &self.namespaces[node.0]
    }

    pub(super) fn stepper(&self) -> &Stepper {
        &self.stepper
    }

    /// Whether the links can be made so.
    ///
    /// # Errors
    /// The kernel cannot impair a bare veth pair.
    pub(super) async fn can_do(&self, topology: &Topology, changes: &[LinkChange]) -> Result<()> {
        for change in changes {
            let impaired = change.after.egress.iter().any(|egress| !egress.impairment.is_none());
            if impaired && !self.media.can_impair(change.link).await? {
                let name = &topology.links[change.link.0].name;
                bail!(
                    "link {name} is a bare veth pair, and this kernel has no netem to impair one: give it a property \
                     in the lab file, such as `delay = \"0ms\"`, or impair it in the timeline, and it is built as a wire"
                );
            }
        }
        Ok(())
    }

    /// Makes links what the faults in force want, all at once as far as system calls go.
    pub(super) async fn change(&self, plan: &Plan, changes: &[LinkChange]) -> Result<()> {
        let ends = changes.iter().flat_map(|change| {
            let planned = &plan.links[change.link.0];
            [planned.a, planned.b].into_iter().enumerate().map(move |(side, end)| (change, side, end))
        });
        let ends: Vec<_> = ends.collect();
        let namespaces = ends.iter().map(|(_, _, end)| self.namespace(end.0).clone()).collect();
        let controls = Netlink::open_all(&self.stepper, namespaces).await?;
        let changed = ends.into_iter().zip(controls).map(|((change, side, end), control)| async move {
            let interface = plan.interface(end);
            if change.before.up && !change.after.up {
                control.set_state(interface.index, false).await?;
                self.media.flush(change.link)?;
            }
            if change.before.egress[side] != change.after.egress[side] {
                self.media.shape(&control, interface.index, (change.link, side), &change.after.egress[side]).await?;
            }
            if !change.before.up && change.after.up {
                control.set_up(interface).await?;
            }
            anyhow::Ok(())
        });
        try_join_all(changed).await.map(drop)
    }

    /// Moves both ends of a link from the addresses of one plan to those of another.
    pub(super) async fn renumber(&self, before: &Plan, after: &Plan, link: LinkId, up: bool) -> Result<()> {
        let ends = after.ends(link);
        let namespaces = ends.iter().map(|end| self.namespace(end.0).clone()).collect();
        for (end, control) in ends.into_iter().zip(Netlink::open_all(&self.stepper, namespaces).await?) {
            control.renumber(before.interface(end), after.interface(end), up).await?;
        }
        Ok(())
    }

    /// Removes a node's routes via addresses that the far end of a link has no more.
    pub(super) async fn remove_stale_routes(&self, before: &Plan, after: &Plan, end: (NodeId, usize)) -> Result<()> {
        let control = Netlink::open(&self.stepper, self.namespace(end.0)).await?;
        let (old, new) = (&before.interface(end).neighbors, &after.interface(end).neighbors);
        for (gateway, _) in old {
            if new.iter().all(|(address, _)| address != gateway) {
                control.remove_routes_via(*gateway).await?;
            }
        }
        Ok(())
    }

    /// What has become of the frames of a link, by end; `None`: that of a veth pair is bare.
    pub(super) async fn traffic(&self, plan: &Plan, link: LinkId) -> Result<[Option<Traffic>; 2]> {
        if let Some(of_wire) = self.media.wire_traffic(link).await? {
            return Ok(of_wire.map(Some));
        }
        let planned = &plan.links[link.0];
        let mut found = [None, None];
        for (found, end) in found.iter_mut().zip([planned.a, planned.b]) {
            let control = Netlink::open(&self.stepper, self.namespace(end.0)).await?;
            let qdiscs = control.qdiscs(plan.interface(end).index).await?;
            let root = qdiscs.first().filter(|root| root.kind != "noqueue");
            *found = root.map(|r| Traffic { sent: u64::from(r.sent_packets), dropped: u64::from(r.drops) });
        }
        Ok(found)
    }
}

/// Names of a node's interfaces, by index.
fn names(plan: &Plan, node: NodeId) -> Vec<(u32, String)> {
    plan.node(node).interfaces.iter().map(|i| (i.index, i.name.clone())).collect()
}
