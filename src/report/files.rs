//! The files that a run leaves beside its record.

use std::path::{Path, PathBuf};
use std::{fs, io};

use super::{Network, html, json, junit, tables, text};
use crate::measure::{Findings, Report};
use crate::record::Record;

/// A report in all its forms.
pub struct Files {
    pub report: Report,
    /// File names below the run directory, and what is in them.
    files: Vec<(PathBuf, String)>,
}

impl Files {
    /// Measures a record and draws everything.
    pub fn of(record: &Record) -> Self {
        let findings = Findings::of(record);
        let (report, series) = (findings.report(), findings.series());
        let network = Network::of_facts(&record.facts);
        let mut files: Vec<(PathBuf, String)> = vec![
            ("report.json".into(), json(&report)),
            ("report.txt".into(), text(&report, false)),
            ("report.html".into(), html(&report, &network, &series)),
            ("junit.xml".into(), junit(&report)),
        ];
        let tables = tables(&report, &series).expect("a table in memory, with as many cells in each row");
        files.extend(tables.into_iter().map(|(name, text)| (Path::new(Self::TABLES).join(name), text)));
        Self { report, files }
    }

    /// Names of all files that a run may leave, for the next run to remove.
    pub const NAMES: [&'static str; 4] = ["report.json", "report.txt", "report.html", "junit.xml"];
    /// Folder of the tables.
    pub const TABLES: &'static str = "csv";

    /// Writes them, over what is there.
    ///
    /// # Errors
    /// Names the file that could not be written.
    pub fn write(&self, directory: &Path) -> Result<(), (PathBuf, io::Error)> {
        for (name, text) in &self.files {
            let path = directory.join(name);
            let folder = path.parent().unwrap_or(directory);
            fs::create_dir_all(folder).and_then(|()| fs::write(&path, text)).map_err(|error| (path, error))?;
        }
        Ok(())
    }
}
