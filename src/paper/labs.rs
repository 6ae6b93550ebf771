//! Labs that an experiment plays: a lab file with some keys set, in a process of its own, because a lab
//! enters its sandbox before it has any thread.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use anyhow::{Context, Result, bail};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use toml_edit::{DocumentMut, Item, Value};

use crate::lab::keeper;
use crate::lab::supervisor::INTERRUPTED;
use crate::measure::Report;
use crate::record::Record;

/// A machine that did not keep up is given so many chances.
const CHANCES: u32 = 3;

/// Plays labs and keeps their records below a directory.
pub struct Labs {
    program: PathBuf,
    records: PathBuf,
    seed: u64,
    playing: Playing,
}

/// The processes that play labs now.
#[derive(Clone, Debug, Default)]
pub struct Playing(Arc<Mutex<BTreeSet<Pid>>>);

impl Playing {
    /// Ends the labs, does something when they have taken themselves down, and does not return: nothing else is played.
    pub fn end(&self, by: Signal, then: impl FnOnce()) -> ! {
        let playing = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        for process in playing.iter() {
            // A terminal has told it already: a second time would do no harm.
            let _ = kill(*process, by);
        }
        for process in playing.iter() {
            while kill(*process, None).is_ok() {
                std::thread::sleep(Duration::from_millis(10));
            }
        }
        then();
        std::process::exit(INTERRUPTED)
    }

    /// What the lab of this process said until its end.
    fn wait(&self, child: Child) -> std::io::Result<Output> {
        let process = i32::try_from(child.id()).ok().map(Pid::from_raw);
        let playing = || self.0.lock().unwrap_or_else(PoisonError::into_inner);
        playing().extend(process);
        let output = child.wait_with_output();
        if let Some(process) = process {
            playing().remove(&process);
        }
        output
    }
}

impl Labs {
    /// # Errors
    /// If this program's own path cannot be found out.
    pub fn new(records: &Path, seed: u64) -> Result<Self> {
        let program = std::env::current_exe().context("find this program")?;
        Ok(Self { program, records: records.to_owned(), seed, playing: Playing::default() })
    }

    /// The same with another seed.
    #[must_use]
    pub fn seeded(&self, seed: u64) -> Self {
        Self { program: self.program.clone(), records: self.records.clone(), seed, playing: self.playing.clone() }
    }

    pub fn playing(&self) -> Playing {
        self.playing.clone()
    }

    /// Plays a lab file in which these keys of its first overlay, or (`lab.KEY`) of `[lab]`, are set.
    ///
    /// # Errors
    /// If the lab could not be played, or the machine did not keep up three times.
    pub fn play(&self, name: &str, text: &str, settings: &[(&str, Value)]) -> Result<Report> {
        self.play_until_valid(CHANCES, name, text, settings)
    }

    /// The same, however busy the machine is: where that is part of what is measured.
    ///
    /// # Errors
    /// If the lab could not be played.
    pub fn play_once(&self, name: &str, text: &str, settings: &[(&str, Value)]) -> Result<Report> {
        self.play_until_valid(1, name, text, settings)
    }

    /// The record of what was played last under this name.
    ///
    /// # Errors
    /// If it cannot be read.
    pub fn record(&self, name: &str) -> Result<Record> {
        Record::read(&self.records.join(name).join("out/events.jsonl")).with_context(|| format!("read {name}"))
    }

    /// The record of a lab file that is played in the simulated network.
    ///
    /// # Errors
    /// If it could not be played.
    pub fn simulated(&self, name: &str, text: &str) -> Result<Record> {
        let dir = self.records.join(name);
        fs::create_dir_all(&dir).with_context(|| format!("make {}", dir.display()))?;
        let file = dir.join("lab.toml");
        fs::write(&file, text).with_context(|| format!("write {}", file.display()))?;
        let mut command = self.command("sim", &file, &dir);
        keeper::tie(&mut command);
        let output = command.output().context("run anybed sim")?;
        ended(&output, &[0, 1], "sim", &file)?;
        self.record(name)
    }

    fn command(&self, verb: &str, file: &Path, dir: &Path) -> Command {
        let mut command = Command::new(&self.program);
        command.arg(verb).arg(file).arg("--out").arg(dir.join("out")).args(["--format", "json"]);
        command.arg("--seed").arg(self.seed.to_string());
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        command
    }

    fn play_until_valid(&self, chances: u32, name: &str, text: &str, settings: &[(&str, Value)]) -> Result<Report> {
        let dir = self.records.join(name);
        fs::create_dir_all(&dir).with_context(|| format!("make {}", dir.display()))?;
        let file = dir.join("lab.toml");
        fs::write(&file, set(text, settings)?).with_context(|| format!("write {}", file.display()))?;
        for chance in 1.. {
            let report = self.once(&file, &dir)?;
            if report.fidelity.valid || chance == chances {
                return Ok(report);
            }
            tracing::warn!("the machine did not keep up with {name}: played again");
        }
        bail!("{name} has not been played")
    }

    fn once(&self, file: &Path, dir: &Path) -> Result<Report> {
        let mut command = self.command("run", file, dir);
        // Even if it is killed: the lab ends with its command.
        keeper::tie(&mut command);
        let child = command.spawn().context("start anybed run")?;
        let output = self.playing.wait(child).context("wait for anybed run")?;
        // An expectation that failed is a finding like any other, a busy machine is seen in the report.
        ended(&output, &[0, 1, 5], "run", file)?;
        serde_json::from_slice(&output.stdout).with_context(|| format!("read the report of {}", file.display()))
    }
}

/// Fails unless the command ended with one of these codes.
fn ended(output: &Output, well: &[i32], verb: &str, file: &Path) -> Result<()> {
    if !output.status.code().is_some_and(|code| well.contains(&code)) {
        let said = String::from_utf8_lossy(&output.stderr);
        bail!("anybed {verb} {} ended with {}:\n{}", file.display(), output.status, said.trim_end());
    }
    Ok(())
}

/// The lab file with keys of its first overlay or of `[lab]` set.
fn set(text: &str, settings: &[(&str, Value)]) -> Result<String> {
    let mut document: DocumentMut = text.parse().context("parse a lab file")?;
    for (key, value) in settings {
        let (table, key) = match key.split_once('.') {
            Some((table, key)) => (document.get_mut(table), key),
            None => (document.get_mut("overlay").and_then(|o| o.get_mut(0)), *key),
        };
        let table = table.and_then(Item::as_table_like_mut).with_context(|| format!("no table for {key}"))?;
        table.insert(key, Item::Value(value.clone()));
    }
    Ok(document.to_string())
}

/// The lab file in which the first action of the timeline that begins with this is another.
///
/// # Errors
/// If it has no such action.
pub fn with_action(text: &str, begin: &str, action: &str) -> Result<String> {
    let mut document: DocumentMut = text.parse().context("parse a lab file")?;
    let timeline = document.get_mut("timeline").and_then(Item::as_array_of_tables_mut);
    let timeline = timeline.context("the lab file has a timeline")?;
    let is_meant =
        |entry: &toml_edit::Table| entry.get("do").and_then(Item::as_str).is_some_and(|text| text.starts_with(begin));
    let entry = timeline.iter_mut().find(|entry| is_meant(entry));
    entry.with_context(|| format!("no action begins with {begin}"))?.insert("do", toml_edit::value(action));
    Ok(document.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_set_where_they_belong() {
        let text = "[lab]\nname = \"a\"\n\n[[overlay]]\nname = \"m\" # first\nhealing = \"none\"\n";
        let done =
            set(text, &[("healing", "colors".into()), ("colors", 8.into()), ("lab.duration", "3s".into())]).unwrap();
        assert_eq!(
            done,
            "[lab]\nname = \"a\"\nduration = \"3s\"\n\n[[overlay]]\nname = \"m\" # first\nhealing = \"colors\"\ncolors = 8\n"
        );
        assert!(set("[lab]\n", &[("healing", "none".into())]).is_err());
    }

    #[test]
    fn an_action_is_changed_where_it_is() {
        let text = "[[timeline]]\nat = \"0s\"\ndo = [\"join m\"]\n\n[[timeline]]\nat = \"1s\"\ndo = \"cut a-b\"\n";
        assert_eq!(with_action(text, "cut ", "fail a").unwrap(), text.replace("cut a-b", "fail a"));
        assert!(with_action(text, "join ", "fail a").is_err(), "a list is not one action");
    }
}
