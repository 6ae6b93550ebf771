//! What became of the catalog's questions when their lab files were played: for a terminal, and as the page
//! `docs/catalog.md`.

use std::fmt::Write;

use serde::Serialize;

use super::html::verdict_word;
use super::markdown::cell;
use super::page::{BAD, BOLD, Cell, DIM, Page};
use crate::catalog::Entry;
use crate::measure::{Outcome, Report, Verdict};

/// A question, and what its lab said.
#[derive(Debug, Serialize)]
pub struct Answer {
    pub id: &'static str,
    pub question: &'static str,
    pub lab: &'static str,
    pub published: &'static str,
    /// Of the whole lab file, which may answer other questions besides.
    pub verdict: &'static str,
    /// Those that are about this question.
    pub expectations: Vec<Verdict>,
    pub seconds: Option<f64>,
    pub seed: u64,
    pub anybed: String,
    pub bird: String,
    pub kernel: String,
}

impl Answer {
    pub fn of(entry: &Entry, report: &Report) -> Self {
        let about = report.expectations.iter().filter(|verdict| entry.is_about(&verdict.name));
        Self {
            id: entry.id,
            question: entry.title,
            lab: entry.name,
            published: entry.published,
            verdict: verdict_word(report.verdict),
            expectations: about.cloned().collect(),
            seconds: report.play_seconds,
            seed: report.seed,
            anybed: report.anybed.clone(),
            bird: report.bird.clone(),
            kernel: report.kernel.clone(),
        }
    }

    /// Whether everything about this question is as it is expected, in a run that counts.
    pub fn agrees(&self) -> bool {
        ["pass", "fail"].contains(&self.verdict) && self.expectations.iter().all(|one| one.verdict == Outcome::Pass)
    }
}

/// A line a question.
pub fn text(answers: &[Answer], color: bool) -> String {
    let mut page = Page::new(color);
    let mut rows = vec![["", "question", "lab", "expected and seen"].map(|word| Cell::left(word).styled(DIM)).to_vec()];
    for answer in answers {
        let passed = answer.expectations.iter().filter(|one| one.verdict == Outcome::Pass).count();
        let seen = format!("{passed} of {}", answer.expectations.len());
        let seen = if answer.agrees() { Cell::left(seen) } else { Cell::left(seen).styled(BAD) };
        let id = Cell::left(answer.id).styled(BOLD);
        rows.push(vec![id, Cell::left(answer.question), Cell::left(answer.lab), seen]);
    }
    page.table(&rows);
    page.finish()
}

/// The page: of each question what is published, what is expected, and what was seen.
pub fn markdown(answers: &[Answer]) -> String {
    let mut page =
        "# The catalog\n\nQuestions that people have of anycast, each with a lab file that answers it with real \
                    BGP. `anybed catalog` lists them, `anybed run catalog/E15` plays one, `anybed catalog E15 > \
                    mine.toml` prints one to begin with.\n\n"
            .to_owned();
    if let Some(first) = answers.first() {
        let _ = writeln!(
            page,
            "This page is what `anybed catalog --play --format markdown` wrote: anybed {}, BIRD {}, Linux {}. Every \
             number under *seen* was measured in that run, each lab played once. What is published is about the \
             Internet, with other paths and other distances: the labs show how such a thing comes about, not how often \
             it does.\n",
            first.anybed, first.bird, first.kernel
        );
    }
    for answer in answers {
        let agreed = if answer.agrees() { "as expected" } else { "**not as expected**" };
        let link = format!("[`{0}.toml`](../topologies/{0}.toml)", answer.lab);
        let _ = writeln!(page, "## {} · {}\n\n*Published:* {}\n", answer.id, answer.question, answer.published);
        let _ = writeln!(page, "{link}: {agreed}.\n\n| expected | seen | |\n|---|---|---|");
        for one in &answer.expectations {
            let mark = match one.verdict {
                Outcome::Pass => "✓",
                Outcome::Fail => "✗",
                Outcome::Skipped => "not reached",
            };
            let _ = writeln!(page, "| {} | {} | {mark} |", cell(&one.name), cell(&one.observed));
        }
        page.push('\n');
    }
    page.trim_end().to_owned() + "\n"
}
