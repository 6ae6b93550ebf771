//! What the tests of the program share: a place of its own for each test, commands that say
//! everything when they fail, labs that end with their test, and waiting for conditions.

mod done;
pub(crate) mod faulty;
mod host;
mod judge;
mod lab;
mod place;
mod scene;
pub(crate) mod skip;

use std::fmt::Display;
use std::time::{Duration, Instant};

pub(crate) use done::{Done, Running};
pub(crate) use host::{Host, Labs};
pub(crate) use judge::judge;
pub(crate) use lab::{Lab, events, probes, wait_for_play};
pub(crate) use place::{Place, project};
pub(crate) use scene::{Family, Scene, play};
pub(crate) use skip::say as skipped;

/// Generous: only a broken program, never a busy machine, should reach it.
pub(crate) const DEADLINE: Duration = Duration::from_secs(60);

/// Looks until `look` finds what it looks for. At the deadline: `what` was waited for, and the last
/// thing seen instead.
pub(crate) fn wait_until<T, E: Display>(what: &str, mut look: impl FnMut() -> Result<T, E>) -> T {
    let deadline = Instant::now() + DEADLINE;
    loop {
        match look() {
            Ok(found) => return found,
            Err(seen) if Instant::now() > deadline => panic!("waited in vain until {what}; the last look:\n{seen}"),
            // What is waited for (a file's growth, a process's end) announces nothing to us.
            Err(_) => std::thread::park_timeout(Duration::from_millis(10)),
        }
    }
}

/// Makes `mod NAME` with one test per scene of `fn NAME(place: &Place)`.
macro_rules! scenes {
    ($name:ident: $($scene:ident)+) => {
        mod $name {
            $(
                #[test]
                fn $scene() {
                    let scene = crate::support::Scene::of(stringify!($scene));
                    crate::support::play(stringify!($name), scene, super::$name);
                }
            )+
        }
    };
}
pub(crate) use scenes;
