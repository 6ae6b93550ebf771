//! The member that serves a catchment fails in several ways, and nodes go on joining: `topologies/member-failure`.

use anyhow::{Context, Result};

use super::attempts::{Attempt, attempts, lost_runs};
use super::ways::share;
use crate::paper::Setup;
use crate::paper::claim::Test;
use crate::paper::estimate::{Estimate, shown};
use crate::paper::figure::bars;
use crate::paper::labs::with_action;
use crate::paper::page::{Page, Source, Table};
use crate::paper::runs::labs_in_pairs;
use crate::record::{Record, What};

const MEMBER_FAILURE: &str = include_str!("../../../topologies/member-failure.toml");
/// Who fails, and where it serves.
const STUB: &str = "campus";
const CLIENT: &str = "campus.c1";
/// A join that takes longer has failed. Retries come after about 0.3, 0.9 and 2.1 s.
const DEADLINE: f64 = 3.0;

/// Ways to fail, and the action that does it.
const FAILURES: [(&str, &str); 5] = [
    ("its process is killed", "crash campus.n1 node"),
    ("its process hangs", "freeze campus.n1 node"),
    ("its BIRD is killed", "crash campus.n1 bird"),
    ("its host loses power", "crash campus.n1 host"),
    ("its link dies silently", "blackhole campus-campus.n1"),
];
/// The lab's overlays, and how nodes find a member in each.
const OVERLAYS: [(&str, &str); 4] = [
    ("one", "1 well-known"),
    ("three", "3 well-known"),
    ("plain", "anycast, no gate"),
    ("gated", "anycast, health gate"),
];

/// One overlay in one run.
struct Run {
    failure: &'static str,
    overlay: &'static str,
    /// Seconds of play.
    killed: f64,
    joins: Vec<Attempt>,
    /// Seconds without an answer to the client of that stub; `None`: until the end.
    silence: Option<f64>,
}

pub(super) struct Failures {
    runs: Vec<Run>,
    kinds: Vec<(&'static str, &'static str)>,
}

pub(super) fn played(setup: &Setup, page: &mut Page) -> Result<Failures> {
    page.heading("When the member that serves fails");
    let kinds = setup.pick(FAILURES.to_vec(), FAILURES[..1].to_vec());
    let seeds = setup.seed..setup.seed + setup.pick(5, 1);
    let jobs: Vec<_> = seeds.flat_map(|seed| kinds.iter().map(move |kind| (seed, *kind))).collect();
    let runs = labs_in_pairs(&jobs, |(seed, (failure, action))| {
        setup.say(&format!("a member fails in namespaces: {failure}, seed {seed}"));
        let name = format!("member-failure-{}-{seed}", action.replace([' ', '.'], "-"));
        let labs = setup.labs.seeded(*seed);
        labs.play(&name, &with_action(MEMBER_FAILURE, "crash ", action)?, &[])?;
        let record = labs.record(&name)?;
        OVERLAYS.iter().map(|(overlay, _)| Run::of(&record, failure, overlay)).collect::<Result<Vec<_>>>()
    })?;
    let runs = runs.into_iter().flatten().collect();
    let failures = Failures { runs, kinds };
    failures.show(page);
    Ok(failures)
}

impl Run {
    fn of(record: &Record, failure: &'static str, overlay: &'static str) -> Result<Self> {
        let fault =
            record.events.iter().find(|e| matches!(&e.what, What::Fault { target, .. } if target.contains(STUB)));
        let killed = record.seconds(fault.context("nothing has failed")?.at);
        let joins = attempts(record, overlay);
        Ok(Self { failure, overlay, killed, joins, silence: silence(record, overlay, killed) })
    }

    fn after(&self, inside: bool) -> impl Iterator<Item = &Attempt> {
        self.joins.iter().filter(move |join| join.begun >= self.killed && (join.stub() == STUB) == inside)
    }

    /// Until the first join there that was begun afterwards had succeeded.
    fn next_join(&self) -> Option<f64> {
        self.after(true).filter_map(|join| join.joined).min_by(f64::total_cmp).map(|at| at - self.killed)
    }
}

/// The longest run of lost probes of the stub's client that were sent after the failure; `None`: the last one.
fn silence(record: &Record, overlay: &str, from: f64) -> Option<f64> {
    let facts = record.facts.groups.iter().find(|group| group.name == overlay)?;
    let mut probes: Vec<(f64, Option<f64>)> = Vec::new();
    for event in &record.events {
        let What::Probes { client, group, probes: found, .. } = &event.what else { continue };
        if client == CLIENT && (*group == facts.name || facts.addresses.iter().any(|a| a.to_string() == *group)) {
            let one = |p: &crate::record::ProbeResult| {
                let sent = record.seconds(p.sent);
                (sent, p.rtt.map(|rtt| sent + rtt as f64 / 1e9))
            };
            probes.extend(found.iter().map(one));
        }
    }
    probes.retain(|(sent, _)| *sent >= from);
    probes.sort_by(|a, b| a.0.total_cmp(&b.0));
    let (longest, since) = lost_runs(probes);
    // Those of the last second have had no time for an answer.
    since.is_none_or(|since| since > record.facts.duration - 1.5).then_some(longest)
}

impl Failures {
    fn of(&self, failure: &str, overlay: &str) -> impl Iterator<Item = &Run> {
        self.runs.iter().filter(move |run| run.failure == failure && run.overlay == overlay)
    }

    /// Joins begun afterwards, in the stub or elsewhere, and those of them that were in time.
    fn counts(&self, failure: &str, overlay: &str, inside: &[bool]) -> (usize, usize) {
        let runs = || self.of(failure, overlay);
        let joins = || inside.iter().flat_map(move |inside| runs().flat_map(move |run| run.after(*inside)));
        (joins().filter(|join| join.within(DEADLINE)).count(), joins().count())
    }

    /// Joins begun before it, and those of them that were over by then.
    fn before(&self, failure: &str, overlay: &str) -> (usize, usize) {
        let joins = || self.of(failure, overlay).flat_map(|run| run.joins.iter().map(move |join| (run.killed, join)));
        let begun = || joins().filter(|(killed, join)| join.begun < *killed);
        (begun().filter(|(killed, join)| join.joined.is_some_and(|at| at < *killed)).count(), begun().count())
    }

    fn show(&self, page: &mut Page) {
        let runs = self.of(self.kinds[0].0, OVERLAYS[0].0).count();
        page.text(format!(
            "Four overlays on the same 33 hosts in four stubs; BGP takes whoever joins in `{STUB}` to `{STUB}.n1`, \
             which is also the one well-known node, and one of three. It fails, and for three seconds nodes go on \
             joining, twelve in `{STUB}` and twelve elsewhere. *Joined*: within {DEADLINE} s, and its share with \
             Wilson's interval over all joins of {runs} runs; those of one run share a fate, so the true interval is \
             wider. *Health gate*: the host withdraws the group when the node's process ends (`health_gate`). \
             BGP's hold time is 3 s at hosts, so that a link that dies silently is found in the time of the play; \
             with RFC 4271's 90 s it is not. *Silence*: for so long a client in `{STUB}` that probes the anycast \
             address every 20 ms had no answer.",
        ));
        let header = [
            "fails",
            "found by",
            "joined before",
            "joined in its stub",
            "joined elsewhere",
            "next join there after",
            "silence",
        ];
        let mut table = Table::new("failures", "Joins that are begun after a member has failed", Source::Lab, &header);
        for (failure, _) in &self.kinds {
            for (overlay, found_by) in OVERLAYS {
                let inside = self.counts(failure, overlay, &[true]);
                let outside = self.counts(failure, overlay, &[false]);
                let before = self.before(failure, overlay);
                let silence = overlay == "plain" || overlay == "gated";
                table.row([
                    (*failure).to_owned(),
                    found_by.to_owned(),
                    format!("{} of {}", before.0, before.1),
                    share(inside.0, inside.1),
                    share(outside.0, outside.1),
                    seconds(self.of(failure, overlay).map(Run::next_join).collect()),
                    if silence {
                        seconds(self.of(failure, overlay).map(|r| r.silence).collect())
                    } else {
                        "–".into()
                    },
                ]);
            }
        }
        let groups: Vec<(String, Vec<f64>)> = self.kinds.iter().map(|(failure, _)| self.bars(failure)).collect();
        let caption = format!("Share of the joins begun in {STUB} after the failure that succeed within {DEADLINE} s");
        page.figure(bars("failures", &caption, Source::Lab, "share", &OVERLAYS.map(|(_, name)| name), &groups));
        page.table(table);
    }

    fn bars(&self, failure: &str) -> (String, Vec<f64>) {
        let share = |overlay| {
            let (part, whole) = self.counts(failure, overlay, &[true]);
            part as f64 / whole.max(1) as f64
        };
        (failure.to_owned(), OVERLAYS.map(|(overlay, _)| share(overlay)).to_vec())
    }

    pub(super) fn judge(&self, page: &mut Page) {
        let test = |failure: usize, overlay, inside: &[bool]| {
            let (name, _) = FAILURES[failure];
            let (part, whole) = self.counts(name, overlay, inside);
            (name, Estimate::share(part, whole))
        };
        let everywhere = [true, false];
        let (killed, one) = test(0, "one", &everywhere);
        let (_, three) = test(0, "three", &everywhere);
        page.judge(
            "Well-known nodes are a single point of failure",
            vec![
                Test::at_most(format!("joins that succeed with one well-known node when {killed}"), one, 0.5),
                Test::at_most("with three, of which one is dead", three, 0.5),
            ],
            "one is, of three each is not: who asks the dead one asks the next a third of a second later",
        );
        let mut tests = Vec::new();
        for (failure, (name, _)) in FAILURES.iter().enumerate().take(self.kinds.len()) {
            for (overlay, with) in [("plain", "without"), ("gated", "with")] {
                let what =
                    format!("joins in the dead member's catchment that succeed when {name}, {with} a health gate");
                tests.push(Test::at_least(what, test(failure, overlay, &[true]).1, 0.5));
            }
        }
        tests.push(Test::at_least("elsewhere, when its process is killed", test(0, "plain", &[false]).1, 0.5));
        let silence = |overlay| seconds(self.of(FAILURES[0].0, overlay).map(|run| run.silence).collect());
        page.judge(
            "An anycast group has no single point of failure",
            tests,
            format!(
                "a member is one to its catchment as long as its routes outlive it. Until a client in the catchment \
                 of a killed process is answered again: {} without a gate, {} with one",
                silence("plain"),
                silence("gated")
            ),
        );
    }
}

/// `0.42 (0.4–0.5) s`; `None`: never within the play.
fn seconds(values: Vec<Option<f64>>) -> String {
    let (all, never) = (values.len(), values.iter().filter(|v| v.is_none()).count());
    match never {
        0 => format!("{} s", shown(Estimate::mean(values.into_iter().flatten()), 2)),
        _ if never == all => "not within the play (6 s)".to_owned(),
        _ => {
            let some = shown(Estimate::mean(values.into_iter().flatten()), 2);
            format!("{some} s; {never} of {all} runs not within the play")
        }
    }
}
