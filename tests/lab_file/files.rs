//! The lab file: what loads, and what its mistakes look like.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::time::Duration;

use anybed::scenario::{self, Action, LinkAct, When, acts};
use anybed::topology::as_rel;
use anybed::topology::generate::Edge;
use anybed::topology::*;

fn root(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(path)
}

pub(crate) fn load(text: &str) -> (Topology, scenario::Scenario) {
    load_as(text, None).unwrap_or_else(|e| panic!("{e}"))
}

fn load_as(text: &str, family: Option<FamilyChoice>) -> Result<(Topology, scenario::Scenario), Diagnostics> {
    let overrides = Overrides { family, ..Overrides::default() };
    scenario::read_text(Path::new("lab.toml"), text, &overrides)
}

pub(crate) fn problems(text: &str) -> String {
    load_as(text, None).expect_err("the lab file is wrong").render(false)
}

/// A small right lab file to build wrong ones from.
const SMALL: &str = r#"
[[as]]
name = "r1"
[[as]]
name = "net"
routers = ["a", "b"]
links = ["a-b"]
[[link]]
a = "r1"
b = "a"
relation = "customer"
[[stub]]
name = "west"
uplinks = ["r1"]
members = 2
clients = 1
[[stub]]
name = "east"
uplinks = ["b", "a"]
members = ["alice"]
[[group]]
name = "dns"
members = ["west.n1", "east"]
[[overlay]]
name = "music"
protocol = "chord"
"#;

#[test]
fn a_passphrase_is_as_long_as_it_must_be_and_is_not_shown() {
    let with = |key: &str| format!("{SMALL}key = \"{key}\"\n");
    let (topology, _) = load(&with("correct horse"));
    assert!(topology.overlays[0].key.is_some() && load(SMALL).0.overlays[0].key.is_none());
    assert!(!format!("{topology:?}").contains("horse"));
    for wrong in ["seven 7".to_owned(), "k".repeat(129)] {
        let problem = problems(&with(&wrong));
        assert!(problem.contains("a passphrase has 8 to 128 bytes"), "{problem}");
    }
}

#[test]
fn shipped_lab_files_load_in_every_family() {
    let mut seen = 0;
    for entry in std::fs::read_dir(root("topologies")).unwrap() {
        let path = entry.unwrap().path();
        for family in [FamilyChoice::Ipv4, FamilyChoice::Ipv6, FamilyChoice::Dual] {
            let overrides = Overrides { family: Some(family), ..Overrides::default() };
            let speaks_ipv4_only = family == FamilyChoice::Ipv6
                && scenario::read_with(&path, &Overrides::default())
                    .is_ok_and(|(topology, _)| topology.overlays.iter().any(|overlay| !overlay.settings.protocol.ipv6));
            let read = scenario::read_with(&path, &overrides);
            if speaks_ipv4_only {
                assert!(read.is_err_and(|problems| problems.to_string().contains("wrong-family")), "{path:?}");
                continue;
            }
            let (topology, scenario) = read.unwrap_or_else(|e| panic!("{e}"));
            assert_eq!(path.file_stem().unwrap().to_str().unwrap(), topology.name);
            assert!(!scenario.expectations.is_empty());
            assert!(topology.groups.iter().all(|g| g.addresses.len() == family.families().len()));
        }
        seen += 1;
    }
    assert!(seen >= 3);
}

#[test]
fn the_two_stub_failures_differ_in_healing_only() {
    let load = |name| scenario::read(&root(name)).unwrap();
    let (mut healed, played) = load("topologies/stub-failure.toml");
    let (plain, played_plain) = load("topologies/stub-failure-no-healing.toml");
    assert_eq!(healed.overlays[0].healing, Healing::Colors);
    assert_eq!(healed.overlays[0].groups.len(), 1 + 16);
    healed.name.clone_from(&plain.name);
    healed.overlays[0].healing = Healing::None;
    healed.overlays[0].groups.truncate(1);
    healed.overlays[0].colors.clear();
    healed.groups.retain(|g| g.owner.is_none_or(|owner| !matches!(owner.by, By::Color(_))));
    assert_eq!(healed, plain);
    assert_eq!((played.timeline, played.duration), (played_plain.timeline, played_plain.duration));
    assert_eq!((plain.overlays[0].members.len(), plain.of_kind(|k| k == NodeKind::Client).count()), (24, 6));
}

#[test]
fn names_become_a_network() {
    let (topology, scenario) = load(SMALL);
    let names: Vec<_> = topology.nodes.iter().map(|n| n.name.as_str()).collect();
    assert_eq!(names, ["r1", "a", "b", "west", "west.n1", "west.n2", "west.c1", "east", "east.alice"]);
    let links: Vec<_> = topology.links.iter().map(|l| l.name.as_str()).collect();
    let access = ["west-r1", "west-west.n1", "west-west.n2", "west-west.c1"];
    assert_eq!(links[..2], ["a-b", "r1-a"]);
    assert_eq!(links[2..6], access);
    assert_eq!(links[6..], ["east-b", "east-a", "east-east.alice"]);
    let asns: Vec<_> = topology.ases.iter().map(|a| a.asn).collect();
    assert_eq!(asns, [100, 101, 1000, 1001]);
    assert_eq!(topology.uplinks(topology.find_stub("east").unwrap()), [LinkId(6), LinkId(7)]);
    let groups: Vec<_> = topology.groups.iter().map(|g| (g.name.as_str(), g.addresses[0].to_string())).collect();
    assert_eq!(groups[0], ("dns", "198.51.100.1".to_owned()));
    assert_eq!(groups[1], ("music", "203.0.113.1".to_owned()));
    assert_eq!(groups[2], ("music/0", "203.0.113.16".to_owned()));
    assert_eq!(topology.probe.as_ref().unwrap().groups, [GroupId(0), GroupId(1)]);
    let music = &topology.overlays[0];
    for (member, color) in music.members.iter().zip(&music.colors) {
        let of_color = &topology.groups[music.groups[1 + usize::from(*color)].0].members;
        assert!(of_color.contains(member));
    }
    assert_eq!(scenario.duration.as_secs(), 5);
}

#[test]
fn addresses_are_unique_and_of_their_stub() {
    let (topology, _) = scenario::read(&root("topologies/stub-failure.toml")).unwrap();
    let addresses = Addresses::of(&topology);
    for family in [Family::Ipv4, Family::Ipv6] {
        let all: Vec<_> = topology.ids().flat_map(|n| addresses.of_node(&topology, n, family)).collect();
        let unique: BTreeSet<_> = all.iter().collect();
        assert_eq!(all.len(), unique.len());
        for host in topology.of_kind(NodeKind::is_host) {
            let prefix = addresses.stub_prefix(topology.node(host).as_id, family);
            assert!(prefix.contains(&addresses.host(host, family)));
            let others = topology.ases.iter().enumerate().filter(|(_, a)| a.stub).map(|(i, _)| AsId(i));
            let holding =
                others.filter(|stub| addresses.stub_prefix(*stub, family).contains(&addresses.host(host, family)));
            assert_eq!(holding.count(), 1);
        }
        let (a, b) = addresses.link(LinkId(0), family);
        assert_eq!(a.trunc(), b.trunc());
        assert_ne!(a.addr(), b.addr());
    }
}

#[test]
fn many_mistakes_are_reported_at_once() {
    let path = root("tests/fixtures/mistakes.toml");
    let text = std::fs::read_to_string(path).unwrap();
    let errors = scenario::read_text(Path::new("mistakes.toml"), &text, &Overrides::default()).unwrap_err();
    assert!(errors.0.len() >= 30, "{}", errors.0.len());
    insta::assert_snapshot!(errors.render(false));
    let json = serde_json::to_value(errors.json()).unwrap();
    assert_eq!(json[0]["line"], 4);
    assert!(json.as_array().unwrap().iter().all(|d| d["line"].is_u64() && d["column"].is_u64()));
}

#[test]
fn impossible_timelines_are_refused() {
    let text = format!(
        "{SMALL}{}",
        r#"
[[timeline]]
at = "1s"
do = ["recover west", "fail west", "fail west", "mend r1-a", "announce west.n1 dns"]
[[timeline]]
at = "2s"
do = ["audit music", "put 3 in music", "leave west.n1", "restart r1", "crash east.alice node", "restart east.alice both"]
[[timeline]]
at = "3s"
do = ["join music", "join west.n1", "withdraw west.n1 music", "withdraw west.n1 music", "cut west-r1", "mend r1-west"]
[[expect]]
that = "missing keys of music == 0"
during = ["0s", "1s"]
[[expect]]
that = "merge of music < 3s"
"#
    );
    insta::assert_snapshot!(problems(&text));
}

#[test]
fn floods_that_make_no_sense_are_refused() {
    let text = format!(
        "[lab]\nduration = \"9s\"\n{SMALL}{}",
        r#"
[[timeline]]
at = "1s"
do = ["flood music from east at 9/s for 1s", "join west.n1", "flood music from west at 100/s for 3s"]
[[timeline]]
at = "3s"
do = ["flood music from west.c1 at 5/s for 1s", "flood music from west.n1 at 5/s for 1s"]
[[timeline]]
at = "4s"
do = ["flood music from west.c1 at 5/s for 5s", "flood music from east.alice at 5/s for 5001ms"]
[[expect]]
that = "flood gain of music <= 1"
during = ["5s", "9s"]
"#
    );
    insta::assert_snapshot!(problems(&text));
}

#[test]
fn play_goes_on_until_a_flood_is_over() {
    let timeline = "[[timeline]]\nat = \"1s\"\ndo = [\"join music\", \"flood music from west at 9/s for 1m\"]\n";
    let (_, scenario) = load(&format!("{SMALL}{timeline}"));
    assert_eq!(scenario.duration, Duration::from_secs(66));
}

#[test]
fn healing_that_makes_no_sense_is_refused_and_idle_keys_are_named() {
    let with = |keys: &str| problems(&format!("{SMALL}{keys}"));
    let wrong = [
        "healing = \"rendezvous\"\nrendezvous_epoch = \"5s\"\nrendezvous_listen = \"3s\"\ndrain_above = 5\nreturn_below = 6\n",
        "healing = \"well-known\"\ncoloring = \"by-host\"\nremember = \"1m\"\njoin_capacity = 3\nproximity = \"near\"\n",
        "healing = \"none\"\nrendezvous_epoch = \"5s\"\ncoloring = \"farthest\"\nreturn_below = 0\nsuccessors = 2\nreplicas = 4\n",
    ];
    insta::assert_snapshot!(wrong.map(with).join("\n"));
}

#[test]
fn groups_follow_healing_and_coloring() {
    let (topology, _) = load(&format!("{SMALL}healing = \"colors+rendezvous\"\ncoloring = \"farthest\"\ncolors = 4\n"));
    let music = &topology.overlays[0];
    assert!(music.colors.is_empty(), "each member chooses when it joins");
    let open = |group: &GroupId| topology.groups[group.0].members == music.members;
    assert!(music.groups.len() == 2 + 4 && music.groups.iter().all(open) && music.rendezvous.is_some());
    let rendezvous = &topology.groups[music.groups[1].0];
    assert_eq!(rendezvous.name, "music/rendezvous");
    assert_eq!(rendezvous.addresses[0].to_string(), "203.0.113.2");
    let (topology, _) = load(&format!("{SMALL}coloring = \"by-as\"\n"));
    let music = &topology.overlays[0];
    assert_eq!(music.colors[0], music.colors[1], "two hosts of one stub");
    assert_eq!(music.rendezvous, None);
}

#[test]
fn a_network_in_parts_is_refused() {
    let wrong = SMALL.replace("relation = \"customer\"", "relation = \"provider\"").replace(
        "[[stub]]\nname = \"west\"",
        "[[link]]\na = \"b\"\nb = \"r1\"\nrelation = \"provider\"\n[[as]]\nname = \"far\"\n[[stub]]\nname = \"west\"",
    );
    insta::assert_snapshot!(problems(&wrong));
}

#[test]
fn syntax_errors_and_missing_files_are_diagnostics() {
    insta::assert_snapshot!(problems("[lab]\nname = \"x\nseed = \n"));
    let missing = scenario::read(Path::new("no/such.toml")).unwrap_err();
    assert_eq!(missing.0[0].code, "unreadable");
    assert!(missing.render(true).contains("no/such.toml"));
    assert_eq!(missing.json()[0].line, None);
}

#[test]
fn addresses_follow_the_family_of_the_lab() {
    let given = SMALL.replace("name = \"dns\"", "name = \"dns\"\naddress = [\"203.0.113.77\", \"2001:db8:77::1\"]");
    let (topology, _) = load_as(&given, Some(FamilyChoice::Dual)).unwrap();
    let addresses: Vec<_> = topology.groups[0].addresses.iter().map(ToString::to_string).collect();
    assert_eq!(addresses, ["203.0.113.77", "2001:db8:77::1"]);
    assert!(problems(&given).contains("wrong-family"));
    let inside = SMALL.replace("name = \"dns\"", "name = \"dns\"\naddress = \"172.16.0.1\"");
    assert!(problems(&inside).contains("reserved-address"));
    let taken = SMALL.replace("name = \"dns\"", "name = \"dns\"\naddress = \"203.0.113.16\"");
    assert!(problems(&taken).contains("groups `dns` and `music/0` have the same address"));
}

#[test]
fn over_spreads_within_its_time_and_by_seed() {
    let text = format!("{SMALL}[[timeline]]\nat = \"1s\"\ndo = \"join music\"\nover = \"2s\"\n");
    let (_, first) = load(&text);
    let times: Vec<_> = first.timeline.iter().map(|e| e.at.as_secs_f64()).collect();
    assert_eq!(times.len(), 3);
    assert!(times.iter().enumerate().all(|(i, t)| (0.0..0.667).contains(&(t - 1.0 - 2.0 / 3.0 * i as f64))));
    assert_eq!(load(&text).1, first);
    let other = Overrides { seed: Some(2), ..Overrides::default() };
    assert_ne!(scenario::read_text(Path::new("lab.toml"), &text, &other).unwrap().1, first);
}

#[test]
fn actions_have_short_forms() {
    let (topology, _) = load(SMALL);
    let parse = |text| {
        acts::parse(text, &topology).map(|a| a.iter().map(|a| a.display(&topology).to_string()).collect::<Vec<_>>())
    };
    assert_eq!(parse("cut b-a").unwrap(), ["cut a-b"]);
    assert_eq!(parse("crash r1").unwrap(), ["crash r1 bird"]);
    assert_eq!(parse("crash west.n1").unwrap(), ["crash west.n1 both"]);
    assert_eq!(parse("join west.n2 east.alice").unwrap(), ["join west.n2 in music", "join east.alice in music"]);
    assert_eq!(parse("announce west.n2").unwrap(), ["announce west.n2 music"]);
    let several = parse("announce west.n1").unwrap_err();
    assert_eq!((several.span, several.message.as_str()), (9..16, "`west.n1` is in several groups: dns, music"));
    assert!(parse("join west.c1").is_err());
    assert!(parse("crash west.c1 bird").is_err());
    let other = parse("crash r1 node").unwrap_err();
    assert_eq!((other.span, other.message.as_str()), (9..13, "`node` is no process of `r1`"));
    assert_eq!(other.help.unwrap(), "`r1` runs `bird`: `crash NODE [node|bird|both|host]`");
    assert!(parse("crash west.n1 brid").unwrap_err().help.unwrap().starts_with("`west.n1` runs `bird` and `node`"));
    assert_eq!(parse("fail wets").unwrap_err().help.unwrap(), "did you mean `west`?");
    let Action::Link(LinkAct::Cut(link)) = acts::parse("cut a-r1", &topology).unwrap()[0] else { panic!("a cut") };
    assert_eq!(topology.links[link.0].name, "r1-a");
}

fn edge(stubs: usize) -> Edge {
    Edge { stubs, delay: None }
}

#[test]
fn generated_labs_load() {
    for (nodes, branching, stubs) in [(1, 1, 0), (1, 3, 2), (7, 2, 4), (2000, 3, 100)] {
        let (topology, _) = load(&generate::tree(nodes, branching).unwrap().lab_file(&edge(stubs)).unwrap());
        assert_eq!(topology.ases.iter().filter(|a| !a.stub).count(), nodes);
        assert_eq!(topology.ases.iter().filter(|a| a.stub).count(), stubs);
    }
    for (nodes, links, seed) in [(2, 1, 0), (5, 10, 1), (100, 150, 2), (2000, 4000, 3)] {
        let shape = generate::random(nodes, links, seed).unwrap();
        assert_eq!(shape, generate::random(nodes, links, seed).unwrap());
        let (topology, _) = load(&shape.lab_file(&edge(5.min(nodes))).unwrap());
        let external = topology.links.iter().filter(|l| matches!(l.kind, LinkKind::External(Relation::Customer)));
        assert_eq!(external.count(), links);
        Addresses::of(&topology);
    }
    let tree = generate::tree(5, 2).unwrap();
    let delayed = |delay: &str| tree.lab_file(&Edge { stubs: 2, delay: Some(delay.to_owned()) });
    let (topology, _) = load(&delayed("5ms").unwrap());
    let is_delayed = |l: &&Link| l.impairments.iter().all(|i| i.delay == Duration::from_millis(5));
    assert_eq!(topology.links.iter().filter(is_delayed).count(), 6);
    assert!(delayed("5").is_err());
    assert!(generate::random(5, 3, 1).is_err());
    assert!(generate::random(5, 11, 1).is_err());
    assert!(generate::tree(usize::MAX, 2).is_err());
}

/// What everybody hears of everybody is what the generators promise.
#[test]
fn in_every_generated_network_all_reach_all() {
    let shapes = [
        generate::clique(8).unwrap(),
        generate::waxman(80, 0.15, 0.4, 1).unwrap(),
        generate::barabasi_albert(80, 2, 1).unwrap(),
        generate::internet(80, 2, 1).unwrap(),
    ];
    for shape in shapes {
        let (topology, _) = load(&shape.lab_file(&edge(4)).unwrap());
        for prediction in anybed::predict::predict(&topology, &|_, _| true).unwrap() {
            let mut routers = topology.of_kind(|kind| kind.is_router());
            assert!(routers.all(|router| prediction.best.contains_key(&router)), "{}", shape.name);
        }
    }
}

#[test]
fn a_thousand_ases_become_a_hundred_with_their_policies() {
    let shape = generate::internet(1000, 0, 7).unwrap();
    let whole = as_rel::parse("x", &shape.as_rel()).unwrap();
    assert_eq!(whole.ases().len(), 1000);
    let sites = vec![900, 950, 999];
    let choice = as_rel::Choice { ases: 100, sites: sites.clone(), random_sites: 0, clients: 10, seed: 3 };
    let reduced = as_rel::reduce(&whole, &choice).unwrap();
    assert_eq!((reduced.ases.len(), reduced.sites.clone(), reduced.clients.len()), (100, sites.clone(), 10));
    let [whole_tiers, kept_tiers] = reduced.tiers;
    assert!(kept_tiers[0] >= 3 && kept_tiers.iter().zip(whole_tiers).all(|(kept, all)| *kept > 0 && *kept <= all));
    for site in &sites {
        assert!(whole.providers[site].is_subset(&reduced.ases), "all providers of AS{site} stay");
    }
    // Among those who stay everything is as it was, and nothing is added.
    for (provider, customer) in &reduced.customers {
        assert!(whole.customers[provider].contains(customer));
    }
    let between = |of: &BTreeMap<u32, BTreeSet<u32>>| {
        let own = of.iter().filter(|(asn, _)| reduced.ases.contains(asn));
        own.map(|(_, others)| others.intersection(&reduced.ases).count()).sum::<usize>()
    };
    assert_eq!(between(&whole.customers), reduced.customers.len() + reduced.circles.len());
    assert_eq!(between(&whole.peers), 2 * reduced.peers.len());
    let (topology, _) = load(&as_rel::to_lab_file("hundred", &reduced, 3));
    assert_eq!(topology.ases.iter().filter(|own| !own.stub).count(), 100);
    for prediction in anybed::predict::predict(&topology, &|_, _| true).unwrap() {
        assert_eq!(prediction.best.len(), topology.of_kind(|kind| kind.is_router()).count(), "all hear of the group");
        assert!(prediction.catchments.iter().all(|(_, members)| !members.is_empty()));
    }
    let absent = as_rel::Choice { sites: vec![5000], ..choice.clone() };
    assert!(as_rel::reduce(&whole, &absent).unwrap_err().contains("AS5000 is not in the file"));
    let few = as_rel::Choice { ases: 3, ..choice };
    assert!(as_rel::reduce(&whole, &few).unwrap_err().contains("more than 3"));
}

#[test]
fn windows_become_seconds() {
    let text = format!(
        "{SMALL}[[timeline]]\nat = \"0s\"\ndo = \"join music\"\n[[expect]]\nthat = \"islands of music==1\"\nat = \"90s\"\nwithin = \"500ms\"\n"
    );
    let (_, scenario) = load(&text);
    assert_eq!(scenario.expectations[0].when, When::At { at: 90.0, within: 0.5 });
    assert_eq!(scenario.duration.as_secs_f64(), 90.5);
}

#[test]
fn times_that_make_no_sense_are_refused() {
    let text = format!(
        "[lab]\nduration = \"20s\"\n{SMALL}{}",
        r#"
[[timeline]]
at = "1s"
do = "join west.n1"
over = "3s"
[[timeline]]
at = "18s"
do = "join west.n2 east.alice"
over = "3s"
[[timeline]]
at = "21s"
do = "fail west"
[[expect]]
that = "islands of music == 1"
at = "5s"
during = ["1s", "2s"]
[[expect]]
that = "islands of music == 1"
within = "1s"
[[expect]]
that = "joins of music == 3"
at = "5s"
within = "1s"
[[expect]]
that = "islands of music == 1"
at = "19s"
within = "2s"
[[expect]]
that = "merge of music < 3s"
during = ["1s", "3s"]
"#
    );
    insta::assert_snapshot!(problems(&text));
}

#[test]
fn each_overlay_has_its_pool() {
    let overlays: String = (0..5).map(|i| format!("[[overlay]]\nname = \"o{i}\"\nprotocol = \"chord\"\n")).collect();
    let (network, _) = SMALL.split_once("[[group]]").unwrap();
    let (topology, _) = load_as(&format!("{network}{overlays}"), Some(FamilyChoice::Dual)).unwrap();
    let joins = topology.overlays.iter().map(|o| &topology.groups[o.groups[0].0].addresses);
    let joins: Vec<_> = joins.map(|a| format!("{} {}", a[0], a[1])).collect();
    assert_eq!(
        joins,
        [
            "198.51.100.1 2001:db8::1",
            "203.0.113.1 2001:db8:1::1",
            "192.0.2.1 2001:db8:2::1",
            "198.18.0.1 2001:db8:3::1",
            "198.18.1.1 2001:db8:4::1"
        ]
    );
}

#[test]
fn what_does_not_fit_is_refused() {
    let stub = |i| format!("[[stub]]\nname = \"s{i}\"\nuplinks = [\"r1\"]\nmembers = 1000\n");
    let stubs: String = (0..66).map(stub).collect();
    assert!(problems(&format!("[[as]]\nname = \"r1\"\n{stubs}")).contains("too-large"));
}

#[test]
fn what_is_far_too_large_is_refused_before_it_is_understood() {
    // Every name is wrong, and no link has ends: nobody looks that far.
    let routers = "\"x y\", ".repeat(120_000);
    let text = format!("[[as]]\nname = \"a\"\nrouters = [{routers}]\nlinks = [{{ a = 1 }}]\n");
    let began = std::time::Instant::now();
    let refused = load_as(&text, None).unwrap_err();
    assert_eq!(refused.0.iter().map(|d| d.code).collect::<Vec<_>>(), ["too-large"]);
    assert!(refused.0[0].message.contains("120000 nodes"), "{}", refused.0[0].message);
    // A bound for a busy machine and a program that is not optimized; naming every problem takes many times as long.
    assert!(began.elapsed() < Duration::from_secs(15), "{:?}", began.elapsed());
    // Hosts count, too, before they are made.
    let stubs: String = (0..70).map(|i| format!("[[stub]]\nname = \"s{i}\"\nclients = 1000\n")).collect();
    assert_eq!(load_as(&stubs, None).unwrap_err().0.iter().map(|d| d.code).collect::<Vec<_>>(), ["too-large"]);
}

#[test]
fn what_a_lab_file_cannot_say_yet_is_no_slip() {
    let (network, rest) = SMALL.split_once("[[group]]").unwrap();
    let refused = |added: &str| problems(&format!("{network}{added}[[group]]{rest}"));
    for (added, key) in [
        ("[[as]]\nname = \"far\"\nareas = [1]\n", "`areas` for [[as]]"),
        ("[[link]]\na = \"r1\"\nb = \"r1\"\nrelation = \"peer\"\nrpki = true\n", "`rpki` for [[link]]"),
        ("[[stub]]\nname = \"far\"\nuplinks = [\"r1\"]\nprefix = \"198.51.100.0/24\"\n", "`prefix` for [[stub]]"),
    ] {
        let told = refused(added);
        assert!(told.contains(&format!("anybed has no {key} yet")), "{told}");
        assert!(told.contains("docs/limitations.md") && told.contains("--bird-configs"), "{told}");
        assert!(!told.contains("did you mean"), "{told}");
    }
    let prefix = refused("[[group]]\nname = \"wide\"\naddress = \"198.51.100.0/24\"\nmembers = [\"far\"]\n");
    assert!(prefix.contains("not an IP address") && prefix.contains("prefix = \"198.51.100.0/24\""), "{prefix}");
    // A slip is still one.
    assert!(refused("[[as]]\nname = \"far\"\nrouter = [\"a\"]\n").contains("did you mean `routers`?"));
    let other = refused("[[stub]]\nname = \"far\"\nuplinks = [\"r1\"]\ngateways = [\"g1\", \"g2\"]\n");
    assert!(other.contains("its gateways are `routers = [\"gw1\", \"gw2\"]`"), "{other}");
}

#[test]
fn single_brackets_are_explained() {
    let single = SMALL.replacen("[[group]]", "[group]", 1);
    assert!(problems(&single).contains("there may be several [[group]]"));
    assert!(problems("").contains("the lab has no AS"));
}

#[test]
fn flows_and_multipath_have_defaults_and_limits() {
    let (without, _) = load(SMALL);
    assert_eq!(without.flows, None);
    assert!(without.ases.iter().all(|a| a.multipath == Multipath::default()), "off, by addresses");

    let text = format!("[lab]\nmultipath_hash = \"l4\"\n{SMALL}[flows]\n")
        .replace("name = \"net\"", "name = \"net\"\nmultipath = true\nmultipath_hash = \"l3\"");
    let (lab, _) = load(&text);
    let flows = lab.flows.unwrap();
    assert_eq!((flows.groups, flows.per_client), (vec![GroupId(0)], 4), "plain groups, not the overlay's");
    assert_eq!(flows.transports, Transport::ALL);
    assert_eq!((flows.every, flows.timeout), (Duration::from_millis(200), Duration::from_secs(2)));
    let multipath = |name: &str| lab.ases.iter().find(|a| a.name == name).unwrap().multipath;
    assert_eq!(multipath("net"), Multipath { on: true, hash: MultipathHash::L3 });
    assert_eq!(multipath("west"), Multipath { on: false, hash: MultipathHash::L4 });
}

#[test]
fn flows_that_make_no_sense_are_refused() {
    let flows = "[flows]\ngroups = [\"dns\", \"dnss\"]\nprotocols = [\"tcp\", \"sctp\", \"tcp\"]\nper_client = 0\n";
    let expect =
        "[[expect]]\nthat = \"affinity of east.alice >= 95%\"\n[[expect]]\nthat = \"flow members of west.c1 > 3\"\n";
    insta::assert_snapshot!(problems(&format!("[lab]\nmultipath = \"l4\"\n{SMALL}{flows}{expect}")));
    let crowd = SMALL.replace("clients = 1\n", "clients = 100\n");
    let many = problems(&format!("{crowd}[flows]\nper_client = 1000\n"));
    assert!(many.contains("there are more than 10000 flows"), "{many}");
    let nobody = problems(&format!("{}[flows]\n", SMALL.replace("clients = 1\n", "")));
    assert!(nobody.contains("[flows] without a client"), "{nobody}");
    let nothing = problems(&format!("{SMALL}[[expect]]\nthat = \"broken flows == 0\"\n"));
    assert!(nothing.contains("no client keeps flows open in this lab"), "{nothing}");
}

#[test]
fn a_stub_has_a_thousand_members_at_most_by_number_or_by_name() {
    let names = |count: usize| (0..count).map(|index| format!("\"n{index}\"")).collect::<Vec<_>>().join(", ");
    let lab = |members: &str| {
        format!("[lab]\n[[as]]\nname = \"a\"\n[[stub]]\nname = \"s\"\nuplinks = [\"a\"]\nmembers = {members}\n")
    };
    let read = |members: &str| scenario::read_text(Path::new("x.toml"), &lab(members), &Overrides::default());
    assert!(read(&format!("[{}]", names(1000))).is_ok());
    for members in ["1001".to_owned(), format!("[{}]", names(1001))] {
        let said = read(&members).expect_err("too many").render(false);
        assert!(said.contains("1000"), "{said}");
    }
}
