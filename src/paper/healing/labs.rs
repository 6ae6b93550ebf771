//! A stub fails and comes back in namespaces, with real BGP.

use anyhow::{Context, Result};
use toml_edit::{DocumentMut, Value};

use super::matrix::Matrix;
use crate::anycast::Healing;
use crate::paper;
use crate::paper::claim::Test;
use crate::paper::estimate::{Estimate, shown};
use crate::paper::page::{Page, Source, Table};
use crate::paper::runs::labs_in_pairs;

const STUB_FAILURE: &str = include_str!("../../../topologies/stub-failure.toml");
/// The outage lasts from the thirteenth second on for more than three epochs.
const RECOVER: &str = "29s";
const AUDIT: &str = "45s";
const END: &str = "47s";
const EPOCH: &str = "5s";
const LISTEN: &str = "800ms";
/// Of each way.
const REPETITIONS: usize = 3;
/// A member outside the campus that fails.
const KNOWN: &str = "puget.n1";

const WAYS: [(&str, Healing); 4] = [
    ("none", Healing::None),
    ("well-known", Healing::WellKnown),
    ("colors", Healing::Colors),
    ("rendezvous", Healing::Rendezvous),
];

/// Repetitions of one lab.
#[derive(Default)]
struct Repeated {
    runs: usize,
    merge: Vec<f64>,
    updates: Vec<f64>,
    wrong: Vec<f64>,
    failed: Vec<f64>,
    missing: Vec<f64>,
}

/// What BGP had to say in labs, by way.
pub(super) struct Labs(Vec<(&'static str, Repeated)>);

/// Plays them in pairs.
pub(super) fn play(labs: &paper::labs::Labs, quick: bool) -> Result<Labs> {
    // As it is shipped its outage is shorter, and so is the lab.
    let times: &[(&str, &str)] = if quick { &[] } else { &[("recover campus", RECOVER), ("audit music", AUDIT)] };
    let text = timed(STUB_FAILURE, times)?;
    let ways: Vec<(&str, Healing)> = WAYS.into_iter().filter(|(way, _)| !quick || *way == "colors").collect();
    let repetitions = 1..=if quick { 1 } else { REPETITIONS };
    let jobs: Vec<_> = ways.iter().flat_map(|way| repetitions.clone().map(|n| (*way, n))).collect();
    let reports = labs_in_pairs(&jobs, |((way, healing), repetition)| {
        let mut set: Vec<(&str, Value)> = vec![("healing", (*way).into())];
        if !quick {
            set.push(("lab.duration", END.into()));
        }
        if healing.has_rendezvous() {
            set.extend([("rendezvous_epoch", EPOCH.into()), ("rendezvous_listen", LISTEN.into())]);
        }
        if *healing == Healing::WellKnown {
            set.push(("well_known", [KNOWN].into_iter().collect::<toml_edit::Array>().into()));
        }
        labs.play(&format!("stub-failure-{way}-{repetition}"), &text, &set)
    })?;
    let found = ways.into_iter().map(|(way, _)| {
        let mut all = Repeated::default();
        for (_, report) in jobs.iter().zip(&reports).filter(|(((played, _), _), _)| *played == way) {
            let music = report.overlays.get("music").context("the lab has no overlay music")?;
            all.runs += 1;
            all.merge.extend(music.merge_seconds);
            all.updates.extend(report.updates.as_ref().map(|u| u.messages as f64));
            all.wrong.push(music.lookups.total.wrong as f64);
            all.failed.push(music.lookups.total.failed as f64);
            all.missing.push(music.keys.audits.last().map_or(0, |a| a.missing.len()) as f64);
        }
        Ok((way, all))
    });
    Ok(Labs(found.collect::<Result<_>>()?))
}

pub(super) fn show(page: &mut Page, labs: &Labs) {
    page.heading("In namespaces");
    page.text(format!(
        "The lab file `stub-failure`: 24 members in six stubs on the Abilene backbone; the campus with six of them fails \
         for 16 seconds and recovers, with real BGP and BIRD. Colors: 16, asked every 5 s; epochs of {EPOCH} with pauses of \
         {LISTEN}, so the outage lasts more than three of them; rounds of stabilization are half a second. The well-known \
         node lives, outside the campus. BGP updates are those of the whole run of {END}, counted by BIRD on every node: \
         colors pay once, when their addresses are announced, and rendezvous twice an epoch. Other ways were simulated \
         only.",
    ));
    let header =
        ["healing", "merged", "merged after s", "BGP updates", "lookups wrong", "lookups failed", "keys missing"];
    let mut table = Table::new("labs", "A stub fails and comes back, in namespaces", Source::Lab, &header);
    for (way, all) in &labs.0 {
        let mean = |of: &[f64], digits| shown(Estimate::mean(of.iter().copied()), digits);
        table.row([
            (*way).to_owned(),
            format!("{} of {}", all.merge.len(), all.runs),
            mean(&all.merge, 1),
            mean(&all.updates, 0),
            mean(&all.wrong, 1),
            mean(&all.failed, 1),
            mean(&all.missing, 1),
        ]);
    }
    page.table(table);
}

impl Labs {
    fn updates(&self, way: &str) -> Option<Estimate> {
        let (_, repeated) = self.0.iter().find(|(name, _)| *name == way)?;
        Estimate::mean(repeated.updates.iter().copied())
    }

    /// Updates of one way beyond another's, pair by pair.
    fn beyond(&self, way: &str, other: &str) -> Option<Estimate> {
        let of = |way: &str| self.0.iter().find(|(name, _)| *name == way).map(|(_, repeated)| &repeated.updates);
        Estimate::mean(of(way)?.iter().zip(of(other)?).map(|(a, b)| a - b))
    }
}

/// What a well-known node that lives spares.
pub(super) fn judge(page: &mut Page, labs: &Labs, matrix: &Matrix) {
    let spared = |way: &'static str| {
        let what = format!("messages per node that it takes beyond {way}, simulated");
        Test::at_most(what, matrix.beyond("well-known", way), 0.0).digits(0)
    };
    let quiet = |way: &'static str| {
        Test::at_most(format!("BGP updates beyond {way}, in labs"), labs.beyond("well-known", way), 0.0).digits(0)
    };
    let told = ["none", "well-known", "colors", "rendezvous"]
        .map(|way| format!("{way} {}", shown(labs.updates(way), 0)))
        .join(", ");
    page.judge(
        "(Baseline) As long as it lives and keeps its address, a well-known node costs less than anycast",
        vec![spared("colors"), spared("rendezvous"), quiet("colors"), quiet("rendezvous")],
        format!("BGP updates in labs: {told}"),
    );
}

/// The lab file with other times for what its timeline does.
fn timed(text: &str, times: &[(&str, &str)]) -> Result<String> {
    let mut document: DocumentMut = text.parse().context("parse a lab file")?;
    let timeline = document.get_mut("timeline").and_then(|t| t.as_array_of_tables_mut()).context("no timeline")?;
    for (what, at) in times {
        let entry = timeline.iter_mut().find(|entry| entry.get("do").and_then(|d| d.as_str()) == Some(what));
        entry.with_context(|| format!("nothing does {what}"))?.insert("at", toml_edit::value(*at));
    }
    Ok(document.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_lab_does_is_given_other_times() {
        let text = "[[timeline]]\nat = \"1s\"\ndo = \"fail a\"\n\n[[timeline]]\nat = \"2s\"\ndo = \"recover a\"\n";
        let done = timed(text, &[("recover a", "9s")]).unwrap();
        assert_eq!(done, text.replace("2s", "9s"));
        assert!(timed(text, &[("cut b", "1s")]).is_err());
        assert!(timed(STUB_FAILURE, &[("recover campus", RECOVER), ("audit music", AUDIT)]).is_ok());
    }
}
