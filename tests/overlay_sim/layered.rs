//! An index whose entries lie in a ring.

use std::time::Duration;

use anybed::anycast::{Beyond, Command};
use anybed::overlay::Answer;

use crate::asking::{Spec, Town, id};

const SECOND: Duration = Duration::from_secs(1);
const LIBRARY: usize = 1;
/// In neither overlay.
const STRANGER: usize = 8;

/// Chord on hosts 0 to 4, over it an index on hosts 4 to 7.
fn town() -> Town {
    let music = Spec {
        name: "music",
        protocol: "chord",
        members: (0..5).collect(),
        guests: (5..8).collect(),
        beyond: Beyond::default(),
    };
    let library = Spec {
        name: "library",
        protocol: "index",
        members: (4..8).collect(),
        guests: vec![STRANGER],
        beyond: Beyond { over: Some("music".into()), ..Beyond::default() },
    };
    Town::joined(vec![music, library], 9)
}

fn share(town: &mut Town, host: usize, name: &str) {
    let name = name.to_owned();
    let (answer, _) = town.ask(LIBRARY, host, |token| Command::Share { token, name });
    assert!(matches!(answer, Answer::Shared { stored: true, .. }), "h{host}: {answer:?}");
}

#[test]
fn what_some_share_is_found_by_others_and_by_a_stranger() {
    let mut town = town();
    share(&mut town, 4, "red fox");
    share(&mut town, 6, "old fox");
    let mut both = vec![id("library", 4), id("library", 6)];
    both.sort_unstable();
    for host in [4, 5, 7, STRANGER] {
        let (mut hits, _) = town.search(LIBRARY, host, "fox");
        hits.sort_unstable();
        assert_eq!(hits, both, "h{host}");
    }
    assert_eq!(town.search(LIBRARY, 7, "fox red").0, [id("library", 4)]);
    assert_eq!(town.search(LIBRARY, 7, "whale").0, []);
    town.sim.command(6, ("library".into(), Command::Leave));
    town.sim.run_for(10 * SECOND);
    assert_eq!(town.search(LIBRARY, 7, "fox").0, [id("library", 4)], "who has left shares nothing");
}

#[test]
fn nodes_that_keep_entries_die_and_copies_are_found() {
    // Each in a town of its own, so that one of them has kept the entry.
    for dead in 0..4 {
        let mut town = town();
        share(&mut town, 5, "red fox");
        town.sim.crash(dead);
        town.sim.run_for(5 * SECOND);
        assert_eq!(town.search(LIBRARY, 7, "fox").0, [id("library", 5)], "h{dead}");
    }
}
