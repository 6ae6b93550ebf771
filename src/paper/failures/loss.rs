//! A server is lost: its AS is cut off, comes back, and then the server's process is killed.

use anyhow::Result;

use super::seen::{Seen, Window, cell, felt};
use crate::anycast::Infrastructure;
use crate::paper::Setup;
use crate::paper::claim::Test;
use crate::paper::estimate::{Estimate, shown};
use crate::paper::figure::bars;
use crate::paper::four_ways::{FourWays, OVERLAY, list};
use crate::paper::labs::Labs;
use crate::paper::page::{Page, Source, Table, number};
use crate::paper::runs::in_parallel;

/// Stubs with members, none of which has a server, and how many.
const STUBS: [(&str, usize); 3] = [("campus", 6), ("puget", 4), ("bay", 4)];
/// Stubs with one server each and nothing else.
const SERVERS: [&str; 3] = ["lakes.s", "gulf.s", "capital.s"];
/// Members before the first fault; the others join after each.
const FOUNDERS: [&str; 4] = ["campus.n1", "campus.n2", "puget.n1", "bay.n1"];
/// To whose server BGP leads two of the three stubs.
const NEAREST: &str = "gulf.s";

/// BGP's hold time at stubs, in seconds.
const HOLD: u64 = 3;
const END: f64 = 17.9;
/// What happens, and the time in which something follows from it. Then the joiners leave, and the overlay has rest.
const FAULTS: [(&str, f64, f64); 3] =
    [("its AS is cut off", 4.0, 8.6), ("its AS is back", 9.2, 12.4), ("its process is killed", 13.4, END)];
const CUT: usize = 0;
const BACK: usize = 1;
const KILLED: usize = 2;
/// The first of the joins after a fault, and between any two.
const FIRST: f64 = 0.1;
const APART: f64 = 0.25;

/// Settings of i3, in seconds: a trigger is renewed so often, and lives so long. A ring is repaired within three rounds,
/// and who does not answer three requests is dead.
const REFRESH: f64 = 2.0;
const LEASE: f64 = 3.0;
const ROUND: f64 = 0.5;
const REQUEST: f64 = 0.3;
const REPAIRED: f64 = REFRESH + 3.0 * ROUND + 3.0 * REQUEST;
/// A core node of OASIS that nobody has heard of for so long is gone.
const SILENCE: f64 = 2.0;
/// Beyond twice the silence with plain IP anycast: five probes.
const PROBES: f64 = 0.1;
/// Share of runs, or of clients, that keeps to a bound.
const MOST: f64 = 0.8;
/// The same where there are six.
const HALF: f64 = 0.5;

/// One fault of one run.
struct Run {
    kind: Infrastructure,
    fault: usize,
    seen: Seen,
}

pub(super) struct Lost {
    labs: Vec<Run>,
    /// For each seed the server whose loss was felt most.
    simulated: Vec<Run>,
}

pub(super) fn measure(setup: &Setup, page: &mut Page) -> Result<Lost> {
    page.heading("A server is lost");
    let mut simulated = Vec::new();
    let mut labs = Vec::new();
    let playing = &setup.labs;
    for kind in Infrastructure::all() {
        let seeds: Vec<u64> = setup.seeds(20, 2).collect();
        let mut victims = vec![NEAREST; seeds.len()];
        if kind.server.is_some() {
            setup.say(&format!("a server of {} is lost, in the simulated network, {} seeds", kind.title, seeds.len()));
            for (at, found) in in_parallel(&seeds, |seed| worst(playing, kind, *seed)).into_iter().enumerate() {
                let (victim, runs) = found?;
                // Whom routing leads to its block is not known there.
                if !kind.server.as_ref().is_some_and(|server| server.announces) {
                    victims[at] = victim;
                }
                simulated.extend(runs);
            }
        }
        if setup.quick && kind.server.as_ref().is_some_and(|server| !server.announces) {
            continue;
        }
        for (seed, victim) in seeds.iter().zip(victims).take(setup.pick(3, 1)) {
            setup.say(&format!("a server of {} is lost, in namespaces, seed {seed}", kind.title));
            let name = format!("lost-{}-{seed}", kind.name);
            let playing = playing.seeded(*seed);
            playing.play(&name, &text(kind, victim)?, &[])?;
            let record = playing.record(&name)?;
            labs.extend(runs(kind, victim, |window| Seen::of(&record, window)));
        }
    }
    let lost = Lost { labs, simulated };
    lost.show(page);
    Ok(lost)
}

fn runs(kind: Infrastructure, victim: &str, seen: impl Fn(Window) -> Seen) -> Vec<Run> {
    let of = |(fault, (_, from, to)): (usize, (&str, f64, f64))| Run {
        kind,
        fault,
        seen: seen(Window { from, to, victim }),
    };
    FAULTS.into_iter().enumerate().map(of).collect()
}

/// The server whose killing is felt most, and what is seen of its faults.
fn worst(labs: &Labs, kind: Infrastructure, seed: u64) -> Result<(&'static str, Vec<Run>)> {
    let mut found: Option<(f64, &'static str, Vec<Run>)> = None;
    for victim in SERVERS {
        let name = format!("lost-{}-{seed}-{victim}", kind.name);
        let record = labs.seeded(seed).simulated(&name, &text(kind, victim)?)?;
        let all = runs(kind, victim, |window| Seen::of(&record, window));
        let felt = all[KILLED].seen.next_join.unwrap_or(END) + all[KILLED].seen.slowest.unwrap_or(END);
        if found.as_ref().is_none_or(|(most, ..)| felt > *most) {
            found = Some((felt, victim, all));
        }
    }
    Ok(found.map_or((NEAREST, Vec::new()), |(_, victim, all)| (victim, all)))
}

/// The lab: with plain IP anycast the hosts that have servers with the others are the members.
fn text(kind: Infrastructure, victim: &str) -> Result<String> {
    let mut lab = FourWays::over(kind, "lost", END)?;
    let mut members = Vec::new();
    for (stub, count) in STUBS {
        let hosts: Vec<String> = (1..=count).map(|n| format!("n{n}")).collect();
        lab.stub(stub, &hosts, &format!("{HOLD}s"))?;
        members.extend(hosts.iter().map(|host| format!("{stub}.{host}")));
    }
    for server in SERVERS {
        lab.stub(server.split('.').next().unwrap_or_default(), &["s".to_owned()], &format!("{HOLD}s"))?;
    }
    let servers = SERVERS.map(str::to_owned);
    lab.set("probe", "every", "20ms")?;
    lab.set("overlay", "lookups_per_second", 0)?;
    match &kind.server {
        None => {
            lab.set("overlay", "members", list(&servers))?;
            lab.set("overlay", "health_gate", true)?;
            lab.act(0.0, format!("join {OVERLAY}"), Some(1.0));
        }
        Some(server) => {
            lab.set("overlay", "members", list(&members))?;
            lab.set("infrastructure", "hosts", list(&servers))?;
            if server.announces {
                lab.set("infrastructure", "health_gate", true)?;
            }
            for (key, seconds) in [("refresh", REFRESH), ("lease", LEASE)] {
                if kind.keys.iter().any(|k| k.name == "refresh") {
                    lab.set("infrastructure", key, format!("{seconds}s"))?;
                }
            }
            lab.act(0.0, format!("join {} in {OVERLAY}", FOUNDERS.join(" ")), Some(1.0));
        }
    }
    let stub = victim.split('.').next().unwrap_or_default();
    let late: Vec<String> = members.into_iter().filter(|m| !FOUNDERS.contains(&m.as_str())).collect();
    for (fault, (_, from, to)) in FAULTS.into_iter().enumerate() {
        lab.act(
            from,
            match fault {
                CUT => format!("fail {stub} silently"),
                BACK => format!("recover {stub}"),
                _ => format!("crash {victim} node"),
            },
            None,
        );
        if kind.server.is_some() {
            for (n, host) in late.iter().enumerate() {
                lab.act(from + FIRST + n as f64 * APART, format!("join {host} in {OVERLAY}"), None);
            }
            if fault != KILLED {
                lab.act(to, format!("leave {} in {OVERLAY}", late.join(" ")), None);
            }
        }
    }
    Ok(lab.text())
}

/// One of the times that were seen.
type Of = fn(&Seen) -> Option<f64>;

impl Lost {
    fn of(runs: &[Run], kind: Infrastructure, fault: usize) -> impl Iterator<Item = &Seen> + Clone {
        runs.iter().filter(move |run| run.kind == kind && run.fault == fault).map(|run| &run.seen)
    }

    fn silences(&self, kind: Infrastructure, fault: usize) -> impl Iterator<Item = Option<f64>> {
        Self::of(&self.labs, kind, fault).flat_map(|seen| seen.silences.iter().copied())
    }

    fn show(&self, page: &mut Page) {
        page.text(format!(
            "Three stubs have one server each and nothing else ({}), three others have the members. A \
             server's AS is cut off silently: the links stay up and carry nothing, so BGP has to find it by its hold time, \
             {HOLD} s at stubs. It comes back, and at last the server's process is killed; with plain IP anycast and PIAS the \
             host's health gate then withdraws the route ([without one it stays](4.1.md)). With plain IP anycast the members \
             are on the hosts where the others have servers. The server is the one to which BGP leads two stubs (plain IP \
             anycast, PIAS), or the one of three whose killing is felt most in the simulated network with the same seed (i3, \
             OASIS): the one that has the group. i3 renews triggers every {REFRESH} s.",
            SERVERS.join(", ")
        ));
        page.text(format!(
            "Seconds after the fault. *Noticed*: the first change of an interface, a BGP session or a route anywhere. \
             *Routes*: the last change in a router. *Missed*: another server sees that this one is gone or is back (what \
             PIAS's proxies see is not in the record). *Registered anew*: a member that was there before is at another \
             server. *Next join*: ten hosts join after each fault, the first {FIRST} s after it and then every {APART} s; \
             until the first of them was served. *Slowest*: the longest of the ten. *Silence*: the longest run without an \
             answer to clients that probe the overlay's address every 20 ms and that BGP leads to this server, before \
             or, when it is back, afterwards; nobody announces an address of i3 and OASIS."
        ));
        let header = [
            "by",
            "server",
            "noticed",
            "routes",
            "missed",
            "registered anew",
            "next join",
            "slowest",
            "served",
            "silence",
        ];
        let mut table = Table::new("lost", "A server is lost, in namespaces", Source::Lab, &header);
        let mut groups = Vec::new();
        for (fault, (name, ..)) in FAULTS.into_iter().enumerate() {
            for kind in Infrastructure::all() {
                let of = || Self::of(&self.labs, kind, fault);
                if of().next().is_none() {
                    continue;
                }
                let (served, begun) = of().fold((0, 0), |sum, seen| (sum.0 + seen.served, sum.1 + seen.begun));
                table.row([
                    kind.title.to_owned(),
                    name.to_owned(),
                    cell(of().map(|s| s.noticed)),
                    cell(of().map(|s| s.routes)),
                    cell(of().map(|s| s.missed)),
                    cell(of().map(|s| s.renewed)),
                    felt(of().filter(|s| s.begun > 0).map(|s| s.next_join)),
                    felt(of().filter(|s| s.begun > 0).map(|s| s.slowest)),
                    if begun > 0 { format!("{served} of {begun}") } else { "–".into() },
                    felt(self.silences(kind, fault)),
                ]);
            }
            // What nobody has seen is no bar of zero: clients' silence, else the slowest join.
            let height = |kind: Infrastructure| {
                let of: Vec<f64> = self.silences(kind, fault).flatten().collect();
                let joins = Self::of(&self.labs, kind, fault).filter_map(|seen| seen.slowest);
                Estimate::mean(if of.is_empty() { joins.collect() } else { of }).map_or(0.0, |e| e.value)
            };
            groups.push((name.to_owned(), Infrastructure::all().map(height).collect::<Vec<_>>()));
        }
        let names: Vec<&str> = Infrastructure::all().map(|kind| kind.title).collect();
        let caption = "Seconds without an answer (plain IP anycast, PIAS), and the slowest join (i3, OASIS)";
        page.figure(bars("lost", caption, Source::Lab, "s", &names, &groups));
        page.table(table);
        let header = ["by", "server", "next join", "slowest", "served"];
        let caption = "The same in the simulated network: of three servers the one whose killing is felt most";
        let mut table = Table::new("lost-simulated", caption, Source::Simulated, &header);
        for (fault, (name, ..)) in FAULTS.into_iter().enumerate() {
            for kind in Infrastructure::all().filter(|kind| kind.server.is_some()) {
                let of = || Self::of(&self.simulated, kind, fault);
                let (served, begun) = of().fold((0, 0), |sum, seen| (sum.0 + seen.served, sum.1 + seen.begun));
                table.row([
                    kind.title.to_owned(),
                    name.to_owned(),
                    felt(of().filter(|s| s.begun > 0).map(|s| s.next_join)),
                    felt(of().filter(|s| s.begun > 0).map(|s| s.slowest)),
                    format!("{served} of {begun}"),
                ]);
            }
        }
        page.table(table);
    }

    pub(super) fn judge(&self, page: &mut Page) {
        let ip = Infrastructure::default();
        for kind in Infrastructure::all() {
            match &kind.server {
                None => {}
                Some(server) if server.announces => self.judge_block(page, ip, kind),
                // Who has one trigger to ask for waits for it; who has several core nodes asks another.
                Some(server) if server.places => self.judge_bound(
                    page,
                    &format!("{}: nobody waits longer than until a dead core node is known to be dead ({SILENCE} s)", kind.title),
                    kind,
                    (SILENCE, "slowest join", |seen| seen.slowest),
                ),
                Some(_) => self.judge_bound(
                    page,
                    &format!(
                        "{}: a group is silent no longer than a refresh ({REFRESH} s), three rounds of the ring and three \
                         requests, when the server that has it is lost",
                        kind.title
                    ),
                    kind,
                    (REPAIRED, "next join", |seen| seen.next_join),
                ),
            }
        }
    }

    /// Of servers that announce one block.
    fn judge_block(&self, page: &mut Page, ip: Infrastructure, kind: Infrastructure) {
        let sentences = [
            "clients of a proxy whose AS is cut off are brought to another by BGP, as with plain IP anycast",
            "a proxy that comes back costs its clients no more than a member that comes back does",
            "clients of a proxy whose process is killed are brought to another by the health gate",
        ];
        for (fault, says) in sentences.into_iter().enumerate() {
            let all: Vec<Option<f64>> = self.silences(kind, fault).collect();
            let again = Estimate::share(all.iter().flatten().count(), all.len());
            let plain = Estimate::mean(self.silences(ip, fault).flatten());
            let line = plain.map_or(PROBES, |plain| plain.value * 2.0 + PROBES);
            page.judge(
                &format!("{}: {says}", kind.title),
                vec![
                    Test::at_least("clients answered again", again, HALF),
                    Test::at_most("seconds without an answer", Estimate::mean(all.iter().flatten().copied()), line),
                ],
                format!(
                    "the line is twice the mean of plain IP anycast for the same fault, {} s, and {PROBES} s for five \
                     probes; the last route changed {} s after the fault",
                    shown(plain, 2),
                    cell(Self::of(&self.labs, kind, fault).map(|seen| seen.routes))
                ),
            );
        }
    }

    fn judge_bound(&self, page: &mut Page, says: &str, kind: Infrastructure, (bound, what, of): (f64, &str, Of)) {
        let mut tests = Vec::new();
        for fault in [CUT, KILLED] {
            let name = FAULTS[fault].0;
            let all: Vec<Option<f64>> = Self::of(&self.simulated, kind, fault).map(of).collect();
            let kept = all.iter().flatten().filter(|seconds| **seconds <= bound).count();
            let kept = Estimate::share(kept, all.len());
            let bound = number(bound, 1);
            tests.push(Test::at_least(format!("{name}: runs with a {what} within {bound} s, simulated"), kept, MOST));
        }
        let both = || [CUT, KILLED].into_iter().flat_map(|fault| Self::of(&self.labs, kind, fault).map(of));
        tests.push(Test::at_most(
            format!("mean {what} in labs, both faults, s"),
            Estimate::mean(both().flatten()),
            bound,
        ));
        let without = both().filter(Option::is_none).count();
        page.judge(says, tests, format!("in labs {without} of {} faults had none in time", both().count()));
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::scenario::read_text;
    use crate::topology::Overrides;

    #[test]
    fn every_server_can_be_lost() {
        for kind in Infrastructure::all() {
            for victim in SERVERS {
                let lab = text(kind, victim).unwrap();
                let (_, scenario) = read_text(Path::new("lost.toml"), &lab, &Overrides::default()).unwrap();
                let faults = scenario.timeline.iter().filter(|entry| entry.action.is_fault()).count();
                assert!(faults >= FAULTS.len(), "{kind:?} {victim}: {faults}");
            }
        }
    }
}
