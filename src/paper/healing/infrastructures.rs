//! Islands that ask their infrastructure for a random member: over PIAS, i3 and OASIS, beside plain IP anycast.

use std::collections::BTreeSet;
use std::time::Duration;

use super::outage::{Course, Outage, Played, SURE, Until, played};
use crate::anycast::{Healing, Infrastructure, Question};
use crate::overlay::Protocol;
use crate::paper::Setup;
use crate::paper::claim::Test;
use crate::paper::estimate::{Estimate, shown};
use crate::paper::page::{Page, Source, Table};

/// What heals over plain IP anycast, which names nobody at random.
const BESIDE: [(&str, Healing); 2] = [("colors", Healing::Colors), ("rendezvous", Healing::Rendezvous)];
const RANDOM: &str = "random-peer";
/// Servers in each of two islands: one has all of them, or each has some.
const WITHOUT: &[usize] = &[4, 0];
const WITH: &[usize] = &[3, 1];
const LENGTH: Duration = Duration::from_secs(120);
/// As many outages as elsewhere on the page.
const HEALED: f64 = 0.9;

/// A way of healing and an outage, in all runs.
struct Found {
    way: &'static str,
    course: Course,
    runs: Vec<Played>,
}

impl Found {
    fn islands(&self) -> String {
        self.course.outage.sizes.iter().map(usize::to_string).collect::<Vec<_>>().join(" + ")
    }

    /// In the island that was cut off.
    fn servers(&self) -> Option<usize> {
        self.course.servers.last().copied()
    }

    fn healed(&self) -> Option<Estimate> {
        Estimate::share(self.runs.iter().filter(|run| run.seconds.is_some()).count(), self.runs.len())
    }

    /// Seconds until all was one, over those of another way, seed by seed, where both healed.
    fn over(&self, other: &Self) -> Option<Estimate> {
        let pairs = self.runs.iter().zip(&other.runs);
        Estimate::mean(pairs.filter_map(|(own, other)| Some(own.seconds? / other.seconds?)))
    }

    /// Whether an island of the same sizes was cut off.
    fn is_like(&self, other: &Self) -> bool {
        self.course.outage.sizes == other.course.outage.sizes
    }

    fn said(&self) -> String {
        let servers = self.servers().map_or(String::new(), |count| format!(", {}", among(count)));
        format!("islands of {}{servers}", self.islands())
    }

    fn cells(&self) -> Vec<String> {
        let can = match (self.course.by.can)(&Question::Random) {
            Err(why) if self.way == RANDOM => format!("{RANDOM}, not available: {why}"),
            _ => self.way.to_owned(),
        };
        let seconds = || self.runs.iter().filter_map(|run| run.seconds);
        vec![
            self.course.by.title.to_owned(),
            can,
            self.islands(),
            self.servers().map_or("–".to_owned(), |count| count.to_string()),
            shown(self.healed(), 2),
            shown(Estimate::median(seconds()), 0),
            shown(Estimate::mean(seconds()), 0),
        ]
    }
}

fn among(servers: usize) -> &'static str {
    if servers == 0 { "no server in the second" } else { "a server in the second" }
}

/// Random members over every infrastructure, each with its servers here and there; and what is beside them.
fn courses(splits: &[&'static [usize]]) -> Vec<(&'static str, Course)> {
    let course = |healing, sizes: &&'static [usize]| {
        let outage = Outage { sizes, length: LENGTH, renumbered: false };
        Course { until: Until::Whole, ..Course::new(Protocol::default(), healing, outage) }
    };
    let mut courses = Vec::new();
    for by in Infrastructure::all() {
        let layouts: &[&'static [usize]] = if by.server.is_some() { &[WITH, WITHOUT] } else { &[&[]] };
        for servers in layouts {
            let of = |sizes| (RANDOM, Course { by, servers, ..course(Healing::RandomPeer, sizes) });
            courses.extend(splits.iter().map(of));
        }
    }
    for (way, healing) in BESIDE {
        courses.extend(splits.iter().map(|sizes| (way, course(healing, sizes))));
    }
    courses
}

fn play(courses: Vec<(&'static str, Course)>, first: u64, seeds: u64) -> Vec<Found> {
    let (ways, courses): (Vec<&'static str>, Vec<Course>) = courses.into_iter().unzip();
    let runs = played(&courses, first, seeds);
    ways.into_iter().zip(courses).zip(runs).map(|((way, course), runs)| Found { way, course, runs }).collect()
}

pub(super) fn random_peers(setup: &Setup, page: &mut Page) {
    page.heading("Random members by infrastructure");
    let splits: Vec<&'static [usize]> = setup.pick(vec![&[26, 6], &[16, 16]], vec![&[6, 3]]);
    let courses = courses(&splits);
    let seeds = setup.pick(20, 1);
    page.text(format!(
        "The paper heals by finding arbitrary other peers. Who has an infrastructure that can name any member asks it every \
         {} s, and whoever it names it asks where it stands. Outages of {} s of a Chord overlay; the servers are in the first \
         island, {} in all, or {} of them in the second, which is cut off with it. An island without a server cannot \
         ask anybody until the outage ends, and its members' registrations are gone by then. *Healed*: one overlay in which \
         each node has the right neighbors, within {} s; {} s of it pass before a member is sure that \
         whoever it was named is of another island. Beside them, over plain IP anycast: colors and rendezvous, with the \
         same outages and seeds; times are compared where both healed.",
        Course::HEAL_EVERY.as_secs(),
        LENGTH.as_secs(),
        WITHOUT.iter().sum::<usize>(),
        WITH[1],
        Course::PATIENCE.as_secs(),
        SURE.as_secs(),
    ));
    setup.say(&format!("random members over infrastructures: {} kinds of outages, {seeds} seeds each", courses.len()));
    let all = play(courses, setup.seed, seeds);
    let header = ["by", "healing", "islands", "servers in the second", "healed", "after s (median)", "after s (mean)"];
    let caption = "Outages healed by a random member, and beside it";
    let mut table = Table::new("random-peers", caption, Source::Simulated, &header);
    all.iter().for_each(|found| table.row(found.cells()));
    page.table(table);
    judge(page, &all);
}

fn judge(page: &mut Page, all: &[Found]) {
    for by in Infrastructure::all() {
        let of = || all.iter().filter(|found| found.course.by == by && found.way == RANDOM);
        // Islands of all sizes together: twenty of twenty alone would not pass the line.
        let layouts: BTreeSet<Option<usize>> = of().map(Found::servers).collect();
        let healed = layouts.into_iter().map(|servers| {
            let alike = || of().filter(move |found| found.servers() == servers).flat_map(|found| &found.runs);
            let share = Estimate::share(alike().filter(|run| run.seconds.is_some()).count(), alike().count());
            let at = servers.map_or(String::new(), |count| format!(", {}", among(count)));
            Test::at_least(format!("share healed{at}"), share, HEALED)
        });
        let because = (by.can)(&Question::Random).err().map(|why| format!("not available: {why}"));
        page.judge(
            &format!("Finding arbitrary other peers reconnects islands, by {}", by.title),
            healed.collect(),
            because.clone().unwrap_or_default(),
        );
        if because.is_some() {
            continue;
        }
        let sooner = BESIDE.iter().flat_map(|(way, _)| {
            let pair =
                move |found| all.iter().find(|other| other.way == *way && other.is_like(found)).map(|o| (found, o));
            of().filter_map(pair).map(move |(found, other)| {
                Test::at_most(format!("time over that of {way}, {}", found.said()), found.over(other), 1.0)
            })
        });
        page.judge(
            &format!("(Beside) It does so no later than colors or rendezvous over plain IP anycast, by {}", by.title),
            sooner.collect(),
            "",
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn islands_heal_by_random_members_atsomebody_names_them() {
        let courses: Vec<_> = courses(&[&[6, 3]]).into_iter().filter(|(way, _)| *way == RANDOM).collect();
        assert_eq!(courses.len(), 7, "each has servers in both islands or in one, and plain IP anycast has none");
        for found in play(courses, 1, 1) {
            let can = (found.course.by.can)(&Question::Random).is_ok();
            let healed = found.runs[0].seconds.is_some();
            assert_eq!(healed, can, "{:?}, {}", found.course.by, found.said());
        }
    }
}
