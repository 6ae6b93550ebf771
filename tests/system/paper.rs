//! `anybed paper --quick`: every experiment runs, and its page is written with all that belongs to it.

use serde_json::Value;

use crate::support::{Place, Scene, play};

/// Plays a section's experiments, and hands out its claims by what they say.
fn section(place: &Place, section: &str, files: &[&str]) -> Vec<Value> {
    named(place, section, section, files)
}

/// The same of a section whose page has another name.
fn named(place: &Place, section: &str, page: &str, files: &[&str]) -> Vec<Value> {
    let (name, out) = (page, place.path().join("results"));
    let command = place.anybed().args(["paper", section, "--quick", "--format", "json", "--out"]).arg(&out);
    let page = command.run().ok().json();
    assert_eq!(page["section"], name);
    let text = std::fs::read_to_string(out.join(format!("{name}.md"))).unwrap();
    assert!(text.contains(&format!("`anybed paper {section} --quick")), "the page does not say how it was made");
    for file in files {
        let path = format!("{name}/{file}");
        // A head and a row, or a drawing.
        let length = std::fs::read_to_string(out.join(&path)).unwrap().len();
        assert!(length > 40, "{path} has {length} bytes");
        assert!(text.contains(&path), "the page does not show {path}");
    }
    let claims = page["claims"].as_array().unwrap().clone();
    for claim in &claims {
        let found = claim["finding"].as_str().unwrap();
        // A quick run has too few runs to decide much.
        assert!(["confirmed", "refuted", "conditional", "undecided"].contains(&found), "{claim}");
        let because = format!("{}{}", claim["tests"], claim["because"]);
        assert!(because.contains(|c: char| c.is_ascii_digit()) && !because.contains("NaN"), "{claim}");
    }
    claims
}

fn found<'a>(claims: &'a [Value], part: &str) -> &'a str {
    let claim = claims.iter().find(|c| c["says"].as_str().unwrap().contains(part));
    claim.unwrap_or_else(|| panic!("nothing is said about {part}"))["finding"].as_str().unwrap()
}

#[test]
fn joining() {
    play("paper_joining", Scene::of("root"), |place| {
        let claims = section(
            place,
            "4.1",
            &[
                "crowds.csv",
                "servers.svg",
                "crowds-simulated.csv",
                "share.svg",
                "failures.csv",
                "failures.svg",
                "floods.csv",
                "floods.svg",
                "flood.csv",
                "crowds-infrastructures.csv",
            ],
        );
        assert_eq!(found(&claims, "Well-known nodes are a single point"), "conditional", "one is, three are not");
        assert_eq!(found(&claims, "An anycast group has no single"), "conditional", "a gate opens its catchment");
        assert_ne!(found(&claims, "and flood them"), "confirmed", "honest joiners get in at 2000 Hellos a second");
    });
}

#[test]
fn nearness() {
    play("paper_nearness", Scene::of("root"), |place| {
        let files = [
            "contacts.csv",
            "labs.csv",
            "stretch.svg",
            "lists.csv",
            "nearest.svg",
            "farthest.csv",
            "learned.csv",
            "since.csv",
            "since-1.svg",
            "gain.csv",
            "datagrams.csv",
            "datagrams-1.svg",
            "lookups.csv",
            "penalty.svg",
            "learned-infrastructures.csv",
        ];
        let claims = section(place, "4.2", &files);
        assert_eq!(found(&claims, "A member asks the anycast address"), "refuted", "it reaches itself");
        assert_ne!(found(&claims, "lookups take less time"), "refuted");
        let redirects = claims.iter().find(|c| c["says"].as_str().unwrap().contains("Anycast redirects")).unwrap();
        let abilene = &redirects["tests"][0]["measured"];
        assert_eq!(abilene["value"], 1.0, "OSPF's costs are the delays: {redirects}");
    });
}

#[test]
fn healing() {
    play("paper_healing", Scene::of("root"), |place| {
        let files = [
            "labs.csv",
            "healed.svg",
            "lookups-10-3.svg",
            "matrix.csv",
            "forgotten.svg",
            "memory.csv",
            "links.csv",
            "rounds.svg",
            "contact.svg",
            "colors.csv",
            "epochs.csv",
            "protocols.csv",
            "random-peers.csv",
        ];
        let claims = section(place, "4.3", &files);
        assert_eq!(claims.len(), 19);
        assert_ne!(found(&claims, "stay isolated"), "refuted");
        // Too few to judge, but each of them heals or does not.
        let table = std::fs::read_to_string(place.path().join("results/4.3/matrix.csv")).unwrap();
        let healed = |way: &str| {
            let row = table.lines().find(|line| line.split(',').nth(2) == Some(way)).unwrap();
            row.split(',').nth(3).unwrap().split(' ').next().unwrap().to_owned()
        };
        assert_eq!(["none", "remembered-peers", "colors", "rendezvous"].map(healed), ["0", "1", "1", "1"]);
    });
}

#[test]
fn faithful() {
    play("paper_faithful", Scene::of("root"), |place| {
        let files = [
            "published.csv",
            "paths.csv",
            "path-lengths.svg",
            "failures.csv",
            "pastry.csv",
            "zones.csv",
            "volumes.svg",
            "churn.csv",
        ];
        let claims = section(place, "faithful", &files);
        assert_eq!(found(&claims, "⌈log16 N⌉ hops on average"), "confirmed");
        assert_eq!(found(&claims, "Chord: lookups go around dead nodes"), "confirmed");
    });
}

#[test]
fn interconnection() {
    play("paper_interconnection", Scene::of("root"), |place| {
        let files = [
            "joins.csv",
            "shared.csv",
            "service.csv",
            "strangers.csv",
            "gateways.csv",
            "outages.csv",
            "labs.csv",
            "fair.csv",
        ];
        let claims = section(place, "4.4", &files);
        assert_eq!(claims.len(), 10);
        let table = |name: &str| std::fs::read_to_string(place.path().join(format!("results/4.4/{name}.csv"))).unwrap();
        // One search is found through a gateway, and none without.
        let found: Vec<String> =
            table("gateways").lines().skip(1).map(|line| line.split(',').take(3).collect()).collect();
        assert_eq!(found.len(), 2, "{found:?}");
        assert!(found[0].starts_with("1yes1") && found[1].starts_with("1no0"), "{found:?}");
        assert!(table("labs").lines().skip(1).all(|line| line.contains("1 of 1") || line.contains("2 of 2")));
    });
}

#[test]
fn searching() {
    play("paper_searching", Scene::of("root"), |place| {
        let files = [
            "ttl.csv",
            "flooding.svg",
            "routing.csv",
            "copies.svg",
            "places.csv",
            "inside.svg",
            "learning.csv",
            "learning.svg",
            "growth.csv",
            "growth.svg",
            "popular.csv",
            "popular.svg",
            "one-link.csv",
            "one-link.svg",
        ];
        let claims = section(place, "searching", &files);
        assert_ne!(found(&claims, "overlays that search find everything again"), "refuted");
        assert_ne!(found(&claims, "hides no match"), "refuted");
        for claim in &claims {
            let tests = claim["tests"].as_array().unwrap();
            assert!(tests.iter().all(|test| !test["measured"].is_null()), "{claim}");
        }
    });
}

#[test]
fn infrastructures() {
    play("paper_infrastructures", Scene::of("root"), |place| {
        let files = [
            "range.svg",
            "range.csv",
            "ease.csv",
            "proximity.csv",
            "neighbors.csv",
            "random.csv",
            "groups.csv",
            "table-1.csv",
        ];
        let claims = named(place, "table1", "table-1", &files);
        assert_eq!(claims.len(), 24, "six rows and four infrastructures");
        // Two seeds leave much open, but not that something was measured for each cell.
        for claim in &claims {
            let tests = claim["tests"].as_array().unwrap();
            assert!(!tests.is_empty() && tests.iter().all(|test| !test["measured"].is_null()), "{claim}");
        }
        let table = std::fs::read_to_string(place.path().join("results/table-1/table-1.csv")).unwrap();
        assert_eq!(table.lines().filter(|line| line.matches(": ").count() == 4).count(), 6, "{table}");
        // One host announces for all, and the others announce nothing.
        let ease = std::fs::read_to_string(place.path().join("results/table-1/ease.csv")).unwrap();
        let updates = |by: &str| {
            let row = ease.lines().find(|line| line.starts_with(&format!("{by},join,"))).unwrap();
            row.split(',').nth(2).unwrap().split(' ').next().unwrap().parse::<f64>().unwrap()
        };
        assert!(updates("plain IP anycast") > 0.0, "{ease}");
        assert_eq!(["PIAS", "i3 (Internet Indirection Infrastructure)", "OASIS"].map(updates), [0.0; 3], "{ease}");
    });
}

#[test]
fn wrong_usage_is_exit_2() {
    let place = Place::new("paper-usage");
    place.run("paper 4.5").expect_code(2).expect_stderr(&["4.1, 4.2, 4.3, 4.4, faithful"]);
    place.run("paper 4.2 --rtt nowhere").expect_code(2).expect_stderr(&["there is no file nowhere"]);
}
