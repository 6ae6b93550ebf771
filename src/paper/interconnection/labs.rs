//! Many overlays and many groups in namespaces: what BGP has to say, and what a busy overlay does to the others.

use std::fmt::Write as _;
use std::time::Duration;

use anyhow::{Context, Result};

use super::town::keyed;
use crate::paper::Setup;
use crate::paper::claim::Test;
use crate::paper::estimate::{Estimate, shown};
use crate::paper::page::{Page, Source, Table};
use crate::paper::runs::{labs_in_pairs, runs_of};
use crate::record::{NodeDid, Record, What};

const NEWCOMER: &str = "home.n1";
/// When the newcomer joins, in seconds, and how long the lab goes on then.
const JOINS: f64 = 14.0;
const THEN: f64 = 8.0;

/// *Scalable*: with the most groups a join costs no more updates than so many times those with the fewest …
const DEARER: f64 = 1.2;
/// … and routing has followed no later than so many times.
const LATER: f64 = 3.0;
/// *Fair*: under load in one overlay of a host, lookups in the others take no longer than so many times (p99).
const SLOWER: f64 = 3.0;

/// A lab of two routers and four stubs of two hosts each, and the newcomer's.
fn lab(
    name: &str,
    overlays: usize,
    groups: usize,
    rates: impl Fn(usize) -> usize,
    seconds: f64,
    newcomer: bool,
) -> String {
    let mut text = format!(
        "[lab]\nname = \"{name}\"\nduration = \"{seconds}s\"\n\n[[as]]\nname = \"net\"\nrouters = [\"north\", \"south\"]\n\
         links = [{{ a = \"north\", b = \"south\", delay = \"5ms\" }}]\n"
    );
    let stubs = ["campus", "bay", "lakes", "puget"];
    for (index, stub) in stubs.iter().chain(&["home"]).enumerate() {
        let (uplink, members) = (["north", "south"][index % 2], if *stub == "home" { 1 } else { 2 });
        let _ = write!(text, "\n[[stub]]\nname = \"{stub}\"\nuplinks = [\"{uplink}\"]\nmembers = {members}\n");
    }
    for group in 0..groups {
        let address = format!("100.64.{}.{}", group / 250, group % 250 + 1);
        let _ = write!(
            text,
            "\n[[group]]\nname = \"g{group}\"\naddress = \"{address}\"\nmembers = [\"campus.n1\", \"bay.n1\"]\n"
        );
    }
    let (mut all, mut own) = (Vec::new(), Vec::new());
    for overlay in 0..overlays {
        let protocol = keyed(overlay).name;
        let rate = rates(overlay);
        let _ = write!(
            text,
            "\n[[overlay]]\nname = \"o{overlay}\"\nprotocol = \"{protocol}\"\nhealing = \"none\"\nlookups_per_second = {rate}\n"
        );
        all.push(format!("\"join {} in o{overlay}\"", stubs.join(" ")));
        own.push(format!("\"join {NEWCOMER} in o{overlay}\""));
    }
    let _ = write!(text, "\n[[timeline]]\nat = \"0s\"\ndo = [{}]\nover = \"4s\"\n", all.join(", "));
    if newcomer {
        let _ = write!(text, "\n[[timeline]]\nat = \"{JOINS}s\"\ndo = [{}]\n", own.join(", "));
    }
    text
}

/// What a newcomer's joins did.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Joined {
    overlays: usize,
    /// Seconds until it was a member of all.
    seconds: f64,
    /// BGP updates received by all nodes since, for each overlay.
    updates: f64,
    /// Seconds from an announcement to the last update.
    converged: f64,
}

/// Reads it from a lab's record.
fn joined(record: &Record, overlays: usize) -> Result<Joined> {
    let begin = record.play.context("the lab did not play")?;
    let from = begin + (JOINS * 1e9) as u64;
    let since = || record.events.iter().filter(move |event| event.at >= from);
    let own = |of: fn(&NodeDid) -> bool| {
        since().filter(move |event| matches!(&event.what, What::Node { node, did, .. } if node == NEWCOMER && of(did)))
    };
    let seconds = |at: u64| (at.saturating_sub(from)) as f64 / 1e9;
    let became = own(|did| matches!(did, NodeDid::Joined { .. }));
    let last = became.map(|event| event.at).collect::<Vec<_>>();
    let announced = own(|did| matches!(did, NodeDid::Announced { .. })).map(|event| event.at).max();
    let updates: Vec<u64> =
        since().filter(|event| matches!(event.what, What::Update { .. })).map(|event| event.at).collect();
    let converged = updates.iter().max().zip(announced).map(|(update, at)| update.saturating_sub(at) as f64 / 1e9);
    Ok(Joined {
        overlays: last.len(),
        seconds: last.iter().max().map_or(f64::NAN, |at| seconds(*at)),
        updates: updates.len() as f64 / overlays as f64,
        converged: converged.unwrap_or(f64::NAN),
    })
}

pub(super) fn measure(setup: &Setup, page: &mut Page) -> Result<()> {
    page.heading("In namespaces");
    routes(setup, page)?;
    fair(setup, page)
}

fn routes(setup: &Setup, page: &mut Page) -> Result<()> {
    let overlays: Vec<usize> = setup.pick(vec![1, 4, 16], vec![1, 2]);
    let groups: Vec<usize> = setup.pick(vec![100, 1000], vec![]);
    let repeated = setup.pick(3, 1);
    let kinds: Vec<(usize, usize)> =
        overlays.iter().map(|overlays| (*overlays, 0)).chain(groups.iter().map(|groups| (1, *groups))).collect();
    setup.say(&format!("labs of up to {} overlays and groups, {repeated} each", kinds.len()));
    page.text(format!(
        "Nine hosts in five stubs, two routers, BIRD everywhere. Eight hosts are members of all overlays; the ninth joins \
         them all at once after {JOINS} s. Besides, two hosts announce so many groups more. *Updates*: BGP messages that any \
         BIRD received after that, for each overlay joined. *Followed*: from the last announcement to the last update. \
         *Routes*: prefixes of groups that every router holds (derived: one of each)."
    ));
    let jobs: Vec<(usize, usize, usize)> =
        kinds.iter().flat_map(|(overlays, groups)| (0..repeated).map(|n| (*overlays, *groups, n))).collect();
    let found = labs_in_pairs(&jobs, |(overlays, groups, n)| {
        let name = format!("many-{overlays}-{groups}-{n}");
        setup.labs.play_once(&name, &lab(&name, *overlays, *groups, |_| 0, JOINS + THEN, true), &[])?;
        joined(&setup.labs.record(&name)?, *overlays)
    })?;
    let header =
        ["overlays", "groups besides", "routes of groups", "joined", "time, s", "updates for each", "followed, ms"];
    let mut table = Table::new("labs", "Overlays and groups in namespaces", Source::Lab, &header);
    let of = |kind: (usize, usize)| runs_of(&jobs, &found, move |(overlays, groups, _)| (*overlays, *groups) == kind);
    let mean = |kind, part: fn(&Joined) -> f64| Estimate::mean(of(kind).map(part).filter(|value| value.is_finite()));
    for kind in &kinds {
        let joined: usize = of(*kind).map(|found| found.overlays).sum();
        table.row([
            kind.0.to_string(),
            kind.1.to_string(),
            (kind.0 + kind.1).to_string(),
            format!("{joined} of {}", kind.0 * repeated),
            shown(mean(*kind, |found| found.seconds), 2),
            shown(mean(*kind, |found| found.updates), 1),
            shown(mean(*kind, |found| found.converged * 1e3), 0),
        ]);
    }
    page.table(table);
    let Some(first) = kinds.first().copied() else { return Ok(()) };
    let over = |kind, part: fn(&Joined) -> f64| {
        let base = mean(first, part).map_or(f64::NAN, |base| base.value);
        Estimate::mean(of(kind).map(|found| part(found) / base).filter(|ratio| ratio.is_finite()))
    };
    let mut tests = Vec::new();
    let largest = [overlays.last().map(|overlays| (*overlays, 0)), groups.last().map(|groups| (1, *groups))];
    for kind in largest.iter().flatten() {
        let what = format!("{} overlays and {} groups over one", kind.0, kind.1);
        tests.push(Test::at_most(format!("updates for each, {what}"), over(*kind, |found| found.updates), DEARER));
        tests.push(Test::at_most(format!("routing follows, {what}"), over(*kind, |found| found.converged), LATER));
    }
    page.judge("It is scalable in overlays: a join costs BGP the same, however many there are", tests, "");
    Ok(())
}

fn fair(setup: &Setup, page: &mut Page) -> Result<()> {
    const OVERLAYS: usize = 4;
    const QUIET: usize = 40;
    let loads: Vec<usize> = setup.pick(vec![QUIET, 400, 1600], vec![QUIET, 400]);
    let repeated = setup.pick(3, 1);
    setup.say("lookups beside a busy overlay");
    page.text(format!(
        "Eight hosts in {OVERLAYS} overlays each. In all but the first there are {QUIET} lookups a second; in the first as many as \
         said. A host answers for all of its overlays in one process."
    ));
    let jobs: Vec<(usize, usize)> = loads.iter().flat_map(|load| (0..repeated).map(|n| (*load, n))).collect();
    let seconds = setup.pick(JOINS + THEN, JOINS);
    let play = |(load, n): &(usize, usize)| {
        let name = format!("busy-{load}-{n}");
        let text = lab(&name, OVERLAYS, 0, |overlay| if overlay == 0 { *load } else { QUIET }, seconds, false);
        setup.labs.play_once(&name, &text, &[])?;
        Ok(waits(&setup.labs.record(&name)?))
    };
    // One at a time: how long they take is what is measured.
    let found: Vec<Waits> =
        if setup.quick { labs_in_pairs(&jobs, play)? } else { jobs.iter().map(play).collect::<Result<_>>()? };
    let header = ["lookups/s in the first", "p50 in the others, ms", "p99 in the others, ms", "answered in the others"];
    let mut table = Table::new("fair", "Lookups beside a busy overlay", Source::Lab, &header);
    let of = |load: usize| runs_of(&jobs, &found, move |(of, _)| *of == load);
    for load in &loads {
        table.row([
            load.to_string(),
            shown(Estimate::mean(of(*load).filter_map(|waits| waits.at(0.5))), 1),
            shown(Estimate::mean(of(*load).filter_map(|waits| waits.at(0.99))), 1),
            shown(Estimate::share(of(*load).map(|w| w.milliseconds.len()).sum(), of(*load).map(|w| w.all).sum()), 3),
        ]);
    }
    page.table(table);
    let base = Estimate::mean(of(QUIET).filter_map(|waits| waits.at(0.99))).map_or(f64::NAN, |base| base.value);
    let most = loads.iter().copied().max().unwrap_or(QUIET);
    let slower = Estimate::mean(of(most).filter_map(|waits| Some(waits.at(0.99)? / base)));
    let tests =
        vec![Test::at_most(format!("p99 in the others, {most} lookups/s in the first over {QUIET}"), slower, SLOWER)];
    page.judge("(Beside) Overlays of a host are fair to each other under load", tests, "");
    Ok(())
}

/// How long lookups in all overlays but the first took.
struct Waits {
    milliseconds: Vec<f64>,
    all: usize,
}

impl Waits {
    fn at(&self, quantile: f64) -> Option<f64> {
        let last = self.milliseconds.len().checked_sub(1)?;
        self.milliseconds.get((quantile * last as f64).round() as usize).copied()
    }
}

fn waits(record: &Record) -> Waits {
    let after = Duration::from_secs_f64(JOINS - 4.0).as_nanos() as u64;
    let begin = record.play.unwrap_or_default();
    let (mut milliseconds, mut all) = (Vec::new(), 0);
    for event in record.events.iter().filter(|event| event.at >= begin + after) {
        if let What::Node { overlay, did: NodeDid::Looked { owner, milliseconds: waited, .. }, .. } = &event.what
            && overlay != "o0"
        {
            all += 1;
            milliseconds.extend(owner.as_ref().map(|_| *waited));
        }
    }
    milliseconds.sort_by(f64::total_cmp);
    Waits { milliseconds, all }
}
