//! Messages that say anything at all.

use proptest::prelude::*;

use super::message::{Forwarded, Found, Listed, Query, Shared, State, Wish};
use super::*;

fn now(milliseconds: u64) -> Time {
    Time(Duration::from_millis(milliseconds))
}

fn stranger(n: u32) -> Peer {
    Peer { id: Id(u128::from(n) << 64 | 7), address: SocketAddr::from(([10, 7, (n >> 8) as u8, n as u8], NUMBER)) }
}

fn drain(node: &mut Kazaa) {
    while node.poll_transmit().is_some() || node.poll_event().is_some() {}
}

fn say(node: &mut Kazaa, at: u64, from: Peer, call: u64, message: &Message) {
    let bytes = message.bytes(Head { id: from.id, call, answer: 0, turn: 0 }).expect("it fits");
    node.handle(now(at), from.address, &bytes);
}

/// A supernode with a child.
fn alone() -> Kazaa {
    let mut node = node(3, 10, 1, &values());
    node.begin(now(0));
    node.ask(now(0), Token::Command(1), Ask::Share { name: "bad cafe".into() });
    say(&mut node, 1, stranger(1), 1, &Message::Join(Wish { must: false, capacity: 7, up: 0 }));
    say(&mut node, 1, stranger(2), 1, &Message::Link(true));
    assert_eq!((node.children.len(), node.links.len()), (1, 1));
    drain(&mut node);
    node
}

fn state(n: u32) -> State {
    let links = (0..16).map(|m| Listed { peer: stranger(n * 16 + m), load: 3, age: 0 }).collect();
    State { serves: true, load: 0, links, own: 16, heirs: Vec::new() }
}

#[test]
fn floods_fill_no_table_beyond_its_limit() {
    let mut node = alone();
    for n in 3..20_000u32 {
        let from = stranger(n);
        let message = match n % 6 {
            0 => Message::Join(Wish { must: true, capacity: n, up: u64::MAX }),
            1 => Message::Link(true),
            2 => Message::Forward(Forwarded {
                search: n.into(),
                ttl: 255,
                hops: 250,
                back: from.address,
                words: "cafe".into(),
            }),
            3 => Message::Reply(Found {
                search: n.into(),
                hops: 1,
                hits: vec![Hit { name: "cafe".into(), at: from.id }],
            }),
            4 => Message::Nodes(state(n).links),
            _ => Message::Stranger(from),
        };
        say(&mut node, 2, from, 9, &message);
        while node.poll_transmit().is_some() {}
    }
    // Children that share and ask without end.
    let children: Vec<Peer> = node.children.values().map(|child| child.peer).collect();
    for n in 0..20_000u32 {
        let from = children[n as usize % children.len()];
        // Three times as much as an index holds.
        if n < 5000 {
            let names = (0..40).map(|m| format!("song {n} {m}")).collect();
            say(&mut node, 3, from, 9, &Message::Share(Shared { first: n * 40, names }));
        }
        say(&mut node, 3, from, 9, &Message::Search(Query { search: u64::from(n) << 32, words: "song".into() }));
        while node.poll_transmit().is_some() {}
    }
    for n in 0..1000 {
        node.ask(now(4), Token::Command(n), Ask::Search { words: "song".into() });
    }
    for (table, held) in node.tables() {
        let most = match table {
            "children" => 16,
            "links" => settings::MAX_LINKS,
            "supernodes" => known::MAX_KNOWN,
            "index" => children::MAX_INDEX,
            "seen" => MAX_SEEN,
            "searches" => search::MAX_SEARCHES,
            "relays" => search::MAX_RELAYS + search::MAX_SEARCHES,
            "calls" => calls::MAX_CALLS,
            _ => 1,
        };
        assert!(held <= most, "{table}: {held}");
        assert!(held > 0, "{table} has been tried");
    }
    (1..200).for_each(|second| {
        node.handle_timeout(now(second * 1000));
        while node.poll_transmit().is_some() {}
    });
    assert_eq!(std::iter::from_fn(|| node.poll_event()).filter(|did| matches!(did, Did::Done { .. })).count(), 1000);
    assert_eq!((node.children.len(), node.links.len(), node.relays.len()), (0, 0, 0), "nobody was there");
}

#[test]
fn strangers_may_not_give_orders() {
    let mut node = node(3, 10, 1, &values());
    node.join(now(0), stranger(1));
    let (_, asked) = node.poll_transmit().expect("it asks");
    let (head, _) = Message::read(&asked).expect("a message");
    let joined = Message::Joined(state(1));
    let bytes = |peer: Peer, message: &Message| {
        message.bytes(Head { id: peer.id, call: 0, answer: head.call, turn: 0 }).unwrap()
    };
    node.handle(now(1), stranger(2).address, &bytes(stranger(2), &joined));
    assert_eq!(node.phase(), Phase::Joining, "it was not asked");
    node.handle(now(1), stranger(1).address, &bytes(stranger(1), &joined));
    assert_eq!(node.phase(), Phase::Member);
    drain(&mut node);
    for message in
        [Message::HandOver(vec![stranger(9)]), Message::Promote(()), Message::Bye(()), Message::Introduce(stranger(9))]
    {
        say(&mut node, 2, stranger(2), 1, &message);
        let said: Vec<Message> = std::iter::from_fn(|| node.poll_transmit())
            .filter_map(|(_, bytes)| Message::read(&bytes))
            .map(|(_, m)| m)
            .collect();
        assert_eq!(said, [Message::Ack(())], "{message:?}");
        assert!(node.parent.is_some() && node.role == Role::Ordinary);
    }
    say(&mut node, 3, stranger(2), 1, &Message::Search(Query { search: 1, words: "fox".into() }));
    assert!(matches!(Message::read(&node.poll_transmit().unwrap().1), Some((_, Message::Bye(())))), "it is no child");
}

/// Something like a message of one of its neighbors or of a stranger.
fn message() -> impl Strategy<Value = (u32, u64, u64, Message)> {
    let peers = prop::collection::vec((0u32..9).prop_map(stranger), 0..4);
    let listed = prop::collection::vec((0u32..9, any::<u8>(), any::<u32>()), 0..16).prop_map(|all| {
        all.into_iter().map(|(n, load, age)| Listed { peer: stranger(n), load, age }).collect::<Vec<_>>()
    });
    let state = (
        any::<bool>(),
        any::<u8>(),
        listed.clone(),
        any::<u8>(),
        prop::collection::vec((0u32..9).prop_map(stranger), 0..3),
    )
        .prop_map(|(serves, load, links, own, heirs)| State { serves, load, links, own, heirs });
    let words = "[a-f ]{0,20}";
    let kinds = prop_oneof![
        listed.prop_map(Message::Nodes),
        Just(Message::Unshare(())),
        (0u64..9, words).prop_map(|(search, words)| Message::Search(Query { search, words })),
        (0u64..9, any::<u8>(), words).prop_map(|(search, hops, name)| {
            Message::Reply(Found { search, hops, hits: vec![Hit { name, at: Id(5) }] })
        }),
        (0u64..9).prop_map(Message::End),
        (0u64..9, any::<u8>(), any::<u8>(), words).prop_map(|(search, ttl, hops, words)| {
            Message::Forward(Forwarded { search, ttl, hops, back: stranger(2).address, words })
        }),
        Just(Message::Push(Id(5))),
        (any::<u32>(), prop::collection::vec(words, 0..9))
            .prop_map(|(first, names)| Message::Share(Shared { first, names })),
        (any::<bool>(), any::<u32>(), any::<u64>()).prop_map(|(must, capacity, up)| Message::Join(Wish {
            must,
            capacity,
            up
        })),
        state.clone().prop_map(Message::Joined),
        any::<bool>().prop_map(Message::Link),
        state.clone().prop_map(Message::Linked),
        state.clone().prop_map(Message::Ping),
        state.prop_map(Message::Pong),
        Just(Message::Bye(())),
        peers.prop_map(Message::HandOver),
        Just(Message::Promote(())),
        (0u32..9).prop_map(|n| Message::Introduce(stranger(n))),
        (0u32..9).prop_map(|n| Message::Stranger(stranger(n))),
        Just(Message::Ack(())),
        Just(Message::Who(())),
    ];
    (0u32..5, 0u64..3, 0u64..3, kinds)
}

/// Plays these datagrams to a supernode and to an ordinary node, and some time after them: they must bear it.
fn play(all: &[(u32, Vec<u8>)]) {
    let mut below = node(4, 10, 1, &values());
    below.join(now(0), stranger(1));
    for mut node in [alone(), below] {
        for (n, (from, bytes)) in all.iter().enumerate() {
            node.handle(now(10 + 100 * n as u64), stranger(*from).address, bytes);
            node.handle_timeout(now(50 + 100 * n as u64));
            drain(&mut node);
        }
        for n in 0..20 {
            node.handle_timeout(now(60_000 + 1000 * n));
            drain(&mut node);
        }
        assert!(node.tables().iter().all(|(_, held)| *held < 200));
        assert!(node.poll_timeout().is_none_or(|next| next > now(78_000)), "it sleeps in between");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn arbitrary_bytes_are_borne(all in prop::collection::vec((0u32..5, prop::collection::vec(any::<u8>(), 0..300)), 0..20)) {
        play(&all);
    }

    #[test]
    fn any_messages_in_any_order_are_borne(messages in prop::collection::vec(message(), 0..60)) {
        let all: Vec<(u32, Vec<u8>)> = messages
            .into_iter()
            .filter_map(|(from, call, answer, message)| {
                let head = Head { id: stranger(from).id, call, answer, turn: 0 };
                Some((from, message.bytes(head)?))
            })
            .collect();
        play(&all);
    }

    #[test]
    fn mutated_messages_are_borne(
        messages in prop::collection::vec(message(), 1..30),
        flips in prop::collection::vec((any::<prop::sample::Index>(), any::<prop::sample::Index>(), any::<u8>()), 1..30),
    ) {
        let mut all: Vec<(u32, Vec<u8>)> = messages
            .into_iter()
            .filter_map(|(from, call, answer, m)| Some((from, m.bytes(Head { id: stranger(from).id, call, answer, turn: 0 })?)))
            .collect();
        for (which, at, byte) in flips {
            if all.is_empty() { break; }
            let which = which.index(all.len());
            let bytes = &mut all[which].1;
            let at = at.index(bytes.len());
            bytes[at] ^= byte;
        }
        play(&all);
    }
}
