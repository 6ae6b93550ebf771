//! What a lab file says of what routers announce and believe, beyond relations.

use std::path::Path;

use anybed::scenario;
use anybed::topology::*;

fn load(text: &str) -> Result<Topology, Diagnostics> {
    scenario::read_text(Path::new("lab.toml"), text, &Overrides::default()).map(|(topology, _)| topology)
}

const RIGHT: &str = r#"
[[as]]
name = "t1"
routers = ["a", "b"]
links = ["a-b"]

[[as]]
name = "t2"

[[link]]
a = "a"
b = "t2"
relation = "peer"

[[link]]
a = "b"
b = "t2"
relation = "peer"
name = "south"

[[stub]]
name = "west"
uplinks = ["a", { to = "t2", prepend = 2, med = 7, local_pref = 70 }]
members = 1

[[group]]
name = "dns"
address = "198.51.100.9"
members = ["west"]

[[policy]]
of = "t1"
from = "t2"
groups = "dns"
prefixes = ["203.0.113.0/24+", "192.0.2.0/24"]
communities = ["t2:9", "no-export", "100:2:3"]
through = ["west", "4711"]
local_pref = 5

[[policy]]
of = ["t2", "a"]
to = ["south", "west"]
add = "graceful-shutdown"
remove = "101:3"
reject = true
"#;

#[test]
fn rules_are_of_single_sessions() {
    let lab = load(RIGHT).unwrap();
    let name = |id: NodeId| lab.node(id).name.as_str();
    let link = |id: LinkId| lab.links[id.0].name.as_str();
    let all: Vec<_> = lab.policies.iter().map(|p| (name(p.at), link(p.link), p.direction)).collect();
    let expected = [
        ("west", "west-t2", Direction::Export),
        ("west", "west-t2", Direction::Import),
        ("a", "a-t2", Direction::Import),
        ("b", "south", Direction::Import),
        ("t2", "south", Direction::Export),
        ("a", "west-a", Direction::Export),
        ("t2", "west-t2", Direction::Export),
    ];
    assert_eq!(all, expected);

    assert_eq!(lab.policies[0].then, Then { prepend: 2, med: Some(7), ..Then::default() });
    assert_eq!(lab.policies[1].then, Then { local_pref: Some(70), ..Then::default() });
    let which = &lab.policies[2].which;
    let prefixes: Vec<_> = which.prefixes.iter().map(|p| (p.prefix.to_string(), p.longer)).collect();
    let expected = [("198.51.100.9/32", false), ("203.0.113.0/24", true), ("192.0.2.0/24", false)];
    assert_eq!(prefixes, expected.map(|(prefix, longer)| (prefix.to_owned(), longer)));
    let named = Community::Standard(65535, 65281);
    assert_eq!(which.communities, [Community::Standard(101, 9), named, Community::Large(100, 2, 3)]);
    assert_eq!(which.through, [1000, 4711]);
    let then = &lab.policies.last().unwrap().then;
    assert_eq!((&then.add[..], then.reject), (&[Community::Standard(65535, 0)][..], true));
}

#[test]
fn what_may_withhold_a_route_is_known() {
    let lab = load(RIGHT).unwrap();
    let rules = |prefix: &str| {
        let prefix = prefix.parse().unwrap();
        lab.policies.iter().map(|rule| rule.may_withhold(&prefix)).collect::<Vec<_>>()
    };
    // Prepending and MED choose among routes that all would be told to others.
    assert_eq!(rules("203.0.113.7/32")[..4], [false, true, true, true]);
    assert_eq!(rules("192.0.2.7/32")[..4], [false, true, false, false]);
}

#[test]
fn the_short_keys_of_an_uplink_are_of_no_link_beside_it() {
    let beside = "[[link]]\na = \"west\"\nb = \"t2\"\nrelation = \"provider\"\nname = \"spare\"\n";
    let lab = load(&format!("{RIGHT}{beside}")).unwrap();
    let short = lab.policies.iter().filter(|rule| rule.which == Which::default() && lab.node(rule.at).name == "west");
    let links: Vec<&str> = short.map(|rule| &*lab.links[rule.link.0].name).collect();
    assert_eq!(links, ["west-t2", "west-t2"]);
}

const WRONG: &str = r#"
[[as]]
name = "t1"

[[as]]
name = "t2"

[[as]]
name = "t3"

[[link]]
a = "t1"
b = "t2"
relation = "peer"
prepend = 2

[[stub]]
name = "west"
uplinks = [{ to = "t1", prepend = 99, community = "no-export" }]
members = 1

[[group]]
name = "dns"
members = ["west"]

[[policy]]
of = "t1"
prepend = 1

[[policy]]
of = "t1"
to = "t2"
from = "t2"
med = -1

[[policy]]
of = "t1"
to = "t3"
prepend = 1

[[policy]]
of = "t4"
to = "west.n1"
local_pref = 10
groups = "dnss"
prefixes = ["198.51.100.1/24", "ten"]

[[policy]]
of = "t1"
to = "t2"
communities = ["65536:1", "noexport"]
through = "t9"
add = "t1:1:7"
remove = "1:2:3:4"

[[policy]]
of = "t1"
to = "t2"
groups = "dns"

[[policy]]
to = "t2"
reject = "yes"
"#;

#[test]
fn mistakes_have_their_caret() {
    insta::assert_snapshot!(load(WRONG).unwrap_err().render(false));
}
