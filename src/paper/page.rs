//! What an experiment found, as a page of Markdown with its figures and tables beside it.

use std::fmt::Write as _;
use std::fs;
use std::path::Path;

use anyhow::{Context, Result};
use serde::Serialize;

pub use super::claim::{Claim, Finding, Test};
pub use super::numbers::{number, percent};

/// Where numbers come from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Source {
    /// Measured in namespaces, with BIRD and real packets.
    Lab,
    /// Measured in the simulated network: the same nodes, without sockets, kernels or BGP.
    Simulated,
    /// Computed.
    Derived,
}

/// A table, which is a CSV file too.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Table {
    /// Name of the CSV file, without its ending.
    pub name: String,
    pub caption: String,
    pub source: Source,
    pub header: Vec<String>,
    pub rows: Vec<Vec<String>>,
}

/// A drawing.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Figure {
    /// Name of the SVG file, without its ending.
    pub name: String,
    pub caption: String,
    pub source: Source,
    #[serde(skip)]
    pub svg: String,
}

#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "lowercase")]
enum Block {
    Heading(String),
    Text(String),
    Table(Table),
    Figure(Figure),
}

/// One section of the paper, measured.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Page {
    /// `4.1`
    pub section: String,
    pub title: String,
    /// How it was made: version, seed, machine, time.
    pub made: String,
    blocks: Vec<Block>,
    pub claims: Vec<Claim>,
}

impl Source {
    fn words(self) -> &'static str {
        match self {
            Self::Lab => "measured in a lab",
            Self::Simulated => "simulated network",
            Self::Derived => "derived",
        }
    }
}

impl Table {
    pub fn new(name: &str, caption: &str, source: Source, header: &[&str]) -> Self {
        let header = header.iter().map(|h| (*h).to_owned()).collect();
        Self { name: name.into(), caption: caption.into(), source, header, rows: Vec::new() }
    }

    /// Adds a row, which has as many cells as the header.
    pub fn row(&mut self, cells: impl IntoIterator<Item = String>) {
        self.rows.push(cells.into_iter().collect());
    }
}

impl Page {
    pub fn new(section: &str, title: &str) -> Self {
        let (section, title) = (section.to_owned(), title.to_owned());
        Self { section, title, made: String::new(), blocks: Vec::new(), claims: Vec::new() }
    }

    /// Everything of another page, after what is on this one.
    pub(super) fn append(&mut self, other: Self) {
        self.blocks.extend(other.blocks);
        self.claims.extend(other.claims);
    }

    pub fn heading(&mut self, text: &str) {
        self.blocks.push(Block::Heading(text.to_owned()));
    }

    pub fn text(&mut self, text: impl Into<String>) {
        self.blocks.push(Block::Text(text.into()));
    }

    pub fn table(&mut self, table: Table) {
        self.blocks.push(Block::Table(table));
    }

    pub fn figure(&mut self, figure: Figure) {
        self.blocks.push(Block::Figure(figure));
    }

    /// Says what was found about a sentence: what its tests say, and `because` what numbers no test holds.
    pub fn judge(&mut self, says: &str, tests: Vec<Test>, because: impl Into<String>) {
        let (section, says, because) = (self.section.clone(), says.to_owned(), because.into());
        self.claims.push(Claim { section, says, finding: Finding::of(&tests), tests, because });
    }

    /// Writes `SECTION.md`, and into the directory `SECTION` every figure as SVG and every table as CSV.
    ///
    /// # Errors
    /// If a file cannot be written.
    pub fn write(&self, results: &Path) -> Result<()> {
        let beside = results.join(&self.section);
        fs::create_dir_all(&beside).with_context(|| format!("make {}", beside.display()))?;
        let put = |path: &Path, text: &[u8]| fs::write(path, text).with_context(|| format!("write {}", path.display()));
        for block in &self.blocks {
            match block {
                Block::Table(table) => put(&beside.join(format!("{}.csv", table.name)), &csv(table)?)?,
                Block::Figure(figure) => {
                    put(&beside.join(format!("{}.svg", figure.name)), figure.svg.as_bytes())?;
                }
                Block::Heading(_) | Block::Text(_) => {}
            }
        }
        put(&results.join(format!("{}.md", self.section)), self.markdown().as_bytes())
    }

    /// The page as Markdown.
    pub fn markdown(&self) -> String {
        let mut text = format!("# {} {}\n\n{}\n\n", self.section, self.title, self.made);
        // Writing to a string cannot fail.
        let _ = writeln!(text, "| the paper says | found | because |\n|---|---|---|");
        for claim in &self.claims {
            let tests = claim.tests.iter().map(Test::show).chain(Some(claim.because.clone()).filter(|b| !b.is_empty()));
            let because = tests.map(|t| cell(&t)).collect::<Vec<_>>().join("<br>");
            let _ = writeln!(text, "| {} | **{}** | {because} |", cell(&claim.says), claim.finding.word());
        }
        for block in &self.blocks {
            let _ = match block {
                Block::Heading(heading) => writeln!(text, "\n## {heading}"),
                Block::Text(paragraph) => writeln!(text, "\n{paragraph}"),
                Block::Figure(f) => {
                    let (file, words) = (format!("{}/{}.svg", self.section, f.name), f.source.words());
                    writeln!(text, "\n![{}]({file})\n\n*{} ({words})*", f.caption, f.caption)
                }
                Block::Table(table) => {
                    let file = format!("{}/{}.csv", self.section, table.name);
                    let words = table.source.words();
                    writeln!(text, "\n*{} ({words}; [CSV]({file}))*\n\n{}", table.caption, rows(table))
                }
            };
        }
        text
    }
}

fn cell(text: &str) -> String {
    text.replace('|', "\\|").replace('\n', " ")
}

fn rows(table: &Table) -> String {
    let line = |cells: &[String]| format!("| {} |", cells.iter().map(|c| cell(c)).collect::<Vec<_>>().join(" | "));
    let rule = format!("|{}", "---|".repeat(table.header.len()));
    let mut lines = vec![line(&table.header), rule];
    lines.extend(table.rows.iter().map(|row| line(row)));
    lines.join("\n")
}

fn csv(table: &Table) -> Result<Vec<u8>> {
    let mut writer = csv::Writer::from_writer(Vec::new());
    writer.write_record(&table.header).context("write a table")?;
    for row in &table.rows {
        writer.write_record(row).context("write a table")?;
    }
    writer.into_inner().context("write a table")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::paper::estimate::Estimate;

    fn page() -> Page {
        let mut page = Page::new("4.1", "Joining");
        page.made = "Made by a test.".into();
        let half = Test::at_least("a|c", Estimate::share(1, 2), 1.0);
        page.judge("a|b", vec![half], "1 of 2");
        page.heading("Part");
        let mut table = Table::new("numbers", "Numbers", Source::Derived, &["a", "b"]);
        table.row(["1".to_owned(), "x, y".to_owned()]);
        page.table(table);
        page.figure(Figure {
            name: "drawn".into(),
            caption: "A drawing".into(),
            source: Source::Simulated,
            svg: "<svg/>".into(),
        });
        page
    }

    #[test]
    fn a_page_names_its_claims_and_where_its_numbers_come_from() {
        let text = page().markdown();
        assert!(text.contains("| a\\|b | **refuted** | a\\|c 0.5 (0.09–0.91), at least 1: no<br>1 of 2 |"), "{text}");
        assert!(text.contains("*Numbers (derived; [CSV](4.1/numbers.csv))*\n\n| a | b |\n|---|---|\n| 1 | x, y |"));
        assert!(text.contains("![A drawing](4.1/drawn.svg)\n\n*A drawing (simulated network)*"));
    }

    #[test]
    fn files_lie_beside_the_page() {
        let dir = tempfile::tempdir().unwrap();
        page().write(dir.path()).unwrap();
        assert_eq!(fs::read_to_string(dir.path().join("4.1/numbers.csv")).unwrap(), "a,b\n1,\"x, y\"\n");
        assert_eq!(fs::read_to_string(dir.path().join("4.1/drawn.svg")).unwrap(), "<svg/>");
        assert!(dir.path().join("4.1.md").exists());
    }
}
