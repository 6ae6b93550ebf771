//! FRR: a process for each protocol, and zebra, which writes the kernel's table for all of them.

mod config;
mod control;
mod find;
mod names;
mod render;
mod routes;
mod vty;

use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::Result;
use futures_util::future::BoxFuture;

use self::names::{BGPD, MAKE, TITLE};
use super::daemon::{Control, Daemon, Feature, FindError, Heard, Installed, Needs, Places, RenderError, Renderer};
use super::mrt::Dump;
use crate::program::Process;

#[derive(Debug)]
pub(super) struct Row;

pub(super) const FRR: Row = Row;

impl Daemon for Row {
    fn name(&self) -> &'static str {
        MAKE
    }

    fn title(&self) -> &'static str {
        TITLE
    }

    fn make(&self) -> &'static str {
        MAKE
    }

    fn on_hosts(&self) -> bool {
        false
    }

    fn has(&self, feature: Feature) -> bool {
        matches!(feature, Feature::Mrai | Feature::Damping | Feature::Weight | Feature::Origination)
    }

    fn processes(&self, needs: &Needs) -> Vec<Process> {
        names::processes(needs)
    }

    fn places(&self, named: &Places) -> Result<Vec<PathBuf>, FindError> {
        find::places(named)
    }

    fn examine(&'static self, path: &Path) -> Result<Installed, FindError> {
        Ok(Installed { daemon: self, path: path.to_owned(), version: find::examine(path)? })
    }

    /// Each process makes `/var/tmp/frr/NAME.PID`, and one that is killed leaves it there.
    fn scratch(&self) -> &'static [&'static str] {
        &["/var/tmp"]
    }

    /// A neighbor is told all there is 0.4 s after its session is up (`BGP_ANNOUNCE_ROUTE_DELAY_MS`), and a route that
    /// has changed waits 50 ms in each bgpd (`bgp_process_queue_init`).
    fn hesitates(&self) -> Duration {
        Duration::from_millis(900)
    }

    fn executable(&self, path: &Path, process: Process) -> PathBuf {
        path.join(process.name)
    }

    fn renderer(&self, own: Option<&Path>, installed: Option<&Installed>) -> Result<Box<dyn Renderer>, RenderError> {
        Ok(Box::new(render::Configs::load(own, installed)?))
    }

    fn can_validate(&self, installed: &Installed) -> Result<(), FindError> {
        find::can_validate(installed)
    }

    fn check(&self, path: &Path, process: Process, config: &Path) -> Result<Result<(), String>> {
        find::check(path, process, config)
    }

    fn socket(&self, node: &str) -> PathBuf {
        names::vty(node, BGPD)
    }

    fn control<'a>(&self, socket: &'a Path) -> BoxFuture<'a, Result<Box<dyn Control>>> {
        Box::pin(async move { Ok(Box::new(control::Bgpd::open(socket).await?) as Box<dyn Control>) })
    }

    fn heard(&self, node: &str) -> Option<(PathBuf, Box<dyn Heard>)> {
        Some((names::dump(node), Box::new(Dump::default())))
    }
}
