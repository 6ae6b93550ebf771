//! What the overlays' own papers print, and what the overlays here do.
//!
//! - `sheet`: published numbers beside ours; `common`: what the parts share
//! - `chord`: path lengths; `failing`: many nodes fail at once; `pastry`: hops; `can`: zones and paths
//! - `churn`: lookups while nodes come and go

mod can;
mod chord;
mod churn;
mod common;
mod failing;
mod pastry;
mod sheet;

use super::Setup;
use super::page::Page;
use sheet::Sheet;

/// Plays all of it in the simulated network.
pub fn measure(setup: &Setup) -> Page {
    let mut page = Page::new("faithful", "to the papers: published numbers beside ours");
    setup.say("Chord: path lengths");
    let paths = chord::run(setup);
    setup.say("a share of all nodes fails at once");
    let failing = failing::run(setup);
    setup.say("Pastry: hops");
    let pastry = pastry::run(setup);
    setup.say("CAN: zones and paths");
    let zones = can::run(setup);
    setup.say("churn");
    let churning = churn::run(setup);
    let mut sheet = Sheet::new();
    paths.compare(&mut sheet, &mut page);
    failing.compare(&mut sheet, &mut page);
    pastry.compare(&mut sheet, &mut page);
    zones.compare(&mut sheet, &mut page);
    churning.compare(&mut sheet, &mut page);
    page.heading("Published and ours");
    page.text(
        "All of ours is simulated: the same nodes as in a lab, without links, hosts or routing, twenty runs a row unless \
         the parts below say otherwise. A row is found by its line: all of the interval on one side of it, or it is open. \
         **From memory** is said of a published number that nobody has looked up for this page: it may be off, and where \
         ours differs from such a number, that shows no more than that one of the two should be looked at.",
    );
    page.table(sheet.table());
    paths.show(&mut page);
    failing.show(&mut page);
    pastry.show(&mut page);
    zones.show(&mut page);
    churning.show(&mut page);
    page.heading("Where the code goes beyond a published rule");
    page.text(BEYOND);
    page.heading("Not run");
    page.text(NOT_RUN);
    page
}

const BEYOND: &str = "\
- **Chord.** Maintenance follows Zave's rules: a list is copied whole from a successor that has answered, a candidate \
is asked before it is adopted, and a predecessor is replaced when it does not answer (\"How to make Chord correct\", \
2015). Her proof is of a ring that begins with r + 1 members for lists of r, and of those operations alone. It does not \
cover what is done here besides: overlays begin with one member; `merge` takes entries of another's list into one's own \
unasked (a good-bye, an island found again, a node that had lost all neighbors); a joiner is told its place by more than \
the join rule; notifications are sent twice in a merge; a node without a predecessor takes its successor's as a guess. \
These are tested (random courses of joins, crashes and partitions), not proved.\n\
- **Chord.** An answer comes from the owner, which must know itself as such by its predecessor: the paper's comes from \
the node before. That costs a hop and a wrong answer less. Failures are looked for at once among all neighbors when one \
is found dead; the paper waits for the next round.\n\
- **Pastry.** A leaf is taken only when it has spoken itself, and an owner answers only if its neighbor on that side \
agrees (after MSPastry, DSN 2004). At the join all nodes that become known are asked for their rows, which is more state \
than the paper's most expensive variant exchanges.\n\
- **CAN.** `partitioning = \"uniform\"` compares zones up to eight times, the paper once (`uniform-once`). Zones are \
prefixes of interleaved ids, so that halves alternate between dimensions as in the paper.\n\
- **All.** The timeout follows what answers take (RFC 6298); lookups begin again around what did not answer.";

const NOT_RUN: &str = "\
CAN's realities, overloaded zones and its table of 2^18 nodes with all knobs: not in the code, or too large. Pastry's \
cheaper variants of joining (SL, WT) beside WTF: the code has one way of joining. Pastry's nearest of k replicas (68 and \
76 %), and its route distances: 4.2 measures distances by other means. Chord's Internet prototype. Churn with sessions \
that are not exponential, and Bamboo's comparison of FreePastry and MIT Chord, which is of other code.";
