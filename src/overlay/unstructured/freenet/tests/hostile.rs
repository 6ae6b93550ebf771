//! Whatever comes: forgeries, floods, nonsense.

use proptest::prelude::*;
use rand::RngExt;

use super::content::{Name, Proof, Thing};
use super::message::{Errand, Message, Step};
use super::*;

fn thing(text: &str, value: &str) -> (Thing, Id) {
    let own = || SigningKey::from_bytes(&[9; 32]);
    let (thing, key, _) = Name::of(text).unwrap().make(value.into(), own).unwrap();
    (thing, key)
}

fn say(node: &mut Freenet, from: Peer, call: u64, message: Message) -> Vec<Message> {
    let bytes = postcard::to_stdvec(&Envelope { sender: from.id, call, message }).unwrap();
    node.handle(Time(Duration::from_secs(1)), from.address, &bytes);
    said(node).into_iter().map(|(_, envelope)| envelope.message).collect()
}

fn said(node: &mut Freenet) -> Vec<(SocketAddr, Envelope)> {
    let mut all = Vec::new();
    while let Some((to, bytes)) = node.poll_transmit() {
        all.push((to, crate::overlay::wire::read(&bytes).unwrap()));
    }
    all
}

/// A member that knows this host, and one more.
fn member() -> Freenet {
    let mut node = bare(0, 1, &values(), common());
    node.begin(Time::default());
    node.learn(Time::default(), Id(1), peer(1));
    node.learn(Time::default(), Id(u128::MAX / 2), peer(2));
    node
}

#[test]
fn what_is_not_what_its_key_stands_for_is_neither_kept_nor_returned() {
    for text in ["fox", "CHK@", "SSK@/fox"] {
        let (right, key) = thing(text, "red");
        let (other, _) = thing("owl", "red");
        let (_, content_key) = thing("CHK@", "grey");
        let forged = [
            Thing { value: "grey".into(), ..right.clone() },
            Thing { value: "grey".into(), proof: Proof::Content },
            Thing { proof: other.proof.clone(), ..right.clone() },
            other,
            Thing { value: "v".repeat(10_000), ..right.clone() },
        ];
        for forged in forged {
            assert!(key != content_key);
            let mut node = member();
            let (asker, walk) = (peer(7), 5);
            say(&mut node, asker, 1, Message::Walk { walk, errand: Errand::Request, key, hops: 8 });
            let down = node.walks[&walk].down.expect("it went on").peer;
            let answers = say(&mut node, down, 2, Message::Found { walk, source: down, thing: forged });
            assert!(!node.store.has(key) && node.counts.forged == 1, "{text}");
            assert!(!answers.iter().any(|answer| matches!(answer, Message::Found { .. })));
            assert!(!node.table.knows(down.id), "it is asked no more");
            // The other one has the right one.
            let down = node.walks[&walk].down.expect("it went on").peer;
            let answers = say(&mut node, down, 3, Message::Found { walk, source: down, thing: right.clone() });
            assert!(node.store.has(key) && answers.iter().any(|answer| matches!(answer, Message::Found { .. })));
        }
    }
}

#[test]
fn a_forged_insert_is_not_kept() {
    let (right, key) = thing("fox", "red");
    let forged = Thing { value: "grey".into(), ..right.clone() };
    for (what, kept) in [(forged, false), (right, true)] {
        let mut node = member();
        let walk = 5;
        say(&mut node, peer(7), 1, Message::Walk { walk, errand: Errand::Insert, key, hops: 8 });
        let down = node.walks[&walk].down.expect("it went on").peer;
        // Not before there is room, and from nobody else.
        say(&mut node, peer(7), 2, Message::Insert { walk, source: peer(7), thing: what.clone() });
        assert!(!node.store.has(key));
        say(&mut node, down, 3, Message::Room { walk });
        say(&mut node, peer(8), 4, Message::Insert { walk, source: peer(8), thing: what.clone() });
        assert!(!node.store.has(key));
        let answers = say(&mut node, peer(7), 5, Message::Insert { walk, source: peer(7), thing: what });
        assert_eq!((node.store.has(key), node.counts.forged), (kept, u64::from(!kept)));
        assert_eq!(answers.iter().any(|answer| matches!(answer, Message::Insert { .. })), kept, "and passed on");
        assert!(node.walks.is_empty());
    }
}

#[test]
fn nobody_answers_for_another() {
    let (right, key) = thing("fox", "red");
    let mut node = member();
    let walk = 5;
    say(&mut node, peer(7), 1, Message::Walk { walk, errand: Errand::Request, key, hops: 8 });
    let down = node.walks[&walk].down.expect("it went on").peer;
    let elsewhere = Peer { address: address(50), ..down };
    for from in [peer(7), peer(9), elsewhere] {
        say(&mut node, from, 2, Message::NotFound { walk });
        say(&mut node, from, 3, Message::Found { walk, source: from, thing: right.clone() });
        say(&mut node, from, 4, Message::Elsewhere { walk });
        assert!(node.walks.contains_key(&walk) && !node.store.has(key));
    }
}

/// A message of any kind, from anybody.
fn any_message(rng: &mut ChaCha8Rng, n: u64) -> (Peer, u64, Message) {
    let from = Peer { id: Id(rng.random()), address: address(rng.random_range(3..40_000)) };
    let walk = if rng.random_bool(0.5) { rng.random() } else { rng.random_range(0..50) };
    let (made, key) = thing("CHK@", &format!("v{n}"));
    let some = Peer { id: Id(rng.random()), address: address(rng.random_range(3..40_000)) };
    let step = Step { peer: some, key: Id(rng.random()), seed: rng.random() };
    let errand = if rng.random_bool(0.5) { Errand::Request } else { Errand::Insert };
    let message = match rng.random_range(0..15) {
        0 => Message::Ack,
        1 => Message::Ping,
        2 => Message::Bye,
        3 => Message::Hello,
        4 => Message::Here { key, peers: vec![some; 16] },
        5 => Message::Walk { walk, errand, key, hops: rng.random() },
        6 => Message::Elsewhere { walk },
        7 => Message::Wait { walk },
        8 => Message::Back { walk, hops: rng.random() },
        9 => Message::NotFound { walk },
        10 => Message::Found { walk, source: some, thing: made },
        11 => Message::Room { walk },
        12 => Message::Insert { walk, source: some, thing: made },
        13 => Message::Announce { walk, newcomer: from, hash: rng.random(), hops: rng.random() },
        _ if rng.random_bool(0.5) => Message::Seeds { walk, steps: vec![step; rng.random_range(0..12)] },
        _ => Message::Named { walk, seeds: vec![rng.random(); rng.random_range(0..13)] },
    };
    (from, rng.random_range(0..3), message)
}

fn within_limits(node: &Freenet) {
    let most = |name: &str| match name {
        "nodes" | "entries" => node.settings.table,
        "things" => node.settings.store,
        "walks" => walk::MAX_WALKS,
        "walks seen" => MAX_SEEN,
        "announcements" => announce::MAX_PARTS,
        "failed" => MAX_FAILED,
        _ => post::MAX_CALLS,
    };
    for (name, entries) in node.tables() {
        assert!(entries <= most(name), "{entries} {name}");
    }
}

#[test]
fn tables_are_bounded_whatever_comes() {
    let mut node = bare(0, 1, &values().with("store_size", 20u64).with("routing_size", 30u64), common());
    node.begin(Time::default());
    (1..30).for_each(|host| node.learn(Time::default(), Id(host as u128), peer(host)));
    let mut rng = ChaCha8Rng::seed_from_u64(1);
    let mut now = Time(Duration::from_secs(1));
    for n in 0..12_000 {
        // Walks, which last longest, come in crowds.
        let (from, call, message) = any_message(&mut rng, n % 100);
        let bytes = postcard::to_stdvec(&Envelope { sender: from.id, call, message }).unwrap();
        now = now + Duration::from_micros(500);
        node.handle(now, from.address, &bytes);
        if node.poll_timeout().is_some_and(|due| due <= now) {
            node.handle_timeout(now);
        }
        while node.poll_transmit().is_some() || node.poll_event().is_some() {}
        if n % 50 == 0 {
            within_limits(&node);
        }
    }
    within_limits(&node);
    // All of it passes.
    while let Some(due) = node.poll_timeout().filter(|due| due.0 < Duration::from_secs(1000)) {
        node.handle_timeout(due);
        while node.poll_transmit().is_some() || node.poll_event().is_some() {}
    }
    assert_eq!((node.walks.len(), node.parts.len(), node.post.len()), (0, 0, 0));
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, ..ProptestConfig::default() })]

    #[test]
    fn any_bytes_are_survived(messages in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..200), 1..20)) {
        let mut node = member();
        for bytes in &messages {
            node.handle(Time::default(), address(5), bytes);
            said(&mut node);
        }
        prop_assert_eq!((node.phase(), node.store.len(), node.table.entries()), (Phase::Member, 0, 2));
    }

    /// Messages of a course that is under way, each changed at a byte: what is kept is what was put.
    #[test]
    fn changed_messages_do_no_harm(seed in 0u64..1_000_000, changes in prop::collection::vec((0usize..4000, 1u8..=255), 60)) {
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        let (right, key) = thing("fox", "red");
        let mut node = member();
        for (n, (place, change)) in changes.into_iter().enumerate() {
            let walk = 1 + n as u64 / 6;
            let (from, message) = match n % 6 {
                0 => (peer(7), Message::Walk { walk, errand: if n % 12 == 0 { Errand::Request } else { Errand::Insert }, key, hops: 9 }),
                1 => (peer(1), Message::Room { walk }),
                2 => (peer(2), Message::Found { walk, source: peer(3), thing: right.clone() }),
                3 => (peer(1), Message::Found { walk, source: peer(3), thing: right.clone() }),
                4 => (peer(7), Message::Insert { walk, source: peer(7), thing: right.clone() }),
                _ => {
                    let (from, _, message) = any_message(&mut rng, 1);
                    (from, message)
                }
            };
            let mut bytes = postcard::to_stdvec(&Envelope { sender: from.id, call: 3, message }).unwrap();
            let length = bytes.len();
            if n % 6 != 0 {
                bytes[place % length] ^= change;
            }
            node.handle(Time::default(), from.address, &bytes);
            said(&mut node);
        }
        within_limits(&node);
        prop_assert!(node.store.get(key).is_none_or(|thing| *thing == right));
        prop_assert!(node.store.len() <= 1);
    }
}
