//! A running lab: the sandbox it lives in, the supervisor that builds and plays it, and its socket.
//!
//! - [`runtime`], [`claim`], [`sandbox`]: where labs are found, what one alone may write, and the walls around each
//! - [`keeper`]: programs that commands run inside, and their end
//! - [`supervisor`]: a lab from build to end; `network`, `media`, `process`, `launch`, `converge` build it
//! - `play`, `act` (a doer for each family of actions), `walk`, `branches`, `workload`, `probes`, `probe`, `flows`,
//!   `flow`: what happens in it
//! - `recorder`, `facts`, `updates`, `watchdog`: what is written down
//! - `fibs`, `nodes`: what it knows of its kernels and its overlay nodes
//! - [`api`], [`ask`], [`survey`], [`lookup`], [`live_probe`]: its socket, and what can be asked

mod act;
pub mod api;
pub mod ask;
mod branches;
pub mod claim;
mod converge;
pub(crate) mod facts;
mod fibs;
mod flow;
mod flows;
pub mod keeper;
mod launch;
pub mod live_probe;
pub mod lookup;
mod media;
mod network;
mod nodes;
mod play;
mod probe;
mod probes;
mod process;
mod progress;
mod recorder;
pub mod runtime;
pub mod sandbox;
pub mod supervisor;
pub mod survey;
mod updates;
mod walk;
mod watchdog;
mod workload;

pub(crate) use launch::tenants;
pub(crate) use progress::error_text;

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::sync::atomic::AtomicU64;
use std::sync::{Arc, Mutex, RwLock};

use tokio::sync::watch;

use crate::plan::Plan;
use crate::routing::{Daemon, Fleet};
use crate::scenario::Scenario;
use crate::scenario::damage::Damage;
use crate::scenario::keys::Keys;
use crate::topology::{NodeId, Topology};
use act::begun::{Begun, Flap};
use fibs::Fibs;
use network::Network;
use nodes::Nodes;
use process::Processes;
use progress::Progress;
use recorder::Recorder;

/// Everything the supervisor's tasks share.
struct Lab {
    topology: Topology,
    scenario: Scenario,
    /// As it is now: renumbering replaces it.
    plan: RwLock<Arc<Plan>>,
    /// What rendered the plan's configs, and runs by them.
    fleet: Fleet,
    /// The run directory as the user knows it, for messages.
    out: PathBuf,
    network: Network,
    processes: Processes,
    nodes: Nodes,
    fibs: Fibs,
    recorder: Recorder,
    progress: Progress,
    /// Held while a fault is carried out: faults do not interleave.
    damage: tokio::sync::Mutex<Damage>,
    /// Counts the faults and undos that have begun: who looked at packets learns whether one came between.
    faults: AtomicU64,
    /// Overlays that each killed node was a member of.
    memberships: Mutex<BTreeMap<NodeId, Vec<usize>>>,
    /// Stopped nodes whose routing daemon has not read its config since it changed.
    outdated: Mutex<BTreeSet<NodeId>>,
    /// Live flaps, by number.
    flaps: Mutex<Vec<Flap>>,
    /// All floods so far.
    floods: Mutex<Vec<Begun>>,
    /// Keys stored so far, per overlay.
    /// By overlay.
    keys: Mutex<BTreeMap<String, Keys>>,
    /// Puts, audits, floods and measurements under way.
    background: Arc<watch::Sender<usize>>,
    /// Set once when the lab cannot go on.
    failure: watch::Sender<Option<String>>,
}

type Shared = Arc<Lab>;

impl Lab {
    fn plan(&self) -> Arc<Plan> {
        self.plan.read().expect("no holder of the plan panics").clone()
    }

    /// The routing daemon of a node.
    fn daemon(&self, node: NodeId) -> &'static dyn Daemon {
        self.fleet.daemon(self.topology.node(node))
    }

    /// Ends the lab with this message; the first one counts.
    fn fail(&self, message: String) {
        self.failure.send_if_modified(|failure| {
            let first = failure.is_none();
            failure.get_or_insert(message);
            first
        });
    }

    /// Waits until the lab has failed.
    async fn failed(&self) -> String {
        let mut failure = self.failure.subscribe();
        let message = failure.wait_for(Option::is_some).await;
        // The sender lives in self.
        message.ok().and_then(|m| m.clone()).unwrap_or_default()
    }
}
