//! What would be built: plans and BIRD configs, the same every time, and accepted by BIRD.

use std::path::PathBuf;

use insta::assert_snapshot;

use crate::lab_rtr::stayrtr_is_there;
use crate::support::{Place, Scene, play, project};

const FAMILIES: [&str; 3] = ["ipv4", "ipv6", "dual"];

fn plan(place: &Place, file: &str, options: &str) -> String {
    let words = options.split_whitespace();
    place.anybed().arg("plan").arg(project(file)).args(words).run().ok().stdout
}

#[test]
fn plans() {
    let place = Place::new("plans");
    for family in FAMILIES {
        let text = plan(&place, "topologies/two-sites.toml", &format!("--family {family}"));
        assert_snapshot!(format!("two_sites_{family}"), text);
    }
    assert_snapshot!("stub_failure_ipv4", plan(&place, "topologies/stub-failure.toml", ""));
}

#[test]
fn bird_configs() {
    let place = Place::new("bird-configs");
    for family in ["ipv4", "ipv6"] {
        // A router between ASes, a gateway, a host; a router inside an AS, a host with colors.
        for (file, node) in [
            ("two-sites", "r2"),
            ("two-sites", "west"),
            ("two-sites", "west.n1"),
            ("stub-failure", "den"),
            ("stub-failure", "campus"),
            ("stub-failure", "campus.n1"),
        ] {
            let file = format!("topologies/{file}.toml");
            let text = plan(&place, &file, &format!("--family {family} --bird {node}"));
            assert_snapshot!(format!("bird_{}_{family}", node.replace('.', "_")), text);
        }
    }
}

#[test]
fn session_options_reach_both_ends() {
    let place = Place::new("session-options");
    // OSPF with BFD; a gateway that restarts gracefully; a host with another hold time; other presets.
    for node in ["b", "east", "west.n1", "far"] {
        let text = plan(&place, "tests/system/labs/sessions.toml", &format!("--family dual --bird {node}"));
        assert_snapshot!(format!("bird_sessions_{}", node.replace('.', "_")), text);
    }
}

#[test]
fn a_file_and_a_seed_make_one_plan() {
    let place = Place::new("one-plan");
    let file = "topologies/stub-failure.toml";
    for family in FAMILIES {
        let options = format!("--seed 7 --family {family}");
        let (one, other) = (plan(&place, file, &options), plan(&place, file, &options));
        assert!(one == other, "two plans of the same file and seed:\n{one}\n---\n{other}");
    }
    assert_eq!(plan(&place, file, ""), plan(&place, file, "--seed 1"));

    let members = |seed: u64| {
        let text = plan(&place, file, &format!("--seed {seed}"));
        let lines = text.lines().filter(|l| l.starts_with("member music ")).map(str::to_owned);
        lines.collect::<Vec<_>>()
    };
    let (one, other) = (members(1), members(2));
    assert_eq!((one.len(), other.len()), (24, 24));
    // member OVERLAY HOST ID color COLOR
    let word = |line: &str, index| line.split_whitespace().nth(index).unwrap_or_else(|| panic!("{line}")).to_owned();
    for (a, b) in one.iter().zip(&other) {
        assert_eq!(word(a, 2), word(b, 2));
        assert_ne!(word(a, 3), word(b, 3));
    }
    let colors = |lines: &[String]| lines.iter().map(|l| word(l, 5)).collect::<Vec<_>>();
    assert_ne!(colors(&one), colors(&other));
    // Nothing else depends on the seed.
    let network = |seed: u64| {
        let text = plan(&place, file, &format!("--seed {seed}"));
        let fixed = |l: &&str| l.starts_with("namespace") || l.starts_with("link") || l.starts_with("address");
        text.lines().filter(fixed).map(str::to_owned).collect::<Vec<_>>()
    };
    assert_eq!(network(1), network(2));
}

#[test]
fn own_templates_replace_the_programs() {
    let place = Place::new("own-templates");
    let folder = place.folder("templates");
    place.write("templates/host.conf.j2", "# {{ name }} of {{ as_name }}\n");
    let options = format!("--bird-configs {}", folder.display());
    let file = "topologies/two-sites.toml";
    assert_eq!(plan(&place, file, &format!("{options} --bird west.n1")), "# west.n1 of west\n");
    // What is missing in the folder is the program's.
    let router = plan(&place, file, "--bird r2");
    assert_eq!(plan(&place, file, &format!("{options} --bird r2")), router);

    let broken = |text: &str| {
        place.write("templates/host.conf.j2", text);
        let words = ["--bird-configs", folder.to_str().unwrap(), "--bird", "west.n1"];
        place.anybed().arg("plan").arg(project(file)).args(words).run().expect_code(2)
    };
    broken("# {{ name }}\n# {{ nmae }}\n").expect_stderr(&["host.conf.j2:2"]);
    broken("{% for x in %}\n").expect_stderr(&["host.conf.j2:1"]);

    let plan = |words: [&str; 2]| place.anybed().arg("plan").arg(project(file)).args(words).run().expect_code(2);
    plan(["--bird", "nowhere"]).expect_stderr(&["has no node nowhere"]);
    plan(["--bird", "home.c1"]).expect_stderr(&["home.c1 is a client"]);
}

#[test]
fn bird_accepts_every_config() {
    play("bird-accepts", Scene::of("root"), |place| {
        let folders = ["topologies", "tests/system/labs"].map(|folder| std::fs::read_dir(project(folder)).unwrap());
        let mut files: Vec<_> = folders
            .into_iter()
            .flatten()
            .map(|entry| entry.unwrap().path())
            .filter(|path| path.extension().is_some_and(|e| e == "toml"))
            .collect();
        files.sort();
        // Those of another daemon are played where there is one.
        files.retain(|path| !std::fs::read_to_string(path).unwrap().contains("daemon = \"frr\""));
        // Nor is the server needed here that is.
        files.retain(|path| !std::fs::read_to_string(path).unwrap().contains("[rtr]") || stayrtr_is_there());
        assert!(!files.is_empty());
        files.push(place.write("large-as.toml", &large_as(30)));
        // With timers of its own, and only loopbacks in OSPF.
        files.push(place.write("larger-as.toml", &large_as(101)));
        for family in FAMILIES {
            // Gnutella's messages have no place for an IPv6 address.
            let speaks =
                |file: &PathBuf| family != "ipv6" || !std::fs::read_to_string(file).unwrap().contains("gnutella");
            let files: Vec<_> = files.iter().filter(|file| speaks(file)).collect();
            let check = place.anybed().args(["check", "--configs", "--family", family]).args(&files).run().ok();
            assert_eq!(check.stdout.lines().count(), files.len(), "{check}");
            for line in check.stdout.lines() {
                let configs = line.split(", ").find_map(|part| part.strip_suffix(" BIRD configs"));
                let configs = configs.and_then(|n| n.parse::<usize>().ok());
                assert!(configs.is_some_and(|n| n > 0), "no configs were checked: {line}");
            }
        }
    });
}

/// Too large for a full mesh: it uses route reflectors.
fn large_as(routers: usize) -> String {
    let names: Vec<_> = (0..routers).map(|i| format!("\"x{i}\"")).collect();
    let links: Vec<_> = (1..routers).map(|i| format!("\"x{}-x{i}\"", i / 2)).collect();
    let (names, links) = (names.join(", "), links.join(", "));
    let last = routers - 1;
    format!(
        "[[as]]\nname = \"large\"\nrouters = [{names}]\nlinks = [{links}]\n\n\
         [[stub]]\nname = \"west\"\nuplinks = [\"x{last}\"]\nmembers = 2\nclients = 1\n\n\
         [[group]]\nname = \"dns\"\nmembers = [\"west.n1\"]\n\n\
         [[overlay]]\nname = \"music\"\nprotocol = \"chord\"\n"
    )
}

#[test]
fn a_large_as_has_route_reflectors() {
    let place = Place::new("reflectors");
    let reflectors = |routers: usize| {
        let file = place.write("large-as.toml", &large_as(routers));
        let config = |i: usize| {
            let node = format!("x{i}");
            place.anybed().arg("plan").arg(&file).args(["--bird", &node]).run().ok().stdout
        };
        let all: Vec<_> = (0..routers).map(config).collect();
        let sessions = all.iter().map(|c| c.matches("same AS").count()).sum::<usize>();
        (all.iter().filter(|c| c.contains("rr client;")).count(), sessions / 2)
    };
    assert_eq!(reflectors(6), (0, 15), "a full mesh");
    let (count, sessions) = reflectors(30);
    assert!((1..30).contains(&count), "{count} reflectors");
    assert!(sessions < 30 * 29 / 2, "{sessions} sessions");
    // Everybody is a client of a reflector, or is one.
    assert!(sessions >= 30 - 1, "{sessions} sessions");
}
