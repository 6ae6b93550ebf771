//! Section 4.2: how near the nodes are that anycast finds, and what that does to lookups.
//!
//! - `labs`, `ases`, `reached`: labs in which BGP decides, on Abilene and in networks where it misleads; what each says
//! - `colors`, `received`, `lists`: neighbor lists by colors in the simulated network, and what theory expects
//! - `lookups`, `young`: what new nodes learn, and their lookups from the join on
//! - `infrastructures`: what new nodes learn over PIAS, i3 and OASIS beside plain IP anycast
//! - `network`: who is where

mod ases;
mod colors;
mod infrastructures;
mod labs;
mod lists;
mod lookups;
mod network;
mod reached;
mod received;
mod young;

use anyhow::{Result, anyhow};
pub(super) use labs::by_policies;

use super::Setup;
use super::page::Page;
use network::Network;

pub(super) fn measure(setup: &Setup) -> Result<Page> {
    let mut page = Page::new("4.2", "Topology awareness");
    let networks = Network::all(setup)?;
    // What the labs say is of routing and of milliseconds of delay: simulations beside them do not change it, and a
    // machine that did not keep up plays a lab again.
    let (mut lists, mut rest) = (Page::new("", ""), Page::new("", ""));
    let (labs, closed_forms) = std::thread::scope(|scope| {
        let labs = scope.spawn(|| labs::play(setup));
        let closed_forms = colors::lists(setup, &mut lists, &networks);
        colors::farthest(setup, &mut rest, &networks);
        lookups::measure(setup, &mut rest, &networks);
        infrastructures::measure(setup, &mut rest);
        // A thread that panicked has shown why already.
        (labs.join().map_err(|_| anyhow!("the labs were not played")), closed_forms)
    });
    let labs = labs??;
    labs::show(&mut page, &labs);
    page.append(lists);
    labs.judge_colors(&mut page, closed_forms);
    page.append(rest);
    Ok(page)
}
