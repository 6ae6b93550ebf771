//! Nobody outside its room knows a protocol or a routing daemon by its name: whoever wants one asks the table.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use anybed::overlay::Protocol;
use anybed::routing::daemon::Needs;
use anybed::routing::registry;
use anybed::topology::Family;

fn sources(dir: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(dir).expect("a folder").map(|entry| entry.expect("an entry").path()) {
        if entry.is_dir() {
            sources(&entry, found);
        } else if entry.extension().is_some_and(|e| e == "rs") {
            found.push(entry);
        }
    }
}

#[test]
fn only_the_overlays_room_names_protocols() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut files = Vec::new();
    sources(&root, &mut files);
    let rooms = ["structured", "unstructured", "layered"].map(|room| format!("overlay::{room}"));
    let names =
        Protocol::all().flat_map(|p| [format!("\"{}\"", p.name), format!("{}::", p.title), format!("{}::", p.name)]);
    // An index is a word of others, too; the protocol's room is caught by the one that it is in.
    let words: Vec<String> = rooms.into_iter().chain(names).filter(|word| word != "index::").collect();
    let mut named = Vec::new();
    // What was published was published of a protocol; and one infrastructure stands on one.
    let may = ["overlay", "paper/faithful", "paper/searching", "anycast/i3/ring.rs"].map(|room| root.join(room));
    for file in files.iter().filter(|file| !may.iter().any(|room| file.starts_with(room))) {
        let text = fs::read_to_string(file).unwrap();
        let code = text.lines().map(str::trim_start).filter(|line| !line.starts_with("//"));
        let starts = |line: &str, at: usize| !line[..at].ends_with(|c: char| c.is_alphanumeric() || c == '_');
        for line in code {
            let hit = words.iter().find(|w| line.match_indices(w.as_str()).any(|(at, _)| starts(line, at)));
            named.extend(hit.map(|word| format!("{}: {word}: {line}", file.display())));
        }
    }
    assert!(files.len() > 100 && named.is_empty(), "{}", named.join("\n"));
}

/// Where a daemon's name is a word of somebody else's.
const NAMED: &[(&str, &str, &str)] = &[
    ("cli/", "--bird", "the option is called so"),
    ("cli/", "self.bird", "that option"),
    ("cli/daemons.rs", "bird: Vec<PathBuf>", "that option"),
    ("cli/choices.rs", "\"bird-configs\"", "the option `--bird-configs`"),
    ("cli/daemons.rs", "frr: Vec<PathBuf>", "the option `--frr`"),
    ("cli/", "bird_configs", "the option `--bird-configs`"),
    ("cli/check.rs", "bird: Option<String>", "`plan --bird NODE`"),
    ("cli/mod.rs", "birdc", "an example of a command inside a lab"),
    ("cli/choices.rs", "    Bird,", "`--timers bird`"),
    ("cli/choices.rs", "TimersArg::Bird", "`--timers bird`"),
    ("cli/labs.rs", "node.bird", "a key of what `anybed status --format json` prints"),
    ("lab/api.rs", "bird:", "a key of what `anybed status --format json` prints"),
    ("lab/facts.rs", "bird: routing", "a key of the record"),
    ("record/facts.rs", "pub bird: String", "a key of the record"),
    ("record/deed.rs", "Some(\"bird\")", "a word of old records"),
    ("record/deed.rs", "\"bird\" =>", "a word of old records"),
    ("measure/", "bird: ", "a key of the report"),
    ("report/", "bird", "a key of the report"),
    ("report/", "BIRD {}", "a word of the report, which has its version under that key"),
    ("paper/", "BIRD", "a text about an experiment"),
    ("scenario/", "|bird|", "the form of an action, in a lab file's words"),
    ("topology/", "TimerPreset::Bird", "`timers = \"bird\"` of a lab file"),
    ("topology/", "    Bird,", "`timers = \"bird\"` of a lab file"),
    ("topology/missing.rs", "BIRD has of it", "a diagnostic about templates of one's own"),
    ("topology/missing.rs", "--bird-configs", "the option is called so"),
    ("topology/options.rs", "BFD ends with the BIRD", "a diagnostic about graceful restart in BIRD's sense"),
    ("plan/timers.rs", "TimerPreset::Bird", "`timers = \"bird\"` of a lab file"),
    ("lab/converge.rs", "TimerPreset::Bird", "`timers = \"bird\"` of a lab file"),
];

#[test]
fn only_the_routing_room_names_daemons() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut files = Vec::new();
    sources(&root, &mut files);
    let words: BTreeSet<String> = registry::DAEMONS
        .iter()
        .flat_map(|daemon| {
            let needs = Needs { igp: vec![Family::Ipv4, Family::Ipv6], bfd: true };
            let processes = daemon.processes(&needs).into_iter().map(|process| process.name);
            [daemon.title(), daemon.name()].into_iter().chain(processes)
        })
        .map(str::to_lowercase)
        .collect();
    assert!(words.contains("bird"), "{words:?}");
    let (mut named, mut excused) = (Vec::new(), BTreeSet::new());
    for file in files.iter().filter(|file| !file.starts_with(root.join("routing"))) {
        let text = fs::read_to_string(file).unwrap();
        let place = file.strip_prefix(&root).unwrap().display().to_string();
        for line in text.lines().filter(|line| !line.trim_start().starts_with("//")) {
            if !words.iter().any(|word| line.to_lowercase().contains(word.as_str())) {
                continue;
            }
            let excuse = NAMED.iter().position(|(at, part, _)| place.starts_with(at) && line.contains(part));
            match excuse {
                Some(index) => drop(excused.insert(index)),
                None => named.push(format!("{place}: {}", line.trim())),
            }
        }
    }
    assert!(named.is_empty(), "{}", named.join("\n"));
    let idle: Vec<_> = (0..NAMED.len()).filter(|index| !excused.contains(index)).map(|index| NAMED[index]).collect();
    assert!(idle.is_empty(), "excuses that nobody needs: {idle:?}");
}

/// A plan is worked out before anything is touched: of the routing room it may use what touches nothing.
#[test]
fn what_is_planned_finds_and_controls_no_daemon() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut files = Vec::new();
    ["plan", "scenario", "topology", "measure", "report"].iter().for_each(|room| sources(&root.join(room), &mut files));
    let effects = ["registry::find", "Control", ".control(", ".heard(", "Installed"];
    let mut named = Vec::new();
    for file in &files {
        let text = fs::read_to_string(file).unwrap();
        let about = |line: &&str| line.contains("routing::") || line.contains("daemon");
        let hits = text.lines().filter(about).filter(|line| effects.iter().any(|effect| line.contains(effect)));
        named.extend(hits.map(|line| format!("{}: {}", file.display(), line.trim())));
    }
    assert!(files.len() > 50 && named.is_empty(), "{}", named.join("\n"));
}
