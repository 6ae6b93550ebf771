//! A lab from its file to its end: checks, plans, claims a name, enters the sandbox.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::UnixListener;
use std::path::{Path, PathBuf};
use std::sync::mpsc::Receiver;
use std::time::{SystemTime, UNIX_EPOCH};

use anyhow::{Context, Result, anyhow};
use clap::{Args, ValueEnum};

use super::daemons::Daemons;
use super::variant::Variant;
use super::{Choices, Failure, check, complain, print};
use crate::kernel::features;
use crate::lab::claim::{self, Claimant, Directory};
use crate::lab::runtime::{self, ClaimError, Entry, Facts};
use crate::lab::sandbox::{self, Side};
use crate::lab::supervisor::{self, Assignment, Follower, Mode};
use crate::measure::Live;
use crate::record::{Event, What};
use crate::report::Files;
use crate::routing::registry;
use crate::topology::LONGEST_NAME;

/// Below the current directory.
pub(super) const OUT: &str = "anybed-out";

/// What both `run` and `up` are given.
#[derive(Args, Debug)]
pub(super) struct Start {
    /// Lab file
    pub(super) file: PathBuf,
    /// Run directory: record, report, BIRD configs and logs [default: anybed-out/LAB, or, for a lab
    /// that stays up, with it and gone when it ends]
    #[arg(long, value_name = "DIR")]
    pub(super) out: Option<PathBuf>,
    /// Name of the lab, instead of the lab file's
    #[arg(long)]
    pub(super) name: Option<String>,
    /// No progress on standard error
    #[arg(short, long)]
    pub(super) quiet: bool,
    #[command(flatten)]
    pub(super) daemons: Daemons,
    #[command(flatten)]
    pub(super) choices: Choices,
    /// A lab that stays up ends with this command
    #[arg(skip)]
    pub(super) held: bool,
}

/// How a report is printed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(super) enum ReportFormat {
    #[default]
    Text,
    Json,
    Markdown,
}

/// Writes what a report has of files, to `out` or else to the run's own directory.
///
/// # Errors
/// Of `out` only. What is asked for without it is the report: it may well be of a directory that nothing can be
/// written to, or that a run is writing to now.
pub(super) fn write_report(run: &Path, out: Option<&Path>, write: impl Fn(&Path) -> Result<()>) -> Result<(), Failure> {
    let claimed = claim(out.unwrap_or(run), &Claimant { command: "report", lab: None, option: "--out" });
    let written = claimed.and_then(|directory| {
        let written = write(directory.path());
        directory.release();
        written.map_err(Failure::Lab)
    });
    match (written, out) {
        (Err(Failure::Usage(error) | Failure::Lab(error)), None) => {
            complain(&format!("warning: no files are written: {error:#}"));
            Ok(())
        }
        (written, _) => written,
    }
}

/// Claims a directory that this command writes to.
pub(super) fn claim(directory: &Path, claimant: &Claimant<'_>) -> Result<Directory, Failure> {
    Directory::claim(directory, claimant).map_err(not_ours)
}

/// That somebody else writes there is the user's to mend.
pub(super) fn not_ours(error: claim::Error) -> Failure {
    match error {
        claim::Error::Taken { .. } => Failure::Usage(error.into()),
        claim::Error::Other(error) => Failure::Lab(error),
    }
}

/// Writes all files of a report.
pub(super) fn save(files: &Files, out: &Path) -> Result<()> {
    files.write(out).map_err(|(path, error)| anyhow!(error).context(format!("write {}", path.display())))
}

impl Start {
    /// Checks, plans, claims a name, enters the sandbox. Returns the run directory and the exit code of the lab.
    pub(super) fn go(&self, variant: &Variant, mode: Mode, begun: u64) -> Result<(Directory, i32), Failure> {
        let (mut topology, mut scenario) = variant.load(&self.file, &self.choices)?;
        if mode == Mode::Build {
            scenario.timeline.clear();
            scenario.expectations.clear();
        }
        if let Some(name) = &self.name {
            topology.name = checked_name(name)?;
        }
        // What is wrong with templates is told where no daemon is there, too.
        check::plan(&topology, &self.choices)?;
        let fleet = check::fleet(&topology, &self.daemons, &self.choices)?;
        let plan = check::plan_with(&topology, &fleet)?;
        if topology.links.iter().any(|link| link.emulated) {
            topology.backend = features::backend(topology.backend).map_err(|error| Failure::Machine(error.into()))?;
        }
        runtime::sweep()?;
        let entry = self.claim(&topology.name, mode)?;
        topology.name.clone_from(&entry.name);
        let directory = match self.prepare_out(variant.out.as_deref().or(self.out.as_deref()), &entry, mode) {
            Ok(directory) => directory,
            Err(error) => {
                entry.remove()?;
                return Err(error);
            }
        };
        let out = directory.path().to_owned();
        write(&out.join("plan.txt"), &check::show(&topology, &scenario, &plan))?;
        // Of several runs only the verdicts are told.
        let quiet = self.quiet || variant.out.is_some();
        let listener = UnixListener::bind(entry.socket());
        let listener = listener.with_context(|| format!("listen at {}", entry.socket().display()))?;
        fs::set_permissions(entry.socket(), Permissions::from_mode(0o600))
            .context("close the lab's socket to others")?;
        let scratch = fleet.scratch();
        let assignment = Assignment {
            topology,
            scenario,
            plan,
            fleet,
            file: self.file.clone(),
            out: out.clone(),
            listener,
            begun,
            quiet,
            mode,
            settings: variant.settings(),
            command: variant.command(&self.file, &self.choices, &self.daemons),
            follower: (!quiet && mode == Mode::Play).then(|| Box::new(comment) as Follower),
        };
        let outside = match sandbox::enter(&out, &scratch).map_err(machine)? {
            Side::Inside(inside) => {
                let code = supervisor::supervise(assignment, inside);
                // Of a lab that was up no command is left to do it.
                if mode == Mode::StayUp {
                    let _ = fs::remove_file(Path::new(sandbox::OUT).join(claim::LOCK));
                }
                std::process::exit(code)
            }
            Side::Outside(outside) => outside,
        };
        drop(assignment);
        let facts = |init| Facts {
            lab: entry.name.clone(),
            file: self.file.canonicalize().unwrap_or_else(|_| self.file.clone()),
            out: out.clone(),
            command: if mode == Mode::StayUp { "up".into() } else { "run".into() },
            started: SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |d| d.as_secs()),
            init: Some(init),
        };
        entry.write(&facts(outside.init()))?;
        let is_up = || print(&format!("{0} is up; end it with `anybed down {0}`\n", entry.name));
        let lets_go = || {
            let holds = mode == Mode::StayUp && self.held;
            if holds {
                is_up();
            }
            mode == Mode::StayUp && !holds
        };
        match outside.wait(&lets_go)? {
            sandbox::Ending::Detached => {
                is_up();
                Ok((directory, 0))
            }
            sandbox::Ending::Ended(code) => {
                entry.remove()?;
                Ok((directory, code))
            }
        }
    }

    /// A lab that was named must get that name; a run of a lab that runs already is numbered.
    fn claim(&self, lab: &str, mode: Mode) -> Result<Entry, Failure> {
        if mode != Mode::StayUp && self.name.is_none() {
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

    /// Claims the run directory and clears it.
    fn prepare_out(&self, chosen: Option<&Path>, entry: &Entry, mode: Mode) -> Result<Directory, Failure> {
        let out = match (chosen, mode) {
            (Some(out), _) => out.to_owned(),
            (None, Mode::StayUp) => entry.path().join("run"),
            (None, _) => Path::new(OUT).join(&entry.name),
        };
        let command = if mode == Mode::StayUp { "up" } else { "run" };
        let directory = claim(&out, &Claimant { command, lab: Some(&entry.name), option: "--out" })?;
        clear(directory.path())?;
        Ok(directory)
    }
}

/// Removes what earlier runs left in a run directory: it would be taken for this one's.
pub(super) fn clear(out: &Path) -> Result<()> {
    let gone = |removed: std::io::Result<()>, path: &Path| match removed {
        Err(e) if e.kind() != std::io::ErrorKind::NotFound => {
            Err(e).with_context(|| format!("remove {}", path.display()))
        }
        _ => Ok(()),
    };
    for file in ["events.jsonl", "plan.txt"].iter().chain(&Files::NAMES) {
        gone(fs::remove_file(out.join(file)), &out.join(file))?;
    }
    let configs = registry::DAEMONS.iter().map(|daemon| daemon.make());
    for folder in configs.chain(["logs", Files::TABLES]) {
        gone(fs::remove_dir_all(out.join(folder)), &out.join(folder))?;
    }
    Ok(())
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
    if name.is_empty() || name.len() > LONGEST_NAME || !name.chars().all(fine) {
        let why = format!("a lab's name has 1 to {LONGEST_NAME} of the characters a-z 0-9 - _");
        return Err(Failure::Usage(anyhow!("--name {name:?}: {why}")));
    }
    Ok(name.to_owned())
}

fn write(path: &Path, text: &str) -> Result<()> {
    fs::write(path, text).with_context(|| format!("write {}", path.display()))
}
