//! What is predicted of BGP, beside what real daemons do with the same configs.

use std::fmt::Write as _;

use rand::seq::IndexedRandom;
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

use crate::support::{Lab, Place, Scene, play, project, scenes, wait_until};

/// A random network: ASes of which providers come before their customers, some of several routers; stubs with one or
/// two uplinks; groups at some of them; rules at random. Its text is a lab file.
fn network(seed: u64) -> String {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    let mut text = String::new();
    let mut routers: Vec<Vec<String>> = Vec::new();
    for number in 0..rng.random_range(5..9) {
        let count = if rng.random_bool(0.25) { rng.random_range(2..5) } else { 1 };
        let names: Vec<String> = (0..count).map(|r| format!("a{number}r{r}")).collect();
        let quoted: Vec<String> = names.iter().map(|name| format!("\"{name}\"")).collect();
        let mut links: Vec<String> = (1..count)
            .map(|r| {
                let (to, cost) = (rng.random_range(0..r), rng.random_range(1..20));
                format!("{{ a = \"a{number}r{to}\", b = \"a{number}r{r}\", cost = {cost} }}")
            })
            .collect();
        if count > 2 {
            let cost = rng.random_range(1..20);
            links.push(format!("{{ a = \"a{number}r0\", b = \"a{number}r{}\", cost = {cost} }}", count - 1));
        }
        let (quoted, links) = (quoted.join(", "), links.join(", "));
        write!(text, "[[as]]\nname = \"a{number}\"\nrouters = [{quoted}]\nlinks = [{links}]\n\n").unwrap();
        routers.push(names);
    }
    let mut sessions: Vec<(String, String)> = Vec::new();
    for (number, own) in routers.iter().enumerate().skip(1) {
        for link in 0..rng.random_range(1..4) {
            let other = &routers[rng.random_range(0..number)];
            let (a, b) = (own.choose(&mut rng).unwrap(), other.choose(&mut rng).unwrap());
            let relation = if link == 0 || rng.random_bool(0.6) { "provider" } else { "peer" };
            let name = format!("l{number}-{link}");
            write!(text, "[[link]]\na = \"{a}\"\nb = \"{b}\"\nrelation = \"{relation}\"\nname = \"{name}\"\n\n")
                .unwrap();
            sessions.extend([(a.clone(), name.clone()), (b.clone(), name)]);
        }
    }
    let stubs = rng.random_range(4..7);
    for number in 0..stubs {
        let mut uplinks: Vec<&String> = Vec::new();
        for _ in 0..rng.random_range(1..3) {
            let uplink = routers.choose(&mut rng).unwrap().choose(&mut rng).unwrap();
            if !uplinks.contains(&uplink) {
                uplinks.push(uplink);
            }
        }
        let tables: Vec<String> = uplinks
            .iter()
            .map(|to| {
                let mut short = String::new();
                if rng.random_bool(0.3) {
                    write!(short, ", prepend = {}", rng.random_range(1..4)).unwrap();
                }
                if rng.random_bool(0.2) {
                    write!(short, ", local_pref = {}", rng.random_range(40..60)).unwrap();
                }
                format!("{{ to = \"{to}\"{short} }}")
            })
            .collect();
        sessions.extend(uplinks.iter().map(|to| (format!("s{number}"), format!("s{number}-{to}"))));
        let hosts = if number < stubs - 2 { "members" } else { "clients" };
        write!(text, "[[stub]]\nname = \"s{number}\"\nuplinks = [{}]\n{hosts} = 1\n\n", tables.join(", ")).unwrap();
    }
    for group in ["one", "two"] {
        let sites: Vec<String> = (0..stubs - 2).filter(|_| rng.random_bool(0.8)).map(|s| format!("\"s{s}\"")).collect();
        let sites = if sites.is_empty() { "\"s0\"".to_owned() } else { sites.join(", ") };
        write!(text, "[[group]]\nname = \"{group}\"\nmembers = [{sites}]\n\n").unwrap();
    }
    for _ in 0..rng.random_range(3..10) {
        let (of, link) = sessions.choose(&mut rng).unwrap();
        let marks = ["100:7", "no-export", "101:2:9", "graceful-shutdown"];
        let mark = marks.choose(&mut rng).unwrap();
        let export = rng.random_bool(0.6);
        let (way, then) = (
            if export { "to" } else { "from" },
            match rng.random_range(0..7) {
                0 => format!("prepend = {}", rng.random_range(1..4)),
                1 if export => format!("med = {}", rng.random_range(1..4) * 10),
                1 | 2 if !export => format!("local_pref = {}", rng.random_range(40..260)),
                3 => "reject = true".to_owned(),
                4 => format!("add = \"{mark}\"\nremove = \"100:7\""),
                5 => format!("communities = \"{mark}\"\nreject = true"),
                _ => format!("through = \"a{}\"\nprepend = 1", rng.random_range(0..routers.len())),
            },
        );
        let group = ["", "groups = \"one\"\n", "groups = [\"two\"]\n"].choose(&mut rng).unwrap();
        write!(text, "[[policy]]\nof = \"{of}\"\n{way} = \"{link}\"\n{group}{then}\n\n").unwrap();
    }
    if seed.is_multiple_of(3) {
        text += &exchange(seed, &routers, stubs);
    }
    text
}

/// An exchange between some of the routers, most of which speak to its route server, and sessions of two over it.
fn exchange(seed: u64, routers: &[Vec<String>], stubs: usize) -> String {
    let mut rng = ChaCha8Rng::seed_from_u64(seed ^ u64::MAX);
    let (mut text, mut members) = (String::new(), Vec::new());
    let ases = routers.iter().enumerate().map(|(number, own)| (number, own.choose(&mut rng).unwrap().clone()));
    let all: Vec<(usize, String)> = ases.collect();
    let gateways = (0..stubs).map(|number| (routers.len() + number, format!("s{number}")));
    for (number, name) in all.into_iter().chain(gateways) {
        if rng.random_bool(0.4) {
            continue;
        }
        let mut table = format!("router = \"{name}\"");
        if rng.random_bool(0.2) {
            table += ", route_server = false";
        } else {
            for (key, from, to) in [("prepend", 1, 4), ("med", 0, 30), ("local_pref", 40, 260)] {
                if rng.random_bool(0.25) {
                    write!(table, ", {key} = {}", rng.random_range(from..to)).unwrap();
                }
            }
        }
        text += &format!("    {{ {table} }},\n");
        members.push((number, name));
    }
    if members.is_empty() {
        return String::new();
    }
    text = format!("[[exchange]]\nname = \"ix\"\nmembers = [\n{text}]\n\n");
    for (index, (number, b)) in members.iter().enumerate() {
        for (_, a) in &members[..index] {
            if rng.random_bool(0.8) {
                continue;
            }
            // Lower numbers are nobody's customers; a stub has no customers.
            let provider = *number < routers.len() && rng.random_bool(0.4);
            let relation = if provider { "customer" } else { "peer" };
            write!(text, "[[link]]\na = \"{a}\"\nb = \"{b}\"\nrelation = \"{relation}\"\nover = \"ix\"\n\n").unwrap();
        }
    }
    text
}

/// The same network with more of BGP in it: ASes and links that tell of several paths, weights where the daemon has
/// them, stubs of two gateways. What is drawn is drawn apart, so that the networks of all seeds are what they were.
fn enriched(text: &str, seed: u64, daemons: &[&str]) -> String {
    let mut rng = ChaCha8Rng::seed_from_u64(!seed);
    let weigh = !daemons.is_empty() && daemons.iter().all(|word| word.starts_with("frr"));
    let mut moved: Vec<(String, String)> = Vec::new();
    let mut out = String::new();
    for table in text.split("\n\n").filter(|table| !table.trim().is_empty()) {
        let is = |kind: &str| table.starts_with(kind);
        let mut table = table.to_owned();
        if (is("[[as]]") || is("[[link]]")) && rng.random_bool(0.4) {
            table += "\nadd_paths = true";
        } else if is("[[stub]]") && rng.random_bool(0.4) {
            let words: Vec<String> = table.split('"').map(str::to_owned).collect();
            let (name, to) = (&words[1], &words[3]);
            table =
                table.replace("members = 1", "members = 2").replace("{ to =", &format!("{{ from = \"{name}\", to ="));
            if rng.random_bool(0.5) {
                let other = format!("add_paths = true, from = \"{name}b\"");
                table = table.replacen(&format!("from = \"{name}\""), &other, 1);
                moved.push((format!("\"{name}-{to}\""), format!("\"{name}b-{to}\"")));
            }
            let all = rng.random_bool(0.5);
            write!(table, "\nrouters = [\"{name}\", \"{name}b\"]\nadd_paths = {all}").unwrap();
        } else if weigh && is("[[policy]]") && table.contains("\nfrom =") && rng.random_bool(0.5) {
            write!(table, "\nweight = {}", rng.random_range(1..3) * 100).unwrap();
        }
        // Rules name sessions by their links, and these are called by their gateways.
        let table = moved.iter().fold(table, |table, (from, to)| table.replace(from, to));
        out += &(table + "\n\n");
    }
    out
}

/// The same network with these daemons, which ASes and stubs have in turn.
fn manned(text: &str, daemons: &[&str]) -> String {
    let mut turn = daemons.iter().cycle();
    let line = |line: &str| match line {
        "[[as]]" | "[[stub]]" => {
            turn.next().map_or(format!("{line}\n"), |word| format!("{line}\ndaemon = \"{word}\"\n"))
        }
        _ => format!("{line}\n"),
    };
    text.lines().map(line).collect()
}

/// Plays one network; false: it is one of those whose policies never settle, and is said to be.
fn agrees(place: &Place, seed: u64) -> bool {
    let daemons = std::env::var("ANYBED_PREDICT_DAEMONS").unwrap_or_default();
    let daemons: Vec<&str> = daemons.split(',').filter(|word| !word.is_empty()).collect();
    let text = enriched(&network(seed), seed, &daemons);
    let file = place.write(&format!("n{seed}.toml"), &manned(&text, &daemons));
    let predicted = place.anybed().arg("verify").arg(&file).args(["--format", "json"]).run();
    if predicted.code() == 2 {
        assert!(predicted.stderr.contains("does not settle"), "{predicted}");
        return false;
    }
    let name = format!("n{seed}");
    // The place itself knows none of them.
    let named = |variable: &str, option: &str| {
        let listed = std::env::var_os(variable).unwrap_or_default();
        let listed: Vec<_> = std::env::split_paths(&listed).filter(|path| !path.as_os_str().is_empty()).collect();
        listed.into_iter().flat_map(|path| [option.to_owned(), path.display().to_string()]).collect::<Vec<_>>()
    };
    let places = [named("ANYBED_BIRD", "--bird"), named("ANYBED_FRR", "--frr")].concat();
    let lab = Lab::up_with(place, &file, &name, &places.iter().map(String::as_str).collect::<Vec<_>>());
    let mut predicted = serde_json::Value::Null;
    wait_until(&format!("prediction and routers agree on network {seed}"), || {
        let done = place.anybed().arg("verify").arg(&file).args(["--with", &name, "--format", "json"]).run();
        if done.code() != 0 {
            return Err(format!("{done}"));
        }
        predicted = done.json();
        as_many(place, &name, &predicted)
    });
    // Where one member is predicted, it answers.
    for prediction in predicted.as_array().unwrap() {
        let group = prediction["group"].as_str().unwrap();
        let survey = place.anybed().args(["catchment", &name, group, "--format", "json"]).run().json();
        for client in prediction["clients"].as_array().unwrap() {
            let members = client["members"].as_array().unwrap();
            let nodes = survey[0]["nodes"].as_array().unwrap();
            let node = nodes.iter().find(|node| node["node"] == client["client"]).unwrap();
            let answered = &node["packet"]["member"];
            let fits = if members.is_empty() { answered.is_null() } else { members.contains(answered) };
            assert!(fits, "network {seed}, {group}: {client}, but {node}");
        }
    }
    lab.down().ok();
    true
}

/// Every router has as many routes as are predicted.
fn as_many(place: &Place, lab: &str, predicted: &serde_json::Value) -> Result<(), String> {
    for prediction in predicted.as_array().unwrap() {
        for router in prediction["routers"].as_array().unwrap() {
            let asked = [router["router"].as_str().unwrap(), prediction["prefix"].as_str().unwrap()];
            let routes = place.anybed().args(["routes", lab]).args(asked).args(["--format", "json"]).run().json();
            if Some(routes.as_array().unwrap().len() as u64) != router["routes"].as_u64() {
                return Err(format!("{router}, but {routes}"));
            }
        }
    }
    Ok(())
}

scenes!(what_is_predicted_is_what_routers_do: root);

fn what_is_predicted_is_what_routers_do(place: &Place) {
    // In 78, a rule of an AS of four routers puts the own number into heard paths; it has an exchange, as 3 has.
    let settled = (1..=4).chain([78]).filter(|seed| agrees(place, *seed)).count();
    assert!(settled >= 4, "{settled}");
}

/// `ANYBED_PREDICT_FROM`, `ANYBED_PREDICT_TO`: seeds. `ANYBED_PREDICT_DAEMONS`: words of lab files, with commas between.
#[test]
#[ignore = "minutes: `scripts/agreement` runs it"]
fn two_hundred_networks() {
    let number = |name: &str, default: u64| {
        let text = std::env::var(format!("ANYBED_PREDICT_{name}")).ok();
        text.map_or(default, |text| text.parse().unwrap_or_else(|e| panic!("ANYBED_PREDICT_{name}: {e}")))
    };
    play("networks", Scene::of("root"), |place| {
        for seed in number("FROM", 1)..=number("TO", 200) {
            let settled = agrees(place, seed);
            let said = format!("network {seed}: {}\n", if settled { "agrees" } else { "does not settle" });
            std::io::Write::write_all(&mut std::io::stderr(), said.as_bytes()).unwrap();
        }
    });
}

/// The staircase of `prepending`: two times divide the clients best, and a real lab does the same.
#[test]
fn the_best_change_is_the_one_that_is_played() {
    play("the_best_change_is_the_one_that_is_played", Scene::of("rootless"), |place| {
        let file = place.copy("topologies/prepending.toml");
        let what_if = |words: &[&str]| place.anybed().arg("what-if").arg(&file).args(words).run();
        let found = what_if(&["--format", "json"]).ok().json();
        let rows = found.as_array().unwrap();
        assert_eq!((rows[0]["change"].as_str(), rows[0]["loads"]["west"].as_f64()), (None, Some(1.0)), "{found}");
        assert_eq!(rows[1]["actions"][0], "set west-w0 from west for dns prepend=2");
        let loads: Vec<f64> = rows[1..].iter().map(|row| row["loads"]["west"].as_f64().unwrap()).collect();
        assert_eq!(loads.len(), 6, "one line for each stair, one without west, one for no-export: {found}");
        assert!((loads[0] - 0.6).abs() < 1e-9 && rows[1]["stretch"].as_f64() > rows[3]["stretch"].as_f64(), "{found}");
        what_if(&["--play"]).ok().expect_stdout(&["played: all 5 clients are answered as predicted"]);
        what_if(&["--group", "nobody"]).expect_code(2).expect_stderr(&["dns"]);
    });
}

/// Groups in one another: who answers need not be a site of the group that is asked about.
#[test]
fn what_if_knows_whose_prefix_is_longer() {
    let place = Place::new("nested");
    let text = r#"
as = [{ name = "t" }, { name = "w" }]
link = [{ a = "t", b = "w", relation = "customer" }]
stub = [
    { name = "a", uplinks = ["t", "w"], members = 1 },
    { name = "b", uplinks = ["t"], members = 1 },
    { name = "c", uplinks = ["w"], clients = 1 },
]
group = [
    { name = "wide", prefix = "203.0.112.0/22", address = "203.0.113.9", members = ["a"] },
    { name = "narrow", prefix = "203.0.113.0/24", members = ["b"] },
    { name = "border", prefix = "198.51.100.0/24", members = ["a", "b"], announced_by = "border" },
]
"#;
    let file = place.write("nested.toml", text);
    let what_if = |group: &str| {
        let found = place.anybed().arg("what-if").arg(&file).args(["--group", group, "--format", "json"]).run();
        found.ok().json()
    };
    assert_eq!(what_if("wide")[0]["loads"]["b"], 1.0);
    let found = what_if("border");
    let withdraws = |row: &serde_json::Value| row["actions"][0] == "withdraw a border";
    assert!(found.as_array().unwrap().iter().any(withdraws), "the gateway does, not the host: {found}");
}

const TWO: &str = r#"
[lab]
name = "two"
duration = "8s"

[[as]]
name = "t1"

[[as]]
name = "t2"

[[link]]
a = "t1"
b = "t2"
relation = "peer"

[[stub]]
name = "near"
uplinks = ["t1"]
members = 1

[[stub]]
name = "far"
uplinks = ["t2"]
members = 1

[[group]]
name = "dns"
members = ["near", "far"]

[[expect]]
that = "mispredicted routes == 0"
"#;

/// A template of one's own that likes peers best is not what is predicted: who follows it is named, with the rule that was to decide.
#[test]
fn a_route_that_is_not_predicted_is_a_finding() {
    play("a_route_that_is_not_predicted_is_a_finding", Scene::of("root"), |place| {
        let file = place.write("two.toml", TWO);
        place.folder("own");
        let template = std::fs::read_to_string(project("bird-configs/router.conf.j2")).unwrap();
        let other = template.replace("\"peer\": liking_peer", "\"peer\": 500");
        assert_ne!(template, other);
        let own = place.write("own/router.conf.j2", &other);
        let run = |words: &[&str]| place.anybed().arg("run").arg(&file).args(words).args(["--format", "json"]).run();
        let report = run(&["--bird-configs", own.parent().unwrap().to_str().unwrap()]).expect_code(1).json();
        let differences = report["predictions"][0]["differences"].as_array().unwrap();
        // Once one of the two has moved to the other, that one has nothing better to move to.
        assert!(["t1", "t2"].iter().any(|router| differences[0]["router"] == *router), "{report}");
        assert_eq!((&differences[0]["step"], &differences[0]["by_order"]), (&"local preference".into(), &false.into()));
        let report = run(&[]).ok().json();
        assert_eq!(report["predictions"][0]["outcome"], "as-predicted", "{report}");
    });
}
