//! Diagnostics: every problem of a file at once, each with its line and a caret.

use std::fmt;
use std::ops::Range;
use std::sync::Arc;

use annotate_snippets::{AnnotationKind, Group, Level, Renderer, Snippet};
use serde::Serialize;

/// A file as it was read.
#[derive(Debug, PartialEq, Eq)]
pub struct Source {
    /// As the user gave it.
    pub path: String,
    pub text: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Severity {
    Error,
    Warning,
}

/// One problem of one file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Diagnostic {
    /// Stable short name of the kind of problem, such as `unknown-name`.
    pub code: &'static str,
    pub severity: Severity,
    pub message: String,
    pub source: Arc<Source>,
    /// Bytes of the source; `None` when the file could not be read at all.
    pub span: Option<Range<usize>>,
    /// What is wrong with these bytes.
    pub label: String,
    /// Other places that have to do with it.
    pub also: Vec<(Range<usize>, String)>,
    pub help: Option<String>,
}

/// Every problem found, in file order.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Diagnostics(pub Vec<Diagnostic>);

/// A diagnostic as scripts get it. Line and column count from 1, the column in characters.
#[derive(Debug, Serialize)]
pub struct Json<'a> {
    pub code: &'static str,
    pub severity: &'static str,
    pub message: &'a str,
    pub file: &'a str,
    pub line: Option<usize>,
    pub column: Option<usize>,
    pub help: Option<&'a str>,
}

/// Collects the problems of one file while it is being read.
pub(crate) struct Problems {
    pub(crate) source: Arc<Source>,
    pub(crate) found: Diagnostics,
}

impl Problems {
    pub(crate) fn new(path: &str, text: &str) -> Self {
        let source = Arc::new(Source { path: path.to_owned(), text: text.to_owned() });
        Self { source, found: Diagnostics::default() }
    }

    pub(crate) fn error(
        &mut self,
        code: &'static str,
        span: Range<usize>,
        message: impl Into<String>,
    ) -> &mut Diagnostic {
        self.push(code, Severity::Error, Some(span), message.into())
    }

    pub(crate) fn warning(
        &mut self,
        code: &'static str,
        span: Range<usize>,
        message: impl Into<String>,
    ) -> &mut Diagnostic {
        self.push(code, Severity::Warning, Some(span), message.into())
    }

    fn push(
        &mut self,
        code: &'static str,
        severity: Severity,
        span: Option<Range<usize>>,
        message: String,
    ) -> &mut Diagnostic {
        let source = self.source.clone();
        let (label, also, help) = (String::new(), Vec::new(), None);
        self.found.0.push(Diagnostic { code, severity, message, source, span, label, also, help });
        self.found.0.last_mut().expect("just pushed")
    }

    pub(crate) fn has_errors(&self) -> bool {
        self.found.0.iter().any(|d| d.severity == Severity::Error)
    }

    /// The problems so far, sorted by place, if one of them is an error.
    pub(crate) fn errors(&mut self) -> Result<(), Diagnostics> {
        if !self.has_errors() {
            return Ok(());
        }
        let mut found = std::mem::take(&mut self.found);
        let place = |d: &Diagnostic| (d.source.path != self.source.path, d.span.as_ref().map(|s| s.start));
        found.0.sort_by_key(place);
        Err(found)
    }
}

impl Diagnostic {
    pub(crate) fn label(&mut self, label: impl Into<String>) -> &mut Self {
        self.label = label.into();
        self
    }

    pub(crate) fn also(&mut self, span: Range<usize>, label: impl Into<String>) -> &mut Self {
        self.also.push((span, label.into()));
        self
    }

    pub(crate) fn help(&mut self, help: impl Into<Option<String>>) -> &mut Self {
        self.help = help.into();
        self
    }

    fn line_and_column(&self) -> Option<(usize, usize)> {
        let before = self.source.text.get(..self.span.as_ref()?.start)?;
        let line_start = before.rfind('\n').map_or(0, |i| i + 1);
        Some((before.matches('\n').count() + 1, before[line_start..].chars().count() + 1))
    }

    fn json(&self) -> Json<'_> {
        let (line, column) = self.line_and_column().unzip();
        let severity = match self.severity {
            Severity::Error => "error",
            Severity::Warning => "warning",
        };
        let (message, file, help) = (&self.message, &self.source.path, self.help.as_deref());
        Json { code: self.code, severity, message, file, line, column, help }
    }

    fn group(&self) -> Group<'_> {
        let level = match self.severity {
            Severity::Error => Level::ERROR,
            Severity::Warning => Level::WARNING,
        };
        let mut group = Group::with_title(level.primary_title(&self.message).id(self.code));
        if let Some(span) = &self.span {
            let mut primary = AnnotationKind::Primary.span(span.clone());
            if !self.label.is_empty() {
                primary = primary.label(&self.label);
            }
            let also = self.also.iter().map(|(span, label)| AnnotationKind::Context.span(span.clone()).label(label));
            let snippet = Snippet::source(&self.source.text).path(&self.source.path);
            group = group.element(snippet.annotation(primary).annotations(also));
        }
        match &self.help {
            Some(help) => group.element(Level::HELP.message(help)),
            None => group,
        }
    }
}

impl Diagnostics {
    /// A file that could not be read.
    pub(crate) fn unreadable(path: &str, error: &std::io::Error) -> Self {
        let mut problems = Problems::new(path, "");
        problems.push("unreadable", Severity::Error, None, format!("cannot read {path}: {error}"));
        problems.found
    }

    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The problems as rustc prints its own: `--> file:line:column` and carets.
    pub fn render(&self, color: bool) -> String {
        let renderer = if color { Renderer::styled() } else { Renderer::plain() };
        let rendered: Vec<_> = self.0.iter().map(|d| renderer.render(&[d.group()])).collect();
        rendered.join("\n\n")
    }

    /// The same facts for scripts, one object a problem.
    pub fn json(&self) -> Vec<Json<'_>> {
        self.0.iter().map(Diagnostic::json).collect()
    }
}

impl fmt::Display for Diagnostics {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.render(false))
    }
}

impl std::error::Error for Diagnostics {}

/// Says what the user may have meant: the nearest known name, or a list when none is near.
pub(crate) fn suggest<'a>(wrong: &str, known: impl IntoIterator<Item = &'a str>) -> Option<String> {
    let mut known: Vec<_> = known.into_iter().collect();
    known.sort_unstable();
    known.dedup();
    if let Some(nearest) = nearest(wrong, &known) {
        return Some(nearest);
    }
    const SHOWN: usize = 12;
    let more = if known.len() > SHOWN { format!(", … ({} in all)", known.len()) } else { String::new() };
    known.truncate(SHOWN);
    (!known.is_empty()).then(|| format!("known: {}{more}", known.join(", ")))
}

/// The known name that `wrong` is a slip or an abbreviation of.
pub(crate) fn nearest(wrong: &str, known: &[&str]) -> Option<String> {
    let length = wrong.chars().count();
    let begins = |k: &str| length >= 3 && (k.starts_with(wrong) || (k.len() >= 3 && wrong.starts_with(k)));
    let near = known.iter().map(|k| (if begins(k) { 1 } else { distance(wrong, k) }, *k));
    let (distance, name) = near.min()?;
    (distance <= (length / 3).max(1) && distance < length).then(|| format!("did you mean `{name}`?"))
}

/// Edit distance with transpositions of neighbors (optimal string alignment).
fn distance(a: &str, b: &str) -> usize {
    let (a, b): (Vec<_>, Vec<_>) = (a.chars().collect(), b.chars().collect());
    let mut rows = vec![(0..=b.len()).collect::<Vec<_>>()];
    for i in 1..=a.len() {
        let mut row = vec![i];
        for j in 1..=b.len() {
            let differs = usize::from(a[i - 1] != b[j - 1]);
            let mut cost = (rows[i - 1][j] + 1).min(row[j - 1] + 1).min(rows[i - 1][j - 1] + differs);
            if i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] {
                cost = cost.min(rows[i - 2][j - 2] + 1);
            }
            row.push(cost);
        }
        rows.push(row);
    }
    rows[a.len()][b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn suggests_the_nearest() {
        assert_eq!(suggest("camups", ["denver", "campus"]).unwrap(), "did you mean `campus`?");
        assert_eq!(suggest("xyz", ["denver", "campus"]).unwrap(), "known: campus, denver");
        assert_eq!(suggest("xyz", []), None);
    }

    #[test]
    fn counts_lines_and_characters() {
        let mut problems = Problems::new("f", "ab\nüx = 1\n");
        problems.error("c", 5..6, "m");
        let json = problems.found.json();
        assert_eq!((json[0].line, json[0].column), (Some(2), Some(2)));
    }
}
