//! `anybed capture`: the frames of a node, for Wireshark and tcpdump.

use std::collections::BTreeMap;
use std::io::{BufWriter, IsTerminal, Write};
use std::os::fd::AsFd;
use std::path::PathBuf;
use std::process::{Command, Stdio};

use anyhow::{Context, Result, anyhow};
use clap::Args;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::signal::{SigSet, Signal};
use nix::sys::signalfd::{SfdFlags, SignalFd};

use super::play::not_ours;
use super::{Ended, Failure, complain, inside, labs};
use crate::kernel::capture::{Capture, Instruction, interfaces};
use crate::kernel::pcapng;
use crate::lab::claim::{self, Claimant};

#[derive(Args, Debug)]
pub(super) struct CaptureOf {
    /// Running lab
    lab: String,
    /// Node of the lab, and one of its interfaces [default: all but lo]
    #[arg(value_name = "NODE[:INTERFACE]")]
    place: String,
    /// What to keep, as tcpdump has it: tcp port 179 (needs tcpdump, which compiles it)
    filter: Vec<String>,
    /// File to write (pcapng), or `-` for standard output
    #[arg(short, long, value_name = "FILE")]
    write: PathBuf,
    /// End after so many frames [default: at Ctrl-C]
    #[arg(short, long, value_name = "N")]
    count: Option<u64>,
}

/// The part of it that runs on the node.
#[derive(Args, Debug)]
pub(super) struct CaptureHere {
    #[arg(long)]
    interface: Option<String>,
    /// A compiled filter
    #[arg(long, default_value = "")]
    filter: String,
    #[arg(long)]
    count: Option<u64>,
}

impl CaptureOf {
    pub(super) fn execute(self) -> Ended {
        let facts = labs::find(&self.lab)?;
        let (node, interface) = match self.place.split_once(':') {
            Some((node, interface)) => (node, Some(interface)),
            None => (self.place.as_str(), None),
        };
        let program = std::env::current_exe().context("find this program")?;
        let mut command = Command::new(program);
        command.arg("capture-here");
        command.args(interface.map(|name| format!("--interface={name}")));
        command.args(self.count.map(|count| format!("--count={count}")));
        if !self.filter.is_empty() {
            command.arg(format!("--filter={}", compile(&self.filter.join(" "))?));
        }
        if self.write.as_os_str() == "-" {
            if std::io::stdout().is_terminal() {
                return Err(Failure::Usage(anyhow!(
                    "a capture is no text: write it to a file, or into `wireshark -k -i -`"
                )));
            }
        } else {
            let file = claim::create(&self.write, &Claimant { command: "capture", lab: None, option: "--write" });
            let file = file.map_err(not_ours)?;
            command.stdout(file);
        }
        inside::run(&facts, Some(node), command)
    }
}

/// What tcpdump makes of a filter: a number of instructions, then one a line, in decimal.
fn compile(filter: &str) -> Result<String, Failure> {
    let mut tcpdump = Command::new("tcpdump");
    tcpdump.args(["-ddd", "-y", "EN10MB", filter]).stdin(Stdio::null());
    let done = tcpdump.output().map_err(|error| {
        let help = "install tcpdump (`sudo apt-get install tcpdump`), or leave the filter to the reader";
        Failure::Machine(anyhow!("a filter is compiled by tcpdump, which cannot be run ({error}): {help}"))
    })?;
    if !done.status.success() {
        let words = String::from_utf8_lossy(&done.stderr);
        return Err(Failure::Usage(anyhow!("filter `{filter}`: {}", words.trim().trim_start_matches("tcpdump: "))));
    }
    Ok(String::from_utf8_lossy(&done.stdout).lines().skip(1).collect::<Vec<_>>().join(";"))
}

fn parse(filter: &str) -> Result<Vec<Instruction>> {
    let instruction = |line: &str| -> Option<Instruction> {
        let mut numbers = line.split_whitespace();
        let code = numbers.next()?.parse().ok()?;
        Some((code, numbers.next()?.parse().ok()?, numbers.next()?.parse().ok()?, numbers.next()?.parse().ok()?))
    };
    let lines = filter.split(';').filter(|line| !line.is_empty());
    lines.map(|line| instruction(line).with_context(|| format!("`{line}` is no instruction"))).collect()
}

impl CaptureHere {
    pub(super) fn execute(self) -> Ended {
        let all = interfaces()?;
        let is_wanted = |name: &String| self.interface.as_ref().map_or(name != "lo", |wanted| name == wanted);
        let mut wanted = all.clone();
        wanted.retain(|_, name| is_wanted(name));
        if wanted.is_empty() {
            let names: Vec<_> = all.values().map(String::as_str).collect();
            return Err(Failure::Usage(anyhow!("no such interface here: there are {}", names.join(", "))));
        }
        let numbers: BTreeMap<u32, u32> = wanted.keys().copied().zip(0..).collect();
        let names: Vec<String> = wanted.into_values().collect();
        let mut capture = Capture::open(&parse(&self.filter)?)?;
        let stop = stop_signals()?;
        let mut out = BufWriter::with_capacity(1 << 20, std::io::stdout().lock());
        let mut seen = 0;
        let done = out.write_all(&pcapng::head(&names)).and_then(|()| {
            out.flush()?;
            complain(&format!("capturing on {}; Ctrl-C ends it", names.join(", ")));
            record(&mut capture, &stop, &numbers, self.count, &mut out, &mut seen)
        });
        match done {
            // The reader has seen enough.
            Err(error) if error.kind() != std::io::ErrorKind::BrokenPipe => {
                return Err(anyhow!(error).context("write the capture").into());
            }
            _ => complain(&format!("{seen} frames captured")),
        }
        Ok(0)
    }
}

/// Writes frames until there are enough, or somebody says stop.
fn record(
    capture: &mut Capture,
    stop: &SignalFd,
    numbers: &BTreeMap<u32, u32>,
    most: Option<u64>,
    out: &mut impl Write,
    seen: &mut u64,
) -> std::io::Result<()> {
    loop {
        while let Some(frame) = capture.read().map_err(std::io::Error::other)? {
            let Some(number) = numbers.get(&frame.interface) else { continue };
            out.write_all(&pcapng::packet(*number, &frame))?;
            *seen += 1;
            if most.is_some_and(|most| *seen >= most) {
                return out.flush();
            }
        }
        // A reader at the other end of a pipe wants to see them now.
        out.flush()?;
        let mut ready = [PollFd::new(capture.as_fd(), PollFlags::POLLIN), PollFd::new(stop.as_fd(), PollFlags::POLLIN)];
        poll(&mut ready, PollTimeout::NONE)?;
        if ready[1].any().unwrap_or(false) {
            return Ok(());
        }
    }
}

fn stop_signals() -> Result<SignalFd> {
    let mask: SigSet = [Signal::SIGINT, Signal::SIGTERM, Signal::SIGHUP].into_iter().collect();
    mask.thread_block().context("block signals")?;
    SignalFd::with_flags(&mask, SfdFlags::SFD_CLOEXEC).context("watch signals")
}
