//! What clients get that run nothing of ours: names and redirects.

use std::net::{IpAddr, SocketAddr};
use std::str::FromStr;
use std::time::Duration;

use domain::base::iana::{Class, Rcode};
use domain::base::opt::ClientSubnet;
use domain::base::{Message, MessageBuilder, Name, Rtype, Ttl};
use domain::rdata::{A, AllRecordData, Ns, Soa};

use super::lab::{Lab, Net, address, member, socket};
use crate::machine::StreamId;

/// A question, with the block of a client if it is asked for one.
pub(super) fn question(name: &str, rtype: Rtype, subnet: Option<(IpAddr, u8)>, edns: Option<u16>) -> Vec<u8> {
    let mut builder = MessageBuilder::new_vec().question();
    builder.header_mut().set_id(4711);
    builder.header_mut().set_rd(true);
    builder.push((Name::<Vec<u8>>::from_str(name).unwrap(), rtype, Class::IN)).unwrap();
    let mut builder = builder.additional();
    if let Some(size) = edns.or(subnet.map(|_| 1232)) {
        builder
            .opt(|opt| {
                opt.set_udp_payload_size(size);
                subnet.map_or(Ok(()), |(address, length)| opt.push(&ClientSubnet::new(length, 0, address)))
            })
            .unwrap();
    }
    builder.finish()
}

fn dns(server: usize) -> SocketAddr {
    SocketAddr::new(address(server), 53)
}

/// The answer to a client's question by a datagram.
fn asked(net: &mut Net, client: usize, server: usize, question: Vec<u8>) -> Message<Vec<u8>> {
    let before = net.of_client(client).heard.len();
    net.tell_client(client, |client| client.send(dns(server), question));
    net.run(1.5);
    let heard = &net.of_client(client).heard[before..];
    assert_eq!(heard.len(), 1, "one answer");
    assert_eq!(heard[0].0, dns(server), "from the address that was asked");
    Message::from_octets(heard[0].1.clone()).unwrap()
}

fn addresses(message: &Message<Vec<u8>>) -> Vec<IpAddr> {
    message.answer().unwrap().limit_to::<A>().map(|record| IpAddr::V4(record.unwrap().data().addr())).collect()
}

fn ready() -> Net {
    let mut net = Lab::default().sim();
    net.join_all(0);
    net
}

#[test]
fn a_name_has_the_nearest_replicas_and_no_question_waits_for_a_probe() {
    let mut net = ready();
    let (far, host) = (0, net.client(3));
    let members: Vec<_> = net.endpoints().collect();
    let nearest: Vec<IpAddr> = net.nearest(host, &members).iter().map(SocketAddr::ip).collect();
    let name = "mUsic.OASIS.test";
    let probes = |net: &Net| net.of_client(3).probes.len();
    // Somebody on the other side of the world is asked, who knows nothing yet.
    let since = net.sim.now();
    net.tell_client(3, |client| client.send(dns(far), question(name, Rtype::A, None, None)));
    let before_any = net.sim.run_until(Duration::from_secs(1), |sim| {
        let Some(super::lab::Host::Client(client)) = sim.machine(host) else { unreachable!() };
        !client.heard.is_empty()
    });
    assert!(before_any);
    let first = Message::from_octets(net.of_client(3).heard[0].1.clone()).unwrap();
    // To the server and back, and between servers: a probe and its answers would take longer.
    let way = net.sim.delay(host, far) * 2;
    println!("first answer after {:?}, a round trip to the server is {way:?}", net.sim.now() - since);
    assert_ne!(addresses(&first)[0], nearest[0], "its place was not known");
    net.run(3.0);
    let probed = probes(&net);
    assert!(probed > 0, "in the background it was probed");
    net.run(4.0);
    let answer = asked(&mut net, 3, far, question(name, Rtype::A, None, None));
    assert_eq!(addresses(&answer)[0], nearest[0], "{:?}", addresses(&answer));
    let answer = asked(&mut net, 3, far, question(name, Rtype::A, None, None));
    assert_eq!(addresses(&answer), nearest[..3]);
    assert_eq!(probes(&net), probed, "no question is answered by a probe");

    // Signs of the answer.
    assert!(answer.header().aa() && answer.header().qr() && answer.header().rd() && !answer.header().tc());
    assert_eq!(answer.header().id(), 4711);
    assert!(answer.sole_question().unwrap().qname().to_string().starts_with("mUsic"), "as it was asked");
    for record in answer.answer().unwrap().limit_to::<A>() {
        assert_eq!(record.unwrap().ttl(), Ttl::from_secs(5));
    }
    let servers: Vec<String> =
        answer.authority().unwrap().limit_to::<Ns<_>>().map(|r| r.unwrap().data().nsdname().to_string()).collect();
    assert_eq!(servers.len(), 3, "{servers:?}");
    assert!(
        servers[0].eq_ignore_ascii_case("core5.ns.oasis.test"),
        "near the client, not near the server: {servers:?}"
    );
    let glue: Vec<_> =
        answer.additional().unwrap().limit_to::<A>().map(|r| IpAddr::V4(r.unwrap().data().addr())).collect();
    assert!(glue.len() == 3 && glue[0] == address(5), "{glue:?}");
}

#[test]
fn a_resolvers_client_counts_and_its_block_is_told() {
    let mut net = ready();
    let members: Vec<_> = net.endpoints().collect();
    let (resolver, client) = (0, net.client(3));
    let near = net.nearest(client, &members)[0].ip();
    let whole = |net: &mut Net, length| {
        // A host of the block is probed: the one that is there.
        let subnet = Some((address(client), length));
        asked(net, resolver, 1, question("music.oasis.test", Rtype::A, subnet, None))
    };
    whole(&mut net, 32);
    net.run(8.0);
    for length in [32, 24] {
        let answer = whole(&mut net, length);
        assert_eq!(addresses(&answer)[0], near, "near the client, not the resolver");
        let told = answer.opt().unwrap().opt().client_subnet().unwrap();
        assert_eq!((told.source_prefix_len(), told.scope_prefix_len()), (length, 24));
    }
    // Who does not want to be told from others is not.
    let answer = asked(&mut net, resolver, 1, question("music.oasis.test", Rtype::A, Some((address(client), 0)), None));
    let told = answer.opt().unwrap().opt().client_subnet().unwrap();
    assert_eq!((told.source_prefix_len(), told.scope_prefix_len()), (0, 0));
    // That there is nothing holds for all.
    let subnet = Some((address(client), 24));
    let answer = asked(&mut net, resolver, 1, question("x.oasis.test", Rtype::A, subnet, None));
    assert_eq!(answer.opt().unwrap().opt().client_subnet().unwrap().scope_prefix_len(), 0);
}

#[test]
fn what_is_not_there_is_said_so() {
    let mut net = ready();
    let mut ask = |name: &str, rtype| asked(&mut net, 0, 0, question(name, rtype, None, None));
    let soa = |answer: &Message<Vec<u8>>| answer.authority().unwrap().limit_to::<Soa<_>>().count();
    for (name, rtype, rcode) in [
        ("jazz.oasis.test", Rtype::A, Rcode::NXDOMAIN),
        ("a.music.oasis.test", Rtype::A, Rcode::NXDOMAIN),
        ("music.oasis.test", Rtype::AAAA, Rcode::NOERROR),
        ("music.oasis.test", Rtype::TXT, Rcode::NOERROR),
        ("films-blue.oasis.test", Rtype::A, Rcode::NOERROR),
        ("ns.oasis.test", Rtype::A, Rcode::NOERROR),
        ("oasis.test", Rtype::A, Rcode::NOERROR),
    ] {
        let answer = ask(name, rtype);
        assert_eq!(answer.header().rcode(), rcode, "{name}");
        assert_eq!(answer.header_counts().ancount(), 0, "{name}");
        assert_eq!(soa(&answer), 1, "{name}");
        let soa = answer.authority().unwrap().limit_to::<Soa<_>>().next();
        assert!(soa.is_none_or(|soa| soa.unwrap().data().minimum() == Ttl::from_secs(5)));
    }
    assert_eq!(ask("example.org", Rtype::A).header().rcode(), Rcode::REFUSED);
    assert_eq!(addresses(&ask("core2.ns.oasis.test", Rtype::A)), [address(2)]);
    assert_eq!(ask("oasis.test", Rtype::SOA).answer().unwrap().limit_to::<Soa<_>>().count(), 1);
    let apex = ask("oasis.test", Rtype::NS);
    assert_eq!(apex.answer().unwrap().limit_to::<Ns<_>>().count(), 3);
    assert_eq!(apex.additional().unwrap().limit_to::<A>().count(), 3);
}

#[test]
fn questions_that_cannot_be_read_get_no_more_than_they_were() {
    let mut net = ready();
    let mut no = |bytes: Vec<u8>| asked(&mut net, 0, 0, bytes).header().rcode();
    let good = question("music.oasis.test", Rtype::A, None, None);
    let mut update = good.clone();
    update[2] |= 5 << 3;
    assert_eq!(no(update), Rcode::NOTIMP);
    let mut two = good.clone();
    two[5] = 2;
    assert_eq!(no(two), Rcode::FORMERR);
    let mut chaos = good.clone();
    let end = chaos.len();
    chaos[end - 1] = 3;
    assert_eq!(no(chaos), Rcode::REFUSED);
    // The version of its options is behind the type (2), class (2) and extended code (1).
    let mut newer = question("music.oasis.test", Rtype::A, None, Some(1232));
    let end = newer.len();
    newer[end - 5] = 1;
    let answer = asked(&mut net, 0, 0, newer);
    assert_eq!(answer.opt_rcode().to_int(), 16, "BADVERS");
}

#[test]
fn a_long_answer_is_cut_and_whole_in_a_stream() {
    let mut lab = Lab { endpoints: 40, ..Lab::default() };
    lab.settings.insert("answers".to_owned(), 16.into());
    let mut net = lab.sim();
    net.join_all(0);
    let cut = asked(&mut net, 0, 0, question("music.oasis.test", Rtype::A, None, None));
    assert!(cut.as_slice().len() <= 512, "{}", cut.as_slice().len());
    assert_eq!(addresses(&cut).len(), 16, "addresses fit; what goes along with them may not");
    let whole = asked(&mut net, 0, 0, question("music.oasis.test", Rtype::A, None, Some(4096)));
    assert!(whole.as_slice().len() <= 1232 && whole.header_counts().nscount() == 3);
    // A block that asks on and on is cut, and has to come by a stream.
    for _ in 0..30 {
        net.tell_client(0, |client| client.send(dns(0), question("music.oasis.test", Rtype::A, None, None)));
    }
    net.run(0.9);
    let asked = question("music.oasis.test", Rtype::A, None, None).len();
    let heard = net.of_client(0).heard.iter().map(|(_, bytes)| Message::from_octets(bytes.clone()).unwrap());
    let cut = heard.filter(|message| message.header().tc()).inspect(|message| {
        assert!(message.as_slice().len() <= asked && message.header_counts().ancount() == 0);
    });
    assert_eq!(cut.count(), 10, "of 30, after 20 in a second");

    let question = question("music.oasis.test", Rtype::A, None, None);
    let framed = [&(question.len() as u16).to_be_bytes()[..], &question].concat();
    // Two in one piece, and a third in two.
    let id = net
        .tell_client(0, |client| client.open(dns(0), [framed.clone(), framed.clone(), framed[..9].to_vec()].concat()));
    net.run(1.0);
    net.tell_client(0, |client| client.more(id, framed[9..].to_vec()));
    net.run(1.0);
    let heard = &net.of_client(0).streams[&id];
    let mut rest = &heard[..];
    let mut count = 0;
    while let Some((length, after)) = rest.split_first_chunk::<2>() {
        let (message, next) = after.split_at(usize::from(u16::from_be_bytes(*length)));
        let message = Message::from_octets(message.to_vec()).unwrap();
        assert_eq!(addresses(&message).len(), 16);
        assert_eq!(message.header_counts().nscount(), 3);
        for record in message.answer().unwrap().limit_to::<AllRecordData<_, _>>() {
            assert_eq!(record.unwrap().class(), Class::IN);
        }
        (rest, count) = (next, count + 1);
    }
    assert_eq!(count, 3);
    assert!(net.of_client(0).closed.is_empty());
    net.run(6.0);
    assert_eq!(net.of_client(0).closed, [id], "an idle stream ends");
}

fn web(net: &mut Net, client: usize, server: usize, request: &str) -> (u16, String) {
    let bytes = request.as_bytes().to_vec();
    let id: StreamId = net.tell_client(client, |client| client.open(SocketAddr::new(address(server), 80), bytes));
    net.run(1.5);
    let client = net.of_client(client);
    let answer = String::from_utf8(client.streams.get(&id).cloned().unwrap_or_default()).unwrap();
    assert!(client.closed.contains(&id), "{answer}");
    let status = answer.split(' ').nth(1).and_then(|s| s.parse().ok()).unwrap();
    let location = answer.lines().find_map(|line| line.strip_prefix("Location: ")).unwrap_or_default();
    (status, location.to_owned())
}

#[test]
fn the_web_is_at_the_nearest_replica() {
    let mut net = ready();
    let members: Vec<_> = net.endpoints().collect();
    let near = net.nearest(net.client(3), &members)[0];
    web(&mut net, 3, 0, "GET / HTTP/1.1\r\nHost: music.oasis.test\r\n\r\n");
    net.run(8.0);
    let (status, location) = web(&mut net, 3, 0, "GET /a/b?c=d HTTP/1.1\r\nHost: Music.oasis.test:80\r\n\r\n");
    assert_eq!((status, location), (302, format!("http://{near}/a/b?c=d")));
    let (status, location) = web(&mut net, 3, 0, "HEAD /music/x HTTP/1.1\r\nHost: 10.0.0.7\r\n\r\n");
    assert_eq!((status, location), (302, format!("http://{near}/x")));
    let (status, location) = web(&mut net, 3, 0, "GET http://music.oasis.test HTTP/1.1\r\nHost: x\r\n\r\n");
    assert_eq!((status, location), (302, format!("http://{near}/")));
    let (_, location) = web(&mut net, 3, 0, "GET /music?q HTTP/1.0\r\n\r\n");
    assert_eq!(location, format!("http://{near}/?q"));
    for (request, status) in [
        ("GET /jazz/x HTTP/1.1\r\nHost: x\r\n\r\n", 404),
        ("GET /films-blue/x HTTP/1.1\r\nHost: x\r\n\r\n", 503),
        ("POST /music/ HTTP/1.1\r\nHost: x\r\n\r\n", 405),
        ("GET /music/ HTTP/1.1\r\n\r\n", 400),
        ("GET /music/ HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n", 400),
        ("nonsense\r\n\r\n", 400),
    ] {
        assert_eq!(web(&mut net, 0, 0, request).0, status, "{request}");
    }
    let long = format!("GET /music/{} HTTP/1.1\r\n", "x".repeat(5000));
    assert_eq!(web(&mut net, 0, 0, &long).0, 431);
    assert_eq!(web(&mut net, 0, 0, &format!("GET / HTTP/1.1\r\n{}\r\n", "a: b\r\n".repeat(60))).0, 431);
}

#[test]
fn a_dead_replica_is_not_named_after_its_lease() {
    let mut net = ready();
    let (members, client) = (net.endpoints().collect::<Vec<_>>(), net.client(1));
    // Until landmarks have heard of each other, a search ends at the nearest core node.
    net.run(10.0);
    for _ in 0..2 {
        asked(&mut net, 1, 1, question("music.oasis.test", Rtype::A, None, None));
        net.run(6.0);
    }
    let nearest = net.nearest(client, &members);
    let named = addresses(&asked(&mut net, 1, 1, question("music.oasis.test", Rtype::A, None, None)));
    assert!(nearest[..2].iter().any(|member| member.ip() == named[0]), "{named:?}");
    let next = named[1];
    let dead = members.iter().copied().find(|host| member(*host).ip() == named[0]).unwrap();
    net.sim.crash(dead);
    net.run(3.5);
    let named = addresses(&asked(&mut net, 1, 1, question("music.oasis.test", Rtype::A, None, None)));
    assert_eq!(named[0], next);
    assert!(!named.contains(&socket(dead).ip()));
}
