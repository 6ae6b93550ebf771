//! Part of the network is cut off with members in it, with servers or without, and comes back.

use anyhow::{Context, Result};

use crate::anycast::Infrastructure;
use crate::measure;
use crate::paper::Setup;
use crate::paper::claim::Test;
use crate::paper::estimate::{Estimate, shown};
use crate::paper::four_ways::{FourWays, OVERLAY, list};
use crate::paper::joining::attempts::{Attempt, attempts};
use crate::paper::page::{Page, Source, Table};
use crate::paper::runs::in_parallel;
use crate::record::Record;

/// Stubs with members, and how many.
const STUBS: [(&str, usize); 4] = [("campus", 6), ("puget", 4), ("bay", 4), ("lakes", 4)];
/// Stubs without.
const OTHERS: [&str; 2] = ["gulf", "capital"];
const HOLD: &str = "9s";
/// Of these each joins during the partition: of every part some.
const LATE: [&str; 8] =
    ["campus.n5", "lakes.n4", "puget.n4", "campus.n6", "lakes.n3", "bay.n4", "puget.n3", "campus.n4"];
const CUT: f64 = 5.0;
const BACK: f64 = 11.0;
/// In a lab routes have to come back first, then members ask.
const END: f64 = 30.0;
const FIRST: f64 = 0.3;
const APART: f64 = 0.4;
/// Members ask for a random one so often.
const HEAL: f64 = 2.0;
/// Twice that, and the longest lease of those that there are: PIAS's.
const HEALED: f64 = 2.0 * HEAL + 6.0;
/// Share of joins, or of runs.
const MOST: f64 = 0.8;
const FEW: f64 = 0.1;

/// Who is cut off, and where servers are.
struct Part {
    name: &'static str,
    servers: &'static [&'static str],
    does: &'static str,
    undoes: &'static str,
    /// Stubs of the part that is cut off.
    inside: &'static [&'static str],
}

const PARTS: [Part; 3] = [
    Part {
        name: "a stub with a server",
        servers: &["campus", "lakes", "gulf", "capital"],
        does: "fail campus",
        undoes: "recover campus",
        inside: &["campus"],
    },
    Part {
        name: "a stub without one",
        servers: &["puget", "lakes", "gulf", "capital"],
        does: "fail campus",
        undoes: "recover campus",
        inside: &["campus"],
    },
    Part {
        name: "half of the servers",
        servers: &["puget", "bay", "lakes", "capital"],
        does: "partition sea sun los puget bay",
        undoes: "heal sea sun los puget bay",
        inside: &["puget", "bay"],
    },
];
const WITH: usize = 0;
const WITHOUT: usize = 1;
const HALVES: usize = 2;

/// Joins that were begun in one part during the partition.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
struct Joins {
    begun: usize,
    /// Before it ended.
    served: usize,
    /// Of these, by a member of the same part.
    own: usize,
    slowest: f64,
}

struct Run {
    kind: Infrastructure,
    part: usize,
    inside: Joins,
    outside: Joins,
    /// Seconds from its end until all were one island. `None`: not within the play.
    merged: Option<f64>,
}

pub(super) struct Parted {
    labs: Vec<Run>,
    simulated: Vec<Run>,
}

pub(super) fn measure(setup: &Setup, page: &mut Page) -> Result<Parted> {
    page.heading("The network is parted");
    let kinds: Vec<Infrastructure> = Infrastructure::all().filter(|kind| kind.server.is_some()).collect();
    let mut jobs = Vec::new();
    for kind in &kinds {
        for part in 0..PARTS.len() {
            jobs.extend(setup.seeds(20, 2).map(|seed| (*kind, part, seed)));
        }
    }
    setup.say(&format!("{} partitions in the simulated network", jobs.len()));
    let playing = &setup.labs;
    let simulated = in_parallel(&jobs, |(kind, part, seed)| {
        let name = format!("parted-{}-{part}-{seed}", kind.name);
        let record = playing.seeded(*seed).simulated(&name, &text(*kind, *part)?)?;
        Run::of(&record, *kind, *part)
    });
    let simulated = simulated.into_iter().collect::<Result<Vec<_>>>()?;
    let mut labs = Vec::new();
    // Of those whose servers keep no ring and no block: the full view of OASIS is what half of it can do.
    for kind in kinds.into_iter().filter(|kind| kind.server.as_ref().is_some_and(|s| s.places) && !setup.quick) {
        for seed in setup.seeds(3, 0) {
            setup.say(&format!("half of the servers of {} are cut off, in namespaces, seed {seed}", kind.title));
            let name = format!("parted-{}-{HALVES}-{seed}-lab", kind.name);
            let playing = setup.labs.seeded(seed);
            playing.play(&name, &text(kind, HALVES)?, &[])?;
            labs.push(Run::of(&playing.record(&name)?, kind, HALVES)?);
        }
    }
    let parted = Parted { labs, simulated };
    parted.show(page);
    Ok(parted)
}

fn text(kind: Infrastructure, part: usize) -> Result<String> {
    let part = &PARTS[part];
    let mut lab = FourWays::over(kind, "parted", END)?;
    let mut members = Vec::new();
    for (stub, count) in STUBS.into_iter().chain(OTHERS.map(|stub| (stub, 0))) {
        let mut hosts: Vec<String> = (1..=count).map(|n| format!("n{n}")).collect();
        members.extend(hosts.iter().map(|host| format!("{stub}.{host}")));
        // No stub is empty; a host without a server does nothing.
        if part.servers.contains(&stub) || hosts.is_empty() {
            hosts.push("s".to_owned());
        }
        lab.stub(stub, &hosts, HOLD)?;
    }
    let servers: Vec<String> = part.servers.iter().map(|stub| format!("{stub}.s")).collect();
    lab.set("infrastructure", "hosts", list(&servers))?;
    lab.set("overlay", "members", list(&members))?;
    lab.set("overlay", "healing", "random-peer")?;
    lab.set("overlay", "heal_every", format!("{HEAL}s"))?;
    lab.set("overlay", "lookups_per_second", 0)?;
    let early: Vec<String> = members.into_iter().filter(|member| !LATE.contains(&member.as_str())).collect();
    lab.act(0.0, format!("join {} in {OVERLAY}", early.join(" ")), Some(2.5));
    lab.act(CUT, part.does, None);
    for (n, host) in LATE.into_iter().enumerate() {
        lab.act(CUT + FIRST + n as f64 * APART, format!("join {host} in {OVERLAY}"), None);
    }
    lab.act(BACK, part.undoes, None);
    Ok(lab.text())
}

impl Joins {
    fn of<'a>(joins: impl Iterator<Item = &'a Attempt>, is_own: impl Fn(&str) -> bool) -> Self {
        let mut found = Self::default();
        for join in joins {
            found.begun += 1;
            let (Some(at), Some(by)) = (join.joined.filter(|at| *at < BACK), &join.served_by) else { continue };
            found.served += 1;
            found.own += usize::from(is_own(by));
            found.slowest = found.slowest.max(at - join.begun);
        }
        found
    }
}

impl Run {
    fn of(record: &Record, kind: Infrastructure, part: usize) -> Result<Self> {
        let is_inside = |host: &str| PARTS[part].inside.contains(&host.split('.').next().unwrap_or(host));
        let joins = attempts(record, OVERLAY);
        let during = |inside: bool| {
            joins.iter().filter(move |j| j.begun >= CUT && j.begun < BACK && is_inside(&j.host) == inside)
        };
        let report = measure::report(record);
        let overlay = report.overlays.get(OVERLAY).context("the lab has no such overlay")?;
        Ok(Self {
            kind,
            part,
            inside: Joins::of(during(true), is_inside),
            outside: Joins::of(during(false), |host| !is_inside(host)),
            merged: overlay.merge_seconds,
        })
    }
}

/// `8 of 9`, and by whom.
fn served(runs: &[&Run], of: fn(&Run) -> Joins) -> [String; 3] {
    let sum = |count: fn(&Joins) -> usize| runs.iter().map(|run| count(&of(run))).sum::<usize>();
    let slowest = Estimate::mean(runs.iter().map(|run| of(run)).filter(|j| j.served > 0).map(|j| j.slowest));
    let (begun, served) = (sum(|j| j.begun), sum(|j| j.served));
    [format!("{served} of {begun}"), format!("{} of {served}", sum(|j| j.own)), shown(slowest, 2)]
}

fn merged(runs: &[&Run]) -> String {
    let seconds = Estimate::mean(runs.iter().filter_map(|run| run.merged));
    let count = runs.iter().filter(|run| run.merged.is_some()).count();
    format!("{count} of {}: {}", runs.len(), shown(seconds, 1))
}

impl Parted {
    fn of(runs: &[Run], kind: Infrastructure, part: usize) -> Vec<&Run> {
        runs.iter().filter(|run| run.kind == kind && run.part == part).collect()
    }

    fn show(&self, page: &mut Page) {
        page.text(format!(
            "18 hosts in four stubs, ten of them members before the partition. At {CUT} s a stub with six of them is cut off, \
             or the two stubs and three routers of the west with half of the servers. {} hosts join meanwhile, in both \
             parts. At {BACK} s all is mended. Members ask their infrastructure for a random member every {HEAL} s, which is \
             how islands find each other. *Served*: joins begun during the partition that were over before its end. *By their \
             own part*: of these, by a member on the same side. *Slowest*: mean over the runs of the longest join, seconds. \
             *One island*: runs in which all were one again, and after how many seconds. In the simulated network anycast \
             knows at once who can be reached.",
            LATE.len()
        ));
        let header = [
            "by",
            "cut off",
            "served inside",
            "by their own part",
            "slowest, s",
            "served outside",
            "by their own part",
            "slowest, s",
            "one island",
        ];
        for (name, caption, source, runs) in [
            ("parted-labs", "Half of the servers are cut off, in namespaces", Source::Lab, &self.labs),
            ("parted", "Part of the network is cut off", Source::Simulated, &self.simulated),
        ] {
            let mut table = Table::new(name, caption, source, &header);
            for kind in Infrastructure::all() {
                for (part, Part { name, .. }) in PARTS.iter().enumerate() {
                    let runs = Self::of(runs, kind, part);
                    if !runs.is_empty() {
                        let [a, b, c] = served(&runs, |run| run.inside);
                        let [d, e, f] = served(&runs, |run| run.outside);
                        table.row([kind.title.into(), (*name).to_owned(), a, b, c, d, e, f, merged(&runs)]);
                    }
                }
            }
            if !table.rows.is_empty() {
                page.table(table);
            }
        }
    }

    pub(super) fn judge(&self, page: &mut Page) {
        for kind in Infrastructure::all().filter(|kind| kind.server.is_some()) {
            let share = |part: usize, of: fn(&Run) -> Joins, count: fn(&Joins) -> usize, all: fn(&Joins) -> usize| {
                let runs = Self::of(&self.simulated, kind, part);
                let sum = |count: fn(&Joins) -> usize| runs.iter().map(|run| count(&of(run))).sum::<usize>();
                Estimate::share(sum(count), sum(all))
            };
            let served = |part, of| share(part, of, |j| j.served, |j| j.begun);
            let own = |part, of| share(part, of, |j| j.own, |j| j.served);
            let in_labs = Self::of(&self.labs, kind, HALVES);
            let told = if in_labs.is_empty() {
                "simulated".to_owned()
            } else {
                let [inside, by, _] = self::served(&in_labs, |run| run.inside);
                let [outside, others, _] = self::served(&in_labs, |run| run.outside);
                format!("in labs {inside} and {outside} joins were served, {by} and {others} by their own half")
            };
            page.judge(
                &format!("{}: when half of its servers are cut off, both halves go on answering", kind.title),
                vec![
                    Test::at_least("joins that are served in the one half", served(HALVES, |r| r.inside), MOST),
                    Test::at_least("by its own members", own(HALVES, |r| r.inside), MOST),
                    Test::at_least("joins that are served in the other", served(HALVES, |r| r.outside), MOST),
                    Test::at_least("by its own members", own(HALVES, |r| r.outside), MOST),
                ],
                told,
            );
            page.judge(
                &format!("{}: an island finds its own members if it has a server, and nobody if not", kind.title),
                vec![
                    Test::at_least("joins served in a stub with a server", served(WITH, |r| r.inside), MOST),
                    Test::at_most("in a stub without one", served(WITHOUT, |r| r.inside), FEW),
                ],
                "",
            );
            let healed = |part: usize| {
                let runs = Self::of(&self.simulated, kind, part);
                let count = runs.iter().filter(|run| run.merged.is_some_and(|seconds| seconds <= HEALED)).count();
                Estimate::share(count, runs.len())
            };
            page.judge(
                &format!(
                    "{}: islands are one within two rounds of healing and a lease ({HEALED} s), whether the smaller had a \
                     server or not",
                    kind.title
                ),
                vec![
                    Test::at_least("runs, it had one", healed(WITH), MOST),
                    Test::at_least("it had none", healed(WITHOUT), MOST),
                    Test::at_least("half of the servers were cut off", healed(HALVES), MOST),
                ],
                format!(
                    "with a server {}; without {}; halves {} s",
                    merged(&Self::of(&self.simulated, kind, WITH)),
                    merged(&Self::of(&self.simulated, kind, WITHOUT)),
                    merged(&Self::of(&self.simulated, kind, HALVES))
                ),
            );
        }
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::scenario::read_text;
    use crate::topology::Overrides;

    #[test]
    fn every_part_can_be_cut_off() {
        for kind in Infrastructure::all().filter(|kind| kind.server.is_some()) {
            for part in 0..PARTS.len() {
                let lab = text(kind, part).unwrap();
                let (topology, scenario) = read_text(Path::new("parted.toml"), &lab, &Overrides::default()).unwrap();
                assert_eq!(topology.infrastructures[0].hosts.len(), 4);
                assert!(scenario.timeline.iter().any(|entry| entry.action.is_fault()));
            }
        }
    }

    #[test]
    fn who_is_served_after_the_partition_was_not_served_in_it() {
        let join = |joined: f64, by: &str| Attempt {
            host: "campus.n5".into(),
            begun: CUT + 1.0,
            joined: Some(joined),
            served_by: Some(by.into()),
        };
        let all = [join(CUT + 1.5, "campus.n1"), join(CUT + 3.0, "bay.n1"), join(BACK + 1.0, "campus.n1")];
        let found = Joins::of(all.iter(), |host| host.starts_with("campus."));
        assert_eq!(found, Joins { begun: 3, served: 2, own: 1, slowest: 2.0 });
    }
}
