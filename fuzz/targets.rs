//! What the fuzzers, and the test that replays their corpus, do with bytes. Each function panics when it
//! finds something wrong.

use std::path::Path;

use anybed::anycast::flow::{self, Datagram, Known};
use anybed::anycast::probe::{self, Probe, ProbeReply};

#[path = "members.rs"]
mod members;
#[path = "servers.rs"]
mod servers;
#[path = "streams.rs"]
mod streams;

pub(crate) use members::{datagram, life, sealed};
pub(crate) use servers::servers;
pub(crate) use streams::{streams, walks};

type Target = fn(&[u8]);

/// Every target, by the name of its binary and of its corpus.
pub(crate) const TARGETS: [(&str, Target); 11] = [
    ("life", life),
    ("datagram", datagram),
    ("sealed", sealed),
    ("servers", servers),
    ("streams", streams),
    ("walks", walks),
    ("probe", probe_and_flow),
    ("lab_file", lab_file),
    ("graphml", graphml),
    ("mrt", mrt),
    ("routes", routes),
];

/// What clients send to sites, and sites to clients.
pub(crate) fn probe_and_flow(bytes: &[u8]) {
    if let Some(answer) = probe::answer("west.n1", bytes) {
        assert!(answer.len() <= bytes.len() && ProbeReply::decode(&answer).is_ok());
    }
    let _ = (Probe::decode(bytes), ProbeReply::decode(bytes));
    let mut known = Known::default();
    for now in 0..2 {
        if let Some(answer) = known.answer("west.n1", now, bytes) {
            assert!(answer.encode().len() <= bytes.len(), "no answer is larger than its request");
        }
    }
    if let Ok(datagram) = Datagram::decode(bytes) {
        assert_eq!(Datagram::decode(&datagram.encode()), Ok(datagram));
    }
    let mut stream = bytes.to_vec();
    while let Some((_, host)) = flow::take_answer(&mut stream) {
        assert!(host.len() <= 3 * 255);
    }
}

/// A lab file loads, or its problems are told.
pub(crate) fn lab_file(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    // Other files are of no interest, and large networks take long.
    if text.len() > 4096 || text.contains("graphml") || text.contains("generate") {
        return;
    }
    let overrides = anybed::topology::Overrides::default();
    if let Err(problems) = anybed::scenario::read_text(Path::new("lab.toml"), text, &overrides) {
        assert!(!problems.render(false).is_empty());
    }
}

pub(crate) fn graphml(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    let external = bytes.len().is_multiple_of(2);
    let choice = anybed::topology::graphml::Choice { external, largest_part: !external };
    match anybed::topology::graphml::parse("graph.graphml", "graph", text, choice) {
        Ok(graph) => assert!(!anybed::topology::graphml::to_lab_file(&graph).is_empty()),
        Err(problems) => assert!(!problems.render(false).is_empty()),
    }
}

/// What BIRD dumps is read in any portions.
pub(crate) fn mrt(bytes: &[u8]) {
    let reader = || anybed::routing::registry::preferred().heard("west").expect("BIRD dumps").1;
    let (found, taken) = reader().read(bytes);
    assert!(taken <= bytes.len());
    let mut halves = reader();
    let (first, begun) = halves.read(&bytes[..bytes.len() / 2]);
    let (rest, _) = halves.read(&bytes[begun..]);
    assert_eq!([first, rest].concat(), found, "in two portions");
}

/// BIRD's answers to `show route … all`.
pub(crate) fn routes(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    let lines: Vec<String> = text.lines().map(str::to_owned).collect();
    let routes = anybed::routing::bird::routes::parse(&lines);
    assert!(routes.len() <= lines.len());
    if let [best, other, ..] = &routes[..] {
        assert!(!anybed::routing::route::why(best, other).is_empty());
    }
}
