//! `anybed run --repeat` and `--sweep`: one lab several times, one after another.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Instant;

use anyhow::{Context, Result, anyhow};
use clap::Args;

use super::play::{OUT, ReportFormat, Start, claim, clear, save, write_report};
use super::variant::Variant;
use super::{Ended, Failure, check, complain, is_colored, print};
use crate::lab::claim::Claimant;
use crate::lab::sandbox;
use crate::lab::supervisor::Mode;
use crate::measure::{self, Outcome as Verdict, Report, RunVerdict, Summary};
use crate::record::Record;
use crate::report::{Files, summary};
use crate::scenario::{self, Sweep};
use crate::topology::Diagnostics;

/// Seeds are below this.
const SEEDS: u64 = 1 << 63;

/// How often, and with what.
#[derive(Args, Clone, Debug, Default)]
pub(super) struct Several {
    /// Play the lab N times, each time in a fresh lab with the next seed, and summarize
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=100_000))]
    repeat: Option<u32>,
    /// Play it with each of these values of a key of the lab file; several sweeps: every combination.
    /// PATH is lab.timers, overlay.NAME.healing, stub.NAME.access.bfd, or link.*.hold for all links
    #[arg(long, value_name = "PATH=VALUE,…")]
    sweep: Vec<Sweep>,
}

impl Several {
    /// Every run: combination by combination, and in each the repetitions. All have been checked.
    ///
    /// The seeds of the repetitions are the lab's own and those that follow it. A seed that is swept stays
    /// as it is: its repetitions show what chance does that no seed governs.
    pub(super) fn variants(&self, start: &Start) -> Result<Vec<Variant>, Failure> {
        self.refuse_two_choices(start)?;
        let (mut variants, mut problems) = (Vec::new(), Diagnostics::default());
        for settings in scenario::combinations(&self.sweep) {
            let keeps_its_seed = settings.iter().any(|setting| setting.is_of_lab("seed"));
            let first = Variant { settings, ..Variant::default() };
            if self.repeat.is_none() && self.sweep.is_empty() {
                return Ok(vec![first]);
            }
            let seed = match first.read(&start.file, &start.choices) {
                Ok((topology, _)) => topology.seed,
                Err(found) => {
                    add(&mut problems, found);
                    continue;
                }
            };
            let step = u64::from(!keeps_its_seed);
            let repeated = (0..u64::from(self.repeat.unwrap_or(1))).map(|k| (seed + k * step) % SEEDS);
            variants.extend(repeated.map(|seed| Variant { seed: Some(seed), ..first.clone() }));
        }
        if problems.is_empty() { Ok(variants) } else { Err(check::refused(&problems)) }
    }

    fn refuse_two_choices(&self, start: &Start) -> Result<(), Failure> {
        let combinations = scenario::combinations(&self.sweep);
        let swept = combinations.first().map_or(&[][..], Vec::as_slice);
        let choices = &start.choices;
        let chosen = [
            ("seed", choices.seed.is_some()),
            ("family", choices.family.is_some()),
            ("timers", choices.timers.is_some()),
            ("name", start.name.is_some()),
        ];
        for (name, _) in chosen.iter().filter(|(_, is_chosen)| *is_chosen) {
            if swept.iter().any(|setting| setting.is_of_lab(name)) {
                return Err(Failure::Usage(anyhow!("--{name} and --sweep lab.{name} exclude one another")));
            }
        }
        for (index, setting) in swept.iter().enumerate() {
            if swept[..index].iter().any(|before| before.own_key() == setting.own_key()) {
                return Err(Failure::Usage(anyhow!("--sweep {0} twice: write {0}=A,B once", setting.own_key())));
            }
        }
        Ok(())
    }
}

/// A problem of the lab file is one of every combination: it is told once.
fn add(problems: &mut Diagnostics, found: Diagnostics) {
    for problem in found.0 {
        let same = |p: &&crate::topology::Diagnostic| p.message == problem.message && p.label == problem.label;
        if problems.0.iter().find(same).is_none() {
            problems.0.push(problem);
        }
    }
}

/// Plays all of them, and summarizes.
pub(super) fn execute(start: &Start, variants: Vec<Variant>, format: ReportFormat, begun: u64) -> Ended {
    let (topology, _) = variants[0].load(&start.file, &start.choices)?;
    let name = start.name.as_ref().unwrap_or(&topology.name);
    let out = start.out.clone().unwrap_or_else(|| Path::new(OUT).join(name));
    let claimant = Claimant { command: "run", lab: Some(name), option: "--out" };
    let directory = claim(&out, &claimant)?;
    clear_series(&out, &claimant)?;
    let done = play_all(start, variants, &out, format, begun);
    directory.release();
    done
}

fn play_all(start: &Start, variants: Vec<Variant>, out: &Path, format: ReportFormat, begun: u64) -> Ended {
    let (count, digits) = (variants.len(), variants.len().to_string().len().max(3));
    let (mut runs, mut begun) = (Vec::new(), begun);
    for (index, variant) in variants.into_iter().enumerate() {
        let name = format!("{:0digits$}", index + 1);
        let variant = Variant { out: Some(out.join(&name)), ..variant };
        let (title, since) = (variant.title(&variant.load(&start.file, &start.choices)?.0), Instant::now());
        if !start.quiet {
            complain(&format!("run {} of {count}: {title}", index + 1));
        }
        let (run_out, code) = start.go(&variant, Mode::Play, begun)?;
        let report = finish(run_out.path());
        run_out.release();
        if let (Some(report), false) = (&report, start.quiet) {
            complain(&format!("  {} · {:.1} s", told(report), since.elapsed().as_secs_f64()));
        }
        let played = report.as_ref().is_some_and(|report| report.verdict != RunVerdict::Incomplete);
        runs.extend(report.map(|report| (name, report)));
        // A lab that fails at once will fail again. 3: the machine lacks something; nothing will change that.
        if code == 3 || code == 4 && !played && runs.iter().all(|(_, r)| r.verdict == RunVerdict::Incomplete) {
            return Ok(code);
        }
        if code == 130 || sandbox::is_interrupted()? {
            complain(&format!("interrupted: {} of {count} runs are summarized", runs.len()));
            return summarize(&runs, out, format).map(|_| 130);
        }
        begun = crate::kernel::now();
    }
    summarize(&runs, out, format)
}

/// Removes what earlier runs left, one or a series: it would be taken for this one's.
fn clear_series(out: &Path, claimant: &Claimant<'_>) -> Result<(), Failure> {
    clear(out)?;
    for run in runs_in(out) {
        // Held until it is gone: another command may be playing into just this one.
        let _held = claim(&run, claimant)?;
        fs::remove_dir_all(&run).with_context(|| format!("remove {}", run.display()))?;
    }
    Ok(())
}

/// Writes the report of one run; `None`: it left no record.
fn finish(out: &Path) -> Option<Report> {
    let files = Record::read(&out.join("events.jsonl")).map(|record| Files::of(&record));
    let written = files.map_err(anyhow::Error::from).and_then(|files| save(&files, out).map(|()| files.report));
    written.map_err(|error| complain(&format!("warning: {}: {error:#}", out.display()))).ok()
}

fn told(report: &Report) -> String {
    let passed = report.passed();
    let all = report.expectations.len();
    let mut text = match report.verdict {
        RunVerdict::Pass => format!("pass {passed} of {all}"),
        RunVerdict::Fail => format!("fail {passed} of {all}"),
        RunVerdict::Invalid => format!("invalid, not counted: {}", report.fidelity.reasons.join("; ")),
        RunVerdict::Incomplete => {
            format!("incomplete, not counted: {}", report.end.as_deref().unwrap_or("the record stops"))
        }
    };
    for failed in
        report.expectations.iter().filter(|e| e.verdict == Verdict::Fail && report.verdict == RunVerdict::Fail)
    {
        text += &format!("\n  ✗ {}: {}", failed.name, failed.observed);
    }
    text
}

fn summarize(runs: &[(String, Report)], out: &Path, format: ReportFormat) -> Ended {
    let Some(summary) = Summary::of(runs) else { return Err(anyhow!("no run left a record").into()) };
    let files = summary::Files::of(&summary);
    files.write(out).map_err(|(path, error)| anyhow!(error).context(format!("write {}", path.display())))?;
    show(&summary, format);
    if format == ReportFormat::Text {
        complain(&format!("{}", out.join("summary.html").display()));
    }
    Ok(i32::from(summary.exit_code()))
}

fn show(summary: &Summary, format: ReportFormat) {
    print(&match format {
        ReportFormat::Text => summary::text(summary, is_colored()),
        ReportFormat::Json => summary::json(summary),
        ReportFormat::Markdown => summary::markdown(summary),
    });
}

/// Directories of the runs of a series, in their order.
pub(super) fn runs_in(out: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(out).into_iter().flatten().flatten();
    let is_numbered = |name: &str| name.len() >= 3 && name.chars().all(|c| c.is_ascii_digit());
    let runs = entries.map(|entry| entry.path()).filter(|path| {
        path.file_name().and_then(|name| name.to_str()).is_some_and(is_numbered) && path.join("plan.txt").exists()
    });
    let mut runs: Vec<PathBuf> = runs.collect();
    runs.sort();
    runs
}

/// Whether this is the directory of a series.
pub(super) fn is_one(directory: &Path) -> bool {
    !runs_in(directory).is_empty()
}

/// Rebuilds the summary from the records of the runs.
pub(super) fn report(directory: &Path, out: Option<&Path>, format: ReportFormat) -> Ended {
    let mut runs = Vec::new();
    for run in runs_in(directory) {
        let name = run.file_name().unwrap_or_default().to_string_lossy().into_owned();
        match Record::read(&run.join("events.jsonl")) {
            Ok(record) => runs.push((name, measure::report(&record))),
            Err(error) => complain(&format!("warning: run {name} is left out: {error}")),
        }
    }
    let summary = Summary::of(&runs).ok_or_else(|| Failure::Usage(anyhow!("no run has a record")))?;
    let files = summary::Files::of(&summary);
    write_report(directory, out, |target| {
        files.write(target).map_err(|(path, error)| anyhow!(error).context(format!("write {}", path.display())))
    })?;
    show(&summary, format);
    Ok(i32::from(summary.exit_code()))
}
