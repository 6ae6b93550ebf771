//! How long it takes to become a member of several overlays, what that costs, and who is disturbed.

use std::collections::BTreeSet;
use std::time::Duration;

use rand::SeedableRng;
use rand::seq::SliceRandom;
use rand_chacha::ChaCha8Rng;

use super::town::{ROUND, Spec, Town, keyed};
use crate::anycast::{Beyond, Command, Healing};
use crate::overlay::{Answer, Protocol};
use crate::paper::Setup;
use crate::paper::claim::Test;
use crate::paper::estimate::{Estimate, shown};
use crate::paper::page::{Page, Source, Table};
use crate::paper::runs::{in_parallel, runs_of};

/// Hosts from which each overlay has its members; newcomers are further ones.
pub(super) const SETTLED: usize = 48;
pub(super) const MEMBERS: usize = 16;
pub(super) const PATIENCE: Duration = Duration::from_secs(60);

/// *Simple*: all overlays at once take no longer than so many times one …
const LONGER: f64 = 2.0;
/// … and each costs as many datagrams as one alone, with so much to spare.
const DEARER: f64 = 1.25;
/// *Freely*: of gets in another overlay meanwhile, so many find what is there.
const UNDISTURBED: f64 = 0.99;
/// *Free*: so many more of the eight nearest members are known at once.
const NEARER: f64 = 0.2;
const NEAREST: usize = 8;

/// So many overlays of all keyed protocols in turn, each on some of the hosts.
pub(super) fn specs(overlays: usize, seed: u64, share: bool) -> Vec<Spec> {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    let mut spec = |overlay: usize| {
        let mut members: Vec<usize> = (0..SETTLED).collect();
        members.shuffle(&mut rng);
        members.truncate(MEMBERS);
        let beyond = Beyond { share_neighbors: share, ..Beyond::default() };
        Spec { protocol: keyed(overlay), members, beyond, healing: Healing::None }
    };
    (0..overlays).map(&mut spec).collect()
}

#[derive(Clone, Copy)]
struct Joined {
    milliseconds: f64,
    /// For each overlay.
    datagrams: f64,
}

struct Found {
    /// By number of overlays.
    joins: Vec<Joined>,
    /// Gets of other members while a host joins and leaves all: found, and all.
    gets: (usize, usize),
}

pub(super) fn measure(setup: &Setup, page: &mut Page) {
    let counts = setup.pick(vec![1, 2, 4, 8, 16], vec![1, 3]);
    let seeds: Vec<u64> = setup.seeds(20, 1).collect();
    let most = counts.iter().copied().max().unwrap_or(1);
    setup.say(&format!("joining up to {most} overlays, {} seeds", seeds.len()));
    page.heading("Joining several overlays");
    page.text(format!(
        "{most} overlays, of Chord, Pastry and CAN in turn, each with {MEMBERS} members among {SETTLED} hosts at random points \
         of a plane (up to 100 ms one way), rounds of {} s. A host that is in none joins the first m at once, by their \
         addresses alone. *Time*: until it is a member of all. *Datagrams*: that it has sent until then, for each overlay. \
         One: one of each protocol alone, one after the other; of their times the longest, of their datagrams the mean.",
        ROUND.as_secs()
    ));
    let found = in_parallel(&seeds, |seed| play(&counts, *seed));
    let header = ["overlays at once", "time, s", "datagrams for each"];
    let mut table = Table::new("joins", "Joining several overlays at once", Source::Simulated, &header);
    let mean = |at: usize, of: fn(&Joined) -> f64| Estimate::mean(found.iter().map(|found| of(&found.joins[at])));
    for (at, count) in counts.iter().enumerate() {
        let time = mean(at, |joined| joined.milliseconds / 1e3);
        table.row([count.to_string(), shown(time, 2), shown(mean(at, |joined| joined.datagrams), 1)]);
    }
    page.table(table);
    let last = counts.len() - 1;
    let over = |of: fn(&Joined) -> f64| {
        Estimate::mean(found.iter().map(|found| of(&found.joins[last]) / of(&found.joins[0]).max(1e-9)))
    };
    page.judge(
        "A node needs only to send join requests to the interested overlays (simple)",
        vec![
            Test::at_most(format!("time for {most} over one"), over(|joined| joined.milliseconds), LONGER),
            Test::at_most("datagrams for each over those of one", over(|joined| joined.datagrams), DEARER),
        ],
        "",
    );
    let sum = |of: fn(&Found) -> usize| found.iter().map(of).sum::<usize>();
    let undisturbed = Estimate::share(sum(|found| found.gets.0), sum(|found| found.gets.1));
    page.judge(
        "A node can freely join and leave several overlay networks at a time",
        vec![Test::at_least(
            format!("gets of other members that find their key while a host joins and leaves {most} overlays"),
            undisturbed,
            UNDISTURBED,
        )],
        "",
    );
    shared(setup, page);
}

fn play(counts: &[usize], seed: u64) -> Found {
    let most = counts.iter().copied().max().unwrap_or(1);
    let mut town = Town::settled(specs(most, seed, true), SETTLED + counts.len() + 1, seed, &BTreeSet::new());
    let mut joins = Vec::new();
    for (at, count) in counts.iter().enumerate() {
        // One alone: one of each protocol, one after the other, and of their times the longest.
        let turns: Vec<Vec<usize>> = match count {
            1 => (0..most.min(Protocol::keyed().count())).map(|overlay| vec![overlay]).collect(),
            _ => vec![(0..*count).collect()],
        };
        let (mut milliseconds, mut datagrams) = (0.0_f64, 0);
        for overlays in &turns {
            let (time, sent, joined) = town.join_all(overlays, SETTLED + at, PATIENCE);
            // Who has not joined has taken at least so long.
            let time = if joined == overlays.len() { time } else { PATIENCE.as_secs_f64() * 1e3 };
            (milliseconds, datagrams) = (milliseconds.max(time), datagrams + sent);
            town.leave_all(overlays, SETTLED + at);
        }
        let all = turns.iter().map(Vec::len).sum::<usize>();
        joins.push(Joined { milliseconds, datagrams: datagrams as f64 / all as f64 });
    }
    Found { joins, gets: disturbed(&mut town, most, SETTLED + counts.len()) }
}

/// Members fetch keys of all overlays while this host joins and leaves them.
fn disturbed(town: &mut Town, overlays: usize, host: usize) -> (usize, usize) {
    const KEYS: usize = 4;
    let key = |n: usize| format!("key {n}");
    let member = |town: &Town, overlay: usize, turn: usize| {
        let members: Vec<usize> = town.members(overlay).iter().copied().filter(|other| *other != host).collect();
        members[turn % members.len().max(1)]
    };
    for overlay in 0..overlays {
        for n in 0..KEYS {
            let by = member(town, overlay, n);
            town.order(overlay, by, |token| Command::Put { token, key: key(n), value: "v".into() });
        }
    }
    town.run_for(5 * ROUND);
    let all: Vec<usize> = (0..overlays).collect();
    let mut tokens = Vec::new();
    for turn in 0..3 {
        all.iter().for_each(|overlay| town.join(*overlay, host, false));
        for step in 0..8 {
            for overlay in 0..overlays {
                let by = member(town, overlay, turn * 8 + step);
                tokens.push(town.order(overlay, by, |token| Command::Get { token, key: key(step % KEYS) }));
            }
            town.run_for(ROUND / 2);
            if step == 4 {
                all.iter().for_each(|overlay| town.leave(*overlay, host));
            }
        }
    }
    town.run_for(10 * ROUND);
    let found = |token: &&u64| matches!(town.outcome(**token), Some((_, Answer::Got { value: Some(_), .. }, _)));
    (tokens.iter().filter(found).count(), tokens.len())
}

/// What the second overlay of the same hosts knows of nearness at once.
fn shared(setup: &Setup, page: &mut Page) {
    let seeds: Vec<u64> = setup.seeds(20, 1).collect();
    setup.say("neighbors that overlays of a host share");
    let jobs: Vec<(u64, bool)> = seeds.iter().flat_map(|seed| [(*seed, false), (*seed, true)]).collect();
    let found = in_parallel(&jobs, |(seed, share)| recall(setup.pick(4, 1), *seed, *share));
    let of = |share: bool| runs_of(&jobs, &found, move |(_, with)| *with == share).copied();
    page.text(format!(
        "All hosts of one overlay are in a second one. A host that is in the first joins the second, and asks the eight \
         nearest hosts that it knows from the first whether they are members, too. *Known*: share of the {NEAREST} nearest \
         members of the second that it has heard of, with their round trips, when it joins."
    ));
    let header = ["neighbors", "known of the nearest", "datagrams for the join"];
    let mut table = Table::new("shared", "The second overlay's neighbors", Source::Simulated, &header);
    for (share, what) in [(false, "each overlay's own"), (true, "shared by all of a host")] {
        let known = Estimate::mean(of(share).map(|found| found.0));
        table.row([what.into(), shown(known, 2), shown(Estimate::mean(of(share).map(|found| found.1)), 1)]);
    }
    page.table(table);
    let more = Estimate::mean(of(true).zip(of(false)).map(|(with, without)| with.0 - without.0));
    page.judge(
        "(Beside) A neighbor list that all overlays of a host share makes the second one's proximity free",
        vec![Test::at_least(format!("share of the {NEAREST} nearest known at once, beyond without"), more, NEARER)],
        "",
    );
}

/// Share of the nearest that are known, and datagrams sent; the mean of some newcomers.
fn recall(newcomers: usize, seed: u64, share: bool) -> (f64, f64) {
    let spec =
        |overlay: usize| Spec { members: (0..MEMBERS * 2).collect(), ..specs(overlay + 1, seed, share)[0].clone() };
    let mut town = Town::settled(vec![spec(0), spec(1)], MEMBERS * 2 + newcomers, seed, &BTreeSet::new());
    let (mut known, mut datagrams) = (0.0, 0.0);
    for host in MEMBERS * 2..MEMBERS * 2 + newcomers {
        town.join_all(&[0], host, PATIENCE);
        town.run_for(20 * ROUND);
        let (_, sent, _) = town.join_all(&[1], host, PATIENCE);
        let met = town.digest(1, host).map(|digest| digest.met).unwrap_or_default();
        let met: BTreeSet<usize> = met.keys().filter_map(|id| town.host_of(*id)).collect();
        let nearest = town.nearest(1, host);
        known += nearest.iter().take(NEAREST).filter(|near| met.contains(near)).count() as f64 / NEAREST as f64;
        datagrams += sent as f64;
    }
    (known / newcomers as f64, datagrams / newcomers as f64)
}
