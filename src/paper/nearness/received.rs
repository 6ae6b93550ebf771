//! Overlays with colors in the simulated network: who answered whom.

use std::collections::BTreeMap;
use std::time::Duration;

use super::lists::{Found, judged};
use crate::anycast::{Coloring, Command, Healing};
use crate::overlay::{Protocol, Proximity, Time};
use crate::sim::{Delays, Options, World, settings};

/// Two that joined within this time of each other came together: a join and the announcement that follows it
/// take about as long.
pub(super) const TOGETHER: Duration = Duration::from_secs(5);

/// How nodes come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Arrivals {
    /// The overlay grows by half of itself in 30 s.
    Growing,
    /// One after another, so far apart.
    Apart(Duration),
}

/// What the members of one overlay know from answers.
#[derive(Clone, Copy, Debug)]
pub(super) struct Received {
    pub(super) lists: Found,
    /// Of those who miss their nearest neighbor, the share that joined together with it; of those who have it.
    pub(super) together: [Option<f64>; 2],
}

/// An overlay is built node by node, and each member asks every color but its own once or twice more; judged is who
/// answered last at each. `None`: nobody joined.
pub(super) fn received(
    delays: &Delays,
    nodes: usize,
    colors: u16,
    coloring: Coloring,
    arrivals: Arrivals,
    seed: u64,
) -> Option<Received> {
    let mut options = Options::of(nodes, settings(Protocol::default(), Proximity::None), seed);
    options.network.delays = delays.clone();
    options.colors = colors;
    options.coloring = coloring;
    options.healing = Healing::Colors;
    let mut world = World::new(&options);
    match arrivals {
        Arrivals::Growing => drop(world.join_all()),
        Arrivals::Apart(gap) => {
            for host in 0..nodes {
                world.command(host, Command::Join { found: host == 0 });
                world.run_for(gap);
            }
        }
    }
    world.run_for(options.heal_every * 2);
    let lists = world.members().iter().filter_map(|host| {
        let digest = world.node(*host)?.digest();
        // It asked its own color too, before it was a member.
        let others = digest.heard.iter().filter(|(color, _)| digest.color != Some(*color));
        Some((*host, others.filter_map(|(_, id)| world.host_of(*id)).collect::<Vec<usize>>()))
    });
    let lists: Vec<(usize, Vec<usize>)> = lists.collect();
    let joined: BTreeMap<usize, Time> = world.joins().iter().map(|join| (join.host, join.at)).collect();
    let members: Vec<usize> = world.members().iter().copied().collect();
    let far = |a: usize, b: usize| delays.round_trip(a, b).as_secs_f64();
    let mut counts = [(0, 0); 2];
    for (host, list) in &lists {
        let nearest = members.iter().filter(|o| *o != host).min_by(|a, b| far(*host, **a).total_cmp(&far(*host, **b)));
        let Some((nearest, here, there)) = nearest.and_then(|n| Some((n, joined.get(host)?, joined.get(n)?))) else {
            continue;
        };
        let has = list.iter().any(|o| far(*host, *o) <= far(*host, *nearest));
        let apart = here.0.abs_diff(there.0);
        let (together, all) = &mut counts[usize::from(has)];
        *all += 1;
        *together += usize::from(apart <= TOGETHER);
    }
    let together = counts.map(|(part, all)| (all > 0).then(|| part as f64 / all as f64));
    Some(Received { lists: judged(&lists, &members, far)?, together })
}

/// The rule of [`Coloring::Farthest`] as arithmetic: one node after another, each of which knows at once which color
/// everyone before it has.
pub(super) fn greedy(delays: &Delays, nodes: usize, colors: u16) -> Option<Found> {
    let far = |a: usize, b: usize| delays.round_trip(a, b).as_secs_f64();
    let mut of: Vec<u16> = Vec::with_capacity(nodes);
    for host in 0..nodes {
        let nearest = |color: u16| {
            let those = (0..host).filter(|other| of[*other] == color);
            those.map(|other| far(host, other)).min_by(f64::total_cmp).unwrap_or(f64::INFINITY)
        };
        let farthest = (0..colors).max_by(|a, b| nearest(*a).total_cmp(&nearest(*b)))?;
        of.push(farthest);
    }
    let lists = (0..nodes).map(|host| {
        let answers = (0..colors).filter(|color| *color != of[host]).filter_map(|color| {
            let those = (0..nodes).filter(|other| of[*other] == color);
            those.min_by(|a, b| far(host, *a).total_cmp(&far(host, *b)))
        });
        (host, answers.collect())
    });
    let lists: Vec<(usize, Vec<usize>)> = lists.collect();
    judged(&lists, &(0..nodes).collect::<Vec<usize>>(), far)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_judged_was_received() {
        let delays = Delays::random(40, 1);
        let few = received(&delays, 40, 2, Coloring::Random, Arrivals::Growing, 1).unwrap();
        let many = received(&delays, 40, 16, Coloring::Random, Arrivals::Growing, 1).unwrap();
        assert!(few.lists.recall <= 1.0, "one answer: {few:?}");
        assert!(many.lists.recall > 3.0 && many.lists.nearest > few.lists.nearest, "{few:?} {many:?}");
    }

    #[test]
    fn the_farthest_color_lets_the_nearest_answer() {
        let delays = Delays::random(100, 1);
        assert!(greedy(&delays, 100, 16).unwrap().nearest > 0.95);
    }
}
