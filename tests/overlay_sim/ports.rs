//! A machine with two UDP ports and a TCP port: the same in the simulated network and among real sockets.

use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use anybed::machine::sim::{Conditions, Sim};
use anybed::machine::{Input, Machine, Need, Output, Part, Port, Stream, StreamId, Time, Via};
use anybed::node::driver::{Driver, Event};

const FIRST: u16 = 15353;
const SECOND: u16 = 15354;
const TALK: u16 = 15380;
const NEEDS: [Need; 3] = [Need::Udp(FIRST), Need::Udp(SECOND), Need::Tcp(TALK)];

enum Order {
    Announce,
    Ask(Port, SocketAddr),
    Open(SocketAddr),
    Talk(u64, Vec<u8>),
    Close(u64),
}

#[derive(Debug, PartialEq)]
enum Fact {
    Announced,
    Heard { at: Port, from: SocketAddr, bytes: Vec<u8> },
    Opened { at: Port },
    Closed { id: StreamId, got: Vec<u8> },
}

/// Says back what it is told, from where it was told: datagrams once, streams while they last.
#[derive(Default)]
struct Echo {
    outputs: Vec<Output<Fact>>,
    /// What came of each stream.
    got: BTreeMap<StreamId, Vec<u8>>,
    opened: u64,
}

impl Machine for Echo {
    type Order = Order;
    type Fact = Fact;

    fn input(&mut self, _: Time, input: Input<'_, Order>) {
        match input {
            Input::Datagram { at, from, bytes } => {
                if let Some(question) = bytes.strip_prefix(b"?") {
                    let bytes = [b"!", question].concat();
                    self.outputs.push(Output::Datagram { from: at, to: from, bytes });
                }
                self.outputs.push(Output::Said(Fact::Heard { at, from, bytes: bytes.to_vec() }));
            }
            Input::Stream(id, Stream::Open { at, .. }) => {
                self.got.insert(id, Vec::new());
                self.outputs.push(Output::Said(Fact::Opened { at }));
            }
            Input::Stream(id, Stream::Bytes(bytes)) => {
                self.got.entry(id).or_default().extend(bytes);
                if matches!(id, StreamId::Theirs(_)) {
                    self.outputs.push(Output::Stream(id, Stream::Bytes(bytes.to_vec())));
                }
            }
            Input::Stream(id, Stream::Close | Stream::Lost) => {
                let got = self.got.remove(&id).unwrap_or_default();
                self.outputs.push(Output::Said(Fact::Closed { id, got }));
            }
            Input::Order(Order::Announce) => self.outputs.push(Output::Announce(Part(0), true)),
            Input::Order(Order::Ask(from, to)) => {
                self.outputs.push(Output::Datagram { from, to, bytes: b"?who".to_vec() });
            }
            Input::Order(Order::Open(peer)) => {
                let (at, id) = (Port::unicast(0), StreamId::Ours(self.opened));
                self.opened += 1;
                self.outputs.push(Output::Stream(id, Stream::Open { at, peer }));
            }
            Input::Order(Order::Talk(id, bytes)) => {
                self.outputs.push(Output::Stream(StreamId::Ours(id), Stream::Bytes(bytes)));
            }
            Input::Order(Order::Close(id)) => self.outputs.push(Output::Stream(StreamId::Ours(id), Stream::Close)),
            Input::Routing { announced, .. } => {
                assert!(announced);
                self.outputs.push(Output::Said(Fact::Announced));
            }
            Input::Timer => panic!("it has no timer"),
        }
    }

    fn output(&mut self) -> Option<Output<Fact>> {
        (!self.outputs.is_empty()).then(|| self.outputs.remove(0))
    }

    fn due(&self) -> Option<Time> {
        None
    }
}

impl Echo {
    /// What came of its own stream so far.
    fn got(&self, id: u64) -> &[u8] {
        self.got.get(&StreamId::Ours(id)).map_or(&[], Vec::as_slice)
    }
}

/// Of this process: others may test at the same time.
fn host(index: u8) -> IpAddr {
    let [high, low, ..] = std::process::id().to_le_bytes();
    IpAddr::from([127, high | 1, low, index])
}

const GROUP: u8 = 9;

fn group_port(number: u16) -> Port {
    Port { via: Via::Group(Part(0)), number }
}

/// Hosts in a row, 10 ms apart; the first and the last announce the group.
fn network() -> Sim<Echo> {
    let settings = Conditions {
        seed: 1,
        hosts: (0..4).map(|i| SocketAddr::new(host(i), 0)).collect(),
        groups: vec![SocketAddr::new(host(GROUP), 0)],
        delay: Box::new(|a, b| Duration::from_millis(10 * a.abs_diff(b) as u64)),
        loss: 0.0,
        propagation: Duration::from_millis(50),
    };
    let mut sim = Sim::new(settings, |_, _, _| Echo::default());
    for server in [0, 3] {
        sim.command(server, Order::Announce);
    }
    sim.run_for(Duration::from_secs(1));
    assert_eq!(sim.take_events().iter().filter(|h| h.event == Fact::Announced).count(), 2);
    sim
}

fn facts(sim: &mut Sim<Echo>, of: usize) -> Vec<Fact> {
    sim.run_for(Duration::from_secs(1));
    sim.take_events().into_iter().filter(|h| h.host == of).map(|h| h.event).collect()
}

fn heard(at: Port, from: SocketAddr, bytes: &[u8]) -> Fact {
    Fact::Heard { at, from, bytes: bytes.to_vec() }
}

#[test]
fn simulated_datagrams_know_ports_and_leave_from_the_address_they_were_sent_to() {
    let mut sim = network();
    for port in [FIRST, SECOND] {
        for to in [SocketAddr::new(host(GROUP), port), SocketAddr::new(host(3), port)] {
            sim.command(2, Order::Ask(Port::unicast(SECOND), to));
            assert_eq!(facts(&mut sim, 2), [heard(Port::unicast(SECOND), to, b"!who")]);
        }
    }
    sim.command(2, Order::Ask(Port::unicast(FIRST), SocketAddr::new(host(GROUP), SECOND)));
    assert_eq!(facts(&mut sim, 3), [heard(group_port(SECOND), SocketAddr::new(host(2), FIRST), b"?who")]);
}

#[test]
fn a_simulated_stream_is_in_order_and_ends_at_both_ends() {
    let mut sim = network();
    sim.command(1, Order::Open(SocketAddr::new(host(GROUP), TALK)));
    sim.command(1, Order::Talk(0, b"one ".to_vec()));
    sim.run_for(Duration::from_millis(3));
    sim.set_delay(Box::new(|a, b| Duration::from_millis(a.abs_diff(b) as u64)));
    sim.command(1, Order::Talk(0, b"two ".to_vec()));
    assert_eq!(facts(&mut sim, 0), [Fact::Opened { at: group_port(TALK) }], "the nearest that announces it");
    assert_eq!(sim.machine(1).unwrap().got(0), b"one two ", "what is sent later does not overtake");
    sim.command(1, Order::Close(0));
    assert_eq!(facts(&mut sim, 0), [Fact::Closed { id: StreamId::Theirs(0), got: b"one two ".to_vec() }]);
}

#[test]
fn a_simulated_stream_that_is_cut_ends_at_the_end_that_sends_next() {
    let closed = |id, got: &[u8]| Fact::Closed { id: StreamId::Ours(id), got: got.to_vec() };
    let mut sim = network();
    for id in 0..4 {
        sim.command(1, Order::Open(SocketAddr::new(host(if id == 3 { GROUP } else { 2 }), TALK)));
        sim.command(1, Order::Talk(id, vec![b'a' + id as u8]));
    }
    sim.command(1, Order::Open(SocketAddr::new(host(77), TALK)));
    assert_eq!(facts(&mut sim, 1), [closed(4, b"")], "nobody is there");
    sim.partition(&[2, 3]);
    assert_eq!(facts(&mut sim, 1), [], "nothing is sent");
    sim.command(1, Order::Talk(0, b"lost".to_vec()));
    assert_eq!(facts(&mut sim, 1), [closed(0, b"a")]);
    sim.heal();
    sim.command(1, Order::Talk(1, b"!".to_vec()));
    assert_eq!(facts(&mut sim, 1), []);
    assert_eq!(sim.machine(1).unwrap().got(1), b"b!", "it lasted");
    sim.crash(2);
    sim.restart(2);
    sim.command(1, Order::Talk(1, b"?".to_vec()));
    assert_eq!(facts(&mut sim, 1), [closed(1, b"b!")], "the new machine does not know it");
    // The nearest site is another one now.
    sim.crash(0);
    sim.run_for(Duration::from_secs(1));
    sim.command(1, Order::Talk(3, b"?".to_vec()));
    assert_eq!(facts(&mut sim, 1), [closed(3, b"d")]);
}

/// Drives both machines until what happened to the first is enough.
async fn until(a: &mut Driver<Echo>, b: &mut Driver<Echo>, enough: impl Fn(&Echo, &[Fact]) -> bool) -> Vec<Fact> {
    let mut facts = Vec::new();
    let waiting = async {
        while !enough(a.machine(), &facts) {
            tokio::select! {
                () = a.step() => {}
                () = b.step() => {}
            }
            while let Some(event) = a.take_event() {
                match event {
                    Event::Said(fact) => facts.push(fact),
                    Event::Announce(..) => panic!("nobody asked for that"),
                }
            }
        }
    };
    tokio::time::timeout(Duration::from_secs(30), waiting).await.expect("it happens");
    facts
}

fn driver(at: IpAddr, group: Option<IpAddr>) -> Driver<Echo> {
    let mut driver = Driver::new(Echo::default());
    for need in NEEDS {
        driver.open(Port::unicast(need.port()), need, at).expect("a free port");
        if let Some(group) = group {
            driver.open(group_port(need.port()), need, group).expect("a free port");
        }
    }
    driver
}

fn order(driver: &mut Driver<Echo>, order: Order) {
    driver.tell(|machine, now| machine.input(now, Input::Order(order)));
}

#[test]
fn among_sockets_it_does_the_same() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let (mut client, mut server) = (driver(host(1), None), driver(host(2), Some(host(GROUP))));
        for port in [FIRST, SECOND] {
            for address in [host(GROUP), host(2)] {
                let to = SocketAddr::new(address, port);
                order(&mut client, Order::Ask(Port::unicast(SECOND), to));
                let facts = until(&mut client, &mut server, |_, facts| !facts.is_empty()).await;
                assert_eq!(facts, [heard(Port::unicast(SECOND), to, b"!who")]);
            }
        }
        while server.take_event().is_some() {}
        let long: Vec<u8> = (0..1_000_000u32).map(|i| (i % 251) as u8).collect();
        order(&mut client, Order::Open(SocketAddr::new(host(GROUP), TALK)));
        order(&mut client, Order::Talk(0, long.clone()));
        let all = until(&mut client, &mut server, |echo, _| echo.got(0).len() >= long.len()).await;
        assert_eq!(all, []);
        assert!(client.machine().got(0) == long, "every byte, in order");
        assert_eq!(server.take_event(), Some(Event::Said(Fact::Opened { at: group_port(TALK) })));
        order(&mut client, Order::Close(0));
        let facts = until(&mut server, &mut client, |_, facts| !facts.is_empty()).await;
        assert_eq!(facts, [Fact::Closed { id: StreamId::Theirs(0), got: long }]);
        order(&mut client, Order::Open(SocketAddr::new(host(3), TALK)));
        let facts = until(&mut client, &mut server, |_, facts| !facts.is_empty()).await;
        assert_eq!(facts, [Fact::Closed { id: StreamId::Ours(1), got: Vec::new() }], "nobody is there");
    });
}
