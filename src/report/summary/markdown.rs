//! Several runs as Markdown, for the summaries of continuous integration.

use std::fmt::Write;

use super::{
    METHOD, NO_INTERVAL, compared, interval, lacks_intervals, left_out, letter, seeds, share, tally, value, word,
};
use crate::measure::Summary;
use crate::report::markdown::{cell, table};
use crate::report::page::plural;

/// Draws combinations, figures and expectations.
pub fn markdown(summary: &Summary) -> String {
    let mut lines = format!("## {}: {}\n\n", cell(&summary.lab), word(summary.verdict));
    // Writing to a string cannot fail.
    let _ = writeln!(
        lines,
        "{} · {} · BIRD {} · {METHOD}",
        plural(summary.runs.len(), "run"),
        seeds(summary),
        summary.bird
    );
    if lacks_intervals(summary) {
        let _ = writeln!(lines, "\n–: {NO_INTERVAL}");
    }
    for run in left_out(summary) {
        let _ = writeln!(lines, "\n> **Left out:** {}", cell(&run));
    }
    let several = summary.combinations.len() > 1;
    let name = |index: usize| if several { letter(index) } else { String::new() };
    let combinations = summary.combinations.iter().enumerate();
    table(&mut lines, "Runs", &["", "set", "runs"], combinations.map(|(i, c)| vec![name(i), c.title(), tally(c)]));
    for (about, figures) in compared(summary) {
        let rows = figures.iter().flat_map(|figure| {
            figure.rows.iter().map(|(index, of_runs)| {
                let spread = of_runs.spread;
                let number = |of: fn(&crate::measure::Spread) -> f64| {
                    spread.as_ref().map_or_else(|| "–".to_owned(), |s| value(of(s), figure.unit))
                };
                vec![
                    figure.what.to_owned(),
                    name(*index),
                    spread.map_or(0, |s| s.n).to_string(),
                    number(|s| s.median),
                    interval(spread.and_then(|s| s.interval), figure.unit),
                    number(|s| s.min),
                    number(|s| s.max),
                ]
            })
        });
        table(&mut lines, &cell(about), &["figure", "", "n", "median", "95 % interval", "min", "max"], rows);
    }
    let expected = summary
        .combinations
        .iter()
        .enumerate()
        .flat_map(|(index, combination)| combination.expectations.iter().map(move |e| (index, e)));
    let rows: Vec<Vec<String>> = expected
        .map(|(index, e)| {
            let verdict = if e.passed == e.of { "pass" } else { "**fail**" };
            vec![verdict.to_owned(), name(index), e.name.clone(), share(e.passed, e.of, e.interval)]
        })
        .collect();
    if !rows.is_empty() {
        table(&mut lines, "Expectations", &["", "", "expected", "runs that pass"], rows.into_iter());
    }
    lines.replace('\u{a0}', " ")
}
