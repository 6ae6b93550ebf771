//! A flood of joiners: what it earns, and whether honest ones still get in. Real datagrams, handed to a
//! member's machine one after another.

use std::net::SocketAddr;
use std::time::Duration;

use super::Setup;
use super::page::{Finding, Page, Source, Table, number};
use crate::anycast::{Command, Event, Member};
use crate::overlay::{Protocol, Proximity, Time, Via};
use crate::sim::{Options, settings};

/// What a flood of Hellos from forged addresses did.
pub(super) struct Answers {
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

pub(super) fn answers(setup: &Setup, page: &mut Page) -> Answers {
    page.heading("A flood of joiners");
    let hellos = setup.pick(200_000, 20_000);
    setup.say(&format!("a flood of {hellos} joiners"));
    let honest = hellos / HONEST_EVERY;
    let options = Options::of(honest + 2, settings(Protocol::Chord, Proximity::None), setup.seed);
    let mut crowd = Crowd::begin(&options);
    for n in 0..hellos {
        if n % HONEST_EVERY == HONEST_EVERY / 2 {
            crowd.join_honestly();
        }
        crowd.forge(n);
    }
    crowd.calm_down();
    let answers = crowd.answers(hellos, honest);
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

/// One member that everybody asks, a forger, and honest joiners.
struct Crowd {
    now: Time,
    nodes: Vec<Member>,
    hello: Vec<u8>,
    group: SocketAddr,
    joined: usize,
    next: usize,
    asked_bytes: usize,
    answered_bytes: usize,
}

impl Crowd {
    fn begin(options: &Options) -> Self {
        let now = Time::default();
        let nodes: Vec<Member> = options.configs().into_iter().map(|config| Member::new(config, now)).collect();
        let group = nodes[0].config().join_group;
        let mut crowd =
            Self { now, nodes, hello: Vec::new(), group, joined: 0, next: 2, asked_bytes: 0, answered_bytes: 0 };
        crowd.nodes[0].command(now, Command::Join { found: true });
        // It asks a few times whether somebody is there.
        crowd.calm_down();
        crowd.nodes[1].command(crowd.now, Command::Join { found: false });
        crowd.hello = crowd.nodes[1].poll_transmit().map(|t| t.bytes).unwrap_or_default();
        crowd.nodes[1].command(crowd.now, Command::Leave);
        crowd.joined = 0;
        crowd
    }

    /// A Hello from an address that does not exist: whatever answers it is counted and lost.
    fn forge(&mut self, n: usize) {
        let from = SocketAddr::from(([172, 16 + (n >> 16) as u8 % 16, (n >> 8) as u8, n as u8], 4000));
        self.asked_bytes += self.hello.len();
        let (now, hello) = (self.now, self.hello.clone());
        self.nodes[0].handle(now, from, Via::Group(0), &hello);
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
            for at in (0..awake).filter(|at| *at != 1) {
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
                let (to, via) = if transmit.to == self.group {
                    (Some(0), Via::Group(0))
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

    fn answers(&self, hellos: usize, honest: usize) -> Answers {
        let (asked_bytes, answered_bytes) = (self.asked_bytes, self.answered_bytes);
        Answers { hellos, asked_bytes, answered_bytes, honest, honest_joined: self.joined }
    }
}

impl Answers {
    fn gain(&self) -> f64 {
        self.answered_bytes as f64 / self.asked_bytes.max(1) as f64
    }

    pub(super) fn claim(&self, page: &mut Page) {
        let holds = self.gain() <= 1.0 && self.honest_joined == self.honest;
        page.claim(
            "Attackers find the bootstrapping nodes easily (and flood them)",
            if holds { Finding::Conditional } else { Finding::Confirmed },
            format!(
                "the anycast address is as public; {} forged Hellos earned {} bytes for each byte sent (a cookie comes \
                 before anything larger), and {} of {} honest joiners got in meanwhile",
                self.hellos,
                number(self.gain(), 2),
                self.honest_joined,
                self.honest
            ),
        );
    }
}
