//! Items that an overlay's members share, and that are searched for.

use std::sync::Arc;
use std::time::{Duration, Instant};

use futures_util::StreamExt;
use futures_util::stream;
use tokio::time::timeout;

use crate::anycast::Command;
use crate::lab::Lab;
use crate::overlay::Spent;
use crate::record::What;
use crate::scenario::items::Turn;
use crate::topology::NodeId;

/// Shares under way at once, and nodes that are asked what they have counted.
const AT_ONCE: usize = 16;
/// Searches under way at once: most of the time they wait.
const SEARCHES: usize = 64;
/// How long a node may take to say what it has counted.
const PATIENCE: Duration = Duration::from_secs(2);

/// A search without an end for so long is given up.
const LONGEST: Duration = Duration::from_secs(120);

/// Has members share `count` new items. The record hears of each from the node.
pub(super) async fn share(lab: &Arc<Lab>, overlay: usize, count: u32) {
    let overlay = &lab.topology.overlays[overlay].name;
    let members = lab.nodes.members(overlay);
    let turns = lab.with_keys(overlay, |keys| keys.items.fresh(count, members.len()));
    let shares = stream::iter(turns).map(|Turn { item, member }| {
        let host = members[member].clone();
        async move { lab.nodes.ask(overlay, &host, |token| Command::Share { token, name: item }).await }
    });
    shares.buffer_unordered(AT_ONCE).for_each(|_| std::future::ready(())).await;
}

/// Has these hosts, or all members, search `count` times for items of `of`; the record hears of each search from the
/// node, and here what all of them have cost.
pub(super) async fn search(lab: &Arc<Lab>, overlay: usize, of: usize, count: u32, from: &[NodeId]) {
    let reached: Vec<_> = lab.topology.reached(overlay).into_iter().collect();
    let (begun, before) = (Instant::now(), spent(lab, &reached).await);
    let members = lab.askers(overlay, from);
    let overlay = &lab.topology.overlays[overlay].name;
    let turns = lab.with_keys(&lab.topology.overlays[of].name, |keys| keys.items.searches(count, members.len()));
    let searches = stream::iter(turns).map(|Turn { item, member }| {
        let host = members[member].clone();
        async move {
            let command = |token| Command::Search { token, words: item };
            lab.nodes.ask_within(LONGEST, overlay, &host, command).await
        }
    });
    let ended = searches.buffer_unordered(SEARCHES).filter(|answer| std::future::ready(answer.is_some())).count().await;
    let Spent { messages, heard } = spent(lab, &reached).await - before;
    let (seconds, ended) = (begun.elapsed().as_secs_f64(), ended as u32);
    lab.recorder.now(What::Search { overlay: overlay.clone(), asked: count, ended, messages, heard, seconds });
}

/// What searches have cost all members of these overlays so far.
pub(super) async fn spent(lab: &Arc<Lab>, overlays: &[usize]) -> Spent {
    let mut members = Vec::new();
    for overlay in overlays {
        let name = &lab.topology.overlays[*overlay].name;
        members.extend(lab.nodes.members(name).into_iter().map(|host| (name.clone(), host)));
    }
    let digests = stream::iter(members).map(|(overlay, host)| async move {
        timeout(PATIENCE, lab.nodes.digest(&overlay, &host)).await.ok().flatten()
    });
    let each = digests.buffer_unordered(AT_ONCE).filter_map(std::future::ready);
    each.fold(Spent::default(), |sum, digest| std::future::ready(sum + digest.spent)).await
}
