//! `anybed graph`: a picture of a network.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, anyhow};
use clap::{Args, ValueEnum};

use super::{Choices, Ended, Failure, check, labs, print};
use crate::report::{Map, Network, dot, mermaid};

#[derive(Args, Debug)]
pub(super) struct Graph {
    /// Lab file, or a running lab
    of: PathBuf,
    /// Write it here; - is standard output
    #[arg(short, long, value_name = "FILE", default_value = "-")]
    out: PathBuf,
    /// What to write [default: what the file's name ends in, or svg]
    #[arg(long, value_enum)]
    format: Option<GraphFormat>,
    #[command(flatten)]
    choices: Choices,
}

/// The languages of pictures.
#[derive(Clone, Copy, Debug, ValueEnum)]
enum GraphFormat {
    /// A drawing, for a browser
    Svg,
    /// Graphviz
    Dot,
    /// Mermaid, for Markdown
    Mermaid,
}

impl Graph {
    pub(super) fn execute(self) -> Ended {
        let format = self.format()?;
        // A lab's name has neither a dot nor a slash.
        let file = match self.of.to_str() {
            Some(name) if !self.of.exists() && !name.contains(['.', '/']) => labs::find(name)?.file,
            _ => self.of.clone(),
        };
        let (topology, _) = check::load(&file, &self.choices)?;
        let network = Network::of_topology(&topology);
        let text = match format {
            GraphFormat::Svg => Map::of(&network).svg(),
            GraphFormat::Dot => dot(&network),
            GraphFormat::Mermaid => mermaid(&network),
        };
        if self.out == Path::new("-") {
            print(&text);
        } else {
            fs::write(&self.out, text).with_context(|| format!("write {}", self.out.display()))?;
        }
        Ok(0)
    }

    fn format(&self) -> Result<GraphFormat, Failure> {
        let ending = self.out.extension().and_then(|e| e.to_str());
        match (self.format, ending) {
            (Some(format), _) => Ok(format),
            (None, None | Some("svg")) => Ok(GraphFormat::Svg),
            (None, Some("dot" | "gv")) => Ok(GraphFormat::Dot),
            (None, Some("mermaid" | "mmd")) => Ok(GraphFormat::Mermaid),
            (None, Some(other)) => {
                let known = ".svg, .dot and .mermaid are known; or say it with --format";
                Err(Failure::Usage(anyhow!("{}: what is a .{other} file? {known}", self.out.display())))
            }
        }
    }
}
