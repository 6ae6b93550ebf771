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

fn member(topology: &Topology, client: &str) -> String {
    let all = everybody(topology).expect("it settles");
    let members = &all[0].catchments[&topology.find(client).expect("a client")];
    members.iter().map(|member| &*topology.node(*member).name).collect::<Vec<_>>().join(" ")
}

/// A chain of so many routers that its two best connected ones reflect, with a site at either end and a client at each.
fn reflected(add_paths: bool) -> Topology {
    let routers: Vec<String> = (0..18).map(|n| format!("\"r{n}\"")).collect();
    let mut links: Vec<String> = (1..18).map(|n| format!("\"r{}-r{n}\"", n - 1)).collect();
    // Near the begin, as are both reflectors.
    links.extend(["\"r1-r3\"".to_owned(), "\"r0-r2\"".to_owned(), "\"r0-r1\"".to_owned(), "\"r1-r4\"".to_owned()]);
    let (routers, links) = (routers.join(", "), links.join(", "));
    let mut text =
        format!("[[as]]\nname = \"big\"\nrouters = [{routers}]\nlinks = [{links}]\nadd_paths = {add_paths}\n");
    for (name, at, hosts) in [("near", 2, "members"), ("far", 16, "members"), ("home", 15, "clients")] {
        text += &format!("[[stub]]\nname = \"{name}\"\nuplinks = [\"r{at}\"]\n{hosts} = 1\n");
    }
    lab(&(text + "[[group]]\nname = \"dns\"\nmembers = [\"near\", \"far\"]\n"))
}

#[test]
fn who_hears_of_several_exits_takes_the_nearest_to_itself() {
    let routes = |topology: &Topology| {
        let all = everybody(topology).expect("it settles");
        all[0].best[&topology.find("r15").expect("a router")].of
    };
    let (one, several) = (reflected(false), reflected(true));
    assert_eq!((member(&one, "home.c1").as_str(), routes(&one)), ("near.n1", 2), "both reflectors are near it");
    assert_eq!(
        (member(&several, "home.c1").as_str(), routes(&several)),
        ("far.n1", 6),
        "each reflector tells of what it has from the other, too: so do real ones"
    );
}

#[test]
fn a_neighbor_whose_best_route_is_not_told_tells_of_another() {
    let text = r#"
        as = [{ name = "t" }, { name = "w" }]
        link = [{ a = "t", b = "w", relation = "customer" }]
        stub = [
            { name = "near", uplinks = ["t"], members = 1 },
            { name = "far", uplinks = [{ to = "t", prepend = 2 }], members = 1 },
            { name = "home", uplinks = ["w"], clients = 1 },
        ]
        group = [{ name = "dns", members = ["near", "far"] }]
        policy = [{ of = "near", to = "t", add = "no-export" }]
    "#;
    assert_eq!(member(&lab(text), "home.c1"), "");
    let several = lab(&text.replace("relation = \"customer\"", "relation = \"customer\", add_paths = true"));
    let all = everybody(&several).expect("it settles").remove(0);
    assert_eq!(all.best[&several.find("w").expect("a router")].path, [100, 1001, 1001, 1001]);
    assert_eq!(member(&several, "home.c1"), "near.n1", "t, once asked, goes its own way");
}

/// A border's two routes, which nothing tells apart for the router beside it.
const EQUAL: &str = r#"
    as = [
        { name = "a" }, { name = "b" },
        { name = "wide", routers = ["x", "y"], links = ["x-y"], add_paths = true },
        { name = "edge" },
    ]
    link = [
        { a = "x", b = "a", relation = "customer" },
        { a = "x", b = "b", relation = "customer" },
        { a = "y", b = "edge", relation = "customer" },
    ]
    stub = [
        { name = "one", uplinks = ["a"], members = 1 },
        { name = "two", uplinks = ["b"], members = 1 },
        { name = "home", uplinks = ["edge"], clients = 1 },
    ]
    group = [{ name = "dns", members = ["one", "two"] }]
"#;

#[test]
fn equal_routes_of_one_neighbor_fall_as_they_are_known_to() {
    let topology = lab(EQUAL);
    let id = |name: &str| topology.find(name).expect("a router");
    let [x, y, edge] = ["x", "y", "edge"].map(id);
    let fell = |path: Option<Vec<u32>>| {
        let fell = |router, _| path.clone().filter(|_| router == y);
        predict_as_it_fell(&topology, &|_, _| true, &fell).expect("it settles").remove(0)
    };
    let unknown = fell(None);
    assert!(unknown.by_order.contains(&y) && !unknown.by_order.contains(&x), "only who cannot see their ids");
    assert_eq!(unknown.best[&y].of, 2);
    for path in [vec![100, 1000], vec![101, 1001]] {
        let known = fell(Some(path.clone()));
        assert_eq!((&known.best[&y].path, &known.best[&edge].path), (&path, &[vec![102], path.clone()].concat()));
    }
    // What is worse, or not there, does not become right by being used.
    assert_eq!(fell(Some(vec![7])).best[&y].path, unknown.best[&y].path);
    assert!(
        everybody(&lab(&EQUAL.replace("add_paths = true", "add_paths = false"))).expect("it settles")[0]
            .by_order
            .is_empty()
    );
}

#[test]
fn a_weight_comes_before_all_else_and_stays_where_it_is() {
    let text = r#"
        as = [
            { name = "a" }, { name = "b" },
            { name = "wide", routers = ["x", "y"], links = ["x-y"] },
        ]
        link = [
            { a = "x", b = "a", relation = "customer" },
            { a = "x", b = "b", relation = "provider" },
            { a = "y", b = "b", relation = "provider" },
        ]
        stub = [
            { name = "one", uplinks = ["a"], members = 1 },
            { name = "two", uplinks = ["b"], members = 1 },
            { name = "here", uplinks = ["x"], clients = 1 },
            { name = "there", uplinks = ["y"], clients = 1 },
        ]
        group = [{ name = "dns", members = ["one", "two"] }]
    "#;
    let (without, mut topology) = (lab(text), lab(text));
    let (at, link) = (topology.find("x").expect("a router"), topology.find_link("x-b").expect("its link"));
    let mut change = Change::default();
    change.set("weight", "5", &topology).expect("a number");
    topology.change_policy(at, link, None, &change);
    let all = everybody(&topology).expect("it settles").remove(0);
    let at = |name: &str| &all.best[&topology.find(name).expect("a router")];
    assert_eq!((at("x").step, &at("x").path[..]), (Step::Weight, &[101, 1001][..]));
    assert_eq!(
        (at("y").step, &at("y").path[..]),
        (Step::External, &[101, 1001][..]),
        "x no longer tells of its customer's"
    );
    assert_eq!(member(&topology, "here.c1"), "two.n1");
    assert_eq!((member(&without, "here.c1"), member(&without, "there.c1")), ("one.n1".to_owned(), "one.n1".to_owned()));
}

#[test]
fn the_other_gateway_knows_the_way() {
    let text = r#"
        as = [{ name = "t1" }, { name = "t2" }]
        stub = [
            { name = "site", routers = ["gw1", "gw2"], uplinks = ["t1", "t2"], members = 1 },
            { name = "west", uplinks = ["t1"], clients = 1 },
            { name = "east", uplinks = ["t2"], clients = 1 },
        ]
        group = [{ name = "dns", members = ["site"] }]
    "#;
    let topology = lab(text);
    let all = everybody(&topology).expect("it settles").remove(0);
    assert_eq!(
        (member(&topology, "west.c1"), member(&topology, "east.c1")),
        ("site.n1".to_owned(), "site.n1".to_owned())
    );
    let links = |client: &str| all.distances[&topology.find(client).expect("a client")].links;
    assert_eq!((links("west.c1"), links("east.c1")), (4, 5), "one more, between the gateways");
}

/// Halves that nobody's address is in are announced like the other.
#[test]
fn both_halves_of_a_prefix_are_predicted() {
    let mut topology = lab(include_str!("../../topologies/hijack.toml"));
    let at = topology.find("mallory").expect("a gateway");
    let group = GroupId(0);
    let whole = topology.groups[0].announced[0];
    let halves: Vec<_> = whole.subnets(whole.prefix_len() + 1).expect("it has halves").collect();
    for prefix in &halves {
        let made = Origination { at, group, prefix: *prefix, communities: Vec::new(), to: None, claims: None };
        topology.originations.push(made);
    }
    let all = everybody(&topology).expect("it settles");
    for prefix in &halves {
        let half = all.iter().find(|one| one.prefix == *prefix).expect("predicted");
        assert!(half.best.len() > 1 && half.best[&at].step == Step::Only, "{prefix}: {half:?}");
    }
}
