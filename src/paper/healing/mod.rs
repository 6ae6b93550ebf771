//! Section 4.3: whether, how soon and at what cost islands find each other again.
//!
//! - `labs`: a stub fails and comes back in namespaces
//! - `outage`: the same in the simulated network, with `lookups` going on; `matrix`: in every way of healing; `protocols`: with every protocol
//! - `memory`: peers that are remembered, for how long
//! - `links`: one link between two islands
//! - `infrastructures`: random members over PIAS, i3 and OASIS
//! - `colors`, `epochs`: how soon islands meet, beside what `theory` derives

mod colors;
mod epochs;
mod infrastructures;
mod labs;
mod links;
mod lookups;
mod matrix;
mod memory;
mod outage;
mod protocols;
mod theory;

use anyhow::{Result, anyhow};

use super::Setup;
use super::page::Page;
use outage::Course;

pub(super) fn measure(setup: &Setup) -> Result<Page> {
    let mut page = Page::new("4.3", "System partitioning");
    page.text(format!(
        "Islands are clusters of nodes: a few milliseconds within, some tens between. They are cut off from one another, \
         repair themselves, and are connected again. Colors: {} of them, drawn at random, each asked every {} s. \
         Rendezvous: epochs of {} s, pauses of {} s. Peers that failed are remembered for {} s. Rounds of stabilization: \
         {} s. Where nothing else is said. Intervals are of 95 %: of means Student's, of shares Wilson's, of medians by \
         order statistics; a run is one value.",
        Course::COLORS,
        Course::HEAL_EVERY.as_secs(),
        Course::EPOCH.as_secs(),
        Course::LISTEN.as_secs(),
        Course::REMEMBER.as_secs(),
        Course::STABILIZE.as_secs(),
    ));
    let (quick, labs) = (setup.quick, &setup.labs);
    setup.say("a stub fails and comes back in namespaces, meanwhile:");
    let played: Result<_> = std::thread::scope(|scope| {
        let labs = scope.spawn(move || labs::play(labs, quick));
        let matrix = matrix::matrix(setup, &mut page);
        matrix::judge(&mut page, &matrix);
        memory::memory(setup, &mut page);
        links::one_link(setup, &mut page);
        colors::small_islands(setup, &mut page);
        epochs::epochs(setup, &mut page);
        protocols::protocols(setup, &mut page, &matrix);
        infrastructures::random_peers(setup, &mut page);
        // A thread that panicked has shown why already.
        Ok((labs.join().map_err(|_| anyhow!("the labs were not played"))??, matrix))
    });
    let (labs, matrix) = played?;
    labs::show(&mut page, &labs);
    labs::judge(&mut page, &labs, &matrix);
    Ok(page)
}
