//! Exchanges, their ports, and sessions over them.

use std::path::Path;

use anybed::scenario;
use anybed::topology::*;

use crate::with;

fn load(text: &str) -> Result<Topology, Diagnostics> {
    scenario::read_text(Path::new("lab.toml"), text, &Overrides::default()).map(|(topology, _)| topology)
}

const RIGHT: &str = r#"
[[as]]
name = "a"
routers = [{ name = "a1", lat = 10.0, lon = 10.0 }]

[[as]]
name = "b"

[[exchange]]
name = "ix"
lat = 11.0
lon = 11.0
members = ["a1", { router = "b", route_server = false, delay = "3ms" }, "s"]

[[exchange]]
name = "empty"
members = ["b"]

[[link]]
a = "a1"
b = "b"
relation = "customer"
over = "ix"

[[stub]]
name = "s"
clients = 1

[[stub]]
name = "t"
uplinks = ["b"]
clients = 1
"#;

#[test]
fn ports_are_links_and_sessions_over_them_are_none() {
    let topology = load(RIGHT).unwrap_or_else(|e| panic!("{e}"));
    let id = |name: &str| topology.find_link(name).unwrap();
    let link = |name: &str| &topology.links[id(name).0];
    assert_eq!(link("a1-ix").kind, LinkKind::External(Relation::Peer));
    assert_eq!(link("b-ix").kind, LinkKind::Port);
    assert_eq!(topology.passed(id("a1-b")), [id("a1-ix"), id("b-ix")]);
    assert!(link("a1-ix").emulated && !link("a1-b").emulated, "a port is as long as it is far");
    let addresses = Addresses::of(&topology);
    let pair = |name: &str, family| {
        let (a, b) = addresses.link(id(name), family);
        (a.to_string(), b.to_string())
    };
    let expected = |a: &str, b: &str| (a.to_owned(), b.to_owned());
    assert_eq!(pair("a1-ix", Family::Ipv4), expected("10.254.0.2/24", "10.254.0.1/24"));
    assert_eq!(pair("a1-b", Family::Ipv4), expected("10.254.0.2/24", "10.254.0.3/24"));
    assert_eq!(pair("b-empty", Family::Ipv6), expected("fd00:c:1::2/64", "fd00:c:1::1/64"));
    // The numbers of ASes that the file leaves out go on after those of its own ASes.
    let asn = |name: &str| topology.ases.iter().find(|own| own.name == name).unwrap().asn;
    assert_eq!((asn("a"), asn("ix"), asn("empty")), (100, 102, 103));
}

#[test]
fn mistakes_have_their_caret() {
    let wrong: [&[(&str, &str)]; 7] = [
        &[("over = \"ix\"", "over = \"iy\"")],
        &[("over = \"ix\"", "over = \"empty\"")],
        &[("over = \"ix\"", "over = \"ix\"\ndelay = \"1ms\"")],
        &[("\"s\"]", "\"a1\", \"ix\", \"s.c1\", 7]"), ("name = \"empty\"", "name = \"b\"")],
        &[("route_server = false, ", "route_server = false, prepend = 2, colour = 1, ")],
        &[("\"s\"]", "{ router = \"s\", mrai = \"5s\", max_prefix = 3, max_prefix_action = \"block\" }]")],
        &[(", \"s\"]", "]"), ("name = \"ix\"", "name = \"ix\"\ndaemon = \"frr\"")],
    ];
    let texts = wrong.iter().map(|parts| with(RIGHT, parts));
    let found: Vec<String> = texts.map(|text| load(&text).expect_err("it is wrong").to_string()).collect();
    insta::assert_snapshot!(found.join("\n---\n"));
}
