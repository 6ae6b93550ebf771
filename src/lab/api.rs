//! The lab's socket: HTTP and JSON over a Unix socket that only its owner can reach.

use std::ops::ControlFlow;
use std::os::unix::net::UnixListener;
use std::path::Path;

use anyhow::{Context, Result, bail};
use axum::body::Body;
use axum::extract::State;
use axum::http::StatusCode;
use axum::routing::{get, post};
use axum::{Json, Router};
use futures_util::StreamExt;
use futures_util::stream::unfold;
use http_body_util::{BodyExt, Full};
use hyper::body::Bytes;
use hyper::body::Incoming;
use hyper_util::rt::TokioIo;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use tokio::sync::watch;

use super::ask::{RoutesRequest, Trace, TraceRequest};
use super::live_probe::ProbeRequest;
use super::lookup::{Lookup, LookupRequest};
use super::media::Traffic;
use super::survey::SurveyRequest;
use super::{Lab, Shared, act};
use crate::physics::Egress;
use crate::program::Process;
use crate::record::survey::Survey;
use crate::routing::route::Route;
use crate::scenario::damage::{Damage, ProcessState};
use crate::scenario::programs;
use crate::topology::{LinkId, NodeId};

/// `GET /status`
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Status {
    pub lab: String,
    /// The run directory.
    pub out: String,
    pub nodes: Vec<NodeStatus>,
    /// Those that impair what they carry, or are impaired.
    pub links: Vec<LinkStatus>,
    pub overlays: Vec<OverlayStatus>,
    /// Faults that have not been undone.
    pub faults: Vec<String>,
    /// Kernel routes that have changed so far.
    pub fib_changes: u64,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct NodeStatus {
    pub name: String,
    pub kind: String,
    /// Its routing daemon, in a lab file's word; `None`: it has none.
    #[serde(default)]
    pub daemon: Option<String>,
    /// Process ids inside the sandbox.
    pub bird: Option<i32>,
    pub node: Option<i32>,
    /// Established and configured BGP sessions.
    pub sessions: Option<(usize, usize)>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct LinkStatus {
    pub name: String,
    pub up: bool,
    /// Names of the ends.
    pub ends: [String; 2],
    /// What becomes of the frames that each end sends, and what has become of them: nobody counts those
    /// of a bare end.
    pub egress: [Egress; 2],
    pub traffic: [Option<Traffic>; 2],
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct OverlayStatus {
    pub name: String,
    pub members: Vec<MemberStatus>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct MemberStatus {
    pub host: String,
    pub keys: usize,
    /// How many nodes it believes its island to have.
    pub island: u32,
}

/// `POST /fault`
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct FaultRequest {
    /// As in the timeline: `fail campus`.
    pub action: String,
}

/// Answer to `POST /fault`: what was done.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct FaultAnswer {
    pub done: Vec<String>,
}

/// Answer to what could not be done.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Refusal {
    pub error: String,
}

#[derive(Clone)]
struct Served {
    lab: Shared,
    down: watch::Sender<bool>,
}

/// Serves the lab's socket until the lab ends.
pub(super) fn serve(lab: Shared, listener: UnixListener, down: watch::Sender<bool>) -> Result<()> {
    listener.set_nonblocking(true).context("set the lab's socket non-blocking")?;
    let listener = tokio::net::UnixListener::from_std(listener).context("watch the lab's socket")?;
    let routes = Router::new()
        .route("/status", get(status))
        .route("/fault", post(fault))
        .route("/routes", post(routes))
        .route("/trace", post(trace))
        .route("/catchment", post(catchment))
        .route("/lookup", post(lookup))
        .route("/probe", post(probe))
        .route("/down", post(end))
        .with_state(Served { lab, down });
    tokio::spawn(async move { axum::serve(OwnersOnly(listener), routes).await });
    Ok(())
}

/// Accepts connections of the user who started the lab (in the sandbox, user 0) and drops others.
struct OwnersOnly(tokio::net::UnixListener);

impl axum::serve::Listener for OwnersOnly {
    type Io = tokio::net::UnixStream;
    type Addr = tokio::net::unix::SocketAddr;

    async fn accept(&mut self) -> (Self::Io, Self::Addr) {
        loop {
            match self.0.accept().await {
                Ok((stream, address)) if stream.peer_cred().is_ok_and(|peer| peer.uid() == 0) => {
                    return (stream, address);
                }
                Ok(_) => tracing::warn!("refused a connection of another user to the lab's socket"),
                // Out of descriptors, say: later ones may work.
                Err(error) => {
                    tracing::warn!("accept: {error}");
                    tokio::task::yield_now().await;
                }
            }
        }
    }

    fn local_addr(&self) -> std::io::Result<Self::Addr> {
        self.0.local_addr()
    }
}

async fn status(State(context): State<Served>) -> Json<Status> {
    let lab = &context.lab;
    let damage = lab.damage.lock().await.clone();
    let mut nodes = Vec::new();
    for id in lab.topology.ids() {
        nodes.push(node_status(lab, &damage, id).await);
    }
    let mut links = Vec::new();
    for id in (0..lab.topology.links.len()).map(LinkId) {
        links.extend(link_status(lab, &damage, id).await);
    }
    let mut overlays = Vec::new();
    for overlay in &lab.topology.overlays {
        let mut members = Vec::new();
        for host in lab.nodes.members(&overlay.name) {
            let frozen = |id| damage.process(id, Process::NODE) == ProcessState::Stopped;
            if lab.topology.find(&host).is_some_and(frozen) {
                continue;
            }
            if let Some(digest) = lab.nodes.digest(&overlay.name, &host).await {
                members.push(MemberStatus { host, keys: digest.keys, island: digest.island });
            }
        }
        overlays.push(OverlayStatus { name: overlay.name.clone(), members });
    }
    let faults = damage.report(&lab.topology);
    let fib_changes = lab.fibs.changes();
    let out = lab.out.display().to_string();
    Json(Status { lab: lab.topology.name.clone(), out, nodes, links, overlays, faults, fib_changes })
}

async fn link_status(lab: &Lab, damage: &Damage, id: LinkId) -> Option<LinkStatus> {
    let link = &lab.topology.links[id.0];
    let state = damage.link(id, &lab.topology);
    if !link.emulated && state.egress.iter().all(Egress::is_none) {
        return None;
    }
    let traffic = lab.network.traffic(&lab.plan(), id).await.ok()?;
    let ends = [link.a, link.b].map(|end| lab.topology.node(end).name.clone());
    Some(LinkStatus { name: link.name.clone(), up: state.up, ends, egress: state.egress, traffic })
}

async fn node_status(lab: &Lab, damage: &Damage, id: NodeId) -> NodeStatus {
    let node = lab.topology.node(id);
    let sessions = match damage.routing(id, &lab.topology) {
        // A frozen daemon accepts the question and does not answer.
        ProcessState::Dead | ProcessState::Stopped => None,
        ProcessState::Running => {
            lab.bgp(id).await.ok().map(|all| (all.iter().filter(|session| session.up).count(), all.len()))
        }
    };
    NodeStatus {
        name: node.name.clone(),
        kind: node.kind.name().into(),
        daemon: node.kind.speaks_bgp().then(|| lab.daemon(id).make().to_owned()),
        bird: programs::routing(&lab.topology, id).and_then(|process| lab.processes.pid(id, process)),
        node: lab.processes.pid(id, Process::NODE),
        sessions,
    }
}

async fn fault(State(context): State<Served>, Json(request): Json<FaultRequest>) -> Answer<FaultAnswer> {
    // A task of its own: this one is dropped when the client goes away, and half a fault is none.
    let acting = tokio::spawn(async move { act::act_live(&context.lab, &request.action).await });
    let done = acting.await.context("the fault's task ended early").flatten();
    answer(done.map(|done| FaultAnswer { done }))
}

async fn routes(State(context): State<Served>, Json(request): Json<RoutesRequest>) -> Answer<Vec<Route>> {
    answer(context.lab.routes(&request).await)
}

async fn trace(State(context): State<Served>, Json(request): Json<TraceRequest>) -> Answer<Trace> {
    answer(context.lab.trace(&request).await)
}

async fn catchment(State(context): State<Served>, Json(request): Json<SurveyRequest>) -> Answer<Vec<Survey>> {
    answer(context.lab.surveys(&request).await)
}

async fn lookup(State(context): State<Served>, Json(request): Json<LookupRequest>) -> Answer<Lookup> {
    answer(context.lab.look_up_now(&request).await)
}

/// One line for each probe, as its fate is known. It ends with the last one, or when the asker goes away.
async fn probe(
    State(context): State<Served>,
    Json(request): Json<ProbeRequest>,
) -> Result<Body, (StatusCode, Json<Refusal>)> {
    let Json(probed) = answer(context.lab.probe_live(&request).await)?;
    let line = |probed| serde_json::to_string(&probed).map(|text| text + "\n");
    let lines = unfold(probed, |mut probed| async { probed.recv().await.map(|one| (one, probed)) });
    Ok(Body::from_stream(lines.map(line)))
}

type Answer<T> = Result<Json<T>, (StatusCode, Json<Refusal>)>;

fn answer<T>(found: Result<T>) -> Answer<T> {
    found.map(Json).map_err(|error| (StatusCode::CONFLICT, Json(Refusal { error: format!("{error:#}") })))
}

async fn end(State(context): State<Served>) -> StatusCode {
    context.down.send_replace(true);
    StatusCode::NO_CONTENT
}

/// Asks a lab's socket; `Err` inside: the lab refused, with its reason.
pub async fn ask<T: DeserializeOwned>(
    socket: &Path,
    method: &str,
    path: &str,
    body: String,
) -> Result<Result<T, String>> {
    let answer = send(socket, method, path, body).await?;
    if answer.status().is_success() {
        let bytes = answer.into_body().collect().await.context("read the lab's answer")?.to_bytes();
        // An empty answer reads as JSON's null.
        let text: &[u8] = if bytes.is_empty() { b"null" } else { &bytes };
        return Ok(Ok(serde_json::from_slice(text).context("understand the lab's answer")?));
    }
    refusal(answer).await.map(Err)
}

/// Asks a lab's socket for something that it tells line by line, until `take` has had enough; `Err` inside:
/// the lab refused, with its reason.
pub async fn follow(
    socket: &Path,
    path: &str,
    body: String,
    mut take: impl FnMut(&[u8]) -> ControlFlow<()>,
) -> Result<Result<(), String>> {
    let mut answer = send(socket, "POST", path, body).await?;
    if !answer.status().is_success() {
        return refusal(answer).await.map(Err);
    }
    let mut text = Vec::new();
    // An error is the lab's end, and so the last line.
    while let Some(Ok(frame)) = answer.frame().await {
        text.extend_from_slice(frame.data_ref().map_or(&[][..], |data| &data[..]));
        while let Some(end) = text.iter().position(|byte| *byte == b'\n') {
            let line: Vec<u8> = text.drain(..=end).collect();
            if take(&line).is_break() {
                return Ok(Ok(()));
            }
        }
    }
    Ok(Ok(()))
}

async fn send(socket: &Path, method: &str, path: &str, body: String) -> Result<hyper::Response<Incoming>> {
    let stream = tokio::net::UnixStream::connect(socket).await;
    let stream = stream.with_context(|| format!("connect to the lab at {}", socket.display()))?;
    let (mut sender, connection) =
        hyper::client::conn::http1::handshake(TokioIo::new(stream)).await.context("speak HTTP")?;
    tokio::spawn(connection);
    let request = hyper::Request::builder().method(method).uri(path).header("host", "lab");
    let request = request.header("content-type", "application/json").body(Full::new(Bytes::from(body)));
    sender.send_request(request.context("build a request")?).await.context("ask the lab")
}

async fn refusal(answer: hyper::Response<Incoming>) -> Result<String> {
    let status = answer.status();
    let bytes = answer.into_body().collect().await.context("read the lab's answer")?.to_bytes();
    match serde_json::from_slice::<Refusal>(&bytes) {
        Ok(refusal) => Ok(refusal.error),
        Err(_) => bail!("the lab answered {status}: {}", String::from_utf8_lossy(&bytes)),
    }
}
