//! What routing promises: who holds and who announces an anycast address, what gateways refuse, what
//! neighbors are told, and how an AS works inside.

use crate::support::{Family, Lab, Place, scenes, wait_until};

fn prefix(family: Family, number: u8) -> Vec<String> {
    let (ipv4, ipv6) = (format!("198.51.100.{number}"), format!("2001:db8::{number}"));
    family.pick(&ipv4, &ipv6).into_iter().map(|a| ipnet::IpNet::from(a).to_string()).collect()
}

/// The AS path of the best route for `prefix`, as a node's BIRD has it.
fn as_path(lab: &Lab<'_>, node: &str, prefix: &str) -> Vec<u32> {
    let answer = lab.birdc(node, &format!("show route {prefix} all primary"));
    let line = answer.lines().find_map(|l| l.trim().strip_prefix("BGP.as_path:"));
    let line = line.unwrap_or_else(|| panic!("no AS path for {prefix} at {node}:\n{answer}"));
    line.split_whitespace().map(|asn| asn.parse().unwrap_or_else(|_| panic!("an AS number: {line}"))).collect()
}

/// Whether a node's kernel has a route for exactly `prefix`.
fn has_route(lab: &Lab<'_>, node: &str, prefix: &str) -> bool {
    let kind = if prefix.contains(':') { "-6" } else { "-4" };
    let routes = lab.exec(node, &format!("ip -o {kind} route show")).ok().stdout;
    // The kernel writes a host's prefix without its length.
    let bare = prefix.trim_end_matches("/32").trim_end_matches("/128");
    routes.lines().any(|line| line.split_whitespace().next().is_some_and(|word| word == bare || word == prefix))
}

scenes!(only_members_hold_the_anycast_address: root rootless rootless_ipv6 root_dual);

fn only_members_hold_the_anycast_address(place: &Place) {
    let lab = Lab::up(place, &place.copy("topologies/two-sites.toml"));
    let members = ["west.n1", "east.n1"];
    let others = ["r1", "r2", "r3", "r4", "west", "east", "home", "home.c1"];
    for prefix in prefix(place.scene.family, 1) {
        for node in members {
            lab.exec(node, "ip -o addr show dev lo").ok().expect_stdout(&[&prefix]);
        }
        for node in others {
            let addresses = lab.exec(node, "ip -o addr show").ok();
            assert!(!addresses.stdout.contains(&prefix), "{node} holds {prefix}: {addresses}");
        }
    }
    lab.fault("withdraw west.n1 dns").ok();
    for prefix in prefix(place.scene.family, 1) {
        let addresses = lab.exec("west.n1", "ip -o addr show dev lo").ok();
        assert!(!addresses.stdout.contains(&prefix), "withdrawn, and {prefix} is still there: {addresses}");
        lab.exec("east.n1", "ip -o addr show dev lo").ok().expect_stdout(&[&prefix]);
        wait_until("west's route is the other site's", || {
            let path = as_path(&lab, "west", &prefix);
            if path.len() == 5 { Ok(()) } else { Err(format!("{path:?}")) }
        });
    }
    lab.fault("announce west.n1 dns").ok();
    for prefix in prefix(place.scene.family, 1) {
        lab.exec("west.n1", "ip -o addr show dev lo").ok().expect_stdout(&[&prefix]);
        wait_until("west's route is its own again", || {
            let path = as_path(&lab, "west", &prefix);
            if path.len() == 1 { Ok(()) } else { Err(format!("{path:?}")) }
        });
    }
}

scenes!(a_gateway_refuses_what_is_not_a_group_of_its_host: root rootless rootless_ipv6 root_dual);

fn a_gateway_refuses_what_is_not_a_group_of_its_host(place: &Place) {
    let templates = place.folder("templates");
    let template = std::fs::read_to_string(crate::support::project("bird-configs/host.conf.j2")).unwrap();
    let rogue = r#"
{% if name == "west.n1" %}
protocol static rogue4 { ipv4; route 192.0.2.99/32 blackhole; }
protocol static rogue6 { ipv6; route 2001:db8:99::1/128 blackhole; }
{% endif %}
"#;
    place.write("templates/host.conf.j2", &(template + rogue));
    let file = place.copy("topologies/two-sites.toml");
    let lab = Lab::up_with(place, &file, &place.name, &["--bird-configs", templates.to_str().unwrap()]);
    let log = lab.out.join("logs/west.bird.log");
    for address in place.scene.family.pick("192.0.2.99", "2001:db8:99::1") {
        let prefix = ipnet::IpNet::from(address).to_string();
        assert!(lab.birdc("west.n1", "show route").contains(&prefix), "the host announces nothing of the kind");
        let refusal = format!("refused {prefix} from west.n1");
        wait_until("the gateway has seen and refused the announcement", || {
            let text = std::fs::read_to_string(&log).unwrap_or_default();
            if text.contains(&refusal) { Ok(()) } else { Err(text) }
        });
        for node in ["west", "r1", "r2", "home"] {
            let routes = lab.birdc(node, "show route");
            assert!(!routes.contains(&prefix), "{node} has the refused route:\n{routes}");
            assert!(!has_route(&lab, node, &prefix), "{node}'s kernel has the refused route");
        }
    }
    // And the host keeps what is its own.
    for prefix in prefix(place.scene.family, 1) {
        assert_eq!(as_path(&lab, "west", &prefix).len(), 1);
        assert!(has_route(&lab, "r2", &prefix));
    }
}

scenes!(private_as_numbers_stay_in_their_stub: root rootless rootless_ipv6 root_dual);

fn private_as_numbers_stay_in_their_stub(place: &Place) {
    let lab = Lab::up(place, &place.copy("topologies/two-sites.toml"));
    for prefix in prefix(place.scene.family, 1) {
        // The gateway hears the host's private AS number, and nobody else does.
        assert_eq!(as_path(&lab, "west", &prefix), [4_200_000_000]);
        assert_eq!(as_path(&lab, "r1", &prefix), [1000]);
        // Two ASes away, and further.
        assert_eq!(as_path(&lab, "r2", &prefix), [100, 1000]);
        assert_eq!(as_path(&lab, "home", &prefix), [101, 100, 1000]);
        let routes = lab.birdc("r2", &format!("show route {prefix} all"));
        for word in routes.split(|c: char| !c.is_ascii_digit()).filter_map(|w| w.parse::<u64>().ok()) {
            assert!(!(4_200_000_000..=4_294_967_295).contains(&word), "a private AS number at r2:\n{routes}");
        }
    }
}

scenes!(routes_of_peers_and_providers_go_to_customers_only: root rootless rootless_ipv6 root_dual);

fn routes_of_peers_and_providers_go_to_customers_only(place: &Place) {
    let lab = Lab::up(place, &place.copy("tests/system/labs/policy.toml"));
    let family = place.scene.family;
    for (number, knowing, ignorant) in [
        // A peer's, a provider's and a customer's group, by who hears of it through mid.
        (1, &["mid", "below"][..], &["right", "top"][..]),
        (2, &["mid", "below"][..], &["left", "right"][..]),
        (3, &["mid", "left", "right", "top"][..], &[][..]),
    ] {
        for prefix in prefix(family, number) {
            for node in knowing {
                assert!(has_route(&lab, node, &prefix), "{node} should know {prefix}");
            }
            for node in ignorant {
                let routes = lab.birdc(node, "show route all");
                assert!(!routes.contains(&prefix), "{node} should not know {prefix}:\n{routes}");
                assert!(!has_route(&lab, node, &prefix), "{node}'s kernel should not know {prefix}");
            }
        }
    }
}

scenes!(an_as_of_several_routers_carries_routes_and_packets: root rootless rootless_ipv6 root_dual);

fn an_as_of_several_routers_carries_routes_and_packets(place: &Place) {
    let lab = Lab::up(place, &place.copy("tests/system/labs/core.toml"));
    let family = place.scene.family;
    let families = prefix(family, 1).len();
    // iBGP with both others, in each family; a and c have a stub as well.
    for (node, sessions) in [("a", 3), ("b", 2), ("c", 3)] {
        assert_eq!(lab.node(node)["sessions"][0], sessions * families, "{}", lab.node(node));
    }
    for name in ["ipv4", "ipv6"].into_iter().filter(|name| family == Family::Dual || family.name() == *name) {
        let neighbors = lab.birdc("b", &format!("show ospf neighbors 'igp-{name}'"));
        assert_eq!(neighbors.matches("Full").count(), 2, "{neighbors}");
    }
    for prefix in prefix(family, 1) {
        // c has it over iBGP from a, and so without another AS in the path; the next hop is b.
        assert_eq!(as_path(&lab, "c", &prefix), [1000]);
        let address = prefix.split('/').next().unwrap();
        lab.exec("c", &format!("ip -o route get {address}")).ok().expect_stdout(&["dev to-b"]);
        lab.exec("b", &format!("ip -o route get {address}")).ok().expect_stdout(&["dev to-a"]);
    }
    lab.wait_for_answer("far.c1", "site.n1", 0);
}
