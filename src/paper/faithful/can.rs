//! CAN: how even zones are, and how long paths are through them.

use std::collections::BTreeMap;

use super::common::{mean, options, percents, seeds, share};
use super::sheet::{Published, Sheet};
use crate::overlay::id::Id;
use crate::paper::Setup;
use crate::paper::claim::Test;
use crate::paper::estimate::{Estimate, shown};
use crate::paper::figure::bars;
use crate::paper::page::{Page, Source, Table, number};
use crate::paper::runs::in_parallel;
use crate::sim::{SETTLE_ROUNDS, World};

/// A joiner's zone: a half of the one its point lies in; of the largest around that, as the holder knows it (as
/// published); the same asked on by the holder of the larger zone, and so on.
const PARTITIONINGS: [&str; 3] = ["random", "uniform-once", "uniform"];
/// Doublings of a share V of the space that are told apart: less than V/4, …, more than 8 V.
const SIZES: [&str; 7] = ["V/8 or less", "V/4", "V/2", "V", "2V", "4V", "8V or more"];

/// One run.
struct Space {
    hops: Option<f64>,
    bad: usize,
    /// Members whose zones have this share of the space, by [`SIZES`].
    volumes: [usize; 7],
    members: usize,
    largest: f64,
}

pub(super) struct Zones {
    by_kind: BTreeMap<(u64, usize), Vec<Space>>,
    nodes: usize,
}

pub(super) fn run(setup: &Setup) -> Zones {
    // A power of two: only then can all zones be alike.
    let nodes = setup.pick(1024, 64);
    let kinds = [2, 4].into_iter().flat_map(|d| (0..PARTITIONINGS.len()).map(move |p| (d, p)));
    let jobs: Vec<((u64, usize), u64)> =
        kinds.flat_map(|kind| seeds(setup.seed, setup.pick(20, 2)).map(move |seed| (kind, seed))).collect();
    let count = setup.pick(2000, 400);
    let ran = in_parallel(&jobs, |((dimensions, partitioning), seed)| {
        let mut options = options(nodes, "can", *seed);
        options.protocol =
            options.protocol.with("dimensions", *dimensions).with("partitioning", PARTITIONINGS[*partitioning]);
        let mut world = World::new(&options);
        world.join_all();
        world.run_for(options.stabilize_every * (SETTLE_ROUNDS / 2));
        let volumes = volumes(&world);
        let lookups = world.lookups(count);
        let mut sizes = [0; 7];
        volumes.iter().for_each(|v| sizes[((v * nodes as f64).log2().round() as i32 + 3).clamp(0, 6) as usize] += 1);
        Space {
            hops: lookups.hops.map(|hops| hops.mean),
            bad: lookups.wrong + lookups.failed,
            volumes: sizes,
            members: volumes.len(),
            largest: volumes.iter().copied().fold(0.0, f64::max) * nodes as f64,
        }
    });
    let mut by_kind: BTreeMap<(u64, usize), Vec<Space>> = BTreeMap::new();
    jobs.iter().zip(ran).for_each(|((kind, _), space)| by_kind.entry(*kind).or_default().push(space));
    Zones { by_kind, nodes }
}

/// Which share of the space each member has.
fn volumes(world: &World) -> Vec<f64> {
    let of = |zones: &[(Id, Id)]| zones.iter().map(|(first, last)| first.to(*last) as f64 / 2f64.powi(128)).sum();
    let members = world.members().iter().filter_map(|host| world.node(*host));
    members.map(|node| of(&node.neighbors().zones)).collect()
}

fn formula(dimensions: u64, nodes: usize) -> f64 {
    let d = dimensions as f64;
    d / 4.0 * (nodes as f64).powf(1.0 / d)
}

/// Share of members whose zone has a volume of 1/N.
fn even(space: &Space) -> Option<f64> {
    share(space.volumes[3], space.members)
}

impl Zones {
    fn of(&self, kind: (u64, usize), value: impl Fn(&Space) -> Option<f64>) -> Option<Estimate> {
        mean(self.by_kind.get(&kind)?, value)
    }

    pub(super) fn compare(&self, sheet: &mut Sheet, page: &mut Page) {
        let paper = "CAN, SIGCOMM 2001, section 2.2";
        for (p, partitioning) in PARTITIONINGS.iter().enumerate() {
            let tests: Vec<Test> = [2, 4]
                .into_iter()
                .map(|d| {
                    let what = format!("CAN: mean path, {} nodes, d = {d}, `{partitioning}`", self.nodes);
                    let published = Published::remembered(what, formula(d, self.nodes), paper);
                    sheet.near(published, self.of((d, p), |space| space.hops), 0.1)
                })
                .collect();
            let says = format!("CAN's paths have (d/4)·N^(1/d) hops, zones by `{partitioning}`");
            page.judge(&says, tests, "the formula is for equal zones");
        }
        let paper = "CAN, SIGCOMM 2001, section 3.7 (2^16 nodes)";
        let volume = |sheet: &mut Sheet, p: usize, value| {
            let what =
                format!("CAN: nodes with a zone of volume V, {} nodes, d = 4, `{}`", self.nodes, PARTITIONINGS[p]);
            sheet.near(Published::remembered(what, value, paper), self.of((4, p), even), 0.15)
        };
        let tests = vec![volume(sheet, 0, 0.4), volume(sheet, 1, 0.9)];
        page.judge("CAN: 40 % of nodes have zones of volume V, and 90 % with uniform partitioning", tests, "");
    }

    pub(super) fn show(&self, page: &mut Page) {
        page.heading("CAN: zones and paths");
        page.text(
            "V is the space divided by the number of nodes. `random`: a joiner gets a half of the zone in which its point \
             lies. `uniform-once`: the holder of that zone compares it with its neighbors' once, and the largest is \
             halved, which is the paper's uniform partitioning. `uniform`, what anybed does unless told otherwise: the \
             holder of the larger zone compares in turn, up to eight times; that is beyond the paper, and the reason why \
             it meets the formula as if zones were equal.",
        );
        let header: Vec<&str> =
            ["d", "partitioning", "runs", "(d/4)·N^(1/d)", "hops", "wrong or failed", "largest zone / V"]
                .into_iter()
                .chain(SIZES)
                .collect();
        let caption = format!("CAN, {} nodes: paths, and the share of nodes with zones of these volumes", self.nodes);
        let mut table = Table::new("zones", &caption, Source::Simulated, &header);
        let mut groups = Vec::new();
        for ((d, p), spaces) in &self.by_kind {
            let shares: Vec<Option<Estimate>> =
                (0..7).map(|size| mean(spaces, |s| share(s.volumes[size], s.members))).collect();
            let cells = [
                d.to_string(),
                PARTITIONINGS[*p].to_owned(),
                spaces.len().to_string(),
                number(formula(*d, self.nodes), 2),
                shown(mean(spaces, |s| s.hops), 2),
                spaces.iter().map(|s| s.bad).sum::<usize>().to_string(),
                shown(mean(spaces, |s| Some(s.largest)), 1),
            ];
            table.row(cells.into_iter().chain(shares.iter().map(|share| percents(*share))));
            if *d == 4 {
                groups.push(shares);
            }
        }
        page.table(table);
        let bar = |size: usize| groups.iter().map(|shares| shares[size].map_or(0.0, |s| s.value)).collect();
        let groups: Vec<(String, Vec<f64>)> =
            SIZES.iter().enumerate().map(|(i, name)| ((*name).to_owned(), bar(i))).collect();
        let caption = "Volumes of zones, as the paper's figure on uniform partitioning has them (d = 4)";
        page.figure(bars("volumes", caption, Source::Simulated, "share of nodes", &PARTITIONINGS, &groups));
    }
}
