//! Drawings that stand alone: lines, and bars in groups. Legible on light and dark pages.

use std::fmt::Write as _;

use super::page::{Figure, Source};
use crate::report::svg::{Plot, Scale, escape, line, n, plain};

/// Colors that are told apart by people who see fewer (Okabe and Ito).
const COLORS: [&str; 7] = ["#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#999999"];

const STYLE: &str = "svg{font-family:system-ui,sans-serif;background:#fff}\
    .tick,.axis,.note,.key{font-size:11px;fill:#555}.key{fill:#222}\
    .grid{stroke:#ddd;fill:none}.line{fill:none;stroke-width:2;stroke-linejoin:round}\
    .dash{stroke-dasharray:5 4}.dots{fill:none;stroke-width:5;stroke-linecap:round}";

/// A line of a drawing.
pub struct Line {
    pub name: String,
    pub points: Vec<(f64, f64)>,
    /// What is computed is dashed; what is measured has dots.
    pub derived: bool,
}

/// How an axis counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Axis {
    Linear,
    Log,
}

impl Line {
    pub fn measured(name: &str, points: Vec<(f64, f64)>) -> Self {
        Self { name: name.to_owned(), points, derived: false }
    }

    pub fn derived(name: &str, points: Vec<(f64, f64)>) -> Self {
        Self { name: name.to_owned(), points, derived: true }
    }

    /// The cumulative distribution of a sample.
    pub fn distribution(name: &str, sample: &[f64]) -> Self {
        let mut sorted = sample.to_vec();
        sorted.sort_by(f64::total_cmp);
        let count = sorted.len().max(1) as f64;
        let points = sorted.into_iter().enumerate().map(|(i, v)| (v, (i + 1) as f64 / count)).collect();
        Self { name: name.to_owned(), points, derived: false }
    }
}

/// Lines over two axes. The y axis begins at 0 unless it is logarithmic.
pub fn lines(name: &str, caption: &str, source: Source, axes: [(&str, Axis); 2], lines: &[Line]) -> Figure {
    let all = || lines.iter().flat_map(|l| &l.points);
    let [(x_label, x_axis), (y_label, y_axis)] = axes;
    let x = scale(x_axis, all().map(|p| p.0), false);
    let y = scale(y_axis, all().map(|p| p.1), true);
    let mut plot =
        Plot::new(640.0, 300.0 + rows(lines.iter().map(|l| l.name.as_str())), (60.0, 26.0, 620.0, 250.0), x, y);
    plot.x_axis(x_label, plain).y_axis(y_label, plain);
    for (one, color) in lines.iter().zip(COLORS.iter().cycle()) {
        let points: Vec<(f64, f64)> = one.points.iter().map(|(x, y)| plot.at(*x, *y)).collect();
        let dash = if one.derived { " dash" } else { "" };
        plot.raw(&format!("<path class=\"line{dash}\" stroke=\"{color}\" d=\"{}\"/>", line(points.iter().copied())));
        if !one.derived && points.len() <= 40 {
            let dots = crate::report::svg::dots(points);
            plot.raw(&format!("<path class=\"dots\" stroke=\"{color}\" d=\"{dots}\"/>"));
        }
    }
    key(&mut plot, lines.iter().map(|l| l.name.as_str()));
    Figure { name: name.into(), caption: caption.into(), source, svg: standing_alone(&plot.finish(caption)) }
}

/// Pixels of a bar that has its value above it.
const LEAST_LABELED: f64 = 24.0;

/// Pixels of a bar, as a part of its group's width.
fn bar_width(width: f64, groups: usize) -> f64 {
    560.0 / groups.max(1) as f64 * width
}

/// Groups of bars: for each group a name, and a value for each of `series`.
pub fn bars(
    name: &str,
    caption: &str,
    source: Source,
    y_label: &str,
    series: &[&str],
    groups: &[(String, Vec<f64>)],
) -> Figure {
    let most = groups.iter().flat_map(|(_, values)| values).copied().fold(0.0, f64::max);
    let (x, y) =
        (Scale::linear(0.0, groups.len() as f64), Scale::linear(0.0, if most > 0.0 { most * 1.08 } else { 1.0 }));
    let mut plot = Plot::new(640.0, 300.0 + rows(series.iter().copied()), (60.0, 26.0, 620.0, 250.0), x, y);
    plot.y_axis(y_label, plain);
    let width = 0.8 / series.len().max(1) as f64;
    for (g, (group, values)) in groups.iter().enumerate() {
        for ((s, value), color) in values.iter().enumerate().zip(COLORS.iter().cycle()) {
            let from = g as f64 + 0.1 + s as f64 * width;
            let ((left, top), (right, bottom)) = (plot.at(from, *value), plot.at(from + width * 0.92, 0.0));
            let (w, h) = (n(right - left), n(bottom - top));
            plot.raw(&format!(
                "<rect x=\"{}\" y=\"{}\" width=\"{w}\" height=\"{h}\" fill=\"{color}\"/>",
                n(left),
                n(top)
            ));
            // Of three digits each: they must not touch.
            if bar_width(width, groups.len()) >= LEAST_LABELED {
                plot.text(((left + right) / 2.0, top - 3.0), "middle", "tick", &super::page::number(*value, 2));
            }
        }
        let (x, _) = plot.at(g as f64 + 0.5, 0.0);
        for (line, part) in group.split(", ").enumerate() {
            plot.text((x, 264.0 + line as f64 * 11.0), "middle", "tick", part);
        }
    }
    if series.len() > 1 {
        key(&mut plot, series.iter().copied());
    }
    Figure { name: name.into(), caption: caption.into(), source, svg: standing_alone(&plot.finish(caption)) }
}

fn scale(axis: Axis, values: impl Iterator<Item = f64> + Clone, from_zero: bool) -> Scale {
    let low = values.clone().fold(f64::INFINITY, f64::min);
    let high = values.clone().fold(f64::NEG_INFINITY, f64::max);
    match axis {
        Axis::Log => {
            let least = values.filter(|v| *v > 0.0).fold(f64::INFINITY, f64::min);
            if least.is_finite() { Scale::log(least, high) } else { Scale::log(0.1, 1.0) }
        }
        Axis::Linear if !low.is_finite() => Scale::linear(0.0, 1.0),
        Axis::Linear => Scale::linear(if from_zero { low.min(0.0) } else { low }, high * 1.02),
    }
}

/// Names below a drawing: three in a row, or two if one is longer than a third of it.
fn columns<'a>(names: impl Iterator<Item = &'a str>) -> usize {
    if names.map(|name| name.chars().count()).max().unwrap_or(0) > 27 { 2 } else { 3 }
}

/// Their height.
fn rows<'a>(names: impl Iterator<Item = &'a str> + Clone) -> f64 {
    names.clone().count().div_ceil(columns(names)) as f64 * 18.0
}

fn key<'a>(plot: &mut Plot, names: impl Iterator<Item = &'a str> + Clone) {
    let columns = columns(names.clone());
    for ((i, name), color) in names.enumerate().zip(COLORS.iter().cycle()) {
        let (x, y) = (60.0 + (i % columns) as f64 * 570.0 / columns as f64, 300.0 + (i / columns) as f64 * 18.0);
        let mut markup = String::new();
        // Writing to a string cannot fail.
        let _ =
            write!(markup, "<rect x=\"{}\" y=\"{}\" width=\"12\" height=\"4\" fill=\"{color}\"/>", n(x), n(y - 5.0));
        plot.raw(&markup).text((x + 18.0, y), "start", "key", name);
    }
}

/// With a name space and its own style.
fn standing_alone(svg: &str) -> String {
    let head = format!("<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"640\"><style>{}</style>", escape(STYLE));
    // Plots are `<svg class="plot" …>`: the outer element's size and style go in front.
    let inner = svg.replacen("<svg ", "<svg x=\"0\" y=\"0\" ", 1);
    let height = inner.split("viewBox=\"0 0 640 ").nth(1).and_then(|rest| rest.split('"').next()).unwrap_or("300");
    let head =
        head.replacen("width=\"640\"", &format!("width=\"640\" height=\"{height}\" viewBox=\"0 0 640 {height}\""), 1);
    format!("{head}<rect width=\"640\" height=\"{height}\" fill=\"#fff\"/>{inner}</svg>\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn drawings_are_xml_and_hold_all_their_lines() {
        let two = [Line::measured("a < b", vec![(1.0, 1.0), (10.0, 2.0)]), Line::derived("c", vec![(1.0, 3.0)])];
        let axes = [("nodes", Axis::Log), ("hops", Axis::Linear)];
        let drawn = lines("hops", "Hops & nodes", Source::Simulated, axes, &two).svg;
        let parsed = roxmltree::Document::parse(&drawn).unwrap();
        let paths = parsed.descendants().filter(|n| n.attribute("class").is_some_and(|c| c.starts_with("line")));
        assert_eq!(paths.count(), 2, "{drawn}");
        assert!(parsed.descendants().any(|n| n.text() == Some("a < b")));
    }

    #[test]
    fn every_bar_is_there_even_if_all_are_zero() {
        let groups = [("x".to_owned(), vec![0.0, 0.0]), ("y".to_owned(), vec![0.0, 0.0])];
        let drawn = bars("b", "Bars", Source::Lab, "count", &["p", "q"], &groups).svg;
        let parsed = roxmltree::Document::parse(&drawn).unwrap();
        assert_eq!(parsed.descendants().filter(|n| n.has_tag_name("rect")).count(), 4 + 2 + 1);
    }

    #[test]
    fn a_distribution_ends_at_one() {
        assert_eq!(Line::distribution("d", &[3.0, 1.0]).points, [(1.0, 0.5), (3.0, 1.0)]);
    }
}
