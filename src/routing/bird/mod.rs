//! BIRD, versions 2 and 3: two rows, one room.

mod control;
mod find;
mod names;
mod render;
pub mod routes;

use std::path::{Path, PathBuf};

use anyhow::Result;
use futures_util::future::BoxFuture;

use self::names::{PROCESS, TITLE};
use super::daemon::{Control, Daemon, Feature, FindError, Heard, Installed, Needs, Places, RenderError, Renderer};
use super::mrt::Dump;
use crate::program::Process;

/// What one of them needs otherwise than the other.
#[derive(Debug)]
pub(super) struct Bird {
    name: &'static str,
    /// Versions from this one on, up to the next major one.
    from: (u32, u32, u32),
    /// Seconds from one look at the kernel's table to the next.
    kernel_scan: u32,
}

/// Each look reads the whole table.
pub(super) const BIRD_2: Bird = Bird { name: "bird2", from: (2, 0, 12), kernel_scan: 20 };

/// BIRD 3 leaves routes that it believes in out of the kernel's table until it looks (3.1.8, 3.4.0:
/// `findings/bird3-kernel-hole.sh`), where BIRD 2 puts them back at once.
pub(super) const BIRD_3: Bird = Bird { name: "bird3", from: (3, 0, 0), kernel_scan: 2 };

impl Daemon for Bird {
    fn name(&self) -> &'static str {
        self.name
    }

    fn title(&self) -> &'static str {
        TITLE
    }

    fn make(&self) -> &'static str {
        PROCESS.name
    }

    fn on_hosts(&self) -> bool {
        true
    }

    fn has(&self, feature: Feature) -> bool {
        !matches!(feature, Feature::Mrai | Feature::Damping | Feature::Weight)
    }

    fn processes(&self, _: &Needs) -> Vec<Process> {
        vec![PROCESS]
    }

    fn places(&self, named: &Places) -> Result<Vec<PathBuf>, FindError> {
        find::places(named)
    }

    fn examine(&'static self, path: &Path) -> Result<Installed, FindError> {
        Ok(Installed { daemon: self, path: path.to_owned(), version: find::examine(path, self.from)? })
    }

    fn executable(&self, path: &Path, _: Process) -> PathBuf {
        path.to_owned()
    }

    fn renderer(&self, own: Option<&Path>, _: Option<&Installed>) -> Result<Box<dyn Renderer>, RenderError> {
        Ok(Box::new(render::Configs::load(own, self.kernel_scan)?))
    }

    fn check(&self, path: &Path, _: Process, config: &Path) -> Result<Result<(), String>> {
        find::check(path, config)
    }

    fn socket(&self, node: &str) -> PathBuf {
        names::socket(node)
    }

    fn control<'a>(&self, socket: &'a Path) -> BoxFuture<'a, Result<Box<dyn Control>>> {
        Box::pin(async move { Ok(Box::new(control::Connection::open(socket).await?) as Box<dyn Control>) })
    }

    fn heard(&self, node: &str) -> Option<(PathBuf, Box<dyn Heard>)> {
        Some((names::dump(node), Box::new(Dump::default())))
    }
}
