//! Overlays that search, and what they cannot be asked, or be beside.

use std::path::Path;

use anybed::scenario;
use anybed::topology::Overrides;

const RIGHT: &str = r#"
[lab]
family = "ipv4"
[[as]]
name = "net"
[[stub]]
name = "west"
uplinks = ["net"]
members = ["n1", "n2", "s"]
[[stub]]
name = "east"
uplinks = ["net"]
members = ["n1"]
[[infrastructure]]
name = "proxies"
kind = "pias"
hosts = ["west.s"]
[[service]]
name = "web"
via = "proxies"
members = ["east.n1"]
port = 6347
[[overlay]]
name = "films"
protocol = "gnutella"
members = ["west.n1", "west.n2"]
[[overlay]]
name = "tapes"
protocol = "gnutella"
members = ["west.n2"]
port = 6347
[[overlay]]
name = "music"
protocol = "chord"
members = ["west.n1", "east.n1"]
[[timeline]]
at = "0s"
do = ["join films", "join music"]
[[timeline]]
at = "5s"
do = "share 10 in films"
[[timeline]]
at = "6s"
do = "search 20 in films from west.n1"
[[expect]]
that = "search success of films >= 90%"
"#;

fn read(text: &str) -> Result<(), String> {
    let read = scenario::read_text(Path::new("lab.toml"), text, &Overrides::default());
    read.map(drop).map_err(|problems| problems.render(false))
}

fn problems(wrong: &[(&str, &str)]) -> String {
    read(&crate::with(RIGHT, wrong)).expect_err("the lab file is wrong")
}

fn expect(wrong: &[(&str, &str)], parts: &[&str]) {
    let found = problems(wrong);
    for part in parts {
        assert!(found.contains(part), "{part}:\n{found}");
    }
}

#[test]
fn the_right_one_is_fine() {
    read(RIGHT).unwrap_or_else(|problems| panic!("{problems}"));
}

#[test]
fn two_programs_of_a_host_have_two_ports() {
    expect(
        &[("port = 6347\n[[overlay]]\nname = \"music\"", "port = 6346\n[[overlay]]\nname = \"music\"")],
        &["TCP port 6346 of west.n2 is that of overlay `films`", "lab.toml:31", "give one of them another `port`"],
    );
    // Where the file does not say which port it has.
    expect(
        &[("port = 6347\n[[overlay]]\nname = \"music\"", "[[overlay]]\nname = \"music\"")],
        &["TCP port 6346 of west.n2", "lab.toml:29", "protocol = \"gnutella\""],
    );
    expect(
        &[("members = [\"west.n2\"]", "members = [\"west.n2\", \"east.n1\"]")],
        &["TCP port 6347 of east.n1 is that of overlay `tapes`", "name = \"web\""],
    );
}

#[test]
fn addresses_of_sixteen_bytes_do_not_fit() {
    expect(
        &[("family = \"ipv4\"", "family = \"ipv6\"")],
        &["Gnutella cannot tell of IPv6 addresses", "four bytes for an address", "lab.toml:25"],
    );
}

#[test]
fn who_is_asked_for_what_it_has_not_says_what_to_ask_instead() {
    for wrong in ["put 10 in films", "audit films", "overwrite 3 in films"] {
        expect(
            &[("search 20 in films from west.n1", wrong)],
            &["nothing is stored under keys in `films`: Gnutella searches for items", "search COUNT in films"],
        );
    }
    expect(
        &[("share 10 in films", "share 10 in music")],
        &["nothing is searched for in `music`: Chord stores under keys", "put COUNT in music"],
    );
    expect(&[("search success of films", "lookup success of films")], &["no node of `films` owns a key"]);
    expect(&[("search success of films", "search success of music")], &["nothing is searched for in `music`"]);
    expect(
        &[("members = [\"west.n2\"]", "members = [\"west.n2\"]\nlookups_per_second = 5")],
        &["no key has an owner in Gnutella", "lookups_per_second = 5", "search COUNT in tapes"],
    );
    expect(
        &[("members = [\"west.n2\"]", "members = [\"west.n2\"]\nhealing = \"rendezvous\"")],
        &["a rendezvous needs an owner of its key", "healing = \"rendezvous\""],
    );
}

/// It has keys, and nobody owns one.
#[test]
fn freenet_is_asked_for_keys() {
    let letters = ("protocol = \"chord\"", "protocol = \"freenet\"");
    let put = (
        "share 10 in films\"",
        "share 10 in films\"\n[[timeline]]\nat = \"5s\"\ndo = [\"put 9 in music\", \"audit music\"]",
    );
    read(&crate::with(RIGHT, &[letters, put])).unwrap_or_else(|problems| panic!("{problems}"));
    expect(
        &[letters, ("share 10 in films", "share 10 in music")],
        &["nothing is searched for in `music`: Freenet stores under keys", "put COUNT in music"],
    );
    expect(
        &[letters, ("search success of films", "lookup success of music")],
        &["no node of `music` owns a key: in Freenet keys have no owners", "put COUNT in music"],
    );
    expect(
        &[letters, ("\"east.n1\"]\n[[timeline]]", "\"east.n1\"]\nlookups_per_second = 5\n[[timeline]]")],
        &["no key has an owner in Freenet", "put COUNT in music"],
    );
}

#[test]
fn nothing_is_searched_for_that_was_not_shared() {
    expect(&[("share 10 in films", "join tapes")], &["no item has been shared"]);
    expect(&[("do = \"search 20 in films from west.n1\"", "do = \"share 3 in films\"")], &["`search` in its window"]);
}

#[test]
fn an_index_stands_on_owners_of_keys() {
    let over =
        |line: &str| format!("[[overlay]]\nname = \"books\"\nprotocol = \"index\"\n{line}\n[[timeline]]\nat = \"0s\"");
    let timeline = "[[timeline]]\nat = \"0s\"";
    let right = over("over = \"music\"");
    read(&crate::with(RIGHT, &[(timeline, &right)])).unwrap_or_else(|problems| panic!("{problems}"));
    for (line, parts) in [
        ("", ["Index keeps what it knows in another overlay", "add over = \"OVERLAY\""]),
        ("over = \"films\"", ["no key has an owner in `films`: it is of Gnutella", "Chord, Pastry or CAN"]),
        ("over = \"books\"", ["overlay `books` stands on itself", "name another overlay"]),
        ("over = \"musik\"", ["there is no overlay `musik`", "music"]),
    ] {
        expect(&[(timeline, &over(line))], &parts);
    }
    // Keys, but no owners.
    expect(
        &[("protocol = \"chord\"", "protocol = \"freenet\""), (timeline, &right)],
        &["no key has an owner in `music`: it is of Freenet"],
    );
}
