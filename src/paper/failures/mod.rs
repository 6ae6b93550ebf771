//! What none of the infrastructures' papers shows: failures of the infrastructures themselves, under BGP.
//!
//! - [`loss`]: a server is lost, by its AS or by its process, and comes back; `seen`: what a record has of that
//! - [`islands`]: a stub, or half of the servers, is cut off with the members in it, and comes back

mod islands;
mod loss;
mod seen;

use anyhow::Result;

use super::Setup;
use super::page::Page;

pub(super) fn measure(setup: &Setup) -> Result<Page> {
    let mut page = Page::new("infrastructures-failures", "When the infrastructure itself fails");
    page.text(
        "The papers on PIAS, i3 and OASIS do not show what their clients see when a server is cut off by routing. Here the \
         network of `topologies/four-ways.toml` (eleven routers, six stubs) is played with one of them at a time, in \
         namespaces with real BGP, and in the simulated network, which has no BGP, with more seeds. The sentences of the \
         table are those that [the infrastructures' page](../infrastructures.md) says of failures, or that the design of \
         each lets one expect. Intervals are of 95 %.",
    );
    let lost = loss::measure(setup, &mut page)?;
    let parted = islands::measure(setup, &mut page)?;
    lost.judge(&mut page);
    parted.judge(&mut page);
    Ok(page)
}
