//! What a flood of forged Hellos earns: datagrams handed to a member's machine one after another.

use std::net::SocketAddr;
use std::time::Duration;

use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;

use crate::anycast::{Command, Member, PORT, Stranger};
use crate::machine::Via;
use crate::overlay::{Protocol, Proximity, Time};
use crate::paper::Setup;
use crate::paper::page::{Page, Source, Table, number};
use crate::sim::{Options, settings};

/// Between two Hellos: 20,000 a second.
const GAP: Duration = Duration::from_micros(50);

/// What was asked, and what was answered.
pub(super) struct Forged {
    asked_bytes: usize,
    answered_bytes: usize,
}

impl Forged {
    pub(super) fn gain(&self) -> f64 {
        self.answered_bytes as f64 / self.asked_bytes.max(1) as f64
    }
}

/// A member of an overlay of its own gets Hellos from addresses that do not exist: whatever answers them is counted
/// and lost.
pub(super) fn simulated(setup: &Setup, page: &mut Page) -> Forged {
    let hellos: usize = setup.pick(200_000, 20_000);
    setup.say(&format!("{hellos} forged Hellos"));
    let mut now = Time::default();
    let options = Options::of(1, settings(Protocol::default(), Proximity::None), setup.seed);
    let mut members = options.configs().into_iter().map(|config| Member::plain(config, now));
    let mut member = members.next().expect("options for one node");
    let (part, _) = member.config().groups.first_key_value().expect("an overlay has a group");
    let group = Via::Group(*part);
    let mut stranger = Stranger::new(&member.config().overlay, false, ChaCha8Rng::seed_from_u64(setup.seed));
    member.command(now, Command::Join { found: true });
    // It asks a few times whether somebody is there.
    for _ in 0..600 {
        now = now + Duration::from_millis(100);
        pass(&mut member, now);
    }
    let mut found = Forged { asked_bytes: 0, answered_bytes: 0 };
    for n in 0..hellos {
        let from = SocketAddr::from(([172, 16 + (n >> 16) as u8 % 16, (n >> 8) as u8, n as u8], PORT));
        let hello = stranger.hello();
        found.asked_bytes += hello.len();
        member.handle(now, from, group, &hello);
        now = now + GAP;
        found.answered_bytes += pass(&mut member, now);
    }
    let header = ["Hellos", "bytes asked", "bytes answered", "answered/asked"];
    let caption = "Forged Hellos at one member: what they earn whoever is made to receive it";
    let mut table = Table::new("flood", caption, Source::Simulated, &header);
    let count = |n: usize| n.to_string();
    table.row([count(hellos), count(found.asked_bytes), count(found.answered_bytes), number(found.gain(), 2)]);
    page.table(table);
    found
}

/// Time passes; bytes that it said.
fn pass(member: &mut Member, now: Time) -> usize {
    if member.poll_timeout().is_some_and(|due| due <= now) {
        member.handle_timeout(now);
    }
    std::iter::from_fn(|| member.poll_event()).for_each(drop);
    std::iter::from_fn(|| member.poll_transmit()).map(|said| said.bytes.len()).sum()
}
