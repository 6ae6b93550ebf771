//! `docs/lab-file.md` says what the code does: every key, every form, and examples that load.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use anybed::scenario::metrics::{Kind, Shape};
use anybed::scenario::{acts, metrics, read_text};
use anybed::topology::{Overrides, keys};

const DOC: &str = include_str!("../../docs/lab-file.md");

/// The first cell of every table row, as it reads without Markdown's escapes.
fn first_cells(section: &str) -> BTreeSet<String> {
    let rows = section.lines().filter_map(|line| line.strip_prefix("| `")?.split_once("` |"));
    rows.map(|(cell, _)| cell.replace("\\|", "|")).collect()
}

fn section(title: &str) -> &'static str {
    let start = DOC.find(&format!("\n## {title}\n")).unwrap_or_else(|| panic!("no section {title}"));
    let body = &DOC[start + 4..];
    &body[..body.find("\n## ").unwrap_or(body.len())]
}

#[test]
fn every_key_has_a_row_and_every_row_a_key() {
    let mut documented: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    let mut table = String::new();
    for line in DOC.lines() {
        if let Some(title) = line.strip_prefix("## ") {
            table = title.trim_matches(['`', '[', ']']).to_owned();
        } else if let Some(rest) = line.strip_prefix("| key of `") {
            table = rest.split('`').next().unwrap().to_owned();
        } else if let Some((key, _)) = line.strip_prefix("| `").and_then(|rest| rest.split_once("` |")) {
            documented.entry(table.clone()).or_default().insert(key.to_owned());
        }
    }
    for (table, keys) in keys::KEYS.iter() {
        let keys: BTreeSet<_> = keys.iter().map(|k| (*k).to_owned()).collect();
        if table.is_empty() {
            let sections = documented.keys().filter(|t| !t.contains('.') && t.chars().all(|c| c.is_ascii_lowercase()));
            assert_eq!(sections.cloned().collect::<BTreeSet<_>>(), keys);
        } else {
            assert_eq!(documented.get(*table), Some(&keys), "[{table}]");
        }
    }
}

#[test]
fn every_form_has_a_row_and_every_row_a_form() {
    let actions: BTreeSet<_> = acts::verbs().map(|verb| verb.form.to_owned()).collect();
    assert_eq!(first_cells(section("Actions")), actions);
    let metrics: BTreeSet<_> = metrics::rows().map(|row| row.form.to_owned()).collect();
    assert_eq!(first_cells(section("Expectations")), metrics);
}

#[test]
fn metrics_are_of_the_shape_and_kind_that_their_rows_say() {
    let rows: BTreeMap<String, &str> = section("Expectations")
        .lines()
        .filter_map(|line| line.strip_prefix("| `")?.split_once("` | "))
        .filter_map(|(form, rest)| Some((form.replace("\\|", "|"), rest.split_once(" |")?.0)))
        .collect();
    for row in metrics::rows() {
        let says = rows[row.form];
        assert_eq!(says.starts_with("state"), row.shape == Shape::State, "{}: {says}", row.form);
        let kind = match row.kind {
            Kind::Count if row.shape == Shape::State => "whole number",
            Kind::Count => "counter",
            Kind::Ratio => "share",
            Kind::Factor => "factor",
            Kind::Seconds => "time",
            Kind::YesNo => "`yes` or `no`",
            Kind::Site => "a host or a stub",
            Kind::Path => "ASes",
        };
        assert!(says.contains(kind), "{}: {says}, not {kind}", row.form);
    }
}

#[test]
fn the_examples_load() {
    let load =
        |text: &str| read_text(Path::new("lab.toml"), text, &Overrides::default()).unwrap_or_else(|e| panic!("{e}"));
    let (mut whole, mut fragments) = (0, String::new());
    for block in DOC.split("\n```toml").skip(1) {
        let (kind, rest) = block.split_once('\n').unwrap();
        let text = &rest[..rest.find("\n```").unwrap() + 1];
        match kind.trim() {
            "" => {
                load(text);
                whole += 1;
            }
            "fragment" => fragments.push_str(text),
            other => panic!("what is a block of `{other}`?"),
        }
    }
    assert!(whole > 0);
    let (topology, scenario) = load(&fragments);
    assert_eq!(topology.name, "example");
    assert!(topology.groups.len() > 2 && !scenario.expectations.is_empty());
}

#[test]
fn the_examples_show_every_key() {
    let fragments: String = DOC.split("\n```toml fragment\n").skip(1).map(|b| &b[..b.find("\n```").unwrap()]).collect();
    for (table, keys) in keys::KEYS.iter().filter(|(table, _)| !table.is_empty()) {
        for key in keys.iter().filter(|key| !key.starts_with("graphml")) {
            assert!(fragments.contains(&format!("{key} = ")), "no example of `{key}` in [{table}]");
        }
    }
}
