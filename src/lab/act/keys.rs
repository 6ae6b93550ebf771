//! Keys that an overlay stores, and that are looked for.

use std::sync::Arc;
use std::time::{Duration, Instant};

use futures_util::StreamExt;
use futures_util::stream;
use tokio::time::timeout;

use super::items::spent;
use crate::anycast::Command;
use crate::lab::Lab;
use crate::overlay::{Answer, Spent};
use crate::record::What;
use crate::scenario::keys::{Keys, Write};
use crate::topology::NodeId;

/// Puts and gets under way at once.
const AT_ONCE: usize = 16;
/// A put or get without an outcome for this long has failed.
const PATIENCE: Duration = Duration::from_secs(10);

/// Stores `count` new keys through members in turn, and records how many were acknowledged.
pub(super) async fn put(lab: &Arc<Lab>, overlay: usize, count: u32) {
    let overlay = &lab.topology.overlays[overlay].name;
    let begun = Instant::now();
    let (stored, failed) =
        store(lab, overlay, lab.with_keys(overlay, |k| k.fresh(count)), &lab.nodes.members(overlay)).await;
    let seconds = begun.elapsed().as_secs_f64();
    lab.recorder.now(What::Put { overlay: overlay.clone(), stored, failed, seconds });
}

/// Stores other values for the first `count` keys, through those of the hosts that are members, or all that are.
pub(super) async fn overwrite(lab: &Arc<Lab>, overlay: usize, count: u32, from: &[NodeId]) {
    let overlay = &lab.topology.overlays[overlay].name;
    let begun = Instant::now();
    let mut members = lab.nodes.members(overlay);
    members.retain(|m| from.is_empty() || from.iter().any(|host| lab.topology.node(*host).name == *m));
    let (stored, failed) = store(lab, overlay, lab.with_keys(overlay, |k| k.again(count)), &members).await;
    let seconds = begun.elapsed().as_secs_f64();
    lab.recorder.now(What::Overwrite { overlay: overlay.clone(), stored, failed, seconds });
}

/// How many were acknowledged, and how many not.
async fn store(lab: &Arc<Lab>, overlay: &str, writes: Vec<Write>, members: &[String]) -> (u32, u32) {
    let count = writes.len() as u32;
    let outcomes = stream::iter(writes.into_iter().enumerate()).map(|(index, write)| {
        let host = in_turn(members, index);
        async move {
            let command = |token| Command::Put { token, key: write.key.clone(), value: write.value.clone() };
            let outcome = timeout(PATIENCE, lab.nodes.ask(overlay, &host?, command)).await.ok()??;
            matches!(outcome, Answer::Put { stored: true, .. }).then_some(write)
        }
    });
    let stored: Vec<Write> = outcomes.buffered(AT_ONCE).filter_map(std::future::ready).collect().await;
    let acknowledged = stored.len() as u32;
    lab.with_keys(overlay, |keys| stored.into_iter().for_each(|write| keys.acknowledged(write)));
    (acknowledged, count - acknowledged)
}

/// Fetches every key stored in an overlay by asking one, this or another, and records which were not found; and what that
/// has cost, where keys have no owners.
pub(super) async fn audit(lab: &Arc<Lab>, overlay: usize, through: usize, from: &[NodeId]) {
    let reached: Vec<usize> = lab.topology.reached(through).into_iter().collect();
    let searches = !lab.topology.overlays[overlay].settings.protocol.is_keyed();
    let before = if searches { spent(lab, &reached).await } else { Spent::default() };
    let members = lab.askers(through, from);
    let [overlay, through] = [overlay, through].map(|index| &lab.topology.overlays[index].name);
    let begun = Instant::now();
    let keys = lab.with_keys(overlay, |keys| keys.stored());
    let asked = keys.len() as u32;
    let outcomes = stream::iter(keys.into_iter().enumerate()).map(|(index, Write { key, value: right, .. })| {
        // A stride that differs from the put's, so that few keys are asked of the node that stored them.
        let host = in_turn(&members, index * 7 + 3);
        async move {
            let command = |token| Command::Get { token, key: key.clone() };
            let outcome = match host {
                Some(host) => timeout(PATIENCE, lab.nodes.ask(through, &host, command)).await.ok().flatten(),
                None => None,
            };
            let Some(Answer::Got { value: Some(value), others, .. }) = outcome else { return (key, false, false) };
            (key, value == right || others.contains(&right), !others.is_empty())
        }
    });
    let results: Vec<(String, bool, bool)> = outcomes.buffered(AT_ONCE).collect().await;
    let found = results.iter().filter(|(_, found, _)| *found).count() as u32;
    let conflicts = results.iter().filter(|(.., conflict)| *conflict).count() as u32;
    let missing = results.into_iter().filter(|(_, found, _)| !found).map(|(key, ..)| key).collect();
    let seconds = begun.elapsed().as_secs_f64();
    lab.recorder.now(What::Audit { overlay: overlay.clone(), found, missing, conflicts, seconds });
    if searches {
        let Spent { messages, heard } = spent(lab, &reached).await - before;
        let overlay = overlay.clone();
        lab.recorder.now(What::Search { overlay, asked, ended: asked, messages, heard, seconds });
    }
}

impl Lab {
    /// Who asks an overlay: these hosts, whether they have joined or not, or all that have.
    pub(super) fn askers(&self, overlay: usize, from: &[NodeId]) -> Vec<String> {
        if from.is_empty() {
            return self.nodes.members(&self.topology.overlays[overlay].name);
        }
        from.iter().map(|host| self.topology.node(*host).name.clone()).collect()
    }

    pub(super) fn with_keys<T>(&self, overlay: &str, of: impl FnOnce(&mut Keys) -> T) -> T {
        let mut keys = self.keys.lock().expect("no holder of the keys panics");
        of(keys.entry(overlay.to_owned()).or_default())
    }
}

fn in_turn(members: &[String], index: usize) -> Option<String> {
    (!members.is_empty()).then(|| members[index % members.len()].clone())
}
