//! `anybed run`, `anybed up` and `anybed report`.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::UnixListener;
use std::path::{Path, PathBuf};
use std::sync::mpsc::Receiver;
use std::time::{SystemTime, UNIX_EPOCH};

use anyhow::{Context, Result, anyhow};
use clap::{Args, ValueEnum};

use super::{Choices, Failure, Outcome, check, complain, is_colored, print};
use crate::bird::Bird;
use crate::event::{Event, What};
use crate::kernel::features;
use crate::lab::runtime::{self, ClaimError, Entry, Facts};
use crate::lab::sandbox::{self, Side};
use crate::lab::supervisor::{self, Assignment, Follower, Purpose};
use crate::measure::{Live, Record, Report};
use crate::report::{self, Files};

/// Below the current directory.
const OUT: &str = "anybed-out";

#[derive(Args, Debug)]
pub(super) struct Run {
    #[command(flatten)]
    start: Start,
    #[arg(long, value_enum, default_value_t)]
    format: ReportFormat,
    /// Build the lab, print the phases, end
    #[arg(long)]
    build_only: bool,
}

#[derive(Args, Debug)]
pub(super) struct Up {
    #[command(flatten)]
    start: Start,
}

/// What both `run` and `up` are given.
#[derive(Args, Debug)]
struct Start {
    /// Lab file
    file: PathBuf,
    /// Run directory: record, report, BIRD configs and logs [default: anybed-out/LAB, or, for a lab
    /// that stays up, with it and gone when it ends]
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
    /// Name of the lab, instead of the lab file's
    #[arg(long)]
    name: Option<String>,
    /// No progress on standard error
    #[arg(short, long)]
    quiet: bool,
    #[command(flatten)]
    choices: Choices,
}

/// How a report is printed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
enum ReportFormat {
    #[default]
    Text,
    Json,
    Markdown,
}

#[derive(Args, Debug)]
pub(super) struct ReportOf {
    /// Run directory; the files of the report are written there again
    directory: PathBuf,
    /// Write the files of the report here instead
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
    #[arg(long, value_enum, default_value_t)]
    format: ReportFormat,
}

impl Run {
    pub(super) fn execute(self, begun: u64) -> Outcome {
        let purpose = if self.build_only { Purpose::Build } else { Purpose::Play };
        let (out, code) = self.start.go(purpose, begun)?;
        match code {
            0 => self.report(&out),
            code => Ok(code),
        }
    }

    fn report(&self, out: &Path) -> Outcome {
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
    pub(super) fn execute(self, begun: u64) -> Outcome {
        self.start.go(Purpose::StayUp, begun).map(|(_, code)| code)
    }
}

impl ReportOf {
    pub(super) fn execute(self) -> Outcome {
        let record = Record::read(&self.directory.join("events.jsonl"));
        let record = record.map_err(|error| Failure::Usage(anyhow!("{}: {error}", self.directory.display())))?;
        let files = Files::of(&record);
        match &self.out {
            Some(out) => save(&files, out)?,
            // What is asked for is the report: it may well be of a directory that nothing can be written to.
            None => {
                if let Err(error) = save(&files, &self.directory) {
                    complain(&format!("warning: {error:#}"));
                }
            }
        }
        show(&files.report, self.format);
        Ok(i32::from(files.report.exit_code()))
    }
}

/// Writes all files of a report.
fn save(files: &Files, out: &Path) -> Result<()> {
    files.write(out).map_err(|(path, error)| anyhow!(error).context(format!("write {}", path.display())))
}

fn show(report: &Report, format: ReportFormat) {
    match format {
        ReportFormat::Json => print(&report::json(report)),
        ReportFormat::Markdown => print(&report::markdown(report)),
        ReportFormat::Text => print(&report::text(report, is_colored())),
    }
}

impl Start {
    /// Checks, plans, claims a name, enters the sandbox. Returns the run directory and the exit code of the lab.
    fn go(&self, purpose: Purpose, begun: u64) -> Result<(PathBuf, i32), Failure> {
        let (mut topology, mut scenario) = check::load(&self.file, &self.choices)?;
        if purpose == Purpose::Build {
            scenario.timeline.clear();
            scenario.expectations.clear();
        }
        if let Some(name) = &self.name {
            topology.name = checked_name(name)?;
        }
        let templates = check::templates(&self.choices)?;
        let plan = check::plan_with(&topology, &templates)?;
        let bird = Bird::find().map_err(|error| Failure::Machine(error.into()))?;
        if topology.links.iter().any(|link| link.emulated) {
            topology.backend = features::backend(topology.backend).map_err(|error| Failure::Machine(error.into()))?;
        }
        runtime::sweep()?;
        let entry = self.claim(&topology.name, purpose)?;
        topology.name.clone_from(&entry.name);
        let out = self.prepare_out(&entry, purpose)?;
        write(&out.join("plan.txt"), &check::show(&topology, &scenario, &plan))?;
        let listener = UnixListener::bind(entry.socket());
        let listener = listener.with_context(|| format!("listen at {}", entry.socket().display()))?;
        fs::set_permissions(entry.socket(), Permissions::from_mode(0o600))
            .context("close the lab's socket to others")?;
        let assignment = Assignment {
            topology,
            scenario,
            plan,
            templates,
            bird,
            file: self.file.clone(),
            out: out.clone(),
            listener,
            begun,
            quiet: self.quiet,
            purpose,
            follower: (!self.quiet && purpose == Purpose::Play).then(|| Box::new(comment) as Follower),
        };
        let outside = match sandbox::enter(&out).map_err(machine)? {
            Side::Inside(inside) => std::process::exit(supervisor::supervise(assignment, inside)),
            Side::Outside(outside) => outside,
        };
        drop(assignment);
        let facts = |init| Facts {
            lab: entry.name.clone(),
            file: self.file.canonicalize().unwrap_or_else(|_| self.file.clone()),
            out: out.clone(),
            command: if purpose == Purpose::StayUp { "up".into() } else { "run".into() },
            started: SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |d| d.as_secs()),
            init: Some(init),
        };
        entry.write(&facts(outside.init()))?;
        match outside.wait(purpose == Purpose::StayUp)? {
            sandbox::Outcome::Detached => {
                print(&format!("{} is up; end it with `anybed down {}`\n", entry.name, entry.name));
                Ok((out, 0))
            }
            sandbox::Outcome::Ended(code) => {
                entry.remove()?;
                Ok((out, code))
            }
        }
    }

    /// A lab that was named must get that name; a run of a lab that runs already is numbered.
    fn claim(&self, lab: &str, purpose: Purpose) -> Result<Entry, Failure> {
        if purpose != Purpose::StayUp && self.name.is_none() {
            let entry = Entry::claim_any(lab)?;
            if entry.name != lab && !self.quiet {
                complain(&format!("{lab} is running already: this one is {}", entry.name));
            }
            return Ok(entry);
        }
        Entry::claim(lab).map_err(|error| match error {
            ClaimError::Taken(_) => Failure::Usage(error.into()),
            ClaimError::Other(error) => Failure::Lab(error),
        })
    }

    fn prepare_out(&self, entry: &Entry, purpose: Purpose) -> Result<PathBuf> {
        let out = match (&self.out, purpose) {
            (Some(out), _) => out.clone(),
            (None, Purpose::StayUp) => entry.path().join("run"),
            (None, _) => Path::new(OUT).join(&entry.name),
        };
        fs::create_dir_all(&out).with_context(|| format!("create run directory {}", out.display()))?;
        // What an earlier run left would be taken for this one's.
        for file in ["events.jsonl"].iter().chain(&Files::NAMES) {
            match fs::remove_file(out.join(file)) {
                Err(e) if e.kind() != std::io::ErrorKind::NotFound => {
                    return Err(e).with_context(|| format!("remove {}", out.join(file).display()));
                }
                _ => {}
            }
        }
        for folder in ["bird", "logs", Files::TABLES] {
            match fs::remove_dir_all(out.join(folder)) {
                Err(e) if e.kind() != std::io::ErrorKind::NotFound => {
                    return Err(e).with_context(|| format!("remove {}", out.join(folder).display()));
                }
                _ => {}
            }
        }
        out.canonicalize().with_context(|| format!("find run directory {}", out.display()))
    }
}

/// Entering fails for what the machine does not allow.
fn machine(error: anyhow::Error) -> Failure {
    Failure::Machine(error.context("enter the sandbox (`anybed doctor` says what this machine lacks)"))
}

/// Tells on standard error what is seen while a lab plays.
fn comment(events: Receiver<Event>) {
    let Ok(Event { what: What::Lab(facts), .. }) = events.recv() else { return };
    let mut live = Live::new(&facts);
    for event in events {
        if let Some((at, text)) = live.take(&event) {
            complain(&format!("{at:>6.1} s    {text}"));
        }
    }
}

/// A lab's name is a file name and a word of commands.
fn checked_name(name: &str) -> Result<String, Failure> {
    let fine = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-' || c == '_';
    if name.is_empty() || name.len() > 32 || !name.chars().all(fine) {
        let why = "a lab's name has 1 to 32 of the characters a-z 0-9 - _";
        return Err(Failure::Usage(anyhow!("--name {name:?}: {why}")));
    }
    Ok(name.to_owned())
}

fn write(path: &Path, text: &str) -> Result<()> {
    fs::write(path, text).with_context(|| format!("write {}", path.display()))
}
