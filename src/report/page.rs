//! A page of text: labels, wrapped lines, aligned tables, units, color.

use anstyle::{AnsiColor, Style};

/// Columns that a line should not pass.
const WIDTH: usize = 100;
/// Columns of indent and label.
const LABEL: usize = 14;

pub(crate) const BOLD: Style = Style::new().bold();
pub(crate) const DIM: Style = Style::new().dimmed();
pub(crate) const GOOD: Style = AnsiColor::Green.on_default();
pub(crate) const BAD: Style = AnsiColor::Red.on_default();
pub(crate) const NOTICE: Style = AnsiColor::Yellow.on_default();

/// Text under construction.
pub(crate) struct Page {
    text: String,
    color: bool,
}

/// One cell of a table; its style shows with color only.
#[derive(Clone, Debug, Default)]
pub(crate) struct Cell {
    pub(crate) text: String,
    pub(crate) style: Style,
    /// Aligned to the right: numbers.
    pub(crate) right: bool,
}

impl Cell {
    pub(crate) fn left(text: impl Into<String>) -> Self {
        Self { text: text.into(), ..Self::default() }
    }

    pub(crate) fn right(text: impl ToString) -> Self {
        Self { text: text.to_string(), right: true, ..Self::default() }
    }

    pub(crate) fn styled(self, style: Style) -> Self {
        Self { style, ..self }
    }
}

impl Page {
    pub(crate) fn new(color: bool) -> Self {
        Self { text: String::new(), color }
    }

    pub(crate) fn finish(self) -> String {
        self.text
    }

    pub(crate) fn paint(&self, style: Style, text: &str) -> String {
        if self.color && style != Style::new() { format!("{style}{text}{style:#}") } else { text.to_owned() }
    }

    pub(crate) fn blank(&mut self) {
        self.text.push('\n');
    }

    pub(crate) fn raw(&mut self, line: &str) {
        self.text.push_str(line.trim_end().replace(NO_BREAK, " ").as_str());
        self.text.push('\n');
    }

    /// An indented label and what there is to say, wrapped under itself.
    pub(crate) fn labeled(&mut self, label: &str, what: &str) {
        let mut lines = wrap(what, WIDTH - LABEL).into_iter();
        let label = format!("  {label:<w$}", w = LABEL - 2);
        let label = if label.ends_with(' ') { label } else { format!("{label} ") };
        let first = lines.next().unwrap_or_default();
        self.raw(&format!("{}{first}", self.paint(DIM, &label)));
        for line in lines {
            self.raw(&format!("{:LABEL$}{line}", ""));
        }
    }

    /// Rows of cells in aligned columns, indented by two.
    pub(crate) fn table(&mut self, rows: &[Vec<Cell>]) {
        let columns = rows.iter().map(Vec::len).max().unwrap_or(0);
        let width = |c: usize| rows.iter().filter_map(|r| r.get(c)).map(|cell| cell.text.chars().count()).max();
        let widths: Vec<usize> = (0..columns).map(|c| width(c).unwrap_or(0)).collect();
        for row in rows {
            let mut line = String::new();
            for (cell, width) in row.iter().zip(&widths) {
                let padding = " ".repeat(width - cell.text.chars().count());
                let text = self.paint(cell.style, &cell.text);
                line += "  ";
                line += &if cell.right { padding + &text } else { text + &padding };
            }
            self.raw(&line);
        }
    }
}

/// Breaks text at spaces into lines of at most `width` columns, where words allow.
fn wrap(text: &str, width: usize) -> Vec<String> {
    let mut lines = Vec::new();
    let mut line = String::new();
    for word in text.split(' ') {
        if !line.is_empty() && line.chars().count() + 1 + word.chars().count() > width {
            lines.push(std::mem::take(&mut line));
        }
        if !line.is_empty() {
            line.push(' ');
        }
        line.push_str(word);
    }
    lines.push(line);
    lines
}

/// A space at which a line must not break: between a number and its unit. [`Page`] prints it as a space.
const NO_BREAK: char = '\u{a0}';

/// A duration given in milliseconds: `0.42 ms`, `9.7 ms`, `312 ms`, `4.12 s`, `61.3 s`.
pub(crate) fn duration(ms: f64) -> String {
    let (value, unit) = if ms.abs() >= 999.5 { (ms / 1e3, "s") } else { (ms, "ms") };
    let digits = match (value.abs(), unit) {
        (v, _) if v < 0.995 => 2,
        (v, "s") if v < 9.995 => 2,
        (v, _) if v < 99.95 => 1,
        _ => 0,
    };
    format!("{value:.digits$}{NO_BREAK}{unit}")
}

/// A duration that may not have been observed.
pub(crate) fn maybe(ms: Option<f64>) -> String {
    ms.map_or_else(|| "–".to_owned(), duration)
}

/// A moment of play: `20.0 s`.
pub(crate) fn moment(at: f64) -> String {
    // Minus zero is what the begin's rounding may leave.
    format!("{:.1}{NO_BREAK}s", if at.abs() < 0.05 { 0.0 } else { at })
}

/// `1 link`, `71 links`.
pub(crate) fn plural(count: usize, noun: &str) -> String {
    format!("{count}{NO_BREAK}{noun}{}", if count == 1 { "" } else { "s" })
}

/// The first few, and how many more there are.
pub(crate) fn abbreviated(items: impl ExactSizeIterator<Item = String>, most: usize) -> String {
    let count = items.len();
    let shown: Vec<String> = items.take(if count <= most + 1 { count } else { most }).collect();
    let more = count - shown.len();
    let list = shown.join(", ");
    if more > 0 { format!("{list} and {more}{NO_BREAK}more") } else { list }
}

/// At most this many columns, the rest replaced by `…`.
pub(crate) fn shortened(text: &str, most: usize) -> String {
    if text.chars().count() <= most {
        return text.to_owned();
    }
    text.chars().take(most - 1).chain(['…']).collect()
}

/// A name within so many characters: of those that differ at one end only, what differs is still there.
pub(crate) fn short_name(name: &str, most: usize) -> String {
    let length = name.chars().count();
    if length <= most {
        return name.to_owned();
    }
    let (first, last) = (most / 2, most - most / 2 - 1);
    name.chars().take(first).chain(['…']).chain(name.chars().skip(length - last)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_have_sensible_digits() {
        let drawn = |ms| duration(ms).replace(NO_BREAK, " ");
        let cases = [(0.0, "0.00 ms"), (0.42, "0.42 ms"), (9.74, "9.7 ms"), (42.0, "42.0 ms"), (312.4, "312 ms")];
        for (ms, text) in cases.into_iter().chain([(999.6, "1.00 s"), (4_123.0, "4.12 s"), (61_300.0, "61.3 s")]) {
            assert_eq!(drawn(ms), text);
        }
    }

    #[test]
    fn lines_wrap_but_never_between_a_number_and_its_unit() {
        assert_eq!(wrap("ab cd ef", 5), ["ab cd", "ef"]);
        assert_eq!(wrap(&format!("last {}", duration(9.7)), 8), ["last", "9.7\u{a0}ms"]);
        assert_eq!(wrap("", 5), [""]);
    }

    #[test]
    fn lists_are_abbreviated_only_if_that_saves_something() {
        let list = |n: usize| abbreviated((0..n).map(|i| i.to_string()), 2).replace(NO_BREAK, " ");
        assert_eq!(list(3), "0, 1, 2");
        assert_eq!(list(4), "0, 1 and 2 more");
        assert_eq!(shortened("abcdef", 4), "abc…");
        assert_eq!(short_name("exchange-1.n1", 9), "exch…1.n1");
        assert_eq!(short_name("n1", 2), "n1");
    }
}
