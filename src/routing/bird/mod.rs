//! BIRD, versions 2 and 3: two rows, one room.

mod control;
mod find;
mod mrt;
mod names;
mod render;
pub mod routes;

use std::path::{Path, PathBuf};

use anyhow::Result;
use futures_util::future::BoxFuture;

use self::names::{PROCESS, TITLE};
use super::daemon::{Control, Daemon, FindError, Heard, Installed, RenderError, Renderer};
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
pub(super) const BIRD_2: Bird = Bird { name: "bird-2", from: (2, 0, 12), kernel_scan: 20 };

/// BIRD 3 leaves routes that it believes in out of the kernel's table until it looks (3.1.8, 3.4.0:
/// `findings/bird3-kernel-hole.sh`), where BIRD 2 puts them back at once.
pub(super) const BIRD_3: Bird = Bird { name: "bird-3", from: (3, 0, 0), kernel_scan: 2 };

impl Daemon for Bird {
    fn name(&self) -> &'static str {
        self.name
    }

    fn title(&self) -> &'static str {
        TITLE
    }

    fn processes(&self) -> &'static [Process] {
        &[PROCESS]
    }

    fn find(&'static self, named: Option<&Path>) -> Result<Installed, FindError> {
        let (path, version) = find::find(named, self.from)?;
        Ok(Installed { daemon: self, path, version })
    }

    fn renderer(&self, own: Option<&Path>) -> Result<Box<dyn Renderer>, RenderError> {
        Ok(Box::new(render::Configs::load(own, self.kernel_scan)?))
    }

    fn check(&self, executable: &Path, config: &Path) -> Result<Result<(), String>> {
        find::check(executable, config)
    }

    fn socket(&self, node: &str) -> PathBuf {
        names::socket(node)
    }

    fn control<'a>(&self, socket: &'a Path) -> BoxFuture<'a, Result<Box<dyn Control>>> {
        Box::pin(async move { Ok(Box::new(control::Connection::open(socket).await?) as Box<dyn Control>) })
    }

    fn heard(&self, node: &str) -> Option<(PathBuf, Box<dyn Heard>)> {
        Some((names::dump(node), Box::new(mrt::Dump::default())))
    }
}
