//! Nobody outside `src/overlay` knows a protocol by its name: whoever wants one asks the table.

use std::fs;
use std::path::{Path, PathBuf};

use anybed::overlay::Protocol;

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
    let rooms = ["overlay::structured".to_owned(), "overlay::unstructured".to_owned()];
    let names =
        Protocol::all().flat_map(|p| [format!("\"{}\"", p.name), format!("{}::", p.title), format!("{}::", p.name)]);
    let words: Vec<String> = rooms.into_iter().chain(names).collect();
    let mut named = Vec::new();
    for file in files.iter().filter(|file| !file.starts_with(root.join("overlay"))) {
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
