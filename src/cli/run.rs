//! `anybed run`, `anybed up` and `anybed report`.

use std::path::{Path, PathBuf};

use anyhow::{Context, anyhow};
use clap::Args;

use super::play::{ReportFormat, Start, save, write_report};
use super::several::{self, Several};
use super::variant::Variant;
use super::{Ended, Failure, complain, is_colored, print};
use crate::lab::supervisor::Mode;
use crate::measure::Report;
use crate::record::Record;
use crate::report::{self, Files};

#[derive(Args, Debug)]
pub(super) struct Run {
    #[command(flatten)]
    start: Start,
    #[arg(long, value_enum, default_value_t)]
    format: ReportFormat,
    /// Build the lab, print the phases, end
    #[arg(long, conflicts_with = "repeat")]
    build_only: bool,
    #[command(flatten)]
    several: Several,
}

#[derive(Args, Debug)]
pub(super) struct Up {
    #[command(flatten)]
    start: Start,
    /// Stay, and end with the lab, or the lab with this command
    #[arg(long, hide = true)]
    held: bool,
}

#[derive(Args, Debug)]
pub(super) struct ReportOf {
    /// Run directory, or one of several runs; the files of the report are written there again
    directory: PathBuf,
    /// Write the files of the report here instead
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
    #[arg(long, value_enum, default_value_t)]
    format: ReportFormat,
}

impl Run {
    pub(super) fn execute(self, begun: u64) -> Ended {
        let mode = if self.build_only { Mode::Build } else { Mode::Play };
        let mut variants = self.several.variants(&self.start)?;
        if variants.len() > 1 {
            if self.build_only {
                return Err(Failure::Usage(anyhow!("--build-only builds one lab, and --sweep is about several")));
            }
            return several::execute(&self.start, variants, self.format, begun);
        }
        let variant = variants.pop().unwrap_or_default();
        let (out, code) = self.start.go(&variant, mode, begun)?;
        let done = match code {
            0 => self.report(out.path()),
            code => Ok(code),
        };
        out.release();
        done
    }

    fn report(&self, out: &Path) -> Ended {
        let record = Record::read(&out.join("events.jsonl")).context("read the record")?;
        let files = Files::of(&record);
        save(&files, out)?;
        show(&files.report, self.format);
        if self.format == ReportFormat::Text {
            complain(&format!("{}", out.join("report.html").display()));
        }
        Ok(i32::from(files.report.exit_code()))
    }
}

impl Up {
    pub(super) fn execute(self, begun: u64) -> Ended {
        let start = Start { held: self.held, ..self.start };
        start.go(&Variant::default(), Mode::StayUp, begun).map(|(_, code)| code)
    }
}

impl ReportOf {
    pub(super) fn execute(self) -> Ended {
        let path = self.directory.join("events.jsonl");
        if !path.exists() && several::is_one(&self.directory) {
            return several::report(&self.directory, self.out.as_deref(), self.format);
        }
        let record = Record::read(&path);
        let record = record.map_err(|error| Failure::Usage(anyhow!("{}: {error}", self.directory.display())))?;
        let files = Files::of(&record);
        write_report(&self.directory, self.out.as_deref(), |out| save(&files, out))?;
        show(&files.report, self.format);
        Ok(i32::from(files.report.exit_code()))
    }
}

fn show(report: &Report, format: ReportFormat) {
    match format {
        ReportFormat::Json => print(&report::json(report)),
        ReportFormat::Markdown => print(&report::markdown(report)),
        ReportFormat::Text => print(&report::text(report, is_colored())),
    }
}
