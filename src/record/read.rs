//! Reading a record: `events.jsonl`, whole or cut short by a killed run.

use std::fs::File;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};

use thiserror::Error;

use super::event::{Event, SCHEMA, What};
use super::facts::LabFacts;

/// One run's record.
#[derive(Clone, Debug)]
pub struct Record {
    /// What was known before anything ran: the first line.
    pub facts: LabFacts,
    /// All other lines by time. Lines of the same time keep the order of the file.
    pub events: Vec<Event>,
    /// The last line was cut off and has been left out: the run was killed while it wrote.
    pub cut: bool,
    /// When the play began; `None` if it never did.
    pub play: Option<u64>,
    /// Time of the last event.
    pub end: u64,
    /// Why the run ended; `None` if the record stops without saying so.
    pub end_reason: Option<String>,
}

/// Why a record cannot be read.
#[derive(Debug, Error)]
pub enum RecordError {
    #[error("cannot open the record {}: {source}", path.display())]
    Open { path: PathBuf, source: std::io::Error },
    #[error("cannot read the record, line {line}: {source}")]
    Read { line: usize, source: std::io::Error },
    #[error("line {line} of the record is not an event: {source}")]
    Malformed { line: usize, source: serde_json::Error },
    #[error("the record does not begin with a `lab` line: is this an events.jsonl?")]
    NoLab,
    #[error(
        "the record has schema {found}, this anybed reads schema {SCHEMA}: use the anybed that wrote it ({version})"
    )]
    Schema { found: u32, version: String },
}

/// The `reason` of the `end` event of a run that was played to its end.
pub const PLAYED: &str = "played";
/// The reason of a run that was to build its lab and no more.
pub const BUILT: &str = "built";

impl Record {
    /// Reads a record from a file.
    ///
    /// # Errors
    /// See [`RecordError`]; a line that is no event is named, except a last one without its newline.
    pub fn read(path: &Path) -> Result<Self, RecordError> {
        let file = File::open(path).map_err(|source| RecordError::Open { path: path.to_owned(), source })?;
        Self::from_reader(BufReader::new(file))
    }

    /// Reads a record from anything.
    ///
    /// # Errors
    /// As [`Record::read`].
    pub fn from_reader(mut reader: impl BufRead) -> Result<Self, RecordError> {
        let (mut events, mut cut, mut text) = (Vec::new(), false, Vec::new());
        for line in 1.. {
            text.clear();
            let read = reader.read_until(b'\n', &mut text).map_err(|source| RecordError::Read { line, source })?;
            if read == 0 {
                break;
            }
            if text.trim_ascii().is_empty() {
                continue;
            }
            match serde_json::from_slice::<Event>(&text) {
                Ok(event) => events.push(event),
                Err(_) if text.last() != Some(&b'\n') => cut = true,
                Err(source) => return Err(RecordError::Malformed { line, source }),
            }
        }
        Ok(Self { cut, ..Self::from_events(events)? })
    }

    /// Takes events as the lab recorded them, the `lab` event first.
    ///
    /// # Errors
    /// [`RecordError::NoLab`] and [`RecordError::Schema`].
    pub fn from_events(events: Vec<Event>) -> Result<Self, RecordError> {
        let mut rest = events.into_iter();
        let Some(Event { at: first, what: What::Lab(facts) }) = rest.next() else { return Err(RecordError::NoLab) };
        if facts.schema != SCHEMA {
            return Err(RecordError::Schema { found: facts.schema, version: facts.version });
        }
        let mut events: Vec<Event> = rest.map(|e| Event { what: e.what.with_kind(), ..e }).collect();
        // Node processes and the lab write through different pipes: lines may be out of order.
        events.sort_by_key(|e| e.at);
        let play = events.iter().find(|e| matches!(e.what, What::Play)).map(|e| e.at);
        let end_reason = events.iter().rev().find_map(|e| match &e.what {
            What::End { reason } => Some(reason.clone()),
            _ => None,
        });
        let end = events.last().map_or(first, |e| e.at);
        Ok(Self { facts: *facts, events, cut: false, play, end, end_reason })
    }

    /// Whether the run was played to its end.
    pub fn complete(&self) -> bool {
        match self.end_reason.as_deref() {
            Some(BUILT) => true,
            reason => self.play.is_some() && reason == Some(PLAYED),
        }
    }

    /// Clock reading of the play's begin; the record's end if there was no play.
    pub fn zero(&self) -> u64 {
        self.play.unwrap_or(self.end)
    }

    /// Seconds of play at a clock reading, to the microsecond; negative before the play.
    pub fn seconds(&self, at: u64) -> f64 {
        let nanos = i128::from(at) - i128::from(self.zero());
        (nanos as f64 / 1e3).round() / 1e6
    }

    /// Clock reading at this many seconds of play.
    pub fn clock(&self, seconds: f64) -> u64 {
        self.zero().saturating_add_signed((seconds * 1e9).round() as i64)
    }
}
