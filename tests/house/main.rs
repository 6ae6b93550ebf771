//! The house keeps its order: rooms import what the table in `docs/architecture.md` permits, no files depend on each
//! other in a circle, and none is long.

mod rules;
mod tree;

use std::fs;
use std::path::Path;

use rules::{Breach, breaches, table};
use tree::Tree;

fn sources(dir: &Path, root: &Path, found: &mut Vec<(String, String)>) {
    for path in fs::read_dir(dir).expect("a folder").map(|entry| entry.expect("an entry").path()) {
        if path.is_dir() {
            sources(&path, root, found);
        } else if path.extension().is_some_and(|e| e == "rs") {
            let name = path.strip_prefix(root).expect("below the root").display().to_string();
            found.push((name, fs::read_to_string(&path).expect("text")));
        }
    }
}

#[test]
fn the_house_is_in_order() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut files = Vec::new();
    sources(&root.join("src"), &root.join("src"), &mut files);
    assert!(files.len() > 100, "these are not the sources: {}", files.len());
    let document = fs::read_to_string(root.join("docs/architecture.md")).expect("the document");
    let found = breaches(&Tree::parse(files), &table(&document));
    let wrong: Vec<String> = found.into_iter().map(|(_, text)| text).collect();
    assert!(wrong.is_empty(), "\n{}\n", wrong.join("\n"));
}

fn made_up(files: &[(&str, &str)], rows: &str) -> Vec<Breach> {
    let files = files.iter().map(|(name, text)| ((*name).to_owned(), (*text).to_owned())).collect();
    let document = format!("# A house\n\n| room | may import |\n|---|---|\n{rows}\n\nMore.\n");
    breaches(&Tree::parse(files), &table(&document)).into_iter().map(|(breach, _)| breach).collect()
}

const LIB: (&str, &str) = ("lib.rs", "pub mod attic;\npub mod cellar;\n");
const ROWS: &str = "| `attic` | `cellar` |\n| `cellar` | nothing |\n";

#[test]
fn a_house_in_order_has_no_breach() {
    let attic = "mod beam;\npub use beam::Beam;\nuse crate::cellar::Stone;\npub struct Roof(Beam, Stone);\n";
    let beam = "pub struct Beam;\n#[cfg(test)]\nmod tests {\n    use super::super::Roof;\n}\n";
    let files = [LIB, ("attic/mod.rs", attic), ("attic/beam.rs", beam), ("cellar/mod.rs", "pub struct Stone;\n")];
    assert_eq!(made_up(&files, ROWS), []);
}

#[test]
fn circles_and_forbidden_arrows_are_caught() {
    let attic = "pub mod beam;\nmod post;\npub use post::Post;\n";
    let beam = "use crate::attic::Post;\npub struct Beam(Post);\n";
    let post = "pub struct Post;\nfn on() { println!(\"{}\", super::beam::Beam::long()); }\n";
    let files = [
        LIB,
        ("attic/mod.rs", attic),
        ("attic/beam.rs", beam),
        ("attic/post.rs", post),
        ("cellar.rs", "use crate::attic;\nfn look(_: attic::Post) {}\n"),
    ];
    let circle = ["attic/beam.rs", "attic/post.rs"].map(ToOwned::to_owned).to_vec();
    let arrow = Breach::Arrow("cellar.rs".into(), "attic".into());
    assert_eq!(made_up(&files, ROWS), [arrow, Breach::Circle(circle)]);
}

#[test]
fn long_files_and_wrong_tables_are_caught() {
    let files = [LIB, ("attic.rs", &"\n".repeat(401)), ("cellar.rs", "")];
    assert_eq!(made_up(&files, ROWS), [Breach::Long("attic.rs".into())]);
    let told = |rows| {
        let breaches = made_up(&[LIB, ("attic.rs", ""), ("cellar.rs", "")], rows);
        breaches.into_iter().map(|breach| if let Breach::Table(text) = breach { text } else { panic!("{breach:?}") })
    };
    assert!(told("| `attic` | |\n").eq(["the table has no row for cellar"]));
    assert!(told("| `attic` | |\n| `cellar` | `shed` |\n").eq(["the table has shed, which is no room"]));
    let both = "| `attic` | `cellar` |\n| `cellar` | `attic` |\n";
    assert!(told(both).eq(["the table permits a circle: attic, cellar"]));
}
