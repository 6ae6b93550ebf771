//! Overlays that search, beside published numbers: how far queries go, what they cost, and what they find.
//!
//! - `flooding`: Gnutella 0.4 by TTL; `routing`: what 0.6 spares; `places`: where links lead
//! - `learning`: Freenet's paths; `popular`: what is found of what is rare; `parted`: two halves and one link
//! - `common`: what the parts share

mod common;
mod flooding;
mod learning;
mod parted;
mod places;
mod popular;
mod routing;

use super::Setup;
use super::page::Page;

/// Plays all of it in the simulated network.
pub fn measure(setup: &Setup) -> Page {
    let mut page = Page::new("searching", "overlays that search, beside published numbers");
    page.heading("How it was made");
    page.text(
        "All of it is simulated: the nodes of a lab, without links, hosts or routing, at random points of a square (52 ms one \
         way on average) unless said otherwise. Nodes join one after another by anycast, while the overlay grows by half in each round of \
         30 s, and settle for ten rounds. Searches are asked one at a time, so what all nodes count \
         meanwhile is what one search costs. A run is one value, and an interval is of the mean over runs. A published \
         number that nobody has looked up for this page is said to be from memory.",
    );
    flooding::run(setup, &mut page);
    routing::run(setup, &mut page);
    places::run(setup, &mut page);
    learning::run(setup, &mut page);
    popular::run(setup, &mut page);
    parted::run(setup, &mut page);
    page
}
