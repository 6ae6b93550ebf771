//! Overlays among others: what one cannot be to another, and what may be asked across them.

use std::path::Path;

use anybed::overlay::AskKind;
use anybed::scenario::{self, Action, OverlayAct, acts};
use anybed::topology::{NodeId, Overrides, Topology};
use proptest::prelude::*;
use proptest::sample::{select, subsequence};

/// `music` (keys) asks `tapes` (keys without owners), and that one `files` (words); `plays` asks nobody.
const RIGHT: &str = r#"
[[as]]
name = "net"
[[stub]]
name = "west"
uplinks = ["net"]
members = ["n1", "n2", "n3"]
clients = ["c1"]
[[stub]]
name = "east"
uplinks = ["net"]
members = ["n1", "n2"]
[[overlay]]
name = "music"
protocol = "chord"
members = ["west.n1", "west.n2"]
guests = ["east.n2"]
gateways = ["tapes"]
gateway_hops = 2
gateway_cache = "5s"
[[overlay]]
name = "tapes"
protocol = "freenet"
members = ["west.n2", "west.n3"]
gateways = ["files"]
[[overlay]]
name = "files"
protocol = "gnutella"
members = ["east.n1"]
[[overlay]]
name = "plays"
protocol = "can"
members = ["west.n1"]
share_neighbors = false
[[timeline]]
at = "0s"
do = ["join music", "join files"]
[[timeline]]
at = "5s"
do = ["share 10 in files", "put 10 in music"]
[[timeline]]
at = "6s"
do = "search 20 of files in music from east.n2"
"#;

fn read(text: &str) -> Result<Topology, String> {
    let read = scenario::read_text(Path::new("lab.toml"), text, &Overrides::default());
    read.map(|(topology, _)| topology).map_err(|problems| problems.render(false))
}

fn right() -> Topology {
    read(RIGHT).unwrap_or_else(|problems| panic!("{problems}"))
}

fn problems(wrong: &[(&str, &str)]) -> String {
    read(&crate::with(RIGHT, wrong)).expect_err("the lab file is wrong")
}

/// What is warned of in a file that is right but for that, and refused for a word that no file has.
fn warnings(wrong: &[(&str, &str)]) -> String {
    let text = crate::with(RIGHT, wrong).replace("share_neighbors = false", "share_neighbors = 7");
    read(&text).expect_err("the lab file is wrong")
}

#[test]
fn who_lives_where_and_who_is_asked_follows_from_the_file() {
    let topology = right();
    let index = |name: &str| topology.overlays.iter().position(|overlay| overlay.name == name).expect("an overlay");
    let [music, tapes, files, plays] = ["music", "tapes", "files", "plays"].map(index);
    let guests = |overlay: usize| -> Vec<&str> {
        topology.overlays[overlay].beyond.guests.iter().map(|host| &topology.node(*host).name[..]).collect()
    };
    // Who is a member is no guest; members of an overlay are guests of those that it asks on.
    assert_eq!(guests(music), ["east.n2"]);
    assert_eq!(guests(tapes), ["west.n1"]);
    assert_eq!(guests(files), ["west.n2", "west.n3"]);
    assert_eq!(guests(plays), Vec::<&str>::new());
    assert_eq!(topology.reached(music).into_iter().collect::<Vec<_>>(), [music, tapes, files]);
    assert_eq!(topology.reached(files).into_iter().collect::<Vec<_>>(), [files]);
    let may = |overlay| {
        [AskKind::Find, AskKind::Put, AskKind::Get, AskKind::Share, AskKind::Search]
            .map(|kind| topology.may(overlay, kind))
    };
    assert_eq!(may(music), [true, true, true, false, true], "keys of its own, and searches of another");
    assert_eq!(may(files), [false, false, false, true, true]);
    assert_eq!(may(plays), [true, true, true, false, false]);
    assert_eq!((topology.overlays[music].beyond.hops, topology.overlays[tapes].beyond.hops), (2, 4));
}

#[test]
fn what_overlays_cannot_be_to_each_other_is_refused_all_at_once() {
    let cases: &[&[(&str, &str)]] = &[
        // Names: unknown ones, their own, hosts that have no node.
        &[
            ("gateways = [\"tapes\"]", "gateways = [\"tape\", \"music\"]"),
            ("guests = [\"east.n2\"]", "guests = [\"net\", \"east.n9\", \"west.c1\"]"),
            ("gateways = [\"files\"]", "gateways = [\"tapes\", \"filmes\"]"),
        ],
        // Values out of range, and of other kinds.
        &[
            ("gateway_hops = 2", "gateway_hops = 9"),
            ("gateway_cache = \"5s\"", "gateway_cache = \"2h\""),
            ("share_neighbors = false", "share_neighbors = \"no\"\ngateways = \"music\"\ngateway_hops = 0"),
        ],
        // What it would stand on: nobody, itself, one where nothing is kept.
        &[
            ("gateway_hops = 2", "gateway_hops = 2\nover = \"musik\""),
            ("gateways = [\"files\"]", "gateways = [\"files\"]\nover = \"tapes\""),
            ("share_neighbors = false", "over = \"files\""),
        ],
        &[("guests = [\"east.n2\"]", "guests = [\"east.n2\", \"east\"]\nguest = \"east\"")],
    ];
    insta::assert_snapshot!(cases.iter().map(|wrong| problems(wrong)).collect::<Vec<_>>().join("\n"));
}

#[test]
fn a_guest_listens_at_its_overlays_port_too() {
    // `plays`, now of Gnutella, asks `files`: its member is a guest there, at the same port.
    let can = "protocol = \"can\"\nmembers = [\"west.n1\"]";
    let asks = |port: &str| format!("protocol = \"gnutella\"\nmembers = [\"west.n1\"]\ngateways = [\"files\"]\n{port}");
    let found = problems(&[(can, &asks(""))]);
    assert!(found.contains("TCP port 6346 of west.n1 is that of overlay `files`"), "{found}");
    read(&RIGHT.replacen(can, &asks("port = 6347"), 1)).unwrap();
}

#[test]
fn what_has_no_effect_is_warned_of() {
    let without = warnings(&[("gateways = [\"files\"]", "gateway_hops = 3\ngateway_cache = \"1s\"")]);
    assert!(without.contains("`gateway_hops` has no effect without `gateways`"), "{without}");
    assert!(without.contains("`gateway_cache` has no effect without `gateways`"), "{without}");
    let over = warnings(&[("gateway_hops = 2", "over = \"plays\"")]);
    assert!(over.contains("`over` has no effect with this protocol"), "{over}");
}

#[test]
fn what_is_asked_must_come_to_where_it_is() {
    let topology = right();
    for text in [
        "search 5 in files",
        "search 5 in music",
        "search 5 of files in tapes from west.n3",
        "search 5 of files in music from west.n1 east.n2",
        "audit music",
        "audit tapes in music from east.n2",
        "audit music from east.n2",
    ] {
        let read = acts::parse(text, &topology).unwrap_or_else(|error| panic!("{text}: {error}"));
        assert_eq!(read[0].display(&topology).to_string(), text);
    }
    for (wrong, at, message, help) in [
        // A protocol that nobody else answers for is asked for what is its own.
        ("search 5 in plays", "plays", "nothing is searched for in `plays`", "`put COUNT in plays` and `audit plays`"),
        ("search 5 of music in files", "music", "nothing is searched for in `music`", "`put COUNT in music`"),
        ("share 5 in music", "music", "nothing is searched for in `music`", "`put COUNT in music`"),
        ("put 5 in files", "files", "nothing is stored under keys in `files`", "`share COUNT in files`"),
        ("audit files", "files", "nothing is stored under keys in `files`", "`search COUNT in files`"),
        ("audit music in files", "files", "nothing is stored under keys in `files`", "`search COUNT in files`"),
        // It may be asked that, and the question goes elsewhere.
        (
            "audit plays in music",
            "music",
            "what is asked of `music` does not come to `plays`",
            "add gateways = [\"plays\"] to it, or ask `plays` itself",
        ),
        // Who has nothing of it.
        ("search 5 of files in music from west.n3", "west.n3", "`west.n3` has nothing of overlay `music`", "`guests`"),
        (
            "search 5 of files in music from east",
            "east",
            "`east` has nothing of overlay `music`",
            "`members` of `music`",
        ),
        ("audit music from east.n1", "east.n1", "`east.n1` has nothing of overlay `music`", "who ask without joining"),
        ("overwrite 5 in music from east.n2", "east.n2", "`east.n2` is not in overlay `music`", "only members"),
        // Words that are missing, or are no names.
        ("search 5 of in music", "in", "there is no overlay `in`", ""),
        ("search 5 of filmes in music", "filmes", "there is no overlay `filmes`", "did you mean `files`?"),
        ("search 5 of files", "", "`in` is missing", "write `search COUNT [of OVERLAY] in OVERLAY"),
        ("audit music in", "", "an overlay is missing", "write `audit OVERLAY [in OVERLAY] [from HOST|STUB …]`"),
        ("audit tapes in music from", "", "a host or a stub is missing", "write `audit"),
    ] {
        let error = acts::parse(wrong, &topology).expect_err(wrong);
        assert!(error.message.contains(message), "{wrong}: {error}");
        assert!(error.help.as_deref().unwrap_or_default().contains(help), "{wrong}: {error}");
        assert_eq!(&wrong[error.span.clone()], at, "{wrong}: {error}");
    }
}

/// The same as a file's: with its line, and a caret.
#[test]
fn a_search_that_nothing_answers_has_its_line_and_says_what_to_ask_instead() {
    let found = problems(&[("gateways = [\"files\"]\n", "")]);
    for part in
        ["nothing is searched for in `music`: Chord stores under keys", "lab.toml:42:29", "^^^^^", "put COUNT in music"]
    {
        assert!(found.contains(part), "{part}:\n{found}");
    }
}

/// Searches and audits of any overlay by asking any, by hosts that have something of it.
fn across(topology: &Topology) -> impl Strategy<Value = Action> + use<> {
    let may = |kind| (0..topology.overlays.len()).filter(|o| topology.may(*o, kind)).collect::<Vec<_>>();
    let pairs = |of: Vec<usize>, asked: Vec<usize>| -> Vec<(usize, usize, Vec<NodeId>)> {
        let all = of.iter().flat_map(|of| asked.iter().map(|asked| (*of, *asked)));
        all.filter(|(of, asked)| topology.reached(*asked).contains(of))
            .map(|(of, asked)| {
                (of, asked, topology.of_kind(|_| true).filter(|h| topology.overlays[asked].lives_on(*h)).collect())
            })
            .collect()
    };
    let some = |hosts: Vec<NodeId>| {
        let most = hosts.len();
        subsequence(hosts, 0..=most).prop_shuffle()
    };
    let searched = select(pairs(may(AskKind::Share), may(AskKind::Search)));
    let audited = select(pairs(may(AskKind::Put), may(AskKind::Get)));
    prop_oneof![
        (searched, 1..=10_000u32).prop_flat_map(move |((of, overlay, hosts), searches)| {
            some(hosts).prop_map(move |from| OverlayAct::Search { overlay, of, searches, from })
        }),
        audited.prop_flat_map(move |(overlay, asked, hosts)| {
            some(hosts).prop_map(move |from| OverlayAct::Audit { overlay, asked, from })
        }),
    ]
    .prop_map(Action::Overlay)
}

#[test]
fn questions_across_overlays_read_back() {
    let topology = right();
    proptest!(|(action in across(&topology))| {
        let text = action.display(&topology).to_string();
        prop_assert_eq!(acts::parse(&text, &topology).unwrap(), vec![action]);
    });
    // What is in the overlay that is asked is not said twice.
    let shown = |text: &str| acts::parse(text, &topology).unwrap()[0].display(&topology).to_string();
    assert_eq!(shown("search 7 of files in files"), "search 7 in files");
    assert_eq!(shown("audit music in music"), "audit music");
}
