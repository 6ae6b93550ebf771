//! The supervisor's end of the channel to every node's process.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use anyhow::{Context, Result};
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::net::{UnixListener, UnixStream};
use tokio::sync::mpsc::{UnboundedSender, unbounded_channel};
use tokio::sync::{oneshot, watch};
use tokio::time::timeout;

use crate::anycast::{Command, Digest, Event};
use crate::lab::recorder::Recorder;
use crate::node::channel::{Order, Report};
use crate::overlay::Answer;
use crate::overlay::id::Id;
use crate::record::{NodeDid, What, told};
use crate::topology::{Bootstrap, Topology};

/// Where nodes' processes connect, inside the sandbox.
pub(super) const SOCKET: &str = "/run/anybed/nodes.socket";

/// How long a node may take with a put or get. Its own time limit is far shorter.
const PATIENCE: Duration = Duration::from_secs(20);

/// Every node's process that is connected. Cheap to clone.
#[derive(Clone)]
pub(super) struct Nodes {
    shared: Arc<Shared>,
}

struct Shared {
    state: Mutex<State>,
    /// Host names by ring id, per overlay.
    names: BTreeMap<String, HashMap<Id, String>>,
    /// Hosts that may begin an overlay: the well-known ones, if it has such; else anybody.
    founders: BTreeMap<String, BTreeSet<String>>,
    recorder: Recorder,
    /// Counts changes of what others wait for: connections and memberships.
    changes: watch::Sender<u64>,
}

#[derive(Default)]
struct State {
    connected: BTreeMap<String, UnboundedSender<Order>>,
    /// (overlay, host): told to be a member and not heard of leaving.
    joined: BTreeMap<(String, String), Membership>,
    /// (host, group) announced.
    announced: BTreeMap<(String, String), ()>,
    waiting: HashMap<u64, oneshot::Sender<Answer>>,
    digests: HashMap<(String, String), Vec<oneshot::Sender<Digest>>>,
    next_token: u64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Membership {
    Asked,
    Member,
}

impl Nodes {
    pub(super) fn new(topology: &Topology, recorder: Recorder) -> Self {
        let names = topology.overlays.iter().map(|overlay| {
            let name = |host| topology.node(host).name.clone();
            let id = |host| Id::of_node(topology.seed, &overlay.name, &topology.node(host).name);
            (overlay.name.clone(), overlay.members.iter().map(|host| (id(*host), name(*host))).collect())
        });
        let founders = topology.overlays.iter().map(|overlay| {
            let hosts = match overlay.bootstrap {
                Bootstrap::Anycast => &overlay.members,
                Bootstrap::WellKnown => &overlay.well_known,
            };
            (overlay.name.clone(), hosts.iter().map(|host| topology.node(*host).name.clone()).collect())
        });
        let shared = Shared {
            state: Mutex::default(),
            names: names.collect(),
            founders: founders.collect(),
            recorder,
            changes: watch::Sender::new(0),
        };
        Self { shared: Arc::new(shared) }
    }

    /// Starts to accept the nodes' connections.
    pub(super) fn listen(&self) -> Result<()> {
        let listener = UnixListener::bind(Path::new(SOCKET)).with_context(|| format!("listen at {SOCKET}"))?;
        let nodes = self.clone();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let nodes = nodes.clone();
                tokio::spawn(async move {
                    if let Err(error) = nodes.serve(stream).await {
                        tracing::debug!("a node's channel: {error:#}");
                    }
                });
            }
        });
        Ok(())
    }

    async fn serve(&self, stream: UnixStream) -> Result<()> {
        let (read, mut write) = stream.into_split();
        let mut lines = BufReader::new(read).lines();
        let first = lines.next_line().await?.context("a node said nothing")?;
        let Report::Hello { host } = serde_json::from_str(&first)? else {
            anyhow::bail!("a node did not say its name")
        };
        let (orders, mut outbox) = unbounded_channel::<Order>();
        self.state().connected.insert(host.clone(), orders);
        self.changed();
        tokio::spawn(async move {
            while let Some(order) = outbox.recv().await {
                let Ok(mut line) = serde_json::to_vec(&order) else { return };
                line.push(b'\n');
                if write.write_all(&line).await.is_err() {
                    return;
                }
            }
        });
        while let Ok(Some(line)) = lines.next_line().await {
            match serde_json::from_str(&line) {
                Ok(report) => self.take_in(&host, report),
                // Whoever reads no more stops the node too, when the channel is full.
                Err(error) => tracing::error!("{host} reports {line}: {error}"),
            }
        }
        self.gone(&host);
        Ok(())
    }

    /// A node's process has ended, and with it its memberships.
    fn gone(&self, host: &str) {
        let mut state = self.state();
        state.connected.remove(host);
        state.joined.retain(|(_, member), _| member != host);
        drop(state);
        self.changed();
    }

    fn take_in(&self, host: &str, report: Report) {
        let record = |at, overlay: &str, did| {
            let what = What::Node { node: host.to_owned(), overlay: overlay.to_owned(), did };
            self.shared.recorder.at(at, what);
        };
        match report {
            Report::Hello { .. } => {}
            Report::Announced { at, group } => {
                self.state().announced.insert((host.to_owned(), group.clone()), ());
                record(at, &overlay_of(&group), NodeDid::Announced { group });
                self.changed();
            }
            Report::Withdrew { at, group } => {
                self.state().announced.remove(&(host.to_owned(), group.clone()));
                record(at, &overlay_of(&group), NodeDid::Withdrew { group });
                self.changed();
            }
            Report::Digest { overlay, digest } => {
                let waiting = self.state().digests.remove(&(host.to_owned(), overlay)).unwrap_or_default();
                for one in waiting {
                    let _ = one.send((*digest).clone());
                }
            }
            Report::Served { at, infrastructure, what } => {
                let what = What::Server { node: host.to_owned(), infrastructure, did: what };
                self.shared.recorder.at(at, what);
            }
            Report::Trouble { text } => tracing::warn!("{host}: {text}"),
            Report::Overlay { at, overlay, what } => {
                self.note_membership(host, &overlay, &what);
                if let Event::Done { token, outcome, .. } = &what {
                    self.done(*token, outcome.clone());
                }
                if let Some(did) = self.name(&overlay, what) {
                    record(at, &overlay, did);
                }
            }
        }
    }

    fn note_membership(&self, host: &str, overlay: &str, what: &Event) {
        let key = (overlay.to_owned(), host.to_owned());
        match what {
            Event::Joined { .. } => drop(self.state().joined.insert(key, Membership::Member)),
            Event::Left | Event::JoinFailed { .. } => drop(self.state().joined.remove(&key)),
            _ => return,
        }
        self.changed();
    }

    fn done(&self, token: u64, outcome: Answer) {
        let waiting = self.state().waiting.remove(&token);
        if let Some(waiting) = waiting {
            let _ = waiting.send(outcome);
        }
    }

    /// The record's form of an event: host names for ring ids. `None`: the record keeps it elsewhere.
    fn name(&self, overlay: &str, what: Event) -> Option<NodeDid> {
        let names = self.shared.names.get(overlay)?;
        // An answer may be another overlay's. A peer outside the lab's list cannot exist; should one appear, its id
        // shows.
        let any = |id: Id| names.get(&id).or_else(|| self.shared.names.values().find_map(|names| names.get(&id)));
        let name = |id: Id| any(id).cloned().unwrap_or_else(|| id.to_string());
        told(what, name)
    }

    /// Gives an order; false if the host's process is not connected.
    pub(super) fn order(&self, host: &str, order: Order) -> bool {
        self.state().connected.get(host).is_some_and(|orders| orders.send(order).is_ok())
    }

    /// Tells a host to join. The first of an overlay's possible founders begins it if nobody answers.
    pub(super) fn join(&self, overlay: &str, host: &str) -> bool {
        let found = {
            let mut state = self.state();
            let founders = self.shared.founders.get(overlay);
            let may_found = |host: &str| founders.is_some_and(|founders| founders.contains(host));
            let first = may_found(host) && !state.joined.keys().any(|(o, other)| o == overlay && may_found(other));
            state.joined.insert((overlay.to_owned(), host.to_owned()), Membership::Asked);
            first
        };
        self.order(host, Order::Overlay { overlay: overlay.to_owned(), what: Command::Join { found } })
    }

    /// Sends a put or get and waits for its outcome; `None` when the node goes away meanwhile, or is frozen.
    pub(super) async fn ask(&self, overlay: &str, host: &str, command: impl FnOnce(u64) -> Command) -> Option<Answer> {
        self.ask_within(PATIENCE, overlay, host, command).await
    }

    /// The same of what may take longer.
    pub(super) async fn ask_within(
        &self,
        patience: Duration,
        overlay: &str,
        host: &str,
        command: impl FnOnce(u64) -> Command,
    ) -> Option<Answer> {
        let (answer, wait) = oneshot::channel();
        let token = {
            let mut state = self.state();
            state.next_token += 1;
            let token = state.next_token;
            state.waiting.insert(token, answer);
            token
        };
        let order = Order::Overlay { overlay: overlay.to_owned(), what: command(token) };
        if !self.order(host, order) {
            self.state().waiting.remove(&token);
            return None;
        }
        let outcome = timeout(patience, wait).await;
        self.state().waiting.remove(&token);
        outcome.ok()?.ok()
    }

    /// Starts a lookup whose end only the record learns.
    pub(super) fn look_up(&self, overlay: &str, host: &str, key: Id) {
        let order = Order::Overlay { overlay: overlay.to_owned(), what: Command::Lookup { token: 0, key } };
        self.order(host, order);
    }

    /// The state of a host's node.
    pub(super) async fn digest(&self, overlay: &str, host: &str) -> Option<Digest> {
        let (answer, wait) = oneshot::channel();
        let key = (host.to_owned(), overlay.to_owned());
        self.state().digests.entry(key).or_default().push(answer);
        if !self.order(host, Order::Digest { overlay: overlay.to_owned() }) {
            return None;
        }
        wait.await.ok()
    }

    /// Hosts that are members now, sorted.
    pub(super) fn members(&self, overlay: &str) -> Vec<String> {
        let state = self.state();
        let members = state.joined.iter().filter(|((o, _), m)| o == overlay && **m == Membership::Member);
        members.map(|((_, host), _)| host.clone()).collect()
    }

    /// Whether the host is a member of the overlay, or was told to become one.
    pub(super) fn is_wanted(&self, overlay: &str, host: &str) -> bool {
        self.state().joined.contains_key(&(overlay.to_owned(), host.to_owned()))
    }

    pub(super) fn is_announced(&self, host: &str, group: &str) -> bool {
        self.state().announced.contains_key(&(host.to_owned(), group.to_owned()))
    }

    /// A host's group has been withdrawn for it, now that its node cannot do so.
    pub(super) fn withdrawn(&self, host: &str, overlay: &str, group: &str) {
        self.state().announced.remove(&(host.to_owned(), group.to_owned()));
        let did = NodeDid::Withdrew { group: group.to_owned() };
        self.shared.recorder.now(What::Node { node: host.to_owned(), overlay: overlay.to_owned(), did });
        self.changed();
    }

    pub(super) fn is_connected(&self, host: &str) -> bool {
        self.state().connected.contains_key(host)
    }

    /// Waits until `condition` holds; it is looked at after every change of a node.
    pub(super) async fn wait_until(&self, condition: impl Fn(&Self) -> bool) {
        let mut changes = self.shared.changes.subscribe();
        // The sender lives in self, so this cannot fail.
        let _ = changes.wait_for(|_| condition(self)).await;
    }

    fn changed(&self) {
        self.shared.changes.send_modify(|count| *count += 1);
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.shared.state.lock().expect("no holder of the nodes' state panics")
    }
}

/// The overlay whose join or color group this is; a plain group's own name otherwise.
fn overlay_of(group: &str) -> String {
    group.split('/').next().unwrap_or(group).to_owned()
}
