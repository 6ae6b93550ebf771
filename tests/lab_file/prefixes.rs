//! Groups as prefixes, who may originate them, and who takes them.

use std::path::Path;

use anybed::scenario::damage::Damage;
use anybed::scenario::{self, Origin, acts};
use anybed::topology::*;

fn load(text: &str) -> Result<Topology, Diagnostics> {
    scenario::read_text(Path::new("lab.toml"), text, &Overrides::default()).map(|(topology, _)| topology)
}

const RIGHT: &str = r#"
[lab]
roles = false

[[as]]
name = "net"
rov = true
roles = true

[[as]]
name = "far"
rov = "prefer-valid"

[[link]]
a = "net"
b = "far"
relation = "peer"

[[stub]]
name = "west"
uplinks = ["net", "far"]
members = 2

[[stub]]
name = "east"
uplinks = ["far"]
members = 1

[[stub]]
name = "mallory"
uplinks = ["far"]
members = 1
clients = 1

[[group]]
name = "wide"
prefix = ["198.51.100.0/24", "2001:db8::/32"]
members = ["west", "east"]
announced_by = "border"

[[group]]
name = "narrow"
prefix = "198.51.100.0/25"
members = ["west.n1"]
local = "west"

[[group]]
name = "one"
prefix = "203.0.113.0/24"
address = "203.0.113.77"
members = ["east"]

[[roa]]
prefix = ["198.51.100.0/24", "2001:db8::/32"]
origin = "west"

[[roa]]
prefix = "203.0.113.0/24"
max_length = 25
origin = 4711
"#;

fn shown<T: ToString>(all: impl IntoIterator<Item = T>) -> Vec<String> {
    all.into_iter().map(|one| one.to_string()).collect()
}

#[test]
fn a_group_is_a_prefix_and_an_address_in_it() {
    let lab = load(RIGHT).unwrap();
    let of = |index: usize| (shown(&lab.groups[index].addresses), shown(lab.groups[index].prefixes()));
    assert_eq!(of(0), (vec!["198.51.100.1".to_owned()], vec!["198.51.100.0/24".to_owned()]));
    assert_eq!(of(1), (vec!["198.51.100.2".to_owned()], vec!["198.51.100.0/25".to_owned()]));
    assert_eq!(of(2), (vec!["203.0.113.77".to_owned()], vec!["203.0.113.0/24".to_owned()]));
    assert_eq!(shown(lab.groups[0].at_hosts()), ["198.51.100.1/32"], "the border announces the rest");
    let name = |id: &NodeId| lab.node(*id).name.as_str();
    let made: Vec<_> = lab.originations.iter().map(|it| (name(&it.at), it.prefix.to_string())).collect();
    assert_eq!(made, [("west", "198.51.100.0/24".to_owned()), ("east", "198.51.100.0/24".to_owned())]);
    // Both uplinks of the local site.
    let local: Vec<_> = lab.policies.iter().map(|rule| (name(&rule.at), &rule.then.add[..])).collect();
    assert_eq!(local, [("west", &[Community::NO_EXPORT][..]); 2]);
    // Whoever announces the shorter prefix answers, too.
    assert_eq!(lab.answering(&lab.groups[1]).iter().map(name).collect::<Vec<_>>(), ["west.n1", "west.n2", "east.n1"]);
}

#[test]
fn conduct_is_that_of_the_lab_unless_an_as_says_otherwise() {
    let lab = load(RIGHT).unwrap();
    let all: Vec<_> = lab.ases.iter().map(|own| (own.roles, own.rov)).collect();
    assert_eq!(all[..3], [(true, Rov::Drop), (false, Rov::PreferValid), (false, Rov::Off)]);
    let roas: Vec<_> = lab.roas.iter().map(|roa| (roa.prefix.to_string(), roa.max_length, roa.origin)).collect();
    assert_eq!(roas[2], ("203.0.113.0/24".to_owned(), 25, 4711));
    assert_eq!((roas[0].1, roas[0].2, roas[1].1), (24, lab.ases[2].asn, 32));
    let may = |prefix: &str, origin| lab.may_be_invalid(&prefix.parse().unwrap(), origin);
    assert!(may("203.0.113.0/24", 1) && !may("203.0.113.0/25", 4711) && !may("192.0.2.0/24", 1));
}

/// What gateways announce follows from the faults in force, and nothing is left of those that have ended.
#[test]
fn hijacks_and_leaks_are_faults() {
    let lab = load(RIGHT).unwrap();
    let mut damage = Damage::default();
    let mut apply = |text: &str| {
        for action in acts::parse(text, &lab).unwrap() {
            damage.apply(&action, Origin::Direct, &lab).unwrap_or_else(|why| panic!("{text}: {why}"));
        }
        damage.clone()
    };
    let own = |damage: &Damage| -> Vec<(String, String, Option<u32>)> {
        let network = damage.network(&lab);
        let all = network.originations.iter();
        all.map(|it| (lab.node(it.at).name.clone(), it.prefix.to_string(), it.claims)).collect()
    };
    let before = own(&Damage::default());
    let taken = apply("hijack one by mallory more specific forging east");
    let east = lab.asn("east");
    let halves = ["203.0.113.0/25", "203.0.113.128/25"].map(|net| ("mallory".to_owned(), net.to_owned(), east));
    assert_eq!(own(&taken)[2..], halves);
    let host = lab.find("mallory.n1").unwrap();
    assert_eq!(shown(taken.impersonated(host, &lab)), ["203.0.113.77"]);
    let leaking = apply("leak far");
    assert_eq!(
        leaking.network(&lab).ases.iter().map(|own| own.leaks).collect::<Vec<_>>(),
        [false, true, false, false, false]
    );
    assert_eq!(
        leaking.report(&lab),
        [format!("hijack one by mallory more specific forging {}", east.unwrap()), "leak far".to_owned()]
    );
    let withdrawn = apply("withdraw west wide");
    assert!(own(&withdrawn).iter().all(|(at, ..)| at != "west"));
    apply("announce west wide");
    apply("end leak far");
    let ended = apply("end hijack one by mallory");
    assert_eq!((own(&ended), ended), (before, Damage::default()));
}

#[test]
fn actions_that_cannot_be_say_why() {
    let lab = load(RIGHT).unwrap();
    for (wrong, why) in [
        ("hijack ones by mallory", "there is no group `ones`"),
        ("hijack one by east", "`east` announces `one` anyway"),
        ("hijack narrow by east", "`east` announces `wide` anyway"),
        ("hijack one mallory", "`by` belongs here"),
        ("hijack one by far", "there is no stub `far`"),
        ("hijack one by mallory more", "`specific` is missing"),
        ("hijack one by mallory forging nobody", "neither an AS nor its number"),
        ("leak west.n1", "there is no AS or stub"),
        ("end cut", "`cut` cannot be ended"),
        ("publish 198.51.100.1/24 of west", "is no prefix"),
        ("publish 198.51.100.0/24 of nobody", "neither an AS nor its number"),
        ("publish 198.51.100.0/24 of west max 23", "is no length of a part of it"),
        ("withdraw west one", "`west` is not a member of group `one`"),
    ] {
        let error = acts::parse(wrong, &lab).unwrap_err();
        assert!(error.message.contains(why), "{wrong}: {error}");
    }
    let single = load(&RIGHT.replace("prefix = \"203.0.113.0/24\"\naddress", "address")).unwrap();
    let error = acts::parse("hijack one by mallory more specific", &single).unwrap_err();
    assert!(error.message.contains("nothing is more specific than 203.0.113.77/32"), "{error}");
}

const WRONG: &str = r#"
[[as]]
name = "net"
rov = "perhaps"
roles = "yes"

[[stub]]
name = "west"
uplinks = ["net"]
members = 1
clients = 1
rov = 7

[[stub]]
name = "home"
uplinks = ["net"]
clients = 1

[[group]]
name = "odd"
prefix = ["198.51.100.1/24", "ten"]
members = ["west"]

[[group]]
name = "inside"
prefix = "10.1.0.0/16"
members = ["west"]

[[group]]
name = "other-family"
prefix = "2001:db8::/32"
members = ["west"]

[[group]]
name = "first"
prefix = ["203.0.113.0/24", "203.0.113.0/25"]
members = ["west"]
local = ["home", "nowhere"]

[[group]]
name = "second"
prefix = "203.0.113.0/24"
address = "198.51.100.1"
members = ["west"]

[[group]]
name = "single"
address = "192.0.2.1"
members = ["west"]
announced_by = "border"

[[group]]
name = "around"
prefix = "198.18.0.0/16"
members = ["west"]
announced_by = "nobody"

[[overlay]]
name = "music"
protocol = "chord"
address = "198.18.7.7"

[[roa]]
prefix = "203.0.113.0/24"
max_length = 23
origin = "nobody"

[[link]]
a = "net"
b = "west"
relation = "customer"
ttl_security = "yes"
password = "two words"
max_prefix = 0
allow_own_as = 11

[[link]]
a = "net"
b = "west"
relation = "customer"
max_prefix_action = "warn"

[[as]]
name = "wide"
multipath = "relaxed"
compare_med = "never"

[[roa]]
max_length = 24

[[roa]]
prefix = "203.0.113.0/24"
origin = [1]
"#;

#[test]
fn mistakes_have_their_caret() {
    insta::assert_snapshot!(load(WRONG).unwrap_err().render(false));
}

#[test]
fn what_is_taken_needs_a_hijack() {
    let expect = |that: &str| format!("{RIGHT}[[expect]]\nthat = \"{that}\"\nat = \"3s\"\n");
    let told = load(&expect("hijacked share of one > 0%")).unwrap_err().render(false);
    assert!(told.contains("the timeline has no `hijack`"), "{told}");
    let told = load(&expect("catchment of mallory.c1 for one == mallory")).unwrap_err().render(false);
    assert!(told.contains("neither a member"), "{told}");
    let timeline = "[[timeline]]\nat = \"1s\"\ndo = \"hijack one by mallory\"\n";
    for that in ["hijacked share of one > 0%", "catchment of mallory.c1 for one == mallory"] {
        load(&format!("{timeline}{}", expect(that).trim_start())).map(drop).unwrap_or_else(|e| panic!("{e}"));
    }
}
