//! The other protocols, healed by colors and rendezvous.

use std::time::Duration;

use super::matrix::{Found, Matrix, wrong_after};
use super::outage::{Course, Outage, played};
use crate::anycast::Healing;
use crate::overlay::Protocol;
use crate::paper::Setup;
use crate::paper::claim::Test;
use crate::paper::estimate::Estimate;
use crate::paper::page::{Page, Source, Table};

/// Plays them, and judges what merging leaves of lookups and keys, with every protocol.
pub(super) fn protocols(setup: &Setup, page: &mut Page, matrix: &Matrix) {
    page.heading("Every protocol");
    let splits: Vec<&'static [usize]> = setup.pick(vec![&[34, 6], &[20, 20]], vec![&[8, 3]]);
    let kinds: Vec<(Protocol, Outage)> = Protocol::keyed()
        .flat_map(|protocol| {
            splits
                .iter()
                .map(move |sizes| (protocol, Outage { sizes, length: Duration::from_secs(120), renumbered: false }))
        })
        .collect();
    let courses: Vec<Course> =
        kinds.iter().map(|(protocol, outage)| Course::new(*protocol, Healing::ColorsAndRendezvous, *outage)).collect();
    let seeds = setup.pick(20, 1);
    setup.say(&format!("every protocol heals, {seeds} seeds each"));
    let all = played(&courses, setup.seed, seeds);
    let header = ["protocol", "islands", "healed", "after s (median)", "not right before, %", "after, %", "keys lost"];
    let caption = "Healed by colors and rendezvous together, outages of 120 s";
    let mut table = Table::new("protocols", caption, Source::Simulated, &header);
    let mut found: Vec<(&str, Found)> = Vec::new();
    for ((protocol, outage), runs) in kinds.iter().zip(all) {
        let one = Found::new("colors+rendezvous", *outage, runs);
        table.row([protocol.title.to_owned(), one.islands()].into_iter().chain(one.cells()));
        found.push((protocol.title, one));
    }
    page.table(table);
    let mut tests = Vec::new();
    for protocol in Protocol::keyed() {
        let of: Vec<&Found> = found.iter().filter(|(name, _)| *name == protocol.title).map(|(_, one)| one).collect();
        tests.extend(kept(protocol.title, &of));
    }
    let chord: Vec<&Found> = matrix.0.iter().collect();
    tests.extend(kept("Chord, all outages and ways", &chord));
    page.judge("Merging gives back what the overlay held, and right answers from then on", tests, "");
}

/// Whether merges left all keys, and right answers.
fn kept(name: &str, found: &[&Found]) -> [Test; 2] {
    let merged = || found.iter().flat_map(|f| &f.runs).filter(|run| run.seconds.is_some());
    let whole = Estimate::share(merged().filter(|run| run.lost == 0).count(), merged().count());
    let right = Estimate::share(after(found).filter(|bad| *bad == 0.0).count(), after(found).count());
    [
        Test::at_least(format!("{name}: share of merges without a lost key"), whole, 0.9),
        Test::at_least(
            format!("{name}: of merges with no other than right answers in the two minutes after"),
            right,
            0.9,
        ),
    ]
}

/// Share of lookups of each run in the two minutes after its merge that were not answered rightly.
fn after<'a>(found: &'a [&Found]) -> impl Iterator<Item = f64> + 'a {
    found.iter().flat_map(|f| wrong_after(&f.runs))
}
