//! Hosts with several members behind one socket: every datagram is opened by the one that it is for.

use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use anybed::anycast::probe::{Probe, ProbeReply};
use anybed::anycast::{
    Asked, Command, Deed, Did, Dispatch, Event, Healing, Hosted, Infrastructure, NodeConfig, PORT, Tenants,
};
use anybed::machine::sim::{Conditions, Sim};
use anybed::machine::{Input, Machine, Output, Part, Port, Via};
use anybed::overlay::auth::Key;
use anybed::overlay::wire::{Tag, encode};
use anybed::overlay::{Phase, Time};

use crate::world::{self, COLORS, Options, address};

const HOSTS: usize = 6;
/// The last has a key.
const OVERLAYS: [&str; 3] = ["music", "films", "books"];
/// The join group and the colors of each.
const GROUPS: usize = 1 + COLORS as usize;

fn group(index: usize) -> SocketAddr {
    world::group(index as u16)
}

/// The first of each overlay's groups, as a host counts them.
fn first(overlay: usize) -> usize {
    overlay * GROUPS
}

fn hosted(host: usize, address: SocketAddr) -> Vec<Hosted> {
    let of = |(overlay, name): (usize, &&str)| {
        // The parts of plain IP anycast: the join group, no rendezvous, colors.
        let at = |Part(part)| group(first(overlay) + usize::from(part.saturating_sub(1)));
        let infrastructure = Infrastructure::default();
        let node = NodeConfig {
            overlay: (*name).into(),
            address,
            groups: infrastructure.addresses(&Asked { colors: COLORS, rendezvous: false }, at),
            key: if overlay == 2 { Key::new("correct horse") } else { None },
            ..world::config(Options { healing: Healing::Colors, ..Options::default() }, host)
        };
        Hosted { infrastructure, node }
    };
    OVERLAYS.iter().enumerate().map(of).collect()
}

fn groups() -> Vec<Vec<IpAddr>> {
    (0..OVERLAYS.len() * GROUPS).map(|at| vec![group(at).ip()]).collect()
}

fn host(host: usize, address: SocketAddr, now: Time) -> Dispatch {
    let tenants = Tenants { overlays: hosted(host, address), ..Tenants::default() };
    Dispatch::new(&format!("h{host}"), &tenants, &groups(), now)
}

/// All hosts are members of all overlays, joined in different orders.
fn joined() -> Sim<Dispatch> {
    let mut sim = Sim::new(
        Conditions {
            seed: 1,
            hosts: (0..HOSTS).map(address).collect(),
            groups: (0..OVERLAYS.len() * GROUPS).map(group).collect(),
            delay: Box::new(world::delay),
            loss: 0.0,
            propagation: Duration::from_millis(50),
        },
        host,
    );
    for (overlay, name) in OVERLAYS.iter().enumerate() {
        for turn in 0..HOSTS {
            let host = (overlay + turn) % HOSTS;
            sim.command(host, ((*name).into(), Command::Join { found: turn == 0 }));
            let member = |sim: &Sim<Dispatch>| phase(sim, host, name) == Phase::Member;
            assert!(sim.run_until(Duration::from_secs(30), member), "h{host} has not joined {name}");
            sim.run_for(Duration::from_millis(200));
        }
    }
    sim.run_for(Duration::from_secs(20));
    sim
}

/// The shared port at one of the host's groups.
fn port(group: usize) -> Port {
    Port { via: Via::Group(Part(group as u16)), number: PORT }
}

fn client() -> SocketAddr {
    SocketAddr::from(([10, 9, 9, 9], 5000))
}

fn hear(host: &mut Dispatch, now: Time, at: Port, bytes: &[u8]) {
    host.input(now, Input::Datagram { at, from: client(), bytes });
}

fn phase(sim: &Sim<Dispatch>, host: usize, overlay: &str) -> Phase {
    sim.machine(host).expect("it runs").digest(overlay).expect("a member of it").phase
}

fn dropped(sim: &Sim<Dispatch>) -> Vec<u64> {
    let of = |machine: &Dispatch| {
        OVERLAYS.map(|overlay| machine.digest(overlay).expect("a member of each").dropped).into_iter().sum()
    };
    sim.machines().map(|(_, machine)| of(machine)).collect()
}

#[test]
fn members_of_several_overlays_on_a_host_drop_nothing_of_each_other() {
    let sim = joined();
    assert_eq!(dropped(&sim), [0; HOSTS], "a datagram was opened by a member that it was not for");
    for (host, machine) in sim.machines() {
        for (overlay, name) in OVERLAYS.iter().enumerate() {
            let digest = machine.digest(name).unwrap();
            let others = digest.neighbors.successors.len();
            assert!(others == HOSTS - 1, "h{host} knows {others} of {name}");
            assert_eq!(digest.announced.len(), 2, "the join group and a color of {overlay}");
        }
    }
    let served = |did: &Did| matches!(did.what, Deed::Node(Event::Joined { served_by: Some(_), .. }));
    assert_eq!(sim.events().iter().filter(|h| served(&h.event)).count(), OVERLAYS.len() * (HOSTS - 1));
}

#[test]
fn a_probe_is_answered_once_wherever_it_arrives() {
    let mut sim = joined();
    let now = sim.now();
    for at in [Port::unicast(PORT), port(first(0)), port(first(2))] {
        sim.tell(3, |host| {
            hear(host, now, at, &Probe { seq: 4 }.encode());
            let answers = std::iter::from_fn(|| host.output()).filter_map(|output| match output {
                Output::Datagram { from, to, bytes } if to == client() => Some((from, bytes)),
                _ => None,
            });
            let answers: Vec<_> = answers.collect();
            assert!(answers.len() == 1 && answers[0].0 == Port::unicast(PORT), "{at:?}: {answers:?}");
            assert_eq!(ProbeReply::decode(&answers[0].1), Ok(ProbeReply { seq: 4, host: "h3".into() }));
        });
    }
    assert_eq!(dropped(&sim), [0; HOSTS]);
}

#[test]
fn what_is_nobodys_is_counted_and_opened_by_nobody() {
    let mut sim = joined();
    let now = sim.now();
    let foreign = encode(Tag::of_overlay("games"), &0u8).unwrap();
    let music = encode(Tag::of_overlay("music"), &0u8).unwrap();
    let books = encode(Tag::of_overlay("books"), &0u8).unwrap();
    let drops = |host: &Dispatch| OVERLAYS.map(|overlay| host.digest(overlay).unwrap().dropped);
    sim.tell(0, |host| {
        hear(host, now, Port::unicast(PORT), &foreign);
        hear(host, now, Port::unicast(PORT), &foreign[..7]);
        hear(host, now, port(first(1)), &music);
        assert_eq!(drops(host), [3; 3], "of no overlay here, or at another's group: all count it");
        hear(host, now, Port::unicast(PORT), &books);
        assert_eq!(drops(host), [3, 3, 4], "without the key: its own member tells");
    });
}

#[test]
fn a_host_that_is_renumbered_stays_in_all_its_overlays() {
    let mut sim = joined();
    let moved: SocketAddr = "10.1.0.9:4000".parse().unwrap();
    let now = sim.now();
    sim.renumber(2, moved);
    sim.tell(2, |host| host.renumber(now, moved));
    let settled = sim.run_until(Duration::from_secs(60), |sim| {
        OVERLAYS.iter().all(|overlay| {
            let knows = |machine: &Dispatch| {
                let digest = machine.digest(overlay).unwrap();
                digest.phase == Phase::Member && digest.neighbors.successors.len() == HOSTS - 1
            };
            sim.machines().all(|(_, machine)| knows(machine))
        })
    });
    assert!(settled);
    let mut sent = Vec::new();
    sim.tell(2, |host| {
        assert!(host.order(now, "films", Command::Leave) && !host.order(now, "games", Command::Leave));
        sent.extend(std::iter::from_fn(|| host.output()));
    });
    let own = first(1)..first(2);
    assert!(sent.iter().all(|o| matches!(o, Output::Announce(Part(g), false) if own.contains(&usize::from(*g)))));
    assert_eq!(sent.len(), 2, "{sent:?}");
}
