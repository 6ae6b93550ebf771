//! Sweeps: what is set where, and what is refused.

use super::*;

const LAB: &str = r#"
[lab]
seed = 3 # three

[[as]]
name = "net"
routers = ["a", "b"]
links = ["a-b"]

[[stub]]
name = "west"
uplinks = ["a", { to = "b", delay = "2ms" }]
clients = 1

[[stub]]
name = "east"
uplinks = ["a"]
"#;

fn sweep(text: &str) -> Sweep {
    text.parse().unwrap()
}

fn settings(text: &str) -> Vec<Setting> {
    combinations(&[sweep(text)]).concat()
}

fn edited(text: &str) -> String {
    let mut document: DocumentMut = LAB.parse().unwrap();
    set(&mut document, &settings(text)[0]).unwrap_or_else(|e| panic!("{e}"));
    document.to_string()
}

fn refused(text: &str) -> String {
    set(&mut LAB.parse().unwrap(), &settings(text)[0]).unwrap_err().0[0].message.clone()
}

#[test]
fn values_are_parted_by_commas_outside_of_lists_and_texts() {
    let values = |text: &str| sweep(text).values;
    assert_eq!(values("lab.hold=3s, 9s,90s"), ["3s", "9s", "90s"]);
    assert_eq!(
        values(r#"a.b=["x", "y"],["z"],{ c = "1,2", d = 3 }"#),
        [r#"["x", "y"]"#, r#"["z"]"#, r#"{ c = "1,2", d = 3 }"#]
    );
    assert_eq!(values("stub.west.access.bfd=50ms x 3"), ["50ms x 3"]);
    assert_eq!("seed".parse::<Sweep>(), Err(SweepError::Form));
    assert_eq!("a..b=1".parse::<Sweep>(), Err(SweepError::Form));
    assert_eq!("seed=1,,2".parse::<Sweep>(), Err(SweepError::Empty));
}

#[test]
fn combinations_are_all() {
    let all = combinations(&[sweep("a=1,2"), sweep("b=x,y,z")]);
    let shown: Vec<String> = all.iter().map(|c| format!("{} {}", c[0], c[1])).collect();
    assert_eq!(shown, ["a=1 b=x", "a=1 b=y", "a=1 b=z", "a=2 b=x", "a=2 b=y", "a=2 b=z"]);
    assert_eq!(combinations(&[]), [vec![]]);
}

#[test]
fn keys_are_set_where_they_are() {
    assert!(edited("seed=7").contains("seed = 7 # three"));
    assert!(edited("lab.timers=rfc").contains("timers = \"rfc\"\n"));
    assert!(edited("probe.every=5ms").contains("[probe]\nevery = \"5ms\"\n"));
    assert!(edited("stub.west.clients=4").contains("clients = 4\n"));
    assert!(edited("stub.west.uplinks.b.delay=9ms").contains("[\"a\", { to = \"b\", delay = \"9ms\" }]"));
    assert!(edited("stub.west.uplinks.a.hold=3s").contains("{ to = \"a\", hold = \"3s\" }"));
    assert!(edited("as.net.links.a-b.delay=9ms").contains("{ a = \"a\", b = \"b\", delay = \"9ms\" }"));
    assert!(edited("stub.east.access.bfd=50ms x 3").contains("access = { bfd = \"50ms x 3\" }"));
    assert_eq!(edited("stub.*.members=2").matches("members = 2").count(), 2);
    assert_eq!(edited("stub.2.members=2").matches("members = 2").count(), 1);
}

#[test]
fn words_of_actions_are_set_where_they_are() {
    let with = |actions: &str| format!("{LAB}\n[[timeline]]\nat = \"1s\"\ndo = {actions} # then\n");
    let edited = |actions: &str, text: &str| {
        let mut document: DocumentMut = with(actions).parse().unwrap();
        set(&mut document, &settings(text)[0]).unwrap_or_else(|e| panic!("{e}"));
        document["timeline"][0]["do"].to_string().trim().to_owned()
    };
    let one = "\"set west-a prepend=1 med=5\"";
    assert_eq!(edited(one, "timeline.1.do.prepend=3"), "\"set west-a prepend=3 med=5\" # then");
    assert_eq!(edited(one, "timeline.1.do.add=100:7"), "\"set west-a prepend=1 med=5 add=100:7\" # then");
    assert_eq!(
        edited("[\"cut a-b\", \"impair west-a loss=1%\"]", "timeline.1.do.2.loss=5%"),
        "[\"cut a-b\", \"impair west-a loss=5%\"] # then"
    );
    let refused =
        |text: &str| set(&mut with(one).parse().unwrap(), &settings(text)[0]).unwrap_err().0[0].message.clone();
    assert_eq!(refused("timeline.1.do.prepend.more=3"), "`do` has no parts");
    assert_eq!(refused("timeline.1.at.prepend=3"), "`at` has no parts");
}

#[test]
fn what_names_nothing_is_refused() {
    assert_eq!(refused("stubb.west.clients=1"), "a lab file has no `stubb`");
    assert_eq!(refused("overlay.music.healing=none"), "this lab file has no [[overlay]]");
    assert_eq!(refused("stub.wset.clients=1"), "no `stub` is called `wset`");
    assert_eq!(refused("stub.clients=1"), "there may be several `stub`");
    assert_eq!(refused("stub.3.clients=1"), "there are 2 `stub`");
    assert_eq!(refused("stub.west.clients.many=1"), "`clients` has no parts");
}
