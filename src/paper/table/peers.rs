//! Neighbors and random members: what a member is told of others.

use std::collections::BTreeSet;

use super::arena::{Arena, Asked, Layout};
use super::cells::{Cell, Cells};
use super::ground::Ground;
use crate::anycast::{Infrastructure, Question};
use crate::paper::Setup;
use crate::paper::claim::Test;
use crate::paper::estimate::{Estimate, shown};
use crate::paper::page::{Page, Source, Table};
use crate::paper::runs::in_parallel;

const SERVERS: usize = 16;
const MEMBERS: usize = 40;
/// Neighbors asked for.
const NEIGHBORS: usize = 8;
/// Draws of random members, and how many are asked at a time.
const DRAWS: usize = 10_000;
const AT_ONCE: usize = 1000;

/// *Good*: at least this share of the true nearest is among the answers; *poor*: less than half of it.
const RECALL: f64 = 0.75;
const POOR: f64 = 0.5;
/// A random member: no farther from uniform than this beyond what as many fair draws are.
const UNIFORM: f64 = 0.1;

fn arena(kind: Infrastructure, setup: &Setup, seed: u64) -> Arena {
    let (servers, members) = (setup.pick(SERVERS, 8), setup.pick(MEMBERS, 16));
    let ground = Ground::plane(servers + members, seed);
    let layout = Layout {
        servers: (0..servers).collect(),
        members: (servers..servers + members).collect(),
        clients: Vec::new(),
        groups: 1,
    };
    let mut arena = Arena::new(kind, &ground, layout, seed);
    arena.join_all();
    arena
}

/// Whether it answers such questions at all, and why not.
fn can(kind: Infrastructure, question: &Question) -> Result<(), String> {
    (kind.can)(question).map_err(|why| why.to_string())
}

/// Share of the answers that led to the asking member itself, of all that led anywhere.
fn own(asked: &[Asked]) -> Option<f64> {
    let all = asked.iter().map(|one| one.reached.len()).sum::<usize>();
    let own = asked.iter().flat_map(|one| one.reached.iter().filter(|(member, _)| *member == one.host)).count();
    (all > 0).then(|| own as f64 / all as f64)
}

pub(super) fn neighbors(setup: &Setup, page: &mut Page, cells: &mut Cells) {
    page.heading("Neighbors");
    page.text(format!(
        "Every member of {MEMBERS} asks for its {NEIGHBORS} nearest neighbors. *Recall*: share of its {NEIGHBORS} true \
         nearest, by round trip and without itself, that the answers led to. *Itself*: share of the answers that led to \
         the member that asked."
    ));
    let seeds: Vec<u64> = setup.seeds(20, 2).collect();
    let mut table = Table::new(
        "neighbors",
        &format!("{NEIGHBORS} neighbors, asked by members"),
        Source::Simulated,
        &["by", "recall", "itself", "answers"],
    );
    for kind in Infrastructure::all() {
        let question = Question::Neighbors(NEIGHBORS);
        if let Err(why) = can(kind, &question) {
            table.row([kind.title.to_owned(), format!("not available: {why}"), "–".into(), "–".into()]);
            cells.add(Cell::Neighbors, kind, [Test::at_most("recall", Some(Estimate::exact(0.0)), 0.0)]);
            cells.because(Cell::Neighbors, kind, format!("not available: {why}"));
            continue;
        }
        setup.say(&format!("neighbors by {}, {} seeds", kind.title, seeds.len()));
        let found = in_parallel(&seeds, |seed| {
            let mut arena = arena(kind, setup, *seed);
            let questions: Vec<_> = arena.members().map(|member| (member, question.clone())).collect();
            let asked = arena.ask(&questions, NEIGHBORS);
            let recall = |one: &Asked| {
                let right: BTreeSet<usize> = arena.nearest(one.host).into_iter().take(NEIGHBORS).collect();
                let got: BTreeSet<usize> = one.reached.iter().map(|(member, _)| *member).collect();
                right.intersection(&got).count() as f64 / right.len().max(1) as f64
            };
            let count = asked.len().max(1) as f64;
            let answers = asked.iter().map(|one| one.reached.len() as f64).sum::<f64>() / count;
            (asked.iter().map(recall).sum::<f64>() / count, own(&asked), answers)
        });
        let recall = Estimate::mean(found.iter().map(|(recall, ..)| *recall));
        let (own, answers) =
            (Estimate::mean(found.iter().filter_map(|f| f.1)), Estimate::mean(found.iter().map(|f| f.2)));
        table.row([kind.title.to_owned(), shown(recall, 2), shown(own, 3), shown(answers, 1)]);
        let test = match Cell::Neighbors.word(kind) {
            "Poor" => Test::at_most("recall", recall, POOR),
            "Fair" => Test::at_least("recall", recall, POOR),
            _ => Test::at_least("recall", recall, RECALL),
        };
        cells.add(Cell::Neighbors, kind, [test]);
    }
    page.table(table);
}

pub(super) fn random(setup: &Setup, page: &mut Page, cells: &mut Cells) {
    page.heading("Random members");
    let draws = setup.pick(DRAWS, 1000);
    page.text(format!(
        "Members ask for a random member, {draws} times in all. *Distance*: half the sum of the differences between each \
         member's share of the answers and an equal share (total variation). As many fair draws are not without one: \
         that is subtracted, *beyond chance*. *Itself*: share of the answers that led to the member that asked."
    ));
    let seeds: Vec<u64> = setup.seeds(5, 1).collect();
    let header = ["by", "distance", "beyond chance", "itself", "answered"];
    let mut table = Table::new("random", "Random members, asked by members", Source::Simulated, &header);
    for kind in Infrastructure::all() {
        if let Err(why) = can(kind, &Question::Random) {
            let none = std::iter::repeat_n("–".to_owned(), header.len() - 2);
            table.row([kind.title.to_owned(), format!("not available: {why}")].into_iter().chain(none));
            let none = Some(Estimate::exact(0.0));
            cells.add(Cell::Random, kind, [Test::at_most("answered", none, 0.0)]);
            cells.because(Cell::Random, kind, format!("not available: {why}"));
            continue;
        }
        setup.say(&format!("random members by {}, {} seeds", kind.title, seeds.len()));
        let found = in_parallel(&seeds, |seed| drawn(&mut arena(kind, setup, *seed), draws));
        let mean = |of: fn(&Drawn) -> f64| Estimate::mean(found.iter().map(of));
        let beyond = mean(|d| d.distance - d.chance);
        let own = Estimate::mean(found.iter().filter_map(|d| d.own));
        table.row([
            kind.title.to_owned(),
            shown(mean(|d| d.distance), 3),
            shown(beyond, 3),
            shown(own, 4),
            shown(mean(|d| d.answered), 3),
        ]);
        cells.add(
            Cell::Random,
            kind,
            [
                Test::at_least("answered", mean(|d| d.answered), 0.95),
                Test::at_most("distance from uniform, beyond chance", beyond, UNIFORM),
            ],
        );
    }
    page.table(table);
}

struct Drawn {
    distance: f64,
    chance: f64,
    own: Option<f64>,
    answered: f64,
}

fn drawn(arena: &mut Arena, draws: usize) -> Drawn {
    let members: Vec<usize> = arena.members().collect();
    let mut counts = vec![0_usize; members.len()];
    let (mut own_of, mut asked_of, mut answered) = (0.0, 0, 0);
    for batch in 0..draws.div_ceil(AT_ONCE) {
        let questions: Vec<_> = (0..AT_ONCE.min(draws - batch * AT_ONCE))
            .map(|n| (members[(batch * AT_ONCE + n) % members.len()], Question::Random))
            .collect();
        let asked = arena.ask(&questions, 1);
        for one in &asked {
            if let Some((member, _)) = one.reached.first() {
                answered += 1;
                counts[member - members[0]] += 1;
            }
        }
        asked_of += asked.iter().filter(|one| !one.reached.is_empty()).count();
        own_of += own(&asked).unwrap_or(0.0) * asked.iter().filter(|one| !one.reached.is_empty()).count() as f64;
    }
    let (n, total) = (counts.len() as f64, answered.max(1) as f64);
    let distance = counts.iter().map(|count| (*count as f64 / total - 1.0 / n).abs()).sum::<f64>() / 2.0;
    // Of a binomial share with p = 1/n the mean absolute deviation is about sqrt(2 p (1 - p) / (π draws)).
    let p = 1.0 / n;
    let chance = n / 2.0 * (2.0 * p * (1.0 - p) / (std::f64::consts::PI * total)).sqrt();
    Drawn {
        distance,
        chance,
        own: (asked_of > 0).then(|| own_of / f64::from(asked_of as u32)),
        answered: answered as f64 / draws.max(1) as f64,
    }
}
