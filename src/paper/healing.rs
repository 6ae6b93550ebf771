//! Section 4.3: whether, how soon and at what cost islands find each other again.

use std::time::Duration;

use anyhow::Result;

use super::Setup;
use super::figure::bars;
use super::meeting::{epochs, one_link, small_islands};
use super::outage::{Course, Outage, Played, played};
use super::page::{Finding, Page, Source, Table, number, percent};
use crate::anycast::Healing;
use crate::overlay::Protocol;

const STUB_FAILURE: &str = include_str!("../../topologies/stub-failure.toml");

pub(super) const WAYS: [(&str, Healing); 6] = [
    ("none", Healing::None),
    ("remembered-peers", Healing::RememberedPeers),
    ("well-known", Healing::WellKnown),
    ("colors", Healing::Colors),
    ("rendezvous", Healing::Rendezvous),
    ("colors+rendezvous", Healing::ColorsAndRendezvous),
];

/// What was found in all runs of one kind.
struct Found {
    way: &'static str,
    sizes: &'static [usize],
    outage: Duration,
    runs: Vec<Played>,
}

impl Found {
    fn merged(&self) -> usize {
        self.runs.iter().filter(|r| r.seconds.is_some()).count()
    }

    /// Median of those that merged.
    fn median(&self, of: impl Fn(&Played) -> Option<f64>) -> Option<f64> {
        let mut all: Vec<f64> = self.runs.iter().filter_map(of).collect();
        all.sort_by(f64::total_cmp);
        crate::measure::quantile(&all, 0.5)
    }

    fn sum(&self, of: impl Fn(&Played) -> usize) -> usize {
        self.runs.iter().map(of).sum()
    }
}

pub(super) fn measure(setup: &Setup) -> Result<Page> {
    let mut page = Page::new("4.3", "System partitioning");
    page.text(format!(
        "Islands are clusters of nodes: a few milliseconds within, some tens between. They are cut off from one another, \
         repair themselves, and are connected again; *merged* means one overlay in which each node has the right \
         neighbors. Colors: {} of them, each asked every {} s. Rendezvous: epochs of {} s, pauses of {} s. Peers that failed \
         are remembered for {} s. Rounds of stabilization: {} s. With *well-known*, one node of the first island is.",
        Course::COLORS,
        Course::HEAL_EVERY.as_secs(),
        Course::EPOCH.as_secs(),
        Course::LISTEN.as_secs(),
        Course::REMEMBER.as_secs(),
        Course::STABILIZE.as_secs(),
    ));
    let labs = in_labs(setup, &mut page)?;
    let matrix = matrix(setup, &mut page);
    let links = one_link(setup, &mut page);
    let small = small_islands(setup, &mut page);
    let epochs = epochs(setup, &mut page);
    let others = other_protocols(setup, &mut page);
    claims(&mut page, &labs, &matrix, &links, &small, &epochs, &others);
    Ok(page)
}

/// A stub of six fails and comes back in a lab: way, seconds to merge, BGP updates, keys missing.
struct InLab {
    way: &'static str,
    merge_seconds: Option<f64>,
    updates: Option<usize>,
    wrong: usize,
    failed: usize,
    missing: usize,
}

fn in_labs(setup: &Setup, page: &mut Page) -> Result<Vec<InLab>> {
    page.heading("In namespaces");
    page.text(
        "The lab file `stub-failure`: 24 members in six stubs on the Abilene backbone; the campus with six of them fails \
         for nine seconds and recovers, with real BGP. Colors: 16, asked every 5 s; epochs of 8 s with pauses of 1 s. BGP \
         updates are those of the whole run, counted by BIRD on every node.",
    );
    let header = ["healing", "merged after", "BGP updates", "lookups wrong", "lookups failed", "keys missing"];
    let mut table = Table::new("labs", "A stub fails and comes back, in namespaces", Source::Lab, &header);
    let mut found = Vec::new();
    for (way, healing) in WAYS.into_iter().filter(|(way, _)| !setup.quick || *way == "colors+rendezvous") {
        setup.say(&format!("a stub fails and comes back in namespaces: {way}"));
        let mut set: Vec<(&str, toml_edit::Value)> = vec![("healing", way.into())];
        if healing.has_rendezvous() {
            set.extend([("rendezvous_epoch", "8s".into()), ("rendezvous_listen", "1s".into())]);
        }
        if healing == Healing::WellKnown {
            set.push(("well_known", ["puget.n1"].into_iter().collect::<toml_edit::Array>().into()));
        }
        let report = setup.labs.play(&format!("stub-failure-{way}"), STUB_FAILURE, &set)?;
        let Some(music) = report.overlays.get("music") else { continue };
        let one = InLab {
            way,
            merge_seconds: music.merge_seconds,
            updates: report.updates.as_ref().map(|u| u.messages),
            wrong: music.lookups.total.wrong,
            failed: music.lookups.total.failed,
            missing: music.keys.audits.last().map_or(0, |a| a.missing.len()),
        };
        table.row([
            way.to_owned(),
            one.merge_seconds.map_or("never".into(), |s| format!("{} s", number(s, 1))),
            one.updates.map_or("–".into(), |u| u.to_string()),
            one.wrong.to_string(),
            one.failed.to_string(),
            one.missing.to_string(),
        ]);
        found.push(one);
    }
    page.table(table);
    Ok(found)
}

fn matrix(setup: &Setup, page: &mut Page) -> Vec<Found> {
    page.heading("Every way of healing, in the simulated network");
    let splits: Vec<&'static [usize]> = setup.pick(vec![&[58, 6], &[32, 32], &[22, 21, 21]], vec![&[10, 3]]);
    let outages = setup.pick(vec![120, 1800], vec![120]);
    let seeds = setup.pick(3, 1);
    let mut courses = Vec::new();
    for &sizes in &splits {
        for outage in &outages {
            for renumbered in setup.pick(vec![false, true], vec![false]) {
                for (way, healing) in WAYS {
                    let outage = Outage { sizes, length: Duration::from_secs(*outage), renumbered };
                    courses.push((way, Course { healing, outage, ..Course::new(Protocol::default()) }));
                }
            }
        }
    }
    setup.say(&format!("{} outages in the simulated network, {seeds} seeds each", courses.len()));
    let runs = played(courses.iter().flat_map(|(_, c)| (0..seeds).map(|s| (*c, setup.seed + s))).collect());
    let header = [
        "islands",
        "outage",
        "renumbered",
        "healing",
        "merged",
        "after (median)",
        "messages/node",
        "lookups wrong",
        "failed",
        "keys lost",
    ];
    let mut table =
        Table::new("matrix", "Outages of Chord, all runs of each kind together", Source::Simulated, &header);
    let mut found = Vec::new();
    for ((way, course), runs) in courses.iter().zip(runs.chunks(seeds as usize)) {
        let Outage { sizes, length: outage, renumbered } = course.outage;
        let one = Found { way, sizes, outage, runs: runs.to_vec() };
        table.row([
            sizes.iter().map(usize::to_string).collect::<Vec<_>>().join(" + "),
            format!("{} s", outage.as_secs()),
            if renumbered { "yes" } else { "no" }.to_owned(),
            (*way).to_owned(),
            format!("{} of {}", one.merged(), one.runs.len()),
            one.median(|r| r.seconds).map_or("–".into(), |s| format!("{} s", number(s, 0))),
            one.median(|r| r.messages).map_or("–".into(), |m| number(m, 0)),
            one.sum(|r| r.wrong).to_string(),
            one.sum(|r| r.failed).to_string(),
            one.sum(|r| r.lost).to_string(),
        ]);
        found.push(one);
    }
    let longest = *outages.last().unwrap_or(&120);
    let groups: Vec<(String, Vec<f64>)> = WAYS
        .iter()
        .map(|(way, _)| {
            let of = |sizes: &[usize]| {
                let all = found.iter().filter(|f| f.way == *way && f.sizes == sizes && f.outage.as_secs() == longest);
                let (merged, runs) = all.fold((0, 0), |(m, r), f| (m + f.merged(), r + f.runs.len()));
                merged as f64 / runs.max(1) as f64
            };
            ((*way).to_owned(), splits.iter().map(|s| of(s)).collect())
        })
        .collect();
    let names: Vec<String> =
        splits.iter().map(|s| s.iter().map(usize::to_string).collect::<Vec<_>>().join(" + ")).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let caption = format!("Share of outages of {longest} s that healed within {} s", Course::PATIENCE.as_secs());
    page.figure(bars("healed", &caption, Source::Simulated, "share", &names, &groups));
    page.table(table);
    found
}

/// The other protocols, healed by both.
fn other_protocols(setup: &Setup, page: &mut Page) -> Vec<(&'static str, Found)> {
    page.heading("Pastry and CAN");
    let header = ["protocol", "islands", "merged", "after (median)", "messages/node", "wrong", "failed", "keys lost"];
    let caption = "Colors and rendezvous together, outages of 120 s";
    let mut table = Table::new("protocols", caption, Source::Simulated, &header);
    let seeds = setup.pick(5, 1);
    let mut found = Vec::new();
    for protocol in Protocol::all() {
        let name = protocol.title;
        setup.say(&format!("{name} heals"));
        let splits: Vec<&'static [usize]> = setup.pick(vec![&[34, 6], &[20, 20]], vec![&[8, 3]]);
        for sizes in splits {
            let outage = Outage { sizes, length: Duration::from_secs(120), renumbered: false };
            let course = Course { healing: Healing::ColorsAndRendezvous, outage, ..Course::new(protocol) };
            let runs = played((0..seeds).map(|n| (course, setup.seed + n)).collect());
            let way = "colors+rendezvous";
            let one = Found { way, sizes, outage: outage.length, runs };
            table.row([
                name.to_owned(),
                sizes.iter().map(usize::to_string).collect::<Vec<_>>().join(" + "),
                format!("{} of {}", one.merged(), one.runs.len()),
                one.median(|r| r.seconds).map_or("–".into(), |s| format!("{} s", number(s, 0))),
                one.median(|r| r.messages).map_or("–".into(), |m| number(m, 0)),
                one.sum(|r| r.wrong).to_string(),
                one.sum(|r| r.failed).to_string(),
                one.sum(|r| r.lost).to_string(),
            ]);
            found.push((name, one));
        }
    }
    page.table(table);
    found
}

fn claims(
    page: &mut Page,
    labs: &[InLab],
    matrix: &[Found],
    links: &[(usize, usize, Option<f64>, Option<f64>)],
    small: &[(usize, f64, f64)],
    epochs: &[(u64, f64)],
    others: &[(&'static str, Found)],
) {
    let share = |way: &str, fits: &dyn Fn(&Found) -> bool| {
        let all = matrix.iter().filter(|f| f.way == way && fits(f));
        all.fold((0, 0), |(merged, runs), f| (merged + f.merged(), runs + f.runs.len()))
    };
    let any = |_: &Found| true;
    let said = |(merged, runs): (usize, usize)| format!("{merged} of {runs}");
    let (none, runs) = share("none", &any);
    page.claim(
        "Nodes of a failed stub stay isolated even after the physical connections are recovered",
        if none == 0 { Finding::Confirmed } else { Finding::Conditional },
        format!("without healing {} outages ended in one overlay", said((none, runs))),
    );
    let even = |f: &Found| f.sizes.iter().all(|s| *s >= 20);
    let uneven = |f: &Found| !even(f);
    page.claim(
        "Discovering nearby nodes periodically reconnects the peers, but not always: a peer may only find others of its own stub",
        Finding::Conditional,
        format!(
            "colors healed {} outages with a small island and {} between large ones (where each has every color)",
            said(share("colors", &uneven)),
            said(share("colors", &even))
        ),
    );
    let rendezvous = share("rendezvous", &any);
    page.claim(
        "Finding arbitrary other peers of the overlay solves what nearness cannot (here: a rendezvous group)",
        if rendezvous.0 == rendezvous.1 { Finding::Confirmed } else { Finding::Conditional },
        format!(
            "rendezvous healed {} outages, colors and rendezvous {}",
            said(rendezvous),
            said(share("colors+rendezvous", &any))
        ),
    );
    let slow = links.iter().map(|(a, b, one, all)| {
        let cell = |r: &Option<f64>| r.map_or("> 1000".to_owned(), |r| number(r, 0));
        format!("{a} + {b}: {} against {}", cell(one), cell(all))
    });
    let factor = links.iter().filter_map(|(_, _, one, all)| Some((*one)? / (*all)?)).fold(0.0, f64::max);
    page.claim(
        "Once there is a link between two nodes of two islands, those islands are merged",
        if factor > 3.0 { Finding::Refuted } else { Finding::Conditional },
        format!(
            "rounds until two rings are one, by one node joining or by all: {}",
            slow.collect::<Vec<_>>().join("; ")
        ),
    );
    let memory = |f: &Found| f.outage > Course::REMEMBER;
    page.claim(
        "(Baseline) peers remembered from before the failure heal as well",
        Finding::Conditional,
        format!(
            "remembered peers healed {} outages shorter than memory and {} longer ones; one well-known node {}",
            said(share("remembered-peers", &|f| !memory(f))),
            said(share("remembered-peers", &memory)),
            said(share("well-known", &any))
        ),
    );
    let off = small.iter().map(|(_, measured, theory)| (measured / theory - 1.0).abs()).fold(0.0, f64::max);
    page.claim(
        "(Analysis) islands smaller than the number of colors meet others after D/(s·m + 1) + T, T the time to be sure",
        if off < 0.3 { Finding::Confirmed } else { Finding::Conditional },
        format!("largest deviation of the mean {}", percent(off)),
    );
    let shares: Vec<String> = epochs.iter().map(|(e, share)| format!("{} E at E = {e} s", number(*share, 2))).collect();
    let near = epochs.iter().all(|(_, share)| (0.2..=0.6).contains(share));
    page.claim(
        "(Analysis) leaders that pause once an epoch meet after about 0.4 E",
        if near { Finding::Confirmed } else { Finding::Conditional },
        shares.join(", "),
    );
    let lost: usize = matrix.iter().filter(|f| f.merged() == f.runs.len()).map(|f| f.sum(|r| r.lost)).sum();
    let all = others.iter().all(|(_, f)| f.merged() == f.runs.len());
    let cost = labs.iter().filter_map(|l| Some(format!("{} {}", l.way, l.updates?)));
    page.claim(
        "Merging keeps the overlay's data, and costs little",
        if lost == 0 && all { Finding::Confirmed } else { Finding::Conditional },
        format!(
            "{lost} keys lost in all outages that healed; Pastry and CAN healed {}; BGP updates in the lab: {}",
            said(others.iter().fold((0, 0), |(m, r), (_, f)| (m + f.merged(), r + f.runs.len()))),
            cost.collect::<Vec<_>>().join(", ")
        ),
    );
}
