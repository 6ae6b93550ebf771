//! Several runs as one page: `summary.html`, complete in itself, in the style of `report.html`.

use minijinja::value::Serde;
use minijinja::{Environment, UndefinedBehavior};
use serde::Serialize;

use super::{
    Compared, METHOD, NO_INTERVAL, compared, interval, lacks_intervals, left_out, letter, seeds, share, tally, value,
    word,
};
use crate::measure::{Summary, Unit};
use crate::report::page::{plural, shortened};
use crate::report::svg::{Plot, Scale, brief, dots, n, plain};

/// Pixels.
const ROW: f64 = 20.0;
const TOP: f64 = 12.0;
const WIDTH: f64 = 464.0;
const RIGHT: f64 = 452.0;

#[derive(Serialize)]
struct View<'a> {
    summary: &'a Summary,
    style: &'static str,
    own_style: &'static str,
    verdict: &'static str,
    runs: String,
    seeds: String,
    method: &'static str,
    no_interval: Option<&'static str>,
    left_out: Vec<String>,
    several: bool,
    combinations: Vec<[String; 3]>,
    subjects: Vec<SubjectView>,
    expectations: Vec<ExpectedView>,
}

/// A fault or an overlay.
#[derive(Serialize)]
struct SubjectView {
    name: String,
    figures: Vec<FigureView>,
}

#[derive(Serialize)]
struct FigureView {
    name: String,
    /// `None`: all values are the same.
    plot: Option<String>,
    rows: Vec<[String; 6]>,
}

#[derive(Serialize)]
struct ExpectedView {
    class: &'static str,
    letter: String,
    name: String,
    share: String,
}

/// Draws the page.
pub fn html(summary: &Summary) -> String {
    let several = summary.combinations.len() > 1;
    let subject = |(about, figures): (&str, Vec<Compared<'_>>)| SubjectView {
        name: about.to_owned(),
        figures: figures.iter().map(|figure| view(figure, several)).collect(),
    };
    let combinations = summary.combinations.iter().enumerate();
    let view = View {
        summary,
        style: include_str!("../html/style.css"),
        own_style: include_str!("summary.css"),
        verdict: word(summary.verdict),
        runs: plural(summary.runs.len(), "run"),
        seeds: seeds(summary),
        method: METHOD,
        no_interval: lacks_intervals(summary).then_some(NO_INTERVAL),
        left_out: left_out(summary),
        several,
        combinations: combinations.map(|(i, c)| [letter(i), c.title(), tally(c)]).collect(),
        subjects: compared(summary).into_iter().map(subject).collect(),
        expectations: expectations(summary, several),
    };
    let mut environment = Environment::new();
    environment.set_undefined_behavior(UndefinedBehavior::Strict);
    let page = environment.render_named_str("summary.html", include_str!("summary.html"), Serde(&view));
    page.expect("the page's template is part of the program, and tested")
}

fn view(figure: &Compared<'_>, several: bool) -> FigureView {
    let row = |(index, of_runs): &(usize, &crate::measure::FigureOfRuns)| {
        let name = if several { letter(*index) } else { String::new() };
        let number = |of: fn(&crate::measure::Spread) -> f64| {
            of_runs.spread.as_ref().map_or_else(|| "–".to_owned(), |s| value(of(s), figure.unit))
        };
        let spread = of_runs.spread;
        [
            name,
            spread.map_or(0, |s| s.n).to_string(),
            number(|s| s.median),
            interval(spread.and_then(|s| s.interval), figure.unit),
            number(|s| s.min),
            number(|s| s.max),
        ]
    };
    FigureView {
        name: figure.what.to_owned(),
        plot: plot(figure, several),
        rows: figure.rows.iter().map(row).collect(),
    }
}

/// A row of dots for each combination, with its median and the median's interval.
fn plot(figure: &Compared<'_>, several: bool) -> Option<String> {
    let spreads = figure.rows.iter().filter_map(|(_, f)| f.spread);
    let (low, high) =
        spreads.fold((f64::INFINITY, 0.0), |(low, high), s| (f64::min(low, s.min), f64::max(high, s.max)));
    if low >= high {
        return None;
    }
    let is_wide = figure.unit == Unit::Ms && low > 0.0 && high > 10.0 * low;
    let x = if is_wide { Scale::log(low, high) } else { Scale::linear(0.0, high * 1.05) };
    let (left, bottom) = (if several { 34.0 } else { 12.0 }, TOP + ROW * figure.rows.len() as f64);
    let mut plot = Plot::new(WIDTH, bottom + 22.0, (left, TOP, RIGHT, bottom), x, Scale::linear(0.0, 1.0));
    match figure.unit {
        Unit::Ms => plot.x_axis("", brief),
        Unit::Count => plot.x_axis("", plain),
    };
    for (position, (index, of_runs)) in figure.rows.iter().enumerate() {
        let y = TOP + ROW * (position as f64 + 0.5);
        let x = |value: f64| plot_x(&plot, value);
        if let Some(spread) = of_runs.spread {
            let points = of_runs.values.iter().flatten().map(|value| (x(*value), y));
            let run_dots = dots(points);
            let bar = spread.interval.map(|i| format!("M{} {}H{}", n(x(i.low)), n(y), n(x(i.high))));
            let middle = format!("M{} {}v{}", n(x(spread.median)), n(y - 7.0), 14);
            plot.path("interval", &bar.unwrap_or_default());
            plot.path("runs", &run_dots);
            plot.path("median", &middle);
        }
        if several {
            plot.text((left - 10.0, y + 4.0), "end", "row", &letter(*index));
        }
    }
    Some(plot.finish(&format!("{} in each run", figure.what)))
}

fn plot_x(plot: &Plot, value: f64) -> f64 {
    plot.at(value, 0.0).0
}

fn expectations(summary: &Summary, several: bool) -> Vec<ExpectedView> {
    let mut found = Vec::new();
    for (index, combination) in summary.combinations.iter().enumerate() {
        for expected in &combination.expectations {
            found.push(ExpectedView {
                class: if expected.passed == expected.of { "pass" } else { "fail" },
                letter: if several { letter(index) } else { String::new() },
                name: shortened(&expected.name, 120),
                share: share(expected.passed, expected.of, expected.interval),
            });
        }
    }
    found
}
