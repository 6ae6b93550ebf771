//! `anybed exec` and `anybed shell`: commands inside a running lab.

use std::fs::File;
use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result, anyhow};
use clap::Args;

use super::{Ended, Failure, labs};
use crate::kernel::namespace::NAMES;
use crate::lab::keeper::{self, Place};
use crate::lab::runtime::Facts;

#[derive(Args, Debug)]
pub(super) struct Exec {
    /// Running lab
    lab: String,
    /// Node of the lab
    node: String,
    /// Command and its arguments
    #[arg(required = true, trailing_var_arg = true, allow_hyphen_values = true)]
    command: Vec<String>,
}

#[derive(Args, Debug)]
pub(super) struct Shell {
    /// Running lab
    lab: String,
    /// Node of the lab [default: the lab's own namespace, where `ip netns` sees all nodes]
    node: Option<String>,
}

impl Exec {
    pub(super) fn execute(self) -> Ended {
        let mut command = Command::new(&self.command[0]);
        command.args(&self.command[1..]);
        run(&labs::find(&self.lab)?, Some(&self.node), command)
    }
}

impl Shell {
    pub(super) fn execute(self) -> Ended {
        let shell = std::env::var_os("SHELL").unwrap_or_else(|| "/bin/sh".into());
        let mut command = Command::new(shell);
        let place = self.node.as_deref().map_or_else(|| self.lab.clone(), |node| format!("{}:{node}", self.lab));
        command.env("ANYBED_LAB", &self.lab).env("debian_chroot", place);
        run(&labs::find(&self.lab)?, self.node.as_deref(), command)
    }
}

/// Runs `command` in the lab's namespaces (and the node's) and returns its exit code.
pub(super) fn run(facts: &Facts, node: Option<&str>, command: Command) -> Ended {
    let init = facts.init.context("the lab's entry does not name its init")?;
    let user = if is_other_user_namespace(init)? { Some(namespace(init, "user")?) } else { None };
    let mut others = vec![namespace(init, "mnt")?];
    match node {
        None => others.push(namespace(init, "net")?),
        Some(node) => {
            // Through init's root: its mounts are not ours.
            let root = Path::new("/proc").join(init.to_string()).join("root");
            let missing = || Failure::Usage(anyhow!("lab {} has no node {node}", facts.lab));
            others.push(File::open(root.join(NAMES.trim_start_matches('/')).join(node)).map_err(|_| missing())?);
        }
    }
    Ok(keeper::run(Place { user, pid: namespace(init, "pid")?, others }, command)?)
}

fn namespace(pid: i32, kind: &str) -> Result<File> {
    let path = format!("/proc/{pid}/ns/{kind}");
    File::open(&path).with_context(|| format!("open {path}"))
}

fn is_other_user_namespace(pid: i32) -> Result<bool> {
    let of = |pid: &str| std::fs::read_link(format!("/proc/{pid}/ns/user")).context("read a user namespace");
    Ok(of(&pid.to_string())? != of("self")?)
}
