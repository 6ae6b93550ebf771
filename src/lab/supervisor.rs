//! The supervisor: builds a lab, plays it or keeps it up, and ends it.

use std::collections::{BTreeMap, BTreeSet};
use std::os::unix::net::UnixListener;
use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicU64;
use std::sync::{Arc, Mutex, RwLock};

use anyhow::{Context, Result, bail};
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};
use tokio::sync::watch;
use tokio::task::JoinSet;

use super::fibs::Fibs;
use super::network::Network;
use super::nodes::Nodes;
use super::process::{Ended, Launch, Processes, tail};
use super::progress::Progress;
use super::recorder::Recorder;
use super::sandbox::{FAILED, Inside, OUT};
use super::watchdog::Watchdog;
use super::{Lab, Shared, api, facts, play};
use crate::kernel::fib::{Notice, Stamped};
use crate::kernel::namespace::{Namespace, Stepper};
use crate::kernel::{now, sys};
use crate::plan::{NodePlan, Plan};
use crate::program::{LOGS, Ready};
use crate::record::{BUILT, PLAYED};
use crate::record::{Event, ProcessKind, Strain, What};
use crate::routing::Fleet;
use crate::scenario::Scenario;
use crate::scenario::damage::Damage;
use crate::topology::{NodeId, NodeKind, Topology};

/// Exit code after an interruption and a clean teardown.
pub const INTERRUPTED: i32 = 130;

/// Nodes whose processes are started in one visit of the namespace thread.
const SPAWN_AT_ONCE: usize = 16;

/// What the supervisor is to do.
pub struct Assignment {
    pub topology: Topology,
    pub scenario: Scenario,
    pub plan: Plan,
    /// What rendered the plan's configs.
    pub fleet: Fleet,
    pub file: PathBuf,
    /// The run directory as the user knows it.
    pub out: PathBuf,
    /// The lab's socket, opened outside the sandbox.
    pub listener: UnixListener,
    /// When the command began (CLOCK_MONOTONIC, nanoseconds).
    pub begun: u64,
    pub quiet: bool,
    pub mode: Mode,
    /// Keys of the lab file that were set from outside, and to what.
    pub settings: BTreeMap<String, String>,
    /// What builds this lab alone, where that is not what was typed.
    pub command: Option<String>,
    /// Runs on a thread of its own and is shown every event of the record.
    pub follower: Option<Follower>,
}

/// Follows a record as it is written.
pub type Follower = Box<dyn FnOnce(std::sync::mpsc::Receiver<Event>) + Send>;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// Build, play, end.
    Play,
    /// Build and stay up until told to end.
    StayUp,
    /// Build and end: for measuring the build.
    Build,
}

/// Runs the lab to its end and returns the exit code for it.
pub fn supervise(assignment: Assignment, inside: Inside) -> i32 {
    match run(assignment, inside) {
        Ok(code) => code,
        Err(error) => {
            Progress::new(false).line(&super::error_text(&error));
            FAILED
        }
    }
}

fn run(assignment: Assignment, inside: Inside) -> Result<i32> {
    raise_descriptor_limit();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().context("start the runtime")?;
    let code = runtime.block_on(live(assignment, inside));
    // Tasks and threads end with the process; waiting for them would only delay the end.
    runtime.shutdown_background();
    code
}

async fn live(mut assignment: Assignment, mut inside: Inside) -> Result<i32> {
    let mut interrupt = signal(SignalKind::interrupt()).context("watch signals")?;
    let mut terminate = signal(SignalKind::terminate()).context("watch signals")?;
    let follower = assignment.follower.take().map(follow).transpose()?;
    let (recorder, writer) = Recorder::create(&Path::new(OUT).join("events.jsonl"), follower)?;
    let mode = assignment.mode;
    let (down, mut told_to_end) = watch::channel(false);
    let watchdog = Watchdog::start(recorder.clone())?;
    let work = async {
        let lab = build(assignment, recorder.clone(), &watchdog, down).await?;
        tokio::select! {
            failure = lab.failed() => bail!(failure),
            done = serve(&lab, mode, &mut inside) => done,
        }
    };
    let end = tokio::select! {
        done = work => done.map(|()| (if mode == Mode::Build { BUILT } else { PLAYED }, 0)),
        _ = interrupt.recv() => Ok(("interrupted", INTERRUPTED)),
        _ = terminate.recv() => Ok(("interrupted", INTERRUPTED)),
        _ = told_to_end.wait_for(|down| *down) => Ok(("ended", 0)),
    };
    let reason = end.as_ref().map_or_else(|error| format!("failed: {error:#}"), |(reason, _)| (*reason).to_owned());
    watchdog.finish();
    recorder.now(What::End { reason });
    writer.finish()?;
    end.map(|(_, code)| code)
}

fn follow(follower: Follower) -> Result<std::sync::mpsc::Sender<Event>> {
    let (events, inbox) = std::sync::mpsc::channel();
    let work = move || follower(inbox);
    std::thread::Builder::new().name("follower".into()).spawn(work).context("start the record's follower")?;
    Ok(events)
}

async fn serve(lab: &Shared, mode: Mode, inside: &mut Inside) -> Result<()> {
    match mode {
        Mode::Build => Ok(()),
        Mode::Play => play::play(lab).await,
        Mode::StayUp => {
            let log = std::fs::File::create(Path::new(LOGS).join("supervisor.log")).context("create a log")?;
            inside.ready()?;
            // The terminal is not ours any more.
            for target in [1, 2] {
                sys::redirect(&log, target).context("redirect to the log")?;
            }
            lab.try_to_follow_updates();
            lab.recorder.now(What::Play);
            for overlay in 0..lab.topology.overlays.len() {
                tokio::spawn(super::workload::look_up(lab.clone(), overlay));
            }
            let _probers = super::probes::Probers::start(lab).await?;
            let _flows = super::flows::Flows::start(lab)?;
            std::future::pending().await
        }
    }
}

/// Measures the phases of the build, which follow one another without gaps.
struct Phases<'a> {
    recorder: &'a Recorder,
    progress: Progress,
    begun: u64,
}

impl Phases<'_> {
    fn end(&mut self, name: &str, note: String) {
        let end = now();
        let seconds = (end - self.begun) as f64 / 1e9;
        self.begun = end;
        self.progress.phase(name, seconds, &note);
        self.recorder.at(end, What::Phase { name: name.into(), seconds, note });
    }
}

async fn build(
    assignment: Assignment,
    recorder: Recorder,
    watchdog: &Watchdog,
    down: watch::Sender<bool>,
) -> Result<Shared> {
    let Assignment { topology, scenario, plan, fleet, file, out, listener, begun, quiet, .. } = assignment;
    let daemons = facts::daemons(&topology, &fleet);
    let mut known = facts::collect(&topology, &scenario, &plan, &facts::versions(&daemons), &file);
    known.daemons = daemons;
    known.settings = assignment.settings;
    known.command = assignment.command.unwrap_or(known.command);
    recorder.now(What::Lab(Box::new(known)));
    let progress = Progress::new(quiet);
    let mut phases = Phases { recorder: &recorder, progress, begun };
    phases.end("plan", format!("{} nodes, {} links", plan.nodes.len(), plan.links.len()));

    let stepper = Stepper::start()?;
    let (network, notices) = Network::create(&topology, &plan, stepper).await?;
    phases.end("namespaces", String::new());
    let fibs = Fibs::new(plan.nodes.len());
    let names = plan.nodes.iter().map(|n| n.name.clone()).collect();
    tokio::spawn(note(notices, names, fibs.clone(), recorder.clone()));
    let made = network.link(&plan).await?;
    network.wires().into_iter().for_each(|wires| watchdog.watch(wires));
    phases.end("links", made);
    let nodes = Nodes::new(&topology, recorder.clone());
    nodes.listen()?;
    let lab = Arc::new(Lab {
        topology,
        scenario,
        plan: RwLock::new(Arc::new(plan)),
        fleet,
        out,
        network,
        // A thread of its own: starting processes overlaps with setting up interfaces.
        processes: Processes::new(Stepper::start()?),
        nodes,
        fibs,
        recorder: recorder.clone(),
        progress,
        damage: tokio::sync::Mutex::new(Damage::default()),
        faults: AtomicU64::new(0),
        memberships: Mutex::new(BTreeMap::new()),
        outdated: Mutex::new(BTreeSet::new()),
        flaps: Mutex::new(Vec::new()),
        floods: Mutex::new(Vec::new()),
        keys: Mutex::new(BTreeMap::new()),
        background: Arc::new(watch::Sender::new(0)),
        failure: watch::Sender::new(None),
    });
    tokio::spawn(reap(lab.clone()));
    api::serve(lab.clone(), listener, down)?;
    lab.write_files()?;
    tokio::select! {
        failure = lab.failed() => bail!(failure),
        started = start(&lab, &mut phases) => started?,
    }
    Ok(lab)
}

/// Sets up the interfaces, starts programs, and waits for routing.
async fn start(lab: &Shared, phases: &mut Phases<'_>) -> Result<()> {
    let (ready, mut done) = unbounded_channel();
    let spawn = async {
        let mut waiting = JoinSet::new();
        let mut nodes = Vec::new();
        while done.recv_many(&mut nodes, SPAWN_AT_ONCE).await > 0 {
            lab.network.watch(&lab.plan(), &nodes).await?;
            begin(lab, &nodes, &mut waiting).await?;
            nodes.clear();
        }
        waiting.join_all().await.into_iter().collect::<Result<()>>()
    };
    let configure = async {
        lab.network.configure(&lab.plan(), ready).await?;
        phases.end("interfaces", "while processes start".into());
        anyhow::Ok(())
    };
    tokio::try_join!(configure, spawn)?;
    let (daemons, nodes) = (lab.fleet.counted(&lab.topology), lab.processes.count(ProcessKind::Node));
    phases.end("processes", format!("{daemons}, {nodes} nodes"));
    let sessions = lab.converge().await?;
    let plan = lab.plan();
    let connects = |node: &&NodePlan| node.programs.iter().any(|program| program.ready == Ready::Connected);
    let connecting: Vec<&NodePlan> = plan.nodes.iter().filter(connects).collect();
    let all_connected = |nodes: &Nodes| connecting.iter().all(|node| nodes.is_connected(&node.name));
    lab.nodes.wait_until(all_connected).await;
    phases.end("routing", lab.routing_note(sessions));
    Ok(())
}

/// Starts the programs of these nodes; those that need another's socket begin when that is there.
async fn begin(lab: &Shared, nodes: &[NodeId], waiting: &mut JoinSet<Result<()>>) -> Result<()> {
    let launches: Result<Vec<_>> = nodes.iter().flat_map(|node| lab.launches(*node)).collect();
    let (later, first) = launches?.into_iter().partition::<Vec<_>, _>(|(_, launch)| launch.after.is_some());
    lab.spawn(first).await?;
    let lab = lab.clone();
    waiting.spawn(async move { lab.spawn(later).await });
    Ok(())
}

impl Lab {
    fn routing_note(&self, sessions: usize) -> String {
        let plain = self.topology.groups.iter().filter(|g| g.is_plain());
        let routers: Vec<NodeId> = self.topology.of_kind(NodeKind::is_router).collect();
        let groups = plain.map(|group| {
            let prefix = group.prefixes().next().map(|prefix| prefix.to_string()).unwrap_or_default();
            let there = routers.iter().filter(|router| self.fibs.has(**router, &prefix)).count();
            format!(", {prefix} in {there} of {} FIBs", routers.len())
        });
        format!("{sessions} sessions up{}", groups.collect::<String>())
    }

    async fn spawn(&self, launches: Vec<(Namespace, Launch)>) -> Result<()> {
        for ended in self.processes.spawn(launches).await? {
            self.mourn(ended);
        }
        Ok(())
    }

    /// Records the end of a process; one that nobody asked for ends a lab that is not up yet.
    fn mourn(&self, ended: Ended) {
        let Ended { node, process, status, expected } = ended;
        let name = self.topology.node(node).name.clone();
        if !expected {
            let words =
                tail(&self.plan().node(node).program(process).log, 5).replace(OUT, &self.out.display().to_string());
            let message = format!("the {} of {name} ended ({status}):\n{words}", process.name);
            self.fail(message);
        }
        self.recorder.now(What::Exit {
            node: name,
            process: process.name.into(),
            kind: Some(process.kind),
            status,
            expected,
        });
    }
}

async fn reap(lab: Shared) {
    let Ok(mut children) = signal(SignalKind::child()) else { return };
    loop {
        for ended in lab.processes.reap() {
            lab.mourn(ended);
        }
        if children.recv().await.is_none() {
            return;
        }
    }
}

/// Records what the kernels say.
async fn note(mut notices: UnboundedReceiver<Stamped>, names: Vec<String>, fibs: Fibs, recorder: Recorder) {
    while let Some((at, index, notice)) = notices.recv().await {
        let node = names[index].clone();
        match notice {
            Notice::Route(change) => {
                fibs.apply(NodeId(index), &change);
                recorder.at(at, What::Fib { node, change });
            }
            Notice::Carrier { interface, up } => recorder.at(at, What::Carrier { node, interface, up }),
            Notice::Overrun => {
                tracing::warn!("{node}: notifications of routes were lost; times of FIB changes may be incomplete");
                recorder.at(at, What::Fidelity(Box::new(Strain { socket_drops: 1, ..Strain::default() })));
            }
        }
    }
}

/// Namespaces, netlink sockets and pidfds cost a few descriptors a node.
pub fn raise_descriptor_limit() {
    use nix::sys::resource::{Resource, getrlimit, setrlimit};
    if let Ok((_, hard)) = getrlimit(Resource::RLIMIT_NOFILE) {
        let _ = setrlimit(Resource::RLIMIT_NOFILE, hard, hard);
    }
}
