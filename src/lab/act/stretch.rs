//! How much farther than the nearest member clients are from the one that anycast gives them: echoes from every
//! client to a group's address, and to each member that announces it.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use std::time::Duration;

use anyhow::Result;

use crate::kernel::now;
use crate::kernel::ping::Pinger;
use crate::lab::Lab;
use crate::lab::walk::{PathEnd, Walker};
use crate::record::What;
use crate::scenario::acts::stretched_groups;
use crate::topology::{GroupId, NodeId, NodeKind};

/// Echoes of each client to each address.
const ROUNDS: usize = 10;
/// All echoes of a group are to be sent within this time, and none sooner than `GAP` after the one before; with
/// more echoes than fit, several are sent at once.
const BUDGET: Duration = Duration::from_secs(5);
const GAP: Duration = Duration::from_millis(1);
/// How long an echo may take besides the delays of the links.
const PATIENCE: Duration = Duration::from_secs(1);

/// Measures the groups and records what it finds.
pub(super) async fn stretch(lab: &Lab, group: Option<GroupId>) {
    for group in stretched_groups(group, &lab.topology) {
        if let Err(error) = measure(lab, group).await {
            lab.fail(format!("stretch: {error:#}"));
        }
    }
}

async fn measure(lab: &Lab, id: GroupId) -> Result<()> {
    let begun = now();
    let group = &lab.topology.groups[id.0];
    let name = |node: NodeId| lab.topology.node(node).name.clone();
    let clients: Vec<NodeId> = lab.topology.of_kind(|k| k == NodeKind::Client).collect();
    let announcing = group.members.iter().copied().filter(|m| lab.nodes.is_announced(&name(*m), &group.name));
    let members: Vec<NodeId> = announcing.collect();
    let targets: Vec<IpAddr> =
        std::iter::once(group.addresses[0]).chain(members.iter().map(|m| lab.address(*m))).collect();
    let damage = lab.damage.lock().await.clone();
    let sources = clients.iter().map(|c| (lab.network.namespace(*c).clone(), lab.address(*c))).collect();
    let pinger = Pinger::open(lab.network.stepper(), sources).await?;
    // Client by client within a target: two echoes at once are seldom of the same client.
    let round = || targets.iter().flat_map(|target| (0..clients.len()).map(|client| (client, *target)));
    let echoes: Vec<_> = (0..ROUNDS).flat_map(|_| round()).collect();
    let burst = (echoes.len() as f64 * GAP.as_secs_f64() / BUDGET.as_secs_f64()).ceil().max(1.0) as usize;
    let times = pinger.ping_in_bursts(echoes, burst, GAP, PATIENCE + lab.longest_delay(&damage)).await?;
    // As many values as there are rounds, by target and client.
    let of = |target: usize, client: usize| -> Vec<Option<u64>> {
        times.chunks(targets.len() * clients.len()).map(|round| round[target * clients.len() + client]).collect()
    };
    let mut walker = Walker::new(lab, &damage).await?;
    let hosts: BTreeSet<NodeId> = group.members.iter().copied().collect();
    for (index, client) in clients.iter().enumerate() {
        let path = walker.follow(*client, group.addresses[0]).await?;
        let end = path.last(*client);
        let site = (path.end == PathEnd::Arrives && hosts.contains(&end)).then(|| name(end));
        let members: BTreeMap<_, _> =
            members.iter().enumerate().map(|(i, member)| (name(*member), of(i + 1, index))).collect();
        let (group, client, anycast) = (group.name.clone(), name(*client), of(0, index));
        lab.recorder.at(begun, What::Stretch { group, client, site, anycast, members });
    }
    Ok(())
}
