use std::collections::BTreeSet;
use std::path::Path;

use super::*;
use crate::topology::{Change, Origination, Overrides};

fn lab(text: &str) -> Topology {
    let read = crate::scenario::read_text(Path::new("lab.toml"), text, &Overrides::default());
    read.unwrap_or_else(|e| panic!("{e}")).0
}

fn everybody(topology: &Topology) -> Result<Vec<Prediction>, Unsettled> {
    predict(topology, &|_, _| true)
}

/// The stubs of the members that answer each client of the first group.
fn answers(topology: &Topology) -> Vec<String> {
    let all = everybody(topology).expect("it settles");
    let sites = |members: &BTreeSet<NodeId>| {
        let names: Vec<&str> = members.iter().map(|member| &*topology.node(*member).name).collect();
        names.join(" ")
    };
    all[0].catchments.values().map(sites).collect()
}

#[test]
fn a_prepended_path_moves_one_stub_at_a_time() {
    let mut topology = lab(include_str!("../../topologies/prepending.toml"));
    let (west, link) = (topology.find("west").expect("a gateway"), topology.find_link("west-w0").expect("its uplink"));
    let mut stayed = Vec::new();
    for times in 0..=5 {
        let mut change = Change::default();
        change.set("prepend", &times.to_string(), &topology).expect("so many times");
        topology.change_policy(west, link, None, &change);
        stayed.push(answers(&topology).iter().filter(|member| *member == "west.n1").count());
    }
    // As the lab measures it, in its expectations.
    assert_eq!(stayed, [5, 4, 3, 2, 1, 1]);
}

/// Three ASes with a customer in common, each of which likes its peer's route to it better than its own.
fn ring(liked: &[&str]) -> String {
    let mut text = String::new();
    for name in ["a", "b", "c"] {
        text += &format!("[[as]]\nname = \"{name}\"\n");
    }
    for (a, b) in [("a", "b"), ("b", "c"), ("c", "a")] {
        text += &format!("[[link]]\na = \"{a}\"\nb = \"{b}\"\nrelation = \"peer\"\n");
        if liked.contains(&a) {
            text += &format!("[[policy]]\nof = \"{a}\"\nfrom = \"{b}\"\nlocal_pref = 250\n");
        }
    }
    text += "[[stub]]\nname = \"site\"\nuplinks = [\"a\", \"b\", \"c\"]\nmembers = 1\n";
    text + "[[stub]]\nname = \"home\"\nuplinks = [\"a\"]\nclients = 1\n[[group]]\nname = \"dns\"\nmembers = [\"site\"]\n"
}

#[test]
fn policies_that_never_settle_are_told_from_those_that_do() {
    // BAD GADGET of Griffin, Shepherd and Wilfong 2002.
    let unsettled = everybody(&lab(&ring(&["a", "b", "c"]))).expect_err("nobody can be content");
    assert!(["a", "b", "c"].contains(&&*unsettled.router), "{unsettled}");
    let settled = lab(&ring(&["a", "b"]));
    let best = everybody(&settled).expect("c is content with its own").remove(0).best;
    let path = |name: &str| best[&settled.find(name).expect("a router")].path.clone();
    // b follows c; so it has nothing for a, which keeps its own.
    assert_eq!((path("a"), path("b"), path("c")), (vec![1000], vec![102, 1000], vec![1000]));
}

#[test]
fn each_router_of_an_as_sends_packets_by_its_own_best_route() {
    let text = r#"
        [[as]]
        name = "wide"
        routers = ["x", "y", "z"]
        links = [{ a = "x", b = "y", cost = 1 }, { a = "y", b = "z", cost = 5 }]
        [[stub]]
        name = "west"
        uplinks = ["x"]
        members = 1
        [[stub]]
        name = "east"
        uplinks = ["z"]
        members = 1
        [[stub]]
        name = "home"
        uplinks = ["y"]
        clients = 1
        [[group]]
        name = "dns"
        members = ["west", "east"]
    "#;
    let topology = lab(text);
    assert_eq!(answers(&topology), ["west.n1"]);
    let best = everybody(&topology).expect("it settles").remove(0).best;
    let at = |name: &str| &best[&topology.find(name).expect("a router")];
    assert_eq!((at("y").step, at("y").of), (Step::Distance, 2));
    assert_eq!((at("x").step, &at("x").path[..]), (Step::External, &[1000][..]));
    assert_eq!(answers(&lab(&text.replace("cost = 1", "cost = 9"))), ["east.n1"]);
}

#[test]
fn a_host_that_does_not_announce_is_no_site() {
    let topology = lab(include_str!("../../topologies/two-sites.toml"));
    let west = topology.find("west.n1").expect("a member");
    let all = predict(&topology, &|host, _| host != west).expect("it settles");
    let members: BTreeSet<NodeId> = all[0].catchments.values().flatten().copied().collect();
    assert_eq!(members, [topology.find("east.n1").expect("the other")].into());
    let none = predict(&topology, &|_, _| false).expect("it settles");
    assert!(none[0].best.is_empty() && none[0].catchments.values().all(BTreeSet::is_empty));
}

#[test]
fn the_longest_prefix_decides_router_by_router() {
    let topology = lab(include_str!("../../topologies/regional.toml"));
    let [paris, eu, us] = ["paris.c1", "eu.n1", "us.n1"].map(|name| topology.find(name).expect("a host"));
    let europe = GroupId(topology.groups.iter().position(|group| group.name == "europe").expect("a group"));
    let answers = |announces: &dyn Fn(NodeId, GroupId) -> bool| {
        let all = predict(&topology, announces).expect("it settles");
        all.iter().find(|one| one.group == europe).expect("predicted").catchments[&paris].clone()
    };
    assert_eq!(answers(&|_, _| true), [eu].into());
    assert_eq!(answers(&|_, group| group != europe), [us].into(), "the prefix around it leads elsewhere");
}

/// As the lab measures it, in its expectations.
#[test]
fn a_neighbor_that_must_not_tell_of_its_best_route_tells_of_none() {
    let topology = lab(include_str!("../../topologies/local-sites.toml"));
    let all = everybody(&topology).expect("it settles");
    let of = |group: &str, client: &str| {
        let one = all.iter().find(|one| topology.groups[one.group.0].name == group).expect("predicted");
        let members = &one.catchments[&topology.find(client).expect("a client")];
        members.iter().map(|member| topology.node(*member).name.clone()).collect::<Vec<_>>()
    };
    assert_eq!((of("dns", "near.c1"), of("dns", "far.c1")), (vec![], vec!["hub.n1".to_owned()]));
    assert_eq!(
        (of("narrow", "home.c1"), of("narrow", "far.c1")),
        (vec!["campus.n1".to_owned()], vec!["hub.n1".to_owned()])
    );
    assert_eq!(of("spilled", "far.c1"), ["campus.n1"]);
}

#[test]
fn who_validates_believes_no_invalid_route() {
    let mut topology = lab(include_str!("../../topologies/rov.toml"));
    let (at, to) = (topology.find("mallory").expect("a gateway"), topology.find("mallory.n1"));
    let guarded = GroupId(0);
    let prefix = topology.groups[0].announced[0];
    let rogue = |prefix, claims| Origination { at, group: guarded, prefix, communities: Vec::new(), to, claims };
    let best = |topology: &Topology, router: &str| {
        let all = everybody(topology).expect("it settles");
        all[0].best.get(&topology.find(router).expect("a router")).map(|best| best.path.clone())
    };
    topology.originations.push(rogue(prefix, None));
    assert_eq!((best(&topology, "south"), best(&topology, "west")), (Some(vec![1001]), None), "west hears no other");
    topology.originations[0] = rogue(prefix, Some(1000));
    assert_eq!(best(&topology, "west"), Some(vec![101, 1001, 1000]), "the right origin");
    topology.roas.clear();
    topology.originations[0] = rogue(prefix, None);
    assert_eq!(best(&topology, "west"), Some(vec![101, 1001]), "nothing to hold it against");
}

/// As the lab measures it, in its expectations.
#[test]
fn a_leak_is_believed_by_who_looks_for_no_mark() {
    let mut topology = lab(include_str!("../../topologies/leak.toml"));
    let path = |topology: &Topology, router: &str| {
        let all = everybody(topology).expect("it settles");
        all[0].best[&topology.find(router).expect("a router")].path.clone()
    };
    let by = |topology: &Topology, name: &str| topology.ases.iter().position(|own| own.name == name).expect("an AS");
    let [p1, site, tidy, sloppy] = ["p1", "site", "tidy", "sloppy"].map(|name| topology.ases[by(&topology, name)].asn);
    let (of_tidy, of_sloppy) = (by(&topology, "tidy"), by(&topology, "sloppy"));
    topology.ases[of_tidy].leaks = true;
    assert_eq!(path(&topology, "p2"), [p1, site], "its own role stops it");
    topology.ases[of_sloppy].leaks = true;
    assert_eq!((path(&topology, "p2"), path(&topology, "p3")), (vec![p1, site], vec![sloppy, p1, site]));
    topology.ases.iter_mut().for_each(|own| own.roles = false);
    assert_eq!(path(&topology, "p2"), [tidy, p1, site]);
}

/// Three members with a site each, and a fourth that only peers.
fn segment(more: &str) -> String {
    let mut text = String::new();
    for name in ["a", "b", "c"] {
        text += &format!(
            "[[as]]\nname = \"{name}\"\n[[stub]]\nname = \"at-{name}\"\nuplinks = [\"{name}\"]\nmembers = 1\n"
        );
    }
    text +=
        "[[stub]]\nname = \"home\"\nclients = 1\n[[group]]\nname = \"dns\"\nmembers = [\"at-a\", \"at-b\", \"at-c\"]\n";
    text + "[[exchange]]\nname = \"ix\"\nmembers = [\"a\", \"b\", \"c\", \"home\"]\n" + more
}

#[test]
fn a_route_server_tells_each_client_one_route_of_others() {
    let topology = lab(&segment(""));
    let all = everybody(&topology).expect("it settles");
    let best = |name: &str| &all[0].best[&topology.find(name).expect("a router")];
    assert_eq!((best("ix").of, &best("home").path, best("home").of), (3, &vec![100, 1000], 1));
    assert_eq!(answers(&topology), ["at-a.n1"]);
    // The server's best is a's own: a is told the next best, and likes its customer's more.
    assert_eq!((best("a").of, best("a").path.clone(), best("b").of), (2, vec![1000], 2));
}

#[test]
fn what_a_client_asks_for_is_hidden_behind_what_the_server_likes() {
    let wish = "[[policy]]\nof = \"home\"\nfrom = \"ix\"\nthrough = \"b\"\nlocal_pref = 500\n";
    assert_eq!(answers(&lab(&segment(wish))), ["at-a.n1"], "it is not told of b's");
    let session = format!("{wish}[[link]]\na = \"b\"\nb = \"home\"\nrelation = \"peer\"\nover = \"ix\"\n");
    let peered = session + "[[policy]]\nof = \"home\"\nfrom = \"b\"\nlocal_pref = 500\n";
    assert_eq!(answers(&lab(&segment(&peered))), ["at-b.n1"], "a session of its own hides nothing");
}

#[test]
fn who_says_nothing_to_the_server_is_told_nothing() {
    let text = segment("").replace("\"home\"]", "{ router = \"home\", route_server = false }]");
    assert_eq!(answers(&lab(&text)), [""]);
}
