//! Section 4.4: a host in several overlays at once, joined and left by their anycast addresses; overlays that ask each
//! other.
//!
//! - [`town`]: hosts with several overlays each, in the simulated network
//! - [`joins`]: how long joining several takes, and what it costs; [`service`]: beside manual service points
//! - [`outside`]: asking without being a member, and from overlay to overlay
//! - [`outages`]: a stub's failure in all of them
//! - [`labs`]: what BGP says to it, and what a host under load does, in namespaces

mod joins;
mod labs;
mod outages;
mod outside;
mod service;
mod town;

use anyhow::Result;

use super::Setup;
use super::page::Page;

pub(super) fn measure(setup: &Setup) -> Result<Page> {
    let mut page = Page::new("4.4", "Multi-overlay interconnection");
    page.text(
        "The paper gives each overlay an anycast address, so that \"a node needs only to send join requests to the interested \
         overlays\", and \"can freely join and leave several overlay networks at a time\"; it calls this simple, scalable and \
         transparent, and measures nothing. Hosts here are one process each with one port, whatever they are members of. \
         Intervals are of 95 %.",
    );
    joins::measure(setup, &mut page);
    service::measure(setup, &mut page);
    outside::measure(setup, &mut page);
    outages::measure(setup, &mut page);
    labs::measure(setup, &mut page)?;
    Ok(page)
}
