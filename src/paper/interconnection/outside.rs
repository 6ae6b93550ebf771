//! Asking an overlay without being a member, and one overlay by another.

use std::collections::BTreeSet;
use std::time::Duration;

use super::joins::{MEMBERS, PATIENCE};
use super::town::{ROUND, Spec, Town, keyed};
use crate::anycast::{Beyond, Command, Healing};
use crate::overlay::{Answer, AskKind, Protocol};
use crate::paper::Setup;
use crate::paper::claim::Test;
use crate::paper::estimate::{Estimate, shown};
use crate::paper::page::{Page, Source, Table};
use crate::paper::runs::{in_parallel, runs_of};

const STRANGERS: usize = 4;
/// *Nearest*: so many of the questions of strangers are answered by the nearest member.
const NEAREST: f64 = 0.9;
/// Asking as a stranger costs no more than so much of joining, asking and leaving.
const CHEAPER: f64 = 0.5;
/// Questions that are found through other overlays.
const FOUND: f64 = 0.99;

struct Asked {
    found: usize,
    nearest: usize,
    asked: usize,
    /// Milliseconds, and datagrams of the asker.
    visit: (f64, f64),
    join: (f64, f64),
}

pub(super) fn measure(setup: &Setup, page: &mut Page) {
    strangers(setup, page);
    gateways(setup, page);
}

fn strangers(setup: &Setup, page: &mut Page) {
    let seeds: Vec<u64> = setup.seeds(20, 1).collect();
    setup.say("asking without joining");
    page.heading("Use without membership");
    page.text(format!(
        "{STRANGERS} hosts that are no members fetch keys from an overlay of {MEMBERS}, by its address: a Hello, a cookie, the \
         question to the member that anycast has found, and its answer. Beside it: joining, fetching the same as a member, \
         leaving. *Datagrams*: that the host has sent."
    ));
    let jobs: Vec<(u64, Protocol)> =
        seeds.iter().flat_map(|seed| Protocol::keyed().map(|protocol| (*seed, protocol))).collect();
    let found = in_parallel(&jobs, |(seed, protocol)| visit(*protocol, *seed));
    let header = ["overlay", "found", "by the nearest", "time, ms", "joined first, ms", "datagrams", "joined first"];
    let mut table = Table::new("strangers", "Keys fetched without joining", Source::Simulated, &header);
    for protocol in Protocol::keyed() {
        let of = || runs_of(&jobs, &found, move |(_, of)| *of == protocol);
        let sum = |part: fn(&Asked) -> usize| of().map(part).sum::<usize>();
        let mean = |part: fn(&Asked) -> f64| Estimate::mean(of().map(part).filter(|value| value.is_finite()));
        table.row([
            protocol.title.to_owned(),
            format!("{} of {}", sum(|asked| asked.found), sum(|asked| asked.asked)),
            shown(Estimate::share(sum(|asked| asked.nearest), sum(|asked| asked.found)), 2),
            shown(mean(|asked| asked.visit.0), 0),
            shown(mean(|asked| asked.join.0), 0),
            shown(mean(|asked| asked.visit.1), 1),
            shown(mean(|asked| asked.join.1), 1),
        ]);
    }
    page.table(table);
    let sum = |part: fn(&Asked) -> usize| found.iter().map(part).sum::<usize>();
    let saved = |of: fn(&Asked) -> f64| Estimate::mean(found.iter().map(of).filter(|ratio| ratio.is_finite()));
    page.judge(
        "(Beside) Who is no member uses an overlay by its address, through the nearest member",
        vec![
            Test::at_least(
                "answered by the nearest member",
                Estimate::share(sum(|a| a.nearest), sum(|a| a.asked)),
                NEAREST,
            ),
            Test::at_most("time over joining first", saved(|asked| asked.visit.0 / asked.join.0), CHEAPER),
            Test::at_most("datagrams over joining first", saved(|asked| asked.visit.1 / asked.join.1), CHEAPER),
        ],
        "",
    );
}

fn visit(protocol: Protocol, seed: u64) -> Asked {
    let spec = Spec { protocol, members: (0..MEMBERS).collect(), beyond: Beyond::default(), healing: Healing::None };
    let mut town = Town::settled(vec![spec], MEMBERS + 2 * STRANGERS, seed, &BTreeSet::new());
    town.ask(0, 0, |token| Command::Put { token, key: "key".into(), value: "v".into() });
    town.run_for(5 * ROUND);
    let (mut found, mut nearest) = (0, 0);
    let (mut visits, mut joins) = ((0.0, 0.0), (0.0, 0.0));
    let get = |token| Command::Get { token, key: "key".into() };
    for host in MEMBERS..MEMBERS + STRANGERS {
        let before = town.sent_by(host);
        if let Some((milliseconds, Answer::Got { value: Some(_), .. }, path)) = town.ask(0, host, get) {
            found += 1;
            let by = path.first().and_then(|step| town.host_of(step.member));
            nearest += usize::from(by == town.nearest(0, host).first().copied());
            visits.0 += milliseconds;
            visits.1 += (town.sent_by(host) - before) as f64;
        }
    }
    for host in MEMBERS + STRANGERS..MEMBERS + 2 * STRANGERS {
        let (begun, before) = (town.now(), town.sent_by(host));
        town.join_all(&[0], host, PATIENCE);
        town.ask(0, host, get);
        joins.0 += town.now().millis_since(begun);
        town.leave_all(&[0], host);
        joins.1 += (town.sent_by(host) - before) as f64;
    }
    let each = |(time, datagrams): (f64, f64), of: usize| (time / of as f64, datagrams / of as f64);
    Asked { found, nearest, asked: STRANGERS, visit: each(visits, found), join: each(joins, STRANGERS) }
}

/// What became of searches through a chain of overlays.
struct Chained {
    found: usize,
    asked: usize,
    milliseconds: f64,
    datagrams: f64,
    /// Of a second search for the same.
    again: f64,
}

fn gateways(setup: &Setup, page: &mut Page) {
    let lengths = setup.pick(vec![1, 2, 4, 7], vec![1]);
    let seeds: Vec<u64> = setup.seeds(20, 1).collect();
    setup.say("searches from overlay to overlay");
    let searched = Protocol::all().find(|protocol| protocol.may(AskKind::Search));
    let title = searched.map_or("", |protocol| protocol.title);
    page.heading("From overlay to overlay");
    page.text(format!(
        "A chain of overlays on different hosts, {MEMBERS} members each, keyed ones in turn and {title} at its end, where items are \
         shared. Members of the first search for what only the last has; each overlay asks the next one by its address. In \
         every chain the last asks the first again, which must end. *Datagrams*: of everybody, for each search, beyond those \
         of an equal time without searches. *Again*: the same search by the same host once more, after all \
         the others: a minute later, when what it keeps of other overlays (for 30 s) is over."
    ));
    let jobs: Vec<(u64, usize, bool)> =
        lengths.iter().flat_map(|length| seeds.iter().map(|seed| (*seed, *length, true))).collect();
    let alone: Vec<(u64, usize, bool)> = seeds.iter().map(|seed| (*seed, 1, false)).collect();
    let all: Vec<_> = jobs.iter().chain(&alone).copied().collect();
    let found = in_parallel(&all, |(seed, length, on)| chain(*length, *on, *seed));
    let header = ["overlays passed", "gateways", "found", "time, s", "datagrams", "again, s"];
    let mut table = Table::new("gateways", "Searches through overlays", Source::Simulated, &header);
    let of = |length: usize, on: bool| runs_of(&all, &found, move |(_, of, gateways)| (*of, *gateways) == (length, on));
    let share =
        |length, on| Estimate::share(of(length, on).map(|c| c.found).sum(), of(length, on).map(|c| c.asked).sum());
    for (length, on) in lengths.iter().map(|length| (*length, true)).chain([(1, false)]) {
        let mean =
            |part: fn(&Chained) -> f64| Estimate::mean(of(length, on).map(part).filter(|value| value.is_finite()));
        table.row([
            length.to_string(),
            if on { "yes" } else { "no" }.into(),
            shown(share(length, on), 2),
            shown(mean(|c| c.milliseconds / 1e3), 2),
            shown(mean(|c| c.datagrams), 0),
            shown(mean(|c| c.again / 1e3), 2),
        ]);
    }
    page.table(table);
    let mut tests: Vec<Test> = lengths
        .iter()
        .map(|length| Test::at_least(format!("found through {length}"), share(*length, true), FOUND))
        .collect();
    tests.push(Test::at_most("found without gateways", share(1, false), 0.05));
    page.judge("(Beside) One search covers overlays of different kinds", tests, "");
}

fn chain(length: usize, on: bool, seed: u64) -> Chained {
    const SEARCHES: usize = 8;
    let last = length;
    let searched = Protocol::all().find(|protocol| protocol.may(AskKind::Search)).unwrap_or_default();
    let spec = |overlay: usize| {
        let to = if overlay == last { 0 } else { overlay + 1 };
        let gateways = if on { vec![super::town::name(to)] } else { Vec::new() };
        Spec {
            protocol: if overlay == last { searched } else { keyed(overlay) },
            members: (overlay * MEMBERS..(overlay + 1) * MEMBERS).collect(),
            beyond: Beyond { gateways, hops: 8, ..Beyond::default() },
            healing: Healing::None,
        }
    };
    let mut town = Town::settled((0..=last).map(spec).collect(), (last + 1) * MEMBERS, seed, &BTreeSet::new());
    let name = |n: usize| format!("item i{n}");
    for n in 0..SEARCHES {
        town.order(last, last * MEMBERS + n, |token| Command::Share { token, name: name(n) });
    }
    town.run_for(10 * ROUND);
    let idle = town.datagrams();
    town.run_for(10 * ROUND);
    let idle = (town.datagrams() - idle) as f64 / (10 * ROUND).as_secs_f64();
    let (mut found, mut time, mut again) = (0, 0.0, 0.0);
    let (begun, before) = (town.now(), town.datagrams());
    for n in 0..SEARCHES {
        if let Some((milliseconds, Answer::Searched { hits, .. }, _)) =
            town.ask(0, n, |token| Command::Search { token, words: name(n) })
            && !hits.is_empty()
        {
            found += 1;
            time += milliseconds;
        }
    }
    let spent = (town.datagrams() - before) as f64 - idle * (town.now() - begun).as_secs_f64();
    for n in 0..SEARCHES {
        if let Some((milliseconds, ..)) = town.ask(0, n, |token| Command::Search { token, words: name(n) }) {
            again += milliseconds;
        }
    }
    town.run_for(Duration::from_secs(1));
    Chained {
        found,
        asked: SEARCHES,
        milliseconds: time / found as f64,
        datagrams: spent / SEARCHES as f64,
        again: again / SEARCHES as f64,
    }
}
