//! Who moved between two surveys, as text.

use std::collections::BTreeSet;

use super::page::{BAD, BOLD, Cell, DIM, Page, plural};
use crate::record::moves::Moves;

/// Prints what changed, an address after the other.
pub fn moves(found: &[Moves], color: bool) -> String {
    let mut page = Page::new(color);
    for (number, moves) in found.iter().enumerate() {
        if number > 0 {
            page.blank();
        }
        let title = page.paint(BOLD, &moves.address.to_string());
        page.raw(&format!(
            "{title} · {}: {} of {} moved",
            moves.group,
            moves.moved.len(),
            plural(moves.compared, "node")
        ));
        table(&mut page, moves);
        let site = |(name, [before, after]): (&String, &[usize; 2])| {
            let name = if name.is_empty() { "no site" } else { name };
            format!("{name} {before} → {after}").replace(' ', "\u{a0}")
        };
        page.labeled("by site", &moves.sites.iter().map(site).collect::<Vec<_>>().join(", "));
        for (label, names) in [("only before", &moves.only_before), ("only after", &moves.only_after)] {
            if !names.is_empty() {
                page.labeled(label, &names.join(", "));
            }
        }
        if moves.unsettled {
            page.labeled(
                "unsettled",
                "routes, links or processes changed during one of the surveys: who moved meanwhile is of neither",
            );
        }
    }
    page.finish()
}

fn table(page: &mut Page, moves: &Moves) {
    if moves.moved.is_empty() {
        return;
    }
    let header = ["node", "AS", "before", "after"];
    let mut rows = vec![header.iter().map(|word| Cell::left(*word).styled(DIM)).collect::<Vec<_>>()];
    let names = |members: &BTreeSet<String>| {
        let names: Vec<&str> = members.iter().map(String::as_str).collect();
        if names.is_empty() { "nobody".to_owned() } else { names.join(" or ") }
    };
    for moved in &moves.moved {
        let after = Cell::left(names(&moved.after));
        let after = after.styled(if moved.after.is_empty() { BAD } else { BOLD });
        rows.push(vec![
            Cell::left(moved.node.clone()),
            Cell::left(moved.as_name.clone()),
            Cell::left(names(&moved.before)),
            after,
        ]);
    }
    page.table(&rows);
}
