//! All clients' flows, on one thread with a runtime of its own, as the probes have theirs.

use std::cell::RefCell;
use std::net::SocketAddr;
use std::rc::Rc;
use std::thread::JoinHandle;
use std::time::Duration;

use anyhow::{Context, Result, anyhow, ensure};
use futures_util::future::join_all;
use nix::sys::resource::{Resource, getrlimit};
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use tokio::sync::watch;
use tokio::time::interval;

use super::Lab;
use super::flow::{Flow, Witness};
use super::recorder::Recorder;
use crate::overlay::id::Id;
use crate::plan::FLOW_PORT;
use crate::record::{FlowChange, FlowDid, What};
use crate::topology::{Flows as Settings, NodeKind, Transport};

/// Between two entries of one client in the record.
const BATCH: Duration = Duration::from_secs(1);

/// The flows of one client to one group: its name and the group's.
type Bundle = ((String, String), Vec<Flow>);

/// All flows, under way.
pub(super) struct Flows {
    stop: watch::Sender<bool>,
    thread: JoinHandle<Result<()>>,
}

impl Flows {
    /// Opens every flow of the lab; `None` if it has none.
    pub(super) fn start(lab: &Lab) -> Result<Option<Self>> {
        let Some(settings) = &lab.topology.flows else { return Ok(None) };
        let bundles = bundles(lab, settings);
        have_descriptors(bundles.iter().map(|(_, flows)| flows.len()).sum())?;
        let (stop, stopped) = watch::channel(false);
        let recorder = lab.recorder.clone();
        let work = move || {
            let runtime =
                tokio::runtime::Builder::new_current_thread().enable_all().build().context("start a runtime")?;
            runtime.block_on(keep(bundles, &recorder, stopped));
            Ok(())
        };
        let thread = std::thread::Builder::new().name("flows".into()).spawn(work).context("start the flows")?;
        Ok(Some(Self { stop, thread }))
    }

    /// Sends no more and records what is left.
    pub(super) async fn finish(self) -> Result<()> {
        self.stop.send_replace(true);
        let joined = tokio::task::spawn_blocking(|| self.thread.join()).await.context("wait for the flows")?;
        joined.map_err(|_| anyhow!("the flows' thread panicked"))?
    }
}

/// Each flow needs a descriptor, and a member may come to serve all of them.
fn have_descriptors(flows: usize) -> Result<()> {
    let (may, _) = getrlimit(Resource::RLIMIT_NOFILE).context("ask how many descriptors a process may have")?;
    let used = std::fs::read_dir("/proc/self/fd").context("count descriptors")?.count();
    ensure!(
        (used + flows) as u64 <= may,
        "{flows} flows need a descriptor each, and of {may} that a process may have, {used} are in use: lower \
         `per_client` of [flows], or raise the limit (`ulimit -n`)"
    );
    Ok(())
}

fn bundles(lab: &Lab, settings: &Settings) -> Vec<Bundle> {
    let topology = &lab.topology;
    let Id(seed) = Id::hash(&[&topology.seed.to_be_bytes(), b"flows"]);
    let mut rng = ChaCha8Rng::seed_from_u64(seed as u64);
    let mut flow = |client, group: usize, transport| Flow {
        transport,
        target: SocketAddr::new(topology.groups[group].addresses[0], FLOW_PORT),
        namespace: lab.network.namespace(client).clone(),
        stepper: lab.network.stepper().clone(),
        every: settings.every,
        timeout: settings.timeout,
        offset: settings.every.mul_f64(rng.random()),
        ids: ChaCha8Rng::seed_from_u64(rng.random()),
    };
    let mut bundles = Vec::new();
    for client in topology.of_kind(|k| k == NodeKind::Client) {
        for group in &settings.groups {
            let each = settings.transports.iter().flat_map(|t| std::iter::repeat_n(*t, settings.per_client));
            let flows = each.map(|transport| flow(client, group.0, transport)).collect();
            bundles.push(((topology.node(client).name.clone(), topology.groups[group.0].name.clone()), flows));
        }
    }
    bundles
}

/// Keeps all flows open until told to stop.
async fn keep(bundles: Vec<Bundle>, recorder: &Recorder, mut stopped: watch::Receiver<bool>) {
    let (mut logs, mut tasks) = (Vec::new(), Vec::new());
    for ((client, group), flows) in bundles {
        let log = Rc::new(Log { client, group, batch: RefCell::default() });
        for (number, flow) in (0..).zip(flows) {
            let entry = Entry { log: log.clone(), flow: number, protocol: flow.transport };
            tasks.push(async move { flow.keep(&entry).await });
        }
        logs.push(log);
    }
    let write = async {
        let mut batches = interval(BATCH);
        loop {
            batches.tick().await;
            logs.iter().for_each(|log| log.write(recorder));
        }
    };
    tokio::select! {
        _ = stopped.wait_for(|stop| *stop) => {}
        () = write => {}
        _ = join_all(tasks) => {}
    }
    logs.iter().for_each(|log| log.write(recorder));
}

/// What the record has not yet of one client's flows to one group.
struct Log {
    client: String,
    group: String,
    batch: RefCell<Batch>,
}

#[derive(Default)]
struct Batch {
    changes: Vec<FlowChange>,
    requests: u64,
    answered: u64,
}

impl Log {
    fn write(&self, recorder: &Recorder) {
        let Batch { changes, requests, answered } = self.batch.take();
        if !changes.is_empty() || requests + answered > 0 {
            let (client, group) = (self.client.clone(), self.group.clone());
            recorder.now(What::Flows { client, group, changes, requests, answered });
        }
    }
}

/// Where one flow is written down.
struct Entry {
    log: Rc<Log>,
    flow: u32,
    protocol: Transport,
}

impl Witness for Entry {
    fn sent(&self) {
        self.log.batch.borrow_mut().requests += 1;
    }

    fn answered(&self) {
        self.log.batch.borrow_mut().answered += 1;
    }

    fn did(&self, at: u64, did: FlowDid) {
        let change = FlowChange { at, flow: self.flow, protocol: self.protocol, did };
        self.log.batch.borrow_mut().changes.push(change);
    }
}
