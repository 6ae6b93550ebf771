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

use anyhow::Result;
pub(super) use labs::by_policies;

use super::Setup;
use super::page::Page;
use network::Network;

pub(super) fn measure(setup: &Setup) -> Result<Page> {
    let mut page = Page::new("4.2", "Topology awareness");
    let networks = Network::all(setup)?;
    let labs = labs::in_labs(setup, &mut page)?;
    let closed_forms = colors::lists(setup, &mut page, &networks);
    labs.judge_colors(&mut page, closed_forms);
    colors::farthest(setup, &mut page, &networks);
    lookups::measure(setup, &mut page, &networks);
    infrastructures::measure(setup, &mut page);
    Ok(page)
}
