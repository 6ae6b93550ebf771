//! BIRD's control socket: a line protocol in which each line of an answer begins with a four-digit
//! code, `-` after it when more follows (BIRD 2, `doc/reply_codes`).

use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::net::UnixStream;
use tokio::time::timeout;

/// A BIRD that does not answer for so long is stuck.
const PATIENCE: Duration = Duration::from_secs(10);

/// An open control connection.
pub struct Control {
    stream: BufReader<UnixStream>,
}

/// One protocol as `show protocols` tells it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProtocolState {
    pub name: String,
    /// `BGP`, `OSPF`, `Static`, …
    pub kind: String,
    pub up: bool,
    /// `Established`, `Idle`, …; BGP only.
    pub info: String,
}

impl Control {
    /// Connects and reads the greeting.
    ///
    /// # Errors
    /// No socket there (BIRD has not started or has ended), or no greeting.
    pub async fn connect(socket: &Path) -> Result<Self> {
        let stream = UnixStream::connect(socket).await;
        let stream = stream.with_context(|| format!("connect to BIRD at {}", socket.display()))?;
        let mut control = Self { stream: BufReader::new(stream) };
        control.answer().await?;
        Ok(control)
    }

    /// Sends a command and returns the lines of its answer without their codes.
    ///
    /// # Errors
    /// BIRD refused it (codes 8000 and up), or ended.
    pub async fn ask(&mut self, command: &str) -> Result<Vec<String>> {
        self.stream.write_all(format!("{command}\n").as_bytes()).await.context("write to BIRD")?;
        self.answer().await.with_context(|| format!("ask BIRD: {command}"))
    }

    /// Returns when BIRD has closed the connection.
    pub async fn closed(&mut self) {
        let mut line = String::new();
        while matches!(self.stream.read_line(&mut line).await, Ok(read) if read > 0) {
            line.clear();
        }
    }

    /// Every protocol and its state.
    pub async fn protocols(&mut self) -> Result<Vec<ProtocolState>> {
        let lines = self.ask("show protocols").await?;
        // The first line is the heading.
        Ok(lines.iter().skip(1).filter_map(|line| parse_protocol(line)).collect())
    }

    async fn answer(&mut self) -> Result<Vec<String>> {
        timeout(PATIENCE, self.read_answer()).await.context("BIRD does not answer")?
    }

    async fn read_answer(&mut self) -> Result<Vec<String>> {
        let mut lines = Vec::new();
        loop {
            let mut line = String::new();
            let read = self.stream.read_line(&mut line).await.context("read from BIRD")?;
            ensure!(read > 0, "BIRD closed the connection");
            let line = line.trim_end_matches('\n');
            // A line that begins with a space continues an answer under the last code.
            if let Some(text) = line.strip_prefix([' ', '+']) {
                lines.push(text.to_owned());
                continue;
            }
            let (code, more, text) = split(line).with_context(|| format!("BIRD says {line:?}"))?;
            if code >= 8000 {
                bail!("BIRD says: {text}");
            }
            if !text.is_empty() {
                lines.push(text.to_owned());
            }
            if !more {
                return Ok(lines);
            }
        }
    }
}

fn split(line: &str) -> Option<(u32, bool, &str)> {
    let code = line.get(..4)?.parse().ok()?;
    let more = line.as_bytes().get(4)? == &b'-';
    Some((code, more, line.get(5..)?))
}

/// `edge  BGP  ---  up  12:00:01.123  Established`
fn parse_protocol(line: &str) -> Option<ProtocolState> {
    let mut words = line.split_whitespace();
    let (name, kind, _table, state, _since) =
        (words.next()?, words.next()?, words.next()?, words.next()?, words.next()?);
    let info = words.collect::<Vec<_>>().join(" ");
    Some(ProtocolState { name: name.to_owned(), kind: kind.to_owned(), up: state == "up", info })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn protocol_lines() {
        let bgp = parse_protocol("r2         BGP        ---        up     12:00:01.123  Established   ");
        assert_eq!(bgp.map(|p| (p.up, p.info)), Some((true, "Established".into())));
        let down = parse_protocol("group-x    Static     master4    down   12:00:01.123  ");
        assert_eq!(down.map(|p| (p.up, p.info)), Some((false, String::new())));
        assert_eq!(split("0013-hello"), Some((13, true, "hello")));
        assert_eq!(split("0013 "), Some((13, false, "")));
        assert_eq!(split("x"), None);
    }
}
