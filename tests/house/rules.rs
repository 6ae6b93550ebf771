//! What must hold of the sources: arrows between rooms as the table permits, no circles of files, no long files.

use std::collections::{BTreeMap, BTreeSet};

use crate::tree::{Arrow, Tree};

/// No file has more lines.
const LONGEST: usize = 400;

/// Which rooms a room may import.
pub(crate) type Table = BTreeMap<String, BTreeSet<String>>;

/// A rule that is not kept.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Breach {
    /// Files that depend on each other.
    Circle(Vec<String>),
    /// A file, and a room it may not import.
    Arrow(String, String),
    /// A file of too many lines.
    Long(String),
    /// The table itself.
    Table(String),
}

/// The table in a document: rows between `| room | may import |` and the next empty line, names in backticks.
pub(crate) fn table(document: &str) -> Table {
    let rows = document.lines().skip_while(|line| !line.starts_with("| room | may import |")).skip(2);
    rows.take_while(|line| line.starts_with('|'))
        .map(|row| {
            let mut names = row.split('`').skip(1).step_by(2).map(ToOwned::to_owned);
            (names.next().expect("a row names a room"), names.collect())
        })
        .collect()
}

/// Every breach, with what makes it one.
pub(crate) fn breaches(tree: &Tree, table: &Table) -> Vec<(Breach, String)> {
    let arrows = tree.arrows();
    let mut found = of_table(tree, table);
    found.extend(of_rooms(tree, table, &arrows));
    found.extend(circles(tree, &arrows));
    found.extend(tree.files.iter().filter_map(|(name, text)| {
        let lines = text.lines().count();
        (lines > LONGEST).then(|| (Breach::Long(name.clone()), format!("{name}: {lines} lines")))
    }));
    found
}

fn of_table(tree: &Tree, table: &Table) -> Vec<(Breach, String)> {
    let rooms: BTreeSet<&str> = (0..tree.files.len()).map(|file| tree.room(file)).collect();
    let rooms: BTreeSet<&str> = rooms.into_iter().filter(|room| !["lib", "main"].contains(room)).collect();
    let rows: BTreeSet<&str> = table.keys().map(String::as_str).collect();
    let missing = rooms.difference(&rows).map(|room| format!("the table has no row for {room}"));
    let named = rows.iter().copied().chain(table.values().flatten().map(String::as_str));
    let gone: BTreeSet<&str> = named.filter(|row| !rooms.contains(row)).collect();
    let gone = gone.into_iter().map(|row| format!("the table has {row}, which is no room"));
    let names: Vec<&str> = rows.iter().copied().collect();
    let to = |from: usize| {
        let may = table.get(names[from]).into_iter().flatten();
        may.filter_map(|room| names.iter().position(|name| name == room)).collect()
    };
    let circles = components(names.len(), to);
    let circles = circles.into_iter().map(|circle| {
        let circle: Vec<&str> = circle.into_iter().map(|at| names[at]).collect();
        format!("the table permits a circle: {}", circle.join(", "))
    });
    missing.chain(gone).chain(circles).map(|text| (Breach::Table(text.clone()), text)).collect()
}

fn of_rooms(tree: &Tree, table: &Table, arrows: &[Arrow]) -> Vec<(Breach, String)> {
    let mut found: BTreeMap<(usize, &str), Vec<&Arrow>> = BTreeMap::new();
    for arrow in arrows {
        let from = tree.room(arrow.from);
        for room in BTreeSet::from([arrow.room.as_str(), tree.room(arrow.to)]) {
            if room != from && from != "lib" && !table.get(from).is_some_and(|may| may.contains(room)) {
                found.entry((arrow.from, room)).or_default().push(arrow);
            }
        }
    }
    let told = found.into_iter().map(|((file, room), arrows)| {
        let (from, name) = (tree.room(file), &tree.files[file].0);
        let text = format!("{name}:{}: {from} may not import {room}", lines(arrows.into_iter()));
        (Breach::Arrow(name.clone(), room.to_owned()), text)
    });
    told.collect()
}

fn lines<'a>(arrows: impl Iterator<Item = &'a Arrow>) -> String {
    let lines: BTreeSet<usize> = arrows.map(|arrow| arrow.line).collect();
    lines.iter().map(usize::to_string).collect::<Vec<_>>().join(",")
}

fn circles(tree: &Tree, arrows: &[Arrow]) -> Vec<(Breach, String)> {
    let mut to: BTreeMap<usize, BTreeSet<usize>> = BTreeMap::new();
    for arrow in arrows.iter().filter(|arrow| !arrow.facade) {
        to.entry(arrow.from).or_default().insert(arrow.to);
    }
    let all = components(tree.files.len(), |from| to.get(&from).into_iter().flatten().copied().collect());
    let told = all.into_iter().map(|circle| {
        let names: Vec<String> = circle.iter().map(|&file| tree.files[file].0.clone()).collect();
        let mut text = format!("a circle of {}: {}", circle.len(), names.join(" "));
        for (from, to) in circle.iter().flat_map(|&from| circle.iter().map(move |&to| (from, to))) {
            let mut between =
                arrows.iter().filter(|arrow| !arrow.facade && (arrow.from, arrow.to) == (from, to)).peekable();
            if from != to && between.peek().is_some() {
                let (from, to) = (&tree.files[from].0, &tree.files[to].0);
                text += &format!("\n    {from}:{} -> {to}", lines(between));
            }
        }
        (Breach::Circle(names), text)
    });
    told.collect()
}

/// The strongly connected components of more than one node: nodes that reach each other.
fn components(nodes: usize, to: impl Fn(usize) -> Vec<usize>) -> Vec<Vec<usize>> {
    let arrows: Vec<Vec<usize>> = (0..nodes).map(to).collect();
    let reach = |from: usize| {
        let (mut reached, mut left) = (BTreeSet::new(), vec![from]);
        while let Some(node) = left.pop() {
            left.extend(arrows[node].iter().copied().filter(|&next| reached.insert(next)));
        }
        reached
    };
    let reached: Vec<BTreeSet<usize>> = (0..nodes).map(reach).collect();
    let mut all: BTreeSet<Vec<usize>> = BTreeSet::new();
    for node in 0..nodes {
        let circle: Vec<usize> =
            (0..nodes).filter(|&other| reached[node].contains(&other) && reached[other].contains(&node)).collect();
        if circle.len() > 1 {
            all.insert(circle);
        }
    }
    all.into_iter().collect()
}
