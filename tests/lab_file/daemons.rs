//! Routing daemons of labs, ASes, routers and stubs.

use anybed::plan::Plan;
use anybed::routing::{Fleet, registry};
use anybed::topology::{Addresses, Family};

use super::files::{load, problems};

const LAB: &str = r#"
[lab]
daemon = "bird3"
[[as]]
name = "net"
routers = ["x", { name = "y", daemon = "bird2" }]
links = ["x-y"]
daemon = "frr"
[[as]]
name = "plain"
[[link]]
a = "x"
b = "plain"
relation = "peer"
[[stub]]
name = "west"
uplinks = ["x"]
members = 1
clients = 1
daemon = "frr"
[[stub]]
name = "east"
uplinks = ["y"]
members = 1
"#;

#[test]
fn the_nearest_word_counts_and_hosts_have_what_runs_on_hosts() {
    let (topology, _) = load(LAB);
    let word = |name: &str| registry::word(topology.node(topology.find(name).unwrap()));
    for (node, daemon) in [
        ("x", "frr"),
        ("y", "bird2"),
        ("plain", "bird3"),
        ("west", "frr"),
        ("west.n1", "bird"),
        ("east", "bird3"),
        ("east.n1", "bird3"),
    ] {
        assert_eq!(word(node), daemon, "{node}");
    }
}

#[test]
fn what_is_no_daemon_is_refused_wherever_it_stands() {
    let wrong = LAB.replace("\"bird3\"", "\"bird4\"").replace("\"bird2\"", "2").replace("\"frr\"", "\"fr\"");
    insta::assert_snapshot!(problems(&wrong));
}

const PACED: &str = r#"
[lab]
daemon = "frr"
mrai = "2s"
[[as]]
name = "calm"
damping = { half_life = "5m", reuse = 800, suppress = 2500, max = "20m" }
[[as]]
name = "usual"
damping = true
[[link]]
a = "calm"
b = "usual"
relation = "peer"
mrai = "0s"
[[stub]]
name = "west"
uplinks = [{ to = "calm", mrai = "30s" }, "usual"]
members = 1
"#;

#[test]
fn what_a_daemon_has_it_is_told() {
    let (topology, _) = load(PACED);
    let plan = Plan::new(&topology, &Fleet::meant(&topology, None).unwrap()).unwrap();
    let told = |node: &str, line: &str| {
        let config = plan.node(topology.find(node).unwrap()).routing().unwrap().config().unwrap();
        assert!(config.lines().any(|it| it.trim_start() == line), "{node} is not told {line}:\n{config}");
    };
    told("calm", "bgp dampening 5 800 2500 20");
    told("usual", "bgp dampening 15 750 2000 60");
    let addresses = Addresses::of(&topology);
    for (node, link, seconds) in
        [("calm", "calm-usual", 0), ("west", "west-calm", 30), ("calm", "west-calm", 30), ("usual", "west-usual", 2)]
    {
        let id = topology.find_link(link).unwrap();
        let (a, b) = addresses.link(id, Family::Ipv4);
        let other = if topology.node(topology.links[id.0].a).name == node { b } else { a };
        told(node, &format!("neighbor {} advertisement-interval {seconds}", other.addr()));
    }
}

#[test]
fn what_a_daemon_lacks_is_refused_and_the_one_that_has_it_named() {
    let mixed = PACED.replace("name = \"usual\"\n", "name = \"usual\"\ndaemon = \"bird2\"\n");
    insta::assert_snapshot!(problems(&mixed));
    let none = mixed.replace("mrai = \"2s\"", "mrai = \"0s\"").replace("damping = true", "damping = false");
    load(&none);
}

#[test]
fn intervals_and_damping_have_limits() {
    let wrong = PACED
        .replace("\"2s\"", "\"1500ms\"")
        .replace("\"30s\"", "\"11m\"")
        .replace("max = \"20m\"", "max = \"5m\"")
        .replace("damping = true", "damping = { reuse = 0, half_life = \"90s\" }");
    insta::assert_snapshot!(problems(&wrong));
}

#[test]
fn guards_are_told_in_its_words_and_blocking_is_refused() {
    let lab = r#"
[lab]
daemon = "frr"
[[as]]
name = "net"
compare_med = "always"
[[stub]]
name = "west"
uplinks = [{ to = "net", ttl_security = true, password = "secret", max_prefix = 5, max_prefix_action = "warn", allow_own_as = 2 }]
members = 1
"#;
    let (topology, _) = load(lab);
    let plan = Plan::new(&topology, &Fleet::meant(&topology, None).unwrap()).unwrap();
    let config = plan.node(topology.find("net").unwrap()).routing().unwrap().config().unwrap();
    let words = [
        " ttl-security hops 1",
        " password secret",
        " allowas-in 2",
        " maximum-prefix 5 warning-only force",
        "bgp always-compare-med",
    ];
    for word in words {
        assert!(config.lines().any(|line| line.ends_with(word)), "{word}:\n{config}");
    }
    insta::assert_snapshot!(problems(&lab.replace("\"warn\"", "\"block\"")));
}

#[test]
fn what_gateways_announce_by_themselves_is_refused_where_theirs_cannot() {
    let lab = r#"
[[as]]
name = "net"
rov = true
daemon = "frr"
[[stub]]
name = "west"
uplinks = ["net"]
members = 1
[[stub]]
name = "thief"
uplinks = ["net"]
members = 1
daemon = "frr"
rov = "prefer-valid"
[[group]]
name = "dns"
members = ["west"]
[[timeline]]
at = "1s"
do = "hijack dns by thief"
"#;
    insta::assert_snapshot!(problems(lab));
    load(&lab.replace("daemon = \"frr\"\n", ""));
    // A server tells it of ROAs.
    let server = lab.replace("hijack dns by thief", "publish 198.51.100.1/32 of west");
    let (topology, _) = load(&format!("[rtr]\nat = \"west\"\n{server}"));
    let plan = Plan::new(&topology, &Fleet::meant(&topology, None).unwrap()).unwrap();
    for (router, line) in [("net", "deny 45"), ("thief", "set local-preference 10")] {
        let config = plan.node(topology.find(router).unwrap()).routing().unwrap().config().unwrap();
        for line in [line, "rpki cache tcp ", "match rpki invalid", "soft-reconfiguration inbound"] {
            assert!(config.contains(line), "{router} is not told {line}:\n{config}");
        }
        assert!(!config.contains("198.51.100.1/32\n as"), "{config}");
    }
}

#[test]
fn a_server_of_roas_has_its_place_and_its_times() {
    let lab = "[rtr]\nat = \"west\"\n[[as]]\nname = \"net\"\nrov = true\n[[stub]]\nname = \"west\"\nuplinks = [\"net\"]\nmembers = 2\n";
    let (topology, _) = load(lab);
    let server = topology.rtr.clone().unwrap();
    assert_eq!(topology.node(server.host).name, "west.n1");
    assert_eq!((server.intervals.refresh, server.intervals.retry, server.intervals.expire), (10, 2, 600));
    let (slow, _) = load(&lab.replace("[rtr]", "[lab]\ntimers = \"rfc\"\n[rtr]"));
    let times = slow.rtr.unwrap().intervals;
    assert_eq!((times.refresh, times.retry, times.expire), (3600, 600, 7200), "RFC 8210 §6");
    let wrong = lab
        .replace("at = \"west\"", "at = \"net\"\nrefresh = \"1500ms\"\nretry = \"3h\"\nexpire = \"1m\"\nport = 3")
        .replace("rov = true", "rov = \"maybe\"");
    insta::assert_snapshot!(problems(&wrong));
    insta::assert_snapshot!(problems(&lab.replace("at = \"west\"", "expire = \"10m\"\nrefresh = \"11m\"")));
}

/// Whoever has no weights is told who has, and what does as much.
#[test]
fn weights_are_told_in_its_words_and_refused_elsewhere() {
    let lab = r#"
[[as]]
name = "net"
daemon = "frr"
add_paths = true
routers = ["x", "y"]
links = ["x-y"]
[[stub]]
name = "west"
uplinks = [{ to = "x", add_paths = true }]
members = 1
[[stub]]
name = "east"
uplinks = ["y"]
members = 1
[[policy]]
of = "net"
from = "west"
weight = 300
"#;
    let (topology, _) = load(lab);
    let plan = Plan::new(&topology, &Fleet::meant(&topology, None).unwrap()).unwrap();
    let config = |name: &str| plan.node(topology.find(name).unwrap()).routing().unwrap().config().unwrap().to_owned();
    let (x, west) = (config("x"), config("west"));
    assert!(x.contains("\n set weight 300\n"), "{x}");
    assert_eq!(x.matches("addpath-tx-all-paths").count(), 2, "inside, and to west: {x}");
    assert_eq!(west.matches("add paths on;").count(), 1, "{west}");
    let on_the_other_side = lab.replace("to = \"x\",", "to = \"x\", weight = 7,");
    let inside_out = lab.replace("from = \"west\"", "to = \"west\"");
    let live = format!("{lab}[[timeline]]\nat = \"1s\"\ndo = \"set west-x prepend=1 weight=5\"\n");
    let wrong = [lab.replace("daemon = \"frr\"\n", ""), on_the_other_side, inside_out, live];
    insta::assert_snapshot!(wrong.map(|text| problems(&text)).join("\n---\n"));
}
