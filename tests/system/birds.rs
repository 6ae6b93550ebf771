//! Two of the shipped lab files on every BIRD that `scripts/provision --birds` has put beside the system's.

use std::path::{Path, PathBuf};

use nix::unistd::geteuid;
use serde_json::Value;

use crate::shipped::passes_with;
use crate::support::{Place, Scene, play, project, skipped};

const FILES: [&str; 2] = ["two-sites", "stub-failure"];

/// Where they are, as `scripts/provision` says.
fn folder() -> Option<PathBuf> {
    let set = |name: &str| std::env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    let cache = || set("XDG_CACHE_HOME").or_else(|| Some(set("HOME")?.join(".cache")));
    set("ANYBED_BIRDS").or_else(|| Some(cache()?.join("anybed/birds")))
}

/// The one that was asked for as `version`; where Debian no longer had that, it is a later one.
pub(crate) fn find(version: &str) -> Option<PathBuf> {
    let trees = std::fs::read_dir(folder()?).ok()?;
    let mut trees = trees.filter_map(|tree| Some(tree.ok()?.path()));
    let asked_for = |tree: &Path| std::fs::read_to_string(tree.join("asked-for")).unwrap_or_default();
    trees.find(|tree| asked_for(tree).split(' ').next() == Some(version))
}

fn plays(name: &str, version: &str) {
    let scene = Scene::of(if geteuid().is_root() { "root" } else { "rootless" });
    let Some(tree) = find(version) else {
        skipped(name, &format!("BIRD {version}: `scripts/provision --birds` puts it beside the system's"));
        return;
    };
    let has = tree.file_name().unwrap().to_str().unwrap();
    play(name, scene, |place: &Place| {
        for file in FILES {
            passes_with(place, file, &["--bird", tree.join("bird").to_str().unwrap()]);
            let text = std::fs::read_to_string(place.out(file).join("report.json")).unwrap();
            let report: Value = serde_json::from_str(&text).unwrap();
            assert_eq!(report["bird"], has, "{file}");
        }
    });
}

macro_rules! birds {
    ($($name:ident: $version:literal;)+) => {
        const VERSIONS: &[&str] = &[$($version),+];

        $(
            #[test]
            fn $name() {
                plays(stringify!($name), $version);
            }
        )+
    };
}

birds! {
    bird_2_17_6: "2.17.6";
    bird_2_20_0: "2.20.0";
    bird_3_1_8: "3.1.8";
    bird_3_4_0: "3.4.0";
}

#[test]
fn none_is_provided_that_is_not_tested() {
    let script = std::fs::read_to_string(project("scripts/birds.sh")).unwrap();
    let rows = script.split_once("\nbirds=(\n").unwrap().1.split_once("\n)").unwrap().0;
    let mut rows: Vec<_> = rows.lines().map(|row| row.trim().trim_matches('"').split(' ').next().unwrap()).collect();
    rows.sort_unstable();
    assert_eq!(rows, VERSIONS);
}
