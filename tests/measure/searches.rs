//! Searches that go on to other overlays: what was there to find, and who is judged by whom.

use anybed::measure::{Outcome, SearchReport};
use anybed::overlay::id::Id;
use anybed::record::{Found, NodeDid, Passed, What};
use anybed::scenario::{Op, Value, When};
use anybed::topology::Protocol;

use crate::metric::metric;
use crate::synthetic::{Synthetic, neighbors};

const MUSIC: [&str; 3] = ["west.n1", "west.n2", "west.n3"];
const FILES: [&str; 2] = ["east.n1", "east.n2"];
const GUEST: &str = "east.n3";

fn passed(path: &[(&str, &str)]) -> Vec<Passed> {
    path.iter().map(|(overlay, at)| Passed { overlay: (*overlay).into(), at: (*at).into() }).collect()
}

/// `books` has members as `music` does, and shares; a question to `music` comes to `files` alone.
struct Lab(Synthetic);

impl Lab {
    fn new() -> Self {
        let mut lab = Synthetic::new("asking")
            .stubs(&[("west", &["n1", "n2", "n3"], &[]), ("east", &["n1", "n2", "n3"], &[])])
            .overlay("music", &MUSIC)
            .overlay("files", &FILES)
            .overlay("books", &MUSIC);
        for (index, overlay) in lab.facts.overlays.iter_mut().enumerate().skip(1) {
            overlay.protocol = Protocol::named("gnutella").expect("it is one");
            overlay.ids.values_mut().for_each(|id| *id = Id(id.0 + index as u128));
        }
        lab.facts.overlays[0].reaches = vec!["files".into()];
        let mut lab = Self(lab);
        for (overlay, hosts) in [("music", &MUSIC[..]), ("files", &FILES), ("books", &MUSIC)] {
            for (turn, host) in hosts.iter().enumerate() {
                let served_by = (turn > 0).then(|| hosts[0].to_owned());
                let joined = NodeDid::Joined { served_by, milliseconds: 3.0, attempts: 1, redirected: 0 };
                lab.did(1.0, overlay, host, joined);
            }
        }
        lab
    }

    fn did(&mut self, seconds: f64, overlay: &str, host: &str, did: NodeDid) -> &mut Self {
        self.0.at(seconds, What::Node { node: host.into(), overlay: overlay.into(), did });
        self
    }

    fn share(&mut self, seconds: f64, overlay: &str, host: &str, name: &str) -> &mut Self {
        self.did(seconds, overlay, host, NodeDid::Shared { name: name.into() })
    }

    /// A search in `music`, which found that name at these hosts.
    fn search(&mut self, at: f64, asker: &str, words: &str, hits: &[(&str, &str)], path: &[(&str, &str)]) -> &mut Self {
        let hits = hits.iter().map(|(name, at)| Found { name: (*name).into(), at: (*at).into() }).collect();
        let path = passed(path);
        let searched = NodeDid::Searched { words: words.into(), hits, hops: 2, milliseconds: 40.0, path };
        self.did(at, "music", asker, searched)
    }

    fn report(&mut self) -> SearchReport {
        self.0.end(30.0);
        self.0.report().overlays["music"].searches.clone().expect("there were searches")
    }

    /// Found, missed, in another island, nothing there, only what is not there.
    fn verdicts(&mut self) -> [usize; 5] {
        let report = self.report();
        assert_eq!(report.ended, report.found + report.missed + report.apart + report.nothing + report.wrong);
        [report.found, report.missed, report.apart, report.nothing, report.wrong]
    }
}

#[test]
fn what_another_overlay_has_is_found_through_a_path_or_missed() {
    let mut lab = Lab::new();
    lab.share(2.0, "files", "east.n2", "red fox")
        .search(5.0, "west.n1", "red", &[("red fox", "east.n2")], &[("files", "east.n1")])
        .search(6.0, "west.n1", "fox", &[], &[]);
    for (share, from, to) in [(1.0, 5.0, 5.5), (0.0, 5.5, 7.0), (0.5, 5.0, 7.0)] {
        let when = When::During { from, to };
        lab.0.expect(metric("search success of music"), Op::Eq, Value::Number(share), when);
    }
    assert_eq!(lab.verdicts(), [1, 1, 0, 0, 0]);
    let verdicts = lab.0.report().expectations;
    assert!(verdicts.iter().all(|verdict| verdict.verdict == Outcome::Pass), "{verdicts:?}");
}

#[test]
fn a_hit_is_looked_for_where_its_path_ends() {
    // Of the same host's two nodes only that in `files` shares it.
    let shared = |path: &[(&str, &str)]| {
        let mut lab = Lab::new();
        lab.0.facts.overlays[1].ids.insert("west.n2".into(), Id(77));
        let joined = NodeDid::Joined { served_by: None, milliseconds: 3.0, attempts: 1, redirected: 0 };
        lab.did(1.5, "files", "west.n2", joined).share(2.0, "files", "west.n2", "red fox");
        lab.search(5.0, "west.n1", "red", &[("red fox", "west.n2")], path).verdicts()
    };
    assert_eq!(shared(&[("files", "east.n1")]), [1, 0, 0, 0, 0]);
    assert_eq!(shared(&[]), [0, 0, 0, 0, 1], "its node in `music` shares nothing");
}

#[test]
fn what_lies_where_no_question_comes_to_is_not_missed() {
    let mut lab = Lab::new();
    lab.share(2.0, "books", "west.n2", "red fox").search(5.0, "west.n1", "red", &[], &[]);
    assert_eq!(lab.verdicts(), [0, 0, 0, 1, 0]);
    // Nor what was shared by who is no member any more.
    let mut lab = Lab::new();
    lab.share(2.0, "files", "east.n2", "red fox").did(3.0, "files", "east.n2", NodeDid::Left);
    assert_eq!(lab.search(5.0, "west.n1", "red", &[], &[]).verdicts(), [0, 0, 0, 1, 0]);
    // A kept answer names what is not there any more.
    let mut lab = Lab::new();
    lab.share(2.0, "files", "east.n2", "red fox").did(3.0, "files", "east.n2", NodeDid::Left);
    lab.search(5.0, "west.n1", "red", &[("red fox", "east.n2")], &[("files", "east.n1")]);
    assert_eq!(lab.verdicts(), [0, 0, 0, 0, 1]);
}

/// In an overlay that is in two islands, with something in one of them.
fn parted(asker: &str, path: &[(&str, &str)]) -> [usize; 5] {
    let mut lab = Lab::new();
    lab.0.facts.overlays[0].protocol = Protocol::named("gnutella").expect("it is one");
    lab.share(2.0, "music", "west.n3", "red fox")
        .did(3.0, "music", "west.n1", neighbors(&["west.n2"], None, &[]))
        .did(3.0, "music", "west.n2", neighbors(&["west.n1"], None, &[]))
        .did(3.0, "music", "west.n3", neighbors(&[], None, &[]));
    lab.search(5.0, asker, "red", &[], path).verdicts()
}

#[test]
fn a_guest_is_judged_by_the_member_that_it_asked() {
    assert_eq!(parted("west.n1", &[]), [0, 0, 1, 0, 0], "it lies in another island than the asker's");
    assert_eq!(parted("west.n3", &[]), [0, 1, 0, 0, 0]);
    assert_eq!(parted(GUEST, &[("music", "west.n1")]), [0, 0, 1, 0, 0], "than that of who was asked");
    assert_eq!(parted(GUEST, &[("music", "west.n3")]), [0, 1, 0, 0, 0], "who was asked has it");
    // Who reached nobody has no island.
    assert_eq!(parted(GUEST, &[]), [0, 0, 1, 0, 0]);
}
