//! Several runs for a terminal.

use super::{
    Compared, METHOD, NO_INTERVAL, compared, interval, lacks_intervals, left_out, letter, seeds, share, tally, value,
    word,
};
use crate::measure::{Summary, SummaryVerdict};
use crate::report::page::{BAD, BOLD, Cell, DIM, GOOD, NOTICE, Page, plural, shortened};

/// Draws it, in color or not, at 100 columns.
pub fn text(summary: &Summary, color: bool) -> String {
    let mut page = Page::new(color);
    let title = page.paint(BOLD, &summary.lab);
    page.raw(&format!("{title} · {} · {}", plural(summary.runs.len(), "run"), seeds(summary)));
    let several = summary.combinations.len() > 1;
    let combinations = summary.combinations.iter().enumerate().map(|(index, combination)| {
        let title = combination.title();
        let name = several.then(|| Cell::left(letter(index)).styled(BOLD));
        let set = (!title.is_empty()).then(|| Cell::left(shortened(&title, 60)));
        name.into_iter().chain(set).chain([Cell::left(tally(combination)).styled(DIM)]).collect()
    });
    page.table(&combinations.collect::<Vec<_>>());
    for run in left_out(summary) {
        page.labeled("left out", &run);
    }
    for (about, figures) in compared(summary) {
        page.blank();
        let about = page.paint(BOLD, &shortened(about, 98));
        page.raw(&about);
        page.table(&rows(&figures, several));
    }
    expectations(summary, several, &mut page);
    page.blank();
    if lacks_intervals(summary) {
        page.raw(&format!("–: {NO_INTERVAL}"));
    }
    page.raw(METHOD);
    let style = match summary.verdict {
        SummaryVerdict::Pass => GOOD,
        SummaryVerdict::Fail => BAD,
        SummaryVerdict::Invalid | SummaryVerdict::Incomplete | SummaryVerdict::Interrupted => NOTICE,
    };
    let verdict = page.paint(style.bold(), word(summary.verdict));
    let passed: usize = summary.combinations.iter().map(|c| c.passed).sum();
    page.raw(&format!("{verdict}  {passed} of {} pass", plural(summary.runs.len(), "run")));
    page.finish()
}

fn rows(figures: &[Compared<'_>], several: bool) -> Vec<Vec<Cell>> {
    let head = ["n", "median", "95 % interval", "min", "max"].map(|title| Cell::right(title).styled(DIM));
    let name = |index: usize| several.then(|| Cell::left(letter(index)));
    let blank = several.then(Cell::default);
    let mut rows = vec![[Cell::default()].into_iter().chain(blank).chain(head).collect::<Vec<_>>()];
    for figure in figures {
        for (position, (index, of_runs)) in figure.rows.iter().enumerate() {
            let what = if position == 0 { figure.what } else { "" };
            let mut row: Vec<_> = [Cell::left(what)].into_iter().chain(name(*index)).collect();
            match of_runs.spread {
                Some(spread) => row.extend([
                    Cell::right(spread.n),
                    Cell::right(value(spread.median, figure.unit)).styled(BOLD),
                    Cell::right(interval(spread.interval, figure.unit)),
                    Cell::right(value(spread.min, figure.unit)),
                    Cell::right(value(spread.max, figure.unit)),
                ]),
                None => row.extend([Cell::right(0), Cell::right("not observed").styled(DIM)]),
            }
            rows.push(row);
        }
    }
    rows
}

fn expectations(summary: &Summary, several: bool, page: &mut Page) {
    let mut rows = Vec::new();
    for (index, combination) in summary.combinations.iter().enumerate() {
        for expected in &combination.expectations {
            let (sign, style) = if expected.passed == expected.of { ("✓", GOOD) } else { ("✗", BAD) };
            let name = several.then(|| Cell::left(letter(index)));
            let cells = [
                Cell::left(shortened(&expected.name, 60)),
                Cell::left(share(expected.passed, expected.of, expected.interval)),
            ];
            rows.push([Cell::left(sign).styled(style)].into_iter().chain(name).chain(cells).collect());
        }
    }
    if !rows.is_empty() {
        page.blank();
        let title = page.paint(BOLD, "expectations, runs that pass");
        page.raw(&title);
        page.table(&rows);
    }
}
