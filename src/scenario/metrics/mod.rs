//! Everything that an expectation can look at.
//!
//! A metric is a row of its family's file here, which has all that the scenario knows of it, and a reading under the
//! same name in the measuring.

mod asked;
mod before;
mod clients;
mod distance;
mod flows;
mod overlays;
mod routing;
mod row;
mod subject;

use std::fmt;

use serde::de::Error;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::words::{ActionError, Words};
use crate::topology::Topology;
use crate::topology::diagnose::suggest;
use asked::Asked;
use before::Before;

pub(super) use asked::site;
pub(super) use row::Play;
pub use row::{Bounds, Kind, Row, Shape};
pub use subject::{Subject, Target};

/// Every metric.
pub fn rows() -> impl Iterator<Item = &'static Row> {
    let families = [overlays::ROWS, clients::ROWS, distance::ROWS, routing::ROWS, flows::ROWS];
    families.into_iter().flatten()
}

/// What an expectation looks at. The text form is `METRIC of SUBJECT`.
#[derive(Clone)]
pub struct Metric {
    pub row: &'static Row,
    pub subject: Subject,
}

impl Metric {
    /// The metric of this name; `None`: there is none.
    pub fn new(name: &str, subject: Subject) -> Option<Self> {
        rows().find(|row| row.name == name).map(|row| Self { row, subject })
    }

    /// Whether it has a value at every moment; others count or measure over a window.
    pub fn is_state(&self) -> bool {
        self.row.shape == Shape::State
    }

    /// What the timeline lacks so that it says something; `None`: nothing.
    pub(super) fn needs(&self, play: &Play<'_>) -> Option<&'static str> {
        (self.row.needs)(&self.subject, play)
    }

    /// The values that runs can bring about.
    pub(super) fn bounds(&self, topology: &Topology) -> Bounds {
        (self.row.bounds)(&self.subject, topology)
    }
}

impl PartialEq for Metric {
    fn eq(&self, other: &Self) -> bool {
        (self.row.name, &self.subject) == (other.row.name, &other.subject)
    }
}

impl fmt::Debug for Metric {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {:?}", self.row.name, self.subject)
    }
}

/// As a record has it.
#[derive(Serialize, Deserialize)]
struct Named {
    name: String,
    #[serde(flatten)]
    subject: Subject,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Written {
    Now(Named),
    Before(Before),
}

impl Serialize for Metric {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        Named { name: self.row.name.to_owned(), subject: self.subject.clone() }.serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Metric {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let (name, subject) = match Written::deserialize(deserializer)? {
            Written::Now(Named { name, subject }) => (name, subject),
            Written::Before(before) => before.now().ok_or_else(|| D::Error::custom("a metric without a name"))?,
        };
        Self::new(&name, subject).ok_or_else(|| D::Error::custom(format!("there is no metric `{name}`")))
    }
}

/// Reads a metric.
pub(super) fn parse<'t>(mut words: Words<'t>, topology: &'t Topology) -> Result<Metric, ActionError> {
    let first = words.expect("a metric", "islands of OVERLAY == 1")?;
    let mut name = first.text.to_owned();
    let mut span = first.span.clone();
    while let Some(next) = words.peek().filter(|w| !matches!(*w, "of" | "from" | "for" | "to")) {
        name = format!("{name} {next}");
        span.end = words.next().map_or(span.end, |w| w.span.end);
    }
    let Some(row) = rows().find(|row| row.name == name) else {
        let help = suggest(&name, rows().map(|row| row.name));
        return Err(ActionError { message: format!("there is no metric `{name}`"), span, help });
    };
    let subject = if words.take("of") { Some(words.expect("a name", row.form)?) } else { None };
    let mut asked = Asked { name: row.name, form: row.form, first, span, subject, words: &mut words, topology };
    let subject = (row.subject)(&mut asked)?;
    words.finish(row.form)?;
    Ok(Metric { row, subject })
}
