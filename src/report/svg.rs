//! Parts of drawings: escaped text, short numbers, plots with axes.

use std::collections::BTreeSet;
use std::fmt::Write;

/// For the inside of an element or of an attribute in double quotes. What XML 1.0 cannot hold is left out.
pub(crate) fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\t' | '\n' | '\r' => escaped.push(c),
            c if c < ' ' || c == '\u{fffe}' || c == '\u{ffff}' => {}
            c => escaped.push(c),
        }
    }
    escaped
}

/// A coordinate to a tenth of a pixel, as short as that is.
pub(crate) fn n(value: f64) -> String {
    let text = format!("{value:.1}");
    let text = text.strip_suffix(".0").unwrap_or(&text);
    if text == "-0" { "0".to_owned() } else { text.to_owned() }
}

/// Dots as one path: with round caps, a line of no length is a disc of the stroke's width. Those that
/// would cover each other are drawn once.
pub(crate) fn dots(points: impl IntoIterator<Item = (f64, f64)>) -> String {
    let grid: BTreeSet<(i64, i64)> =
        points.into_iter().map(|(x, y)| ((x * 2.0).round() as i64, (y * 2.0).round() as i64)).collect();
    grid.into_iter().fold(String::new(), |mut path, (x, y)| {
        // Writing to a string cannot fail.
        let _ = write!(path, "M{} {}h0", n(x as f64 / 2.0), n(y as f64 / 2.0));
        path
    })
}

/// A polyline's path.
pub(crate) fn line(points: impl IntoIterator<Item = (f64, f64)>) -> String {
    let mut path = String::new();
    for (i, (x, y)) in points.into_iter().enumerate() {
        let _ = write!(path, "{}{} {}", if i == 0 { 'M' } else { 'L' }, n(x), n(y));
    }
    path
}

/// One axis: from values to a share of its length.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Scale {
    from: f64,
    to: f64,
    log: bool,
}

impl Scale {
    pub(crate) fn linear(from: f64, to: f64) -> Self {
        Self { from, to: if to > from { to } else { from + 1.0 }, log: false }
    }

    /// Whole decades, or their 2 and 5, around positive values.
    pub(crate) fn log(from: f64, to: f64) -> Self {
        let steps = |value: f64, up: bool| {
            let decade = 10_f64.powf(value.log10().floor());
            let found = [1.0, 2.0, 5.0, 10.0].map(|step| step * decade);
            match up {
                true => found.into_iter().find(|s| *s >= value * 0.999),
                false => found.into_iter().rev().find(|s| *s <= value * 1.001),
            }
        };
        let (from, to) = (from.max(1e-6), to.max(1e-6));
        let low = steps(from, false).unwrap_or(from);
        let high = steps(to, true).unwrap_or(to);
        Self { from: low, to: if high > low { high } else { low * 10.0 }, log: true }
    }

    pub(crate) fn unit(&self, value: f64) -> f64 {
        let share = if self.log {
            (value.max(1e-9) / self.from).log10() / (self.to / self.from).log10()
        } else {
            (value - self.from) / (self.to - self.from)
        };
        share.clamp(0.0, 1.0)
    }

    /// Where to write a number: at round ones, about `most` of them.
    fn ticks(&self, most: usize) -> Vec<f64> {
        if self.log {
            let decades = (self.to / self.from).log10();
            let steps: &[f64] = if decades * 3.0 <= most as f64 { &[1.0, 2.0, 5.0] } else { &[1.0] };
            let first = self.from.log10().floor() as i32;
            let all = (first..first + 14).flat_map(|e| steps.iter().map(move |s| s * 10_f64.powi(e)));
            return all.filter(|v| *v >= self.from * 0.999 && *v <= self.to * 1.001).collect();
        }
        let rough = (self.to - self.from) / most as f64;
        let decade = 10_f64.powf(rough.log10().floor());
        let step = [1.0, 2.0, 5.0, 10.0].map(|s| s * decade).into_iter().find(|s| *s >= rough * 0.999);
        let step = step.unwrap_or(rough);
        let first = (self.from / step).ceil() as i64;
        (first..).map(|i| i as f64 * step).take_while(|v| *v <= self.to + step * 1e-6).collect()
    }
}

/// A drawing with two axes.
pub(crate) struct Plot {
    width: f64,
    height: f64,
    /// Left, top, right, bottom of the area inside the axes.
    area: (f64, f64, f64, f64),
    pub(crate) x: Scale,
    pub(crate) y: Scale,
    body: String,
}

impl Plot {
    /// Half a page wide.
    pub(crate) fn half(x: Scale, y: Scale) -> Self {
        Self::new(464.0, 236.0, (46.0, 26.0, 452.0, 196.0), x, y)
    }

    pub(crate) fn new(width: f64, height: f64, area: (f64, f64, f64, f64), x: Scale, y: Scale) -> Self {
        Self { width, height, area, x, y, body: String::new() }
    }

    pub(crate) fn at(&self, x: f64, y: f64) -> (f64, f64) {
        let (left, top, right, bottom) = self.area;
        (left + self.x.unit(x) * (right - left), bottom - self.y.unit(y) * (bottom - top))
    }

    /// Ticks, grid and what the axis means.
    pub(crate) fn x_axis(&mut self, label: &str, tick: impl Fn(f64) -> String) -> &mut Self {
        let (left, top, right, bottom) = self.area;
        let mut grid = String::new();
        for value in self.x.ticks(((right - left) / 70.0) as usize) {
            let x = left + self.x.unit(value) * (right - left);
            let _ = write!(grid, "M{0} {1}V{2}", n(x), n(top), n(bottom));
            self.text((x, bottom + 16.0), "middle", "tick", &tick(value));
        }
        self.path("grid", &grid);
        self.text((right, bottom + 33.0), "end", "axis", label)
    }

    pub(crate) fn y_axis(&mut self, label: &str, tick: impl Fn(f64) -> String) -> &mut Self {
        let (left, top, right, bottom) = self.area;
        let mut grid = String::new();
        for value in self.y.ticks(4) {
            let y = bottom - self.y.unit(value) * (bottom - top);
            let _ = write!(grid, "M{} {}H{}", n(left), n(y), n(right));
            self.text((left - 6.0, y + 4.0), "end", "tick", &tick(value));
        }
        self.path("grid", &grid);
        self.text((left - 40.0, top - 12.0), "start", "axis", label)
    }

    /// A vertical line over the whole height, for a moment, with its label on top.
    pub(crate) fn mark(&mut self, x: f64, class: &str, label: &str) -> &mut Self {
        let (left, top, right, bottom) = self.area;
        let at = left + self.x.unit(x) * (right - left);
        self.path(class, &format!("M{} {}V{}", n(at), n(top), n(bottom)));
        if label.is_empty() { self } else { self.text((at, top - 5.0), "middle", "note", label) }
    }

    pub(crate) fn path(&mut self, class: &str, d: &str) -> &mut Self {
        if !d.is_empty() {
            let _ = write!(self.body, "<path class=\"{class}\" d=\"{d}\"/>");
        }
        self
    }

    pub(crate) fn text(&mut self, at: (f64, f64), anchor: &str, class: &str, text: &str) -> &mut Self {
        let (x, y) = (n(at.0), n(at.1));
        let anchor = if anchor == "start" { String::new() } else { format!(" text-anchor=\"{anchor}\"") };
        let _ = write!(self.body, "<text x=\"{x}\" y=\"{y}\"{anchor} class=\"{class}\">{}</text>", escape(text));
        self
    }

    pub(crate) fn raw(&mut self, markup: &str) -> &mut Self {
        self.body.push_str(markup);
        self
    }

    /// The whole drawing; `about` is what is read out instead of it.
    pub(crate) fn finish(&self, about: &str) -> String {
        let (width, height) = (n(self.width), n(self.height));
        let wide = if self.width > 600.0 { " wide" } else { "" };
        format!(
            "<svg class=\"plot{wide}\" viewBox=\"0 0 {width} {height}\" role=\"img\" aria-label=\"{}\">{}</svg>",
            escape(about),
            self.body
        )
    }
}

/// A number as an axis has it: no more digits than it needs.
pub(crate) fn plain(value: f64) -> String {
    let text = format!("{value:.4}");
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

/// Milliseconds as an axis has them: `0.1 ms`, `20 ms`, `5 s`.
pub(crate) fn brief(ms: f64) -> String {
    if ms.abs() >= 1000.0 { format!("{} s", plain(ms / 1e3)) } else { format!("{} ms", plain(ms)) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_cannot_leave_its_element() {
        assert_eq!(escape("<b a=\"x\">&\u{0}\u{1b}"), "&lt;b a=&quot;x&quot;&gt;&amp;");
    }

    #[test]
    fn ticks_are_round() {
        assert_eq!(Scale::linear(0.0, 9.0).ticks(5), [0.0, 2.0, 4.0, 6.0, 8.0]);
        let ticks: Vec<String> = Scale::log(0.3, 40.0).ticks(9).into_iter().map(brief).collect();
        assert_eq!(ticks, ["0.2 ms", "0.5 ms", "1 ms", "2 ms", "5 ms", "10 ms", "20 ms", "50 ms"]);
        assert_eq!(Scale::linear(3.0, 3.0).unit(3.5), 0.5);
    }

    #[test]
    fn coordinates_are_short() {
        assert_eq!([n(1.0), n(-0.04), n(2.25), n(12.34)], ["1", "0", "2.2", "12.3"]);
        assert_eq!(dots([(1.0, 2.0), (1.1, 2.1), (3.5, 2.0)]), "M1 2h0M3.5 2h0");
    }
}
