//! `anybed ls`, `down`, `status` and `fault`: running labs, from outside.

use std::time::Duration;

use anyhow::{Context, Result, anyhow};
use clap::Args;
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::{Ended, Failure, Format, print};
use crate::lab::api::{self, FaultAnswer, FaultRequest, Status as LabStatus};
use crate::lab::runtime::{self, Ending, Facts};

/// How long a lab may take to end before it is killed.
const PATIENCE: Duration = Duration::from_secs(10);

#[derive(Args, Debug)]
pub(super) struct Ls {
    #[arg(long, value_enum, default_value_t)]
    format: Format,
}

#[derive(Args, Debug)]
pub(super) struct Down {
    /// Labs to end
    labs: Vec<String>,
    /// All running labs
    #[arg(long, conflicts_with = "labs")]
    all: bool,
}

#[derive(Args, Debug)]
pub(super) struct Status {
    /// Running lab
    lab: String,
    #[arg(long, value_enum, default_value_t)]
    format: Format,
}

#[derive(Args, Debug)]
pub(super) struct Fault {
    /// Running lab
    lab: String,
    /// What to do, in the timeline's words
    #[arg(required = true, trailing_var_arg = true)]
    action: Vec<String>,
    #[arg(long, value_enum, default_value_t)]
    format: Format,
}

/// The entry of a running lab, or an error that names the running ones.
pub(super) fn find(lab: &str) -> Result<Facts, Failure> {
    runtime::sweep()?;
    runtime::facts(lab).ok_or_else(|| {
        let running: Vec<String> = runtime::running().unwrap_or_default().into_iter().map(|f| f.lab).collect();
        let known =
            if running.is_empty() { "no lab is running".into() } else { format!("running: {}", running.join(", ")) };
        Failure::Usage(anyhow!("no lab {lab} is running ({known})"))
    })
}

impl Ls {
    pub(super) fn execute(self) -> Ended {
        runtime::sweep()?;
        let labs = runtime::running()?;
        match self.format {
            Format::Json => print(&json(&labs)?),
            Format::Text => {
                let width = labs.iter().map(|f| f.lab.len()).max().unwrap_or(0);
                for facts in &labs {
                    print(&format!("{:width$}  {}  {}\n", facts.lab, facts.command, facts.file.display()));
                }
            }
        }
        Ok(0)
    }
}

impl Down {
    pub(super) fn execute(self) -> Ended {
        let labs = if self.all { runtime::running()?.into_iter().map(|f| f.lab).collect() } else { self.labs };
        if labs.is_empty() && !self.all {
            return Err(Failure::Usage(anyhow!("which lab? `anybed ls` lists them; --all ends all")));
        }
        for lab in &labs {
            let facts = find(lab)?;
            // A lab that is just being swept away has nothing to wait for.
            let Some(ending) = Ending::watch(&facts)? else { continue };
            let asked: Result<Result<(), String>> = ask(lab, "POST", "/down", String::new());
            let patience = if asked.is_ok() { PATIENCE } else { Duration::ZERO };
            if !ending.wait(patience)? {
                kill(&facts)?;
                if !ending.wait(PATIENCE)? {
                    return Err(Failure::Lab(anyhow!("lab {lab} does not end")));
                }
            }
        }
        Ok(0)
    }
}

/// Ends a lab that does not answer: with its init, the kernel ends everything in it.
fn kill(facts: &Facts) -> Result<()> {
    let init = facts.init.context("the lab's entry does not name its init")?;
    let pid = nix::unistd::Pid::from_raw(init);
    match nix::sys::signal::kill(pid, nix::sys::signal::Signal::SIGKILL) {
        Ok(()) | Err(nix::errno::Errno::ESRCH) => Ok(()),
        Err(error) => Err(error).context("kill the lab's init"),
    }
}

impl Status {
    pub(super) fn execute(self) -> Ended {
        find(&self.lab)?;
        let status: LabStatus = ask(&self.lab, "GET", "/status", String::new())?.map_err(|e| anyhow!(e))?;
        match self.format {
            Format::Json => print(&json(&status)?),
            Format::Text => print(&show(&status)),
        }
        Ok(0)
    }
}

fn show(status: &LabStatus) -> String {
    let mut text = format!("{}  record in {}\n", status.lab, status.out);
    let width = status.nodes.iter().map(|n| n.name.len()).max().unwrap_or(0);
    for node in &status.nodes {
        let routing = match (&node.daemon, node.bird, node.sessions) {
            (None, ..) => String::new(),
            (Some(daemon), Some(_), Some((up, all))) => format!("{daemon} {up}/{all} sessions"),
            (Some(daemon), Some(_), None) => format!("{daemon} does not answer"),
            (Some(daemon), None, _) => format!("no {daemon}"),
        };
        let process = match node.node {
            Some(_) => "  node",
            None if node.kind == "member" => "  no node",
            None => "",
        };
        text += format!("  {:width$}  {:8} {routing}{process}", node.name, node.kind).trim_end();
        text.push('\n');
    }
    for link in &status.links {
        for (side, end) in link.ends.iter().enumerate() {
            let (egress, traffic) = (&link.egress[side], &link.traffic[side]);
            let state = if link.up { "" } else { "  down" };
            let hole = if egress.blackhole { "  black hole" } else { "" };
            let impairment = egress.impairment.to_string();
            let shown = if impairment.is_empty() { String::new() } else { format!("  {impairment}") };
            let counted = traffic.as_ref().map(|t| format!(": {} frames sent, {} dropped", t.sent, t.dropped));
            text += &format!("  {} from {end}{state}{shown}{hole}{}\n", link.name, counted.unwrap_or_default());
        }
    }
    for overlay in &status.overlays {
        let keys: usize = overlay.members.iter().map(|m| m.keys).sum();
        text += &format!("overlay {}: {} members, {keys} copies of keys\n", overlay.name, overlay.members.len());
    }
    for fault in &status.faults {
        text += &format!("not undone: {fault}\n");
    }
    text
}

impl Fault {
    pub(super) fn execute(self) -> Ended {
        let answer: FaultAnswer = post(&self.lab, "/fault", &FaultRequest { action: self.action.join(" ") })?;
        match self.format {
            Format::Json => print(&json(&answer)?),
            Format::Text => print(&answer.done.iter().map(|line| format!("{line}\n")).collect::<String>()),
        }
        Ok(0)
    }
}

/// Asks a lab with a JSON body; what it refuses is the user's to mend.
pub(super) fn post<T: DeserializeOwned>(lab: &str, path: &str, request: &impl Serialize) -> Result<T, Failure> {
    find(lab)?;
    let body = serde_json::to_string(request).context("write JSON")?;
    ask(lab, "POST", path, body)?.map_err(|reason| Failure::Usage(anyhow!(reason)))
}

fn ask<T: DeserializeOwned>(lab: &str, method: &str, path: &str, body: String) -> Result<Result<T, String>> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().context("start the runtime")?;
    runtime.block_on(api::ask(&runtime::socket(lab), method, path, body))
}

pub(super) fn json(value: &impl Serialize) -> Result<String> {
    Ok(serde_json::to_string_pretty(value).context("write JSON")? + "\n")
}
