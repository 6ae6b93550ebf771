//! Scalability: what another group costs.

use super::arena::{Arena, Layout};
use super::cells::{Cell, Cells};
use super::ground::Ground;
use crate::anycast::Infrastructure;
use crate::paper::Setup;
use crate::paper::claim::Test;
use crate::paper::estimate::{Estimate, shown};
use crate::paper::page::{Page, Source, Table};
use crate::paper::runs::in_parallel;

const SERVERS: usize = 16;
/// Members of each group.
const MEMBERS: usize = 2;

/// *Scales*: from one group to the most, joining takes no more than so many times as long …
const LONGER: f64 = 2.0;
/// … and routers hold no more than so many routes for all of them.
const ROUTES: f64 = 4.0;

struct Found {
    joined: f64,
    /// Median, in milliseconds.
    join: f64,
    /// Of all servers together, and of the one with most.
    bytes: f64,
    most: f64,
    /// For each member's join.
    datagrams: f64,
}

pub(super) fn measure(setup: &Setup, page: &mut Page, cells: &mut Cells) {
    let counts = setup.pick(vec![1, 10, 100, 1000], vec![1, 20]);
    page.heading("Scalability in groups");
    page.text(format!(
        "{MEMBERS} members in each group, all join at once. *Routes*: prefixes that every router of the Internet holds for \
         all groups (derived: plain IP anycast has one of each group, which cannot be aggregated; PIAS one block; i3 and \
         OASIS none). *State*: bytes that the tables of the servers take, as their machines count them. *Datagrams*: of \
         everybody, for each join, what servers say to each other meanwhile included."
    ));
    let header =
        ["by", "groups", "routes", "joined", "join p50, ms", "datagrams/join", "state, kB", "most at a server, kB"];
    let mut table = Table::new("groups", "What groups cost", Source::Simulated, &header);
    let seeds: Vec<u64> = setup.seeds(3, 1).collect();
    for kind in Infrastructure::all() {
        let mut times = Vec::new();
        let mut most_routes = 0;
        for count in &counts {
            setup.say(&format!("{count} groups by {}, {} seeds", kind.title, seeds.len()));
            let found = in_parallel(&seeds, |seed| joined(kind, *count, *seed));
            let mean = |of: fn(&Found) -> f64| Estimate::mean(found.iter().map(of).filter(|v| v.is_finite()));
            let routes = match &kind.server {
                None => *count,
                Some(server) => usize::from(server.announces),
            };
            most_routes = most_routes.max(routes);
            times.extend(mean(|f| f.join));
            table.row([
                kind.title.to_owned(),
                count.to_string(),
                routes.to_string(),
                shown(mean(|f| f.joined), 3),
                shown(mean(|f| f.join), 0),
                shown(mean(|f| f.datagrams), 1),
                shown(mean(|f| f.bytes / 1e3), 1),
                shown(mean(|f| f.most / 1e3), 1),
            ]);
        }
        let longer = times.last().zip(times.first()).map(|(last, first)| last.scaled(1.0 / first.value.max(1e-9)));
        let routes =
            Test::at_most("routes at every router for all groups", Some(Estimate::exact(most_routes as f64)), ROUTES);
        let routes = routes.digits(0);
        let longer = Test::at_most("join p50, most groups over one", longer, LONGER);
        match Cell::Groups.word(kind) {
            // That it does not scale: the routes are more than the line.
            "No" => {
                let routes = Estimate::exact(most_routes as f64);
                let beyond = Test::at_least("routes at every router for all groups", Some(routes), ROUTES).digits(0);
                cells.add(Cell::Groups, kind, [beyond]);
            }
            _ => cells.add(Cell::Groups, kind, [routes, longer]),
        }
    }
    page.table(table);
}

fn joined(kind: Infrastructure, groups: usize, seed: u64) -> Found {
    let members = MEMBERS * groups;
    let ground = Ground::plane(SERVERS + 200, seed);
    let places = SERVERS..ground.count();
    let layout = Layout {
        servers: (0..SERVERS).collect(),
        members: places.cycle().take(members).collect(),
        clients: Vec::new(),
        groups,
    };
    let mut arena = Arena::new(kind, &ground, layout, seed);
    arena.run_for(std::time::Duration::from_secs(10));
    let before = arena.datagrams();
    let times = arena.join_times();
    let mut milliseconds: Vec<f64> = times.iter().flatten().map(|t| t.as_secs_f64() * 1e3).collect();
    milliseconds.sort_by(f64::total_cmp);
    let state = arena.state();
    Found {
        joined: milliseconds.len() as f64 / members.max(1) as f64,
        join: milliseconds.get(milliseconds.len() / 2).copied().unwrap_or(f64::NAN),
        bytes: state.iter().sum::<usize>() as f64,
        most: state.iter().copied().max().unwrap_or(0) as f64,
        datagrams: (arena.datagrams() - before) as f64 / members.max(1) as f64,
    }
}
