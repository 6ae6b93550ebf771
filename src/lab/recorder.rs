//! Writes the record: `events.jsonl` in the run directory, from one thread, so that a slow disk
//! delays nothing else.

use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::Path;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, anyhow};

use crate::kernel::now;
use crate::record::{Event, What};

/// A killed run keeps all but the last quarter of a second of its record.
const FLUSH_EVERY: Duration = Duration::from_millis(250);

/// Where events go. Cheap to clone.
#[derive(Clone, Debug)]
pub(super) struct Recorder {
    events: Sender<Event>,
}

/// The writing thread; ends when the last [`Recorder`] is gone or [`What::End`] has been written.
#[derive(Debug)]
pub(super) struct Writer {
    thread: JoinHandle<Result<()>>,
}

impl Recorder {
    /// Creates the record; `follower` is shown each event as well.
    pub(super) fn create(path: &Path, follower: Option<Sender<Event>>) -> Result<(Self, Writer)> {
        let file = File::create(path).with_context(|| format!("create {}", path.display()))?;
        let (events, inbox) = channel();
        let work = move || write(file, &inbox, follower.as_ref());
        let thread =
            std::thread::Builder::new().name("record".into()).spawn(work).context("start the record's thread")?;
        Ok((Self { events }, Writer { thread }))
    }

    /// Records what happens now.
    pub(super) fn now(&self, what: What) {
        self.at(now(), what);
    }

    /// Records what happened at `at` (CLOCK_MONOTONIC, nanoseconds).
    pub(super) fn at(&self, at: u64, what: What) {
        // The thread ends early only on a full disk, which `Writer::finish` reports.
        let _ = self.events.send(Event { at, what });
    }
}

impl Writer {
    /// Waits until everything up to [`What::End`] is on disk.
    pub(super) fn finish(self) -> Result<()> {
        self.thread.join().map_err(|_| anyhow!("the record's thread panicked"))?
    }
}

fn write(file: File, inbox: &Receiver<Event>, follower: Option<&Sender<Event>>) -> Result<()> {
    let mut out = BufWriter::with_capacity(1 << 16, file);
    let mut flushed = Instant::now();
    loop {
        // Events may follow one another without a pause as long as this.
        if flushed.elapsed() >= FLUSH_EVERY {
            out.flush().context("write the record")?;
            flushed = Instant::now();
        }
        match inbox.recv_timeout(FLUSH_EVERY.saturating_sub(flushed.elapsed())) {
            Ok(event) => {
                serde_json::to_writer(&mut out, &event).context("write the record")?;
                out.write_all(b"\n").context("write the record")?;
                if let Some(follower) = follower {
                    // One that has stopped listening misses nothing it wanted.
                    let _ = follower.send(event.clone());
                }
                if matches!(event.what, What::End { .. }) {
                    return out.flush().context("write the record");
                }
            }
            Err(RecvTimeoutError::Timeout) => {}
            Err(RecvTimeoutError::Disconnected) => return out.flush().context("write the record"),
        }
    }
}
