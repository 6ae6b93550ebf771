//! What a member does with datagrams from anywhere.

use std::net::SocketAddr;
use std::sync::OnceLock;
use std::time::Duration;

use anybed::anycast::{Command, Event, Member, probe};
use anybed::machine::{Part, Via};
use anybed::overlay::id::Id;
use anybed::overlay::wire::{MAX_DATAGRAM, Tag, encode};
use anybed::overlay::{Answer, Neighbors, Protocol, Time};
use proptest::prelude::*;

use crate::world::{self, Options};

fn member() -> (Member, Time) {
    member_of(Options::default())
}

/// Of each protocol.
fn options() -> impl Strategy<Value = Options> {
    let protocols = [world::chord(8), world::given("pastry"), world::given("can")];
    prop::sample::select(protocols.map(|protocol| Options { protocol, ..Options::default() }).to_vec())
}

/// A member that is an overlay of its own.
fn member_of(options: Options) -> (Member, Time) {
    let config = world::config(options, 0);
    let mut member = Member::plain(config, Time::default());
    member.command(Time::default(), Command::Join { found: true });
    let mut now = Time::default();
    while !world::is_member(&member) {
        now = member.poll_timeout().expect("a join has a next step");
        member.handle_timeout(now);
    }
    while member.poll_transmit().is_some() {}
    (member, now)
}

/// The first datagrams of a joiner, by destination.
fn hellos() -> Vec<(SocketAddr, Vec<u8>)> {
    let mut joiner = Member::plain(world::config(Options::default(), 1), Time::default());
    joiner.command(Time::default(), Command::Join { found: false });
    std::iter::from_fn(|| joiner.poll_transmit()).map(|t| (t.to, t.bytes)).collect()
}

#[test]
fn before_the_cookie_no_answer_is_larger_than_its_question() {
    let (mut member, now) = member();
    let stranger: SocketAddr = "10.9.9.9:4000".parse().unwrap();
    let (_, hello) = hellos().remove(0);
    member.handle(now, stranger, Via::Group(Part(0)), &hello);
    let answer = member.poll_transmit().expect("a member answers");
    assert_eq!(answer.to, stranger);
    assert!(answer.bytes.len() <= hello.len(), "{} for {}", answer.bytes.len(), hello.len());
    assert_eq!(member.poll_transmit(), None, "one datagram for one");
}

#[test]
fn a_cookie_returned_from_another_address_earns_nothing() {
    let (mut member, now) = member();
    let mut joiner = Member::plain(world::config(Options::default(), 1), now);
    joiner.command(now, Command::Join { found: false });
    let hello = joiner.poll_transmit().unwrap();
    let (honest, thief) = (world::address(1), "10.9.9.9:4000".parse().unwrap());
    member.handle(now, honest, Via::Group(Part(0)), &hello.bytes);
    let cookie = member.poll_transmit().unwrap();
    joiner.handle(now, world::address(0), Via::Unicast, &cookie.bytes);
    let echo = std::iter::from_fn(|| joiner.poll_transmit()).last().unwrap();
    assert_eq!(echo.to, world::address(0), "the cookie goes back to the member's unicast address");
    member.handle(now, thief, Via::Unicast, &echo.bytes);
    assert_eq!(member.poll_transmit(), None);
    member.handle(now, honest, Via::Unicast, &echo.bytes);
    assert_eq!(member.poll_transmit().map(|t| t.to), Some(honest), "the honest one is welcomed");
}

#[test]
fn a_node_that_has_not_joined_answers_no_hello() {
    let mut idle = Member::plain(world::config(Options::default(), 0), Time::default());
    idle.handle(Time::default(), "10.9.9.9:4000".parse().unwrap(), Via::Unicast, &hellos()[0].1);
    assert_eq!(idle.poll_transmit(), None);
}

#[test]
fn foreign_datagrams_are_counted() {
    let (mut member, now) = member();
    let other = encode(Tag::of_overlay("films"), &0u8).unwrap();
    member.handle(now, "10.9.9.9:5000".parse().unwrap(), Via::Unicast, &other);
    assert_eq!(member.digest().dropped, 1);
}

#[test]
fn a_configuration_survives_json() {
    let config = world::config(Options::default(), 3);
    let json = serde_json::to_string(&config).unwrap();
    assert!(json.contains(r#""heal_every":2000"#), "{json}");
    assert_eq!(serde_json::from_str::<anybed::anycast::NodeConfig>(&json).unwrap(), config);
}

#[test]
fn commands_and_events_survive_json() {
    let key = Id(u128::MAX - 3);
    let commands = [
        Command::Join { found: true },
        Command::Leave,
        Command::Lookup { token: u64::MAX, key },
        Command::Put { token: 1, key: "k".into(), value: "v".into() },
    ];
    for command in commands {
        let json = serde_json::to_string(&command).unwrap();
        assert_eq!(serde_json::from_str::<Command>(&json).unwrap(), command, "{json}");
    }
    let events = [
        Event::Joined { served_by: Some(key), milliseconds: 1.5, attempts: 2, redirected: 1 },
        Event::Announced { group: Part(9) },
        Event::Neighbors(Neighbors { successors: vec![key], ..Neighbors::default() }),
        Event::Done {
            token: 9,
            path: Vec::new(),
            outcome: Answer::Looked { key, owner: Some(key), hops: 3, milliseconds: 0.25 },
        },
        Event::Done {
            token: 9,
            path: Vec::new(),
            outcome: Answer::Got { key: "k".into(), value: None, others: vec!["other".into()] },
        },
    ];
    for event in events {
        let json = serde_json::to_string(&event).unwrap();
        assert_eq!(serde_json::from_str::<Event>(&json).unwrap(), event, "{json}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    #[test]
    fn no_bytes_make_a_member_panic(
        options in options(),
        datagrams in prop::collection::vec((any::<bool>(), prop::collection::vec(any::<u8>(), 0..300)), 1..20),
    ) {
        let (mut member, mut now) = member_of(options.clone());
        let head = encode(Tag::of_overlay("music"), &()).unwrap();
        for (ours, bytes) in datagrams {
            // Half of them get past the tag.
            let bytes = if ours { [&head[..], &bytes].concat() } else { bytes };
            member.handle(now, "10.9.9.9:4000".parse().unwrap(), Via::Unicast, &bytes);
            let _ = (probe::Probe::decode(&bytes), probe::ProbeReply::decode(&bytes));
            now = now + Duration::from_millis(150);
            member.handle_timeout(now);
            while let Some(transmit) = member.poll_transmit() {
                prop_assert!(transmit.bytes.len() <= MAX_DATAGRAM);
            }
        }
    }

    /// Real datagrams with a few bytes changed reach deeper than random ones.
    #[test]
    fn no_changed_datagram_makes_a_member_panic(
        options in options(),
        pick in any::<prop::sample::Index>(),
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..4),
    ) {
        let (mut member, now) = member_of(options.clone());
        let recorded = recorded(options);
        let mut bytes = recorded[pick.index(recorded.len())].clone();
        for (at, byte) in changes {
            let at = at.index(bytes.len());
            bytes[at] = byte;
        }
        member.handle(now, world::address(1), Via::Unicast, &bytes);
        for _ in 0..20 {
            while member.poll_transmit().is_some() {}
            let Some(next) = member.poll_timeout() else { break };
            member.handle_timeout(next);
        }
    }
}

/// What three members say to one another while they join and store keys.
fn recorded(options: Options) -> &'static Vec<Vec<u8>> {
    static RECORDED: [OnceLock<Vec<Vec<u8>>>; 3] = [const { OnceLock::new() }; 3];
    RECORDED[Protocol::all().position(|p| p == options.protocol.protocol).expect("a row of the table")].get_or_init(
        || {
            let mut members: Vec<Member> =
                (0..3).map(|h| Member::plain(world::config(options.clone(), h), Time::default())).collect();
            let mut said = Vec::new();
            let mut now = Time::default();
            members[0].command(now, Command::Join { found: true });
            for step in 0..2000u64 {
                now = now + Duration::from_millis(5);
                if step == 400 || step == 500 {
                    members[(step / 100 - 3) as usize].command(now, Command::Join { found: false });
                }
                if step > 1000 && step % 50 == 0 {
                    let (key, value) = (format!("k{step}"), "v".to_owned());
                    members[(step / 50 % 3) as usize].command(now, Command::Put { token: step, key, value });
                }
                for from in 0..3 {
                    members[from].handle_timeout(now);
                    while let Some(transmit) = members[from].poll_transmit() {
                        let joins = transmit.to == world::group(0);
                        let to = if joins {
                            0
                        } else {
                            (0..3).find(|h| world::address(*h) == transmit.to).expect("one of them")
                        };
                        let via = if joins { Via::Group(Part(0)) } else { Via::Unicast };
                        members[to].handle(now, world::address(from), via, &transmit.bytes);
                        said.push(transmit.bytes);
                    }
                }
            }
            assert!(members.iter().all(world::is_member));
            said
        },
    )
}
