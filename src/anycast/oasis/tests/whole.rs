//! Joining, finding and leaving, and what failures do to that.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::time::Duration;

use super::lab::{Lab, member};
use crate::anycast::face::Question;
use crate::anycast::oasis::message::{Mapped, Stored};
use crate::anycast::oasis::prefixes::Prefixes;
use crate::machine::Time;
use crate::overlay::key::Value;

#[test]
fn members_join_are_found_and_leave() {
    let mut net = Lab::default().sim();
    net.join_all(2);
    assert_eq!(net.members(), 22);
    let members: Vec<_> = net.endpoints().take(22).collect();
    // Their prefixes get known in the background.
    for host in net.endpoints() {
        net.ask(host, Question::Nearest);
    }
    net.run(8.0);
    let mut right = 0;
    for host in net.endpoints() {
        let found = net.ask(host, Question::Nearest);
        assert_eq!(found.len(), 3);
        assert!(!found.contains(&member(host)), "itself");
        right += usize::from(found[0] == net.nearest(host, &members)[0]);
    }
    assert!(right >= 22, "{right} of 24 got the nearest");
    let host = members[5];
    let found = net.ask(host, Question::Neighbors(4));
    assert_eq!(found, net.nearest(host, &members)[..4]);
    let region = net.ask(host, Question::Region("core0".to_owned(), 2));
    assert_eq!(region, net.nearest(0, &members)[..2]);
    assert!(net.ask(host, Question::Region("nobody".to_owned(), 2)).is_empty());

    net.leave(members[6]);
    net.run(1.0);
    assert!(!net.ask(host, Question::Neighbors(8)).contains(&member(members[6])));
    assert_eq!(net.served("left"), 2, "at both that know the service");
}

#[test]
fn a_random_member_is_any_other_alike() {
    let mut net = Lab { endpoints: 9, ..Lab::default() }.sim();
    net.join_all(0);
    let host = net.endpoints().start;
    let mut drawn: BTreeMap<SocketAddr, usize> = BTreeMap::new();
    for _ in 0..1600 {
        let found = net.ask(host, Question::Random);
        *drawn.entry(found[0]).or_default() += 1;
    }
    assert_eq!(drawn.len(), 8);
    assert!(!drawn.contains_key(&member(host)));
    let variation: f64 = drawn.values().map(|n| (*n as f64 / 1600.0 - 0.125).abs()).sum::<f64>() / 2.0;
    println!("random member: total variation {variation:.4} over 1600 draws of 8");
    // Of so many fair draws it is about 0.02.
    assert!(variation < 0.05, "{variation}");
}

#[test]
fn idle_members_take_turns() {
    let mut net = Lab { endpoints: 7, ..Lab::default() }.sim();
    net.lab.settings.clear();
    net.join_all(1);
    let host = net.endpoints().end - 1;
    let mut first: BTreeMap<SocketAddr, usize> = BTreeMap::new();
    // Within one heartbeat nobody's load is told anew.
    for _ in 0..12 {
        *first.entry(net.ask(host, Question::Idle)[0]).or_default() += 1;
    }
    assert!(first.len() >= 5, "{first:?}");
}

#[test]
fn a_dead_member_is_not_found_after_its_lease() {
    let mut net = Lab::default().sim();
    net.join_all(0);
    let (host, dead) = (net.endpoints().start, net.endpoints().start + 1);
    assert!(net.ask(host, Question::Neighbors(16)).contains(&member(dead)));
    net.sim.crash(dead);
    let crashed = net.sim.now();
    let gone = net.sim.run_until(Duration::from_secs(10), |_| false);
    assert!(!gone);
    assert!(!net.ask(host, Question::Neighbors(16)).contains(&member(dead)));
    let expired = net
        .sim
        .events()
        .iter()
        .find(|event| matches!(&event.event, crate::anycast::Deed::Server(served) if served.what == "expired"));
    let outage = expired.unwrap().at - crashed;
    println!("a dead member was known for {outage:?} more");
    // Lease 3 s, of which at most a heartbeat (1 s) had gone by; looked at with each gossip.
    assert!(outage > Duration::from_millis(1900) && outage < Duration::from_millis(3500), "{outage:?}");
}

#[test]
fn a_core_node_dies_and_others_take_its_place() {
    let mut net = Lab::default().sim();
    net.join_all(0);
    let host = net.endpoints().start;
    for server in 0..net.lab.servers {
        assert_eq!(net.table(server, "core nodes alive"), 6, "gossip has come round");
    }
    let knowing: Vec<_> = (0..6).filter(|server| net.table(*server, "replicas") > 0).collect();
    assert_eq!(knowing.len(), 2, "{knowing:?}");
    net.sim.crash(knowing[0]);
    // At once: another knows the service as well, and whoever asked the dead one asks another.
    for _ in 0..5 {
        let (found, took) = net.ask_timed(host, Question::Nearest);
        assert!(!found.is_empty() && took < Duration::from_secs(3), "{found:?} {took:?}");
    }
    net.run(6.0);
    let now: Vec<_> = (0..6).filter(|s| *s != knowing[0] && net.table(*s, "replicas") > 0).collect();
    assert_eq!(now.len(), 2, "{now:?}");
    assert!(now.iter().all(|server| net.table(*server, "replicas") == 24));
    assert!(net.served("took over") >= 1);
    for host in net.endpoints() {
        let (found, took) = net.ask_timed(host, Question::Nearest);
        assert!(found.len() == 3 && took < Duration::from_millis(700), "{found:?} {took:?}");
    }
    net.sim.restart(knowing[0]);
    net.sim.tell(knowing[0], |host| {
        use crate::machine::{Input, Machine, Time};
        host.input(Time::default(), Input::Timer);
    });
    net.run(6.0);
    for server in 0..6 {
        assert_eq!(net.table(server, "core nodes alive"), 6, "it is back");
    }
}

#[test]
fn both_halves_of_the_core_go_on() {
    let mut net = Lab::default().sim();
    net.join_all(0);
    // The west and the east.
    let west: Vec<usize> = (0..3).chain(net.endpoints().take(12)).collect();
    let east: Vec<usize> = (3..6).chain(net.endpoints().skip(12)).collect();
    net.sim.split(&[&west, &east]);
    net.run(12.0);
    for side in [&west, &east] {
        let members: Vec<_> = side.iter().copied().filter(|h| net.endpoints().contains(h)).map(member).collect();
        for host in side.iter().copied().filter(|h| net.endpoints().contains(h)).collect::<Vec<_>>() {
            let found = net.ask(host, Question::Neighbors(11));
            assert_eq!(found.len(), 11, "host {host}");
            assert!(found.iter().all(|m| members.contains(m)), "of its own half: {found:?}");
        }
    }
    net.sim.heal();
    net.run(8.0);
    let host = net.endpoints().start;
    let far =
        (0..40).map(|_| net.ask(host, Question::Random)[0]).filter(|m| east.iter().any(|h| member(*h) == *m)).count();
    assert!(far > 5, "{far} of 40 from the other half, once more");
}

/// As when servers start before routing has found its ways.
#[test]
fn landmarks_that_were_long_alone_find_each_other() {
    let mut net = Lab::default().sim();
    let each: Vec<Vec<usize>> = (0..6).map(|server| vec![server]).collect();
    let sides: Vec<&[usize]> = each.iter().map(Vec::as_slice).collect();
    net.sim.split(&sides);
    net.run(20.0);
    for server in 0..6 {
        assert_eq!(net.table(server, "ring members"), 0, "core node {server}");
    }
    net.sim.heal();
    net.run(8.0);
    for server in 0..6 {
        assert_eq!(net.table(server, "ring members"), 5, "core node {server}");
    }
}

#[test]
fn a_twentieth_of_the_datagrams_may_be_lost() {
    let mut net = Lab { seed: 5, ..Lab::default() }.sim();
    net.sim.set_loss(0.05);
    net.join_all(0);
    net.run(3.0);
    assert_eq!(net.members(), 24);
    let mut answered = 0;
    for round in 0..4 {
        for host in net.endpoints() {
            let question = if round % 2 == 0 { Question::Nearest } else { Question::Random };
            answered += usize::from(!net.ask(host, question).is_empty());
        }
    }
    assert!(answered >= 95, "{answered} of 96 questions");
}

#[test]
fn what_it_costs() {
    let mut net = Lab { endpoints: 200, ..Lab::default() }.sim();
    net.run(3.0);
    let knowing = |net: &super::lab::Net| {
        let all = (0..6).map(|s| (net.table(s, "replicas"), net.table(s, "prefixes"), net.server(s).bytes()));
        all.max_by_key(|(replicas, ..)| *replicas).unwrap()
    };
    let host = net.endpoints().start;
    // One that joins: what it sends, until it is a member.
    let (sent, since) = (net.sim.sent_by(host), net.sim.now());
    net.join(host);
    assert!(net.sim.run_until(Duration::from_secs(2), |sim| !sim.events().is_empty()));
    println!("a join: {} datagrams by the member, {:?}", net.sim.sent_by(host) - sent, net.sim.now() - since);
    let (datagrams, bytes) = (net.sim.datagrams(), net.sim.bytes());
    net.run(10.0);
    let quiet = (net.sim.datagrams() - datagrams) as f64 / 10.0;
    println!(
        "six core nodes and a member: {quiet:.0} datagrams, {:.0} bytes a second",
        (net.sim.bytes() - bytes) as f64 / 10.0
    );
    for host in net.endpoints().skip(1) {
        net.join(host);
    }
    net.run(10.0);
    let (datagrams, bytes) = (net.sim.datagrams(), net.sim.bytes());
    net.run(10.0);
    let busy = (net.sim.datagrams() - datagrams) as f64 / 10.0;
    let each = (busy - quiet) / 199.0;
    println!(
        "a member more: {each:.1} datagrams, {:.0} bytes a second in all",
        (net.sim.bytes() - bytes) as f64 / 10.0 / 200.0
    );
    let (replicas, _, bytes) = knowing(&net);
    assert_eq!(replicas, 200);
    println!("a core node with {replicas} replicas: {bytes} bytes, its rings included");
    println!("a replica there: {} bytes; a prefix: {} bytes", per_replica(), per_prefix());
    assert!(each < 60.0, "{each} datagrams a second for a member");
}

/// Bytes of a replica in a core node's table, and of a prefix whose place is known.
fn per_replica() -> usize {
    let lab = Lab::default();
    let mut services = crate::anycast::oasis::services::Services::default();
    for host in 0..100 {
        let stored = Stored { member: member(host), place: Some(super::lab::place(&lab, host)), load: 0 };
        services.store(Time::default(), 0, stored, Duration::from_secs(1));
    }
    services.bytes() / services.len()
}

fn per_prefix() -> usize {
    let mut prefixes = Prefixes::new(&[]);
    let mapped = Mapped { place: super::lab::place(&Lab::default(), 3), micros: 5 };
    for host in 0..100 {
        prefixes.learn(Time::default(), super::lab::address(host), mapped, 500.0);
    }
    prefixes.bytes() / prefixes.len()
}

/// The same network twice, once with questions: the difference is what they cost.
#[test]
fn what_a_question_costs() {
    for (what, question) in [("nearest", Question::Nearest), ("any", Question::Random)] {
        let sent = [false, true].map(|asks| {
            let mut lab = Lab::default();
            if question == Question::Random {
                // So quiet that little else is sent.
                for key in ["heartbeat", "lease", "rings"] {
                    lab.settings.insert(key.to_owned(), Value::Time(Duration::from_secs(3600)));
                }
            }
            let mut net = lab.sim();
            net.join_all(0);
            net.run(10.0);
            let before = net.sim.datagrams();
            for host in net.endpoints() {
                if asks {
                    net.ask(host, question.clone());
                }
            }
            // Both to the same moment.
            let rest = Duration::from_secs(35).saturating_sub(net.sim.now().0);
            net.sim.run_for(rest);
            net.sim.datagrams() - before
        });
        let each = (sent[1] as f64 - sent[0] as f64) / 24.0;
        println!("a question for the {what}: {each:.1} datagrams, background probes of its prefix included");
        assert!(each < 120.0);
    }
}
