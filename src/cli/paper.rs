//! `anybed paper`: the experiments of one section, and their pages.

use std::path::PathBuf;
use std::time::Instant;

use anyhow::{Context, anyhow};
use clap::{Args, ValueEnum};
use nix::sys::signal::{SigSet, Signal};

use super::play::claim;
use super::{Ended, Failure, Format, print};
use crate::lab::claim::Claimant;
use crate::paper::claim::Test;
use crate::paper::labs::{Labs, Playing};
use crate::paper::{Section, Setup, run};

#[derive(Debug, Args)]
pub(super) struct Paper {
    /// The section of the paper
    section: Section,
    /// Fewer nodes, seeds and labs: shows that everything works, in a minute or two
    #[arg(long)]
    quick: bool,
    /// Directory of the pages, figures and tables
    #[arg(long, value_name = "DIR", default_value = "anybed-out/paper")]
    out: PathBuf,
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// A matrix of round trips in milliseconds, N×N, for section 4.2
    #[arg(long, value_name = "FILE")]
    rtt: Option<PathBuf>,
    /// A network as the Topology Zoo has it (GraphML), for section 4.2; may be repeated
    #[arg(long = "network", value_name = "FILE")]
    networks: Vec<PathBuf>,
    /// How the findings are printed
    #[arg(long, value_enum, default_value_t)]
    format: Format,
}

impl Paper {
    pub(super) fn execute(self) -> Ended {
        let began = Instant::now();
        if let Some(file) = self.rtt.iter().chain(&self.networks).find(|file| !file.is_file()) {
            return Err(Failure::Usage(anyhow!("there is no file {}", file.display())));
        }
        let claimed = claim(&self.out, &Claimant { command: "paper", lab: None, option: "--out" })?;
        let records = records()?;
        let labs = Labs::new(&records, self.seed)?;
        end_cleanly(labs.playing(), records.clone())?;
        let progress: Box<dyn Fn(&str) + Send + Sync> = Box::new(move |what| {
            anstream::eprintln!("{:6.1} s  {what}", began.elapsed().as_secs_f64());
        });
        let (quick, seed, rtt, networks) = (self.quick, self.seed, self.rtt, self.networks);
        let setup = Setup { quick, seed, rtt, networks, labs, progress };
        let found = run(self.section, &setup);
        let _ = std::fs::remove_dir_all(&records);
        let mut page = found?;
        let how = if quick { "A quick run: the numbers are there to be made again, not to be believed. " } else { "" };
        let matrix = setup.rtt.as_ref().and_then(|p| p.file_name()).map(|n| format!(" --rtt {}", n.display()));
        let files = setup.networks.iter().filter_map(|p| p.file_name());
        let files: String = files.map(|n| format!(" --network {}", n.display())).collect();
        page.made = format!(
            "{how}Made by `anybed paper {}{}{}{files} --seed {seed}`, anybed {}, in {:.0} s.",
            self.section.to_possible_value().map_or(String::new(), |value| value.get_name().to_owned()),
            if quick { " --quick" } else { "" },
            matrix.unwrap_or_default(),
            env!("CARGO_PKG_VERSION"),
            began.elapsed().as_secs_f64()
        );
        page.write(&self.out).with_context(|| format!("write to {}", self.out.display()))?;
        claimed.release();
        match self.format {
            Format::Json => {
                let json = serde_json::to_string_pretty(&page).context("write the findings")?;
                print(&format!("{json}\n"));
            }
            Format::Text => {
                let mut text = format!("{} {}\n", page.section, page.title);
                for claim in &page.claims {
                    text += &format!("\n  {:12} {}\n", claim.finding.word(), claim.says);
                    let tests = claim.tests.iter().map(Test::show);
                    for line in tests.chain(Some(claim.because.clone()).filter(|b| !b.is_empty())) {
                        text += &format!("               {line}\n");
                    }
                }
                text += &format!("\n{}\n", self.out.join(format!("{}.md", page.section)).display());
                print(&text);
            }
        }
        Ok(0)
    }
}

/// When the user ends it, the lab takes itself down, and the records go.
fn end_cleanly(playing: Playing, records: PathBuf) -> anyhow::Result<()> {
    let signals: SigSet = [Signal::SIGINT, Signal::SIGTERM, Signal::SIGHUP].into_iter().collect();
    // Before there is another thread.
    signals.thread_block().context("block signals")?;
    let wait = move || {
        if let Ok(signal) = signals.wait() {
            playing.end(signal, || drop(std::fs::remove_dir_all(&records)));
        }
    };
    std::thread::Builder::new().name("signals".into()).spawn(wait).context("wait for signals")?;
    Ok(())
}

/// A directory for the labs' records that goes when the pages are written.
fn records() -> anyhow::Result<PathBuf> {
    let dir = std::env::temp_dir().join(format!("anybed-paper-{}", std::process::id()));
    std::fs::create_dir_all(&dir).with_context(|| format!("make {}", dir.display()))?;
    Ok(dir)
}
