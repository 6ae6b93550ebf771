//! Reads a lab file: the network by [`crate::topology`], the timeline and the expectations here.

use std::ops::Range;
use std::path::Path;
use std::time::Duration;

use super::acts::Action;
use super::entry::Scenario;
use super::expectation::{Expectation, When};
use super::metrics::Play;
use super::timeline::{self, Placed, report};
use super::{daemons, expect, when};
use crate::topology::diagnose::Problems;
use crate::topology::file::{ExpectEntry, LabFile};
use crate::topology::{Diagnostics, Overrides, Topology, check, size};

/// Play goes on this long after the last action unless the file says otherwise.
const AFTERMATH: Duration = Duration::from_secs(5);

/// Reads and checks a lab file.
///
/// # Errors
/// Every problem of the file, at once.
pub fn read(path: &Path) -> Result<(Topology, Scenario), Diagnostics> {
    read_with(path, &Overrides::default())
}

/// Reads and checks a lab file, with the command line's choices in place of the file's.
///
/// # Errors
/// As [`read`].
pub fn read_with(path: &Path, overrides: &Overrides) -> Result<(Topology, Scenario), Diagnostics> {
    let text = size::read(path)?;
    read_text(path, &text, overrides)
}

/// As [`read_with`], for somebody who cannot do everything: `refuse` says why not.
///
/// # Errors
/// As [`read`], and every action that is refused.
pub fn read_for(
    path: &Path,
    overrides: &Overrides,
    refuse: impl Fn(&Action) -> Option<String>,
) -> Result<(Topology, Scenario), Diagnostics> {
    let text = size::read(path)?;
    read_refusing(path, &text, overrides, refuse)
}

/// Checks the text of a lab file that stands, or would stand, at `path`.
///
/// # Errors
/// As [`read`].
pub fn read_text(path: &Path, text: &str, overrides: &Overrides) -> Result<(Topology, Scenario), Diagnostics> {
    read_refusing(path, text, overrides, |_| None)
}

fn read_refusing(
    path: &Path,
    text: &str,
    overrides: &Overrides,
    refuse: impl Fn(&Action) -> Option<String>,
) -> Result<(Topology, Scenario), Diagnostics> {
    let mut problems = Problems::new(&path.display().to_string(), text);
    let file = LabFile::read(text, &mut problems)?;
    let stem = path.file_stem().unwrap_or_default().to_string_lossy();
    let directory = path.parent().unwrap_or(Path::new("."));
    daemons::check(&file, &mut problems);
    let mut topology = check::check(&file, &stem, directory, overrides, &mut problems);
    daemons::check_features(&file, &topology, &mut problems);
    let placed = timeline::read(&file.timeline, &topology, &mut problems);
    for entry in placed.iter().map(|p| &p.entry) {
        if let Some(link) = entry.action.impairs() {
            topology.links[link.0].emulated = true;
        }
        if let Action::Rogue(act) = &entry.action {
            topology.rogues.extend(act.takes());
        }
    }
    let expectations = expectations(&file.expectations, &topology, &mut problems);
    refused(&placed, refuse, &mut problems);
    // Whether actions follow from one another can be said only when all have been understood.
    if !problems.has_errors() {
        timeline::check_order(&placed, &topology, &mut problems);
        judged(&expectations, &placed, &topology, &mut problems);
    }
    let duration = duration(&file, &placed, &expectations, &mut problems);
    problems.errors()?;
    for warning in problems.found.0 {
        tracing::warn!("{}", Diagnostics(vec![warning]));
    }
    let timeline = placed.into_iter().map(|p| p.entry).collect();
    let expectations = expectations.into_iter().map(|(e, _)| e).collect();
    Ok((topology, Scenario { timeline, expectations, duration }))
}

fn refused(placed: &[Placed], refuse: impl Fn(&Action) -> Option<String>, problems: &mut Problems) {
    let mut last = None;
    for Placed { entry, span } in placed {
        // One text may be many actions.
        if let Some(why) = refuse(&entry.action).filter(|_| last != Some(span)) {
            let message = format!("`{}` {why}", entry.action.verb());
            problems.error("not-here", span.clone(), message).label("cannot be done here");
            last = Some(span);
        }
    }
}

type PlacedExpectation = (Expectation, Range<usize>);

fn expectations(entries: &[ExpectEntry], topology: &Topology, problems: &mut Problems) -> Vec<PlacedExpectation> {
    let read = |entry: &ExpectEntry| {
        let parsed = expect::parse(entry.that.get_ref(), topology);
        let (metric, op, value) = match parsed {
            Ok(parsed) => parsed,
            Err(error) => {
                report("expectation", &entry.that, error, problems);
                return None;
            }
        };
        let when = when::read(entry, &metric, problems)?;
        let text = entry.that.get_ref().trim();
        let shown = || if entry.never { format!("never {text}") } else { text.to_owned() };
        let name = entry.name.as_ref().map_or_else(shown, |n| n.get_ref().clone());
        Some((Expectation { name, metric, op, value, when }, entry.that.span()))
    };
    entries.iter().filter_map(read).collect()
}

/// The last moment an expectation looks at, in seconds.
fn last_look(when: When) -> f64 {
    match when {
        When::End => 0.0,
        When::At { at, within } => at + within,
        When::During { to, .. } | When::Until { to, .. } => to,
        When::Never { to, .. } => to.unwrap_or(0.0),
    }
}

/// The file's duration, or long enough for every action and every expectation.
fn duration(
    file: &LabFile,
    placed: &[Placed],
    expectations: &[PlacedExpectation],
    problems: &mut Problems,
) -> Duration {
    let looks = expectations.iter().map(|(e, _)| Duration::from_secs_f64(last_look(e.when)));
    let Some(given) = &file.duration else {
        let ends = placed.iter().map(|p| p.entry.at + p.entry.action.lasts() + AFTERMATH);
        return looks.chain(ends).fold(AFTERMATH, Duration::max);
    };
    let (limit, shown) = (*given.get_ref(), humantime::format_duration(*given.get_ref()));
    for entry in &file.timeline {
        let end = *entry.at.get_ref() + entry.over.as_ref().map_or(Duration::ZERO, |o| *o.get_ref());
        if end > limit {
            let found = problems.error("after-the-end", entry.at.span(), "an action after the end of the play");
            found.label("too late").also(given.span(), format!("play ends after {shown}"));
        }
    }
    for Placed { entry, span } in placed.iter().filter(|p| p.entry.at <= limit) {
        if entry.at + entry.action.lasts() > limit {
            let found = problems.error("after-the-end", span.clone(), "this goes on after the end of the play");
            found.label("too late, or too long").also(given.span(), format!("play ends after {shown}"));
        }
    }
    for ((_, span), _) in expectations.iter().zip(looks).filter(|(_, look)| *look > limit) {
        let found = problems.error("after-the-end", span.clone(), "this looks beyond the end of the play");
        found
            .label("its `at`, `within`, `during` or `until` is too late")
            .also(given.span(), format!("play ends after {shown}"));
    }
    limit
}

/// Refuses expectations about something that the timeline never brings about.
fn judged(expectations: &[PlacedExpectation], placed: &[Placed], topology: &Topology, problems: &mut Problems) {
    let actions = || placed.iter().map(|p| (p.entry.at.as_secs_f64(), &p.entry.action)).collect();
    for (expectation, span) in expectations {
        let to = match expectation.when {
            When::End | When::Never { to: None, .. } => f64::INFINITY,
            when => last_look(when),
        };
        let from = match expectation.when {
            When::During { from, .. } | When::Until { from, .. } | When::Never { from, .. } => from,
            When::End | When::At { .. } => 0.0,
        };
        let play = Play { topology, actions: actions(), from, to };
        let Some(lacking) = expectation.metric.needs(&play) else { continue };
        let found = problems.error("nothing-to-judge", span.clone(), format!("the timeline has no {lacking}"));
        found.label("so this says nothing about any run");
    }
}
