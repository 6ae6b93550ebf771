//! What the kernels' routing tables hold, as told by their notifications, and waiting for routes.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, MutexGuard};

use tokio::sync::watch;

use crate::record::FibChange;
use crate::topology::NodeId;

/// A route that a node is expected to have.
pub(super) type Expected = (NodeId, String);

/// The main table of every node. Cheap to clone.
#[derive(Clone)]
pub(super) struct Fibs {
    state: Arc<Mutex<State>>,
    /// Counts the times the last expected route arrived, or an expectation changed.
    settled: Arc<watch::Sender<u64>>,
}

struct State {
    routes: Vec<BTreeSet<String>>,
    missing: BTreeSet<Expected>,
    changes: u64,
}

impl Fibs {
    pub(super) fn new(nodes: usize) -> Self {
        let state = State { routes: vec![BTreeSet::new(); nodes], missing: BTreeSet::new(), changes: 0 };
        Self { state: Arc::new(Mutex::new(state)), settled: Arc::new(watch::Sender::new(0)) }
    }

    /// Takes in one notification.
    pub(super) fn apply(&self, node: NodeId, change: &FibChange) {
        let mut state = self.state();
        state.changes += 1;
        let routes = &mut state.routes[node.0];
        if change.add {
            routes.insert(change.prefix.clone());
            let key = (node, change.prefix.clone());
            if state.missing.remove(&key) && state.missing.is_empty() {
                self.settled.send_modify(|n| *n += 1);
            }
        } else {
            routes.remove(&change.prefix);
        }
    }

    /// Waits until each of `expected` has been there.
    pub(super) async fn wait_for(&self, expected: impl IntoIterator<Item = Expected>) {
        let mut settled = self.settled.subscribe();
        {
            let mut state = self.state();
            let missing = expected.into_iter().filter(|(node, prefix)| !state.routes[node.0].contains(prefix));
            state.missing = missing.collect();
        }
        // The sender lives in self, so this cannot fail.
        let _ = settled.wait_for(|_| self.state().missing.is_empty()).await;
    }

    /// What [`Fibs::wait_for`] still waits for.
    pub(super) fn missing(&self) -> Vec<Expected> {
        self.state().missing.iter().cloned().collect()
    }

    pub(super) fn has(&self, node: NodeId, prefix: &str) -> bool {
        self.state().routes[node.0].contains(prefix)
    }

    /// Notifications so far.
    pub(super) fn changes(&self) -> u64 {
        self.state().changes
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().expect("no holder of the routing tables panics")
    }
}
