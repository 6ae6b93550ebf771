//! The catchment tables of the text report: who answers whom, before and after.

use std::collections::{BTreeMap, BTreeSet};

use crate::measure::{Catchment, Report};
use crate::report::page::{BOLD, Cell, DIM, NOTICE, Page, moment, short_name, shortened};

/// Above this, a table counts clients by member instead of naming them.
const MOST_CLIENTS: usize = 16;
/// Columns of moments that fit a page.
const MOST_MOMENTS: usize = 4;

/// One table per probed group.
pub(crate) fn catchments(page: &mut Page, report: &Report) {
    let mut groups: Vec<&str> = Vec::new();
    for catchment in &report.catchments {
        if !groups.contains(&catchment.group_name.as_str()) {
            groups.push(&catchment.group_name);
        }
    }
    for group in groups {
        let of_group: Vec<&Catchment> = report.catchments.iter().filter(|c| c.group_name == group).collect();
        draw(page, &of_group);
    }
}

fn draw(page: &mut Page, catchments: &[&Catchment]) {
    let mut columns = catchments.to_vec();
    columns.dedup_by(|later, earlier| later.clients == earlier.clients);
    let Some(first) = columns.first().copied() else { return };
    page.blank();
    let title = page.paint(BOLD, &format!("catchments of {}", first.group));
    page.raw(&format!("{title} {}", page.paint(DIM, &format!("· {}", first.group_name))));
    let hidden = columns.len().saturating_sub(MOST_MOMENTS);
    if hidden > 0 {
        // The begin, and how it ended.
        columns.drain(1..=hidden);
    }
    let width = (84 / columns.len()).clamp(19, 30) - 2;
    let mut rows = Vec::new();
    if columns.len() > 1 {
        rows.push(vec![Cell::left(" ".repeat(10))]);
        rows[0].extend(columns.iter().map(|c| Cell::left(shortened(&c.moment, width)).styled(DIM)));
    }
    rows.extend(if first.clients.len() > MOST_CLIENTS { by_member(&columns) } else { by_client(&columns, width) });
    page.table(&rows);
    if hidden > 0 {
        page.labeled("", &format!("{hidden} changes in between are in report.json"));
    }
    disagreements(page, catchments);
}

fn by_client(columns: &[&Catchment], width: usize) -> Vec<Vec<Cell>> {
    let clients: BTreeSet<&String> = columns.iter().flat_map(|c| c.clients.keys()).collect();
    let row = |client: &&String| {
        let mut row = vec![Cell::left(format!("{client:<10}"))];
        let mut last: Option<String> = None;
        for column in columns {
            let member = column.clients.get(*client).cloned().flatten().unwrap_or_else(|| "nobody".to_owned());
            let moved = last.as_ref().is_some_and(|last| *last != member);
            let cell = Cell::left(short_name(&member, width));
            row.push(if moved { cell.styled(NOTICE) } else { cell });
            last = Some(member);
        }
        row
    };
    clients.iter().map(row).collect()
}

/// Members by the number of clients at first, the others after them.
fn by_member(columns: &[&Catchment]) -> Vec<Vec<Cell>> {
    let count = |column: &Catchment| {
        let mut counts: BTreeMap<String, usize> = BTreeMap::new();
        for member in column.clients.values() {
            *counts.entry(member.clone().unwrap_or_else(|| "nobody".to_owned())).or_default() += 1;
        }
        counts
    };
    let counts: Vec<BTreeMap<String, usize>> = columns.iter().map(|c| count(c)).collect();
    let mut members: Vec<&String> = counts.iter().flat_map(|c| c.keys()).collect::<BTreeSet<_>>().into_iter().collect();
    members.sort_by_key(|m| std::cmp::Reverse(counts[0].get(*m).copied().unwrap_or(0)));
    let cell = |counts: &BTreeMap<String, usize>, member: &String| {
        let count = counts.get(member).copied().unwrap_or(0);
        Cell::left(if count == 1 { "1 client".to_owned() } else { format!("{count} clients") })
    };
    let row = |member: &&String| {
        let name = Cell::left(format!("{:<10}", short_name(member, 24)));
        std::iter::once(name).chain(counts.iter().map(|c| cell(c, member))).collect()
    };
    members.iter().take(2 * MOST_CLIENTS).map(row).collect()
}

fn disagreements(page: &mut Page, catchments: &[&Catchment]) {
    let mut told = BTreeSet::new();
    for catchment in catchments {
        for found in &catchment.disagreements {
            if told.len() < 4 && told.insert((&found.client, &found.answered_by, &found.routed_to)) {
                let routed = found.routed_to.join(" or ");
                let (client, member) = (&found.client, &found.answered_by);
                let text = format!(
                    "{client} is answered by {member} at {}, but the kernel routes lead to {routed}",
                    moment(catchment.at)
                );
                page.labeled("disagree", &text);
                for way in &found.ways {
                    page.labeled("routes", &format!("{client} → {}", way.join(" → ")));
                }
            }
        }
    }
}
