//! Files of distances: a matrix of round trips, or a list of coordinates.

use std::ops::Range;
use std::path::Path;

use super::delay::Delays;
use crate::topology::Diagnostics;
use crate::topology::diagnose::Problems;

/// Longer than any: a slip of the unit.
const MOST_MS: f64 = 60_000.0;

/// Reads an N×N matrix of round trips in milliseconds: one line a row, separated by blanks or commas; one way
/// takes half of one. What a place is from itself is not looked at. Empty lines and those that begin with `#`
/// are skipped.
///
/// # Errors
/// Every line that is not as it should be.
pub fn read_round_trips(path: &Path) -> Result<Delays, Diagnostics> {
    let (shown, text) = read(path)?;
    round_trips(&shown, &text)
}

/// Reads a place a line, `x y` in milliseconds: as far apart as two points are, so long takes one way between
/// them. Separators, comments and empty lines are those of [`read_round_trips`].
///
/// # Errors
/// Every line that is not as it should be.
pub fn read_coordinates(path: &Path) -> Result<Delays, Diagnostics> {
    let (shown, text) = read(path)?;
    coordinates(&shown, &text)
}

fn read(path: &Path) -> Result<(String, String), Diagnostics> {
    let shown = path.display().to_string();
    let text = std::fs::read_to_string(path).map_err(|error| Diagnostics::unreadable(&shown, &error))?;
    Ok((shown, text))
}

fn round_trips(path: &str, text: &str) -> Result<Delays, Diagnostics> {
    let mut findings = Problems::new(path, text);
    let lines: Vec<Range<usize>> = lines(text).collect();
    let places = lines.len();
    let mut all = Vec::with_capacity(places * places);
    for (row, line) in lines.iter().enumerate() {
        let columns = words(text, line.clone()).count();
        if columns != places {
            let message = format!("a row of {columns} round trips in a matrix of {places} rows");
            let found = findings.error("not-square", line.clone(), message);
            found.label(format!("this is row {}", row + 1)).help("every row has as many as there are rows".to_owned());
            continue;
        }
        for (column, word) in words(text, line.clone()).enumerate() {
            let own = row == column;
            let fine = |ms: &f64| own || (0.0..=MOST_MS).contains(ms);
            match number(text, &word).filter(fine) {
                Some(ms) => all.push(if own { 0.0 } else { ms }),
                None => {
                    // One of a line: a line with one slip often has many.
                    refuse(&mut findings, text, word, "a round trip in milliseconds, from 0 to 60000");
                    break;
                }
            }
        }
    }
    if places == 0 {
        findings.error("empty", 0..0, "the file has no round trips");
    }
    findings.errors()?;
    Ok(Delays::of_round_trips(places, &all))
}

fn coordinates(path: &str, text: &str) -> Result<Delays, Diagnostics> {
    let mut findings = Problems::new(path, text);
    let mut points = Vec::new();
    for line in lines(text) {
        let pair: Vec<Range<usize>> = words(text, line.clone()).collect();
        if pair.len() != 2 {
            let found = findings.error("not-a-point", line, format!("{} numbers for a point", pair.len()));
            found.label("a point is `x y`, in milliseconds");
            continue;
        }
        let fine = |ms: &f64| ms.abs() <= MOST_MS;
        match pair.iter().find(|word| number(text, word).filter(fine).is_none()) {
            Some(word) => refuse(&mut findings, text, word.clone(), "milliseconds, from -60000 to 60000"),
            None => points.extend(number(text, &pair[0]).zip(number(text, &pair[1]))),
        }
    }
    if points.is_empty() && !findings.has_errors() {
        findings.error("empty", 0..0, "the file has no points");
    }
    findings.errors()?;
    Ok(Delays::of_points(points))
}

fn refuse(findings: &mut Problems, text: &str, word: Range<usize>, wanted: &str) {
    let message = format!("`{}` is not {wanted}", &text[word.clone()]);
    findings.error("not-a-delay", word, message).label("here");
}

fn number(text: &str, word: &Range<usize>) -> Option<f64> {
    text[word.clone()].parse().ok().filter(|n: &f64| n.is_finite())
}

/// Lines that say something, without the blanks around them.
fn lines(text: &str) -> impl Iterator<Item = Range<usize>> {
    let mut start = 0;
    let bounds = text.split_inclusive('\n').map(move |line| {
        start += line.len();
        let (begin, trimmed) = (start - line.len(), line.trim());
        let begin = begin + line.len() - line.trim_start().len();
        begin..begin + trimmed.len()
    });
    bounds.filter(|line| !line.is_empty() && !text[line.clone()].starts_with('#'))
}

/// What lies between blanks or commas.
fn words(text: &str, line: Range<usize>) -> impl Iterator<Item = Range<usize>> {
    let mut at = line.start;
    text[line].split(|c: char| c.is_whitespace() || c == ',').filter_map(move |word| {
        let begin = at;
        at += word.len() + 1;
        (!word.is_empty()).then(|| begin..begin + word.len())
    })
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn codes(problems: &Diagnostics) -> Vec<(&'static str, Option<usize>)> {
        problems.json().iter().map(|p| (p.code, p.line)).collect()
    }

    #[test]
    fn a_matrix_is_read() {
        let delays = round_trips("m", "# three\n0 10\t20\n\n10, 0, 30\n 20 30 nan\n").unwrap_err();
        assert_eq!(codes(&delays), [("not-a-delay", Some(5))], "the diagonal has to be a number too");
        let delays = round_trips("m", "# three\n0 10\t20\n\n10, 0, 30\n 20 30 -1\n").unwrap();
        assert_eq!(delays.places(), 3);
        assert_eq!(delays.between(1, 2), Duration::from_millis(15));
    }

    #[test]
    fn every_bad_line_is_named() {
        let problems = round_trips("m", "0 1 2 3\n1 0 x 3\n1 2 0\n1 -2 3e9 0\n").unwrap_err();
        assert_eq!(codes(&problems), [("not-a-delay", Some(2)), ("not-square", Some(3)), ("not-a-delay", Some(4))]);
        let problems = coordinates("c", "1 2\n3\n4 y\n5 6 7\n").unwrap_err();
        assert_eq!(codes(&problems), [("not-a-point", Some(2)), ("not-a-delay", Some(3)), ("not-a-point", Some(4))]);
        assert_eq!(codes(&coordinates("c", "# nothing\n").unwrap_err()), [("empty", Some(1))]);
        assert_eq!(codes(&round_trips("m", "").unwrap_err()), [("empty", Some(1))]);
    }

    #[test]
    fn points_are_read() {
        let delays = coordinates("c", "0 0\n-3 4\n").unwrap();
        assert_eq!(delays.between(0, 1), Duration::from_millis(5));
    }
}
