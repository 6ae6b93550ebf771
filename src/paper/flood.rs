//! A flood of joiners: what it earns, and whether honest ones still get in. In namespaces, and as datagrams that
//! are handed to a member's machine one after another.

use std::net::SocketAddr;
use std::time::Duration;

use anyhow::{Context, Result};
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;

use super::Setup;
use super::page::{Finding, Page, Source, Table, number};
use crate::anycast::{Command, Event, Member, PORT, Stranger};
use crate::machine::Via;
use crate::measure::{FloodReport, Joiners};
use crate::overlay::{Protocol, Proximity, Time};
use crate::sim::{Options, settings};

const JOINER_FLOOD: &str = include_str!("../../topologies/joiner-flood.toml");

/// What floods did.
pub(super) struct Answers {
    labs: Vec<FloodReport>,
    hellos: usize,
    asked_bytes: usize,
    answered_bytes: usize,
    honest: usize,
    honest_joined: usize,
}

/// Between two Hellos: 20,000 a second.
const GAP: Duration = Duration::from_micros(50);
/// Honest joiners, one in so many Hellos.
const HONEST_EVERY: usize = 2_000;

pub(super) fn answers(setup: &Setup, page: &mut Page) -> Result<Answers> {
    page.heading("A flood of joiners");
    let labs = in_labs(setup, page)?;
    Ok(simulated(setup, page, labs))
}

/// Floods of a client in a stub whose nodes join meanwhile: BGP leads all of them to the same member.
fn in_labs(setup: &Setup, page: &mut Page) -> Result<Vec<FloodReport>> {
    page.text(
        "A client sends first Hellos, each of a new joiner, to an overlay of twelve, and never returns the cookie; \
         BGP leads them to a member in its own stub. Twelve nodes join meanwhile, half of them in that stub. \
         *Before*: eleven that had joined the first one, when there was no flood.",
    );
    let header = [
        "a second",
        "Hellos",
        "not sent",
        "bytes asked",
        "bytes answered",
        "answered/asked",
        "honest joiners",
        "joined",
        "join p50",
        "join p99",
        "p50 before",
        "p99 before",
    ];
    let mut table = Table::new("floods", "Floods of Hellos in namespaces, over real BGP", Source::Lab, &header);
    let mut floods = Vec::new();
    for rate in setup.pick(vec![2_000, 5_000, 10_000, 20_000], vec![2_000]) {
        setup.say(&format!("a flood of {rate} joiners a second in namespaces"));
        let report = setup.labs.play(&format!("joiner-flood-{rate}"), &at_rate(rate)?, &[])?;
        let flood = report.overlays.get("music").and_then(|o| o.floods.first());
        let flood = flood.context("the lab has no flood")?.clone();
        table.row(cells(&flood));
        floods.push(flood);
    }
    page.table(table);
    Ok(floods)
}

/// The lab file with another rate.
fn at_rate(rate: u32) -> Result<String> {
    let mut lab: toml_edit::DocumentMut = JOINER_FLOOD.parse().context("parse the lab file")?;
    let timeline = lab.get_mut("timeline").and_then(|t| t.as_array_of_tables_mut()).context("there is a timeline")?;
    let is_flood = |entry: &&mut toml_edit::Table| {
        entry.get("do").and_then(|text| text.as_str()).is_some_and(|text| text.starts_with("flood "))
    };
    let entry = timeline.iter_mut().find(is_flood).context("the lab file has a flood")?;
    entry.insert("do", toml_edit::value(format!("flood music from campus at {rate}/s for 2s")));
    Ok(lab.to_string())
}

fn cells(flood: &FloodReport) -> Vec<String> {
    let ms = |value: Option<f64>| value.map_or("–".to_owned(), |v| format!("{} ms", number(v, 1)));
    let Joiners { begun, joined, p50_ms, p99_ms } = flood.joins_during;
    vec![
        flood.rate.to_string(),
        flood.sent.to_string(),
        flood.skipped.to_string(),
        flood.sent_bytes.to_string(),
        flood.answered_bytes.to_string(),
        flood.gain.map_or("–".to_owned(), |gain| number(gain, 2)),
        begun.to_string(),
        joined.to_string(),
        ms(p50_ms),
        ms(p99_ms),
        ms(flood.joins_before.p50_ms),
        ms(flood.joins_before.p99_ms),
    ]
}

fn simulated(setup: &Setup, page: &mut Page, labs: Vec<FloodReport>) -> Answers {
    let hellos = setup.pick(200_000, 20_000);
    setup.say(&format!("a flood of {hellos} joiners"));
    let honest = hellos / HONEST_EVERY;
    let options = Options::of(honest + 1, settings(Protocol::default(), Proximity::None), setup.seed);
    let mut crowd = Crowd::begin(&options);
    for n in 0..hellos {
        if n % HONEST_EVERY == HONEST_EVERY / 2 {
            crowd.join_honestly();
        }
        crowd.forge(n);
    }
    crowd.calm_down();
    let answers = crowd.answers(labs, hellos, honest);
    let header = ["Hellos", "a second", "bytes asked", "bytes answered", "answered/asked", "honest joiners", "joined"];
    let mut table =
        Table::new("flood", "A flood of Hellos from forged addresses at one member", Source::Simulated, &header);
    table.row([
        hellos.to_string(),
        number(1.0 / GAP.as_secs_f64(), 0),
        answers.asked_bytes.to_string(),
        answers.answered_bytes.to_string(),
        number(answers.gain(), 2),
        answers.honest.to_string(),
        answers.honest_joined.to_string(),
    ]);
    page.table(table);
    answers
}

/// One member that everybody asks, a stranger who forges addresses, and honest joiners.
struct Crowd {
    now: Time,
    nodes: Vec<Member>,
    stranger: Stranger,
    /// The group that joiners ask, and its address.
    group: (Via, SocketAddr),
    joined: usize,
    next: usize,
    asked_bytes: usize,
    answered_bytes: usize,
}

impl Crowd {
    fn begin(options: &Options) -> Self {
        let now = Time::default();
        let nodes: Vec<Member> = options.configs().into_iter().map(|config| Member::new(config, now)).collect();
        let all = &nodes[0].config().groups;
        let (part, address) = all.first_key_value().expect("an overlay has a group");
        let group = (Via::Group(*part), *address);
        let stranger = Stranger::new(&nodes[0].config().overlay, false, ChaCha8Rng::seed_from_u64(options.seed));
        let mut crowd = Self { now, nodes, stranger, group, joined: 0, next: 1, asked_bytes: 0, answered_bytes: 0 };
        crowd.nodes[0].command(now, Command::Join { found: true });
        // It asks a few times whether somebody is there.
        crowd.calm_down();
        crowd.joined = 0;
        crowd
    }

    /// A Hello from an address that does not exist: whatever answers it is counted and lost.
    fn forge(&mut self, n: usize) {
        let from = SocketAddr::from(([172, 16 + (n >> 16) as u8 % 16, (n >> 8) as u8, n as u8], PORT));
        let hello = self.stranger.hello();
        self.asked_bytes += hello.len();
        self.nodes[0].handle(self.now, from, self.group.0, &hello);
        self.pass(GAP);
    }

    fn join_honestly(&mut self) {
        self.nodes[self.next].command(self.now, Command::Join { found: false });
        self.next += 1;
    }

    fn calm_down(&mut self) {
        for _ in 0..600 {
            self.pass(Duration::from_millis(100));
        }
    }

    /// Time passes, and what was said arrives at once.
    fn pass(&mut self, time: Duration) {
        self.now = self.now + time;
        let awake = self.next.min(self.nodes.len());
        loop {
            let mut said = Vec::new();
            for at in 0..awake {
                let node = &mut self.nodes[at];
                if node.poll_timeout().is_some_and(|t| t <= self.now) {
                    node.handle_timeout(self.now);
                }
                let from = node.config().address;
                said.extend(std::iter::from_fn(|| node.poll_transmit()).map(|t| (from, t)));
                let joined = std::iter::from_fn(|| node.poll_event()).filter(|e| matches!(e, Event::Joined { .. }));
                self.joined += joined.count();
            }
            if said.is_empty() {
                return;
            }
            for (from, transmit) in said {
                let (to, via) = if transmit.to == self.group.1 {
                    (Some(0), self.group.0)
                } else {
                    (self.nodes[..awake].iter().position(|n| n.config().address == transmit.to), Via::Unicast)
                };
                match to {
                    Some(to) => self.nodes[to].handle(self.now, from, via, &transmit.bytes),
                    None => self.answered_bytes += transmit.bytes.len(),
                }
            }
        }
    }

    fn answers(&self, labs: Vec<FloodReport>, hellos: usize, honest: usize) -> Answers {
        let (asked_bytes, answered_bytes) = (self.asked_bytes, self.answered_bytes);
        Answers { labs, hellos, asked_bytes, answered_bytes, honest, honest_joined: self.joined }
    }
}

impl Answers {
    /// The flood of most Hellos that was played.
    fn strongest(&self) -> Option<String> {
        let flood = self.labs.iter().max_by_key(|f| f.sent)?;
        let Joiners { begun, joined, p99_ms, .. } = flood.joins_during;
        let (with, without) = p99_ms.zip(flood.joins_before.p99_ms)?;
        Some(format!(
            "; in a lab {} real ones a second earned {}, and {joined} of {begun} joined meanwhile, p99 {} ms instead \
             of {} ms",
            number(flood.sent as f64 / flood.seconds, 0),
            number(flood.gain?, 2),
            number(with, 1),
            number(without, 1)
        ))
    }

    fn gain(&self) -> f64 {
        self.answered_bytes as f64 / self.asked_bytes.max(1) as f64
    }

    pub(super) fn claim(&self, page: &mut Page) {
        let in_lab =
            |f: &FloodReport| f.gain.is_some_and(|g| g <= 1.0) && f.joins_during.joined == f.joins_during.begun;
        let holds = self.gain() <= 1.0 && self.honest_joined == self.honest && self.labs.iter().all(in_lab);
        page.claim(
            "Attackers find the bootstrapping nodes easily (and flood them)",
            if holds { Finding::Conditional } else { Finding::Confirmed },
            format!(
                "the anycast address is as public; {} forged Hellos earned {} bytes for each byte sent (a cookie comes \
                 before anything larger), and {} of {} honest joiners got in meanwhile{}",
                self.hellos,
                number(self.gain(), 2),
                self.honest_joined,
                self.honest,
                self.strongest().unwrap_or_default()
            ),
        );
    }
}
