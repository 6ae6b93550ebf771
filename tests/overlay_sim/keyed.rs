//! Overlays with a key: they do what others do, and who does not have it changes nothing in them.

use std::net::SocketAddr;
use std::time::Duration;

use anybed::anycast::{Command, Event, Member};
use anybed::machine::{Part, Via};
use anybed::overlay::auth::OVERHEAD;
use anybed::overlay::wire::MAX_DATAGRAM;
use anybed::overlay::{Phase, Time, Transmit};
use anybed::topology::{Healing, LookupMode};

use crate::world::{self, COLORS, Options, World, address, group};

const SECOND: Duration = Duration::from_secs(1);
const STEP: Duration = Duration::from_millis(5);

fn keyed() -> Options {
    Options { key: Some("correct horse"), ..Options::default() }
}

/// A datagram under way: where from, to which host, at which of its addresses.
#[derive(Clone)]
struct Heard {
    from: SocketAddr,
    to: usize,
    via: Via,
    bytes: Vec<u8>,
}

/// Members in one room: what one says arrives at once, and is recorded.
struct Room {
    now: Time,
    members: Vec<Member>,
    record: Vec<Heard>,
}

impl Room {
    /// `hosts` members of an overlay that has stored keys, some of them overwritten.
    fn of(options: Options, hosts: usize) -> Self {
        let now = Time::default();
        let members = (0..hosts).map(|host| Member::plain(world::config(options.clone(), host), now)).collect();
        let mut room = Self { now, members, record: Vec::new() };
        for host in 0..hosts {
            room.members[host].command(room.now, Command::Join { found: host == 0 });
            room.run(3 * SECOND);
            assert!(world::is_member(&room.members[host]), "h{host} has not joined");
        }
        for token in 0..30 {
            let (key, value) = (format!("key {}", token % 20), format!("value of {token}"));
            let through = token as usize % hosts;
            room.members[through].command(room.now, Command::Put { token, key, value });
            room.run(SECOND / 10);
        }
        room.run(5 * SECOND);
        room
    }

    fn run(&mut self, time: Duration) {
        let end = self.now + time;
        while self.now < end {
            self.now = self.now + STEP;
            for host in 0..self.members.len() {
                self.members[host].handle_timeout(self.now);
            }
            self.deliver();
        }
    }

    fn deliver(&mut self) {
        while let Some((from, Transmit { to, bytes })) =
            self.members.iter_mut().enumerate().find_map(|(h, m)| m.poll_transmit().map(|t| (h, t)))
        {
            let Some((to, via)) = self.whom(from, to) else { continue };
            let heard = Heard { from: address(from), to, via, bytes };
            self.record.push(heard.clone());
            self.members[to].handle(self.now, heard.from, via, &heard.bytes);
        }
        self.members.iter_mut().for_each(announce);
    }

    /// The first member announces the join group.
    fn whom(&self, from: usize, to: SocketAddr) -> Option<(usize, Via)> {
        if to == group(0) {
            return (from != 0).then_some((0, Via::Group(Part(0))));
        }
        (0..self.members.len()).find(|h| address(*h) == to).map(|h| (h, Via::Unicast))
    }

    /// What members hold and have done, without the count of what they dropped.
    fn state(&self) -> Vec<String> {
        let state = |m: &Member| {
            let mut digest = m.digest();
            digest.dropped = 0;
            let steady = ["neighbors", "keys", "acquaintances", "distrusted", "sessions"];
            let tables = m.tables().into_iter().filter(|(name, _)| steady.contains(name)).collect::<Vec<_>>();
            format!("{digest:?} {tables:?}")
        };
        self.members.iter().map(state).collect()
    }
}

/// The driver's part: groups are announced at once, other events are of no interest.
fn announce(member: &mut Member) {
    while member.poll_event().is_some() {}
}

#[test]
fn an_overlay_with_a_key_joins_stores_and_heals_like_any_other() {
    for lookup in [LookupMode::Iterative, LookupMode::Recursive] {
        let mut world = World::new(Options { hosts: 24, lookup, healing: Healing::Colors, loss: 0.02, ..keyed() });
        world.join_all();
        world.expect_whole(60 * SECOND);
        assert_eq!(world.put(60), 60);
        world.sim.partition(&(0..8).collect::<Vec<_>>());
        let islands = [(0..8).collect(), (8..24).collect()];
        world.expect_islands(60 * SECOND, &islands);
        world.sim.heal();
        world.expect_whole(120 * SECOND);
        world.sim.crash(3);
        world.sim.crash(17);
        world.sim.run_for(5 * SECOND);
        world.sim.restart(3);
        world.sim.command(3, Command::Join { found: false });
        assert!(world.sim.run_until(20 * SECOND, |sim| sim.machine(3).is_some_and(world::is_member)));
        world.renumber(5);
        world.expect_whole(60 * SECOND);
        assert_eq!(world.missing(), Vec::<String>::new());
        let looked = world.lookups(100);
        assert_eq!((looked.wrong, looked.unanswered), (0, 0));
    }
}

#[test]
fn who_has_no_key_or_another_does_not_join() {
    for key in [None, Some("battery staple")] {
        let mut room = Room::of(keyed(), 3);
        let before = room.state();
        let dropped = room.members[0].digest().dropped;
        room.members.push(Member::plain(world::config(Options { key, ..Options::default() }, 3), room.now));
        room.members[3].command(room.now, Command::Join { found: false });
        let mut failed = false;
        let deadline = room.now + 60 * SECOND;
        while !failed && room.now < deadline {
            room.now = room.now + STEP;
            for member in &mut room.members {
                member.handle_timeout(room.now);
            }
            while let Some(event) = room.members[3].poll_event() {
                failed |= matches!(event, Event::JoinFailed { .. });
            }
            room.deliver();
        }
        assert!(room.members[0].digest().dropped > dropped, "its questions arrived");
        assert_eq!(room.members[3].digest().phase, Phase::Idle);
        assert_eq!(room.state()[..3], before, "{key:?}");
    }
}

#[test]
fn what_is_recorded_changes_nothing_from_whatever_address_and_at_whatever_member() {
    let mut room = Room::of(keyed(), 3);
    let (before, record) = (room.state(), room.record.clone());
    let thief: SocketAddr = "10.9.9.9:4000".parse().unwrap();
    let mut answers = 0;
    for heard in record {
        for to in 0..3 {
            for from in [heard.from, thief] {
                room.members[to].handle(room.now, from, heard.via, &heard.bytes);
                while let Some(answer) = room.members[to].poll_transmit() {
                    // A Hello and what names no session may be answered: with no more than it was.
                    assert_eq!(answer.to, heard.from);
                    assert!(answer.bytes.len() <= heard.bytes.len());
                    answers += 1;
                }
            }
        }
    }
    assert_eq!(room.state(), before);
    assert!(answers < room.record.len() / 10, "{answers} answers to {} datagrams", room.record.len());
}

#[test]
fn a_restarted_member_takes_nothing_that_its_former_self_was_sent() {
    let mut room = Room::of(keyed(), 3);
    let record = room.record.clone();
    room.members[2] = Member::plain(world::config(keyed(), 2), room.now);
    room.members[2].command(room.now, Command::Join { found: false });
    room.run(3 * SECOND);
    let before = room.state();
    for heard in record.into_iter().filter(|h| h.to == 2) {
        room.members[2].handle(room.now, heard.from, heard.via, &heard.bytes);
        // Those whom it asks do not say the same again: it was too long ago.
        room.deliver();
    }
    assert_eq!(room.state(), before);
}

#[test]
fn messages_of_an_overlay_without_a_key_are_foreign_to_one_with_and_the_other_way_around() {
    let (mut with, mut without) = (Room::of(keyed(), 2), Room::of(Options::default(), 2));
    let records = (with.record.clone(), without.record.clone());
    for (room, record) in [(&mut with, records.1), (&mut without, records.0)] {
        let (before, dropped) = (room.state(), room.members[1].digest().dropped);
        let to_it: Vec<Heard> = record.into_iter().filter(|h| h.to == 1).collect();
        for heard in &to_it {
            room.members[1].handle(room.now, heard.from, heard.via, &heard.bytes);
            assert!(room.members[1].poll_transmit().is_none());
        }
        assert_eq!(room.state(), before);
        assert_eq!(room.members[1].digest().dropped - dropped, to_it.len() as u64);
    }
}

#[test]
fn with_a_key_too_no_answer_before_the_cookie_is_larger_than_its_question() {
    let room = Room::of(keyed(), 3);
    let hello = room.record.iter().position(|h| h.via == Via::Group(Part(0)) && h.to == 0).expect("somebody joined");
    let cookie = room.record[hello + 1..].iter().find(|h| h.from == address(0)).expect("it was answered");
    assert!(cookie.bytes.len() <= room.record[hello].bytes.len());
    let longest = room.record.iter().map(|h| h.bytes.len()).max().unwrap();
    assert!(longest + OVERHEAD < MAX_DATAGRAM && usize::from(COLORS) > 0);
}
