//! Streams of clients to plain programs.

use super::*;

/// A program per member; the client is beside the first proxy.
fn plan(members: usize, seed: u64) -> Plan {
    let mut plan = Plan::random(4, members, 2, seed);
    plan.plain = true;
    let client = plan.clients().start;
    plan.places[client] = plan.places[0];
    plan
}

fn open(world: &mut World, client: usize, number: u64, first: &[u8]) {
    let id = StreamId::Ours(number);
    let open = Stream::Open { at: Port::unicast(0), peer: group_address(1) };
    world.sim.command(client, Wish::Stream(id, open));
    world.sim.command(client, Wish::Stream(id, Stream::Bytes(first.to_vec())));
}

/// What a client got through its stream, and whether that is closed.
fn got(world: &World, host: usize, number: u64) -> (String, bool) {
    let (mut text, mut closed) = (String::new(), false);
    for happened in world.sim.events().iter().filter(|happened| happened.host == host) {
        match &happened.event {
            Fact::Stream(StreamId::Ours(of), Stream::Bytes(bytes)) if *of == number => {
                text.push_str(&String::from_utf8_lossy(bytes));
            }
            Fact::Stream(StreamId::Ours(of), Stream::Close) if *of == number => closed = true,
            _ => {}
        }
    }
    (text, closed)
}

#[test]
fn a_clients_stream_reaches_a_program_and_ends_on_both_sides() {
    // Beside the client's own proxy, and beside another.
    for beside in [0, 2] {
        let mut plan = plan(1, 50);
        plan.places[4] = plan.places[beside];
        let (client, mut world) = (plan.clients().start, plan.world());
        world.join_all();
        open(&mut world, client, 0, b"GET /");
        world.sim.run_for(seconds(1.0));
        assert_eq!(got(&world, client, 0), ("h4:GET /".to_owned(), false));
        world.sim.command(client, Wish::Stream(StreamId::Ours(0), Stream::Bytes(b"more".to_vec())));
        world.sim.run_for(seconds(1.0));
        assert_eq!(got(&world, client, 0), ("h4:GET /h4:more".to_owned(), false));
        world.sim.command(client, Wish::Stream(StreamId::Ours(0), Stream::Close));
        world.sim.run_for(seconds(1.0));
        let closed = |fact: &Fact| matches!(fact, Fact::Stream(StreamId::Theirs(_), Stream::Close));
        assert!(world.sim.events().iter().any(|happened| happened.host == 4 && closed(&happened.event)));
        assert!((0..4).all(|server| world.table(server, "streams") == 0), "nothing is left");
    }
}

#[test]
fn a_stream_ends_with_its_program_and_the_next_one_finds_another() {
    let mut plan = plan(2, 51);
    (plan.places[4], plan.places[5]) = (plan.places[2], plan.places[2]);
    let (client, mut world) = (plan.clients().start, plan.world());
    world.join_all();
    open(&mut world, client, 0, b"1");
    world.sim.run_for(seconds(1.0));
    let (first, _) = got(&world, client, 0);
    let target = if first == "h4:1" { 4 } else { 5 };
    assert_eq!(first, format!("h{target}:1"));
    world.sim.crash(target);
    world.sim.run_for(seconds(6.0));
    assert!(got(&world, client, 0).1, "its proxy has noticed");
    open(&mut world, client, 1, b"2");
    world.sim.run_for(seconds(1.0));
    assert_eq!(got(&world, client, 1).0, format!("h{}:2", 9 - target));
}

#[test]
fn a_thousand_requests_while_a_proxy_that_carries_them_dies() {
    let mut plan = plan(4, 52);
    for member in 4..8 {
        plan.places[member] = plan.places[1 + member % 3];
    }
    let (client, mut world) = (plan.clients().start, plan.world());
    world.join_all();
    let iap = 0;
    for number in 0..1000 {
        open(&mut world, client, number, b"x");
        world.sim.run_for(Duration::from_millis(20));
        if number == 500 {
            world.sim.crash(iap);
        }
    }
    world.sim.run_for(seconds(3.0));
    let failed: Vec<_> = (0..1000).filter(|number| got(&world, client, *number).0.is_empty()).collect();
    show!("of 1000 requests, 50 a second, {} failed when their proxy died: {failed:?}", failed.len());
    // Those under way, and those sent until routes have followed.
    let most = (PROPAGATION.as_secs_f64() / 0.02 + 0.2 / 0.02) as usize;
    assert!((1..=most).contains(&failed.len()), "{failed:?}");
    assert!(failed.windows(2).all(|pair| pair[1] - pair[0] <= 2), "all in one time: {failed:?}");
}

#[test]
fn without_members_and_from_strangers_to_the_relay_streams_are_closed() {
    let plan = plan(1, 53);
    let (client, mut world) = (plan.clients().start, plan.world());
    open(&mut world, client, 0, b"1");
    world.sim.run_for(seconds(4.0));
    assert_eq!(got(&world, client, 0), (String::new(), true));
    let relay = Stream::Open { at: Port::unicast(0), peer: address(1, super::super::ports::RELAY) };
    world.sim.command(client, Wish::Stream(StreamId::Ours(1), relay));
    world.sim.run_for(seconds(1.0));
    assert_eq!(got(&world, client, 1), (String::new(), true));
}
