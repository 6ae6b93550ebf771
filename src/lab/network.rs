//! Builds the network of a plan: namespaces, links, addresses.

use std::collections::BTreeMap;
use std::sync::Arc;

use anyhow::{Context, Result};
use futures_util::future::try_join_all;
use futures_util::{StreamExt, TryStreamExt, stream};
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};

use crate::kernel::fib::{Monitor, Stamped};
use crate::kernel::interface::{Control, Interface};
use crate::kernel::link;
use crate::kernel::namespace::{self, Namespace, Stepper};
use crate::kernel::sysctl::{self, Sysctl};
use crate::plan::{NodePlan, Plan};
use crate::topology::{LinkId, NodeId};

/// Nodes set up at once: enough to keep the kernel busy while answers are read.
const CHUNK: usize = 32;

/// Links asked for and not confirmed.
const IN_FLIGHT: usize = 16;

/// The built network.
pub(super) struct Network {
    stepper: Stepper,
    /// In the order of the plan's nodes.
    namespaces: Vec<Namespace>,
    monitor: Arc<Monitor>,
}

impl Network {
    /// Creates every namespace.
    pub(super) async fn create(plan: &Plan, stepper: Stepper) -> Result<(Self, UnboundedReceiver<Stamped>)> {
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
        Ok((Self { stepper, namespaces, monitor: Arc::new(Monitor::start(out)?) }, notices))
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

    /// Creates every link.
    pub(super) async fn link(&self, plan: &Plan) -> Result<()> {
        // The supervisor's own namespace has nothing but `lo`, as `link::create` asks for.
        let here = Control::here("the supervisor's namespace")?;
        let links = stream::iter(&plan.links).map(|planned| {
            let end = |at: (NodeId, usize)| {
                let Interface { name, index, mac, .. } = plan.interface(at);
                link::End { namespace: self.namespace(at.0).raw_fd(), name, index: *index, mac: *mac }
            };
            Ok(link::create(here.handle(), end(planned.a), end(planned.b)))
        });
        // The kernel creates one after the other; the next request waits for no answer.
        links.try_buffer_unordered(IN_FLIGHT).try_for_each(|()| std::future::ready(Ok(()))).await?;
        Ok(())
    }

    /// Gives every interface its addresses and brings it up; tells `ready` of each node that is done.
    pub(super) async fn configure(&self, plan: &Plan, ready: UnboundedSender<NodeId>) -> Result<()> {
        for chunk in plan.nodes.chunks(CHUNK) {
            let namespaces = chunk.iter().map(|node| self.namespace(node.id).clone()).collect();
            let controls = Control::open_all(&self.stepper, namespaces).await?;
            let set_up = |(node, control): (&NodePlan, Control)| {
                let (node, ready) = (node.clone(), ready.clone());
                async move {
                    control.set_up_loopback(&node.loopback).await?;
                    for interface in &node.interfaces {
                        control.set_up(interface).await?;
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

    /// Takes a link's carrier away, or gives it back with all that the interfaces had carried.
    pub(super) async fn set_carrier(&self, plan: &Plan, link: LinkId, up: bool) -> Result<()> {
        let planned = &plan.links[link.0];
        let (a, b) = (self.control(planned.a.0).await?, self.control(planned.b.0).await?);
        let (end_a, end_b) = (plan.interface(planned.a), plan.interface(planned.b));
        if up {
            a.set_up(end_a).await?;
            b.set_up(end_b).await
        } else {
            // Both ends at once, as close as two system calls get.
            tokio::try_join!(a.set_state(end_a.index, false), b.set_state(end_b.index, false)).map(drop)
        }
    }

    async fn control(&self, node: NodeId) -> Result<Control> {
        Control::open(&self.stepper, self.namespace(node)).await
    }
}

/// Names of a node's interfaces, by index.
fn names(plan: &Plan, node: NodeId) -> Vec<(u32, String)> {
    plan.node(node).interfaces.iter().map(|i| (i.index, i.name.clone())).collect()
}
