//! Proximity: whom a client is led to, and by which way.

use std::time::Duration;

use anyhow::Result;

use super::arena::{Arena, Layout};
use super::cells::{Cell, Cells};
use super::ground::Ground;
use crate::anycast::{Infrastructure, Question};
use crate::measure::quantile;
use crate::paper::Setup;
use crate::paper::claim::Test;
use crate::paper::estimate::Estimate;
use crate::paper::nearness::by_policies;
use crate::paper::page::{Page, Source, Table};
use crate::paper::runs::in_parallel;

/// At most so many servers, members and clients: as many as a network has places for.
const SERVERS: usize = 16;
const MEMBERS: usize = 24;
const CLIENTS: usize = 60;

/// *Good*: at least so many are led to the nearest, and for nine of ten the way is at most so much longer. *Poor*: fewer
/// than half are, or the way is longer. *Fair* is between.
const NEAREST: f64 = 0.8;
const POOR: f64 = 0.5;
const WAY: f64 = 2.0;
/// Networks of ASes in which BGP is asked.
const LABS: u64 = 10;

/// What the clients of one network found.
#[derive(Clone, Debug, Default)]
struct Led {
    /// Share that was answered by anybody.
    served: f64,
    /// Of those, share that was led to the nearest member.
    nearest: f64,
    /// Round trip to whom it was led, over that to the nearest: median, and what nine of ten do not exceed.
    selection: (f64, f64),
    /// One way of the datagram through the infrastructure, over the direct one to the nearest.
    way: (f64, f64),
}

impl Led {
    fn in_ground(kind: Infrastructure, ground: &Ground, seed: u64) -> Self {
        let mut arena = Arena::new(kind, ground, layout(ground, seed), seed);
        arena.join_all();
        // What is learned in the background is learned from the first question.
        let questions: Vec<_> = arena.clients().map(|client| (client, Question::Nearest)).collect();
        arena.ask(&questions, 1);
        arena.run_for(Duration::from_secs(20));
        let asked = arena.ask(&questions, 1);
        let (mut selection, mut way, mut nearest, mut led) = (Vec::new(), Vec::new(), 0, 0);
        for one in &asked {
            let (Some((member, took)), Some(best)) = (one.reached.first(), arena.nearest(one.host).first().copied())
            else {
                continue;
            };
            let (found, least) = (arena.round_trip(one.host, *member), arena.round_trip(one.host, best));
            led += 1;
            nearest += usize::from(found <= least);
            // Over a member next door every way is long.
            if !arena.are_together(one.host, best) {
                selection.push(found.as_secs_f64() / least.as_secs_f64());
                way.push(took.as_secs_f64() / (least.as_secs_f64() / 2.0));
            }
        }
        Self {
            served: led as f64 / asked.len().max(1) as f64,
            nearest: nearest as f64 / led.max(1) as f64,
            selection: quantiles(selection),
            way: quantiles(way),
        }
    }
}

/// Median, and what nine of ten do not exceed.
pub(super) fn quantiles(mut values: Vec<f64>) -> (f64, f64) {
    values.sort_by(f64::total_cmp);
    let at = |q: f64| quantile(&values, q).unwrap_or(f64::NAN);
    (at(0.5), at(0.9))
}

/// Servers, members and clients at different places, as far as there are places.
fn layout(ground: &Ground, seed: u64) -> Layout {
    let order = ground.shuffled(seed);
    let count = order.len();
    let at = |from: usize, most: usize| (from..from + most).map(|n| order[n % count]).collect::<Vec<_>>();
    let (servers, members) = (SERVERS.min(count / 2).max(2), MEMBERS.min(count.max(8)));
    let clients = CLIENTS.min(count.max(20));
    Layout {
        servers: at(0, servers),
        members: at(servers, members),
        clients: at(servers + members, clients),
        groups: 1,
    }
}

pub(super) fn measure(setup: &Setup, page: &mut Page, cells: &mut Cells) -> Result<()> {
    page.heading("Proximity");
    page.text(format!(
        "Up to {SERVERS} servers, {MEMBERS} members and {CLIENTS} clients at random places. Every client asks for the \
         nearest member and sends it a datagram, and twenty seconds later does so again: the second time counts. \
         *Selection* compares round trips, the one to whom it was led over the one to the nearest. *Way* is what the \
         datagram took on its way through the infrastructure, over the direct way to the nearest. In the simulated \
         network routes follow delays, so plain IP anycast always finds the nearest: what it does where policies and the \
         lengths of AS paths come first is measured in namespaces, [4.2](4.2.md). OASIS chooses by geographic distance, \
         and is not available where nobody knows where hosts are."
    ));
    let grounds = |seed: u64| -> Result<Vec<Ground>> {
        let mut all = vec![Ground::plane(setup.pick(120, 40), seed)];
        all.extend(Ground::given(setup)?);
        Ok(all)
    };
    let seeds: Vec<u64> = setup.seeds(20, 2).collect();
    let header = ["network", "by", "served", "nearest", "selection p50", "p90", "way p50", "p90"];
    let caption = "Whom clients are led to, and by which way";
    let mut table = Table::new("proximity", caption, Source::Simulated, &header);
    for (index, name) in grounds(setup.seed)?.into_iter().map(|g| g.name).enumerate() {
        for kind in Infrastructure::all() {
            setup.say(&format!("whom {} leads clients to: {name}, {} seeds", kind.title, seeds.len()));
            let mut jobs = Vec::new();
            for seed in &seeds {
                jobs.push((*seed, grounds(*seed)?.swap_remove(index)));
            }
            if kind.server.as_ref().is_some_and(|server| server.places) && !jobs[0].1.has_places() {
                let none = std::iter::repeat_n("–".to_owned(), header.len() - 3);
                table.row([name.clone(), kind.title.into(), "not available: no places".into()].into_iter().chain(none));
                continue;
            }
            let led = in_parallel(&jobs, |(seed, ground)| Led::in_ground(kind, ground, *seed));
            let mean = |of: fn(&Led) -> f64| Estimate::mean(led.iter().map(of).filter(|v| v.is_finite()));
            let of: [(Option<Estimate>, usize); 6] = [
                (mean(|l| l.served), 2),
                (mean(|l| l.nearest), 2),
                (mean(|l| l.selection.0), 2),
                (mean(|l| l.selection.1), 2),
                (mean(|l| l.way.0), 2),
                (mean(|l| l.way.1), 2),
            ];
            let shown = of.iter().map(|(estimate, digits)| crate::paper::estimate::shown(*estimate, *digits));
            table.row([name.clone(), kind.title.to_owned()].into_iter().chain(shown));
            let (nearest, way) = (mean(|l| l.nearest), mean(|l| l.way.1));
            let (led, far) = (format!("led to the nearest in {name}"), format!("way p90 in {name}"));
            // Routes follow delays here: of plain IP anycast that says nothing.
            match Cell::Near.word(kind) {
                _ if kind.server.is_none() => {}
                "Good" => {
                    let good = [Test::at_least(led, nearest, NEAREST), Test::at_most(far, way, WAY)];
                    cells.add(Cell::Near, kind, good);
                }
                _ => cells.add(Cell::Near, kind, [Test::at_most(led, nearest, POOR), Test::at_least(far, way, WAY)]),
            }
        }
    }
    page.table(table);
    let (nearest, stretch) = by_policies(setup, setup.pick(LABS, 1))?;
    let ip = Infrastructure::default();
    cells.add(Cell::Near, ip, [Test::within("led to the nearest, in ASes with policies", nearest, POOR, NEAREST)]);
    let stretch = crate::paper::estimate::shown(stretch, 2);
    cells.because(Cell::Near, ip, format!("where routes follow delays it is always the nearest; of ASes with policies, in namespaces, the worst client of a network is led {stretch} times as far as the nearest"));
    Ok(())
}
