//! What links are made of: bare veth pairs, veth pairs that the kernel's netem impairs, or wires.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock};
use std::time::Duration;

use anyhow::{Result, ensure};
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use serde::{Deserialize, Serialize};
use tokio::sync::OnceCell;
use tokio::time::{Instant, sleep_until};

use crate::kernel::interface::Netlink;
use crate::kernel::namespace::{Namespace, Stepper};
use crate::kernel::wire::{Counters, End, Wanted, Wire, Wires};
use crate::physics::Egress;
use crate::plan::{LinkPlan, Plan};
use crate::topology::{Backend, LinkId, NodeId, Topology};

/// The ChaCha streams of the links' chances begin here, two a link.
const CHANCE: u64 = u64::from_be_bytes(*b"link\0\0\0\0");

/// A link, and the end whose frames are meant.
pub(super) type Side = (LinkId, usize);

/// What has become of the frames that one end has sent.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Traffic {
    /// Delivered, or on their way.
    pub sent: u64,
    /// By chance, by a full queue, or in a black hole.
    pub dropped: u64,
}

/// Every link's medium.
pub(super) struct Media {
    backend: Backend,
    seed: u64,
    wires: OnceLock<(Wires, BTreeMap<LinkId, Wire>)>,
    has_netem: OnceCell<bool>,
    shaped: Shaped,
}

/// What the queueing disciplines of veth ends do. Shared with those who remove them later.
type Shaped = Arc<Mutex<HashMap<Side, Shape>>>;

#[derive(Clone, Copy, Default)]
struct Shape {
    /// As the next change is to be told.
    egress: Egress,
    /// When the last of the frames that have been delayed will have arrived.
    quiet: Option<Instant>,
    /// Counts the changes: who comes to remove a discipline finds out whether it is still the one.
    changes: u64,
}

impl Media {
    pub(super) fn new(topology: &Topology) -> Result<Self> {
        let emulated = topology.links.iter().any(|link| link.emulated);
        ensure!(!emulated || topology.backend != Backend::Auto, "the backend of impaired links has not been chosen");
        let (wires, has_netem, shaped) = Default::default();
        Ok(Self { backend: topology.backend, seed: topology.seed, wires, has_netem, shaped })
    }

    /// How many links are emulated, and by what; nothing if none is.
    pub(super) fn note(&self, plan: &Plan) -> String {
        let emulated = plan.links.iter().filter(|planned| planned.emulated).count();
        match self.backend {
            _ if emulated == 0 => String::new(),
            Backend::Wire => format!("{emulated} of {} are wires", plan.links.len()),
            Backend::Netem | Backend::Auto => format!("{emulated} of {} under netem", plan.links.len()),
        }
    }

    pub(super) fn is_wire(&self, planned: &LinkPlan) -> bool {
        planned.emulated && self.backend == Backend::Wire
    }

    /// Whether the kernel impairs any link of the plan.
    pub(super) fn uses_netem(&self, plan: &Plan) -> bool {
        self.backend == Backend::Netem && plan.links.iter().any(|planned| planned.emulated)
    }

    /// Creates the links that are wires.
    pub(super) async fn create_wires(
        &self,
        stepper: &Stepper,
        plan: &Plan,
        planned: &[&LinkPlan],
        namespace: impl Fn(NodeId) -> Namespace,
    ) -> Result<()> {
        if planned.is_empty() {
            return Ok(());
        }
        let end = |at: (NodeId, usize)| {
            let interface = plan.interface(at);
            let (name, index, mac) = (interface.name.clone(), interface.index, interface.mac);
            End { namespace: namespace(at.0), name, index, mac }
        };
        let wanted = planned.iter().map(|planned| Wanted {
            ends: [end(planned.a), end(planned.b)],
            lines: planned.impairments.map(|impairment| Egress { impairment, blackhole: false }),
            seeds: [0, 1].map(|side| self.chance((planned.link, side))),
        });
        let wires = Wires::start(planned.len())?;
        let created = wires.create_all(stepper, wanted.collect()).await?;
        let by_link = planned.iter().map(|planned| planned.link).zip(created).collect();
        // Links are made once.
        let _ = self.wires.set((wires, by_link));
        Ok(())
    }

    /// The veth ends that the file impairs, by node and position of the interface, and how.
    pub(super) fn shaped_ends(&self, plan: &Plan) -> HashMap<(NodeId, usize), (Side, Egress)> {
        let veths = plan.links.iter().filter(|planned| !planned.over && !self.is_wire(planned));
        let ends = veths.flat_map(|planned| {
            let ends = [planned.a, planned.b].into_iter().zip(planned.impairments).enumerate();
            ends.map(|(side, (end, impairment))| (end, ((planned.link, side), Egress { impairment, blackhole: false })))
        });
        ends.filter(|(_, (_, egress))| !egress.is_none()).collect()
    }

    /// The same seed, the same draws: for a wire always, for netem from Linux 6.6 on.
    fn chance(&self, (link, side): Side) -> u64 {
        let mut rng = ChaCha8Rng::seed_from_u64(self.seed);
        rng.set_stream(CHANCE + 2 * link.0 as u64 + side as u64);
        rng.next_u64()
    }

    /// Whether a link can have a delay, a loss and the like.
    pub(super) async fn can_impair(&self, link: LinkId) -> Result<bool> {
        if self.wire(link).is_some() {
            return Ok(true);
        }
        let ask = || async { Netlink::here("the supervisor's namespace")?.has_netem().await };
        self.has_netem.get_or_try_init(ask).await.copied()
    }

    /// Makes an end send as `egress` says.
    pub(super) async fn shape(&self, control: &Netlink, index: u32, side: Side, egress: &Egress) -> Result<()> {
        if let Some(wire) = self.wire(side.0) {
            return wire.set(side.1, *egress);
        }
        let before = lock(&self.shaped).get(&side).copied().unwrap_or_default();
        let kept = control.set_egress(index, &before.egress, egress, self.chance(side)).await?;
        if kept.is_none() {
            lock(&self.shaped).remove(&side);
            return Ok(());
        }
        let delayed = Instant::now() + before.egress.impairment.delay + before.egress.impairment.jitter;
        let quiet = before.quiet.map_or(delayed, |quiet| quiet.max(delayed));
        let changes = before.changes + 1;
        lock(&self.shaped).insert(side, Shape { egress: kept, quiet: Some(quiet), changes });
        if egress.is_none() {
            self.remove_later(control.clone(), index, side, changes, quiet);
        }
        Ok(())
    }

    /// Takes a discipline that does nothing any more away when nothing is in flight.
    fn remove_later(&self, control: Netlink, index: u32, side: Side, changes: u64, quiet: Instant) {
        let shaped = self.shaped.clone();
        tokio::spawn(async move {
            sleep_until(quiet + Duration::from_millis(1)).await;
            let unchanged = lock(&shaped).get(&side).is_some_and(|shape| shape.changes == changes);
            if !unchanged {
                return;
            }
            match control.remove_egress(index).await {
                Ok(()) => drop(lock(&shaped).remove(&side)),
                Err(error) => tracing::warn!("{error:#}"),
            }
        });
    }

    /// Frames that are under way on a wire when it is cut are lost, as in a veth's disciplines.
    pub(super) fn flush(&self, link: LinkId) -> Result<()> {
        self.wire(link).map_or(Ok(()), Wire::flush)
    }

    pub(super) async fn wire_traffic(&self, link: LinkId) -> Result<Option<[Traffic; 2]>> {
        let Some(wire) = self.wire(link) else { return Ok(None) };
        let dropped = |c: &Counters| c.blackholed + c.lost + c.queue_drops + c.overflows + c.flushed + c.refused;
        Ok(Some(wire.counters().await?.map(|c| Traffic { sent: c.frames_out + c.held, dropped: dropped(&c) })))
    }

    /// The threads that carry the wires' frames, if there are wires.
    pub(super) fn wires(&self) -> Option<Wires> {
        self.wires.get().map(|(wires, _)| wires.clone())
    }

    fn wire(&self, link: LinkId) -> Option<&Wire> {
        self.wires.get().and_then(|(_, wires)| wires.get(&link))
    }
}

fn lock<T>(shared: &Mutex<T>) -> MutexGuard<'_, T> {
    shared.lock().expect("no holder of the disciplines panics")
}
