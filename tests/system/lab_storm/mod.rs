//! A storm of faults, several in force at a time and undone in any order, leaves a lab as it was.

mod faults;
mod network;
mod picture;

use std::io::Write;
use std::time::Instant;

use self::faults::{Draws, Pair};
use self::network::Network;
use self::picture::Picture;
use crate::support::{DEADLINE, Lab, Place, scenes, skip, wait_until};

/// Faults in force at a time.
const MOST: usize = 8;

/// What is said then.
const NATURAL: [&str; 8] = [
    "is not running",
    "is running",
    "is frozen",
    "has crashed",
    "has failed already",
    "does not announce",
    "flaps",
    "nothing to cut",
];

struct Storm {
    routers: usize,
    pairs: usize,
    seed: u64,
}

scenes!(a_short_storm_leaves_nothing: root_dual rootless_ipv6);

fn a_short_storm_leaves_nothing(place: &Place) {
    blow(place, &Storm { routers: 12, pairs: 60, seed: 1 });
}

/// `scripts/fault-storm` runs it, and says how long it shall be.
#[test]
#[ignore = "minutes: scripts/fault-storm runs it"]
fn a_storm_leaves_nothing() {
    let number = |name: &str, default: u64| {
        let text = std::env::var(format!("ANYBED_STORM_{name}")).ok();
        text.map_or(default, |text| text.parse().unwrap_or_else(|e| panic!("ANYBED_STORM_{name}: {e}")))
    };
    let (routers, pairs) = (number("ROUTERS", 30) as usize, number("PAIRS", 1000) as usize);
    let storm = Storm { routers, pairs, seed: number("SEED", 1) };
    crate::support::play("a_storm", crate::support::Scene::of("root_dual"), |place| blow(place, &storm));
}

fn blow(place: &Place, storm: &Storm) {
    let missing = skip::no_impairments(place);
    if let Some(missing) = &missing {
        skip::say(&format!("the impairments of {}", place.name), missing);
    }
    let network = Network::generate(storm.routers, missing.is_none());
    let begun = Instant::now();
    let lab = Lab::up(place, &place.write("storm.toml", &network.text));
    let before = wait_for_quiet(&lab);
    say(&format!("built in {:.1} s: {before}", begun.elapsed().as_secs_f64()));

    let begun = Instant::now();
    let (done, refused) = rage(&lab, &network, storm);
    say(&format!("{done} pairs, {refused} refused, in {:.1} s", begun.elapsed().as_secs_f64()));
    assert_eq!(lab.damage(), [""; 0]);

    let begun = Instant::now();
    settle(&lab, &network, &before);
    say(&format!("as before after {:.1} s", begun.elapsed().as_secs_f64()));
    let unexpected: Vec<_> =
        lab.events().into_iter().filter(|e| e["event"] == "exit" && e["expected"] == false).collect();
    assert!(unexpected.is_empty(), "{unexpected:?}");
}

/// Waits until the lab is as it was. A BIRD may have computed its routes before a neighbor was full, and does not
/// compute them again (docs/daemons.md, "Full neighbors and no route"): such a one is restarted, once, and said.
/// Where there is another way, it and its neighbors go that way, and nothing is unreachable.
fn settle(lab: &Lab<'_>, network: &Network, before: &Picture) {
    let begun = Instant::now();
    let mut restarted = false;
    wait_until("the lab is as it was", || {
        let Some(difference) = before.difference(&Picture::of(lab, "k1")) else { return Ok(()) };
        // Hold times and OSPF's 5 s are over by then.
        if !restarted && begun.elapsed() > DEADLINE / 2 {
            restarted = true;
            for router in network.routers.iter().filter(|router| has_lost_a_hop(lab, router)) {
                say(&format!("{router} has full neighbors and no route: its BIRD is restarted\n{difference}"));
                for action in ["crash", "restart"] {
                    lab.fault(&format!("{action} {router} bird")).ok();
                }
            }
        }
        Err(difference)
    });
}

fn has_lost_a_hop(lab: &Lab<'_>, router: &str) -> bool {
    let log = std::fs::read_to_string(lab.out.join("logs").join(format!("{router}.bird.log"))).unwrap_or_default();
    log.contains("Cannot find next hop for LSA")
}

/// Does the faults and undos; returns how many pairs, and how many faults were refused as things were.
fn rage(lab: &Lab<'_>, network: &Network, storm: &Storm) -> (usize, usize) {
    let mut draws = Draws::new(network, storm.seed);
    let (mut done, mut refused) = (0, 0);
    while done < storm.pairs {
        if draws.is_pause() {
            // A look takes a second or two, in which routing sees what is broken.
            drop(Picture::of(lab, "k1"));
        }
        if draws.is_fault(MOST) {
            let pair = draws.fault();
            match act(lab, &pair.fault) {
                Ok(()) => draws.in_force.push(pair),
                Err(why) => {
                    assert!(is_natural(&why), "`{}` was refused: {why}", pair.fault);
                    refused += 1;
                }
            }
        } else {
            done += usize::from(undo(lab, &mut draws));
        }
        if done > 0 && done.is_multiple_of(100) && draws.in_force.is_empty() {
            say(&format!("{done} pairs"));
        }
    }
    // A site that is down announces again when it has been restarted.
    let mut patience = 20 * MOST;
    while !draws.in_force.is_empty() {
        assert!(patience > 0, "cannot be undone: {:#?}", draws.in_force);
        patience -= 1;
        done += usize::from(undo(lab, &mut draws));
    }
    (done, refused)
}

/// Undoes one of the faults in force. False: it has to wait for the undo of another.
fn undo(lab: &Lab<'_>, draws: &mut Draws<'_>) -> bool {
    let pair: Pair = draws.undo();
    let Err(why) = act(lab, &pair.undo) else { return true };
    // A process that was killed is not frozen any more, and a flap ends by itself.
    if why.contains("is not frozen") || why.contains("does not flap") {
        return true;
    }
    assert!(is_natural(&why), "`{}` was refused: {why}", pair.undo);
    draws.in_force.push(pair);
    false
}

/// Whether a fault or undo was refused because another fault is in force.
fn is_natural(why: &str) -> bool {
    NATURAL.iter().any(|natural| why.contains(natural))
}

fn act(lab: &Lab<'_>, action: &str) -> Result<(), String> {
    let done = lab.fault(action);
    match done.code() {
        0 => Ok(()),
        2 => Err(done.stderr),
        _ => panic!("{done}"),
    }
}

/// A picture that stays the same: the last hellos and the last routes have come.
fn wait_for_quiet(lab: &Lab<'_>) -> Picture {
    let mut last = Picture::of(lab, "k1");
    wait_until("the lab stands still", || {
        let now = Picture::of(lab, "k1");
        let difference = last.difference(&now);
        last = now;
        difference.map_or(Ok(()), Err)
    });
    last
}

/// Not `eprintln!`, which the test runner keeps for failures.
fn say(line: &str) {
    let _ = writeln!(std::io::stderr(), "{line}");
}
