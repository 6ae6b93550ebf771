//! `anybed catalog`: questions about anycast, each with a lab file that answers it.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, anyhow};
use clap::Args;

use super::daemons::Daemons;
use super::play::{OUT, ReportFormat};
use super::{Choices, Ended, Failure, check, complain, is_colored, labs, print};
use crate::catalog::{ENTRIES, Entry, at};
use crate::lab::keeper;
use crate::measure::Report;
use crate::report::catalog::{self as drawn, Answer};

/// Longest play of a lab that a hurried run has time for.
const QUICK: Duration = Duration::from_secs(30);

#[derive(Args, Debug)]
pub(super) struct Catalog {
    /// Questions by number, or by the name of their lab file: prints the lab file of one [default: all, listed]
    #[arg(value_name = "QUESTION")]
    questions: Vec<String>,
    /// Play the lab files, one after another, and say what was seen
    #[arg(long)]
    play: bool,
    /// Only labs that last no longer than half a minute
    #[arg(long)]
    quick: bool,
    /// A run directory for each lab goes here
    #[arg(long, value_name = "DIR", requires = "play", default_value_os_t = Path::new(OUT).join("catalog"))]
    out: PathBuf,
    #[arg(long, value_enum, default_value_t)]
    format: ReportFormat,
    #[command(flatten)]
    daemons: Daemons,
}

impl Catalog {
    /// Exit code 1: something was not as expected.
    pub(super) fn execute(self) -> Ended {
        let mut chosen = self.chosen()?;
        if self.quick {
            let lasts = |entry: &&Entry| duration(entry).map(|lasts| (lasts <= QUICK).then_some(**entry));
            chosen =
                chosen.iter().map(|entry| lasts(&entry)).filter_map(Result::transpose).collect::<Result<_, _>>()?;
        }
        match (self.play, &chosen[..]) {
            (true, _) => self.play(&chosen),
            (false, [one]) if !self.questions.is_empty() => {
                print(one.text);
                Ok(0)
            }
            (false, _) => self.list(&chosen),
        }
    }

    fn chosen(&self) -> Result<Vec<Entry>, Failure> {
        if self.questions.is_empty() {
            return Ok(ENTRIES.to_vec());
        }
        let find = |name: &String| {
            let entry = at(&Path::new("catalog").join(name));
            entry.copied().ok_or_else(|| Failure::Usage(anyhow!("no question {name}; `anybed catalog` lists them")))
        };
        self.questions.iter().map(find).collect()
    }

    fn list(&self, chosen: &[Entry]) -> Ended {
        if self.format == ReportFormat::Json {
            let rows = chosen.iter().map(|entry| {
                let (path, lasts) = (entry.path(), duration(entry)?.as_secs_f64());
                let Entry { id, title, published, name, .. } = entry;
                Ok(serde_json::json!({ "id": id, "question": title, "lab": name, "file": path, "seconds": lasts,
                                       "published": published }))
            });
            print(&labs::json(&rows.collect::<Result<Vec<_>, Failure>>()?)?);
            return Ok(0);
        }
        for entry in chosen {
            let lasts = duration(entry)?.as_secs();
            print(&format!("{:<4}  {:<51} {:<18} {lasts:>4} s\n", entry.id, entry.title, entry.name));
        }
        if is_colored() {
            complain("\nplay one: anybed run catalog/E15    print one: anybed catalog E15    play all: --play");
        }
        Ok(0)
    }

    /// Each lab file once, though it may answer several questions; those for which the machine lacks something are left
    /// out. A lab's process enters the sandbox and does not come back: it is another one's.
    fn play(&self, chosen: &[Entry]) -> Ended {
        let program = std::env::current_exe().context("find this program")?;
        let (mut reports, mut answers, mut skipped) = (BTreeMap::<&str, Report>::new(), Vec::new(), Vec::new());
        for entry in chosen {
            if !reports.contains_key(entry.name) {
                let since = Instant::now();
                complain(&format!("{}  {} ({})", entry.id, entry.title, entry.name));
                let mut run = Command::new(&program);
                run.args(["run", &format!("catalog/{}", entry.name), "--quiet", "--format", "json", "--out"]);
                run.arg(self.out.join(entry.name)).stdin(Stdio::null()).stderr(Stdio::inherit());
                run.args(self.daemons.options().iter().map(|(name, value)| format!("--{name}={value}")));
                keeper::tie(&mut run);
                let done = run.output();
                let done = done.context("run a lab")?;
                match done.status.code() {
                    Some(0 | 1 | 5) => {}
                    // It has said what the machine lacks, which other labs may not need.
                    Some(3) => {
                        complain("     skipped");
                        skipped.push(entry.id);
                        continue;
                    }
                    code => return Ok(code.unwrap_or(130)),
                }
                let report: Report = serde_json::from_slice(&done.stdout).context("read a report")?;
                let passed = report.passed();
                let all = report.expectations.len();
                complain(&format!("     {passed} of {all} as expected, {:.1} s", since.elapsed().as_secs_f64()));
                reports.insert(entry.name, report);
            }
            answers.extend(reports.get(entry.name).map(|report| Answer::of(entry, report)));
        }
        if !skipped.is_empty() {
            complain(&format!("skipped: {}", skipped.join(", ")));
        }
        if answers.is_empty() && !skipped.is_empty() {
            return Ok(3);
        }
        print(&match self.format {
            ReportFormat::Text => drawn::text(&answers, is_colored()),
            ReportFormat::Json => labs::json(&answers)?,
            ReportFormat::Markdown => drawn::markdown(&answers),
        });
        Ok(i32::from(!answers.iter().all(Answer::agrees)))
    }
}

/// How long a lab's play lasts.
fn duration(entry: &Entry) -> Result<Duration, Failure> {
    let path = PathBuf::from(entry.path());
    check::load(&path, &Choices::default()).map(|(_, scenario)| scenario.duration)
}
